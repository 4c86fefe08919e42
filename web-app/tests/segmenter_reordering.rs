//! What the parameter sets that go to a decoder say of reordering: as little as is true, since each picture that a
//! decoder holds back costs a frame's time; and never less than is true, also where that changes.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, Track};
use h264_reader::nal::sps::{BitstreamRestrictions, SeqParameterSet};
use h264_reader::nal::{NalHeader, WritableNal};
use h264_reader::rbsp::{BitReader, ByteReader};
use segmenter_support::decode::{Directory, checksums, output_of, tracks};
use segmenter_support::*;

const STEP: u64 = 3600;

/// What the page asks for, by either choice of the viewer.
const AS_THE_PAGE: [bool; 2] = [true, false];

fn options(wait_for_random_access: bool) -> Options {
    Options { wait_for_random_access, make_up_pictures: true, ..Options::default() }
}

/// A picture of the clip and how many frames it is shown after its decoding.
type Picture = (Vec<u8>, u64);

/// A GOP of the clip as it is, with one picture between others.
fn with_b_pictures() -> Vec<Picture> {
    let video = pes_packets(&fixture("clip")).into_iter().filter(|pes| pes.pid == VIDEO).take(25);
    video.map(|pes| (pes.payload, (pes.pts.unwrap() - pes.dts.or(pes.pts).unwrap()) / STEP)).collect()
}

/// The same GOP without those that no other refers to: ten pictures in the order of decoding.
fn without_b_pictures() -> Vec<Picture> {
    let refers = |unit: &Vec<u8>| matches!(unit[0] & 0x1F, 1 | 5) && unit[0] & 0x60 != 0;
    let all = with_b_pictures().into_iter().filter(|(payload, _)| nal_units(payload).iter().any(refers));
    all.map(|(payload, _)| (payload, 0)).collect()
}

/// The pictures with another sequence parameter set.
fn with_set(pictures: &[Picture], change: impl Fn(&mut SeqParameterSet)) -> Vec<Picture> {
    let changed = |unit: Vec<u8>| {
        if unit[0] & 0x1F != 7 {
            return unit;
        }
        let mut set = sequence(&unit);
        change(&mut set);
        set.to_vec_with_header(NalHeader::new(unit[0]).unwrap())
    };
    let change = |(payload, delay): &Picture| {
        let units: Vec<Vec<u8>> = nal_units(payload).into_iter().map(changed).collect();
        (byte_stream(units.iter().map(Vec::as_slice)), *delay)
    };
    pictures.iter().map(change).collect()
}

fn sequence(unit: &[u8]) -> SeqParameterSet {
    SeqParameterSet::from_bits(BitReader::new(ByteReader::skipping_h264_header(unit))).unwrap()
}

/// A stream of these pictures, 25 a second. Decoding times are told where they are not those of presentation.
fn stream(pictures: &[Picture]) -> Vec<u8> {
    stream_of(pictures, STEP)
}

/// The same with pictures of this many ticks.
fn stream_of(pictures: &[Picture], step: u64) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO)]);
    for (index, (payload, delay)) in (0..).zip(pictures) {
        let dts = 90_000 + index * step;
        let told = (*delay > 0).then_some(dts);
        muxer.pes(
            &Pes { pid: VIDEO, pts: Some(dts + delay * step), dts: told, payload: payload.clone() },
            Length::Unbounded,
        );
    }
    muxer.ts
}

/// What the sequence parameter set of an initialisation segment says.
fn said(init: &[u8]) -> Option<BitstreamRestrictions> {
    let at = init.windows(4).position(|name| name == b"avcC").unwrap() + 4;
    let length = usize::from(u16::from_be_bytes([init[at + 6], init[at + 7]]));
    sequence(&init[at + 8..at + 8 + length]).vui_parameters?.bitstream_restrictions
}

/// How many pictures each initialisation segment says may be out of order, and how many follow it. All of them must
/// come out of a decoder, in the order of presentation, as they come out of the source.
fn checked(name: &str, ts: &[u8], wait: bool) -> Vec<(Option<u32>, usize)> {
    let directory = Directory::new(&format!("reordering-{name}"));
    let source = directory.0.join("source.ts");
    std::fs::write(&source, ts).unwrap();
    let (mut all, mut told) = (Vec::new(), Vec::new());
    for file in tracks(ts, Track::Video, options(wait)) {
        let path = directory.0.join("track.mp4");
        std::fs::write(&path, &file).unwrap();
        let sums = checksums(&path, "0:v");
        told.push((said(&file).map(|said| said.max_num_reorder_frames), sums.len()));
        all.extend(sums);
        let frames = ["-v", "error", "-show_entries", "frame=pts", "-of", "csv=p=0", path.to_str().unwrap()];
        let times: Vec<i64> =
            output_of("ffprobe", &frames).lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect();
        assert!(times.is_sorted(), "{times:?}");
    }
    assert!(all == checksums(&source, "0:v"), "other pictures, or in another order");
    told
}

fn repeated(gop: &[Picture], count: usize) -> Vec<Picture> {
    (0..count).flat_map(|_| gop.to_vec()).collect()
}

#[test]
fn a_stream_without_b_pictures_is_not_held_back_by_what_its_set_claims() {
    let ts = stream(&repeated(&without_b_pictures(), 8));
    for wait in AS_THE_PAGE {
        assert_eq!(checked("claim", &ts, wait), [(Some(0), 80)]);
    }
}

