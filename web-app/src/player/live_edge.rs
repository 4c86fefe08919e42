//! Holds the live edge: how fast to play, and when to jump. Pure: times come in, a decision goes out.
//!
//! Two quantities rule it, both in seconds. The *lag* is the media clock's distance to the wall clock
//! (`now - current_time`): playing faster makes it smaller. The *transit* of a segment is the same distance at
//! the moment it arrives (`arrival - start`): it must have arrived before its turn comes, so the lag has to
//! stay above the transit that is usual, and above that of this moment while something is late. What the browser itself
//! needs on top is a floor that was measured, and a margin that stalls teach.
//!
//! Near the edge the pitch goes with the speed: keeping it costs the browser 50 ms, so the steps are too small to be
//! heard. Further away there is time for it, so the pitch is kept and the steps are large; where a jump costs the browser
//! less than they do, it jumps.

use super::lineup::Tracks;
use super::transit::Transit;
use crate::segmenter::Track;

/// What a segment has to be early by, by track, or Chromium runs dry, by measurement: its audio renderer
/// decodes well ahead of what is heard, while a picture is needed when its turn comes.
const FLOOR: [f64; 2] = [0.030, 0.080];
/// A machine on which that is not enough shows it by stalls: each raises the floor, for minutes.
const FLOOR_STEP: f64 = 0.015;
const FLOOR_RISE_MAX: f64 = 0.120;
const FLOOR_DECAY: f64 = 0.000_05;
/// What the browser wants to have ahead of a new position before it plays on.
const PREROLL_WITH_AUDIO: f64 = 0.22;
const PREROLL_VIDEO_ONLY: f64 = 0.06;
/// The margin never grows beyond this: a stream that stalls then is not held back by us.
const MARGIN_MAX: f64 = 0.8;
const MARGIN_STEP: f64 = 0.040;
/// After this long without a stall the margin shrinks again, by `MARGIN_DECAY` a second.
const CALM_SECONDS: f64 = 15.0;
const MARGIN_DECAY: f64 = 0.002;
/// A stall for want of something that came so late is no lesson: no margin would have helped.
const NO_LESSON: f64 = 0.25;
/// Corrections begin beyond the first and end within the second.
const TOLERANCE: f64 = 0.012;
const SETTLED: f64 = 0.004;
/// So far behind there is room to keep the pitch, which ends when there is so little left.
const FAR: f64 = 0.10;
const NEAR: f64 = 0.05;
/// A step that is not heard where the pitch goes with it (17 cents), and the one that is taken where a stall is near.
const STEP: f64 = 0.01;
const STEP_TO_SAFETY: f64 = -0.02;
const UNSAFE: f64 = -0.06;
/// With its pitch kept, speech and music bear this; and this for a few seconds, where a jump would take longer.
const FASTER_MAX: f64 = 0.25;
const FASTEST: f64 = 1.0;
/// From here on it jumps.
const HOPELESS: f64 = 0.6;
/// Right after the start a jump is hardly seen, and saves seconds of playing fast.
const HOPELESS_AT_START: f64 = 0.3;
const START_SECONDS: f64 = 3.0;
const WORTH_A_JUMP: f64 = 0.15;
/// A jump must have taken effect before another is considered.
const JUMP_PAUSE: f64 = 2.0;
/// After a jump the browser decodes from the key frame before it, eight times as fast as it plays, at worst; and what is
/// gained must be twice what that costs.
const DECODING_COST: f64 = 0.25;
/// The lag is smoothed with this weight, for the element's clock moves in steps.
const SMOOTHING: f64 = 0.3;
/// So far behind for so long a viewer is offered the way to the live edge.
const BEHIND: f64 = 1.0;
const BEHIND_SECONDS: f64 = 1.0;

