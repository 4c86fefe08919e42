//! Losses that continuity counters cannot show: sixteen packets of a PID, or a multiple.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, Track};
use segmenter_support::faults::*;
use segmenter_support::measure::*;
use segmenter_support::*;

/// As many packets of a PID as its counter does not see, and seven datagrams' worth of sixteen.
const COUNTS: [usize; 3] = [16, 32, 112];

/// Loses `count` packets of `pid` in a row, from several places on; gives where, and what came out.
fn losses(all: &[[u8; 188]], of: u16, count: usize, step: usize, options: Options) -> Vec<(usize, Run)> {
    let own: Vec<usize> = of_pid(all, of).into_iter().filter(|index| all[*index][3] & 0x10 != 0).collect();
    let last = own.len() - count - 40;
    (60..last)
        .step_by(step)
        .map(|first| {
            let lost = &own[first..first + count];
            let ts = without(&all.concat(), |index| lost.binary_search(&index).is_ok());
            (first, run_with(&ts, 1316, options))
        })
        .collect()
}

/// How many pictures came out that are not the source's. A key picture does not count that lost the parameter sets in
/// front of it: it is whole.
fn foreign(whole: &Run, run: &Run) -> usize {
    let known = crcs(&whole.video);
    run.video.iter().filter(|(sample, crc)| !sample.key && !known.contains(crc)).count()
}

fn plan(length: Length) -> Vec<[u8; 188]> {
    Plan { rounds: 2, length, clock: (CLOCK, Some(CLOCK)), ..Plan::default() }.packets()
}

#[test]
fn what_is_gone_from_pictures_of_declared_length_is_found_and_nothing_broken_comes_out() {
    let all = plan(Length::Declared);
    let whole = run(&all.concat());
    for count in COUNTS {
        for (first, run) in losses(&all, VIDEO, count, 11, go_on()) {
            run.check(1);
            assert_eq!(foreign(&whole, &run), 0, "{count} from {first}");
            assert_eq!(crcs(&run.audio), crcs(&whole.audio), "{count} from {first}");
            let last = run.video.last().unwrap().0;
            assert_eq!(last.dts + u64::from(last.duration), 150 * 3600, "{count} from {first}");
        }
    }
}

#[test]
fn of_pictures_without_declared_length_one_may_be_broken_and_times_show_the_others() {
    let all = plan(Length::Unbounded);
    let whole = run(&all.concat());
    for count in COUNTS {
        for (first, run) in losses(&all, VIDEO, count, 11, go_on()) {
            run.check(1);
            assert!(foreign(&whole, &run) <= 1, "{count} from {first}: {}", foreign(&whole, &run));
            assert_eq!(crcs(&run.audio), crcs(&whole.audio), "{count} from {first}");
            let last = run.video.last().unwrap().0;
            assert_eq!(last.dts + u64::from(last.duration), 150 * 3600, "{count} from {first}");
        }
    }
}

#[test]
fn pictures_that_lean_on_uncounted_losses_are_held_back() {
    for length in [Length::Declared, Length::Unbounded] {
        let all = plan(length);
        let whole = run(&all.concat());
        let options = Options { wait_for_random_access: true, ..Options::default() };
        let runs = losses(&all, VIDEO, 112, 17, options);
        for (first, run) in &runs {
            run.check(1);
            assert!(foreign(&whole, run) <= 1, "{length:?} from {first}");
        }
        // So many packets are more than one picture, and one that others need is among them.
        let waits = |run: &Run| run.discontinuities.contains(&(Track::Video, "waiting_for_random_access"));
        assert!(runs.iter().filter(|(_, run)| waits(run)).count() * 4 >= runs.len() * 3, "{length:?}");
    }
}

#[test]
fn sound_that_is_gone_uncounted_leaves_no_drift() {
    let all = plan(Length::Declared);
    let whole = run(&all.concat());
    for count in [16, 32] {
        for (first, run) in losses(&all, AUDIO, count, 5, go_on()) {
            orderly(&run);
            assert!(apart_at_end(&run).abs() <= GRID, "{count} from {first}: {} ms", apart_at_end(&run));
            assert_eq!(crcs(&run.video), crcs(&whole.video));
            // Silence takes the place of what is gone.
            assert!(run.audio.len().abs_diff(whole.audio.len()) <= 3, "{count} from {first}: {}", run.audio.len());
        }
    }
}
