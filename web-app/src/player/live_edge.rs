//! Holds the live edge: how fast to play, and when to jump. Pure: times come in, a decision goes out.
//!
//! Two quantities rule it, both in seconds. The *lag* is the media clock's distance to the wall clock
//! (`now - current_time`): playing faster makes it smaller. The *transit* of a segment is the same distance at
//! the moment it arrives (`arrival - start`): it must have arrived before its turn comes, so the lag has to
//! stay above every track's worst transit. Reordered pictures, audio that comes in bursts and jitter on the
//! way all show in the transit, so nothing has to be known about them. What the browser itself needs on top
//! is a floor that was measured, and a margin that stalls teach.

use crate::segmenter::Track;
use std::collections::VecDeque;

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
/// The worst transit is remembered this long.
const WINDOW_SECONDS: f64 = 8.0;
const BUCKET_SECONDS: f64 = 0.5;
/// The target comes down at this pace (seconds a second), and goes up at once.
const TARGET_DECAY: f64 = 0.02;
/// Corrections begin beyond the first and end within the second.
const TOLERANCE: f64 = 0.012;
const SETTLED: f64 = 0.004;
/// From here on the faster steps are taken, and from there on it jumps.
const FAR: f64 = 0.25;
const HOPELESS: f64 = 0.8;
/// Right after the start a jump is hardly seen, and saves seconds of playing fast.
const HOPELESS_AT_START: f64 = 0.3;
const START_SECONDS: f64 = 3.0;
const WORTH_A_JUMP: f64 = 0.15;
/// A jump must have taken effect before another is considered.
const JUMP_PAUSE: f64 = 2.0;
/// The lag is smoothed with this weight, for the element's clock moves in steps.
const SMOOTHING: f64 = 0.3;

/// What is seen of the media element at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// Now, in seconds of any steady clock; the same as for the arrivals.
    pub now: f64,
    /// The element's position, in seconds of the media timeline.
    pub current_time: f64,
    /// Where the media that all tracks have without a hole ends.
    pub buffered_end: f64,
    /// Whether the position is moving: neither paused nor seeking nor waiting for data.
    pub moving: bool,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// For `playbackRate`.
    pub rate: f64,
    /// A new position, where playing faster would take too long.
    pub seek: Option<f64>,
}

/// The state of the control loop.
#[derive(Debug)]
pub struct LiveEdge {
    transits: [Window; 2],
    /// How much the stalls of this machine have raised the floors.
    rise: f64,
    preroll: f64,
    /// On top of the floors, `rise` at least.
    margin: f64,
    started: Option<f64>,
    target: Option<f64>,
    lag: Option<f64>,
    rate: f64,
    last: f64,
    last_stall: f64,
    last_jump: f64,
}

impl LiveEdge {
    /// For a stream with or without sound.
    #[must_use]
    pub fn new(with_audio: bool) -> Self {
        Self {
            transits: Default::default(),
            rise: 0.0,
            preroll: if with_audio { PREROLL_WITH_AUDIO } else { PREROLL_VIDEO_ONLY },
            margin: 0.0,
            started: None,
            target: None,
            lag: None,
            rate: 1.0,
            last: 0.0,
            last_stall: f64::NEG_INFINITY,
            last_jump: f64::NEG_INFINITY,
        }
    }

    /// For a new session on the same machine: what its stalls have taught stays.
    #[must_use]
    pub fn next(&self, with_audio: bool) -> Self {
        let mut next = Self::new(with_audio);
        next.rise = self.rise;
        next.margin = next.rise;
        next
    }

    /// A segment of a track that begins at `start` on the media timeline has arrived. Segments out of a cache
    /// say nothing about the way and must not be given.
    pub fn arrived(&mut self, now: f64, track: Track, start: f64) {
        self.transits[track as usize].push(now, now - start);
    }

    /// The element ran dry while it was playing.
    pub fn stalled(&mut self, now: f64) {
        // One hole in the data may be told more than once.
        if now - self.last_stall > 1.0 {
            self.margin = (self.margin + MARGIN_STEP).min(MARGIN_MAX);
            self.rise = (self.rise + FLOOR_STEP).min(FLOOR_RISE_MAX);
        }
        self.last_stall = now;
        self.lag = None;
    }

