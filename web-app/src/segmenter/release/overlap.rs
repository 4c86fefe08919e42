//! A key frame is shown behind all pictures before it.
//!
//! Where another encoder goes on (a splice, a loop), or one whose pictures are reordered less, the first key frame's
//! presentation time may lie at or before one that was given out. Chromium leaves out such a key frame and all that
//! leans on it, as it may have read further. So the frame moves behind what was given, and those that follow move
//! less and less, in their order: nothing of that is left a moment later.

use amt_shared::clock::TICKS_PER_SECOND;

/// What overlaps by more than this is a false time, not an overlap.
const OVERLAP_MAX: i64 = TICKS_PER_SECOND / 2;
/// Over how many times the overlap it is made up for: until then pictures follow each other twice as fast.
const OVER: i64 = 2;

/// See the module. Times in 90 kHz ticks of the output.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    /// The latest presentation time that was given; `None` before the first.
    latest: Option<i64>,
    /// How long a frame lasts.
    step: i64,
    /// From where on pictures move, and by how much those move that are shown there.
    moved: Option<(i64, i64)>,
}

impl Overlap {
    /// When a picture is shown that is due at `pts`; frames last `step`.
    pub(super) fn shown(&mut self, pts: i64, step: i64, key: bool) -> i64 {
        if let Some(latest) = self.latest.filter(|_| key) {
            let behind = latest - self.moved(pts);
            if behind > OVERLAP_MAX {
                self.latest = None;
                self.moved = None;
            } else if behind >= -step / 8 {
                // With room before it for what is made up to begin with.
                self.moved = Some((pts, latest + step.max(1) - pts));
            }
        }
        let shown = self.moved(pts);
        self.step = step;
        self.latest = Some(self.latest.map_or(shown, |latest| latest.max(shown)));
        shown
    }

    /// Behind all pictures that were given.
    pub(super) fn end(&self) -> Option<i64> {
        self.latest.map(|latest| latest + self.step)
    }

    fn moved(&self, pts: i64) -> i64 {
        let Some((from, by)) = self.moved else { return pts };
        let over = by * OVER;
        let left = over - (pts - from).clamp(0, over);
        pts + left / OVER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When pictures of a frame's length of 3600 are shown; `key` are the places of key frames.
    fn shown(due: &[i64], key: &[usize]) -> Vec<i64> {
        let mut overlap = Overlap::default();
        due.iter().enumerate().map(|(at, pts)| overlap.shown(*pts, 3600, key.contains(&at))).collect()
    }

    #[test]
    fn where_nothing_overlaps_nothing_moves() {
        let due = [7200, 18_000, 10_800, 14_400, 21_600, 32_400, 25_200, 28_800];
        assert_eq!(shown(&due, &[0, 4]), due);
    }

    #[test]
    fn a_key_frame_moves_behind_what_was_given_and_the_order_stays() {
        for overlap in 0..6 {
            let first = [0, 14_400, 3600, 7200, 10_800];
            let second = (0..20).flat_map(|gop| [0, 3, 1, 2].map(|frame| 14_400 + (gop * 4 + frame - overlap) * 3600));
            let due: Vec<i64> = first.into_iter().chain(second).collect();
            let shown = shown(&due, &[0, 5, 25, 45]);
            let mut sorted = shown.clone();
            sorted.sort_unstable();
            let mut by_due: Vec<usize> = (0..5).collect();
            by_due.sort_unstable_by_key(|at| due[*at]);
            let mut behind: Vec<usize> = (5..due.len()).collect();
            behind.sort_unstable_by_key(|at| due[*at]);
            by_due.extend(behind);
            let in_order: Vec<i64> = by_due.iter().map(|at| shown[*at]).collect();
            assert_eq!(in_order, sorted, "{overlap}");
            assert!(in_order.windows(2).all(|pair| pair[1] > pair[0]), "{overlap}: {in_order:?}");
            assert_eq!(shown[60..], due[60..], "{overlap}");
        }
    }

    #[test]
    fn a_false_time_moves_nothing() {
        let due = [0, 3600, 500_000, 7200, 10_800, 14_400];
        assert_eq!(shown(&due, &[0, 3, 5]), due);
    }
}
