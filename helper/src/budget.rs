//! So many at once, and one more in each period: what others ask of the helper is bounded by it.
//!
//! Pure: in goes the time, out comes whether there is enough left.

use std::time::{Duration, Instant};

/// A bound on how often something may happen. Nothing is saved up beyond what it begins with.
#[derive(Debug)]
pub(crate) struct Budget {
    most: u32,
    period: Duration,
    /// When it is whole again; `None` while nothing was taken.
    whole: Option<Instant>,
}

impl Budget {
    /// `most` at once, and another one in each `period`.
    pub(crate) const fn new(most: u32, period: Duration) -> Self {
        Self { most, period, whole: None }
    }

    /// Takes so many, all or none; whether there were enough.
    pub(crate) fn take(&mut self, now: Instant, count: usize) -> bool {
        let Some(count) = u32::try_from(count).ok().filter(|count| *count <= self.most) else { return false };
        let whole = self.whole.map_or(now, |whole| whole.max(now)) + count * self.period;
        let enough = whole <= now + self.most * self.period;
        if enough {
            self.whole = Some(whole);
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn all_or_none_are_taken_and_nothing_is_saved_up() {
        let (mut budget, start) = (Budget::new(3, SECOND), Instant::now());
        assert!(!budget.take(start, 4) && budget.take(start, 2) && !budget.take(start, 2) && budget.take(start, 1));
        assert!(budget.take(start, 0), "nothing is always there");
        assert!(!budget.take(start + SECOND, 2) && budget.take(start + 2 * SECOND, 2));
        let later = start + 1000 * SECOND;
        assert!(!budget.take(later, usize::MAX) && budget.take(later, 3) && !budget.take(later, 1));
    }
}
