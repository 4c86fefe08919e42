//! Interlaced H.264 in all its ways: one sample a frame, whether it is coded as a frame, as two fields, or as both in
//! turn; and several parameter sets in one stream.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, Track};
use proptest::prelude::*;
use segmenter_support::decode::{Directory, checksums, tracks, write_track, write_track_with};
use segmenter_support::fields::{Kind, Picture, Structure, delimiter, pps, sps};
use segmenter_support::measure::{crcs, missing, mutated, orderly};
use segmenter_support::*;

/// How the frames of a stream are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    /// Each as two fields.
    Pairs,
    /// Every third as a frame.
    Mixed,
}

/// How it is written into PES packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Writing {
    delimiters: bool,
    /// A PES packet for each field, or for each frame.
    pes_of_fields: bool,
    /// The second field's PES packet has a time of its own.
    second_time: bool,
    length: Length,
}

const PLAIN: Writing = Writing { delimiters: true, pes_of_fields: true, second_time: true, length: Length::Unbounded };

const FRAMES: u32 = 40;

/// The NAL units of each field or frame, by frame. Every twelfth begins a GOP: with an IDR field first and a P field
/// behind it, later with an I field and another I field; every other frame is not referred to.
fn frames(coding: Coding) -> Vec<Vec<Vec<Vec<u8>>>> {
    let mut frame_num = 0;
    let mut order_from = 0;
    let mut all = Vec::new();
    for number in 0..FRAMES {
        let begins = number % 12 == 0;
        let idr = number % 24 == 0;
        if idr {
            (frame_num, order_from) = (0, number);
        }
        let reference = begins || number % 2 == 0;
        let order = (number - order_from) * 2;
        let kind = if idr {
            Kind::Idr
        } else if begins {
            Kind::I
        } else {
            Kind::P
        };
        let picture = |kind, structure, order, shade| Picture {
            kind,
            structure,
            reference,
            frame_num,
            order,
            pps: 0,
            more: 0,
            shade: (number * 5 + shade) as u8,
        };
        let second = if begins && !idr { Kind::I } else { Kind::P };
        let pictures = if coding == Coding::Mixed && number % 3 == 1 {
            vec![picture(kind, Structure::Frame, order, 0)]
        } else {
            vec![picture(kind, Structure::Top, order, 0), picture(second, Structure::Bottom, order + 1, 2)]
        };
        let mut units: Vec<Vec<Vec<u8>>> = pictures.iter().map(|picture| vec![picture.slice()]).collect();
        if begins {
            units[0].splice(0..0, [sps(0, 0), pps(0, 0)]);
        }
        all.push(units);
        frame_num += u32::from(reference);
    }
    all
}

fn mux(frames: &[Vec<Vec<Vec<u8>>>], writing: Writing) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO)]);
    for (number, pictures) in frames.iter().enumerate() {
        let payload = |units: &Vec<Vec<u8>>| {
            let front = writing.delimiters.then(delimiter);
            byte_stream(front.iter().chain(units).map(Vec::as_slice))
        };
        let pts = 90_000 + number as u64 * 3600;
        if writing.pes_of_fields {
            for (second, units) in pictures.iter().enumerate() {
                let pts = (second == 0 || writing.second_time).then_some(pts + second as u64 * 1800);
                muxer.pes(&Pes { pid: VIDEO, pts, dts: None, payload: payload(units) }, writing.length);
            }
        } else {
            let payload = pictures.iter().flat_map(payload).collect();
            muxer.pes(&Pes { pid: VIDEO, pts: Some(pts), dts: None, payload }, writing.length);
        }
    }
    muxer.ts
}

fn writings() -> impl Iterator<Item = Writing> {
    [Length::Unbounded, Length::Declared].into_iter().flat_map(|length| {
        [(true, true, true), (true, true, false), (true, false, false), (false, true, true), (false, false, false)]
            .map(|(delimiters, pes_of_fields, second_time)| Writing { delimiters, pes_of_fields, second_time, length })
    })
}

