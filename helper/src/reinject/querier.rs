//! Who asks a network what it wants (RFC 3376, 6.6.2 and 8; RFC 3810, 7.6.2 and 9): the router with the lowest
//! address, or one of an older version.
//!
//! Hosts report when they join and when they are asked, and switches that look into reports send them to those
//! who ask. So a network without a router needs somebody who does. In go the time, the queries of others and the
//! groups that hosts have left, out comes when to send a query, and which.

use crate::membership::{GeneralQuery, Query};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What our own queries say, and how often they are sent (8.1, 8.2).
pub(super) const QUERY: GeneralQuery = GeneralQuery { interval: Duration::from_secs(125), robustness: 2 };
/// Between the first queries, which are sent more often (8.6).
const STARTUP_INTERVAL: Duration = Duration::from_secs(31);
/// How long hosts may take to answer a General Query, each for a random time, so that they do not all answer at
/// once (Query Response Interval, 8.3).
pub(super) const RESPONSE: Duration = Duration::from_secs(10);
/// The same for a Group-Specific Query, and the time between two of these (Last Member Query Interval, 8.8).
pub(super) const LAST_MEMBER_INTERVAL: Duration = Duration::from_secs(1);
/// Group-Specific Queries after a leave (Last Member Query Count, 8.9).
const LAST_MEMBER_COUNT: u8 = 2;
/// Groups that are asked about at the same time; the leaves of further ones count without a query.
const MAX_LEFT: usize = 64;

/// A query to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// What hosts want at all.
    General,
    /// Whether anybody still wants this group, which somebody left.
    Group(IpAddr),
}

/// One protocol's part in the election.
pub(super) struct Querier {
    own: IpAddr,
    startup: u8,
    next: Instant,
    left: Vec<Left>,
    other: Option<Other>,
}

/// A group that somebody left.
struct Left {
    group: IpAddr,
    due: Instant,
    /// Queries that remain to be sent.
    queries: u8,
}

/// Another router that asks.
#[derive(Clone, Copy)]
struct Other {
    timing: GeneralQuery,
    response: Duration,
    /// Until when it may be silent.
    until: Instant,
}

impl Querier {
    /// Asks at once. An `own` address that is not specified gives way to everybody.
    pub(super) fn new(now: Instant, own: IpAddr) -> Self {
        Self { own, startup: QUERY.robustness, next: now, left: Vec::new(), other: None }
    }

    /// Takes a query of another router. One of an older version is given way to whatever its address is: IGMPv1 has
    /// no election, and queries of a newer version beside it would make hosts send what it does not understand (RFC
    /// 3376, 7.3.1; RFC 3810, 8.3.1). Whether it is news that one of an older version asks.
    pub(super) fn heard(&mut self, now: Instant, from: IpAddr, query: Query<IpAddr>) -> bool {
        let older = query.timing.is_none();
        // Switches ask without an address, and are not elected (RFC 4541, 2.1.1).
        if from.is_unspecified() || !(older || self.own.is_unspecified() || from < self.own) {
            return false;
        }
        let known = self.other;
        let timing = query.timing.or(known.map(|other| other.timing)).unwrap_or(QUERY);
        let response = match (query.group, known) {
            (None, _) => query.max_response,
            // A Group-Specific Query wants its answers sooner.
            (Some(_), Some(known)) => known.response,
            (Some(_), None) => RESPONSE,
        };
        // Other Querier Present Interval (8.5).
        let until = now + timing.interval * u32::from(timing.robustness) + response / 2;
        self.other = Some(Other { timing, response, until });
        older && known.is_none()
    }

    /// Somebody left a group: the others are asked soon, since hosts of older versions keep silent where another has
    /// reported.
    pub(super) fn left(&mut self, now: Instant, group: IpAddr) {
        if self.other.is_some() {
            // The router that asks does this too.
            return;
        }
        if let Some(left) = self.left.iter_mut().find(|left| left.group == group) {
            left.queries = left.queries.max(1);
        } else if self.left.len() < MAX_LEFT {
            self.left.push(Left { group, due: now, queries: LAST_MEMBER_COUNT });
        }
    }

