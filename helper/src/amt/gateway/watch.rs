//! Looks whether data comes, and when a silence is to be looked into.

use std::time::{Duration, Instant};

/// The data of one membership.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    /// The last data; before there was any, the start of the membership.
    last: Instant,
    flowing: bool,
    /// When the relay was last told or asked.
    asked: Instant,
    /// How often the silence was looked into, one after another, without data between.
    early: u32,
}

impl Watch {
    pub(super) fn new(now: Instant) -> Self {
        Self { last: now, flowing: false, asked: now, early: 0 }
    }

    /// The relay was told of the membership as of a new one. The length of a silence that lasts is not forgotten,
    /// nor how patient to be.
    pub(super) fn joined(&mut self, now: Instant) {
        if self.early == 0 {
            self.last = now;
        }
        self.flowing = false;
        self.asked = now;
    }

    /// Data; true where it is the first, or the first after a silence.
    pub(super) fn data(&mut self, now: Instant) -> bool {
        let first = !self.flowing;
        *self = Self { last: now, flowing: true, asked: self.asked, early: 0 };
        first
    }

    /// Whether data has come and its silence has not been noticed.
    pub(super) fn flowing(&self) -> bool {
        self.flowing
    }

    /// Whether data came in the later half of the time that is too long a silence: what fell silent along with
    /// something whose time is over now does not flow.
    pub(super) fn flows(&self, now: Instant, silence: Duration) -> bool {
        self.flowing && now.saturating_duration_since(self.last) < silence / 2
    }

    /// The silence is too long, and is looked into; gives how long it is.
    pub(super) fn silent(&mut self, now: Instant) -> Duration {
        self.flowing = false;
        self.early = self.early.saturating_add(1);
        self.asked = now;
        now.saturating_duration_since(self.last)
    }

    /// How often the silence was looked into.
    pub(super) fn early(&self) -> u32 {
        self.early
    }

    /// Waits with the others that are silent, so that the relay is asked once for all.
    pub(super) fn wait_like(&mut self, early: u32, now: Instant) {
        self.early = self.early.max(early);
        self.asked = now;
    }

    /// When a silence is too long: after `first`, then after pauses that double, up to `longest`.
    pub(super) fn deadline(&self, first: Duration, longest: Duration) -> Instant {
        let pause = first.saturating_mul(1 << self.early.min(16)).min(longest.max(first));
        // A relay that was just asked is given its time.
        let from = if self.early == 0 { self.last } else { self.last.max(self.asked) };
        from + pause
    }
}