#[test]
fn each_frame_is_one_sample_at_its_first_fields_time_however_it_is_coded_and_written() {
    for coding in [Coding::Pairs, Coding::Mixed] {
        for writing in writings() {
            let run = run(&mux(&frames(coding), writing));
            run.check(1);
            assert!(
                run.faults.is_empty() && run.discontinuities.is_empty(),
                "{coding:?} {writing:?}: {:?}",
                run.faults
            );
            assert_eq!(run.video.len() as u32, FRAMES, "{coding:?} {writing:?}");
            for (number, (sample, _)) in run.video.iter().enumerate() {
                let time = number as u64 * 3600;
                assert_eq!(
                    (sample.dts, sample.pts as u64, sample.duration),
                    (time, time, 3600),
                    "{coding:?} {writing:?}"
                );
                assert_eq!(sample.key, number % 12 == 0, "{number}");
            }
            assert_eq!(run.inits.len(), 1);
        }
    }
}

#[test]
fn ffmpeg_decodes_the_same_frames_as_from_the_source() {
    let directory = Directory::new("fields");
    let (source, made) = (directory.0.join("source.ts"), directory.0.join("track.mp4"));
    for coding in [Coding::Pairs, Coding::Mixed] {
        let ts = mux(&frames(coding), PLAIN);
        std::fs::write(&source, &ts).unwrap();
        write_track(&ts, Track::Video, &made);
        let expected = checksums(&source, "0:v");
        assert_eq!(expected.len() as u32, FRAMES, "{coding:?}");
        assert_eq!(checksums(&made, "0:v"), expected, "{coding:?}");
    }
    let ts = fixture("mbaff");
    std::fs::write(&source, &ts).unwrap();
    write_track(&ts, Track::Video, &made);
    let expected = checksums(&source, "0:v");
    assert_eq!((expected.len(), run(&ts).video.len()), (75, 75));
    assert_eq!(checksums(&made, "0:v"), expected);
}

#[test]
fn a_lost_field_costs_its_frame_and_what_follows_stays_paired() {
    for coding in [Coding::Pairs, Coding::Mixed] {
        for length in [Length::Unbounded, Length::Declared] {
            let ts = mux(&frames(coding), Writing { length, ..PLAIN });
            let clean = run(&ts);
            let all = packets(&ts);
            let starts: Vec<usize> =
                (0..all.len()).filter(|at| pid(&all[*at]) == VIDEO && all[*at][1] & 0x40 != 0).collect();
            // Each whole field or frame but the first ones and the last ones.
            for pair in starts[6..starts.len() - 4].windows(2) {
                let run = run(&without(&ts, |index| (pair[0]..pair[1]).contains(&index)));
                run.check(1);
                let gone = missing(&crcs(&clean.video), &crcs(&run.video));
                assert!((1..=2).contains(&gone), "{coding:?} {length:?} {pair:?}: {gone}");
                let end = run.video.last().map(|(sample, _)| sample.dts + u64::from(sample.duration));
                assert_eq!(end, Some(u64::from(FRAMES) * 3600), "{coding:?} {length:?} {pair:?}");
            }
            // A packet of a field.
            for lost in (starts[6]..starts[starts.len() - 2]).step_by(3) {
                let gone = missing(&crcs(&clean.video), &crcs(&run(&without(&ts, |index| index == lost)).video));
                assert!((1..=2).contains(&gone), "{coding:?} {length:?} {lost}: {gone}");
            }
        }
    }
}

#[test]
fn what_is_left_after_a_lost_field_decodes_without_a_complaint_where_clean_pictures_are_chosen() {
    let directory = Directory::new("fields-loss");
    let made = directory.0.join("track.mp4");
    let ts = mux(&frames(Coding::Mixed), PLAIN);
    let all = packets(&ts);
    for lost in (12..all.len() - 4).step_by(29) {
        write_track_with(&without(&ts, |index| index == lost), Track::Video, &made, Options::default());
        assert!(checksums(&made, "0:v").len() >= 12);
    }
}

