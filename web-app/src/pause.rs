//! Pauses that grow from one failure to the next.

/// The pause after a failure that `before` others came before: `first` for none, twice as long for each, `longest` at most.
pub(crate) fn growing(first: f64, before: u32, longest: f64) -> f64 {
    (first * f64::from(1 << before.min(16))).min(longest)
}
