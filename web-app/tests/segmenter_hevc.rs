//! HEVC: what comes out is what went in, whatever was at its beginning and however it was cut.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, Takes, Track};
use proptest::prelude::*;
use segmenter_support::decode::{Directory, checksums, output_of, tracks, write_track, write_track_with};
use segmenter_support::measure::{crcs, missing, mutated, orderly};
use segmenter_support::*;

const NAMES: [&str; 3] = ["hevc", "hevc10", "hevc_fields"];

/// `nal_unit_type` (ISO/IEC 23008-2, table 7-1).
fn kind(nal_unit: &[u8]) -> u8 {
    nal_unit[0] >> 1 & 0x3F
}

fn pictures(ts: &[u8]) -> Vec<Pes> {
    pes_packets(ts).into_iter().filter(|pes| pes.pid == VIDEO).collect()
}

fn remux(pes: impl IntoIterator<Item = (Pes, Length)>) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x24, VIDEO)]);
    for (pes, length) in pes {
        muxer.pes(&pes, length);
    }
    muxer.ts
}

#[test]
fn a_clean_stream_comes_out_whole_with_the_sources_times() {
    for (name, codec) in NAMES.iter().zip(["hvc1.1.6.L30.90", "hvc1.2.4.L30.90", "hvc1.1.6.L30.40"]) {
        let ts = fixture(name);
        let run = run(&ts);
        run.check(1);
        assert_eq!(run.video.len(), 75, "{name}");
        assert!(run.faults.is_empty() && run.discontinuities.is_empty(), "{name}: {:?}", run.faults);
        let init = run.init(Track::Video);
        assert_eq!((init.codec.as_str(), init.width, init.height), (codec, 160, 90), "{name}");
        assert_eq!(run.inits.iter().filter(|init| init.track == Track::Video).count(), 1);
        let source = pictures(&ts);
        let origin = source[0].dts.or(source[0].pts).unwrap() - run.video[0].0.dts;
        for ((sample, _), pes) in run.video.iter().zip(&source) {
            let pts = pes.pts.unwrap();
            assert_eq!((sample.dts, sample.pts as u64), (pes.dts.unwrap_or(pts) - origin, pts - origin), "{name}");
            let irap = nal_units(&pes.payload).iter().any(|unit| (16..=23).contains(&kind(unit)));
            assert_eq!(sample.key, irap);
        }
    }
}

#[test]
fn ffmpeg_decodes_the_same_pictures_as_from_the_source() {
    let directory = Directory::new("hevc");
    let (source, made) = (directory.0.join("source.ts"), directory.0.join("track.mp4"));
    for name in NAMES {
        let ts = fixture(name);
        std::fs::write(&source, &ts).unwrap();
        write_track(&ts, Track::Video, &made);
        let expected = checksums(&source, "0:v");
        assert_eq!(expected.len(), 75, "{name}");
        assert_eq!(checksums(&made, "0:v"), expected, "{name}");
    }
}

#[test]
fn high_dynamic_range_is_told_in_the_initialisation_segment() {
    let directory = Directory::new("hdr");
    let made = directory.0.join("track.mp4");
    let init = run(&fixture("hevc10")).init(Track::Video).data.clone();
    for name in [b"colr", b"mdcv", b"clli"] {
        assert_eq!(init.windows(4).filter(|bytes| bytes == name).count(), 1);
    }
    write_track(&fixture("hevc10"), Track::Video, &made);
    let arguments = ["-v", "error", "-show_entries", "stream=color_transfer,color_primaries", "-of", "csv=p=0"];
    let told = output_of("ffprobe", &[&arguments[..], &[made.to_str().unwrap()]].concat());
    assert_eq!(told.trim().trim_end_matches(","), "smpte2084,bt2020");
}

#[test]
fn a_stream_that_is_joined_at_a_clean_random_access_picture_leaves_out_what_leans_on_before() {
    let directory = Directory::new("hevc-join");
    let (source, made) = (directory.0.join("source.ts"), directory.0.join("track.mp4"));
    for (name, left_out) in [("hevc", 3), ("hevc10", 0)] {
        let ts = fixture(name);
        std::fs::write(&source, &ts).unwrap();
        let all = checksums(&source, "0:v");
        let source = pictures(&ts);
        let points: Vec<usize> = (1..75)
            .filter(|at| !nal_units(&source[*at].payload).iter().all(|u| kind(u) < 16 || kind(u) > 23))
            .collect();
        assert_eq!(points.len(), 3, "{name}");
        for at in points {
            let cut = remux(source[at - 3..].iter().map(|pes| (pes.clone(), Length::Unbounded)));
            let run = run(&cut);
            run.check(1);
            assert!(run.faults.is_empty(), "{name}: {:?}", run.faults);
            assert!(run.video[0].0.key, "{name}");
            let leading = |unit: &Vec<u8>| matches!(kind(unit), 8 | 9);
            let rest = &source[at..];
            let next = rest
                .iter()
                .skip(1)
                .position(|pes| nal_units(&pes.payload).iter().any(|u| (16..=23).contains(&kind(u))))
                .map_or(rest.len(), |n| n + 1);
            let lost = rest[..next].iter().filter(|pes| nal_units(&pes.payload).iter().any(leading)).count();
            assert_eq!((lost, run.video.len()), (left_out, rest.len() - lost), "{name} {at}");
            write_track_with(&cut, Track::Video, &made, Options::default());
            let some = checksums(&made, "0:v");
            assert!(
                all.ends_with(&some) && some.len() == rest.len() - lost,
                "{name} {at}: {} {}",
                some.len(),
                rest.len()
            );
        }
    }
}

