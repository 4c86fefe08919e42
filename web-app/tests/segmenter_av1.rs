//! AV1 in transport streams, by the book and as others write it: what comes out is what went in.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, Takes, Track};
use proptest::prelude::*;
use segmenter_support::decode::{Directory, checksums, output_of, write_track, write_track_with};
use segmenter_support::measure::{crcs, missing, mutated, orderly};
use segmenter_support::*;

const NAMES: [&str; 2] = ["av1", "av1_low_delay"];
const DELIMITER: u8 = 2;
/// Registration descriptor `AV01`.
const AV01: [u8; 6] = [5, 4, b'A', b'V', b'0', b'1'];

fn path(name: &str) -> String {
    format!("{}/tests/fixtures/{name}.ivf", env!("CARGO_MANIFEST_DIR"))
}

/// The temporal units of an IVF file.
fn temporal_units(name: &str) -> Vec<Vec<u8>> {
    let file = std::fs::read(path(name)).unwrap();
    let mut rest = &file[32..];
    let mut units = Vec::new();
    while let Some((header, after)) = rest.split_first_chunk::<12>() {
        let size = u32::from_le_bytes(*header.first_chunk().unwrap()) as usize;
        units.push(after[..size].to_vec());
        rest = &after[size..];
    }
    units
}

/// The OBUs of a temporal unit: type, header byte, payload.
fn obus(unit: &[u8]) -> Vec<(u8, u8, Vec<u8>)> {
    let mut rest = unit;
    let mut all = Vec::new();
    while let Some((&header, mut after)) = rest.split_first() {
        assert_eq!(header & 6, 2, "with a size and without an extension");
        let (mut size, mut shift) = (0, 0);
        loop {
            let (&byte, next) = after.split_first().unwrap();
            size |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            after = next;
            if byte & 0x80 == 0 {
                break;
            }
        }
        all.push((header >> 3 & 15, header, after[..size].to_vec()));
        rest = &after[size..];
    }
    all
}

/// How a stream is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A PES packet for each frame, shown or not; OBUs behind start codes, with their sizes or without.
    Book { sizes: bool, delimiters: bool },
    /// A PES packet for each temporal unit, OBUs with sizes and no start codes.
    Plain,
}

const FORMS: [Form; 4] = [
    Form::Book { sizes: true, delimiters: true },
    Form::Book { sizes: false, delimiters: true },
    Form::Book { sizes: false, delimiters: false },
    Form::Plain,
];

/// An OBU behind a start code, with emulation prevention.
fn escaped(header: u8, payload: &[u8], size: bool) -> Vec<u8> {
    let mut plain = vec![if size { header } else { header & !2 }];
    let mut left = payload.len();
    if size {
        while left > 0x7F {
            plain.push(left as u8 | 0x80);
            left >>= 7;
        }
        plain.push(left as u8);
    }
    plain.extend_from_slice(payload);
    let mut bytes = vec![0, 0, 1];
    let mut zeros = 0;
    for byte in plain {
        if zeros >= 2 && byte <= 3 {
            bytes.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        bytes.push(byte);
    }
    bytes
}

/// A stream of temporal units 40 ms apart.
fn mux(units: &[Vec<u8>], form: Form, length: Length) -> Vec<u8> {
    mux_as(&AV01, units, form, length)
}

/// The same with these descriptors.
fn mux_as(descriptors: &[u8], units: &[Vec<u8>], form: Form, length: Length) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.described_pmt(PMT, 1, 0, &[(0x06, VIDEO, descriptors)]);
    for (index, unit) in units.iter().enumerate() {
        let pts = 90_000 + index as u64 * 3600;
        let Form::Book { sizes, delimiters } = form else {
            muxer.pes(&Pes { pid: VIDEO, pts: Some(pts), dts: None, payload: unit.clone() }, length);
            continue;
        };
        let all = obus(unit);
        let frames = all.iter().filter(|(kind, ..)| matches!(kind, 3 | 6)).count();
        let (mut payload, mut seen) = (Vec::new(), 0);
        for (kind, header, body) in all {
            if kind != DELIMITER || delimiters {
                payload.extend(escaped(header, &body, sizes));
            }
            if matches!(kind, 3 | 6) {
                seen += 1;
                // What is not shown has a time too, which says nothing.
                let pts = if seen == frames { pts } else { pts - 3000 };
                let dts = (seen == frames && index % 2 == 1).then_some(pts - 1000);
                muxer.pes(&Pes { pid: VIDEO, pts: Some(pts), dts, payload: std::mem::take(&mut payload) }, length);
            }
        }
    }
    // private_stream_1.
    let mut all = packets(&muxer.ts);
    for packet in all.iter_mut().filter(|packet| pid(packet) == VIDEO && packet[1] & 0x40 != 0) {
        let at = packet.windows(4).position(|bytes| bytes == [0, 0, 1, 0xE0]).unwrap();
        packet[at + 3] = 0xBD;
    }
    all.concat()
}

