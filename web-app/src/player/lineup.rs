//! Which tracks play together. Source buffers have to be made together before the first segment, so someone
//! has to say when to stop waiting for a track, when to leave one behind, and when to take one in again.

use crate::segmenter::Track;

/// How long a track that the programme names is waited for, once the other one is there.
const WAIT_SECONDS: f64 = 1.5;
/// A track without media for so long, while the other one flows, is left behind. Video, then audio: Chromium
/// lets the sound go on for three seconds under a standing picture, so a picture that waits for its next random
/// access point is given nearly that; without sound the picture stops at once.
const STARVED_SECONDS: [f64; 2] = [2.7, 1.5];
/// A track flows while its segments are no further apart than this.
const FLOW_SECONDS: f64 = 0.7;
/// How long a track that was left behind has to flow before it is taken in again, for each time it was left.
const PROBATION_SECONDS: f64 = 2.0;
const PROBATION_MAX_SECONDS: f64 = 30.0;

/// A set of tracks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracks {
    /// Whether video is in it.
    pub video: bool,
    /// Whether audio is in it.
    pub audio: bool,
}

impl Tracks {
    /// Both.
    pub const BOTH: [Track; 2] = [Track::Video, Track::Audio];

    /// Whether this one is in it.
    #[must_use]
    pub const fn has(self, track: Track) -> bool {
        match track {
            Track::Video => self.video,
            Track::Audio => self.audio,
        }
    }

    /// Whether it is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        !self.video && !self.audio
    }

    fn of(test: impl Fn(Track) -> bool) -> Self {
        Self { video: test(Track::Video), audio: test(Track::Audio) }
    }
}

/// What is known of each track.
#[derive(Debug, Default)]
pub struct Lineup {
    tracks: [Known; 2],
}

#[derive(Debug, Default)]
struct Known {
    /// The programme names it.
    expected: bool,
    /// It has an initialisation segment that the browser can play.
    playable: bool,
    /// It has one that the browser cannot play.
    refused: bool,
    first_media: Option<f64>,
    last_media: Option<f64>,
    flowing_since: Option<f64>,
    left_behind: u32,
}

impl Lineup {
    /// The programme's table has come: which tracks it names.
    pub fn program(&mut self, expected: Tracks) {
        for track in Tracks::BOTH {
            self.tracks[track as usize].expected = expected.has(track);
        }
    }

    /// An initialisation segment has come.
    pub fn init(&mut self, track: Track, playable: bool) {
        let known = &mut self.tracks[track as usize];
        known.playable = playable;
        known.refused = !playable;
    }

    /// A media segment has come; `now` in seconds.
    pub fn media(&mut self, track: Track, now: f64) {
        let known = &mut self.tracks[track as usize];
        if known.last_media.is_none_or(|last| now - last > FLOW_SECONDS) {
            known.flowing_since = Some(now);
        }
        known.first_media.get_or_insert(now);
        known.last_media = Some(now);
    }

    /// The tracks to play from now on, while those in `playing` play; `None` while it is not time to begin.
    #[must_use]
    pub fn choose(&self, playing: Tracks, now: f64) -> Option<Tracks> {
        let there = Tracks::of(|track| self.is_there(track, playing, now));
        if there.is_empty() {
            return None;
        }
        let missing = |track: Track| {
            let known = &self.tracks[track as usize];
            known.expected && !known.refused && !there.has(track) && known.left_behind == 0
        };
        let begun = Tracks::BOTH.iter().filter_map(|track| self.tracks[*track as usize].first_media).reduce(f64::min);
        let waited = begun.is_some_and(|begun| now - begun >= WAIT_SECONDS);
        let complete = !Tracks::BOTH.into_iter().any(missing);
        (complete || waited || !playing.is_empty()).then_some(there)
    }

    /// A track that played was left behind because nothing came.
    pub fn left_behind(&mut self, track: Track) {
        let known = &mut self.tracks[track as usize];
        known.left_behind += 1;
        known.flowing_since = None;
        known.last_media = None;
    }

