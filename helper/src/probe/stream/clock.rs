//! The clock of a program: its PCRs (ISO/IEC 13818-1, 2.4.2.2) against the time they arrive and against their place
//! in the stream.
//!
//! In: PCRs with arrival times. Out: intervals, steps (checks 2.3.a and 2.3.b of TR 101 290), and how far they lie
//! off a straight line. Against arrival (PCR_OJ, 5.3.2.7) that is the jitter of sender and network together, and of
//! the packets that share a datagram; against place (PCR_AC, 5.3.2.6) it is the multiplexer's alone, and only where
//! the rate is constant, as only then a place is a time.

use super::rounded;
use amt_shared::clock::{Pcr, WRAP};
use serde::Serialize;
use std::collections::VecDeque;

/// 27 MHz ticks after which a PCR begins anew.
const PCR_WRAP: u64 = WRAP as u64 * 300;
const TICKS_PER_MICRO: i64 = 27;
/// The longest time from one PCR to the next (2.7.2).
const LONGEST_INTERVAL: i64 = 100_000;
/// The same as DVB recommends it (ETSI TS 101 154, 4.1.5.3).
const RECOMMENDED_INTERVAL: i64 = 40_000;
/// PCRs that are kept for the line: over a minute and a half.
const MAX_SAMPLES: usize = 4096;
/// PCRs that make a line.
const MIN_SAMPLES: usize = 10;
/// A rate is constant where no PCR is further than this off its place.
const CONSTANT: f64 = 1000.0;
/// How exactly the speed of a clock has to be known before it is told: its standard error, in millionths.
const DRIFT_ERROR: f64 = 5.0;

/// How a program's clock runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PcrFigures {
    /// PCRs.
    pub count: u64,
    /// Milliseconds from one to the next by the clock itself: the mean.
    pub mean_interval_ms: Option<f64>,
    /// The longest of these.
    pub longest_interval_ms: Option<f64>,
    /// Intervals above 40 ms, which DVB recommends not to exceed.
    pub intervals_over_40_ms: u64,
    /// Steps that were announced (`discontinuity_indicator`).
    pub announced_steps: u64,
    /// Steps that were not.
    pub unannounced_steps: u64,
    /// Off the line against arrival, from the earliest to the latest, in microseconds.
    pub jitter_peak_to_peak_micros: Option<f64>,
    /// The same, root mean square.
    pub jitter_rms_micros: Option<f64>,
    /// The clock is faster than this machine's by so many millionths; where arrivals are even enough to tell.
    pub drift_ppm: Option<f64>,
    /// Bits a second of the whole stream by this clock, where the rate is constant.
    pub constant_bps: Option<u64>,
    /// Off the line against place in nanoseconds at most; only where the rate is constant. 500 are allowed.
    pub accuracy_nanos: Option<f64>,
}

/// What a PCR says about the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// As it should be.
    Even,
    /// So many microseconds without a PCR.
    Late(i64),
    /// The clock jumped by so many microseconds, and nothing announced it.
    Jump(i64),
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Microseconds after the first.
    arrival: f64,
    pcr: f64,
    /// Bytes of the stream before it.
    place: u64,
}

#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<(u64, Pcr)>,
    count: u64,
    intervals: u64,
    sum: i64,
    longest: i64,
    over_recommended: u64,
    announced: u64,
    unannounced: u64,
    samples: VecDeque<Sample>,
    /// Places before this one are of no use: something was lost since.
    whole_from: u64,
}

impl Clock {
    pub(super) fn last(&self) -> Option<Pcr> {
        self.last.map(|(_, pcr)| pcr)
    }

    /// Takes a PCR with its arrival in microseconds and its place in bytes.
    pub(super) fn push(&mut self, now: u64, place: u64, pcr: Pcr, announced: bool) -> Step {
        self.count += 1;
        let Some((before, last)) = self.last.replace((now, pcr)) else {
            self.samples.push_back(Sample { arrival: 0.0, pcr: 0.0, place });
            return Step::Even;
        };
        let interval = difference(pcr, last);
        if announced {
            self.announced += 1;
            self.begin_anew(place);
            return Step::Even;
        }
        let waited = now.saturating_sub(before) as i64;
        // Where as much time passed as the clock says, it is right, and PCRs are missing.
        let step = match interval {
            1..=LONGEST_INTERVAL => Step::Even,
            _ if interval > LONGEST_INTERVAL && (interval / 2..=interval * 2).contains(&waited) => Step::Late(interval),
            _ => Step::Jump(interval - waited),
        };
        if matches!(step, Step::Jump(_)) {
            self.unannounced += 1;
            self.begin_anew(place);
            return step;
        }
        self.intervals += 1;
        self.sum += interval;
        self.longest = self.longest.max(interval);
        self.over_recommended += u64::from(interval > RECOMMENDED_INTERVAL);
        let since = self.samples.back().map_or((0.0, 0.0), |sample| (sample.arrival, sample.pcr));
        if self.samples.len() == MAX_SAMPLES {
            self.samples.pop_front();
        }
        let exact = ticks(pcr, last) as f64 / TICKS_PER_MICRO as f64;
        self.samples.push_back(Sample { arrival: since.0 + waited as f64, pcr: since.1 + exact, place });
        step
    }

