//! One clock for a programme, and its way onto the output timeline (ISO/IEC 13818-1, 2.4.2 and 2.4.3.7).
//!
//! Every timestamp of the programme is unwrapped against the one before it, whichever track that was of.
//! Each track is then shifted by an offset. Where a track's time jumps, its offset changes so that the
//! output goes on without a step; the track that follows over the same jump takes the same offset, so that
//! sound and picture stay together.

use amt_shared::clock::{TICKS_PER_SECOND, unwrap_near};

use super::output::Track;

/// A step ahead up to this is a hole, not a jump.
const HOLE: i64 = TICKS_PER_SECOND;
/// A step back up to this is jitter, not a jump.
const JITTER: i64 = TICKS_PER_SECOND / 10;
/// How far apart the two tracks' times may stand at one place of the stream.
const SKEW: i64 = TICKS_PER_SECOND * 5 / 2;
/// As [`SKEW`], where nothing else is known: at a track's start.
const START_SKEW: i64 = TICKS_PER_SECOND * 10;

#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    /// What is added to source times; `None` before the first.
    offset: Option<i64>,
    /// The last source time.
    last: i64,
}

/// See the module. Times are 90 kHz ticks.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    reference: Option<i64>,
    lanes: [Lane; 2],
}

/// Where a source time stands in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// On the output timeline.
    pub(super) time: i64,
    /// The source's clock jumped here.
    pub(super) jumped: bool,
}

impl Timeline {
    /// Unwraps a 33-bit time of any track of the programme.
    pub(super) fn unwrap(&mut self, raw: u64) -> i64 {
        let time = self.reference.map_or(raw as i64, |reference| unwrap_near(raw, reference));
        self.reference = Some(time);
        time
    }

    /// Lets the output of `track` begin: the source time `origin` becomes 0.
    pub(super) fn start(&mut self, track: Track, origin: i64) {
        self.lanes[track as usize] = Lane { offset: Some(-origin), last: origin };
    }

    /// Places the source time `source` of `track`, which would go on without a step at `expected` of the output.
    pub(super) fn place(&mut self, track: Track, source: i64, expected: Option<i64>) -> Place {
        let own = self.lanes[track as usize];
        let other = self.lanes[1 - track as usize];
        let offset = match (own.offset, expected) {
            (Some(offset), Some(expected)) => {
                // When sound goes on is certain, when the next frame is due is a guess: a decoding time that
                // comes too early for it has not run back.
                let back = if track == Track::Video { source - own.last } else { source + offset - expected };
                next_offset(offset, other, source, expected, back)
            }
            (Some(offset), None) => offset,
            (None, _) => first_offset(other, source),
        };
        self.lanes[track as usize] = Lane { offset: Some(offset), last: source };
        Place { time: source + offset, jumped: own.offset.is_some_and(|own| own != offset) }
    }
}

/// The offset of a track that begins beside `other`.
fn first_offset(other: Lane, source: i64) -> i64 {
    match other.offset {
        Some(offset) if (source - other.last).abs() <= START_SKEW => offset,
        // Clocks that have nothing to do with each other: begin together.
        Some(offset) => other.last + offset - source,
        None => -source,
    }
}

/// The offset for `source`, which lies `back` behind what came before it where that is negative.
fn next_offset(own: i64, other: Lane, source: i64, expected: i64, back: i64) -> i64 {
    let step = |offset: i64| source + offset - expected;
    let goes_on = back >= -JITTER && step(own) <= HOLE;
    // The other track's place in the stream, if this time belongs to it.
    let shared = other.offset.filter(|offset| (source - other.last).abs() <= SKEW && step(*offset) >= -JITTER * 3);
    match shared {
        // The other track is over a jump already, or on the right side of a false one.
        Some(shared) if shared != own && !(goes_on && step(own).abs() <= step(shared).abs()) => shared,
        // A hole that the other track confirms: there the time went on.
        Some(shared) if shared == own && back >= -JITTER => own,
        _ if goes_on => own,
        _ => expected - source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amt_shared::clock::WRAP;

    /// A timeline whose tracks stand at `time`, `time` being 0 in the output.
    fn at(time: i64) -> Timeline {
        let mut timeline = Timeline::default();
        timeline.start(Track::Video, time);
        timeline.place(Track::Audio, time, None);
        timeline
    }

    #[test]
    fn tracks_that_join_on_either_side_of_the_wrap_share_a_clock() {
        let mut timeline = Timeline::default();
        let dts = timeline.unwrap(WRAP as u64 - 100);
        assert_eq!(timeline.unwrap(200) - dts, 300);
        assert_eq!(timeline.unwrap(WRAP as u64 - 50) - dts, 50);
    }

    #[test]
    fn a_jump_is_bridged_and_the_other_track_follows_to_the_tick() {
        for jump in [-1_000_000, -20_000, 9_000_000, 100_000_000_000] {
            let mut timeline = at(5_000_000);
            timeline.place(Track::Video, 5_003_600, Some(3600));
            timeline.place(Track::Audio, 5_001_920, Some(1920));
            let video = timeline.place(Track::Video, 5_007_200 + jump, Some(7200));
            assert_eq!(video, Place { time: 7200, jumped: true }, "{jump}");
            let audio = timeline.place(Track::Audio, 5_003_840, Some(3840));
            assert_eq!(audio, Place { time: 3840, jumped: false }, "{jump}");
            let audio = timeline.place(Track::Audio, 5_005_760 + jump + 7, Some(5760));
            assert_eq!(audio, Place { time: 5767, jumped: true }, "{jump}");
        }
    }

    #[test]
    fn a_hole_in_one_track_keeps_it_beside_the_other() {
        let mut timeline = at(0);
        timeline.place(Track::Audio, 450_000, Some(450_000));
        assert_eq!(timeline.place(Track::Video, 453_600, Some(3600)), Place { time: 453_600, jumped: false });
    }

    #[test]
    fn one_false_time_does_no_lasting_harm() {
        let mut timeline = at(0);
        assert_eq!(timeline.place(Track::Video, 77_000_000, Some(3600)).time, 3600);
        assert_eq!(timeline.place(Track::Video, 7200, Some(7200)).time, 7200);
    }
}