#[test]
fn every_temporal_unit_comes_out_at_its_time_however_it_is_written() {
    for (name, codec) in NAMES.iter().zip(["av01.0.00M.08", "av01.0.00M.10"]) {
        let units = temporal_units(name);
        assert_eq!(units.len(), 75, "{name}");
        for form in FORMS {
            for length in [Length::Declared, Length::Unbounded] {
                let run = run(&mux(&units, form, length));
                run.check(1);
                assert!(run.faults.is_empty() && run.discontinuities.is_empty(), "{name} {form:?}: {:?}", run.faults);
                assert_eq!(run.video.len(), 75, "{name} {form:?} {length:?}");
                let init = run.init(Track::Video);
                assert_eq!((init.codec.as_str(), init.width, init.height), (codec, 160, 90));
                for (index, (sample, _)) in run.video.iter().enumerate() {
                    let time = index as u64 * 3600;
                    assert_eq!((sample.dts, sample.pts as u64), (time, time), "{name} {form:?}");
                    assert_eq!(sample.source_pts as u64, 90_000 + time);
                    assert_eq!(sample.size as usize, units[index].len() - 2, "without the delimiter");
                }
                let keys = run.video.iter().filter(|(sample, _)| sample.key).count();
                assert!((1..=4).contains(&keys) && run.video[0].0.key, "{name}: {keys}");
            }
        }
    }
}

#[test]
fn ffmpeg_decodes_the_same_pictures_as_from_the_source() {
    let directory = Directory::new("av1");
    let made = directory.0.join("track.mp4");
    for name in NAMES {
        let expected = checksums(path(name).as_ref(), "0:v");
        assert_eq!(expected.len(), 75, "{name}");
        for form in FORMS {
            write_track(&mux(&temporal_units(name), form, Length::Unbounded), Track::Video, &made);
            assert_eq!(checksums(&made, "0:v"), expected, "{name} {form:?}");
        }
        let arguments = ["-v", "error", "-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0"];
        let told = output_of("ffprobe", &[&arguments[..], &[made.to_str().unwrap()]].concat());
        assert_eq!(told.trim().trim_end_matches(','), "av1,160,90");
    }
}

#[test]
fn a_stream_that_is_joined_in_the_middle_begins_with_a_key_frame() {
    let directory = Directory::new("av1-join");
    let made = directory.0.join("track.mp4");
    for name in NAMES {
        let units = temporal_units(name);
        let all = checksums(path(name).as_ref(), "0:v");
        for form in FORMS {
            let ts = mux(&units[5..], form, Length::Unbounded);
            let run = run(&ts);
            assert!(run.faults.is_empty() && run.video[0].0.key, "{name} {form:?}: {:?}", run.faults);
            assert!(run.video.len() >= 40, "{name} {form:?}: {}", run.video.len());
            write_track(&ts, Track::Video, &made);
            let some = checksums(&made, "0:v");
            assert!(all.ends_with(&some) && some.len() == run.video.len(), "{name} {form:?}");
        }
    }
}

#[test]
fn one_lost_packet_costs_a_frame_or_the_time_to_the_next_key_frame() {
    let directory = Directory::new("av1-loss");
    let made = directory.0.join("track.mp4");
    for name in NAMES {
        let units = temporal_units(name);
        for form in [FORMS[0], FORMS[2], Form::Plain] {
            let ts = mux(&units, form, Length::Unbounded);
            let clean = run(&ts);
            let all = of_pid(&packets(&ts), VIDEO);
            // Behind the first picture: without that one, the output begins with the next key frame.
            for &lost in all[40..all.len() - 4].iter().step_by(7) {
                let cut = without(&ts, |index| index == lost);
                let run = run(&cut);
                run.check(1);
                let frames = missing(&crcs(&clean.video), &crcs(&run.video));
                assert!((1..=2).contains(&frames), "{name} {form:?} packet {lost}: {frames} frames");
                let waiting = run_with(&cut, 1316, Options::default());
                waiting.check(1);
                let frames = missing(&crcs(&clean.video), &crcs(&waiting.video));
                assert!(frames <= 27, "{name} {form:?} packet {lost}: {frames} frames");
                if lost % 4 == 0 {
                    write_track_with(&cut, Track::Video, &made, Options::default());
                    checksums(&made, "0:v");
                }
            }
        }
    }
}

#[test]
fn a_stream_that_no_descriptor_names_is_recognised() {
    for name in NAMES {
        let units = temporal_units(name);
        let clean = run(&mux(&units, Form::Plain, Length::Declared));
        for form in [FORMS[0], Form::Plain] {
            let run = run(&mux_as(&[], &units, form, Length::Declared));
            assert_eq!(crcs(&run.video), crcs(&clean.video), "{name} {form:?}");
        }
    }
}

#[test]
fn cutting_the_stream_into_pushes_changes_nothing() {
    for form in FORMS {
        let ts = mux(&temporal_units("av1"), form, Length::Unbounded);
        let whole = run_with(&ts, usize::MAX, Options::default());
        for chunk in [1, 187, 1316] {
            assert_eq!(run_with(&ts, chunk, Options::default()), whole, "{form:?} {chunk}");
        }
    }
}

#[test]
fn a_browser_that_takes_no_av1_gets_none_and_is_told_what_there_is() {
    let options = Options { takes: Takes { av1: false, ..Takes::default() }, ..Options::default() };
    let run = run_with(&mux(&temporal_units("av1"), FORMS[0], Length::Declared), 1316, options);
    assert!(run.video.is_empty());
    assert_eq!(run.programs.last().unwrap().streams[0].codec.as_deref(), Some("av01"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn wrong_bytes_anywhere_stop_nothing_and_how_they_are_cut_changes_nothing(
        edits in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..40), name in 0..NAMES.len(), form in 0..FORMS.len(), waits: bool,
    ) {
        let ts = mutated(&mux(&temporal_units(NAMES[name]), FORMS[form], Length::Unbounded), &edits);
        let options = Options { wait_for_random_access: waits, ..Options::default() };
        let run = run_with(&ts, 1316, options);
        orderly(&run);
        prop_assert!(run == run_with(&ts, 200, options));
    }
}
