//! How NAL units stand in access units and PES packets (ISO/IEC 14496-10, 7.4.1.2.3; 23008-2, 7.4.2.4.4): pictures are
//! cut where they begin, whatever stands before, between and behind their slices.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::Options;
use segmenter_support::measure::*;
use segmenter_support::*;

/// `nal_unit_type` in H.264 and HEVC.
fn kind(hevc: bool, nal_unit: &[u8]) -> u8 {
    if hevc { nal_unit[0] >> 1 & 0x3F } else { nal_unit[0] & 0x1F }
}

/// The picture of a fixture, its PES packets' NAL units changed by `change`.
fn changed(name: &str, length: Length, change: impl Fn(Vec<Vec<u8>>) -> Vec<Vec<u8>>) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    let stream_type = if name.starts_with("hevc") { 0x24 } else { 0x1B };
    muxer.pmt(PMT, 1, 0, &[(stream_type, VIDEO)]);
    for pes in pictures(name) {
        let units = change(nal_units(&pes.payload));
        muxer.pes(&Pes { payload: byte_stream(units.iter().map(Vec::as_slice)), ..pes }, length);
    }
    muxer.ts
}

fn pictures(name: &str) -> Vec<Pes> {
    pes_packets(&fixture(name)).into_iter().filter(|pes| pes.pid == VIDEO).collect()
}

/// What the page asks for.
fn options(wait_for_random_access: bool) -> Options {
    Options { wait_for_random_access, make_up_pictures: true, ..Options::default() }
}

/// Times, durations and which are key.
fn times(run: &Run) -> Vec<(u64, i64, u32, bool)> {
    run.video.iter().map(|(sample, _)| (sample.dts, sample.source_pts, sample.duration, sample.key)).collect()
}

#[test]
fn a_delimiter_that_is_not_the_first_of_its_unit_begins_none() {
    for name in ["clip", "sliced", "open_gop", "hevc", "hevc10"] {
        let hevc = name.starts_with("hevc");
        let delimiter = if hevc { 35 } else { 9 };
        let sei: &[u8] = if hevc { &[0x4E, 1, 5, 1, 0x55, 0x80] } else { &[6, 5, 1, 0x55, 0x80] };
        let is_set = |unit: &Vec<u8>| {
            if hevc { (32..35).contains(&kind(hevc, unit)) } else { matches!(kind(hevc, unit), 7 | 8) }
        };
        let sets_first = |units: Vec<Vec<u8>>| {
            let (sets, rest): (Vec<_>, Vec<_>) = units.into_iter().partition(is_set);
            [sets, rest].concat()
        };
        let sei_first = |units: Vec<Vec<u8>>| [vec![sei.to_vec()], units].concat();
        for length in [Length::Unbounded, Length::Declared] {
            let clean = changed(name, length, |units| units);
            for options in [options(false), options(true)] {
                let whole = run_with(&clean, 1316, options);
                assert_eq!(whole.video.len(), 75, "{name}");
                assert!(
                    pictures(name).iter().all(|pes| kind(hevc, &nal_units(&pes.payload)[0]) == delimiter),
                    "{name}"
                );
                let run = run_with(&changed(name, length, sets_first), 1316, options);
                assert_eq!((crcs(&run.video), times(&run)), (crcs(&whole.video), times(&whole)), "{name}: sets");
                assert!(run.faults.is_empty(), "{name}: {:?}", run.faults);
                let run = run_with(&changed(name, length, sei_first), 1316, options);
                assert_eq!(times(&run), times(&whole), "{name}: SEI");
                assert!(run.faults.is_empty(), "{name}: {:?}", run.faults);
            }
        }
    }
}

#[test]
fn parameter_sets_may_come_in_a_pes_packet_of_their_own() {
    for (own_time, length) in [(true, Length::Declared), (false, Length::Unbounded), (true, Length::Unbounded)] {
        let clean = run_with(&changed("clip", length, |units| units), 1316, options(true));
        let mut muxer = Muxer::default();
        muxer.pat(&[(1, PMT)]);
        muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO)]);
        for pes in pictures("clip") {
            let (sets, rest): (Vec<_>, Vec<_>) =
                nal_units(&pes.payload).into_iter().partition(|unit| matches!(kind(false, unit), 7 | 8));
            if !sets.is_empty() {
                let payload = byte_stream(sets.iter().map(Vec::as_slice));
                let (pts, dts) = if own_time { (pes.pts, pes.dts) } else { (None, None) };
                muxer.pes(&Pes { payload, pts, dts, ..pes.clone() }, length);
            }
            muxer.pes(&Pes { payload: byte_stream(rest.iter().map(Vec::as_slice)), ..pes }, length);
        }
        let run = run_with(&muxer.ts, 1316, options(true));
        assert_eq!((crcs(&run.video), times(&run)), (crcs(&clean.video), times(&clean)), "{own_time} {length:?}");
    }
}

#[test]
fn what_stands_before_and_behind_slices_for_other_layers_cuts_no_picture_apart_and_is_left_out() {
    for name in ["clip", "sliced", "open_gop"] {
        let layered = |units: Vec<Vec<u8>>| {
            let with_others = |unit: Vec<u8>| match kind(false, &unit) {
                // A prefix before each slice; slices of another layer and of a view's depth behind it.
                1 | 5 => vec![
                    vec![unit[0] & 0xE0 | 14, 0x40, 0x80, 0x07],
                    unit.clone(),
                    [&[unit[0] & 0xE0 | 20, 0x40, 0x80, 0x07], &unit[1..]].concat(),
                    [&[unit[0] & 0xE0 | 21, 0x40, 0x80, 0x07], &unit[1..]].concat(),
                ],
                7 => vec![unit.clone(), [&[unit[0] & 0xE0 | 15], &unit[1..]].concat()],
                _ => vec![unit],
            };
            units.into_iter().flat_map(with_others).collect::<Vec<_>>()
        };
        let without_delimiter =
            |units: Vec<Vec<u8>>| layered(units).into_iter().filter(|unit| kind(false, unit) != 9).collect::<Vec<_>>();
        for length in [Length::Unbounded, Length::Declared] {
            let clean = run_with(&changed(name, length, |units| units), 1316, options(true));
            for ts in [changed(name, length, layered), changed(name, length, without_delimiter)] {
                let run = run_with(&ts, 1316, options(true));
                assert_eq!((crcs(&run.video), times(&run)), (crcs(&clean.video), times(&clean)), "{name} {length:?}");
                assert!(run.faults.is_empty(), "{name}: {:?}", run.faults);
            }
        }
    }
}

#[test]
fn a_lost_packet_costs_the_pictures_that_it_touches_wherever_slices_are_cut() {
    let sei_first = |units: Vec<Vec<u8>>| [vec![vec![6, 5, 1, 0x55, 0x80]], units].concat();
    let (plain, sei_first) =
        (changed("sliced", Length::Unbounded, |units| units), changed("sliced", Length::Declared, sei_first));
    for ts in [plain, sei_first] {
        let whole = run(&ts);
        let all = of_pid(&packets(&ts), VIDEO);
        for &lost in &all[60..all.len() - 20] {
            let run = run(&without(&ts, |index| index == lost));
            run.check(1);
            // That none but the source's come out is looked at, too.
            let gone = missing(&crcs(&whole.video), &crcs(&run.video));
            assert!((1..=2).contains(&gone), "packet {lost}: {gone}");
        }
    }
}
