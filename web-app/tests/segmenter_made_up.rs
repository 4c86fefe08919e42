//! Pictures that are made up in place of lost ones: decoders find no fault with what comes out, and its timeline has
//! no hole, whatever is lost.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_shared::ts::Packet;
use amt_web_app::segmenter::{Options, Output, Segmenter, Track};
use proptest::prelude::*;
use segmenter_support::decode::complaints;
use segmenter_support::*;

const FIXTURES: [&str; 6] = ["clip", "open_gop", "open_gop_cavlc", "sliced", "pyramid", "mbaff"];

/// How often a fixture of three seconds is played.
const ROUNDS: i64 = 4;

fn options(wait_for_random_access: bool) -> Options {
    Options { wait_for_random_access, make_up_pictures: true, ..Options::default() }
}

/// The picture four times over, as one that goes on, without the packets that `lost` says.
fn lossy(name: &str, lost: impl Fn(usize) -> bool) -> Vec<u8> {
    let clip = without_pid(&fixture(name), AUDIO);
    let whole: Vec<u8> = (0..ROUNDS).flat_map(|round| shift_times(&clip, round * 3 * 90_000)).collect();
    // Before the losses, so that these show; nothing shows that the end of the last picture is missing.
    let end = whole.len() / 188 - 40;
    without(&renumber(&whole), |index| index < end && lost(index))
}

fn without_pid(ts: &[u8], pid: u16) -> Vec<u8> {
    let all = packets(ts);
    without(ts, |index| segmenter_support::pid(&all[index]) == pid)
}

/// The picture as files, one for each initialisation segment.
fn video(ts: &[u8], options: Options) -> Vec<Vec<u8>> {
    let mut segmenter = Segmenter::new(options);
    segmenter.push(ts, 0);
    segmenter.finish();
    let mut files = Vec::<Vec<u8>>::new();
    while let Some(output) = segmenter.poll() {
        match output {
            Output::Init(init) if init.track == Track::Video => files.push(init.data),
            Output::Media(media) if media.track == Track::Video => files.last_mut().unwrap().extend(media.data),
            _ => {}
        }
    }
    files
}

#[test]
fn a_decoder_that_bears_no_error_decodes_what_is_left_of_any_loss() {
    for name in FIXTURES {
        for (share, burst) in [(100, 1), (30, 1), (300, 7)] {
            for seed in 1..3 {
                // A plain generator of numbers: the same losses every time.
                let mut state: u64 = seed * 7919 + share;
                let mut gone = 0;
                let packets: Vec<bool> = (0..4000)
                    .map(|_| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        gone = if (state >> 33).is_multiple_of(share) { burst } else { i32::max(gone - 1, 0) };
                        gone > 0
                    })
                    .collect();
                let ts = lossy(name, |index| index > 20 && packets[index % packets.len()]);
                for wait in [false, true] {
                    for file in video(&ts, options(wait)) {
                        let found = complaints(&file, &format!("{name}-{share}-{seed}-{wait}"));
                        assert_eq!(found, "", "{name}: one in {share}, {burst} in a row, seed {seed}, waiting: {wait}");
                    }
                }
            }
        }
    }
}

#[test]
fn datagrams_that_overtake_each_other_leave_nothing_that_ends_playback() {
    for name in FIXTURES {
        let whole = lossy(name, |_| false);
        for (seed, wait) in [(1, false), (2, false), (3, false), (4, true)] {
            let mut datagrams: Vec<&[u8]> = whole.chunks(7 * 188).collect();
            let swapped = one_in_five(seed);
            for first in (4..datagrams.len() - 8).step_by(2).filter(|first| swapped[*first]) {
                datagrams.swap(first, first + 1);
            }
            for file in video(&datagrams.concat(), options(wait)) {
                assert_eq!(complaints(&file, &format!("swap-{name}-{seed}")), "", "{name} {seed}");
            }
        }
    }
}

#[test]
fn a_capture_that_goes_round_leaves_nothing_that_ends_playback_even_where_all_counters_fit() {
    for name in FIXTURES {
        let all = packets(&without_pid(&fixture(name), AUDIO));
        for (number, cut) in (all.len() - 60..all.len()).step_by(7).enumerate() {
            // Nothing shows that the last picture of all is cut.
            let ts = renumber(&[&all[..cut].concat().repeat(3)[..], &all.concat()].concat());
            for file in video(&ts, options(number % 3 != 0)) {
                assert_eq!(complaints(&file, &format!("round-{name}-{number}")), "", "{name} up to {cut}");
            }
        }
    }
}

#[test]
fn a_lost_reference_freezes_the_picture_and_leaves_no_hole() {
    let ts = lossy("clip", |_| false);
    let clean = run_with(&ts, 1316, options(true));
    // The second packet of a picture at which decoding can start.
    let all = packets(&ts);
    let pictures = of_pid(&all, VIDEO);
    let starts = |index: &&usize| **index > 700 && Packet::parse(&all[**index]).unwrap().random_access();
    let lost = pictures.iter().find(starts).unwrap() + 1;
    let run = run_with(&without(&ts, |index| index == lost), 1316, options(true));
    run.check(1);
    assert!(run.faults["repeated_picture"] > 5, "{:?}", run.faults);
    assert!(clean.video.len() - run.video.len() <= 2, "{} of {}", run.video.len(), clean.video.len());
    assert!(run.video.iter().all(|(sample, _)| sample.duration <= 3 * 3600));
}