    fn is_there(&self, track: Track, playing: Tracks, now: f64) -> bool {
        let known = &self.tracks[track as usize];
        let Some(last) = known.last_media.filter(|_| known.playable) else { return false };
        if playing.has(track) {
            // It is missed only while the other one flows; after a silence of both it is given its time from then.
            let other = &self.tracks[1 - track as usize];
            let other_flows = other.last_media.is_some_and(|last| now - last < FLOW_SECONDS);
            let since = other.flowing_since.map_or(last, |since| last.max(since));
            return !(other_flows && now - since >= STARVED_SECONDS[track as usize]);
        }
        let probation = (PROBATION_SECONDS * f64::from(known.left_behind)).min(PROBATION_MAX_SECONDS);
        now - last < FLOW_SECONDS && known.flowing_since.is_some_and(|since| now - since >= probation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Tracks = Tracks { video: false, audio: false };
    const VIDEO: Tracks = Tracks { video: true, audio: false };
    const AUDIO: Tracks = Tracks { video: false, audio: true };
    const BOTH: Tracks = Tracks { video: true, audio: true };

    fn lineup(expected: Tracks) -> Lineup {
        let mut lineup = Lineup::default();
        lineup.program(expected);
        lineup
    }

    /// Media of a track, ten times a second.
    fn flow(lineup: &mut Lineup, track: Track, from: f64, to: f64) {
        let mut now = from;
        while now <= to {
            lineup.media(track, now);
            now += 0.1;
        }
    }

    #[test]
    fn waits_for_both_and_begins_when_both_are_there() {
        let mut lineup = lineup(BOTH);
        lineup.init(Track::Video, true);
        lineup.media(Track::Video, 10.0);
        assert_eq!(lineup.choose(NONE, 10.0), None);
        lineup.init(Track::Audio, true);
        lineup.media(Track::Audio, 10.1);
        assert_eq!(lineup.choose(NONE, 10.1), Some(BOTH));
    }

    #[test]
    fn begins_alone_when_the_other_never_comes() {
        let mut lineup = lineup(BOTH);
        lineup.init(Track::Audio, true);
        flow(&mut lineup, Track::Audio, 10.0, 11.0);
        assert_eq!(lineup.choose(NONE, 11.0), None);
        flow(&mut lineup, Track::Audio, 11.1, 11.6);
        assert_eq!(lineup.choose(NONE, 11.6), Some(AUDIO));
    }

    #[test]
    fn does_not_wait_for_what_the_browser_cannot_play_or_the_programme_does_not_name() {
        let mut refused = lineup(BOTH);
        refused.init(Track::Audio, false);
        refused.init(Track::Video, true);
        refused.media(Track::Video, 1.0);
        assert_eq!(refused.choose(NONE, 1.0), Some(VIDEO));

        let mut radio = lineup(AUDIO);
        radio.init(Track::Audio, true);
        radio.media(Track::Audio, 1.0);
        assert_eq!(radio.choose(NONE, 1.0), Some(AUDIO));
    }

    #[test]
    fn a_track_that_comes_late_is_taken_in_at_once() {
        let mut lineup = lineup(BOTH);
        lineup.init(Track::Video, true);
        flow(&mut lineup, Track::Video, 0.0, 5.0);
        assert_eq!(lineup.choose(VIDEO, 5.0), Some(VIDEO));
        lineup.init(Track::Audio, true);
        lineup.media(Track::Audio, 5.0);
        assert_eq!(lineup.choose(VIDEO, 5.0), Some(BOTH));
    }

    #[test]
    fn a_track_that_stops_is_left_behind_and_comes_back_after_a_probation() {
        let mut lineup = lineup(BOTH);
        lineup.init(Track::Video, true);
        lineup.init(Track::Audio, true);
        flow(&mut lineup, Track::Video, 0.0, 10.0);
        flow(&mut lineup, Track::Audio, 0.0, 5.0);
        assert_eq!(lineup.choose(BOTH, 6.0), Some(BOTH), "a short pause is borne");
        assert_eq!(lineup.choose(BOTH, 7.0), Some(VIDEO));
        lineup.left_behind(Track::Audio);
        flow(&mut lineup, Track::Audio, 8.0, 9.0);
        assert_eq!(lineup.choose(VIDEO, 9.0), Some(VIDEO), "not for a few segments");
        flow(&mut lineup, Track::Audio, 9.1, 10.1);
        assert_eq!(lineup.choose(VIDEO, 10.1), Some(BOTH));
    }

    #[test]
    fn a_picture_that_waits_for_its_next_random_access_point_is_given_longer_than_sound() {
        let mut lineup = lineup(BOTH);
        lineup.init(Track::Video, true);
        lineup.init(Track::Audio, true);
        flow(&mut lineup, Track::Video, 0.0, 5.0);
        flow(&mut lineup, Track::Audio, 0.0, 8.0);
        assert_eq!(lineup.choose(BOTH, 7.5), Some(BOTH));
        assert_eq!(lineup.choose(BOTH, 8.0), Some(AUDIO));
    }

    #[test]
    fn after_a_silence_of_both_the_one_that_comes_back_first_waits_for_the_other() {
        let mut lineup = lineup(BOTH);
        for track in Tracks::BOTH {
            lineup.init(track, true);
            lineup.media(track, 1.0);
        }
        lineup.media(Track::Video, 20.0);
        assert_eq!(lineup.choose(BOTH, 20.1), Some(BOTH));
        lineup.media(Track::Audio, 20.5);
        assert_eq!(lineup.choose(BOTH, 20.5), Some(BOTH));
    }

    #[test]
    fn when_everything_stops_the_picture_stands() {
        let mut lineup = lineup(BOTH);
        for track in Tracks::BOTH {
            lineup.init(track, true);
            lineup.media(track, 1.0);
        }
        lineup.media(Track::Video, 1.4);
        for tenth in 10..200 {
            let now = f64::from(tenth) / 10.0;
            assert_eq!(lineup.choose(BOTH, now), Some(BOTH), "at {now}");
        }
        assert_eq!(lineup.choose(NONE, 60.0), None);
    }
}
