use super::*;
use proptest::prelude::*;

fn pcr(ticks: u64) -> Pcr {
    let ticks = ticks % PCR_WRAP;
    Pcr { base: ticks / 300, extension: (ticks % 300) as u16 }
}

/// A PCR every 20 ms and 10,000 bytes (4 Mbit/s); `arrival` says how much later each comes, in microseconds.
fn run(clock: &mut Clock, count: u64, arrival: impl Fn(u64) -> u64) {
    for n in 0..count {
        assert_eq!(clock.push(n * 20_000 + arrival(n), n * 10_000, pcr(n * 540_000), false), Step::Even);
    }
}

#[test]
fn an_even_clock_has_no_jitter() {
    let mut clock = Clock::default();
    run(&mut clock, 500, |_| 0);
    let figures = clock.figures();
    assert_eq!((figures.count, figures.mean_interval_ms, figures.longest_interval_ms), (500, Some(20.0), Some(20.0)));
    assert!(figures.jitter_peak_to_peak_micros.unwrap() < 0.01);
    assert!(figures.drift_ppm.unwrap().abs() < 0.01);
    assert!(figures.accuracy_nanos.unwrap() < 1.0);
    assert_eq!(figures.constant_bps, Some(4_000_000));
}

#[test]
fn late_arrival_is_jitter_and_not_the_multiplexers_fault_and_hides_the_drift() {
    let mut clock = Clock::default();
    run(&mut clock, 500, |n| if n % 2 == 0 { 3000 } else { 0 });
    let figures = clock.figures();
    assert!((figures.jitter_peak_to_peak_micros.unwrap() - 3000.0).abs() < 50.0);
    assert!((figures.jitter_rms_micros.unwrap() - 1500.0).abs() < 10.0);
    assert!(figures.accuracy_nanos.unwrap() < 1.0);
    assert_eq!(figures.drift_ppm, None);
}

#[test]
fn a_fast_clock_and_an_inaccurate_one_are_told_by_their_lines() {
    let mut clock = Clock::default();
    // 100 millionths fast, and every third PCR 400 ns late in the stream.
    for n in 0..500 {
        let late = if n % 3 == 0 { 11 } else { 0 };
        clock.push(n * 20_000, n * 10_000, pcr(n * 540_054 + late), false);
    }
    let figures = clock.figures();
    assert!((figures.drift_ppm.unwrap() - 100.0).abs() < 0.1, "{figures:?}");
    let accuracy = figures.accuracy_nanos.unwrap();
    assert!((250.0..300.0).contains(&accuracy), "{accuracy}");
}

#[test]
fn a_rate_that_varies_has_no_accuracy() {
    let mut clock = Clock::default();
    for n in 0..500u64 {
        clock.push(n * 20_000, n * n * 100, pcr(n * 540_000), false);
    }
    assert_eq!((clock.figures().accuracy_nanos, clock.figures().constant_bps), (None, None));
}

#[test]
fn after_a_loss_places_count_anew() {
    let mut clock = Clock::default();
    for n in 0..100u64 {
        // Half of the bytes before the fiftieth never came.
        let place = if n < 50 { n * 5000 } else { 250_000 + (n - 50) * 10_000 };
        if n == 50 {
            clock.lost(place);
        }
        clock.push(n * 20_000, place, pcr(n * 540_000), false);
    }
    assert_eq!(clock.figures().constant_bps, Some(4_000_000));
    assert!(clock.figures().accuracy_nanos.unwrap() < 1.0);
}

#[test]
fn missing_pcrs_are_told_from_a_clock_that_jumps() {
    let mut clock = Clock::default();
    clock.push(0, 0, pcr(0), false);
    assert_eq!(clock.push(100_000, 0, pcr(2_700_000), false), Step::Even);
    assert_eq!(clock.push(250_000, 0, pcr(6_750_000), false), Step::Late(150_000));
    assert_eq!(clock.push(270_000, 0, pcr(27_000_000), false), Step::Jump(730_000));
    assert_eq!(clock.push(290_000, 0, pcr(27_000_000 - 540_000), false), Step::Jump(-40_000));
    assert_eq!(clock.push(310_000, 0, pcr(0), true), Step::Even);
    let figures = clock.figures();
    assert_eq!((figures.unannounced_steps, figures.announced_steps, figures.intervals_over_40_ms), (2, 1, 2));
    assert_eq!(figures.longest_interval_ms, Some(150.0));
}

#[test]
fn data_that_stood_still_on_its_way_is_no_fault_of_the_clock() {
    let mut clock = Clock::default();
    clock.push(0, 0, pcr(0), false);
    assert_eq!(clock.push(3_000_000, 0, pcr(540_000), false), Step::Even);
}

#[test]
fn the_wrap_is_no_step() {
    let mut clock = Clock::default();
    clock.push(0, 0, pcr(PCR_WRAP - 270_000), false);
    assert_eq!(clock.push(20_000, 0, pcr(270_000), false), Step::Even);
    assert_eq!(clock.figures().mean_interval_ms, Some(20.0));
}

proptest! {
    #[test]
    fn any_clock_gives_bounded_figures(
        steps in proptest::collection::vec((0u64..5_000_000, 0u64..1 << 33, 0u16..512, any::<bool>()), 0..200)
    ) {
        let mut clock = Clock::default();
        let mut now = 0;
        for (step, base, extension, announced) in steps {
            now += step;
            clock.push(now, now, Pcr { base, extension }, announced);
        }
        let _ = clock.figures();
        prop_assert!(clock.samples.len() <= MAX_SAMPLES);
    }
}