#[test]
fn parameter_sets_with_several_ids_each_come_into_use_with_their_pictures() {
    // Two sizes in turn, all sets told at the beginning alone.
    let mut all = Vec::new();
    for number in 0..24u32 {
        let group = number / 6;
        let begins = number % 6 == 0;
        let picture = Picture {
            kind: if begins { Kind::Idr } else { Kind::P },
            structure: Structure::Frame,
            reference: true,
            frame_num: number % 6,
            order: number % 6 * 2,
            pps: group % 2 * 3,
            more: group % 2,
            shade: number as u8,
        };
        let mut units = vec![picture.slice()];
        if number == 0 {
            units.splice(0..0, [sps(0, 0), sps(4, 1), pps(0, 0), pps(3, 4)]);
        }
        all.push(vec![units]);
    }
    let ts = mux(&all, PLAIN);
    let run = run(&ts);
    run.check(1);
    assert_eq!(run.video.len(), 24);
    assert_eq!(run.inits.iter().map(|init| init.width).collect::<Vec<_>>(), [32, 48, 32, 48]);
    let directory = Directory::new("several-sets");
    let (source, made) = (directory.0.join("source.ts"), directory.0.join("track.mp4"));
    for (number, file) in tracks(&ts, Track::Video, go_on()).iter().enumerate() {
        std::fs::write(&made, file).unwrap();
        let mut part = all[number * 6..][..6].to_vec();
        part[0][0].splice(0..0, [sps(0, 0), sps(4, 1), pps(0, 0), pps(3, 4)]);
        std::fs::write(&source, mux(&part, PLAIN)).unwrap();
        assert_eq!(checksums(&made, "0:v"), checksums(&source, "0:v"), "{number}");
    }
}

#[test]
fn parameter_sets_that_differ_in_their_number_alone_need_no_new_initialisation_segment() {
    let mut all = Vec::new();
    for number in 0..24u32 {
        let begins = number % 6 == 0;
        let picture = Picture {
            kind: if begins { Kind::Idr } else { Kind::P },
            structure: Structure::Frame,
            reference: true,
            frame_num: number % 6,
            order: number % 6 * 2,
            pps: number / 6 % 2 * 3,
            more: 0,
            shade: number as u8,
        };
        let mut units = vec![picture.slice()];
        if begins {
            units.splice(0..0, [sps(0, 0), sps(4, 0), pps(0, 0), pps(3, 4)]);
        }
        all.push(vec![units]);
    }
    let ts = mux(&all, PLAIN);
    assert_eq!(run(&ts).video.len(), 24);
    let directory = Directory::new("sets-alike");
    let (source, made) = (directory.0.join("source.ts"), directory.0.join("track.mp4"));
    std::fs::write(&source, &ts).unwrap();
    // One file: one initialisation segment.
    write_track(&ts, Track::Video, &made);
    assert_eq!(checksums(&made, "0:v"), checksums(&source, "0:v"));
}

#[test]
fn new_bytes_of_a_parameter_set_at_the_same_size_begin_a_new_initialisation_segment() {
    let (first, second) = (fixture("clip"), shift_times(&fixture("open_gop"), 3 * 90_000));
    let pictures = |ts: &[u8]| pes_packets(ts).into_iter().filter(|pes| pes.pid == VIDEO).collect::<Vec<_>>();
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO)]);
    for pes in [pictures(&first), pictures(&second)].concat() {
        muxer.pes(&pes, Length::Unbounded);
    }
    let run = run(&muxer.ts);
    run.check(1);
    assert_eq!((run.inits.len(), run.video.len()), (2, 150));
    assert_eq!((run.inits[0].width, run.inits[0].height), (run.inits[1].width, run.inits[1].height));
    assert!(run.inits[0].data != run.inits[1].data);
    assert!(run.video[75].0.key);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn wrong_bytes_anywhere_stop_nothing_and_how_they_are_cut_changes_nothing(
        edits in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..40), mixed: bool, waits: bool,
    ) {
        let ts = mutated(&mux(&frames(if mixed { Coding::Mixed } else { Coding::Pairs }), PLAIN), &edits);
        let options = Options { wait_for_random_access: waits, ..Options::default() };
        let run = run_with(&ts, 1316, options);
        orderly(&run);
        prop_assert!(run == run_with(&ts, 200, options));
    }
}