#[test]
fn access_units_are_cut_without_delimiters_several_in_a_packet_or_over_packets() {
    for name in NAMES {
        let ts = fixture(name);
        let clean = run(&ts).video;
        let source = pictures(&ts);
        let plain: Vec<Vec<u8>> = source
            .iter()
            .map(|pes| {
                let units = nal_units(&pes.payload);
                byte_stream(units.iter().filter(|unit| kind(unit) != 35).map(Vec::as_slice))
            })
            .collect();
        // Several in one, with the time of the first alone.
        let grouped = source
            .chunks(6)
            .zip(plain.chunks(6))
            .map(|(group, payloads)| (Pes { payload: payloads.concat(), ..group[0].clone() }, Length::Unbounded));
        let several = run(&remux(grouped)).video;
        assert_eq!(crcs(&several), crcs(&clean), "{name}");
        let times = |video: &[(amt_web_app::segmenter::Sample, u32)]| {
            let first = video[0].0.dts;
            video.iter().map(|(s, _)| (s.dts - first, s.source_pts, s.key)).collect::<Vec<_>>()
        };
        if name != "hevc10" {
            // How many pictures lead an IDR picture shows only when they come: without its time, it may stand early.
            assert_eq!(times(&several), times(&clean), "{name}");
        }
        // Cut anywhere.
        for length in [Length::Declared, Length::Unbounded] {
            let stream = plain.concat();
            let pieces = stream.chunks(700).enumerate().map(|(index, piece)| {
                let (pts, dts) = if index == 0 { (source[0].pts, source[0].dts) } else { (None, None) };
                (Pes { pid: VIDEO, pts, dts, payload: piece.to_vec() }, length)
            });
            assert_eq!(crcs(&run(&remux(pieces)).video), crcs(&clean), "{name} {length:?}");
        }
    }
}

#[test]
fn cutting_the_stream_into_pushes_changes_nothing() {
    for name in NAMES {
        let ts = fixture(name);
        let whole = run_with(&ts, usize::MAX, Options::default());
        for chunk in [1, 187, 1316] {
            assert_eq!(run_with(&ts, chunk, Options::default()), whole, "{name} {chunk}");
        }
    }
}

#[test]
fn one_lost_packet_costs_a_frame_or_the_time_to_the_next_random_access_point() {
    let directory = Directory::new("hevc-loss");
    let made = directory.0.join("track.mp4");
    for name in ["hevc", "hevc10"] {
        let ts = fixture(name);
        let clean = run(&ts);
        let all = of_pid(&packets(&ts), VIDEO);
        let (mut freezes, mut single) = (0, 0);
        for &lost in all[12..all.len() - 4].iter().step_by(5) {
            let cut = without(&ts, |index| index == lost);
            let run = run(&cut);
            run.check(1);
            let frames = missing(&crcs(&clean.video), &crcs(&run.video));
            assert!((1..=2).contains(&frames), "{name} packet {lost}: {frames} frames");
            let waiting = run_with(&cut, 1316, Options::default());
            waiting.check(1);
            let frames = missing(&crcs(&clean.video), &crcs(&waiting.video));
            assert!(frames <= 30, "{name} packet {lost}: {frames} frames");
            single += usize::from(frames <= 2);
            freezes += usize::from(waiting.discontinuities.contains(&(Track::Video, "waiting_for_random_access")));
            if lost % 3 == 0 {
                // Whatever was left out, what is there decodes without a complaint.
                write_track_with(&cut, Track::Video, &made, Options::default());
                checksums(&made, "0:v");
            }
        }
        assert!(freezes > 0 && single > 0, "{name}: {freezes} {single}");
    }
}

#[test]
fn parameter_sets_that_change_at_the_same_size_begin_a_new_initialisation_segment() {
    let (first, second) = (fixture("hevc"), fixture("hevc10"));
    let joined = [pictures(&first), pictures(&shift_times(&second, 3 * 90_000))].concat();
    let ts = remux(joined.into_iter().map(|pes| (pes, Length::Unbounded)));
    let run = run(&ts);
    run.check(1);
    let codecs: Vec<&str> = run.inits.iter().map(|init| init.codec.as_str()).collect();
    assert_eq!(codecs, ["hvc1.1.6.L30.90", "hvc1.2.4.L30.90"]);
    assert_eq!(run.video.len(), 150);
    let files = tracks(&ts, Track::Video, go_on());
    let directory = Directory::new("hevc-change");
    let (source, made) = (directory.0.join("source.ts"), directory.0.join("track.mp4"));
    for (file, ts) in files.iter().zip([first, second]) {
        std::fs::write(&source, ts).unwrap();
        std::fs::write(&made, file).unwrap();
        assert_eq!(checksums(&made, "0:v"), checksums(&source, "0:v"));
    }
}

#[test]
fn a_browser_that_takes_no_hevc_gets_the_sound() {
    let options = Options { takes: Takes { hevc: false, ..Takes::default() }, ..Options::default() };
    let run = run_with(&fixture("hevc"), 1316, options);
    assert!(run.video.is_empty() && run.audio.len() > 130);
    let video = &run.programs.last().unwrap().streams[0];
    assert_eq!((video.codec.as_deref(), video.selected), (Some("hevc"), false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn wrong_bytes_anywhere_stop_nothing_and_how_they_are_cut_changes_nothing(
        edits in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..40), name in 0..NAMES.len(), waits: bool,
    ) {
        let ts = mutated(&fixture(NAMES[name]), &edits);
        let options = Options { wait_for_random_access: waits, ..Options::default() };
        let run = run_with(&ts, 1316, options);
        orderly(&run);
        prop_assert!(run == run_with(&ts, 200, options));
    }
}
