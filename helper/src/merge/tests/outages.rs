//! RTP behind an outage, of a sender that begins elsewhere, and of a network that mixes packets up.

use super::uniting::packet;
use super::*;
use proptest::prelude::*;

const C: PathId = PathId(2);
/// Packets come so often, in milliseconds.
const EVERY: u64 = 2;

#[test]
fn a_path_that_comes_after_an_outage_plays_at_once_wherever_its_numbers_stand() {
    for outage in [1_000_u64, 14_000, 28_000, 3_600_000] {
        for number in [50_000_u32 - 16_000, 50_000 - 600, 49_999, 50_100, 50_300, 50_300 + 16_000, 90_000] {
            for gone in [false, true] {
                let mut bench = Bench::new();
                for index in 0..300 {
                    bench.rtp(u64::from(index) * EVERY, A, 50_000 + index).unwrap();
                }
                if gone {
                    bench.merge.path_gone(A);
                }
                let path = if gone { C } else { A };
                let before = bench.out.len();
                for index in 0..300 {
                    let _ = bench.rtp(600 + outage + u64::from(index) * EVERY, path, number + index);
                }
                bench.run_until(ms(600 + outage + 5000));
                assert_eq!(bench.out.len() - before, 300, "{outage} ms, to {number}, gone {gone}");
                assert_eq!(bench.out[before].gap, number != 50_300, "{number}");
                assert_eq!(bench.figures().late, 0);
            }
        }
    }
}

#[test]
fn an_encoder_that_begins_a_little_lower_is_followed_by_both_paths() {
    for lower in [600, 3000, 12_000] {
        let mut bench = Bench::new();
        let sent = |index: u32| if index < 500 { 40_000 + index } else { 40_000 - lower + index };
        for index in 0..1000 {
            let _ = bench.rtp(u64::from(index) * EVERY, A, sent(index));
            if index >= 5 {
                let _ = bench.rtp(u64::from(index) * EVERY, B, sent(index - 5));
            }
        }
        bench.run_until(ms(10_000));
        let missing = 1000 - bench.out.len();
        assert!(missing <= 10, "{lower} lower: {missing}");
    }
}

/// How many of these packets come out, each of them so many milliseconds late, and whether in order.
fn delivered(late: impl Iterator<Item = u64>, every: u64) -> (usize, bool) {
    let mut arrivals: Vec<(u64, u32)> =
        late.zip(0..).map(|(late, number)| (u64::from(number) * every + late, number)).collect();
    arrivals.sort_unstable();
    let last = arrivals.last().unwrap().0;
    let mut bench = Bench::new();
    for (at, number) in arrivals {
        let _ = bench.push(ms(at), A, &packet(number));
    }
    bench.run_until(ms(last + 1000));
    let numbers = bench.numbers();
    (numbers.len(), numbers.is_sorted())
}

#[test]
fn packets_that_are_reordered_by_a_tenth_of_a_second_are_waited_for() {
    let mut state = 7_u64;
    let mut random = move |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % (most + 1)
    };
    for every in [1, 2, 11] {
        let late: Vec<u64> = (0..5000).map(|_| random(100)).collect();
        let (out, in_order) = delivered(late.into_iter(), every);
        assert!(in_order);
        // Until it is known, a few are too late.
        assert!(out >= 4950, "one in {every} ms: {out} of 5000");
    }
}

#[test]
fn one_in_a_hundred_three_places_late_is_waited_for_at_a_low_rate() {
    // 90 packets a second.
    let late = (0..9000).map(|number| if number % 100 == 99 { 3 * 11 + 5 } else { 0 });
    let (out, in_order) = delivered(late, 11);
    assert!(in_order && out == 9000, "{out} of 9000");
    // So seldom that how long it took is forgotten, but not behind how many.
    let late = (0..20_000).map(|number| if number % 3000 == 99 { 3 * 11 + 5 } else { 0 });
    assert_eq!(delivered(late, 11), (20_000, true));
}

proptest! {
    #![proptest_config(fewer())]

    #[test]
    fn a_stream_in_order_is_never_held_back_for_longer_than_at_first(lost in prop::collection::vec(1_u32..500, 1..30)) {
        let mut bench = Bench::new();
        for number in (0..500_u32).filter(|number| !lost.contains(number)) {
            bench.rtp(u64::from(number) * 11, A, number).unwrap();
        }
        bench.run_until(ms(20_000));
        for out in &bench.out {
            let held = out.at.saturating_sub(ms(u64::from(number_of(&out.ts)) * 11));
            prop_assert!(held <= ms(50), "{held:?}");
        }
    }
}
