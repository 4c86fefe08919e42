//! Random access points of H.264: decoding begins at the first of a stream, and at any other where a player makes a new
//! MediaSource or jumps. None is an IDR picture here; what comes out bears a decoder that bears no error.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Media, Options, Output, Segmenter, Track};
use segmenter_support::decode::{Directory, checksums, complaints, tracks};
use segmenter_support::fields::{Kind, Picture, Structure, delimiter, pps, sps};
use segmenter_support::*;

/// What the page asks for.
fn page(wait_for_random_access: bool) -> Options {
    Options { wait_for_random_access, make_up_pictures: true, ..Options::default() }
}

/// The picture that came out: an initialisation segment, and the segments with their samples.
struct Picked {
    init: Vec<u8>,
    segments: Vec<Media>,
}

impl Picked {
    fn of(ts: &[u8], options: Options) -> Self {
        let mut segmenter = Segmenter::new(options);
        segmenter.push(ts, 0);
        segmenter.finish();
        let mut picked = Self { init: Vec::new(), segments: Vec::new() };
        while let Some(output) = segmenter.poll() {
            match output {
                Output::Init(init) if init.track == Track::Video => {
                    assert!(picked.init.is_empty(), "a second initialisation segment");
                    picked.init = init.data;
                }
                Output::Media(media) if media.track == Track::Video => {
                    picked.segments.push(media);
                }
                _ => {}
            }
        }
        picked
    }

    /// Where decoding can begin.
    fn keys(&self) -> Vec<usize> {
        (0..self.segments.len()).filter(|at| self.segments[*at].samples[0].key).collect()
    }

    /// What a decoder is given that begins with the segment `from`.
    fn begun(&self, from: usize) -> Vec<u8> {
        let next = self.keys().into_iter().find(|key| *key > from).unwrap_or(self.segments.len());
        let mut file = self.init.clone();
        for (at, media) in self.segments.iter().enumerate().skip(from) {
            file.extend(media.anew.as_ref().filter(|_| at < next).unwrap_or(&media.data));
        }
        file
    }

    /// When the picture of a segment is shown.
    fn shown(&self, at: usize) -> i64 {
        self.segments[at].samples.last().unwrap().pts
    }
}

/// How a frame is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Frames,
    Fields,
}

/// Frames of a GOP.
const GOP: u32 = 6;

/// A stream whose random access points are intra pictures, the first alone an IDR picture. Each is followed by two
/// pictures that others refer to and that are shown before it: the first discards the picture before the I picture, the
/// second the first, and the P picture behind them discards the second and refers to the I picture.
fn leading_references(coding: Coding, groups: u32, said: bool) -> Vec<u8> {
    let mut muxer = Muxer::default();
    for group in 0..groups {
        muxer.pat(&[(1, PMT)]);
        muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO)]);
        // In decoding order: where it is shown, and how many frames back the one is that it discards.
        let frames: [(u32, Option<u32>); GOP as usize] =
            [(2, None), (0, Some(2)), (1, Some(1)), (3, Some(1)), (4, None), (5, None)];
        for (number, (place, discards)) in frames.into_iter().enumerate() {
            let idr = group == 0 && number == 0;
            let kind = match number {
                0 if idr => Kind::Idr,
                0 => Kind::I,
                _ => Kind::P,
            };
            let frame_num = group * GOP + number as u32;
            let order = (group * GOP + place) * 2;
            let picture = |kind, structure, order| Picture {
                kind,
                structure,
                reference: true,
                frame_num,
                order,
                pps: 0,
                more: 0,
                shade: frame_num as u8,
            };
            let discards = discards.filter(|_| group > 0 || number > 1);
            // To the I picture.
            let refers = (number == 3).then_some(3);
            let mut units = vec![delimiter()];
            if number == 0 {
                units.extend([sps(0, 0), pps(0, 0)]);
                if said {
                    units.push(vec![6, 6, 1, 0xC4, 0x80]);
                }
            }
            match coding {
                Coding::Frames => {
                    let back: Vec<u32> = discards.into_iter().collect();
                    units.push(picture(kind, Structure::Frame, order).slice_with(refers, &back));
                }
                Coding::Fields => {
                    let back: Vec<u32> = discards.into_iter().flat_map(|back| [back * 2, back * 2 + 1]).collect();
                    let second = if idr { Kind::P } else { kind };
                    let refers = refers.map(|back| back * 2);
                    units.push(picture(kind, Structure::Top, order).slice_with(refers, &back));
                    units.push(picture(second, Structure::Bottom, order + 1).slice_with(refers, &[]));
                }
            }
            let dts = 90_000 + u64::from(frame_num) * 3600;
            let pts = 90_000 + u64::from(group * GOP + place + 2) * 3600;
            let payload = byte_stream(units.iter().map(Vec::as_slice));
            muxer.pes(&Pes { pid: VIDEO, pts: Some(pts), dts: Some(dts), payload }, Length::Unbounded);
        }
    }
    muxer.ts
}

