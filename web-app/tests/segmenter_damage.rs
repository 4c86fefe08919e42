//! Streams whose bytes are damaged: what is lost is what was touched, and nothing runs apart.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Segmenter, Track};
use proptest::prelude::*;
use segmenter_support::measure::*;
use segmenter_support::*;

#[test]
fn legal_duplicates_change_nothing() {
    let ts = fixture("clip");
    let clean = run(&ts);
    let twice: Vec<u8> = packets(&ts).iter().flat_map(|packet| [*packet, *packet].concat()).collect();
    assert_eq!(run(&twice), clean);
}

#[test]
fn junk_and_missing_bytes_are_passed_over() {
    let ts = fixture("clip");
    for at in (9000..90_000).step_by(3777) {
        for (put, take) in [(50, 0), (0, 100), (188 * 3 + 5, 0), (0, 188 * 2 + 1), (1, 0), (0, 1)] {
            let mut damaged = ts.clone();
            damaged.splice(at..at + take, std::iter::repeat_n(0x55, put));
            let run = run(&damaged);
            run.check(HALF_FRAME);
            assert_eq!(run.faults.get("sync_lost"), Some(&1), "{at} {put} {take}");
            assert!(run.video.len() >= 71 && run.audio.len() >= 138, "{at}: {} {}", run.video.len(), run.audio.len());
        }
    }
}

#[test]
fn packets_with_errors_are_named_and_left_out() {
    let ts = fixture("clip");
    let clean = run(&ts);
    let victim = of_pid(&packets(&ts), VIDEO)[50];
    type Damage = fn(&mut [u8; 188]);
    let faults: [(&str, Damage); 4] = [
        ("transport_error", |packet| packet[1] |= 0x80),
        ("scrambled", |packet| packet[3] |= 0xC0),
        ("adaptation_field", |packet| {
            packet[3] |= 0x30;
            packet[4] = 250;
        }),
        ("adaptation_field", |packet| packet[3] &= 0x0F),
    ];
    for (name, damage) in faults {
        let mut all = packets(&ts);
        damage(&mut all[victim]);
        let run = run(&all.concat());
        run.check(1);
        assert_eq!(run.faults.get(name), Some(&1), "{:?}", run.faults);
        assert!(missing(&crcs(&clean.video), &crcs(&run.video)) <= 2);
        assert_eq!(crcs(&run.audio), crcs(&clean.audio));
    }
}

#[test]
fn a_table_with_a_wrong_crc_is_not_believed() {
    let ts = fixture("clip");
    let mut all = packets(&ts);
    let tables = of_pid(&all, PMT);
    let wrong = tables[tables.len() / 2];
    all[wrong][20] ^= 0xFF;
    let run = run(&all.concat());
    assert_eq!(run.faults.get("crc"), Some(&1), "{:?}", run.faults);
    assert_eq!(run.video.len(), 75);
}

#[test]
fn only_a_transport_stream_is_recognised_as_one() {
    let recognised = |bytes: &[u8]| {
        let mut segmenter = Segmenter::default();
        bytes.chunks(1316).for_each(|piece| segmenter.push(piece, 0));
        segmenter.finish();
        segmenter.recognised()
    };
    let ts = fixture("clip");
    for length in [1, 2, 3, 5, 20] {
        assert!(recognised(&ts[..188 * length]), "{length} packets");
        assert!(recognised(&ts[188 * 40..188 * (40 + length)]), "{length} packets from mid-stream");
    }
    assert!(recognised(&ts[77..3000]) && recognised(&[&vec![9; 3000], &ts[..3000], &vec![9; 3000]].concat()));

    // Bytes without any order (a linear congruential generator's).
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    for length in [300, 1000, 10_000, 100_000, 4_000_000] {
        assert!(!recognised(&(0..length).map(|_| random()).collect::<Vec<_>>()), "{length} random bytes");
    }
    assert!(!recognised(&[]) && !recognised(&[b'G'; 188 * 30]));
    let numbers = (0..5000).map(|n| format!("Good Grey Goose {n}\n")).collect::<String>();
    assert!(!recognised(numbers.as_bytes()));
    assert!(!recognised(&run(&ts).init(Track::Video).data));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn sound_and_picture_are_together_again_after_any_damage(
        damage in proptest::collection::vec((8usize..1200, 0usize..3, 1usize..30, any::<u8>()), 1..60),
    ) {
        let mut all = endless();
        for (at, kind, length, byte) in damage {
            match kind {
                0 if at % 3 == 0 => drop(all.drain(at..at + length)),
                1 => all.swap(at, at + length % 6),
                _ => all[at][length * 6] ^= byte,
            }
        }
        let run = run(&all.concat());
        orderly(&run);
        prop_assert!(apart_at_end(&run).abs() <= GRID, "{} ms", apart_at_end(&run));
    }

    #[test]
    fn any_change_of_bytes_is_survived_and_cutting_changes_nothing(
        edits in proptest::collection::vec((0usize..94_000, any::<u8>(), 0usize..400), 0..60),
        chunk in 1usize..5000,
    ) {
        let mut ts = fixture("clip");
        for (at, byte, length) in edits {
            let at = at.min(ts.len() - 1);
            match byte & 3 {
                0 => {
                    let end = (at + length).min(ts.len() - 1);
                    ts.drain(at..end);
                }
                1 => {
                    ts.splice(at..at, std::iter::repeat_n(byte, length));
                }
                _ => ts[at] ^= byte,
            }
        }
        let whole = run_with(&ts, usize::MAX, go_on());
        let cut = run_with(&ts, chunk, go_on());
        prop_assert_eq!(&whole.video, &cut.video);
        prop_assert_eq!(&whole.audio, &cut.audio);
        prop_assert_eq!(&whole.faults, &cut.faults);
        for samples in [&whole.video, &whole.audio] {
            for pair in samples.windows(2) {
                prop_assert!(pair[1].0.dts >= pair[0].0.dts + u64::from(pair[0].0.duration));
                prop_assert!((1..=2_000_000).contains(&pair[0].0.duration));
            }
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
        run(&bytes);
    }
}
