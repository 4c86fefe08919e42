//! Sets by `h264-reader`, written and read; orders of pictures as encoders make them.

use h264_reader::nal::sps::{
    AspectRatioInfo, BitstreamRestrictions, ChromaInfo, ColourDescription, CpbSpec, FrameCropping, FrameMbsFlags,
    HrdParameters, PicOrderCntType, SeqParamSetId, SeqParameterSet, TimingInfo, VideoSignalType, VuiParameters,
};
use h264_reader::nal::{NalHeader, WritableNal};
use h264_reader::rbsp::{BitReader, ByteReader};
use proptest::prelude::*;

use super::Sps;
use super::reorder::{Reordering, with_reordering};

fn written(set: &SeqParameterSet) -> Vec<u8> {
    set.to_vec_with_header(NalHeader::new(0x67).unwrap())
}

fn read(unit: &[u8]) -> SeqParameterSet {
    SeqParameterSet::from_bits(BitReader::new(ByteReader::skipping_h264_header(unit))).unwrap()
}

/// 1,920 by 1,088 at level 4: room for four frames.
fn plain(profile: u8, poc: PicOrderCntType) -> SeqParameterSet {
    SeqParameterSet {
        profile_idc: profile.into(),
        constraint_flags: 0.into(),
        level_idc: 40,
        seq_parameter_set_id: SeqParamSetId::from_u32(0).unwrap(),
        chroma_info: ChromaInfo::default(),
        log2_max_frame_num_minus4: 0,
        pic_order_cnt: poc,
        max_num_ref_frames: 1,
        gaps_in_frame_num_value_allowed_flag: false,
        pic_width_in_mbs_minus1: 119,
        pic_height_in_map_units_minus1: 67,
        frame_mbs_flags: FrameMbsFlags::Frames,
        direct_8x8_inference_flag: true,
        frame_cropping: None,
        vui_parameters: None,
    }
}

const BY_LSB: PicOrderCntType = PicOrderCntType::TypeZero { log2_max_pic_order_cnt_lsb_minus4: 2 };

fn restricted(reorder: u32, buffering: u32) -> VuiParameters {
    let restrictions = BitstreamRestrictions {
        motion_vectors_over_pic_boundaries_flag: true,
        max_num_reorder_frames: reorder,
        max_dec_frame_buffering: buffering,
        ..BitstreamRestrictions::default()
    };
    VuiParameters { bitstream_restrictions: Some(restrictions), ..VuiParameters::default() }
}

/// What the set says once it is rewritten, and all else of it.
fn taken_apart(mut set: SeqParameterSet) -> (Option<BitstreamRestrictions>, SeqParameterSet) {
    let vui = set.vui_parameters.get_or_insert_default();
    (vui.bitstream_restrictions.take(), set)
}

prop_compose! {
    fn hrd()(
        specs in prop::collection::vec((any::<u16>(), any::<u16>(), any::<bool>()), 1..4),
        lengths in (0u8..32, 0u8..32, 0u8..32, 0u8..32),
    ) -> HrdParameters {
        HrdParameters {
            bit_rate_scale: lengths.0 % 16,
            cpb_size_scale: lengths.1 % 16,
            cpb_specs: specs.into_iter().map(|(rate, size, cbr)| CpbSpec {
                bit_rate_value_minus1: rate.into(), cpb_size_value_minus1: size.into(), cbr_flag: cbr,
            }).collect(),
            initial_cpb_removal_delay_length_minus1: lengths.0,
            cpb_removal_delay_length_minus1: lengths.1,
            dpb_output_delay_length_minus1: lengths.2,
            time_offset_length: lengths.3,
        }
    }
}

