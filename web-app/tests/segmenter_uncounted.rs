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
/// front of it: it is whole. Nor do the pictures of a tick each with which decoding begins anew.
fn foreign(whole: &Run, run: &Run) -> usize {
    let known = crcs(&whole.video);
    run.video.iter().filter(|(sample, crc)| !sample.key && sample.duration > 1 && !known.contains(crc)).count()
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

/// The page's.
fn options(wait_for_random_access: bool) -> Options {
    Options { wait_for_random_access, make_up_pictures: true, ..Options::default() }
}

/// Cuts out of the stream what stands from `count` packets of `of` on, the first of them being the `first`.
fn cut(all: &[[u8; 188]], of: u16, first: usize, count: usize) -> [Vec<u8>; 2] {
    let own: Vec<usize> = of_pid(all, of).into_iter().filter(|index| all[*index][3] & 0x10 != 0).collect();
    [all[..own[first]].concat(), all[own[first + count - 1] + 1..].concat()]
}

#[test]
fn of_a_loss_that_is_told_nothing_broken_comes_out() {
    for length in [Length::Unbounded, Length::Declared] {
        let all = plan(length);
        let whole = run(&all.concat());
        let pictures = of_pid(&all, VIDEO).len();
        for count in [16, 48] {
            for first in (60..pictures - count - 100).step_by(13) {
                let parts = cut(&all, VIDEO, first, count);
                for options in [go_on(), options(false), options(true)] {
                    let run = run_with_gaps(parts.iter().map(Vec::as_slice), options);
                    run.check(HALF_FRAME);
                    let made_up = run.faults.get("repeated_picture").copied().unwrap_or(0);
                    let foreign = foreign(&whole, &run);
                    assert!(
                        foreign as u64 <= made_up,
                        "{length:?}, {count} from {first}: {foreign}, {made_up} made up"
                    );
                    let last = run.video.last().unwrap().0;
                    assert_eq!(last.dts + u64::from(last.duration), 150 * 3600, "{length:?}, {count} from {first}");
                }
            }
        }
    }
}

#[test]
fn sound_of_which_sixteen_packets_are_gone_stays_with_the_picture() {
    let all = plan(Length::Declared);
    let known = crcs(&run(&all.concat()).audio);
    let places: Vec<usize> = (10..of_pid(&all, AUDIO).len() - 60).step_by(3).collect();
    let mut broken = 0;
    for &first in &places {
        let parts = cut(&all, AUDIO, first, 16);
        let run = run_with_gaps(parts.iter().map(Vec::as_slice), go_on());
        run.check(HALF_FRAME);
        assert!(apart_at_end(&run).abs() <= GRID, "from {first}: {} ms", apart_at_end(&run));
        let foreign: Vec<u32> = crcs(&run.audio).into_iter().filter(|crc| !known.contains(crc)).collect();
        // Silence is the same again and again.
        let singles = foreign.iter().filter(|crc| foreign.iter().filter(|other| other == crc).count() == 1).count();
        assert!(singles <= 1, "from {first}: {singles}");
        broken += singles;
    }
    // Frames of nearly the same length: rarely one ends where the hole does.
    assert!(broken * 20 < places.len(), "{broken} of {}", places.len());
}

#[test]
fn a_loss_that_touches_nothing_costs_no_sound_and_one_picture_at_most() {
    for length in [Length::Unbounded, Length::Declared] {
        let all = plan(length);
        let whole = run(&all.concat());
        let mut untouched = 0;
        let places: Vec<usize> = (100..all.len() - 60).step_by(7).collect();
        for &place in &places {
            let (before, behind) = all.split_at(place);
            let run = run_with_gaps([before.as_flattened(), behind.as_flattened()], go_on());
            run.check(1);
            assert_eq!(crcs(&run.audio), crcs(&whole.audio), "{length:?} at {place}");
            let gone = missing(&crcs(&whole.video), &crcs(&run.video));
            assert!(gone <= 1, "{length:?} at {place}: {gone}");
            untouched += usize::from(gone == 0);
        }
        // Between pictures, and where the next packets are of the tables or of the sound.
        assert!(untouched * 12 > places.len(), "{length:?}: {untouched} of {}", places.len());
    }
}

#[test]
fn of_a_short_loss_the_counters_tell_all() {
    let all = plan(Length::Unbounded);
    let whole = run(&all.concat());
    for options in [go_on(), options(true)] {
        for place in (100..all.len() - 60).step_by(11) {
            let (before, behind) = all.split_at(place);
            for packets in [1, 7, 15] {
                // None of this programme's.
                let run = run_with_gaps_of([before.as_flattened(), behind.as_flattened()], packets, options);
                assert_eq!(
                    (&run.video, &run.audio, &run.faults),
                    (&whole.video, &whole.audio, &whole.faults),
                    "{place}"
                );
            }
            let gone = &behind[7..];
            let told = run_with_gaps_of([before.as_flattened(), gone.as_flattened()], 7, options);
            let seen = run_with_gaps_of([before.as_flattened(), gone.as_flattened()], 0, options);
            assert_eq!(told.faults.get("continuity"), seen.faults.get("continuity"), "{place}");
            assert!(
                foreign(&whole, &told) as u64 <= told.faults.get("repeated_picture").copied().unwrap_or(0),
                "{place}"
            );
        }
    }
}
