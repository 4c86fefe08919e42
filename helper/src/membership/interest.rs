//! All that one gateway wants of one protocol: the interface state of RFC 3376 (3.2), and the reports that
//! tell it (5.1, 5.2; RFC 3810, 4.2, 6.1, 6.2 alike).
//!
//! In go joins and leaves of single memberships, counted, so that two that want the same need not know of each
//! other. Out come whole IP packets: what changed, until it was said as often as the relay wishes, and the
//! state of all. A group that somebody wants from any source is in mode EXCLUDE without a list, every other one
//! in mode INCLUDE with the sources that are wanted.

use super::{Membership, Record, RecordType, igmp, mld};
use crate::amt::message::Protocol;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest packet: with the headers of AMT (12), UDP (8) and IPv6 (40) in front it is 1,280 bytes, which
/// every path carries.
const MAX_PACKET: usize = 1220;

/// What is wanted, and how often it was asked for.
#[derive(Clone, Debug)]
pub struct Interest {
    protocol: Protocol,
    counts: BTreeMap<Membership, u32>,
}

/// What is wanted of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reception {
    Include(BTreeSet<IpAddr>),
    /// Without a list: no way to join asks for one.
    Exclude,
}

/// A join or leave that was not only counted.
#[derive(Clone, Debug)]
pub struct Change {
    group: IpAddr,
    before: Reception,
    after: Reception,
}

impl Interest {
    /// One that wants nothing.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        Self { protocol, counts: BTreeMap::new() }
    }

    /// Adds one wish. `None` where it was there already, and for a membership of the other protocol, which is
    /// not taken.
    pub fn join(&mut self, membership: Membership) -> Option<Change> {
        if membership.protocol() != self.protocol {
            return None;
        }
        if let Some(count) = self.counts.get_mut(&membership) {
            *count = count.saturating_add(1);
            return None;
        }
        let group = membership.group();
        let before = self.reception(group);
        self.counts.insert(membership, 1);
        Some(Change { group, before, after: self.reception(group) })
    }

    /// Takes one wish away. `None` where there are more of it, or there was none.
    pub fn leave(&mut self, membership: Membership) -> Option<Change> {
        let count = self.counts.get_mut(&membership)?;
        *count -= 1;
        if *count > 0 {
            return None;
        }
        let group = membership.group();
        let before = self.reception(group);
        self.counts.remove(&membership);
        Some(Change { group, before, after: self.reception(group) })
    }

    /// Takes all wishes away.
    pub fn leave_all(&mut self) -> Vec<Change> {
        let groups: Vec<_> = self.groups().into_iter().map(|group| (group, self.reception(group))).collect();
        self.counts.clear();
        let change = |(group, before)| Change { group, before, after: Reception::Include(BTreeSet::new()) };
        groups.into_iter().map(change).collect()
    }

    /// The membership, where there is but one.
    #[must_use]
    pub fn only(&self) -> Option<Membership> {
        let mut all = self.memberships();
        all.next().filter(|_| all.next().is_none())
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Whether an inner packet with these addresses is wanted.
    #[must_use]
    pub fn covers(&self, source: IpAddr, group: IpAddr) -> bool {
        Membership::of_packet(source, group)
            .is_some_and(|[any, one]| self.counts.contains_key(&one) || self.counts.contains_key(&any))
    }

    /// All memberships, each once.
    pub fn memberships(&self) -> impl Iterator<Item = Membership> {
        self.counts.keys().copied()
    }

    /// The packets that say what is wanted (current state, 5.2).
    #[must_use]
    pub fn current_state(&self) -> Vec<Vec<u8>> {
        let record = |group| match self.reception(group) {
            Reception::Include(sources) => record(RecordType::ModeIsInclude, group, sources),
            Reception::Exclude => record(RecordType::ModeIsExclude, group, []),
        };
        packets(self.protocol, self.groups().into_iter().map(record))
    }

    /// The packets that say that none of it is wanted any longer (a state change, 5.1).
    #[must_use]
    pub fn farewell(&self) -> Vec<Vec<u8>> {
        let record = |group| match self.reception(group) {
            Reception::Include(sources) => record(RecordType::BlockOldSources, group, sources),
            Reception::Exclude => record(RecordType::ChangeToInclude, group, []),
        };
        packets(self.protocol, self.groups().into_iter().map(record))
    }

    fn groups(&self) -> BTreeSet<IpAddr> {
        self.counts.keys().map(Membership::group).collect()
    }

    fn reception(&self, group: IpAddr) -> Reception {
        // A group's memberships stand side by side, the one of any source first.
        let Some([any, _]) = Membership::of_packet(group, group) else { return Reception::Exclude };
        let theirs = self.counts.range(any..).map(|(membership, _)| membership);
        let sources = theirs.take_while(|membership| membership.group() == group).map(Membership::source);
        sources.collect::<Option<_>>().map_or(Reception::Exclude, Reception::Include)
    }
}

