//! From one sound track of a programme to another without a hole or an overlap.
//!
//! In: frames of the track that was chosen, while those of the one before still go out. Out: from where on the new
//! one's take their place: where the old one's have come to where the new one's begin.

use std::collections::VecDeque;

use amt_shared::clock::TICKS_PER_SECOND;

use crate::segmenter::audio::AudioFrame;
use crate::segmenter::output::Micros;
use crate::segmenter::release::start::HeldAudio;

/// Frames held at most; with more of them the old track is not waited for.
const HELD_MAX: usize = 96;
/// Times further apart than this have nothing to do with each other.
const APART_MAX: i64 = 5 * TICKS_PER_SECOND;

/// See the module.
#[derive(Debug)]
pub(in crate::segmenter) struct AudioSwitch {
    /// The PID of the new track.
    pub(in crate::segmenter) to: u16,
    /// No more of the old track comes.
    ended: bool,
    held: VecDeque<(HeldAudio, Micros)>,
    /// Where the next frame is due, 90 kHz of the source; `None` until the stream has told a time.
    due: Option<i64>,
    /// Frames of the old track that were left out since the last of the new one.
    left_out: usize,
}

impl AudioSwitch {
    pub(in crate::segmenter) const fn new(to: u16, ended: bool) -> Self {
        Self { to, ended, held: VecDeque::new(), due: None, left_out: 0 }
    }

    /// Holds a frame of the new track.
    pub(in crate::segmenter) fn hold(&mut self, frame: &AudioFrame<'_>, received: Micros) {
        self.left_out = 0;
        let mut held = HeldAudio::new(self.to, frame);
        // Each has its time, as any of them may be the first that is given.
        let Some(pts) = held.time(self.due) else { return };
        self.due = Some(pts + held.ticks());
        self.held.push_back((held, received));
    }

    /// Whether the old track goes on behind `end`, 90 kHz of the source. It does not where the new one comes later in
    /// the stream than the old one: then it has to be waited for once, but not if it stops coming.
    pub(in crate::segmenter) fn old_goes_on(&mut self, end: Option<i64>) -> bool {
        let comes_later = self.held.is_empty() && self.due.zip(end).is_some_and(|(due, end)| due <= end);
        if !comes_later || self.left_out == HELD_MAX {
            self.due = self.due.filter(|_| !comes_later);
            return true;
        }
        self.left_out += 1;
        false
    }

    /// The new track's frames, if they go on where the old one's end: at `end`, 90 kHz of the source.
    pub(in crate::segmenter) fn take(&mut self, end: Option<i64>) -> Option<VecDeque<(HeldAudio, Micros)>> {
        let Some(end) = end else { return Some(core::mem::take(&mut self.held)) };
        let from = |(frame, _): &(HeldAudio, Micros)| frame.pts.unwrap_or(end) - end;
        while let Some(first) = self.held.front() {
            let from = from(first);
            let half = first.0.ticks() / 2;
            if from.abs() > APART_MAX || self.held.len() > HELD_MAX || (from <= half || self.ended) && from > -half {
                return Some(core::mem::take(&mut self.held));
            }
            if from > half {
                return None;
            }
            self.held.pop_front();
        }
        None
    }
}
