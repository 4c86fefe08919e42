//! The times of one elementary stream: PTS and DTS of its PES packets (ISO/IEC 13818-1, 2.4.3.6).
//!
//! In: the beginnings of PES packets. Out: how far apart they are, steps that do not fit, and how long before its
//! time a frame comes, which is the time a receiver has left to show it.

use super::rounded;
use amt_shared::clock::{Pcr, pes_timestamp, wrapped_difference};
use serde::Serialize;

/// 90 kHz ticks in a millisecond.
const TICKS_PER_MS: f64 = 90.0;
/// A step further than this does not belong to the frames' distance.
const LONGEST_STEP: i64 = 90_000;

/// How a stream's times run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PtsFigures {
    /// PES packets with a PTS.
    pub count: u64,
    /// Milliseconds from one to the next in decoding order, by the times themselves: the mean.
    pub mean_interval_ms: Option<f64>,
    /// The longest time of arrival from one PTS to the next, in milliseconds.
    pub longest_wait_ms: Option<f64>,
    /// Steps back, or of more than a second.
    pub jumps: u64,
    /// How long before its time of decoding a frame begins to arrive, by the program's PCR, in milliseconds: the
    /// least. Below 0 it comes too late.
    pub least_ahead_ms: Option<f64>,
    /// The same, the most.
    pub most_ahead_ms: Option<f64>,
}

/// The times of one PES packet in 90 kHz ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) pts: u64,
    /// When it is decoded; the PTS where no DTS is there.
    pub(super) dts: u64,
}

impl Stamp {
    /// Reads the header of the PES packet that a payload begins with; `None` where it has no times.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let header = payload.strip_prefix(&[0, 0, 1])?;
        // Streams without the optional header: map, padding, private 2, ECM, EMM, directory, DSM-CC, H.222.1 E.
        if matches!(header.first()?, 0xBC | 0xBE | 0xBF | 0xF0..=0xF2 | 0xF8 | 0xFF) || header.get(3)? & 0xC0 != 0x80 {
            return None;
        }
        let times = header.get(6..)?;
        let pts = times.first_chunk().map(pes_timestamp);
        match header.get(4)? >> 6 {
            0b10 => pts.map(|pts| Self { pts, dts: pts }),
            0b11 => Some(Self { pts: pts?, dts: pes_timestamp(times.get(5..)?.first_chunk()?) }),
            _ => None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Stamps {
    last: Option<u64>,
    count: u64,
    steps: u64,
    sum: i64,
    jumps: u64,
    ahead: Option<(i64, i64)>,
}

impl Stamps {
    /// Takes the times of a PES packet, and the program's clock as it stood then.
    pub(super) fn push(&mut self, stamp: Stamp, clock: Option<Pcr>) {
        self.count += 1;
        if let Some(last) = self.last.replace(stamp.dts) {
            let step = wrapped_difference(stamp.dts, last);
            if (1..=LONGEST_STEP).contains(&step) {
                self.steps += 1;
                self.sum += step;
            } else {
                self.jumps += 1;
            }
        }
        if let Some(clock) = clock {
            let ahead = wrapped_difference(stamp.dts, clock.base);
            let (least, most) = self.ahead.unwrap_or((ahead, ahead));
            self.ahead = Some((least.min(ahead), most.max(ahead)));
        }
    }

    pub(super) fn figures(&self, longest_wait: Option<u64>) -> PtsFigures {
        let mean = self.sum as f64 / self.steps.max(1) as f64 / TICKS_PER_MS;
        PtsFigures {
            count: self.count,
            mean_interval_ms: (self.steps > 0).then_some(rounded(mean)),
            longest_wait_ms: longest_wait.map(|wait| rounded(wait as f64 / 1e3)),
            jumps: self.jumps,
            least_ahead_ms: self.ahead.map(|(least, _)| rounded(least as f64 / TICKS_PER_MS)),
            most_ahead_ms: self.ahead.map(|(_, most)| rounded(most as f64 / TICKS_PER_MS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_stream::pes;
    use super::*;
    use proptest::prelude::*;

    fn stamp(time: u64) -> Stamp {
        Stamp { pts: time + 7200, dts: time }
    }

    #[test]
    fn times_are_read_from_pes_headers_and_from_nothing_else() {
        assert_eq!(Stamp::parse(&pes(0xE0, 9000, Some(5400))), Some(Stamp { pts: 9000, dts: 5400 }));
        assert_eq!(Stamp::parse(&pes(0xC0, 9000, None)), Some(Stamp { pts: 9000, dts: 9000 }));
        // A padding stream has no such header, and scrambled bytes have no start code.
        assert_eq!(Stamp::parse(&pes(0xBE, 9000, None)), None);
        assert_eq!(Stamp::parse(&[9; 100]), None);
        assert_eq!(Stamp::parse(&pes(0xE0, 9000, Some(5400))[..12]), None);
    }

    #[test]
    fn distance_steps_and_what_is_left_are_told() {
        let mut stamps = Stamps::default();
        let wrap = 1 << 33;
        for n in 0..10 {
            let time = (wrap - 18_000 + n * 3600) % wrap;
            let clock = Pcr { base: (time + wrap - 45_000 - n * 90) % wrap, extension: 0 };
            stamps.push(stamp(time), Some(clock));
        }
        stamps.push(stamp(900_000), None);
        let figures = stamps.figures(None);
        assert_eq!((figures.count, figures.mean_interval_ms, figures.jumps), (11, Some(40.0), 1));
        assert_eq!((figures.least_ahead_ms, figures.most_ahead_ms), (Some(500.0), Some(509.0)));
    }

    proptest! {
        #[test]
        fn any_payload_reads_without_panic(payload in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut stamps = Stamps::default();
            for bytes in [payload.clone(), [&[0, 0, 1][..], &payload].concat()] {
                if let Some(stamp) = Stamp::parse(&bytes) {
                    stamps.push(stamp, Some(Pcr { base: stamp.pts, extension: 0 }));
                }
            }
            let _ = stamps.figures(Some(1));
        }
    }
}