#[test]
fn where_nothing_is_lost_nothing_is_made_up() {
    for name in FIXTURES {
        let ts = fixture(name);
        let (with, without) = (run_with(&ts, 1316, options(true)), run_with(&ts, 1316, Options::default()));
        assert_eq!((&with.video, &with.faults), (&without.video, &without.faults), "{name}");
    }
}

#[test]
fn a_switch_of_sources_is_no_reason_to_make_pictures_up_for_its_jump() {
    let ts = [shift_times(&fixture("clip"), 0), shift_times(&fixture("clip"), 100 * 90_000)].concat();
    let run = run_with(&renumber(&ts), 1316, options(false));
    assert_eq!((run.video.len(), run.faults.get("repeated_picture")), (150, None));
}

/// One packet in five is lost: which, by a plain generator of numbers.
fn one_in_five(seed: u64) -> Vec<bool> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).is_multiple_of(5)
    };
    (0..4000).map(|_| next()).collect()
}

#[test]
fn under_heavy_loss_whatever_decodes_is_shown_where_artefacts_are_borne() {
    for name in FIXTURES {
        for seed in 1..4 {
            let lost = one_in_five(seed);
            // No random access point is whole, but what it says of the sequence mostly is.
            let whole = lossy(name, |_| false);
            let all = packets(&whole);
            let starts: Vec<usize> = of_pid(&all, VIDEO)
                .into_iter()
                .filter(|index| Packet::parse(&all[*index]).unwrap().random_access())
                .map(|index| index + 2)
                .collect();
            let ts = lossy(name, |index| index > 3 && lost[index % 4000] || starts.contains(&index));
            let files = video(&ts, options(false));
            assert!(!files.is_empty(), "{name} {seed}");
            for file in files {
                assert_eq!(complaints(&file, &format!("heavy-{name}-{seed}")), "", "{name} {seed}");
            }
            let run = run_with(&ts, 1316, options(false));
            // Within the last second too.
            let end = run.video.last().map_or(0, |(sample, _)| sample.source_pts);
            assert!(run.video.len() > 50 && end > 10 * 90_000, "{name} {seed}: {} up to {end}", run.video.len());
        }
    }
}

#[test]
fn under_heavy_loss_each_random_access_point_that_comes_whole_is_shown() {
    for name in FIXTURES {
        for seed in 1..4 {
            let lost = one_in_five(seed);
            let whole = lossy(name, |_| false);
            let all = packets(&whole);
            let starts: Vec<usize> = of_pid(&all, VIDEO).into_iter().filter(|at| all[*at][1] & 0x40 != 0).collect();
            // Every third random access point is spared, and what shows that it ends.
            let random_access = |at: &usize| Packet::parse(&all[*at]).unwrap().random_access();
            let points = (0..starts.len() - 2).filter(|number| random_access(&starts[*number]));
            let spared: Vec<_> = points.step_by(3).map(|number| starts[number]..=starts[number + 1]).collect();
            let ts = lossy(name, |index| lost[index % 4000] && !spared.iter().any(|range| range.contains(&index)));
            let clean = run_with(&whole, 1316, options(true));
            let run = run_with(&ts, 1316, options(true));
            let keys = |run: &Run| {
                let keys = run.video.iter().filter(|(sample, _)| sample.key).map(|(sample, _)| sample.source_pts);
                keys.collect::<Vec<_>>()
            };
            let shown = keys(&run);
            assert!(shown.len() >= spared.len(), "{name} {seed}: {} of {}", shown.len(), spared.len());
            assert!(!shown.is_empty() && keys(&clean).len() > shown.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_damage_leaves_decoding_times_without_holes(
        name in prop::sample::select(&FIXTURES[..]),
        damage in prop::collection::vec((20usize..1900, 1usize..60, any::<u8>()), 1..20),
        wait: bool,
    ) {
        let mut all = packets(&lossy(name, |_| false));
        for (at, length, byte) in damage {
            let at = at.min(all.len() - 70);
            if byte & 1 == 0 { drop(all.drain(at..at + length)) } else { all[at][4 + length * 3] ^= byte }
        }
        let run = run_with(&all.concat(), 1316, options(wait));
        for pair in run.video.windows(2) {
            prop_assert_eq!(pair[1].0.dts, pair[0].0.dts + u64::from(pair[0].0.duration));
        }
    }
}

#[test]
fn pictures_are_made_up_for_now_where_the_clock_has_jumped_back() {
    for name in ["open_gop", "clip"] {
        let ts = fixture(name);
        // Joined behind the IDR picture, which is missing each time that it goes round.
        let joined = &ts[ts.len() / 188 * 13 / 100 * 188..];
        for wait_for_random_access in [false, true] {
            let options = Options { wait_for_random_access, make_up_pictures: true, ..Options::default() };
            let run = run_with(&joined.repeat(4), 1316, options);
            for (sample, _) in &run.video {
                assert!(
                    sample.pts.abs_diff(sample.dts as i64) <= 90_000,
                    "{name}, {wait_for_random_access}: {sample:?}"
                );
            }
        }
    }
}