    /// Something is missing before `place`.
    pub(super) fn lost(&mut self, place: u64) {
        self.whole_from = place;
    }

    fn begin_anew(&mut self, place: u64) {
        self.samples.clear();
        self.samples.push_back(Sample { arrival: 0.0, pcr: 0.0, place });
    }

    pub(super) fn figures(&self) -> PcrFigures {
        let against_arrival = line(self.samples.iter().map(|sample| (sample.arrival, sample.pcr)));
        let whole = self.samples.iter().filter(|sample| sample.place >= self.whole_from);
        let against_place = line(whole.map(|sample| (sample.place as f64, sample.pcr)));
        let constant = against_place.filter(|line| line.slope > 0.0 && line.most() < CONSTANT);
        let some = self.intervals > 0;
        PcrFigures {
            count: self.count,
            mean_interval_ms: some.then(|| rounded(self.sum as f64 / self.intervals as f64 / 1e3)),
            longest_interval_ms: some.then(|| rounded(self.longest as f64 / 1e3)),
            intervals_over_40_ms: self.over_recommended,
            announced_steps: self.announced,
            unannounced_steps: self.unannounced,
            jitter_peak_to_peak_micros: against_arrival.map(|line| rounded(line.latest - line.earliest)),
            jitter_rms_micros: against_arrival.map(|line| rounded(line.rms)),
            drift_ppm: against_arrival
                .filter(|line| line.slope_error * 1e6 < DRIFT_ERROR)
                .map(|line| rounded((line.slope - 1.0) * 1e6)),
            constant_bps: constant.map(|line| (8e6 / line.slope).round() as u64),
            accuracy_nanos: constant.map(|line| rounded(line.most() * 1e3)),
        }
    }
}

/// The way from one PCR to another in 27 MHz ticks, the short way round the wrap.
fn ticks(to: Pcr, from: Pcr) -> i64 {
    let forward = ((to.ticks_27mhz() + 2 * PCR_WRAP - from.ticks_27mhz()) % PCR_WRAP) as i64;
    if forward >= PCR_WRAP as i64 / 2 { forward - PCR_WRAP as i64 } else { forward }
}

/// The same in microseconds.
fn difference(to: Pcr, from: Pcr) -> i64 {
    ticks(to, from) / TICKS_PER_MICRO
}

/// The line through points that has the least squares, and how far they lie off it.
#[derive(Clone, Copy, Debug)]
struct Line {
    slope: f64,
    /// Its standard error.
    slope_error: f64,
    rms: f64,
    earliest: f64,
    latest: f64,
}

impl Line {
    /// The furthest that a point lies off it.
    fn most(&self) -> f64 {
        self.latest.max(-self.earliest)
    }
}

fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Line> {
    let count = points.clone().count();
    if count < MIN_SAMPLES {
        return None;
    }
    let n = count as f64;
    let (x, y) = points.clone().fold((0.0, 0.0), |sums, point| (sums.0 + point.0 / n, sums.1 + point.1 / n));
    let (xx, xy) = points.clone().fold((0.0, 0.0), |(xx, xy), point| {
        let dx = point.0 - x;
        (xx + dx * dx, xy + dx * (point.1 - y))
    });
    if xx <= 0.0 {
        return None;
    }
    let slope = xy / xx;
    let off = points.map(|point| point.1 - y - slope * (point.0 - x));
    let (mut earliest, mut latest, mut squares) = (f64::MAX, f64::MIN, 0.0);
    for off in off {
        earliest = earliest.min(off);
        latest = latest.max(off);
        squares += off * off;
    }
    let slope_error = (squares / (n - 2.0) / xx).sqrt();
    Some(Line { slope, slope_error, rms: (squares / n).sqrt(), earliest, latest })
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
