//! What is random about a race.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Chance(StdRng);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Random in (0, 1].
    pub(super) fn uniform(&mut self) -> f64 {
        1.0 - self.0.random::<f64>()
    }

    /// Random between two durations.
    pub(super) fn between(&mut self, shortest: Duration, longest: Duration) -> Duration {
        shortest + longest.saturating_sub(shortest).mul_f64(self.0.random())
    }

    /// Random in [first, min(first · 2ⁿ, longest)] (RFC 8777, 3.3.4.1).
    pub(super) fn pause(&mut self, first: Duration, n: u32, longest: Duration) -> Duration {
        self.between(first, first.saturating_mul(1 << n.min(16)).min(longest.max(first)))
    }
}