prop_compose! {
    fn vui()(
        aspect in prop::option::of((any::<u16>(), any::<u16>())),
        colour in prop::option::of(any::<[u8; 3]>()),
        // Zeros, so that emulation prevention is needed.
        timing in prop::option::of((0u32..4, 0u32..4, any::<bool>())),
        nal_hrd in prop::option::of(hrd()),
        vcl_hrd in prop::option::of(hrd()),
        low_delay in any::<bool>(),
        pic_struct in any::<bool>(),
        restriction in prop::option::of((0u32..4, 0u32..=16, 0u32..=4)),
    ) -> VuiParameters {
        VuiParameters {
            aspect_ratio_info: aspect.map(|(across, down)| AspectRatioInfo::Extended(across, down)),
            video_signal_type: colour.map(|[primaries, transfer, matrix]| VideoSignalType {
                colour_description: Some(ColourDescription {
                    colour_primaries: primaries, transfer_characteristics: transfer, matrix_coefficients: matrix,
                }),
                ..VideoSignalType::default()
            }),
            timing_info: timing.map(|(ticks, scale, fixed)| TimingInfo {
                num_units_in_tick: ticks, time_scale: scale, fixed_frame_rate_flag: fixed,
            }),
            low_delay_hrd_flag: (nal_hrd.is_some() || vcl_hrd.is_some()).then_some(low_delay),
            nal_hrd_parameters: nal_hrd,
            vcl_hrd_parameters: vcl_hrd,
            pic_struct_present_flag: pic_struct,
            bitstream_restrictions: restriction.map(|(reorder, length, denominator)| BitstreamRestrictions {
                motion_vectors_over_pic_boundaries_flag: pic_struct,
                max_bytes_per_pic_denom: denominator,
                max_bits_per_mb_denom: denominator,
                log2_max_mv_length_horizontal: length,
                log2_max_mv_length_vertical: length,
                max_num_reorder_frames: reorder,
                max_dec_frame_buffering: 4,
            }),
            ..VuiParameters::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn only_the_order_is_said_anew_whatever_else_the_set_says(
        profile in prop::sample::select(vec![66u8, 77, 100, 122]),
        id in 0u32..32,
        poc in prop::sample::select(vec![BY_LSB, PicOrderCntType::TypeTwo]),
        interlaced in any::<bool>(),
        references in 0u32..=4,
        crop in prop::option::of(0u32..4),
        vui in prop::option::of(vui()),
        reorder in 0u32..=4,
    ) {
        let mut set = plain(profile, poc);
        set.seq_parameter_set_id = SeqParamSetId::from_u32(id).unwrap();
        if interlaced {
            set.frame_mbs_flags = FrameMbsFlags::Fields { mb_adaptive_frame_field_flag: true };
            set.pic_height_in_map_units_minus1 = 33;
        }
        set.max_num_ref_frames = references;
        set.frame_cropping = crop.map(|bottom_offset| FrameCropping {
            left_offset: 0, right_offset: 0, top_offset: 0, bottom_offset,
        });
        set.vui_parameters = vui;
        let unit = written(&set);
        let sps = Sps::parse(&unit).unwrap();
        match with_reordering(&sps, &unit, reorder) {
            Some(changed) => {
                prop_assert!(!changed.windows(3).any(|bytes| bytes[..2] == [0, 0] && bytes[2] < 3), "{changed:x?}");
                // This reads again what is said of the buffer: it must hold all reference frames, and no more than
                // the level allows.
                let (said, else_said) = taken_apart(read(&changed));
                let (own, before) = taken_apart(set);
                let said = said.unwrap();
                prop_assert_eq!(said.max_num_reorder_frames, reorder);
                prop_assert!(said.max_dec_frame_buffering >= reorder.max(references));
                prop_assert_eq!(else_said, before);
                if let Some(own) = own {
                    prop_assert_eq!(said.max_bits_per_mb_denom, own.max_bits_per_mb_denom);
                    prop_assert_eq!(said.log2_max_mv_length_vertical, own.log2_max_mv_length_vertical);
                }
                // And is read by ourselves as it was meant.
                let again = Sps::parse(&changed).unwrap();
                prop_assert_eq!(with_reordering(&again, &changed, reorder), None);
                let place = sps.restriction;
                prop_assert_eq!(Sps { restriction: place, ..again }, sps);
            }
            None => {
                let (own, _) = taken_apart(set);
                prop_assert_eq!(own.map(|own| own.max_num_reorder_frames), Some(reorder));
            }
        }
    }

    #[test]
    fn broken_sets_are_rewritten_without_panic(
        edits in prop::collection::vec((0usize..64, any::<u8>()), 0..6),
        vui in vui(),
        reorder in 0u32..=16,
    ) {
        let mut set = plain(100, BY_LSB);
        set.vui_parameters = Some(vui);
        let mut unit = written(&set);
        for (at, byte) in edits {
            let at = 1 + at % (unit.len() - 1);
            unit[at] = byte;
        }
        if let Some(sps) = Sps::parse(&unit)
            && let Some(changed) = with_reordering(&sps, &unit, reorder)
        {
            let again = Sps::parse(&changed).unwrap();
            let place = sps.restriction;
            prop_assert_eq!(Sps { restriction: place, ..again }, sps);
        }
    }
}

#[test]
fn a_set_whose_end_cannot_be_read_stays_as_it_is() {
    let mut set = plain(100, BY_LSB);
    set.vui_parameters = Some(restricted(2, 4));
    let unit = written(&set);
    let cut = &unit[..unit.len() - 1];
    assert_eq!(with_reordering(&Sps::parse(cut).unwrap(), cut, 0), None);
}

const NONE: [u32; 0] = [];

/// A stream under watch: pictures by their places in the order of output, two counts apart, GOP by GOP.
struct Stream {
    sps: Sps,
    unit: Vec<u8>,
    watch: Reordering,
}

/// 25 pictures: P pictures alone.
fn in_order() -> Vec<u32> {
    (0..25).collect()
}

/// 25 pictures: P pictures, each before the two that are shown before it.
fn two_between() -> Vec<u32> {
    std::iter::once(0).chain((0..8).flat_map(|p| [3, 1, 2].map(|at| 3 * p + at))).collect()
}

/// 25 pictures: of three between, the middle one is decoded first.
fn pyramid() -> Vec<u32> {
    std::iter::once(0).chain((0..6).flat_map(|p| [4, 2, 1, 3].map(|at| 4 * p + at))).collect()
}

impl Stream {
    fn new(set: &SeqParameterSet) -> Self {
        let unit = written(set);
        Self { sps: Sps::parse(&unit).unwrap(), unit, watch: Reordering::default() }
    }

    fn saying(reorder: u32) -> Self {
        let mut set = plain(100, BY_LSB);
        set.vui_parameters = Some(restricted(reorder, 4));
        Self::new(&set)
    }

    /// A GOP whose IDR picture is shown `delay` frames after its decoding; gives what the set says from there on, where
    /// that is something else than before.
    fn gop(&mut self, delay: i64, order: &[u32]) -> Option<u32> {
        let news = self.watch.begins(&self.sps, delay * 3600, 3600, true);
        for place in order {
            self.watch.given(&self.sps, place * 2 % 64, true, *place == 0);
        }
        news.then(|| self.says().unwrap())
    }

    fn gops(&mut self, count: usize, delay: i64, order: &[u32]) -> Vec<u32> {
        (0..count).filter_map(|_| self.gop(delay, order)).collect()
    }

    fn says(&self) -> Option<u32> {
        Some(read(&self.watch.said(&self.unit)).vui_parameters?.bitstream_restrictions?.max_num_reorder_frames)
    }
}

#[test]
fn a_set_that_needs_no_reordering_says_so_at_once() {
    let by_decoding = plain(77, PicOrderCntType::TypeTwo);
    let mut intra = plain(110, BY_LSB);
    intra.constraint_flags = 0x10.into();
    let cavlc_intra = plain(44, BY_LSB);
    for mut set in [by_decoding, intra, cavlc_intra] {
        for vui in [None, Some(VuiParameters::default()), Some(restricted(3, 4))] {
            set.vui_parameters = vui;
            let mut stream = Stream::new(&set);
            stream.gop(0, &[0]);
            assert_eq!(stream.says(), Some(0));
        }
    }
}

#[test]
fn what_the_set_claims_stands_until_pictures_and_times_show_less() {
    let mut stream = Stream::saying(2);
    assert_eq!(stream.gop(0, &in_order()), None);
    assert_eq!(stream.says(), Some(2));
    assert_eq!(stream.gop(0, &in_order()), Some(0));
    assert_eq!(stream.gops(100, 0, &in_order()), NONE);
}

#[test]
fn a_set_that_says_nothing_is_given_the_true_depth() {
    for (order, delay, depth) in [(in_order(), 0, 0), (two_between(), 1, 1), (pyramid(), 2, 2)] {
        for vui in [None, Some(VuiParameters::default())] {
            let mut set = plain(100, BY_LSB);
            set.vui_parameters = vui;
            let mut stream = Stream::new(&set);
            stream.gop(delay, &order);
            assert_eq!(stream.says(), None);
            assert_eq!(stream.gop(delay, &order), Some(depth));
            assert_eq!(stream.gops(100, delay, &order), NONE);
        }
    }
}

#[test]
fn what_the_times_leave_room_for_is_given_up_after_a_long_proof_only() {
    let mut stream = Stream::saying(2);
    assert_eq!(stream.gops(30, 2, &in_order()), NONE);
    assert_eq!(stream.gop(2, &in_order()), Some(0));
}

#[test]
fn more_than_was_said_raises_it_with_the_next_gop_and_for_good() {
    let mut stream = Stream::saying(2);
    stream.gops(100, 2, &in_order());
    assert_eq!(stream.says(), Some(0));
    assert_eq!(stream.gop(2, &two_between()), None);
    assert_eq!(stream.gop(2, &in_order()), Some(1));
    assert_eq!(stream.gops(200, 2, &in_order()), NONE);
}

#[test]
fn more_than_the_set_itself_claims_raises_it_too() {
    let mut stream = Stream::saying(0);
    assert_eq!(stream.gop(0, &two_between()), None);
    assert_eq!(stream.gop(0, &two_between()), Some(1));
    assert_eq!(stream.gops(100, 0, &two_between()), NONE);
}

/// As the times tell it beforehand, no picture is too late.
#[test]
fn an_encoder_that_begins_to_reorder_is_given_room_with_its_first_picture() {
    let mut stream = Stream::saying(2);
    stream.gops(3, 0, &in_order());
    assert_eq!(stream.says(), Some(0));
    assert_eq!(stream.gop(1, &two_between()), Some(1));
    assert_eq!(stream.gop(2, &pyramid()), Some(2));
    assert_eq!(stream.gops(100, 2, &pyramid()), NONE);
}

#[test]
fn two_encoders_in_turn_settle() {
    let mut stream = Stream::saying(2);
    let mut news = 0;
    for _ in 0..100 {
        news += stream.gops(3, 0, &in_order()).len() + stream.gops(3, 1, &two_between()).len();
    }
    assert!(news <= 9, "{news}");
    assert_eq!(stream.says(), Some(1));
}

#[test]
fn counts_that_begin_anew_by_themselves_are_no_reordering() {
    let mut stream = Stream::saying(0);
    for start in [0, 20, 9, 30, 3] {
        // Sixteen pictures and a step back, as after a marking operation of the kind 5.
        for place in start..start + 17 {
            stream.watch.given(&stream.sps, place * 2 % 64, true, false);
        }
    }
    let raised: Vec<u32> = stream.gops(20, 0, &in_order());
    assert_eq!(raised, NONE);
}

#[test]
fn the_first_five_pictures_tell_where_nothing_has_gone_out_yet() {
    // The last has B pictures, and times of presentation alone.
    for (order, delay, depth) in [(in_order(), 0, 0), (two_between(), 1, 1), (pyramid(), 2, 2), (two_between(), 0, 1)] {
        let mut stream = Stream::saying(3);
        stream.gop(delay, &order[..4]);
        assert!(stream.watch.unsettled());
        assert_eq!(stream.watch.settled(3600), None);
        stream.watch.given(&stream.sps, order[4] * 2, true, false);
        assert_eq!(stream.watch.settled(3600), Some(true));
        assert_eq!(stream.says(), Some(depth));
        assert!(!stream.watch.unsettled());
        for place in &order[5..] {
            stream.watch.given(&stream.sps, place * 2, true, false);
        }
        assert_eq!(stream.gops(100, delay, &order), NONE);
    }
}

#[test]
fn a_frame_that_lasts_less_than_was_thought_leaves_room_for_more() {
    // The set says nothing of time: 25 frames a second are taken for granted, and there are 50.
    let mut stream = Stream::saying(3);
    stream.watch.begins(&stream.sps, 3600, 3600, true);
    for place in 0..5 {
        stream.watch.given(&stream.sps, place * 2, true, place == 0);
    }
    assert_eq!(stream.watch.settled(1800), Some(true));
    assert_eq!(stream.says(), Some(2));
}

#[test]
fn a_claim_that_the_times_bear_out_is_not_waited_for() {
    let mut stream = Stream::saying(2);
    stream.gop(2, &in_order());
    assert!(!stream.watch.unsettled());
}
