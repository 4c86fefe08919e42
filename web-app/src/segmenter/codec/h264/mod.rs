//! H.264 (ISO/IEC 14496-10): what is read from NAL units to cut, time and describe pictures.
//!
//! Only the fields that are needed are read, and only as far as they stand in the stream: each reader
//! stops at the end of its bytes.

mod conceal;
mod decoders;
mod line;
mod mentions;
mod pps;
mod references;
mod reorder;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod reorder_tests;
mod skip;
mod slice;
mod sps;
mod start;

pub(in crate::segmenter) use line::H264;
use line::{Sets, append};
use pps::Pps;
use slice::{Parity, SliceHeader};
pub(in crate::segmenter) use sps::Sps;

use super::{sei, unescape, unescape_into};

/// NAL unit types (table 7-1).
mod nal {
    pub(super) const SLICE: u8 = 1;
    pub(super) const PARTITION_A: u8 = 2;
    pub(super) const IDR: u8 = 5;
    pub(super) const SEI: u8 = 6;
    pub(super) const SPS: u8 = 7;
    pub(super) const PPS: u8 = 8;
    pub(super) const DELIMITER: u8 = 9;
    pub(super) const END_OF_SEQUENCE: u8 = 10;
    pub(super) const END_OF_STREAM: u8 = 11;
    pub(super) const FILLER: u8 = 12;
    /// Before each slice of the base layer or view, for the others; their parameter sets, and their slices.
    pub(super) const PREFIX: u8 = 14;
    pub(super) const SUBSET_SPS: u8 = 15;
    pub(super) const EXTENSION: u8 = 20;
    pub(super) const DEPTH_EXTENSION: u8 = 21;
}

/// Whether a NAL unit of this type begins with a slice header.
const fn has_slice_header(nal_type: u8) -> bool {
    matches!(nal_type, nal::SLICE | nal::PARTITION_A | nal::IDR)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::mentions::Mentions;
    use super::references::References;
    use super::*;
    use crate::segmenter::video::codec::NalCodec;
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
                let _ = (Sps::parse(unit), Pps::parse(unit), sei::notes(unit));
                if let Some(sps) = Sps::parse(&changed) {
                    let _ = SliceHeader::parse(unit, |_| Some((&sps, &pps)));
                    let mut sets = Sets::default();
                    H264::take(&mut sets, nal::SPS, &changed);
                    H264::take(&mut sets, nal::PPS, &PPS);
                    let _ = Mentions::read(unit, &sets)
                        .and_then(|mentions| mentions.rewritten(unit, &sps, &pps, &References::default()));
                }
            }
        }
    }
}
