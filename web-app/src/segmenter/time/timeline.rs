//! One clock for a programme, and its way onto the output timeline (ISO/IEC 13818-1, 2.4.2 and 2.4.3.7).
//!
//! Every timestamp of the programme is unwrapped against the one before it, whichever track that was of.
//! Each track is then shifted by an offset. Where a track's time jumps, its offset changes so that the
//! output goes on without a step; the track that follows over the same jump takes the same offset, so that
//! sound and picture stay together.

use amt_shared::clock::{TICKS_PER_SECOND, unwrap_near};

use crate::segmenter::output::Track;

/// A step ahead up to this is a hole, not a jump.
const HOLE: i64 = TICKS_PER_SECOND;
/// A step back up to this is jitter, not a jump.
const JITTER: i64 = TICKS_PER_SECOND / 10;
/// How far apart the two tracks' times may stand at one place of the stream.
const SKEW: i64 = TICKS_PER_SECOND * 5 / 2;
/// As [`SKEW`], where nothing else is known: at a track's start.
const START_SKEW: i64 = TICKS_PER_SECOND * 10;

/// Where a time of what stands beside the tracks is in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Beside {
    /// On the output timeline.
    pub(in crate::segmenter) time: i64,
    /// How far ahead of the nearest time of a track it stands in the source.
    pub(in crate::segmenter) ahead: i64,
}

/// How long two tracks may stand beside each other with different offsets before they are put together: longer
/// than one of them follows the other over a jump.
const APART_MAX: i64 = TICKS_PER_SECOND * 2;

#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    /// What is added to source times; `None` before the first.
    offset: Option<i64>,
    /// The last source time.
    last: i64,
    /// Offset before the last time came, and the source time that was due then.
    before: Option<(i64, i64)>,
    /// The source time at which the offset became another one, and what it was.
    past: Option<(i64, i64)>,
    /// The first source time with the offset that is.
    since: i64,
}

/// See the module. Times are 90 kHz ticks.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Timeline {
    reference: Option<i64>,
    lanes: [Lane; 2],
    /// The last offset that both tracks had.
    agreed: Option<i64>,
    /// How long the tracks have stood beside each other with different offsets.
    apart: i64,
    /// How long each has gone on since the other one's last time.
    alone: [i64; 2],
}

/// A time of a track's source, and what is known of where it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Due {
    /// The source time.
    pub(in crate::segmenter) source: i64,
    /// Where it would go on without a step, of the output; `None` at the track's start.
    pub(in crate::segmenter) expected: Option<i64>,
    /// How sure `expected` is.
    pub(in crate::segmenter) basis: Basis,
}

/// What the place where a time is due was reckoned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum Basis {
    /// Sound that was counted: a step back shows against it.
    Counted,
    /// How long the frame before is likely to last. A time that only comes too early for that has not run back.
    Guessed,
    /// A guess at what was lost. Packets may have come in a wrong order, too: a short step back is none.
    Disturbed,
}

/// Where a source time stands in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Place {
    /// On the output timeline.
    pub(in crate::segmenter) time: i64,
    /// The track's offset is another one from here on.
    pub(in crate::segmenter) jumped: bool,
}

impl Timeline {
    /// Unwraps a 33-bit time of any track of the programme.
    pub(in crate::segmenter) fn unwrap(&mut self, raw: u64) -> i64 {
        let time = self.reference.map_or(raw as i64, |reference| unwrap_near(raw, reference));
        self.reference = Some(time);
        time
    }

    /// The last time that was unwrapped.
    pub(in crate::segmenter) const fn reference(&self) -> Option<i64> {
        self.reference
    }

    /// Lets the output of `track` begin: the source time `origin` becomes `at`.
    pub(in crate::segmenter) fn start(&mut self, track: Track, origin: i64, at: i64) {
        self.lanes[track as usize] = Lane { offset: Some(at - origin), last: origin, since: origin, ..Lane::default() };
    }

    /// What is added to source times of `track`; `None` before the first.
    pub(in crate::segmenter) const fn offset(&self, track: Track) -> Option<i64> {
        self.lanes[track as usize].offset
    }

