//! The programme's clock: told, measured, and never in the way of playback.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Output, Sample, Segmenter, Track};
use segmenter_support::faults::*;
use segmenter_support::measure::*;
use segmenter_support::*;

const SECOND: i64 = 90_000;

/// What comes out besides the clock has to be the same whatever the clock does.
fn media(run: &Run) -> [&[(Sample, u32)]; 2] {
    [&run.video, &run.audio]
}

#[test]
fn a_programmes_clock_is_told_once_a_second_wherever_it_comes() {
    let whole = run(&Plan::default().packets().concat());
    whole.check(1);
    assert_eq!((whole.video.len(), whole.audio.len()), (300, 568));
    for clock in
        [(VIDEO, Some(VIDEO)), (CLOCK, Some(CLOCK)), (AUDIO, Some(AUDIO)), (0x1FFF, Some(VIDEO)), (77, Some(VIDEO))]
    {
        let run = run(&Plan { clock, ..Plan::default() }.packets().concat());
        assert_eq!(media(&run), media(&whole), "{clock:?}");
        assert!((11..=12).contains(&run.clocks.len()), "{clock:?}: {} times", run.clocks.len());
        assert!(run.clocks.iter().all(|told| told.lead == LEAD && told.timestamps_ppb == 0), "{:?}", run.clocks);
        for pair in run.clocks.windows(2) {
            let step = (pair[1].pcr - pair[0].pcr) / 300;
            assert!((SECOND..SECOND + 4000).contains(&step), "{step}");
        }
    }
}

#[test]
fn without_a_clock_nothing_is_told_of_one_and_all_plays() {
    let whole = run(&Plan::default().packets().concat());
    for clock in [(VIDEO, None), (CLOCK, None), (0x1FFF, None), (CLOCK, Some(CLOCK + 1))] {
        let run = run(&Plan { clock, ..Plan::default() }.packets().concat());
        assert_eq!(media(&run), media(&whole), "{clock:?}");
        assert!(run.clocks.is_empty());
    }
}

#[test]
fn a_wrong_clock_harms_nothing() {
    let clean = Plan::default().packets();
    let whole = run(&clean.concat());
    let wrong: [fn(i64) -> i64; 6] = [
        |base| -base,
        |base| base * 1_000_003 % 77_777_777,
        |_| 1 << 32,
        |base| -2 * base,
        |base| if base / 9000 % 5 == 0 { 1 << 31 } else { 0 },
        |base| base / 2,
    ];
    for (number, by) in wrong.into_iter().enumerate() {
        let mut all = clean.clone();
        move_clock(&mut all, 0, by);
        let run = run(&all.concat());
        assert_eq!(media(&run), media(&whole), "{number}");
        assert!(run.discontinuities.is_empty() && run.faults.is_empty());
    }
}

#[test]
fn a_clock_that_jumps_while_the_timestamps_go_on_changes_nothing() {
    let clean = Plan::default().packets();
    let whole = run(&clean.concat());
    for by in [-100 * SECOND, -SECOND, SECOND / 2, 3 * SECOND, 1 << 32] {
        let mut all = clean.clone();
        let middle = all.len() / 2;
        move_clock(&mut all, middle, |_| by);
        let run = run(&all.concat());
        assert_eq!(media(&run), media(&whole), "{by}");
        assert!(run.discontinuities.is_empty());
    }
}

#[test]
fn timestamps_that_jump_while_the_clock_goes_on_are_bridged() {
    let clean = Plan::default().packets();
    for by in [-100 * SECOND, -SECOND, 3 * SECOND, 100 * SECOND, 1 << 32] {
        let mut all = clean.clone();
        let middle = all.len() / 2;
        move_timestamps(&mut all, middle, |_| by);
        let run = run(&all.concat());
        run.check(HALF_FRAME);
        assert_eq!(run.video.len(), 300);
        let last = run.video.last().unwrap().0;
        assert_eq!(last.dts + u64::from(last.duration), 300 * 3600, "{by}");
        assert!((566..=570).contains(&run.audio.len()), "{by}: {}", run.audio.len());
        assert!(run.clocks.iter().all(|told| told.timestamps_ppb == 0));
    }
}

#[test]
fn an_announced_discontinuity_is_bridged_like_any_other_and_counters_may_jump_at_it() {
    let clean = Plan::default().packets();
    for by in [-100 * SECOND, SECOND * 50, 0] {
        let mut all = clean.clone();
        let middle = (all.len() / 2..).find(|index| pcr_of(&all[*index]).is_some()).unwrap();
        move_clock(&mut all, middle, |_| by);
        move_timestamps(&mut all, middle, |_| by);
        announce(&mut all[middle]);
        let run = run(&all.concat());
        run.check(HALF_FRAME);
        assert_eq!(run.video.len(), 300);
        let last = run.video.last().unwrap().0;
        assert_eq!(last.dts + u64::from(last.duration), 300 * 3600, "{by}");
        assert!(run.faults.is_empty(), "{:?}", run.faults);
        assert!(run.clocks.iter().all(|told| told.lead == LEAD), "{:?}", run.clocks);
    }
}