/// What changed and has still to be said, group by group: what comes while an earlier change is being repeated
/// is merged with it (RFC 3376, 5.1).
#[derive(Clone, Debug, Default)]
pub struct StateChanges(BTreeMap<IpAddr, Pending>);

/// How often still.
#[derive(Clone, Debug, Default)]
struct Pending {
    /// The group's mode, and with it all its sources.
    mode: u8,
    /// A source that came or went.
    sources: BTreeMap<IpAddr, u8>,
}

/// One saying of what changed.
#[derive(Clone, Debug)]
pub struct StateChange {
    /// The reports.
    pub packets: Vec<Vec<u8>>,
    /// Whether something begins in it; otherwise something ends.
    pub joins: bool,
    /// The membership it is about, where it is about one alone.
    pub membership: Option<Membership>,
}

impl StateChanges {
    /// Takes a change that is to be said so many times.
    pub fn add(&mut self, change: &Change, times: u8) {
        match (&change.before, &change.after) {
            (Reception::Include(before), Reception::Include(after)) => {
                let pending = self.0.entry(change.group).or_default();
                pending.sources.extend(before.symmetric_difference(after).map(|source| (*source, times)));
            }
            (Reception::Exclude, Reception::Exclude) => {}
            _ => self.mode(change.group, times),
        }
    }

    /// One membership is to be said again, as if it were new: the relay may not know of it.
    pub fn again(&mut self, interest: &Interest, membership: Membership, times: u8) {
        let group = membership.group();
        match (interest.reception(group), membership.source()) {
            (Reception::Include(_), Some(source)) => {
                self.0.entry(group).or_default().sources.insert(source, times);
            }
            _ => self.mode(group, times),
        }
    }

    /// All is to be said again, as if it were new.
    pub fn anew(&mut self, interest: &Interest, times: u8) {
        interest.memberships().for_each(|membership| self.again(interest, membership, times));
    }

    /// Says what has to be said, once more.
    pub fn next(&mut self, interest: &Interest) -> StateChange {
        let mut records = Vec::new();
        for (group, pending) in &mut self.0 {
            let (group, reception) = (*group, interest.reception(*group));
            if pending.mode > 0 {
                pending.mode -= 1;
                records.push(match reception {
                    Reception::Include(sources) => record(RecordType::ChangeToInclude, group, sources),
                    Reception::Exclude => record(RecordType::ChangeToExclude, group, []),
                });
            } else {
                let wanted = |source: &IpAddr| match &reception {
                    Reception::Include(sources) => sources.contains(source),
                    Reception::Exclude => true,
                };
                let (allow, block): (Vec<_>, Vec<_>) = pending.sources.keys().copied().partition(wanted);
                for (kind, sources) in [(RecordType::AllowNewSources, allow), (RecordType::BlockOldSources, block)] {
                    if !sources.is_empty() {
                        records.push(record(kind, group, sources));
                    }
                }
            }
            // A record of the mode says the sources too.
            pending.sources.retain(|_, left| {
                *left -= 1;
                *left > 0
            });
        }
        self.0.retain(|_, pending| pending.mode > 0 || !pending.sources.is_empty());
        StateChange {
            joins: records.iter().any(|record| match record.kind {
                RecordType::ChangeToInclude => !record.sources.is_empty(),
                kind => kind != RecordType::BlockOldSources,
            }),
            membership: subject(&records),
            packets: packets(interest.protocol, records),
        }
    }

