//! H.264 (ISO/IEC 14496-10): what is read from NAL units to cut, time and describe pictures.
//!
//! Only the fields that are needed are read, and only as far as they stand in the stream: each reader
//! stops at the end of its bytes.

mod marking;
mod pps;
mod slice;
mod sps;

pub(in crate::segmenter) use marking::{Present, without_missing};
pub(in crate::segmenter) use pps::Pps;
pub(in crate::segmenter) use slice::SliceHeader;
pub(in crate::segmenter) use sps::Sps;

/// NAL unit types (table 7-1).
pub(in crate::segmenter) mod nal {
    pub(in crate::segmenter) const SLICE: u8 = 1;
    pub(in crate::segmenter) const PARTITION_A: u8 = 2;
    pub(in crate::segmenter) const IDR: u8 = 5;
    pub(in crate::segmenter) const SEI: u8 = 6;
    pub(in crate::segmenter) const SPS: u8 = 7;
    pub(in crate::segmenter) const PPS: u8 = 8;
    pub(in crate::segmenter) const DELIMITER: u8 = 9;
    pub(in crate::segmenter) const END_OF_SEQUENCE: u8 = 10;
    pub(in crate::segmenter) const END_OF_STREAM: u8 = 11;
    pub(in crate::segmenter) const FILLER: u8 = 12;
}

/// Whether a NAL unit of this type begins with a slice header.
pub(in crate::segmenter) const fn has_slice_header(nal_type: u8) -> bool {
    matches!(nal_type, nal::SLICE | nal::PARTITION_A | nal::IDR)
}

/// Takes the emulation prevention bytes out (7.3.1), up to `limit` bytes.
fn unescape(bytes: &[u8], limit: usize) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len().min(limit));
    let mut zeros = 0;
    for &byte in bytes {
        if plain.len() == limit {
            break;
        }
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}

/// [`unescape`] without an allocation; gives the length written.
fn unescape_into(bytes: &[u8], plain: &mut [u8; SliceHeader::ENOUGH]) -> usize {
    let (mut length, mut zeros) = (0, 0);
    for &byte in bytes {
        if length == plain.len() {
            break;
        }
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain[length] = byte;
        length += 1;
    }
    length
}

/// Whether an SEI NAL unit holds a recovery point (D.1.8): decoding can start at its picture.
pub(in crate::segmenter) fn has_recovery_point(nal_unit: &[u8]) -> bool {
    let plain = unescape(nal_unit.get(1..).unwrap_or_default(), 4096);
    let mut rest = &plain[..];
    // A message is two bytes at least; the last byte is the trailing bits.
    while rest.len() > 2 {
        let (Some(kind), Some(size)) = (sei_number(&mut rest), sei_number(&mut rest)) else { return false };
        if kind == 6 {
            return true;
        }
        rest = rest.get(size..).unwrap_or_default();
    }
    false
}

/// A number of 0xFF bytes and a last one (7.3.2.3.1).
fn sei_number(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    loop {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number += usize::from(byte);
        if byte != 0xFF {
            return Some(number);
        }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of a 160×90 stream of x264, High profile.
    const SPS: [u8; 25] = [
        0x67, 0x64, 0x00, 0x0B, 0xAC, 0xD3, 0x0A, 0x37, 0xE4, 0xC0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00,
        0x03, 0x00, 0xC8, 0x3C, 0x50, 0xA4, 0xE0,
    ];

    const PPS: [u8; 6] = [0x68, 0xEB, 0xE3, 0xCB, 0x22, 0xC0];

    #[test]
    fn a_cropped_picture_has_the_size_that_is_shown() {
        let sps = Sps::parse(&SPS).unwrap();
        assert_eq!((sps.width, sps.height), (160, 90));
        assert_eq!((sps.codec().as_str(), sps.frame_duration), ("avc1.64000b", Some((2, 50))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn changed_and_random_units_read_without_panic(
            edits in proptest::collection::vec((0usize..25, any::<u8>()), 0..6),
            random in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut changed = SPS.to_vec();
            for (at, byte) in edits {
                changed[at] = byte;
            }
            let pps = Pps::parse(&PPS).unwrap();
            for unit in [&changed, &random] {
                let _ = (Sps::parse(unit), Pps::parse(unit), has_recovery_point(unit));
                if let Some(sps) = Sps::parse(&changed) {
                    let slice = SliceHeader::parse(unit, |_| Some((&sps, &pps)));
                    let _ = slice.and_then(|slice| without_missing(unit, &sps, &pps, Present::from(&slice)));
                }
            }
        }
    }
}
