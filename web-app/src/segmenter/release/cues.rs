//! Puts what stands beside picture and sound onto the output timeline.
//!
//! In: cues with the times that stand in the stream, 33 bits. Out: [`Cue`]s. Before the output begins there is no
//! timeline: they are held until then. One whose time stands far from both tracks belongs behind a jump of the clock
//! that is about to come, and waits for it; where none comes, it is told without a place on the timeline.

use std::collections::VecDeque;

use amt_shared::clock::{TICKS_PER_SECOND, unwrap_near};

use crate::segmenter::output::{Cue, CueContent, Output, SpliceCommand};
use crate::segmenter::time::timeline::Timeline;

/// Cues that are held, and their bytes; the oldest is told without its place on the timeline when there are more.
const HELD_MAX: usize = 1024;
const HELD_BYTES_MAX: usize = 1 << 20;
/// How far from picture and sound the time of what is shown with them may stand. Buffers of receivers allow ten
/// seconds at most.
const NEAR: i64 = 10 * TICKS_PER_SECOND;
/// How far behind both of them it may stand before a jump of the clock is likelier.
const BEHIND: i64 = TICKS_PER_SECOND * 5 / 2;
/// How long a cue waits for a jump of the clock.
const PATIENCE: i64 = TICKS_PER_SECOND * 5 / 2;

/// When something is due, by the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum Due {
    /// At no time that it tells.
    Never,
    /// At once.
    Immediate,
    /// Together with what comes beside it, at a 33-bit time.
    Beside(u64),
    /// At a 33-bit time that is still to come, however far ahead.
    Ahead(u64),
}

impl From<Option<u64>> for Due {
    /// The `PTS` of a PES packet.
    fn from(pts: Option<u64>) -> Self {
        pts.map_or(Self::Never, Self::Beside)
    }
}

/// A cue that has no place on the output timeline yet.
#[derive(Debug)]
pub(in crate::segmenter) struct Untimed {
    pub(in crate::segmenter) pid: u16,
    pub(in crate::segmenter) due: Due,
    pub(in crate::segmenter) content: CueContent,
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Cues {
    held: VecDeque<Held>,
    bytes: usize,
    /// What was told in the last step asks for segments that begin at these times, 90 kHz ticks of the output.
    boundaries: Vec<Boundary>,
}

#[derive(Debug)]
struct Held {
    cue: Untimed,
    /// Where the programme's clock stood when it came.
    reference: Option<i64>,
}

/// Where a new segment is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum Boundary {
    /// With the next frame.
    Next,
    /// With the frame nearest to this time.
    At(i64),
}

impl Cues {
    /// Takes a cue; `begun` tells whether the output has.
    pub(in crate::segmenter) fn take(
        &mut self,
        cue: Untimed,
        timeline: &Timeline,
        begun: bool,
        outputs: &mut VecDeque<Output>,
    ) {
        let held = Held { cue, reference: timeline.reference() };
        if begun && !held.waits(timeline) {
            return self.tell(held, timeline, outputs);
        }
        self.bytes += held.cue.content.len();
        self.held.push_back(held);
        while self.held.len() > HELD_MAX || self.bytes > HELD_BYTES_MAX {
            self.tell_oldest(timeline, outputs);
        }
    }

    /// The output has begun, or the timeline has gone on; whether anything was looked at.
    #[inline]
    pub(in crate::segmenter) fn go_on(&mut self, timeline: &Timeline, outputs: &mut VecDeque<Output>) -> bool {
        let some = !self.held.is_empty();
        if some {
            self.tell_due(timeline, outputs);
        }
        some
    }

    #[cold]
    fn tell_due(&mut self, timeline: &Timeline, outputs: &mut VecDeque<Output>) {
        for held in core::mem::take(&mut self.held) {
            if held.waits(timeline) {
                self.held.push_back(held);
            } else {
                self.bytes -= held.cue.content.len();
                self.tell(held, timeline, outputs);
            }
        }
    }