    /// Places the next time of `track`.
    pub(in crate::segmenter) fn place(&mut self, track: Track, due: Due) -> Place {
        let own = self.lanes[track as usize];
        let other = self.lanes[1 - track as usize];
        let offset = match (own.offset, due.expected) {
            (Some(offset), Some(expected)) => next_offset(offset, own, other, expected, due),
            (Some(offset), None) => offset,
            (None, _) => first_offset(other, due.source),
        };
        let before = own.offset.zip(due.expected).map(|(offset, expected)| (offset, expected - offset));
        let (past, since) = (own.past, own.since);
        self.lanes[track as usize] = Lane { offset: Some(offset), last: due.source, before, past, since };
        let passed = (due.source - own.last).clamp(0, HOLE);
        self.alone[track as usize] += passed;
        self.alone[1 - track as usize] = 0;
        let offset = self.put_together(track, offset, passed);
        if own.offset != Some(offset) {
            let lane = &mut self.lanes[track as usize];
            (lane.past, lane.since) = (own.offset.map(|before| (own.last, before)), due.source);
        }
        Place { time: due.source + offset, jumped: own.offset.is_some_and(|own| own != offset) }
    }

    /// Where something is that is presented at a source time, together with the tracks. What comes just behind a jump of
    /// the clock may belong before it.
    pub(in crate::segmenter) fn beside(&self, source: i64) -> Option<Beside> {
        let now = self.lanes.iter().filter_map(|lane| Some((lane.last, lane.offset?)));
        let recent = |lane: &&Lane| (lane.last - lane.since).abs() < SKEW;
        let before = self.lanes.iter().filter(recent).filter_map(|lane| lane.past);
        now.chain(before)
            .map(|(last, offset)| Beside { time: source.saturating_add(offset), ahead: source.saturating_sub(last) })
            .min_by_key(|place| place.ahead.unsigned_abs())
    }

    /// Where a source time that is still to come will be, by the clock as it goes now.
    pub(in crate::segmenter) fn ahead(&self, source: i64) -> Option<i64> {
        let lanes = self.lanes.iter().filter_map(|lane| Some((lane.last, lane.offset?)));
        let offset = lanes.min_by_key(|(last, _)| source.abs_diff(*last)).map(|(_, offset)| offset);
        offset.map(|offset| source.saturating_add(offset))
    }

    /// Whether a source time lies by more than `by` before those of all tracks.
    pub(in crate::segmenter) fn is_past(&self, source: i64, by: i64) -> bool {
        let mut begun = self.lanes.iter().filter(|lane| lane.offset.is_some()).peekable();
        begun.peek().is_some() && begun.all(|lane| lane.last - source > by)
    }

    /// Whether a time has come, of any track, that stands further than `by` from where both of them are placed.
    pub(in crate::segmenter) fn is_jumping(&self, by: i64) -> bool {
        let mut begun = self.lanes.iter().filter(|lane| lane.offset.is_some()).peekable();
        begun.peek().is_some() && self.reference.is_some_and(|now| begun.all(|lane| (now - lane.last).abs() > by))
    }

