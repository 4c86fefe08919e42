//! Who asks a network what it wants (RFC 3376, 6.6.2 and 8; RFC 3810, 7.6.2 and 9): the router with the lowest
//! address.
//!
//! Hosts report when they join and when they are asked, and switches that look into reports send them to those
//! who ask. So a network without a router needs somebody who does. In go the time and the queries of others, out
//! comes when to send one.

use crate::membership::GeneralQuery;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What our own queries say, and how often they are sent (8.1, 8.2).
pub(super) const QUERY: GeneralQuery = GeneralQuery { interval: Duration::from_secs(125), robustness: 2 };
/// Between the first queries, which are sent more often (8.6).
const STARTUP_INTERVAL: Duration = Duration::from_secs(31);
/// How long others may take to answer (8.3).
const RESPONSE: Duration = Duration::from_secs(10);
/// The least time between two queries, however many leave.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// One protocol's part in the election.
pub(super) struct Querier {
    own: IpAddr,
    startup: u8,
    next: Instant,
    last: Option<Instant>,
    /// Another asks, as this says, and until when it may be silent.
    other: Option<(GeneralQuery, Instant)>,
}

impl Querier {
    /// Asks at once. An `own` address that is not specified gives way to everybody.
    pub(super) fn new(now: Instant, own: IpAddr) -> Self {
        Self { own, startup: QUERY.robustness, next: now, last: None, other: None }
    }

    /// Takes a query of another.
    pub(super) fn heard(&mut self, now: Instant, from: IpAddr, query: GeneralQuery) {
        // Switches ask without an address, and are not elected (RFC 4541, 2.1.1).
        if !from.is_unspecified() && (self.own.is_unspecified() || from < self.own) {
            // Other Querier Present Interval (8.5).
            let until = now + query.interval * u32::from(query.robustness) + RESPONSE / 2;
            self.other = Some((query, until));
        }
    }

    /// Somebody left: the others are asked soon.
    pub(super) fn ask_soon(&mut self, now: Instant) {
        self.next = self.next.min(self.last.map_or(now, |last| now.max(last + LEAST_INTERVAL)));
    }

    /// Whether to send a query now.
    pub(super) fn poll(&mut self, now: Instant) -> bool {
        if self.other.is_some_and(|(_, until)| until <= now) {
            self.other = None;
            self.next = now;
        }
        if now < self.next {
            return false;
        }
        self.startup = self.startup.saturating_sub(1);
        self.next = now + if self.startup > 0 { STARTUP_INTERVAL } else { QUERY.interval };
        self.last = Some(now);
        self.other.is_none()
    }

    /// How long a report holds (Group Membership Interval, 8.4).
    pub(super) fn lifetime(&self) -> Duration {
        let query = self.other.map_or(QUERY, |(query, _)| query);
        query.interval * u32::from(query.robustness) + RESPONSE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    /// The seconds in which a query is sent.
    fn asks(querier: &mut Querier, start: Instant, seconds: std::ops::Range<u32>) -> Vec<u32> {
        seconds.filter(|second| querier.poll(start + SECOND * *second)).collect()
    }

    #[test]
    fn it_asks_twice_at_first_and_then_at_its_interval() {
        let start = Instant::now();
        let mut querier = Querier::new(start, address(9));
        assert_eq!(asks(&mut querier, start, 0..300), [0, 31, 156, 281]);
        assert_eq!(querier.lifetime(), Duration::from_secs(260));
    }

    #[test]
    fn the_lowest_address_asks_and_its_silence_is_noticed() {
        let start = Instant::now();
        let mut querier = Querier::new(start, address(9));
        querier.heard(start, address(10), QUERY);
        querier.heard(start, IpAddr::from([0, 0, 0, 0]), QUERY);
        assert_eq!(asks(&mut querier, start, 0..1), [0]);
        querier.heard(start, address(8), GeneralQuery { interval: SECOND * 20, robustness: 3 });
        assert_eq!(querier.lifetime(), SECOND * 70);
        assert_eq!(asks(&mut querier, start, 1..100), [65]);
        let mut without = Querier::new(start, IpAddr::from([0, 0, 0, 0]));
        without.heard(start, address(200), QUERY);
        assert!(asks(&mut without, start, 0..200).is_empty());
    }

    #[test]
    fn a_leave_is_asked_about_soon_and_not_too_often() {
        let start = Instant::now();
        let mut querier = Querier::new(start, address(9));
        assert!(querier.poll(start));
        for step in 0..100_u32 {
            querier.ask_soon(start + SECOND * 3 + SECOND / 100 * step);
        }
        let asked = (0..500).filter(|step| querier.poll(start + SECOND * 3 + SECOND / 100 * *step)).collect::<Vec<_>>();
        assert_eq!(asked, [0]);
        querier.ask_soon(start + SECOND * 3);
        assert!(!querier.poll(start + SECOND * 3 + SECOND / 2));
        assert!(querier.poll(start + SECOND * 4));
    }
}