    /// No more follows: tells all that is held.
    pub(in crate::segmenter) fn finish(&mut self, timeline: &Timeline, outputs: &mut VecDeque<Output>) {
        while !self.held.is_empty() {
            self.tell_oldest(timeline, outputs);
        }
    }

    /// Where segments are to begin by what was told since the last time.
    pub(in crate::segmenter) fn boundaries(&mut self) -> std::vec::Drain<'_, Boundary> {
        self.boundaries.drain(..)
    }

    fn tell_oldest(&mut self, timeline: &Timeline, outputs: &mut VecDeque<Output>) {
        if let Some(held) = self.held.pop_front() {
            self.bytes -= held.cue.content.len();
            self.tell(held, timeline, outputs);
        }
    }

    fn tell(&mut self, held: Held, timeline: &Timeline, outputs: &mut VecDeque<Output>) {
        let reference = held.reference.or(timeline.reference());
        let Untimed { pid, due, mut content } = held.cue;
        let unwrap = |raw: u64| reference.map_or(raw as i64, |reference| unwrap_near(raw, reference));
        let (source_pts, pts) = match due {
            Due::Never => (None, None),
            Due::Immediate => {
                self.boundaries.push(Boundary::Next);
                (None, None)
            }
            Due::Beside(raw) => {
                let source = unwrap(raw);
                let place = timeline.beside(source).filter(|place| place.ahead.abs() <= NEAR);
                (Some(source), place.map(|place| place.time))
            }
            Due::Ahead(raw) => {
                let source = unwrap(raw);
                (Some(source), timeline.ahead(source))
            }
        };
        let mut first = (source_pts, pts);
        if let CueContent::Splice(splice) = &mut content
            && let SpliceCommand::Insert(insert) = &mut splice.command
        {
            for component in &mut insert.components {
                if let Some(raw) = component.source_pts {
                    let source = unwrap(raw as u64);
                    component.source_pts = Some(source);
                    component.pts = timeline.ahead(source);
                    self.boundaries.extend(component.pts.map(Boundary::At));
                    // The splice of them all begins with the first.
                    if first.0.is_none_or(|earliest| source < earliest) {
                        first = (component.source_pts, component.pts);
                    }
                }
            }
            let back = insert.duration.filter(|duration| duration.auto_return).zip(first.1);
            self.boundaries.extend(back.map(|(duration, pts)| Boundary::At(pts.saturating_add(duration.ticks as i64))));
        }
        if matches!(due, Due::Ahead(_)) {
            self.boundaries.extend(pts.map(Boundary::At));
        }
        let (source_pts, pts) = first;
        outputs.push_back(Output::Cue(Cue { pid, pts, source_pts, content }));
    }
}

impl Held {
    /// Whether it is better told later, the output having begun.
    fn waits(&self, timeline: &Timeline) -> bool {
        let Some(reference) = self.reference else { return false };
        let source = |raw: u64| unwrap_near(raw, reference);
        let off = match self.cue.due {
            Due::Never | Due::Immediate => false,
            Due::Beside(raw) => {
                timeline.beside(source(raw)).is_some_and(|place| !(-BEHIND..=NEAR).contains(&place.ahead))
            }
            // Far ahead is no wonder; long past, or while the clock jumps, is.
            Due::Ahead(raw) => timeline.is_past(source(raw), NEAR) || timeline.is_jumping(NEAR),
        };
        let now = timeline.reference().unwrap_or(reference);
        off && (now - reference).abs() < PATIENCE
    }
}

impl CueContent {
    /// Its bytes.
    fn len(&self) -> usize {
        match self {
            Self::Splice(splice) => splice.section.len(),
            Self::Id3(bytes) | Self::Captions(bytes) | Self::Teletext(bytes) | Self::Subtitles(bytes) => bytes.len(),
        }
    }
}

#[cfg(test)]
#[path = "cues_tests.rs"]
mod tests;
