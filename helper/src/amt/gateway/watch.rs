//! Looks whether data comes, and when a relay that sends none is to be asked early.

use std::time::{Duration, Instant};

/// The data of one tunnel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    /// The last data; before there was any, the start of the membership.
    last: Instant,
    flowing: bool,
    /// Requests that went out early, one after another, without data between.
    early: u32,
}

impl Watch {
    pub(super) fn new(now: Instant) -> Self {
        Self { last: now, flowing: false, early: 0 }
    }

    /// A membership begins; of a silence that lasts neither the length is forgotten nor how patient to be.
    pub(super) fn joined(&mut self, now: Instant) {
        let last = if self.early > 0 { self.last } else { now };
        *self = Self { last, flowing: false, early: self.early };
    }

    /// Data; true where it is the first, or the first after a silence.
    pub(super) fn data(&mut self, now: Instant) -> bool {
        let first = !self.flowing;
        *self = Self { last: now, flowing: true, early: 0 };
        first
    }

    /// Whether data comes.
    pub(super) fn flowing(&self) -> bool {
        self.flowing
    }

    /// The silence is too long; gives how long it is.
    pub(super) fn silent(&mut self, now: Instant) -> Duration {
        self.flowing = false;
        self.early += 1;
        now - self.last
    }

    /// When a silence is too long, for a tunnel that was last refreshed at `since`: after `first`, then after
    /// pauses that double, up to `longest`.
    pub(super) fn deadline(&self, since: Instant, first: Duration, longest: Duration) -> Instant {
        let pause = first.saturating_mul(1 << self.early.min(16)).min(longest);
        // A relay that was just asked is given its time.
        let from = if self.early == 0 { self.last } else { self.last.max(since) };
        from + pause
    }
}