/// Ten pictures a second: the output does not wait for the first few.
#[test]
fn a_slow_stream_begins_with_what_its_set_claims() {
    let ts = stream_of(&repeated(&without_b_pictures(), 8), 9000);
    for wait in AS_THE_PAGE {
        assert_eq!(checked("slow", &ts, wait), [(Some(1), 30), (Some(0), 50)]);
    }
}

#[test]
fn a_set_without_a_restriction_is_given_the_true_one() {
    let silent = |set: &mut SeqParameterSet| set.vui_parameters.as_mut().unwrap().bitstream_restrictions = None;
    let without_vui = |set: &mut SeqParameterSet| set.vui_parameters = None;
    for change in [&silent as &dyn Fn(&mut SeqParameterSet), &without_vui] {
        let ts = stream(&repeated(&with_set(&with_b_pictures(), change), 4));
        for wait in AS_THE_PAGE {
            let told: Vec<_> = tracks(&ts, Track::Video, options(wait)).iter().map(|file| said(file)).collect();
            let [Some(said)] = &told[..] else { panic!("{told:?}") };
            assert_eq!((said.max_num_reorder_frames, said.max_dec_frame_buffering), (1, 3));
        }
        assert_eq!(checked("silent", &ts, true).last().unwrap().0, Some(1));
    }
}

#[test]
fn an_encoder_that_turns_to_b_pictures_loses_none_of_them() {
    let ts = stream(&[repeated(&without_b_pictures(), 6), repeated(&with_b_pictures(), 3)].concat());
    for wait in AS_THE_PAGE {
        assert_eq!(checked("turn", &ts, wait), [(Some(0), 60), (Some(1), 75)]);
    }
}

#[test]
fn a_set_that_claims_too_little_is_mended_with_the_next_gop() {
    let too_little = |set: &mut SeqParameterSet| {
        let vui = set.vui_parameters.as_mut().unwrap();
        vui.bitstream_restrictions.as_mut().unwrap().max_num_reorder_frames = 0;
    };
    let ts = stream(&repeated(&with_set(&with_b_pictures(), too_little), 4));
    for wait in AS_THE_PAGE {
        let told: Vec<_> = tracks(&ts, Track::Video, options(wait)).iter().map(|file| said(file)).collect();
        assert_eq!(told.iter().flatten().map(|said| said.max_num_reorder_frames).collect::<Vec<_>>(), [0, 1]);
    }
}

/// Each initialisation segment sets a decoder up anew.
#[test]
fn a_stream_that_says_the_truth_has_one_initialisation_segment() {
    for (pictures, depth) in [(with_b_pictures(), 1), (without_b_pictures(), 0)] {
        let truth = |set: &mut SeqParameterSet| {
            let vui = set.vui_parameters.as_mut().unwrap();
            vui.bitstream_restrictions.as_mut().unwrap().max_num_reorder_frames = depth;
        };
        let ts = stream(&repeated(&with_set(&pictures, truth), 40));
        for wait in AS_THE_PAGE {
            assert_eq!(tracks(&ts, Track::Video, options(wait)).len(), 1);
        }
    }
}

/// Where a decoder cannot begin without what was before, nothing makes it.
#[test]
fn an_open_gop_keeps_its_initialisation_segment() {
    let ts = fixture("open_gop");
    for wait in AS_THE_PAGE {
        assert_eq!(tracks(&ts, Track::Video, options(wait)).len(), 1);
    }
}

#[test]
fn a_parameter_set_within_the_stream_says_the_same() {
    // Another picture parameter set in the middle of a GOP, with the sequence's own before it.
    let gop = without_b_pictures();
    let mut pictures = repeated(&gop, 6);
    let sets: Vec<Vec<u8>> = nal_units(&gop[0].0).into_iter().filter(|unit| matches!(unit[0] & 0x1F, 7 | 8)).collect();
    let mut other = sets[1].clone();
    // pic_parameter_set_id 0 becomes 1: a bit string of 1 becomes one of 010.
    let bits: String = other[1..].iter().map(|byte| format!("{byte:08b}")).collect();
    let bits = format!("010{}", &bits[1..].trim_end_matches('0'));
    let bytes = bits.as_bytes().chunks(8).map(|byte| {
        let byte = format!("{:0<8}", std::str::from_utf8(byte).unwrap());
        u8::from_str_radix(&byte, 2).unwrap()
    });
    other = std::iter::once(other[0]).chain(bytes).collect();
    let mut units = nal_units(&pictures[55].0);
    // Behind the delimiter.
    units.splice(1..1, [sets[0].clone(), other]);
    pictures[55].0 = byte_stream(units.iter().map(Vec::as_slice));
    let files = tracks(&stream(&pictures), Track::Video, options(true));
    let inside: Vec<u32> = files
        .iter()
        .flat_map(|file| {
            let unit =
                file.windows(8).enumerate().filter(|(_, bytes)| bytes[4..8] == sets[0][..4] && bytes[..2] == [0; 2]);
            unit.map(|(at, bytes)| {
                let length = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
                let set = sequence(&file[at + 4..at + 4 + length]);
                set.vui_parameters.unwrap().bitstream_restrictions.unwrap().max_num_reorder_frames
            })
        })
        .collect();
    assert_eq!(inside, [0]);
}
