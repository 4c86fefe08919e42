//! Whether another relay loses less than the one in use (RFC 8777, 3.3.4.2), and whether that one was chosen long ago
//! (3.3.4.3).
//!
//! In go the shares of the data that joined relays lost, interval by interval; out comes when to compare the relay in
//! use with another one, and which is better. Both are joined meanwhile, so that nothing is missed.

use super::chance::Chance;
use std::time::{Duration, Instant};

/// A share of loss that is worth looking for another relay, and in how many intervals one after another.
const LOSSY: f64 = 0.01;
const LOSSY_INTERVALS: u32 = 2;
/// Many gateways see the same loss at the same time; they do not all look at once.
const SPREAD: Duration = Duration::from_secs(10);
/// Over how many intervals two relays are compared, and how long it may take until there is somebody to compare with.
const COMPARED: u32 = 2;
const LONGEST: Duration = Duration::from_secs(60);
/// Another relay must lose at most this share of what the one in use loses.
const BETTER: f64 = 0.5;
/// A relay that comes first in order takes the place of one that is old with no more loss than this beyond that one's.
const AS_GOOD: f64 = 0.001;
/// How long no relay is looked for because of loss after one was, and how long a choice is not old.
const REST: (Duration, Duration) = (Duration::from_secs(600), Duration::from_secs(1200));
const AGE: (Duration, Duration) = (Duration::from_secs(12 * 3600), Duration::from_secs(24 * 3600));

/// Why relays are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Loss,
    Age,
}

/// How good the relay in use is.
#[derive(Debug)]
pub(super) struct Quality {
    /// Intervals with much loss, one after another.
    lossy: u32,
    /// Not before that another one is looked for because of loss.
    rest: Instant,
    due: Option<Instant>,
    /// When the choice is old.
    old: Instant,
    comparison: Option<Comparison>,
}

#[derive(Clone, Copy, Debug)]
struct Comparison {
    reason: Reason,
    since: Instant,
    /// Intervals in which both were measured, and the shares summed up: of the relay in use, and of the other.
    intervals: u32,
    sums: (f64, f64),
}

impl Quality {
    pub(super) fn new(now: Instant, chance: &mut Chance) -> Self {
        Self { lossy: 0, rest: now, due: None, old: now + chance.between(AGE.0, AGE.1), comparison: None }
    }

    /// The relay in use lost this share in the last interval.
    pub(super) fn lost(&mut self, now: Instant, share: f64, chance: &mut Chance) {
        self.lossy = if share >= LOSSY { self.lossy + 1 } else { 0 };
        if self.lossy == 0 {
            self.due = None;
        } else if self.lossy >= LOSSY_INTERVALS && now >= self.rest && self.due.is_none() {
            self.due = Some(now + chance.between(Duration::ZERO, SPREAD));
        }
    }

    /// When the relay in use is to be compared with another one.
    pub(super) fn due(&self) -> Instant {
        self.due.map_or(self.old, |due| due.min(self.old))
    }

    /// The comparison begins.
    pub(super) fn compare(&mut self, now: Instant) -> Reason {
        let reason = if now >= self.old { Reason::Age } else { Reason::Loss };
        self.comparison = Some(Comparison { reason, since: now, intervals: 0, sums: (0.0, 0.0) });
        reason
    }

    /// Until when it may last; `None` where there is none.
    pub(super) fn comparing(&self) -> Option<Instant> {
        self.comparison.map(|comparison| comparison.since + LONGEST)
    }

    /// Both relays were measured for an interval. Whether the other one is better, where that is known now.
    pub(super) fn measured(&mut self, (used, other): (f64, f64), comes_first: bool) -> Option<bool> {
        let comparison = self.comparison.as_mut()?;
        comparison.intervals += 1;
        // The first is in part before the other one's data came.
        if comparison.intervals > 1 {
            comparison.sums = (comparison.sums.0 + used, comparison.sums.1 + other);
        }
        let (used, other) = comparison.sums;
        let as_good = comparison.reason == Reason::Age && comes_first && other <= used + AS_GOOD;
        let better = used > 0.0 && other <= used * BETTER;
        (comparison.intervals > COMPARED).then_some(as_good || better)
    }

    /// It begins anew with the next relay.
    pub(super) fn start_over(&mut self) {
        self.comparison.iter_mut().for_each(|comparison| (comparison.intervals, comparison.sums) = (0, (0.0, 0.0)));
    }

    /// It is over, or made needless by something else.
    pub(super) fn end(&mut self, now: Instant, chance: &mut Chance) {
        if let Some(Comparison { reason, .. }) = self.comparison.take() {
            if reason == Reason::Age {
                self.old = now + chance.between(AGE.0, AGE.1);
            }
            (self.lossy, self.due) = (0, None);
            self.rest = now + chance.between(REST.0, REST.1);
        }
    }
}
