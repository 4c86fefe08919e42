//! When datagrams come and how large they are: rate, peaks, gaps. In: arrival times and lengths. Out: figures.

use super::rounded;
use serde::Serialize;
use std::collections::BTreeMap;

/// The window whose fullest counts as the peak, in milliseconds.
const WINDOW: usize = 100;
/// Different lengths that are told apart.
const MAX_SIZES: usize = 32;

/// How the datagrams came.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ArrivalFigures {
    /// Datagrams of the channel.
    pub datagrams: u64,
    /// Bytes of TS in them.
    pub bytes: u64,
    /// Milliseconds from the first to the last.
    pub span_ms: u64,
    /// The mean rate over that time, in bits a second of TS.
    pub mean_bps: Option<u64>,
    /// The rate over the fullest 100 ms.
    pub peak_bps: Option<u64>,
    /// The lengths of TS in a datagram, the most frequent first.
    pub sizes: Vec<SizeCount>,
    /// Milliseconds from one datagram to the next: the mean.
    pub mean_gap_ms: Option<f64>,
    /// The standard deviation of the same.
    pub gap_deviation_ms: Option<f64>,
    /// The longest time without a datagram.
    pub longest_gap_ms: Option<f64>,
    /// When that was, in milliseconds after the first datagram.
    pub longest_gap_at_ms: Option<u64>,
    /// Milliseconds from the last datagram to the end of the look.
    pub silent_at_end_ms: u64,
}

/// How many datagrams had one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SizeCount {
    /// Bytes of TS.
    pub bytes: usize,
    /// Datagrams.
    pub datagrams: u64,
}

#[derive(Debug)]
pub(super) struct Arrivals {
    first: u64,
    last: u64,
    datagrams: u64,
    bytes: u64,
    first_bytes: u64,
    sizes: BTreeMap<usize, u64>,
    longest: (u64, u64),
    /// The sum of the squares of the gaps, for their deviation.
    squares: f64,
    window: Window,
}

impl Arrivals {
    pub(super) fn new(now: u64) -> Self {
        Self {
            first: now,
            last: now,
            datagrams: 0,
            bytes: 0,
            first_bytes: 0,
            sizes: BTreeMap::new(),
            longest: (0, 0),
            squares: 0.0,
            window: Window { buckets: [0; WINDOW], at: now / 1000, sum: 0, peak: 0 },
        }
    }

    /// Counts a datagram; times do not go back.
    pub(super) fn push(&mut self, now: u64, bytes: usize) {
        let gap = now.saturating_sub(self.last);
        if gap > self.longest.0 {
            self.longest = (gap, self.last - self.first);
        }
        self.squares += (gap as f64).powi(2);
        self.last = now;
        if self.datagrams == 0 {
            self.first_bytes = bytes as u64;
        }
        self.datagrams += 1;
        self.bytes += bytes as u64;
        if self.sizes.len() < MAX_SIZES || self.sizes.contains_key(&bytes) {
            *self.sizes.entry(bytes).or_default() += 1;
        }
        self.window.push(now / 1000, bytes as u64);
    }

    pub(super) fn figures(&self, end: u64) -> ArrivalFigures {
        let span = self.last - self.first;
        let gaps = self.datagrams.saturating_sub(1);
        let several = gaps > 0 && span > 0;
        let mean = span as f64 / gaps.max(1) as f64;
        let variance = (self.squares / gaps.max(1) as f64 - mean.powi(2)).max(0.0);
        let mut sizes: Vec<_> = self.sizes.iter().map(|(&bytes, &datagrams)| SizeCount { bytes, datagrams }).collect();
        sizes.sort_by_key(|size| std::cmp::Reverse(size.datagrams));
        ArrivalFigures {
            datagrams: self.datagrams,
            bytes: self.bytes,
            span_ms: span / 1000,
            mean_bps: several.then(|| ((self.bytes - self.first_bytes) as f64 * 8e6 / span as f64) as u64),
            peak_bps: (span >= WINDOW as u64 * 1000).then(|| self.window.peak * 8 * 1000 / WINDOW as u64),
            sizes,
            mean_gap_ms: several.then(|| rounded(mean / 1e3)),
            gap_deviation_ms: several.then(|| rounded(variance.sqrt() / 1e3)),
            longest_gap_ms: several.then(|| rounded(self.longest.0 as f64 / 1e3)),
            longest_gap_at_ms: several.then_some(self.longest.1 / 1000),
            silent_at_end_ms: end.saturating_sub(self.last) / 1000,
        }
    }
}

/// The bytes of the last 100 ms, in steps of one.
#[derive(Debug)]
struct Window {
    buckets: [u64; WINDOW],
    /// The millisecond of the newest bucket.
    at: u64,
    sum: u64,
    peak: u64,
}

impl Window {
    fn push(&mut self, now: u64, bytes: u64) {
        for passed in (self.at + 1..=now).take(WINDOW) {
            let bucket = &mut self.buckets[passed as usize % WINDOW];
            self.sum -= std::mem::take(bucket);
        }
        // A long pause empties all of them, whichever they are.
        self.at = now;
        self.buckets[now as usize % WINDOW] += bytes;
        self.sum += bytes;
        self.peak = self.peak.max(self.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_peak_and_gaps_are_those_of_what_came() {
        let mut arrivals = Arrivals::new(5_000_000);
        let mut now = 5_000_000;
        // 10 ms apart, with a burst of ten at once in the middle and a pause before the last.
        for n in 0..50 {
            arrivals.push(now, 1316);
            for _ in 0..if n == 25 { 10 } else { 0 } {
                arrivals.push(now, 1316);
            }
            now += 10_000;
        }
        now += 90_000;
        arrivals.push(now, 188);
        let figures = arrivals.figures(now + 2_000_000);
        assert_eq!((figures.datagrams, figures.bytes, figures.span_ms), (61, 60 * 1316 + 188, 590));
        assert_eq!(figures.mean_bps, Some((59 * 1316 + 188) * 8 * 1000 / 590));
        assert_eq!(figures.peak_bps, Some(20 * 1316 * 8 * 10));
        assert_eq!((figures.longest_gap_ms, figures.longest_gap_at_ms), (Some(100.0), Some(490)));
        assert_eq!(figures.silent_at_end_ms, 2000);
        let sizes: Vec<_> = figures.sizes.iter().map(|size| (size.bytes, size.datagrams)).collect();
        assert_eq!(sizes, [(1316, 60), (188, 1)]);
    }

    #[test]
    fn even_arrivals_do_not_deviate() {
        let mut arrivals = Arrivals::new(0);
        (0..1000).for_each(|n| arrivals.push(n * 2000, 1316));
        let figures = arrivals.figures(2_000_000);
        assert_eq!((figures.mean_gap_ms, figures.gap_deviation_ms), (Some(2.0), Some(0.0)));
        assert_eq!((figures.mean_bps, figures.peak_bps), (Some(5_264_000), Some(5_264_000)));
    }

    #[test]
    fn one_datagram_has_no_rate() {
        let mut arrivals = Arrivals::new(7);
        arrivals.push(7, 1316);
        let figures = arrivals.figures(7);
        assert_eq!((figures.mean_bps, figures.peak_bps, figures.longest_gap_ms), (None, None, None));
    }

    #[test]
    fn lengths_are_bounded() {
        let mut arrivals = Arrivals::new(0);
        (0..1000).for_each(|n| arrivals.push(n, n as usize));
        assert_eq!(arrivals.figures(1000).sizes.len(), MAX_SIZES);
    }
}
