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

/// The picture of a fixture, its PES packets written as `write` does.
fn written(name: &str, write: impl Fn(&mut Muxer, usize, &Pes)) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO)]);
    pictures(name).iter().enumerate().for_each(|(number, pes)| write(&mut muxer, number, pes));
    muxer.ts
}

/// Writes a PES packet whose length is declared as another one.
fn declare(muxer: &mut Muxer, pes: &Pes, length: impl Fn(usize) -> usize) {
    let mut apart = Muxer { counters: muxer.counters.clone(), ..Muxer::default() };
    apart.pes(pes, Length::Declared);
    let mut all = packets(&apart.ts);
    let at = 188 - amt_shared::ts::Packet::parse(&all[0]).unwrap().payload().len();
    let bytes = usize::from(all[0][at + 8]) + 3 + pes.payload.len();
    all[0][at + 4..at + 6].copy_from_slice(&(length(bytes) as u16).to_be_bytes());
    muxer.ts.extend(all.as_flattened());
    muxer.counters = apart.counters;
}

#[test]
fn a_declared_length_that_is_wrong_costs_no_picture() {
    for name in ["clip", "sliced"] {
        let whole = run(&written(name, |muxer, _, pes| muxer.pes(pes, Length::Unbounded)));
        for off in [-300, -200, -184, -20, -5, -3, -2, -1, 1, 2, 20, 200] {
            let ts =
                written(name, |muxer, _, pes| declare(muxer, pes, |bytes| bytes.saturating_add_signed(off).max(1)));
            for options in [options(false), options(true)] {
                let run = run_with(&ts, 1316, options);
                assert_eq!((crcs(&run.video), times(&run)), (crcs(&whole.video), times(&whole)), "{name} {off}");
            }
        }
    }
}

#[test]
fn lengths_that_go_round_at_65_536_cost_one_picture_after_a_join_at_most() {
    // A key picture of 70,000 bytes each second among small ones of right lengths; filler data stands behind its slices.
    for more in [0, 4096, 70_000, 135_000] {
        let grown = |number: usize, pes: &Pes| {
            let filler = if number.is_multiple_of(25) {
                [&[0, 0, 1, 12][..], &vec![0xFF; more], &[0x80]].concat()
            } else {
                vec![]
            };
            Pes { payload: [&pes.payload[..], &filler].concat(), ..pes.clone() }
        };
        let whole = run(&written("clip", |muxer, number, pes| muxer.pes(&grown(number, pes), Length::Unbounded)));
        let ts = written("clip", |muxer, number, pes| declare(muxer, &grown(number, pes), |bytes| bytes % 65_536));
        let run = run(&ts);
        let gone = missing(&crcs(&whole.video), &crcs(&run.video));
        assert!(gone <= usize::from(more > 65_000), "{more}: {gone}");
    }
}

#[test]
fn a_length_that_goes_round_to_less_than_the_header_says_nothing() {
    for declared in 1..13 {
        let whole = run(&written("clip", |muxer, _, pes| muxer.pes(pes, Length::Unbounded)));
        let run = run(&written("clip", |muxer, _, pes| declare(muxer, pes, |_| declared)));
        assert_eq!((crcs(&run.video), run.faults), (crcs(&whole.video), whole.faults), "{declared}");
    }
}

#[test]
fn stuffing_that_is_not_at_the_end_cuts_no_picture() {
    for name in ["clip", "sliced", "open_gop"] {
        let whole = run(&written(name, |muxer, _, pes| muxer.pes(pes, Length::Unbounded)));
        // No adaptation field is shorter than so many bytes.
        for shortest in [8, 2, 1] {
            let ts = written(name, |muxer, _, pes| {
                let mut apart = Muxer::default();
                apart.pes(pes, Length::Unbounded);
                let bytes: Vec<u8> = packets(&apart.ts)
                    .iter()
                    .flat_map(|p| amt_shared::ts::Packet::parse(p).unwrap().payload().to_vec())
                    .collect();
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let room = if (184 - shortest + 1..184).contains(&rest.len()) { 184 - shortest } else { 184 };
                    let (piece, behind) = rest.split_at(rest.len().min(room));
                    muxer.packet(VIDEO, rest.len() == bytes.len(), &[], piece);
                    rest = behind;
                }
            });
            for options in [options(false), options(true)] {
                let run = run_with(&ts, 1316, options);
                assert_eq!((crcs(&run.video), times(&run)), (crcs(&whole.video), times(&whole)), "{name} {shortest}");
                assert!(run.faults.is_empty(), "{name} {shortest}: {:?}", run.faults);
            }
        }
    }
}