    /// What was learnt no longer holds: the page was hidden, or the position was set.
    pub fn forget(&mut self) {
        self.transits = Default::default();
        self.target = None;
        self.lag = None;
    }

    /// The distance that is kept from now to the media clock, over the quickest arrival: for people.
    #[must_use]
    pub fn target_delay(&self) -> Option<f64> {
        let quickest = self.transits.iter().filter_map(Window::min).reduce(f64::max)?;
        Some(self.target? - quickest)
    }

    /// Decides; to be asked about ten times a second.
    pub fn decide(&mut self, sight: &Sight) -> Decision {
        let elapsed = (sight.now - self.last).clamp(0.0, 1.0);
        self.last = sight.now;
        if sight.now - self.last_stall > CALM_SECONDS {
            self.rise = (self.rise - FLOOR_DECAY * elapsed).max(0.0);
            self.margin = (self.margin - MARGIN_DECAY * elapsed).max(self.rise);
        }
        for window in &mut self.transits {
            window.expire(sight.now);
        }
        let needs = self.transits.iter().zip(FLOOR).filter_map(|(window, floor)| Some(window.max()? + floor));
        let Some(wanted) = needs.reduce(f64::max).map(|need| need + self.margin) else {
            return self.steady();
        };
        let target = self.target.map_or(wanted, |target| wanted.max(target - TARGET_DECAY * elapsed));
        self.target = Some(target);
        if !sight.moving {
            self.lag = None;
            return self.steady();
        }

        let seen = sight.now - sight.current_time;
        let lag = self.lag.map_or(seen, |lag| lag + (seen - lag) * SMOOTHING);
        self.lag = Some(lag);
        let excess = lag - target;

        let started = *self.started.get_or_insert(sight.now);
        let hopeless = if sight.now - started < START_SECONDS { HOPELESS_AT_START } else { HOPELESS };
        if excess > hopeless && sight.now - self.last_jump > JUMP_PAUSE {
            let position = (sight.now - target).min(sight.buffered_end - self.preroll);
            if position > sight.current_time + WORTH_A_JUMP {
                self.last_jump = sight.now;
                self.lag = None;
                self.rate = 1.0;
                return Decision { rate: 1.0, seek: Some(position) };
            }
        }
        let correcting = self.rate != 1.0;
        let same_way = (excess > 0.0) == (self.rate > 1.0);
        self.rate = if excess.abs() > TOLERANCE || (correcting && same_way && excess.abs() > SETTLED) {
            step(excess)
        } else {
            1.0
        };
        Decision { rate: self.rate, seek: None }
    }

    fn steady(&mut self) -> Decision {
        self.rate = 1.0;
        Decision { rate: 1.0, seek: None }
    }
}

/// Small steps of a hundredth: they are not heard, and each change of rate costs the browser something.
fn step(excess: f64) -> f64 {
    let wish = if excess > FAR { excess * 0.4 } else { (excess * 0.6).clamp(-0.03, 0.05) };
    let steps = (wish * 100.0).round().clamp(-3.0, 10.0);
    1.0 + if steps == 0.0 { excess.signum() } else { steps } / 100.0
}

/// The extremes of a value over the last seconds, in buckets.
#[derive(Debug, Default)]
struct Window {
    buckets: VecDeque<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    since: f64,
    min: f64,
    max: f64,
}

impl Window {
    fn push(&mut self, now: f64, value: f64) {
        match self.buckets.back_mut() {
            Some(bucket) if now - bucket.since < BUCKET_SECONDS => {
                bucket.min = bucket.min.min(value);
                bucket.max = bucket.max.max(value);
            }
            _ => self.buckets.push_back(Bucket { since: now, min: value, max: value }),
        }
        self.expire(now);
    }

    fn expire(&mut self, now: f64) {
        while self.buckets.front().is_some_and(|bucket| now - bucket.since > WINDOW_SECONDS) {
            self.buckets.pop_front();
        }
    }

    fn max(&self) -> Option<f64> {
        self.buckets.iter().map(|bucket| bucket.max).reduce(f64::max)
    }

    fn min(&self) -> Option<f64> {
        self.buckets.iter().map(|bucket| bucket.min).reduce(f64::min)
    }
}

#[cfg(test)]
#[path = "live_edge_tests.rs"]
mod tests;