/// What is seen of the media element at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// Now, in seconds of any steady clock; the same as for the arrivals.
    pub now: f64,
    /// The element's position, in seconds of the media timeline.
    pub current_time: f64,
    /// Where the media that all tracks have without a hole ends.
    pub buffered_end: f64,
    /// The last key frame of the picture that has come; `None` without a picture.
    pub last_key: Option<f64>,
    /// Whether the position is moving: neither paused nor seeking nor waiting for data.
    pub moving: bool,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// For `playbackRate`.
    pub rate: f64,
    /// For `preservesPitch`.
    pub keep_pitch: bool,
    /// A new position, where playing faster would take too long.
    pub seek: Option<f64>,
}

/// The state of the control loop.
#[derive(Debug)]
pub struct LiveEdge {
    playing: Tracks,
    transits: [Transit; 2],
    /// How much the stalls of this machine have raised the floors.
    rise: f64,
    preroll: f64,
    /// On top of the floors, `rise` at least.
    margin: f64,
    started: Option<f64>,
    target: Option<f64>,
    lag: Option<f64>,
    rate: f64,
    keep_pitch: bool,
    last: f64,
    last_stall: f64,
    /// What the last stall has taught: margin and floor.
    lesson: (f64, f64),
    last_jump: f64,
    /// Since when it has been well behind.
    behind_since: Option<f64>,
}

impl LiveEdge {
    /// For a session that plays these tracks.
    #[must_use]
    pub fn new(playing: Tracks) -> Self {
        Self {
            playing,
            transits: Default::default(),
            rise: 0.0,
            preroll: if playing.audio { PREROLL_WITH_AUDIO } else { PREROLL_VIDEO_ONLY },
            margin: 0.0,
            started: None,
            target: None,
            lag: None,
            rate: 1.0,
            keep_pitch: false,
            last: 0.0,
            last_stall: f64::NEG_INFINITY,
            lesson: (0.0, 0.0),
            last_jump: f64::NEG_INFINITY,
            behind_since: None,
        }
    }

    /// For the next session on the same timeline: what is known of the way stays, and what stalls have taught of the
    /// machine.
    #[must_use]
    pub fn next(self, playing: Tracks) -> Self {
        let (rise, transits) = (self.rise, self.transits);
        Self { rise, margin: rise, transits, ..Self::new(playing) }
    }

    /// Another timeline begins: nothing is known of the way.
    pub fn forget(&mut self) {
        self.transits = Default::default();
        self.target = None;
        self.lag = None;
        self.behind_since = None;
    }

    /// A segment of a track that begins at `start` on the media timeline has arrived. Segments out of a cache
    /// say nothing about the way and must not be given.
    pub fn arrived(&mut self, now: f64, track: Track, start: f64) {
        let transit = &mut self.transits[track as usize];
        let late = transit.usual().map_or(0.0, |usual| now - start - usual);
        if late > NO_LESSON && self.last_stall > now - late {
            let (margin, rise) = std::mem::take(&mut self.lesson);
            self.margin -= margin;
            self.rise -= rise;
        }
        transit.push(now, now - start);
    }

    /// The element ran dry while it was playing.
    pub fn stalled(&mut self, now: f64) {
        // One hole in the data may be told more than once.
        if now - self.last_stall > 1.0 {
            let before = (self.margin, self.rise);
            self.margin = (self.margin + MARGIN_STEP).min(MARGIN_MAX);
            self.rise = (self.rise + FLOOR_STEP).min(FLOOR_RISE_MAX);
            self.lesson = (self.margin - before.0, self.rise - before.1);
        }
        self.last_stall = now;
        self.lag = None;
    }

    /// The position was set, or the page was hidden.
    pub fn placed(&mut self, now: f64) {
        self.lag = None;
        self.behind_since = None;
        self.last_jump = now;
    }

    /// The distance that is kept from now to the media clock, over the quickest arrival: for people.
    #[must_use]
    pub fn target_delay(&self) -> Option<f64> {
        let quickest = self.transits.iter().filter_map(Transit::quickest).reduce(f64::max)?;
        Some(self.target? - quickest)
    }

