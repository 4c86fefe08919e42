//! What one gateway wants of one group, as a relay remembers it (RFC 3376, 6.2 to 6.5; RFC 3810 alike).
//!
//! In go group records and the time, out comes whether a source is wanted. One filter hears one host, so
//! that a state change needs no query to be believed: a leave counts at once (RFC 7450, 5.3.1). What is not
//! reported again runs out: sources one by one, the wish for any source as a whole.

use super::RecordType;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The state of one group at one gateway. The default wants nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Until when the mode is EXCLUDE; `None` in mode INCLUDE.
    exclude_until: Option<Instant>,
    /// Sources asked for by name, and until when.
    included: BTreeMap<IpAddr, Instant>,
    /// In mode EXCLUDE: sources not wanted.
    excluded: BTreeSet<IpAddr>,
}

impl Filter {
    /// Takes one group record (6.4.1, 6.4.2). What it asks for holds for `lifetime`; beyond `max_sources`
    /// names in the record nothing is taken (RFC 7450, 5.3.3.8).
    pub fn apply(
        &mut self,
        now: Instant,
        lifetime: Duration,
        kind: RecordType,
        sources: impl IntoIterator<Item = IpAddr>,
        max_sources: usize,
    ) {
        let until = now + lifetime;
        let sources = sources.into_iter().take(max_sources);
        match kind {
            RecordType::ModeIsInclude | RecordType::AllowNewSources => {
                for source in sources {
                    self.excluded.remove(&source);
                    if self.included.len() < max_sources || self.included.contains_key(&source) {
                        self.included.insert(source, until);
                    }
                }
            }
            RecordType::BlockOldSources => {
                for source in sources {
                    self.included.remove(&source);
                    if self.exclude_until.is_some() && self.excluded.len() < max_sources {
                        self.excluded.insert(source);
                    }
                }
            }
            RecordType::ChangeToInclude => {
                let included = sources.map(|source| (source, until)).collect();
                *self = Self { included, ..Self::default() };
            }
            RecordType::ModeIsExclude | RecordType::ChangeToExclude => {
                let excluded = sources.collect();
                *self = Self { exclude_until: Some(until), excluded, ..Self::default() };
            }
        }
    }

    /// Drops what has run out (6.5). A group that is no longer wanted from any source is still wanted from
    /// those asked for by name.
    pub fn expire(&mut self, now: Instant) {
        if self.exclude_until.is_some_and(|until| until <= now) {
            self.exclude_until = None;
            self.excluded.clear();
        }
        self.included.retain(|_, until| *until > now);
    }

    /// When to call [`expire`](Self::expire).
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        self.included.values().copied().chain(self.exclude_until).min()
    }

    /// Whether packets of this source are to be forwarded (6.3).
    #[must_use]
    pub fn wants(&self, source: IpAddr) -> bool {
        match self.exclude_until {
            Some(_) => !self.excluded.contains(&source),
            None => self.included.contains_key(&source),
        }
    }

    /// What has to be joined upstream: each source by name, or `None` for any.
    pub fn joins(&self) -> impl Iterator<Item = Option<IpAddr>> {
        let any = self.exclude_until.map(|_| None);
        let named = self.included.keys().copied().map(Some).filter(move |_| any.is_none());
        any.into_iter().chain(named)
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exclude_until.is_none() && self.included.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::RecordType::*;
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(260);

    fn sources(last: &[u8]) -> Vec<IpAddr> {
        last.iter().map(|last| IpAddr::from([192, 0, 2, *last])).collect()
    }

    fn apply(filter: &mut Filter, now: Instant, kind: RecordType, last: &[u8]) {
        filter.apply(now, LIFETIME, kind, sources(last), 8);
    }

    fn wanted(filter: &Filter) -> Vec<u8> {
        (0..16).filter(|last| filter.wants(IpAddr::from([192, 0, 2, *last]))).collect()
    }

    #[test]
    fn sources_are_added_and_removed_by_name() {
        let (mut filter, now) = (Filter::default(), Instant::now());
        apply(&mut filter, now, AllowNewSources, &[1, 2]);
        apply(&mut filter, now, ModeIsInclude, &[3]);
        apply(&mut filter, now, BlockOldSources, &[1]);
        assert_eq!(wanted(&filter), [2, 3]);
        apply(&mut filter, now, ChangeToInclude, &[4]);
        assert_eq!(wanted(&filter), [4]);
        assert_eq!(filter.joins().collect::<Vec<_>>(), [Some(sources(&[4])[0])]);
        apply(&mut filter, now, BlockOldSources, &[4]);
        assert!(filter.is_empty());
    }

    #[test]
    fn any_source_but_the_excluded() {
        let (mut filter, now) = (Filter::default(), Instant::now());
        apply(&mut filter, now, ModeIsInclude, &[9]);
        apply(&mut filter, now, ChangeToExclude, &[1, 2]);
        assert_eq!(wanted(&filter), [0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(filter.joins().collect::<Vec<_>>(), [None]);
        apply(&mut filter, now, AllowNewSources, &[1]);
        apply(&mut filter, now, BlockOldSources, &[3]);
        assert!(filter.wants(sources(&[1])[0]) && !filter.wants(sources(&[3])[0]));
        apply(&mut filter, now, ChangeToInclude, &[]);
        assert!(filter.is_empty());
    }

    #[test]
    fn what_is_not_reported_again_runs_out() {
        let (mut filter, now) = (Filter::default(), Instant::now());
        let second = Duration::from_secs(1);
        apply(&mut filter, now, ChangeToExclude, &[1]);
        apply(&mut filter, now + second, AllowNewSources, &[2]);
        assert_eq!(filter.next_expiry(), Some(now + LIFETIME));
        filter.expire(now + LIFETIME);
        assert_eq!(wanted(&filter), [2]);
        assert_eq!(filter.next_expiry(), Some(now + LIFETIME + second));
        filter.expire(now + LIFETIME + second);
        assert!(filter.is_empty());
    }

    #[test]
    fn a_long_list_is_cut() {
        let (mut filter, now) = (Filter::default(), Instant::now());
        let many: Vec<u8> = (0..=255).collect();
        for kind in [AllowNewSources, ChangeToExclude, BlockOldSources, ModeIsInclude, ChangeToInclude] {
            apply(&mut filter, now, kind, &many);
            assert!(filter.included.len() <= 8 && filter.excluded.len() <= 8);
        }
    }
}
