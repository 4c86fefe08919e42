//! Where segments of the sound begin, besides with every push: at splices.
//!
//! In: times on the output timeline; frames as they are placed. Out: before which frames to cut. The frame is taken
//! whose start is nearest; a time that lies behind all frames that are still to come is forgotten.

use amt_shared::clock::TICKS_PER_SECOND;

use crate::segmenter::release::cues::Boundary;

/// Times that are kept; those that lie furthest ahead are forgotten first.
const KEPT_MAX: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Boundaries {
    /// 90 kHz ticks of the output, in order.
    kept: Vec<i64>,
    /// The next frame begins a segment.
    next: bool,
    /// How many frames each segment that is cut off has, in order.
    cuts: Vec<usize>,
    /// Frames of the segments that are cut off.
    cut_off: usize,
    /// Length of the last frame, and samples a second.
    last: (u32, u32),
}

impl Boundaries {
    /// A segment is to begin there; the frames placed so far end at `end`, in samples.
    pub(in crate::segmenter) fn add(&mut self, boundary: Boundary, end: Option<i64>) {
        let time = match boundary {
            Boundary::Next => return self.next = true,
            Boundary::At(time) => time,
        };
        let (samples, rate) = self.last;
        if end.is_some_and(|end| is_nearer(time, end - i64::from(samples), samples, rate)) {
            return;
        }
        if let Err(at) = self.kept.binary_search(&time) {
            self.kept.insert(at, time);
            self.kept.truncate(KEPT_MAX);
        }
    }

    /// A frame is placed at `begin`, `index` others standing before it that are not given yet.
    #[inline]
    pub(in crate::segmenter) fn frame(&mut self, begin: i64, samples: u32, rate: u32, index: usize) {
        self.last = (samples, rate);
        if self.next || !self.kept.is_empty() {
            self.judge(begin, index);
        }
    }

    #[cold]
    fn judge(&mut self, begin: i64, index: usize) {
        let (samples, rate) = self.last;
        let due = self.kept.partition_point(|time| is_nearer(*time, begin, samples, rate));
        let cut = core::mem::take(&mut self.next) || due > 0;
        self.kept.drain(..due);
        // What begins a segment in any case needs no cut.
        if cut && index > self.cut_off {
            self.cuts.push(index - self.cut_off);
            self.cut_off = index;
        }
    }

    /// How many frames the next segment has that is cut off; `None` for all that are left.
    #[inline]
    pub(in crate::segmenter) fn cut(&mut self) -> Option<usize> {
        if self.cuts.is_empty() {
            self.cut_off = 0;
            return None;
        }
        Some(self.cuts.remove(0))
    }
}

/// Whether a time is nearer to the start `begin` of a frame, in samples, than to its end, or lies before it.
fn is_nearer(time: i64, begin: i64, samples: u32, rate: u32) -> bool {
    time.saturating_mul(2 * i64::from(rate)) < (2 * begin + i64::from(samples)).saturating_mul(TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where frames of 1,024 samples at 48 kHz (1,920 ticks) are cut, as frames of each segment.
    fn cuts(times: &[i64], frames: i64) -> Vec<usize> {
        let mut boundaries = Boundaries::default();
        for time in times {
            boundaries.add(Boundary::At(*time), None);
        }
        for index in 0..frames {
            boundaries.frame(index * 1024, 1024, 48_000, index as usize);
        }
        std::iter::from_fn(|| boundaries.cut()).collect()
    }

    #[test]
    fn the_frame_nearest_to_a_time_begins_a_segment() {
        assert_eq!(cuts(&[1920 * 3], 10), [3]);
        assert_eq!(cuts(&[1920 * 3 + 959], 10), [3]);
        assert_eq!(cuts(&[1920 * 3 + 961], 10), [4]);
        assert_eq!(cuts(&[1920 * 3 - 959, 1920 * 3 + 5, 1920 * 7], 10), [3, 4]);
        assert_eq!(cuts(&[0, -500, 1920 * 20], 10), [0; 0]);
    }

    #[test]
    fn a_time_that_is_past_is_forgotten_and_the_next_frame_is_cut_where_that_is_asked() {
        let mut boundaries = Boundaries::default();
        boundaries.frame(0, 1024, 48_000, 0);
        boundaries.add(Boundary::At(900), Some(1024));
        boundaries.frame(1024, 1024, 48_000, 1);
        boundaries.add(Boundary::Next, Some(2048));
        boundaries.frame(2048, 1024, 48_000, 2);
        boundaries.frame(3072, 1024, 48_000, 3);
        assert_eq!((boundaries.cut(), boundaries.cut()), (Some(2), None));
    }

    #[test]
    fn times_do_not_pile_up() {
        let mut boundaries = Boundaries::default();
        for time in 0..10_000 {
            boundaries.add(Boundary::At(time * 100_000), None);
        }
        assert_eq!((boundaries.kept.len(), boundaries.kept[0]), (KEPT_MAX, 0));
    }
}
