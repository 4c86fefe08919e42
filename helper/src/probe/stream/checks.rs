//! The checks of ETSI TR 101 290, 5.2.1 (first priority) and 5.2.2 (second priority), as counters.
//!
//! Each keeps how often it failed and what was wrong the first time, which is what somebody looks for in a capture.
//! Not here: 1.5 PMT_error, whose successor 1.5.a says the same more exactly; 2.4 PCR_accuracy_error, which needs to
//! know when a packet was meant to be sent (see [`super::clock`] for what can be said of it).

use serde::Serialize;

/// How long a PAT and each PMT may stay away, in microseconds.
pub(super) const TABLE_INTERVAL: u64 = 500_000;
/// How long a stream that a PMT refers to may stay away; the user's choice by the standard.
pub(super) const PID_INTERVAL: u64 = 5_000_000;
/// How long a stream may go without a PTS.
pub(super) const PTS_INTERVAL: u64 = 700_000;

/// A check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indicator {
    /// 1.1: two wrong sync bytes in a row.
    TsSyncLoss,
    /// 1.2: a sync byte that is not 0x47.
    SyncByte,
    /// 1.3: no packet on PID 0 for 0.5 s, another table there, or scrambled.
    Pat,
    /// 1.3.a: no whole PAT for 0.5 s, another table on its PID, or scrambled.
    Pat2,
    /// 1.4: packets lost, out of order, or more than twice there.
    Continuity,
    /// 1.5.a: no whole PMT of a program for 0.5 s, or scrambled.
    Pmt2,
    /// 1.6: a picture or sound that a PMT refers to does not come.
    Pid,
    /// 2.1: the sender of the packet knows that it is damaged.
    Transport,
    /// 2.2: a table whose CRC is wrong.
    Crc,
    /// 2.3.a: more than 100 ms from one PCR to the next.
    PcrRepetition,
    /// 2.3.b: a step in the PCR that is not announced.
    PcrDiscontinuity,
    /// 2.5: more than 700 ms from one PTS of picture or sound to the next.
    Pts,
    /// 2.6: something is scrambled and no CAT says how, or another table on its PID.
    Cat,
}

const ALL: [(Indicator, &str, &str); 13] = [
    (Indicator::TsSyncLoss, "1.1", "TS_sync_loss"),
    (Indicator::SyncByte, "1.2", "Sync_byte_error"),
    (Indicator::Pat, "1.3", "PAT_error"),
    (Indicator::Pat2, "1.3.a", "PAT_error_2"),
    (Indicator::Continuity, "1.4", "Continuity_count_error"),
    (Indicator::Pmt2, "1.5.a", "PMT_error_2"),
    (Indicator::Pid, "1.6", "PID_error"),
    (Indicator::Transport, "2.1", "Transport_error"),
    (Indicator::Crc, "2.2", "CRC_error"),
    (Indicator::PcrRepetition, "2.3.a", "PCR_repetition_error"),
    (Indicator::PcrDiscontinuity, "2.3.b", "PCR_discontinuity_indicator_error"),
    (Indicator::Pts, "2.5", "PTS_error"),
    (Indicator::Cat, "2.6", "CAT_error"),
];

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its number in TR 101 290.
    pub number: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// 1 or 2.
    pub priority: u8,
    /// How often it failed; `None` where there was nothing to check.
    pub errors: Option<u64>,
    /// The first time.
    pub first: Option<Failure>,
}

/// One failure of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Milliseconds after the first packet.
    pub at_ms: u64,
    /// What was wrong.
    pub what: String,
}

/// The counters.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    began: u64,
    found: [(u64, Option<Failure>); ALL.len()],
}

impl Checks {
    pub(super) fn new(began: u64) -> Self {
        Self { began, found: Default::default() }
    }

    /// Counts `errors` at a time in microseconds; what was wrong is put into words the first time only.
    pub(super) fn count(&mut self, check: Indicator, now: u64, errors: u64, what: impl FnOnce() -> String) {
        if errors == 0 {
            return;
        }
        let (count, first) = &mut self.found[check as usize];
        *count += errors;
        if first.is_none() {
            *first = Some(Failure { at_ms: now.saturating_sub(self.began) / 1000, what: what() });
        }
    }

    /// Counts what stayed away too long.
    pub(super) fn overdue(&mut self, check: Indicator, overdue: Option<Overdue>, what: impl FnOnce() -> String) {
        if let Some(Overdue { since, lasted }) = overdue {
            self.count(check, since, 1, || format!("no {} for {:.2} s", what(), lasted as f64 / 1e6));
        }
    }

    /// What all of them found; those that are not `checked` had nothing to look at.
    pub(super) fn report(&self, checked: impl Fn(Indicator) -> bool) -> Vec<Check> {
        let checks = ALL.iter().zip(&self.found);
        let report = checks.map(|(&(indicator, number, name), (errors, first))| Check {
            number,
            name,
            priority: if number.starts_with('1') { 1 } else { 2 },
            errors: checked(indicator).then_some(*errors),
            first: first.clone(),
        });
        report.collect()
    }
}

/// How long something stayed away that has to come again and again, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overdue {
    /// When it came last.
    pub(super) since: u64,
    pub(super) lasted: u64,
}

/// Watches something that has to come again and again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repetition {
    limit: u64,
    last: u64,
    longest: u64,
    times: u64,
}

impl Repetition {
    /// It has to come within `limit` microseconds from now on.
    pub(super) const fn new(limit: u64, now: u64) -> Self {
        Self { limit, last: now, longest: 0, times: 0 }
    }

    /// It came: whether it was too late.
    pub(super) fn came(&mut self, now: u64) -> Option<Overdue> {
        let overdue = self.at(now);
        self.longest = self.longest(now);
        self.last = now;
        self.times += 1;
        overdue
    }

    /// Whether it is too late by now.
    pub(super) fn at(&self, now: u64) -> Option<Overdue> {
        let lasted = now.saturating_sub(self.last);
        (lasted > self.limit).then_some(Overdue { since: self.last, lasted })
    }

    /// The longest it stayed away, the time since it came last among it.
    pub(super) fn longest(&self, now: u64) -> u64 {
        self.longest.max(now.saturating_sub(self.last))
    }

    /// The longest from one time to the next.
    pub(super) const fn longest_between(&self) -> u64 {
        self.longest
    }

    /// How often it came.
    pub(super) const fn times(&self) -> u64 {
        self.times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_stands_in_its_own_place() {
        for (place, (indicator, _, _)) in ALL.iter().enumerate() {
            assert_eq!(*indicator as usize, place);
        }
    }

    #[test]
    fn what_may_just_so_stay_away_is_not_overdue() {
        let mut pat = Repetition::new(TABLE_INTERVAL, 0);
        assert_eq!(pat.came(500_000), None);
        assert_eq!(pat.came(1_000_001), Some(Overdue { since: 500_000, lasted: 500_001 }));
        assert_eq!(pat.at(1_400_000), None);
        assert_eq!((pat.longest(1_400_000), pat.longest(1_600_000), pat.times()), (500_001, 599_999, 2));
    }
}