/// From its PAT of this number on.
fn joined(ts: &[u8], pat: usize) -> Vec<u8> {
    let all = packets(ts);
    let from = of_pid(&all, 0)[pat];
    all[from..].concat()
}

/// `frame_num`, its bits 4, of each reference picture in the samples of a file, fields of a frame once.
fn frame_nums(picked: &Picked) -> Vec<u32> {
    let mut all = Vec::new();
    for media in &picked.segments {
        for sample in &media.samples {
            let mut rest = &media.data[sample.offset as usize..][..sample.size as usize];
            let mut found = None;
            while let Some((length, after)) = rest.split_first_chunk::<4>() {
                let (nal, after) = after.split_at(u32::from_be_bytes(*length) as usize);
                rest = after;
                if matches!(nal[0] & 0x1F, 1 | 5) && nal[0] & 0x60 != 0 {
                    let bits: Vec<u32> = nal[1..]
                        .iter()
                        .flat_map(|byte| (0..8).rev().map(move |bit| u32::from(byte >> bit & 1)))
                        .collect();
                    // Three Exp-Golomb codes stand before it.
                    let mut at = 0;
                    for _ in 0..3 {
                        let zeros = bits[at..].iter().take_while(|bit| **bit == 0).count();
                        at += 2 * zeros + 1;
                    }
                    found = Some(bits[at..at + 4].iter().fold(0, |value, bit| value * 2 + bit));
                }
            }
            all.extend(found);
        }
    }
    all
}

#[test]
fn a_join_before_leading_pictures_that_others_refer_to_leaves_no_hole_in_the_reference_pictures() {
    for coding in [Coding::Frames, Coding::Fields] {
        let ts = leading_references(coding, 4, true);
        assert_eq!(complaints(&Picked::of(&ts, page(true)).begun(0), &format!("whole-{coding:?}")), "");
        for pat in 1..4 {
            for wait in [false, true] {
                let picked = Picked::of(&joined(&ts, pat), page(wait));
                let numbers = frame_nums(&picked);
                assert!(numbers.len() > (4 - pat) * GOP as usize, "{coding:?} {pat}: {numbers:?}");
                for pair in numbers.windows(2) {
                    assert_eq!((pair[0] + 1) % 16, pair[1], "{coding:?} {pat}: {numbers:?}");
                }
                assert_eq!(
                    complaints(&picked.begun(0), &format!("join-{coding:?}-{pat}-{wait}")),
                    "",
                    "{coding:?} {pat}"
                );
            }
        }
    }
}

#[test]
fn a_decoder_may_begin_at_any_random_access_point_and_shows_the_same_pictures_from_there() {
    let directory = Directory::new("random-access");
    let (whole, part) = (directory.0.join("whole.mp4"), directory.0.join("part.mp4"));
    let streams = [
        ("frames", leading_references(Coding::Frames, 5, true)),
        ("fields", leading_references(Coding::Fields, 5, true)),
        ("open_gop", fixture("open_gop")),
        ("open_gop_cavlc", fixture("open_gop_cavlc")),
    ];
    for (name, ts) in streams {
        for wait in [false, true] {
            let picked = Picked::of(&ts, page(wait));
            std::fs::write(&whole, picked.begun(0)).unwrap();
            let expected = checksums(&whole, "0:v");
            assert_eq!(expected.len(), picked.segments.len(), "{name}");
            let keys = picked.keys();
            assert!(keys.len() > 2, "{name}: {keys:?}");
            for key in keys {
                let file = picked.begun(key);
                assert_eq!(complaints(&file, &format!("{name}-{key}-{wait}")), "", "{name} from {key}");
                std::fs::write(&part, file).unwrap();
                let shown = (0..picked.segments.len()).filter(|at| picked.shown(*at) >= picked.shown(key)).count();
                let found = checksums(&part, "0:v");
                assert_eq!(found[found.len() - shown..], expected[expected.len() - shown..], "{name} from {key}");
            }
        }
    }
}

#[test]
fn a_decoder_that_goes_on_past_a_random_access_point_gets_the_pictures_as_they_came() {
    for name in ["open_gop", "open_gop_cavlc"] {
        let ts = fixture(name);
        let (page, plain) = (run_with(&ts, 1316, page(true)), run_with(&ts, 1316, Options::default()));
        assert_eq!(page.video, plain.video, "{name}");
    }
}