    /// The next query to send now; to be called until there is none.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Ask> {
        if self.other.is_some_and(|other| other.until <= now) {
            self.other = None;
            self.next = now;
        }
        if self.other.is_some() {
            self.left.clear();
        }
        if now >= self.next {
            self.startup = self.startup.saturating_sub(1);
            self.next = now + if self.startup > 0 { STARTUP_INTERVAL } else { QUERY.interval };
            if self.other.is_none() {
                return Some(Ask::General);
            }
        }
        self.left.retain(|left| left.queries > 0 || left.due > now);
        let left = self.left.iter_mut().find(|left| left.due <= now)?;
        left.queries -= 1;
        left.due = now + LAST_MEMBER_INTERVAL;
        Some(Ask::Group(left.group))
    }

    /// How long a report holds (Group Membership Interval, 8.4).
    pub(super) fn lifetime(&self) -> Duration {
        let (timing, response) = self.other.map_or((QUERY, RESPONSE), |other| (other.timing, other.response));
        timing.interval * u32::from(timing.robustness) + response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn group(last: u8) -> IpAddr {
        [239, 0, 0, last].into()
    }

    fn general(timing: impl Into<Option<GeneralQuery>>) -> Query<IpAddr> {
        Query { group: None, max_response: RESPONSE, timing: timing.into() }
    }

    /// The seconds in which a General Query is sent.
    fn asks(querier: &mut Querier, start: Instant, seconds: std::ops::Range<u32>) -> Vec<u32> {
        seconds.filter(|second| querier.poll(start + SECOND * *second) == Some(Ask::General)).collect()
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
        querier.heard(start, address(10), general(QUERY));
        querier.heard(start, IpAddr::from([0, 0, 0, 0]), general(QUERY));
        assert_eq!(asks(&mut querier, start, 0..1), [0]);
        let quick = GeneralQuery { interval: SECOND * 20, robustness: 3 };
        assert!(!querier.heard(start, address(8), general(quick)), "of our own version: nothing to warn of");
        assert_eq!(querier.lifetime(), SECOND * 70);
        // Its Group-Specific Queries say nothing of how long answers to General ones take.
        querier.heard(start, address(8), Query { group: Some(group(1)), max_response: SECOND, timing: Some(quick) });
        assert_eq!(querier.lifetime(), SECOND * 70);
        assert_eq!(asks(&mut querier, start, 1..100), [65]);
        let mut without = Querier::new(start, IpAddr::from([0, 0, 0, 0]));
        without.heard(start, address(200), general(QUERY));
        assert!(asks(&mut without, start, 0..200).is_empty());
    }

    #[test]
    fn routers_of_older_versions_are_given_way_to_whatever_their_address() {
        let start = Instant::now();
        let mut querier = Querier::new(start, address(9));
        assert_eq!(asks(&mut querier, start, 0..1), [0]);
        assert!(!querier.heard(start, IpAddr::from([0, 0, 0, 0]), general(None)), "a switch without an address");
        for second in [0, 125, 250] {
            assert_eq!(querier.heard(start + SECOND * second, address(200), general(None)), second == 0);
            assert_eq!(asks(&mut querier, start, second + 1..second + 125), [0_u32; 0]);
        }
        assert_eq!(querier.lifetime(), SECOND * 260);
        assert_eq!(asks(&mut querier, start, 375..600)[0], 250 + 255, "it is gone");
    }

    #[test]
    fn a_group_that_was_left_is_asked_about_twice_and_not_too_often() {
        let start = Instant::now();
        let mut querier = Querier::new(start, address(9));
        assert_eq!(querier.poll(start), Some(Ask::General));
        let at = |hundredths: u32| start + SECOND * 3 + SECOND / 100 * hundredths;
        querier.left(at(0), group(1));
        let asked = (0..500).filter(|step| querier.poll(at(*step)) == Some(Ask::Group(group(1)))).collect::<Vec<_>>();
        assert_eq!(asked, [0, 100]);
        let mut asked = Vec::new();
        for step in 500..1000 {
            querier.left(at(step), group(1));
            asked.extend(querier.poll(at(step)).map(|_| step));
        }
        assert_eq!(asked, [500, 600, 700, 800, 900]);
    }

    #[test]
    fn leaves_without_end_are_bounded_and_are_left_to_the_router_that_asks() {
        let start = Instant::now();
        let mut querier = Querier::new(start, address(9));
        (0..=255).for_each(|last| querier.left(start, group(last)));
        let asked = std::iter::from_fn(|| querier.poll(start)).count();
        assert_eq!(asked, 1 + MAX_LEFT);
        querier.heard(start, address(1), general(QUERY));
        assert_eq!(querier.poll(start + SECOND), None);
        querier.left(start + SECOND, group(1));
        assert_eq!(querier.poll(start + SECOND), None);
    }
}
