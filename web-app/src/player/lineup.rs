//! Which tracks play together. Source buffers have to be made together before the first segment, so someone
//! has to say when to stop waiting for a track, when to leave one behind, and when to take one in again. Pure: times
//! come in, in seconds.

use crate::segmenter::Track;

/// How long a track that the programme names is waited for, once the other one is there.
const WAIT_SECONDS: f64 = 1.5;
/// A track without media for so long, while the other one flows, is left behind. Video, then audio: Chromium
/// lets the sound go on for three seconds under a standing picture, so a picture that waits for its next random
/// access point is given nearly that; without sound the picture stops at once.
const STARVED_SECONDS: [f64; 2] = [2.7, 1.5];
/// A track flows while its next segment is no later than this.
const FLOW_SECONDS: f64 = 0.7;
/// A segment counts for so long at most, whatever its duration: pictures may be seconds apart.
const SEGMENT_MAX_SECONDS: f64 = 10.0;
/// A track that was left behind is taken in again at its next random access point; one that was left again and again, at
/// the first one after so long for each time but the first. A time is forgiven in `FORGIVEN_SECONDS`.
const PROBATION_SECONDS: f64 = 1.0;
const PROBATION_MAX_SECONDS: f64 = 5.0;
const FORGIVEN_SECONDS: f64 = 20.0;
/// What the browser refused twice, it will refuse again.
const REFUSED_SECONDS: f64 = 30.0;

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

    /// Those that pass.
    pub fn of(test: impl Fn(Track) -> bool) -> Self {
        Self { video: test(Track::Video), audio: test(Track::Audio) }
    }
}

/// What is known of each track.
#[derive(Debug, Default)]
pub struct Lineup {
    tracks: [Known; 2],
    /// Since when it has been waited for a complete programme.
    waits_since: Option<f64>,
}

#[derive(Debug, Default)]
struct Known {
    /// The programme names it.
    expected: bool,
    /// The programme stopped naming it, and nothing of it has come since.
    gone: Option<f64>,
    /// It has an initialisation segment that the browser can play.
    playable: bool,
    /// It has one that the browser cannot play.
    refused: bool,
    last: Option<Last>,
    flowing_since: f64,
    /// The last random access point came then.
    key: Option<f64>,
    left: Option<Left>,
}

/// When the last segment came, and when the next one is due.
#[derive(Clone, Copy, Debug)]
struct Last {
    came: f64,
    due: f64,
}

/// When it was left behind, how often that has happened and is not forgiven, and when it may come back.
#[derive(Clone, Copy, Debug)]
struct Left {
    at: f64,
    times: f64,
    until: f64,
}

impl Lineup {
    /// The programme's table has come: which tracks it names.
    pub fn program(&mut self, expected: Tracks, now: f64) {
        for track in Tracks::BOTH {
            let known = &mut self.tracks[track as usize];
            if known.expected && !expected.has(track) {
                known.gone = Some(now);
            }
            known.expected = expected.has(track);
        }
    }

    /// An initialisation segment has come.
    pub fn init(&mut self, track: Track, playable: bool) {
        let known = &mut self.tracks[track as usize];
        known.playable = playable;
        known.refused = !playable;
    }

    /// A media segment has come, which plays for `duration` seconds and begins with a random access point if it is `key`.
    pub fn media(&mut self, track: Track, now: f64, duration: f64, key: bool) {
        self.waits_since.get_or_insert(now);
        let known = &mut self.tracks[track as usize];
        if !known.flows(now) {
            known.flowing_since = now;
        }
        let due = now + duration.clamp(0.0, SEGMENT_MAX_SECONDS);
        known.last = Some(Last { came: now, due });
        known.gone = None;
        if key {
            known.key = Some(now);
        }
    }

    /// What plays has come to its end by an error: both tracks are waited for once more.
    pub fn begin_anew(&mut self, now: f64) {
        self.waits_since = Some(now);
    }

    /// The tracks to play from now on, while those in `playing` play and decoding could begin in those of `decodable`;
    /// `None` while it is not time to begin.
    #[must_use]
    pub fn choose(&self, playing: Tracks, decodable: Tracks, now: f64) -> Option<Tracks> {
        let stays = Tracks::of(|track| playing.has(track) && self.stays(track, now));
        // Taking one in begins the other anew, which must not be lost by it until its next random access point.
        let costs = Tracks::BOTH.into_iter().any(|track| stays.has(track) && !decodable.has(track));
        let there = Tracks::of(|track| {
            if playing.has(track) {
                stays.has(track)
            } else {
                !costs && decodable.has(track) && self.tracks[track as usize].may_join(now)
            }
        });
        if there.is_empty() {
            return None;
        }
        let missing = |track: Track| {
            let known = &self.tracks[track as usize];
            known.expected && !known.refused && !there.has(track) && known.left.is_none()
        };
        let waited = self.waits_since.is_some_and(|since| now - since >= WAIT_SECONDS);
        let complete = !Tracks::BOTH.into_iter().any(missing);
        (complete || waited || !playing.is_empty()).then_some(there)
    }

    /// Whether the programme has a picture that the browser can play, here now or not.
    #[must_use]
    pub fn expects_picture(&self) -> bool {
        let video = &self.tracks[Track::Video as usize];
        video.expected && !video.refused
    }

    /// A track that played was left behind.
    pub fn left_behind(&mut self, track: Track, now: f64) {
        let known = &mut self.tracks[track as usize];
        // What the programme does not name any more is no fault of the track's.
        if known.gone.is_some() {
            return;
        }
        let before = known.left.map_or(0.0, |left| left.times - (now - left.at) / FORGIVEN_SECONDS).max(0.0);
        let probation = (before * PROBATION_SECONDS).min(PROBATION_MAX_SECONDS);
        known.left = Some(Left { at: now, times: before + 1.0, until: now + probation });
    }

    /// The browser has refused what it was given of this track, again: the other one plays without it for a while.
    pub fn refused_again(&mut self, track: Track, now: f64) {
        self.left_behind(track, now);
        if let Some(left) = &mut self.tracks[track as usize].left {
            left.until = now + REFUSED_SECONDS;
        }
    }

    /// Whether a track that plays goes on doing so.
    fn stays(&self, track: Track, now: f64) -> bool {
        let (known, other) = (&self.tracks[track as usize], &self.tracks[1 - track as usize]);
        let Some(last) = known.last.filter(|_| known.playable) else { return false };
        if known.gone.is_some_and(|gone| other.last.is_some_and(|last| last.came > gone)) {
            return false;
        }
        // It is missed only while the other one flows; after a silence of both it is given its time from then.
        !(other.flows(now) && now - last.due.max(other.flowing_since) >= STARVED_SECONDS[track as usize])
    }
}

impl Known {
    fn flows(&self, now: f64) -> bool {
        self.last.is_some_and(|last| now - last.due < FLOW_SECONDS)
    }

    /// Whether a track that does not play is taken in.
    fn may_join(&self, now: f64) -> bool {
        let until = self.left.map_or(f64::NEG_INFINITY, |left| left.until);
        self.playable && self.flows(now) && self.key.is_some_and(|key| key > until)
    }
}

#[cfg(test)]
#[path = "lineup_tests.rs"]
mod tests;
