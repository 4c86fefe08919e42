//! What the hosts of a network have asked for, as a multicast router remembers it (RFC 3376, 6; RFC 3810, 7).
//!
//! In go the records of reports with their hosts and the time, out comes whether anybody wants a packet. Each host
//! is remembered by itself, so that one leaving takes nothing from another. Hosts of older versions keep silent
//! where another has reported already: what is left goes on for a moment, in which a query gives them the
//! occasion to say so.

use super::forward::is_forwarded;
use crate::membership::RecordType;
use crate::membership::filter::Filter;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long what was left goes on: the time of the queries about it and of their answers (Last Member Query Time,
/// RFC 3376, 8.10), and as much as the listener may be late with a query.
pub(super) const LAST_MEMBER: Duration = Duration::from_millis(2500);
/// Hosts and groups together that are remembered; further ones are not heard.
const MAX_FILTERS: usize = 1024;
/// Leaves that are waited for at the same time; further ones count at once.
const MAX_LEAVING: usize = 64;
const MAX_SOURCES: usize = 64;

/// The memberships of a network. The default has none.
#[derive(Default)]
pub(super) struct Asked {
    /// By group and host.
    filters: BTreeMap<(IpAddr, IpAddr), Filter>,
    /// What hosts wanted before they left, and until when it goes on.
    leaving: Vec<(Instant, IpAddr, Filter)>,
}

impl Asked {
    /// Takes one record of `host`'s report, which holds for `lifetime`; groups of one link are passed over. Whether something was left, so that the
    /// others should be asked.
    pub(super) fn record(
        &mut self,
        now: Instant,
        lifetime: Duration,
        host: IpAddr,
        (kind, group): (RecordType, IpAddr),
        sources: impl IntoIterator<Item = IpAddr>,
    ) -> bool {
        let name = (group, host);
        if !is_forwarded(group) || (self.filters.len() >= MAX_FILTERS && !self.filters.contains_key(&name)) {
            return false;
        }
        let filter = self.filters.entry(name).or_default();
        let before = filter.clone();
        filter.apply(now, lifetime, kind, sources, MAX_SOURCES);
        if filter.is_empty() {
            self.filters.remove(&name);
        }
        let may_leave =
            matches!(kind, RecordType::BlockOldSources | RecordType::ChangeToInclude | RecordType::ChangeToExclude);
        let left = may_leave && !before.is_empty();
        if left && self.leaving.len() < MAX_LEAVING {
            self.leaving.push((now + LAST_MEMBER, group, before));
        }
        left
    }

    /// Drops what was not reported again in time, and what was left long enough ago.
    pub(super) fn expire(&mut self, now: Instant) {
        self.leaving.retain(|(until, ..)| *until > now);
        self.filters.retain(|_, filter| {
            filter.expire(now);
            !filter.is_empty()
        });
    }

    /// Whether anybody wants packets of this source and group.
    pub(super) fn wants(&self, source: IpAddr, group: IpAddr) -> bool {
        let hosts = self.filters.range((group, FIRST)..).take_while(|((of, _), _)| *of == group);
        let leaving = self.leaving.iter().filter(|(_, of, _)| *of == group).map(|(.., filter)| filter);
        hosts.map(|(_, filter)| filter).chain(leaving).any(|filter| filter.wants(source))
    }

    /// How many groups are wanted.
    pub(super) fn groups(&self) -> usize {
        let mut groups: Vec<_> = self.filters.keys().map(|(group, _)| *group).collect();
        groups.dedup();
        groups.len()
    }
}

/// Before every other address, as they are ordered.
const FIRST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

#[cfg(test)]
mod tests {
    use super::RecordType::*;
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(260);

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn group(last: u8) -> IpAddr {
        [232, 0, 0, last].into()
    }

    fn record(asked: &mut Asked, now: Instant, host: u8, kind: RecordType, source: Option<u8>) -> bool {
        asked.record(now, LIFETIME, address(host), (kind, group(1)), source.map(address))
    }

    #[test]
    fn only_what_is_asked_for_is_wanted() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        assert!(!asked.wants(address(1), group(1)));
        assert!(!record(&mut asked, now, 100, AllowNewSources, Some(1)));
        assert!(asked.wants(address(1), group(1)));
        assert!(!asked.wants(address(2), group(1)) && !asked.wants(address(1), group(2)));
        asked.record(now, LIFETIME, address(100), (ChangeToExclude, [224, 0, 0, 251].into()), []);
        record(&mut asked, now, 0, ModeIsExclude, None);
        assert!(asked.wants(address(2), group(1)));
        assert_eq!(asked.groups(), 1);
    }

    #[test]
    fn one_host_leaving_takes_nothing_from_another() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        record(&mut asked, now, 100, AllowNewSources, Some(1));
        record(&mut asked, now, 101, AllowNewSources, Some(1));
        assert!(record(&mut asked, now, 100, BlockOldSources, Some(1)));
        asked.expire(now + LAST_MEMBER);
        assert!(asked.wants(address(1), group(1)));
        assert!(record(&mut asked, now, 101, ChangeToInclude, None));
        assert!(asked.wants(address(1), group(1)), "a moment for those who kept silent");
        asked.expire(now + LAST_MEMBER);
        assert!(!asked.wants(address(1), group(1)) && asked.groups() == 0);
        assert!(!record(&mut asked, now, 101, ChangeToInclude, None), "nothing is left twice");
    }

    #[test]
    fn what_is_not_reported_again_is_forgotten() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        record(&mut asked, now, 100, ModeIsInclude, Some(1));
        asked.expire(now + LIFETIME - Duration::from_secs(1));
        assert!(asked.wants(address(1), group(1)));
        asked.expire(now + LIFETIME);
        assert!(!asked.wants(address(1), group(1)));
    }

    #[test]
    fn a_flood_of_reports_is_bounded() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        for host in 0..3000_u16 {
            let host = IpAddr::from([10, 0, (host >> 8) as u8, host as u8]);
            asked.record(now, LIFETIME, host, (ChangeToExclude, group(1)), []);
            asked.record(now, LIFETIME, host, (ChangeToInclude, group(1)), []);
            asked.record(now, LIFETIME, host, (ChangeToExclude, group(2)), []);
        }
        assert!(asked.filters.len() <= MAX_FILTERS && asked.leaving.len() <= MAX_LEAVING);
    }
}