    /// Whether what plays is well behind what could, and has been for a while.
    #[must_use]
    pub fn is_behind(&self, now: f64) -> bool {
        self.behind_since.is_some_and(|since| now - since > BEHIND_SECONDS)
    }

    /// Decides; to be asked about ten times a second.
    pub fn decide(&mut self, sight: &Sight) -> Decision {
        let elapsed = (sight.now - self.last).clamp(0.0, 1.0);
        self.last = sight.now;
        if sight.now - self.last_stall > CALM_SECONDS {
            self.rise = (self.rise - FLOOR_DECAY * elapsed).max(0.0);
            self.margin = (self.margin - MARGIN_DECAY * elapsed).max(self.rise);
        }
        for transit in &mut self.transits {
            transit.expire(sight.now);
        }
        let Some(target) = self.need(Transit::usual) else { return self.steady() };
        self.target = Some(target);
        let seen = sight.now - sight.current_time;
        if seen < target + BEHIND {
            self.behind_since = None;
        } else {
            self.behind_since.get_or_insert(sight.now);
        }
        if !sight.moving {
            self.lag = None;
            return self.steady();
        }

        let lag = self.lag.map_or(seen, |lag| lag + (seen - lag) * SMOOTHING);
        self.lag = Some(lag);
        // What is late now is no reason to fall back, but nothing can be played before it has come.
        let held_up = self.need(Transit::now).map_or(target, |need| need.max(target));
        let excess = if lag > held_up { lag - held_up } else { (lag - target).min(0.0) };

        let started = *self.started.get_or_insert(sight.now);
        let hopeless = if sight.now - started < START_SECONDS { HOPELESS_AT_START } else { HOPELESS };
        let mut fastest = FASTER_MAX;
        if excess > hopeless && sight.now - self.last_jump > JUMP_PAUSE {
            let position = (sight.now - target).min(sight.buffered_end - self.preroll);
            let decoding = sight.last_key.map_or(0.0, |key| (position - key).max(0.0));
            if excess < DECODING_COST * decoding {
                fastest = FASTEST;
            } else if position > sight.current_time + WORTH_A_JUMP {
                self.placed(sight.now);
                self.steady();
                return Decision { rate: 1.0, keep_pitch: false, seek: Some(position) };
            }
        }
        self.rate = 1.0 + self.step(excess, fastest);
        Decision { rate: self.rate, keep_pitch: self.keep_pitch, seek: None }
    }

    /// The lag that the worse track needs, by this measure of its transit.
    fn need(&self, transit: fn(&Transit) -> Option<f64>) -> Option<f64> {
        let needs = Tracks::BOTH.into_iter().filter(|track| self.playing.has(*track)).filter_map(|track| {
            let index = track as usize;
            Some(transit(&self.transits[index])? + FLOOR[index])
        });
        needs.reduce(f64::max).map(|need| need + self.margin)
    }

    /// By how much to play faster or slower.
    fn step(&mut self, excess: f64, fastest: f64) -> f64 {
        self.keep_pitch = excess > if self.keep_pitch { NEAR } else { FAR };
        if self.keep_pitch {
            // Each change of rate costs the browser something: steps of a twentieth.
            let wish = if excess > HOPELESS { fastest } else { excess.min(FASTER_MAX) };
            return ((wish * 20.0).round() / 20.0).max(0.05);
        }
        if excess < UNSAFE {
            return STEP_TO_SAFETY;
        }
        let correcting = self.rate != 1.0;
        let same_way = (excess > 0.0) == (self.rate > 1.0);
        let wanted = excess.abs() > TOLERANCE || (correcting && same_way && excess.abs() > SETTLED);
        if wanted { STEP.copysign(excess) } else { 0.0 }
    }

    fn steady(&mut self) -> Decision {
        self.rate = 1.0;
        self.keep_pitch = false;
        Decision { rate: 1.0, keep_pitch: false, seek: None }
    }
}

#[cfg(test)]
#[path = "live_edge_tests.rs"]
mod tests;
