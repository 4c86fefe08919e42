//! Times in microseconds, counted so that percentiles cost no memory: buckets of an eighth of their value at most.

use serde::{Deserialize, Serialize};

const STEPS: u64 = 8;
const BUCKETS: usize = 40 * STEPS as usize;

/// How often each time occurred.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Histogram {
    counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS] }
    }
}

impl Histogram {
    /// Counts a time.
    pub fn add(&mut self, micros: u64) {
        self.counts[bucket(micros)] += 1;
    }

    /// Takes in another one.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// The time that `part` of all do not exceed (0.5: half of them), rounded up to the end of its bucket.
    #[must_use]
    pub fn percentile(&self, part: f64) -> Option<u64> {
        let all: u64 = self.counts.iter().sum();
        let rank = ((part * all as f64).ceil() as u64).max(1);
        let mut seen = 0;
        self.counts
            .iter()
            .position(|count| {
                seen += count;
                seen >= rank
            })
            .map(end)
    }
}

/// Up to 8 exactly; from there on eight to each doubling.
fn bucket(micros: u64) -> usize {
    if micros < STEPS {
        return micros as usize;
    }
    let doublings = u64::from(micros.ilog2() - STEPS.ilog2());
    let step = (micros >> doublings) - STEPS;
    (((doublings + 1) * STEPS + step) as usize).min(BUCKETS - 1)
}

fn end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let (doublings, step) = (bucket / STEPS - 1, bucket % STEPS);
    ((STEPS + step + 1) << doublings) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_lies_in_a_bucket_that_ends_no_more_than_an_eighth_later() {
        for micros in (0..5000).chain((1..20).map(|shift| 12_345 << shift)) {
            let end = end(bucket(micros));
            assert!(end >= micros && end - micros <= micros / 8, "{micros} → {end}");
        }
    }

    #[test]
    fn percentiles_of_nothing_are_nothing_and_of_many_are_those() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(0.5), None);
        (0..100).for_each(|micros| histogram.add(micros));
        assert_eq!((histogram.percentile(0.05), histogram.percentile(0.5)), (Some(4), Some(51)));
        assert_eq!(histogram.percentile(1.0), Some(103));
    }
}