#[test]
fn a_random_access_point_that_nothing_in_the_stream_tells_of_is_told_to_the_browser() {
    let ts = leading_references(Coding::Frames, 3, false);
    let picked = Picked::of(&ts, page(true));
    for key in picked.keys().into_iter().skip(1) {
        for data in [&picked.segments[key].data, picked.segments[key].anew.as_ref().unwrap()] {
            assert!(data.windows(9).any(|bytes| bytes == [0, 0, 0, 5, 6, 6, 1, 0xC4, 0x80]), "at {key}");
        }
    }
    // Joined in the middle, and without made-up pictures too.
    for options in [page(true), Options::default()] {
        let picked = Picked::of(&joined(&ts, 1), options);
        assert!(picked.segments[0].data.windows(9).any(|bytes| bytes == [0, 0, 0, 5, 6, 6, 1, 0xC4, 0x80]));
    }
}

/// Pictures of which each refreshes a part, and no intra picture: every sixth says that from it on the picture
/// completes within two (recovery_frame_cnt 2).
fn gradual_refresh(pictures: u32) -> Vec<u8> {
    let mut muxer = Muxer::default();
    for number in 0..pictures {
        let mut units = vec![delimiter()];
        if number % 6 == 0 {
            muxer.pat(&[(1, PMT)]);
            muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO)]);
            units.extend([sps(0, 0), pps(0, 0), vec![6, 6, 1, 0x64, 0x80]]);
        }
        let picture = Picture {
            kind: Kind::P,
            structure: Structure::Frame,
            reference: true,
            frame_num: 7 + number,
            order: 20 + number * 2,
            pps: 0,
            more: 0,
            shade: number as u8,
        };
        units.push(picture.slice());
        let pts = 90_000 + u64::from(number) * 3600;
        let payload = byte_stream(units.iter().map(Vec::as_slice));
        muxer.pes(&Pes { pid: VIDEO, pts: Some(pts), dts: None, payload }, Length::Unbounded);
    }
    muxer.ts
}

#[test]
fn a_stream_of_gradual_refresh_plays_from_the_middle_behind_an_intra_picture_that_is_made_up() {
    let ts = gradual_refresh(30);
    for wait in [false, true] {
        let picked = Picked::of(&ts, page(wait));
        assert_eq!(picked.segments.len(), 30);
        let samples = &picked.segments[0].samples;
        // One intra picture, and another for the second reference picture that the stream may use.
        assert_eq!(samples.iter().map(|sample| sample.key).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(picked.keys(), [0, 6, 12, 18, 24]);
        for pair in picked.segments.windows(2) {
            let (before, after) = (pair[0].samples.last().unwrap(), pair[1].samples[0]);
            assert_eq!((before.dts + u64::from(before.duration), after.pts - before.pts >= 3596), (after.dts, true));
        }
        for key in picked.keys() {
            assert_eq!(complaints(&picked.begun(key), &format!("gradual-{key}-{wait}")), "", "from {key}");
        }
        let directory = Directory::new(&format!("gradual-{wait}"));
        let path = directory.0.join("from.mp4");
        std::fs::write(&path, picked.begun(6)).unwrap();
        assert_eq!(checksums(&path, "0:v").len(), 24 + 2);
    }
}

#[test]
fn a_loss_in_a_stream_of_gradual_refresh_is_over_with_its_next_random_access_point() {
    let ts = gradual_refresh(30);
    let all = packets(&ts);
    let lost = of_pid(&all, VIDEO)[9 * 3 + 1];
    for wait in [false, true] {
        let picked = Picked::of(&without(&ts, |index| index == lost), page(wait));
        assert!((29..=30).contains(&picked.segments.len()), "{}", picked.segments.len());
        assert_eq!(complaints(&picked.begun(0), &format!("gradual-loss-{wait}")), "");
    }
}

#[test]
fn a_capture_that_is_looped_inside_a_group_of_pictures_shows_nothing_that_lacks_its_references() {
    let directory = Directory::new("looped");
    let path = directory.0.join("looped.mp4");
    for name in ["clip", "open_gop"] {
        let ts = fixture(name);
        std::fs::write(&path, Picked::of(&ts, page(true)).begun(0)).unwrap();
        let clean = checksums(&path, "0:v");
        let all = packets(&ts);
        let starts: Vec<usize> = of_pid(&all, VIDEO).into_iter().filter(|index| all[*index][1] & 0x40 != 0).collect();
        for (from, to) in [(5, 70), (14, 63), (37, 58)] {
            let looped = renumber(&[&all[..starts[to]], &all[starts[from]..]].concat().concat());
            for wait in [false, true] {
                for (number, file) in tracks(&looped, Track::Video, page(wait)).into_iter().enumerate() {
                    let what = format!("{name}-{from}-{to}-{wait}-{number}");
                    assert_eq!(complaints(&file, &what), "", "{what}");
                    std::fs::write(&path, file).unwrap();
                    let found = checksums(&path, "0:v");
                    // Behind the grey ones with which decoding begins.
                    let shown = found.iter().skip_while(|sum| **sum == found[0]);
                    let other = shown.filter(|sum| !clean.contains(sum)).count();
                    assert_eq!(other, 0, "{what}: {other} of {} pictures are not the source's", found.len());
                }
            }
        }
    }
}
