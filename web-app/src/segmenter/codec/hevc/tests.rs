use super::reference::ReferenceSet;
use super::*;
use crate::segmenter::bits::{BitReader, BitWriter};
use crate::segmenter::fmp4::Colour;
use proptest::prelude::*;

/// Of a 160×90 stream of x265, Main 10 profile, HDR10.
const SPS: [u8; 46] = [
    0x42, 0x01, 0x01, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x1E, 0xA0,
    0x14, 0x20, 0x61, 0xF2, 0x36, 0x59, 0x59, 0x64, 0x93, 0x2B, 0xC0, 0x5A, 0x84, 0x88, 0x04, 0x82, 0x00, 0x00, 0x03,
    0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x32, 0x10,
];
const PPS: [u8; 7] = [0x44, 0x01, 0xC1, 0x72, 0xB4, 0x62, 0x40];

#[test]
fn a_sequence_parameter_set_says_what_is_shown_and_how() {
    let sps = Sps::parse(&SPS).unwrap();
    assert_eq!((sps.width, sps.height), (160, 90));
    assert_eq!((sps.bit_depth_luma, sps.bit_depth_chroma, sps.chroma_format_idc), (10, 10, 1));
    assert_eq!(sps.profile.codec(), "hvc1.2.4.L30.90");
    let colour = Colour { primaries: 9, transfer: 16, matrix: 9, full_range: false };
    assert_eq!((sps.vui.colour, sps.vui.frame_duration), (Some(colour), Some((1, 25))));
}

#[test]
fn codec_strings_reverse_the_flags_and_leave_zeros_out() {
    let profile = Profile { space_tier_idc: 0x61, compatibility: 0x6000_0000, constraints: [0; 6], level: 120 };
    assert_eq!(profile.codec(), "hvc1.A1.6.H120");
    let profile =
        Profile { space_tier_idc: 2, compatibility: 0x2000_0000, constraints: [0xB0, 0, 1, 0, 0, 0], level: 93 };
    assert_eq!(profile.codec(), "hvc1.2.4.L93.B0.0.1");
}

/// 7.3.7 with `inter_ref_pic_set_prediction_flag` 0; no flag where it is the first set.
fn write_plain(w: &mut BitWriter, first: bool, negatives: &[i32], positives: &[i32]) {
    if !first {
        w.put(0, 1);
    }
    w.ue(negatives.len() as u32).ue(positives.len() as u32);
    for deltas in [negatives, positives] {
        let mut before = 0;
        for delta in deltas {
            w.ue(((delta - before).abs() - 1) as u32).put(1, 1);
            before = *delta;
        }
    }
}

#[test]
fn reference_sets_read_plain_and_predicted() {
    let mut w = BitWriter::default();
    write_plain(&mut w, true, &[-4, -8], &[4]);
    // Predicted from it, two pictures earlier in order: -4-2, -8-2, 4-2 and -2 itself; the second is not kept, and the
    // third is kept for later pictures alone.
    w.put(1, 1).put(1, 1).ue(1);
    w.put(1, 1).put(0b00, 2).put(0b01, 2).put(1, 1);
    let bytes = w.finish();
    let mut r = BitReader::new(&bytes);
    let plain = ReferenceSet::read_in_sps(&mut r, &[]).unwrap();
    assert_eq!(plain.pictures().collect::<Vec<_>>(), [(-4, true), (-8, true), (4, true)]);
    let predicted = ReferenceSet::read_in_sps(&mut r, &[plain]).unwrap();
    assert_eq!(predicted.pictures().collect::<Vec<_>>(), [(-2, true), (-6, true), (2, false)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn changed_and_random_units_read_without_panic(
        edits in proptest::collection::vec((0usize..46, any::<u8>()), 0..6),
        random in proptest::collection::vec(any::<u8>(), 0..250),
        kind in 0u8..64,
    ) {
        let mut changed = SPS.to_vec();
        for (at, byte) in edits {
            changed[at] = byte;
        }
        let mut slice = vec![kind << 1, 1];
        slice.extend_from_slice(&random);
        let pps = Pps::parse(&PPS).unwrap();
        for unit in [&changed, &random, &slice] {
            let _ = (Sps::parse(unit), Pps::parse(unit), Sps::parse(unit).map(|sps| sps.profile.codec()));
            for sps in [Sps::parse(&SPS), Sps::parse(&changed)].into_iter().flatten() {
                let header = SliceHeader::parse(unit, |_| Some((&sps, &pps)));
                prop_assert!(header.is_none_or(|header| header.short_term.pictures().count() <= 16));
            }
        }
    }

    #[test]
    fn plain_reference_sets_read_as_they_were_written(
        negatives in proptest::collection::btree_set(-100i32..0, 0..8),
        positives in proptest::collection::btree_set(1i32..100, 0..8),
    ) {
        let negatives: Vec<i32> = negatives.into_iter().rev().collect();
        let positives: Vec<i32> = positives.into_iter().collect();
        let mut w = BitWriter::default();
        write_plain(&mut w, false, &negatives, &positives);
        let bytes = w.finish();
        let before = ReferenceSet::default();
        let set = ReferenceSet::read_in_sps(&mut BitReader::new(&bytes), &[before]).unwrap();
        let all: Vec<i64> = set.pictures().map(|(delta, _)| delta).collect();
        prop_assert_eq!(all, negatives.iter().chain(&positives).map(|delta| i64::from(*delta)).collect::<Vec<_>>());
    }
}
