//! Decoding times of a stream that tells presentation times alone, although its pictures are reordered (against
//! ISO/IEC 13818-1, 2.7.5).
//!
//! In: presentation times in decoding order. Out: decoding times, which are the same times in ascending order, later by
//! as many pictures as are shown before one that is decoded earlier.

use amt_shared::clock::TICKS_PER_SECOND;

/// Pictures that may be decoded before one that is shown before them (ISO/IEC 14496-10, A.3.1).
const DEPTH_MAX: usize = 16;

/// See the module. Times in 90 kHz ticks of the source, unwrapped.
#[derive(Debug)]
pub(super) struct Undated {
    /// The latest presentation times so far, the latest first; before the first picture as if there had been more.
    latest: [i64; DEPTH_MAX + 1],
    /// How many pictures of them came.
    came: usize,
    depth: usize,
}

impl Undated {
    /// The picture before is shown at `pts`.
    pub(super) fn new(pts: i64) -> Self {
        let mut latest = [i64::MIN; DEPTH_MAX + 1];
        latest[0] = pts;
        Self { latest, came: 1, depth: 0 }
    }

    /// Whether a time is another clock's than those before.
    pub(super) const fn is_far(&self, pts: i64) -> bool {
        pts.abs_diff(self.latest[0]) > TICKS_PER_SECOND.unsigned_abs()
    }

    /// The next picture is shown at `pts`; gives when it is decoded. A frame lasts `step`.
    pub(super) fn decoded(&mut self, pts: i64, step: i64) -> i64 {
        if self.is_far(pts) {
            self.came = 0;
            let before = (1..).map(|frames| pts.saturating_sub(frames * step));
            self.latest.iter_mut().zip(before).for_each(|(latest, time)| *latest = time);
        }
        let later = self.latest.iter().take_while(|time| **time > pts).count();
        self.depth = self.depth.max(later.min(self.came).min(DEPTH_MAX));
        self.came = (self.came + 1).min(DEPTH_MAX);
        if let Some(times @ [_, ..]) = self.latest.get_mut(later..) {
            times.rotate_right(1);
            times[0] = pts;
        }
        match self.latest[self.depth] {
            i64::MIN => self.latest[0].saturating_sub(self.depth as i64 * step),
            time => time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decoding times, in frames of 3600 ticks.
    fn decoded(shown: &[i64]) -> Vec<i64> {
        let mut undated = Undated::new(shown[0] * 3600);
        shown[1..].iter().map(|pts| undated.decoded(pts * 3600, 3600) / 3600).collect()
    }

    #[test]
    fn decoding_times_are_the_presentation_times_in_order() {
        assert_eq!(decoded(&[0, 1, 2, 3, 4]), [1, 2, 3, 4]);
        assert_eq!(decoded(&[4, 1, 2, 3, 8, 5, 6, 7, 12, 9]), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(decoded(&[4, 2, 1, 3, 8, 6, 5, 7, 12]), [2, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn times_of_another_clock_begin_anew_with_the_depth_that_is_known() {
        let times = decoded(&[4, 2, 1, 3, 8, 6, 5, 7, 1000, 1004, 1002, 1001, 1003, 1008, 4, 8, 6, 5, 7]);
        assert_eq!(times[6..], [7 - 1, 998, 999, 1000, 1001, 1002, 1003, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn any_times_are_taken() {
        for step in [1, 3600, 80_000] {
            let times: Vec<i64> = (0..40).map(|n: i64| -n * step).collect();
            let mut undated = Undated::new(0);
            times.iter().for_each(|pts| assert!(undated.decoded(*pts, step) <= 0));
        }
    }
}
