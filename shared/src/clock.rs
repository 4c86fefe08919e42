//! The clocks of MPEG-2 Systems (ISO/IEC 13818-1, 2.4.2 and 2.4.3.7) and their 33-bit wrap.
//!
//! PTS and DTS count 90 kHz ticks in 33 bits and wrap every 26.5 hours; PCR counts 27 MHz ticks as a
//! 33-bit base of 90 kHz and a 9-bit extension. In: raw values as they stand in the stream. Out: values
//! that can be compared and subtracted.

/// Ticks a second of PTS, DTS and the PCR base.
pub const TICKS_PER_SECOND: i64 = 90_000;
/// Ticks a second of a full PCR.
pub const PCR_TICKS_PER_SECOND: i64 = 27_000_000;
/// Where a 33-bit timestamp wraps.
pub const WRAP: i64 = 1 << 33;

/// The way from `from` to `to`, both 33-bit 90 kHz values, the short way round the wrap:
/// −2³² ≤ result < 2³².
#[must_use]
pub const fn wrapped_difference(to: u64, from: u64) -> i64 {
    let forward = (to.wrapping_sub(from) & (WRAP as u64 - 1)) as i64;
    if forward >= WRAP / 2 { forward - WRAP } else { forward }
}

/// The value congruent to the 33-bit `raw` that lies nearest to `reference`, an unwrapped 90 kHz value.
///
/// This is all the unwrapping there is: whoever calls it for every timestamp of a program with one common
/// reference gets timestamps that can be compared with each other, whichever of them wrapped first.
#[must_use]
pub const fn unwrap_near(raw: u64, reference: i64) -> i64 {
    reference + wrapped_difference(raw, reference.rem_euclid(WRAP) as u64)
}

/// A program clock reference (2.4.3.5) in 27 MHz ticks: `base * 300 + extension`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pcr {
    /// 33 bits, 90 kHz.
    pub base: u64,
    /// 9 bits, 27 MHz, 0–299.
    pub extension: u16,
}

impl Pcr {
    /// The PCR in 27 MHz ticks; wraps at 300 · 2³³.
    #[must_use]
    pub const fn ticks_27mhz(self) -> u64 {
        self.base * 300 + self.extension as u64
    }
}

/// Reads the 33-bit timestamp of a PES header (2.4.3.6): five bytes with three marker bits.
///
/// The four-bit prefix and the marker bits are not checked: encoders that get them wrong are common, and
/// the value is plain all the same.
#[must_use]
pub const fn pes_timestamp(bytes: &[u8; 5]) -> u64 {
    ((bytes[0] as u64 >> 1) & 0x07) << 30
        | (bytes[1] as u64) << 22
        | (bytes[2] as u64 >> 1) << 15
        | (bytes[3] as u64) << 7
        | bytes[4] as u64 >> 1
}

/// Writes a 33-bit timestamp of a PES header with its marker bits; `prefix` is 2 (PTS alone), 3 (PTS
/// before a DTS) or 1 (DTS).
#[must_use]
pub const fn write_pes_timestamp(prefix: u8, value: u64) -> [u8; 5] {
    [
        prefix << 4 | ((value >> 30) as u8 & 0x07) << 1 | 1,
        (value >> 22) as u8,
        (value >> 14) as u8 | 1,
        (value >> 7) as u8,
        (value << 1) as u8 | 1,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_short_way_crosses_the_wrap() {
        let last = WRAP as u64 - 1;
        assert_eq!(wrapped_difference(0, last), 1);
        assert_eq!(wrapped_difference(last, 0), -1);
        assert_eq!(unwrap_near(5, WRAP - 5), WRAP + 5);
        assert_eq!(unwrap_near(last, WRAP + 3), WRAP - 1);
    }

    proptest! {
        #[test]
        fn unwrapping_keeps_the_value_and_stays_near(raw in 0..WRAP as u64, reference in -WRAP * 4..WRAP * 1000) {
            let unwrapped = unwrap_near(raw, reference);
            prop_assert_eq!(unwrapped.rem_euclid(WRAP) as u64, raw);
            prop_assert!((unwrapped - reference).abs() <= WRAP / 2);
        }

        #[test]
        fn a_written_timestamp_reads_back(value in 0..WRAP as u64, prefix in 1u8..=3) {
            prop_assert_eq!(pes_timestamp(&write_pes_timestamp(prefix, value)), value);
        }
    }
}