    /// Two tracks whose times stand beside each other are on one clock: where their offsets have differed for
    /// `APART_MAX`, one of them was led astray, by a false time or a wrong guess. It goes back to where both
    /// were; but the picture is never put back, then the sound follows it.
    fn put_together(&mut self, track: Track, offset: i64, passed: i64) -> i64 {
        let [video, audio] = self.lanes;
        let (Some(of_video), Some(of_audio)) = (video.offset, audio.offset) else { return offset };
        if of_video == of_audio {
            self.agreed = Some(of_video);
        }
        if of_video == of_audio || (video.last - audio.last).abs() > SKEW {
            self.apart = 0;
            return offset;
        }
        // One that has ended stands beside nothing, though a source that loops comes by its last time again and again.
        if self.alone[track as usize] > HOLE {
            return offset;
        }
        if track == Track::Audio {
            self.apart += passed;
        }
        if self.apart < APART_MAX {
            return offset;
        }
        let common = if self.agreed == Some(of_audio) { of_audio.max(of_video) } else { of_video };
        self.lanes[track as usize].offset = Some(common);
        common
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

/// The offset for the time `due` of a track that had the offset `own`.
fn next_offset(own: i64, lane: Lane, other: Lane, expected: i64, due: Due) -> i64 {
    let source = due.source;
    let step = |offset: i64| source + offset - expected;
    let back = if due.basis == Basis::Counted { step(own) } else { source - lane.last };
    let not_back = back >= if due.basis == Basis::Disturbed { -HOLE } else { -JITTER };
    let goes_on = not_back && step(own) <= HOLE;
    // One false time: this one goes on from those before it.
    if let Some((offset, was_due)) = lane.before {
        let late = source - was_due - (expected - own - lane.last);
        if (-JITTER..=HOLE).contains(&late) && (!goes_on || late.abs() < step(own).abs()) {
            return offset;
        }
    }
    // The other track's place in the stream, if this time belongs to it.
    let shared = other.offset.filter(|offset| (source - other.last).abs() <= SKEW && step(*offset) >= -JITTER * 3);
    match shared {
        // The other track is over a jump already, or on the right side of a false one.
        Some(shared) if shared != own && !(goes_on && step(own).abs() <= step(shared).abs()) => shared,
        // A hole that the other track confirms: there the time went on.
        Some(shared) if shared == own && not_back => own,
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
        timeline.start(Track::Video, time, 0);
        timeline.place(Track::Audio, Due { source: time, expected: None, basis: Basis::Counted });
        timeline
    }

    fn place(timeline: &mut Timeline, track: Track, source: i64, expected: i64) -> Place {
        let basis = if track == Track::Video { Basis::Guessed } else { Basis::Counted };
        timeline.place(track, Due { source, expected: Some(expected), basis })
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
            place(&mut timeline, Track::Video, 5_003_600, 3600);
            place(&mut timeline, Track::Audio, 5_001_920, 1920);
            let video = place(&mut timeline, Track::Video, 5_007_200 + jump, 7200);
            assert_eq!(video, Place { time: 7200, jumped: true }, "{jump}");
            let audio = place(&mut timeline, Track::Audio, 5_003_840, 3840);
            assert_eq!(audio, Place { time: 3840, jumped: false }, "{jump}");
            let audio = place(&mut timeline, Track::Audio, 5_005_760 + jump + 7, 5760);
            assert_eq!(audio, Place { time: 5767, jumped: true }, "{jump}");
        }
    }

    #[test]
    fn a_track_that_has_ended_does_not_hold_the_other_back_when_the_source_loops() {
        for (ended, goes_on) in [(Track::Video, Track::Audio), (Track::Audio, Track::Video)] {
            let mut timeline = at(0);
            for time in (0..150_000).step_by(1920) {
                place(&mut timeline, ended, time, time);
                place(&mut timeline, goes_on, time, time);
            }
            let mut expected = 151_680;
            for source in (0..5).flat_map(|round| (if round == 0 { 151_680 } else { 0 }..720_000).step_by(1920)) {
                let place = place(&mut timeline, goes_on, source, expected);
                assert_eq!(place.time, expected, "{goes_on} at {source}");
                expected += 1920;
            }
        }
    }

    #[test]
    fn a_hole_in_one_track_keeps_it_beside_the_other() {
        let mut timeline = at(0);
        place(&mut timeline, Track::Audio, 450_000, 450_000);
        assert_eq!(place(&mut timeline, Track::Video, 453_600, 3600), Place { time: 453_600, jumped: false });
    }

    #[test]
    fn one_false_time_does_no_lasting_harm() {
        let mut timeline = at(0);
        assert_eq!(place(&mut timeline, Track::Video, 77_000_000, 3600).time, 3600);
        assert_eq!(place(&mut timeline, Track::Video, 7200, 7200).time, 7200);
    }

    #[test]
    fn one_false_time_within_a_hole_does_none_either() {
        for track in [Track::Video, Track::Audio] {
            for off in [45_000, -45_000, 80_000] {
                let mut timeline = at(1_000_000);
                for count in 1..5 {
                    place(&mut timeline, track, 1_000_000 + count * 3600, count * 3600);
                }
                let wrong = place(&mut timeline, track, 1_018_000 + off, 18_000).time;
                let right = place(&mut timeline, track, 1_021_600, wrong + 3600);
                assert_eq!(right.time, 21_600, "{track} {off}");
            }
        }
    }

    #[test]
    fn sound_after_a_loss_stays_with_the_picture_whatever_was_guessed() {
        let mut timeline = at(0);
        place(&mut timeline, Track::Video, 90_000, 90_000);
        let due = Due { source: 100_000, expected: Some(150_000), basis: Basis::Disturbed };
        assert_eq!(timeline.place(Track::Audio, due), Place { time: 100_000, jumped: false });
        // Out of order.
        let due = Due { source: 85_000, expected: Some(110_000), basis: Basis::Disturbed };
        assert_eq!(timeline.place(Track::Audio, due), Place { time: 85_000, jumped: false });
    }

    #[test]
    fn tracks_that_were_led_apart_come_together_and_the_picture_is_not_put_back() {
        for (track, off, common) in
            [(Track::Audio, 900, 0), (Track::Audio, -900, 0), (Track::Video, -900, 0), (Track::Video, 900, 900)]
        {
            let mut timeline = at(0);
            timeline.lanes[track as usize].offset = Some(off);
            let offset = |lane: Track| if lane == track { off } else { 0 };
            for count in 1..100 {
                let time = count * 3600;
                for lane in [Track::Video, Track::Audio] {
                    let place = place(&mut timeline, lane, time, time + offset(lane));
                    assert!(count >= 40 || place.time == time + offset(lane));
                    assert!(count <= 60 || place.time == time + common, "{track} {off}: {lane}");
                }
            }
        }
    }
}