    /// Whether all has been said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing of it need be said any longer.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn mode(&mut self, group: IpAddr, times: u8) {
        self.0.insert(group, Pending { mode: times, sources: BTreeMap::new() });
    }
}

fn record(kind: RecordType, group: IpAddr, sources: impl IntoIterator<Item = IpAddr>) -> Record<IpAddr> {
    Record { kind, group, sources: sources.into_iter().collect() }
}

/// The only membership that some records are about.
fn subject(records: &[Record<IpAddr>]) -> Option<Membership> {
    match records {
        [Record { kind: RecordType::AllowNewSources | RecordType::BlockOldSources, group, sources }] => {
            match sources[..] {
                [source] => Membership::new(*group, Some(source)).ok(),
                _ => None,
            }
        }
        [Record { kind: RecordType::ChangeToExclude | RecordType::ChangeToInclude, group, sources }]
            if sources.is_empty() =>
        {
            Membership::new(*group, None).ok()
        }
        _ => None,
    }
}

/// Reports with these records, each packet short enough for any path.
fn packets(protocol: Protocol, records: impl IntoIterator<Item = Record<IpAddr>>) -> Vec<Vec<u8>> {
    // What stands before the records, one record without sources, and one source.
    let (header_len, record_len, source_len) = match protocol {
        Protocol::Igmp => (24 + 8, 8, 4),
        Protocol::Mld => (40 + 8 + 8, 20, 16),
    };
    let room = MAX_PACKET - header_len;
    let mut reports: Vec<Vec<Record<IpAddr>>> = Vec::new();
    let mut left = 0;
    for record in records.into_iter().flat_map(|record| split(record, (room - record_len) / source_len)) {
        let len = record_len + record.sources.len() * source_len;
        match reports.last_mut() {
            Some(report) if len <= left => report.push(record),
            _ => {
                reports.push(vec![record]);
                left = room;
            }
        }
        left -= len;
    }
    let v4 = |address: &IpAddr| match address {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    };
    let v6 = |address: &IpAddr| match address {
        IpAddr::V6(address) => Some(*address),
        IpAddr::V4(_) => None,
    };
    let packet = |report: Vec<Record<IpAddr>>| match protocol {
        Protocol::Igmp => igmp::report(&narrow::<Ipv4Addr>(&report, v4)),
        Protocol::Mld => mld::report(&narrow::<Ipv6Addr>(&report, v6)),
    };
    reports.into_iter().map(packet).collect()
}

/// A record with at most so many sources, and the rest of it: a change to a list goes on with sources that are
/// allowed too, everything else with more of the same (RFC 3376, 4.2.16).
fn split(record: Record<IpAddr>, most: usize) -> Vec<Record<IpAddr>> {
    let Record { kind, group, sources } = record;
    let mut records: Vec<_> =
        sources.chunks(most).map(|sources| Record { kind, group, sources: sources.to_vec() }).collect();
    if records.is_empty() {
        records.push(Record { kind, group, sources });
    }
    if kind == RecordType::ChangeToInclude {
        records[1..].iter_mut().for_each(|record| record.kind = RecordType::AllowNewSources);
    }
    records
}

/// Records of one family; an interest holds no other.
fn narrow<A>(records: &[Record<IpAddr>], address: impl Fn(&IpAddr) -> Option<A> + Copy) -> Vec<Record<A>> {
    let narrow = |record: &Record<IpAddr>| {
        let sources = record.sources.iter().filter_map(address).collect();
        Some(Record { kind: record.kind, group: address(&record.group)?, sources })
    };
    records.iter().filter_map(narrow).collect()
}

#[cfg(test)]
#[path = "interest_tests.rs"]
mod tests;
