//! Transport packets as networks and multiplexers make them: all that is whole comes out.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::Options;
use segmenter_support::faults::*;
use segmenter_support::measure::*;
use segmenter_support::*;

fn clean() -> (Vec<[u8; 188]>, Run) {
    let all = Plan { rounds: 1, ..Plan::default() }.packets();
    let run = run(&all.concat());
    run.check(1);
    assert_eq!((run.video.len(), run.audio.len()), (75, 142));
    (all, run)
}

#[test]
fn packets_may_stand_192_or_204_bytes_apart() {
    let (all, whole) = clean();
    for (before, behind) in [(4, 0), (0, 4), (0, 16)] {
        assert_eq!(run(&spaced(&all, before, behind)), whole, "{before} {behind}");
    }
}

#[test]
fn null_packets_are_passed_over_whatever_their_counters_say() {
    let (all, whole) = clean();
    assert_eq!(run(&with_null_packets(&all)), whole);
}

#[test]
fn packets_of_other_programmes_and_of_no_table_are_passed_over() {
    let (all, whole) = clean();
    let mut ts = Vec::new();
    for (index, packet) in all.iter().enumerate() {
        let mut other = *packet;
        other[1] = other[1] & 0xE0 | 0x0C;
        other[2] = index as u8;
        ts.extend(other);
        ts.extend(packet);
    }
    assert_eq!(run(&ts), whole);
}

#[test]
fn a_stream_may_be_joined_at_any_packet() {
    let all = Plan { rounds: 2, ..Plan::default() }.packets();
    let whole = run(&all.concat());
    for from in (0..all.len() / 2).step_by(7) {
        for options in [go_on(), Options::default()] {
            let run = run_with(&all[from..].concat(), 1316, options);
            run.check(1);
            // A random access point comes every second.
            assert!(run.video.len() >= 50 && run.video[0].0.key, "{from}: {}", run.video.len());
            assert_eq!(run.video[0].0.dts.min(4500), run.video[0].0.dts, "{from}");
            assert!(crcs(&whole.video).ends_with(&crcs(&run.video)), "{from}");
            assert!(crcs(&whole.audio).ends_with(&crcs(&run.audio)), "{from}");
            // Sound from where the picture begins.
            assert!(run.audio.len() as u64 * 1024 * 25 / 48_000 + 8 >= run.video.len() as u64, "{from}");
            assert!(run.discontinuities.is_empty() && run.faults.keys().all(|fault| *fault == "not_decodable"));
        }
    }
}

#[test]
fn a_stream_that_is_scrambled_throughout_is_named_and_what_is_clear_plays() {
    let (all, whole) = clean();
    for (scrambled, clear) in [(VIDEO, AUDIO), (AUDIO, VIDEO)] {
        let mut ts = all.clone();
        let count = of_pid(&ts, scrambled).into_iter().map(|index| ts[index][3] |= 0x80).count();
        let run = run(&ts.concat());
        // Packets without payload are never scrambled, whatever they say.
        let named = run.faults.get("scrambled").copied().unwrap_or(0) as usize;
        assert!(named > count / 2 && named <= count, "{named} of {count}");
        let (kept, gone) = if clear == AUDIO { (&run.audio, &run.video) } else { (&run.video, &run.audio) };
        assert!(gone.is_empty());
        assert_eq!(crcs(kept), crcs(if clear == AUDIO { &whole.audio } else { &whole.video }));
    }
}

#[test]
fn packets_whose_error_indicator_is_set_cost_what_they_carry() {
    let (all, whole) = clean();
    let victims = of_pid(&all, VIDEO);
    for &victim in victims.iter().skip(40).step_by(17) {
        let mut ts = all.clone();
        // With its other bytes being anything.
        ts[victim][1] |= 0x80;
        ts[victim][3] ^= 0x5A;
        ts[victim][20] ^= 0xFF;
        let run = run(&ts.concat());
        run.check(1);
        assert_eq!(run.faults.get("transport_error"), Some(&1));
        assert!(missing(&crcs(&whole.video), &crcs(&run.video)) <= 2);
        assert_eq!(crcs(&run.audio), crcs(&whole.audio));
    }
}

#[test]
fn broken_adaptation_fields_cost_what_their_packets_carry_and_end_nothing() {
    let (all, whole) = clean();
    for &victim in of_pid(&all, VIDEO).iter().skip(40).step_by(13) {
        for length in [0, 1, 7, 100, 182, 183, 184, 255] {
            for flags in [0x00, 0x12, 0xFF] {
                let mut ts = all.clone();
                ts[victim][3] |= 0x30;
                ts[victim][4] = length;
                ts[victim][5] = flags;
                let run = run(&ts.concat());
                orderly(&run);
                assert!(whole.video.len() - run.video.len() <= 2, "{victim} {length} {flags:x}");
                assert!(apart_at_end(&run).abs() <= GRID, "{victim} {length} {flags:x}: {}", apart_at_end(&run));
                assert_eq!(run.video.last().unwrap().1, whole.video.last().unwrap().1);
            }
        }
    }
}