#[test]
fn timestamps_that_crawl_against_the_clock_play_on_and_are_measured() {
    for ppm in [-500, 200] {
        let mut all = Plan { rounds: 20, ..Plan::default() }.packets();
        move_timestamps(&mut all, 0, |time| time * ppm / 1_000_000);
        let run = run(&all.concat());
        // Sound is played at its own rate, and repaired when it is a frame and a half off.
        run.check(HALF_FRAME * 3);
        assert_eq!(run.video.len(), 1500);
        assert!((2838..=2842).contains(&run.audio.len()), "{}", run.audio.len());
        assert!(run.discontinuities.len() <= 2, "{:?}", run.discontinuities);
        let told = run.clocks.last().unwrap().timestamps_ppb;
        assert!((told - ppm * 1000).abs() < 10_000, "{ppm} ppm: {told} ppb");
    }
}

#[test]
fn the_clock_is_measured_against_the_times_at_which_it_was_received() {
    let all = Plan { rounds: 20, ..Plan::default() }.packets();
    let mut segmenter = Segmenter::default();
    let mut told = Vec::new();
    let mut now = 0;
    for packet in &all {
        if let Some(base) = pcr_of(packet) {
            // The helper's clock goes 100 ppm faster.
            now = 1_700_000_000_000_000 + base * 100 / 9 + base / 900 + base * 7919 % 1500;
        }
        segmenter.push(packet, now as u64);
        told.extend(std::iter::from_fn(|| segmenter.poll()).filter_map(|output| match output {
            Output::Clock(clock) => clock.helper_ppb,
            _ => None,
        }));
    }
    let last = told.last().expect("a measurement");
    assert!((last + 100_000).abs() < 10_000, "{last} ppb");
}

#[test]
fn times_may_be_missing_here_and_there() {
    let clean = Plan::default().packets();
    let whole = run(&clean.concat());
    let sparse: [fn(usize) -> bool; 3] = [|number| number % 5 != 0, |number| number % 25 != 0, |number| number == 30];
    for gone in sparse {
        for of in [VIDEO, AUDIO] {
            let mut all = clean.clone();
            without_times(&mut all, of, gone);
            let run = run(&all.concat());
            run.check(1);
            assert_eq!(run.video.len(), 300);
            let times = |run: &Run| run.video.iter().map(|(s, crc)| (s.dts, s.pts, *crc)).collect::<Vec<_>>();
            assert_eq!(times(&run), times(&whole));
            assert_eq!(crcs(&run.audio), crcs(&whole.audio));
        }
    }
}

#[test]
fn a_stream_whose_packets_have_no_times_at_all_is_played_by_the_clock() {
    let clean = Plan::default().packets();
    for of in [&[VIDEO][..], &[AUDIO], &[VIDEO, AUDIO]] {
        let mut all = clean.clone();
        for pid in of {
            without_times(&mut all, *pid, |_| true);
        }
        let run = run(&all.concat());
        orderly(&run);
        assert!(run.video.len() >= 250, "{of:?}: {} pictures", run.video.len());
        assert!(run.audio.len() >= 500, "{of:?}: {} frames of sound", run.audio.len());
        // Without times of its own, a track stands where the clock is: within a fifth of a second of the other.
        assert!(apart_at_end(&run).abs() < 200.0, "{of:?}: {} ms", apart_at_end(&run));
    }
}

#[test]
fn times_may_wrap_before_or_behind_each_other_and_the_clock() {
    let clean = Plan::default().packets();
    let whole = run(&clean.concat());
    let first = whole.video[0].0.source_pts;
    for into in (-50_000..60_000).step_by(2777) {
        let by = WRAP_AT - first - into;
        let run = run(&shift_times(&clean.concat(), by));
        run.check(1);
        let times = |run: &Run| {
            run.video.iter().chain(&run.audio).map(|(s, crc)| (s.dts, s.pts, s.duration, *crc)).collect::<Vec<_>>()
        };
        assert_eq!(times(&run), times(&whole), "{into}");
        assert!(run.discontinuities.is_empty());
        let steps = run.clocks.windows(2).map(|pair| pair[1].pcr - pair[0].pcr);
        assert!(steps.into_iter().all(|step| (27_000_000..28_300_000).contains(&step)));
        assert!(run.clocks.iter().all(|told| told.lead == LEAD));
    }
    // Joined just before the wrap, at any place.
    let all = shift_times(&clean.concat(), WRAP_AT - first - 3 * 3600);
    for from in (0..60).step_by(3) {
        let run = run(&all[from * 188..]);
        run.check(1);
        assert!(run.discontinuities.is_empty(), "{from}: {:?}", run.discontinuities);
        assert!(run.video.len() >= 250 && run.init(Track::Video).width > 0);
    }
}

const WRAP_AT: i64 = 1 << 33;
