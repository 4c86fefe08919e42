//! Times that a stream tells badly: pictures are shown in their order and at their times, and nothing gets longer.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, Track};
use segmenter_support::measure::*;
use segmenter_support::*;

/// What the page asks for.
fn options(wait_for_random_access: bool) -> Options {
    Options { wait_for_random_access, make_up_pictures: true, ..Options::default() }
}

/// A fixture three times over without a seam, the PES packets of its picture changed.
fn broadcast(name: &str, change: impl Fn(usize, &mut Pes)) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (0x0F, AUDIO)]);
    let mut number = 0;
    for mut pes in seamless(name, 3) {
        if pes.pid == VIDEO {
            change(number, &mut pes);
            number += 1;
        }
        muxer.pes(&pes, Length::Declared);
    }
    muxer.ts
}

/// The times at which pictures are shown, in this order, against the first one's.
fn shown(run: &Run) -> Vec<i64> {
    let mut times: Vec<i64> = run.video.iter().map(|(sample, _)| sample.pts).collect();
    times.sort_unstable();
    times.iter().map(|time| time - times[0]).collect()
}

#[test]
fn pictures_that_are_reordered_without_decoding_times_take_no_longer() {
    for name in ["clip", "open_gop", "sliced"] {
        for options in [options(false), options(true)] {
            let whole = run_with(&broadcast(name, |_, _| {}), 1316, options);
            let run = run_with(&broadcast(name, |_, pes| pes.dts = None), 1316, options);
            run.check(1);
            assert_eq!(crcs(&run.video), crcs(&whole.video), "{name}");
            assert_eq!(shown(&run), shown(&whole), "{name}");
            assert!(run.faults.is_empty() && run.discontinuities.is_empty(), "{name}: {:?}", run.discontinuities);
            // Once it is known how far they are reordered, each lasts as long as it should.
            assert!(run.video[30..].iter().all(|(sample, _)| sample.duration == 3600), "{name}");
            assert!(run.video[30..].iter().all(|(sample, _)| sample.pts >= sample.dts as i64), "{name}");
            assert!(run.video[30..].iter().all(|(sample, _)| sample.pts < sample.dts as i64 + 5 * 3600), "{name}");
        }
    }
}

#[test]
fn pictures_at_uneven_times_are_all_shown_and_none_is_taken_for_lost() {
    // Two seconds at a time: the first of them nearly twice as long, the other one a fifth.
    let uneven = |_: usize, time: u64| {
        let (before, within) = (time - time % 180_000, time % 180_000);
        before + if within < 90_000 { within * 9 / 5 } else { 162_000 + (within - 90_000) / 5 }
    };
    // By up to 19 ms to either side.
    let jittery =
        |number: usize, time: u64| time.saturating_add_signed([0, 1700, -1700, 900, -1300, 1650, -400][number % 7]);
    for name in ["clip", "open_gop", "sliced"] {
        for options in [options(false), options(true)] {
            let whole = run_with(&broadcast(name, |_, _| {}), 1316, options);
            for (what, moved) in [("uneven", &uneven as &dyn Fn(usize, u64) -> u64), ("jittery", &jittery)] {
                let run = run_with(
                    &broadcast(name, |number, pes| {
                        (pes.pts, pes.dts) =
                            (pes.pts.map(|pts| moved(number, pts)), pes.dts.map(|dts| moved(number, dts)));
                    }),
                    1316,
                    options,
                );
                assert_eq!(crcs(&run.video), crcs(&whole.video), "{name} {what}");
                assert!(run.faults.is_empty(), "{name} {what}: {:?}", run.faults);
            }
        }
    }
}

#[test]
fn decoding_times_that_come_and_go_do_no_harm() {
    let whole = run_with(&broadcast("clip", |_, _| {}), 1316, options(true));
    let gone = |number: usize| number / 40 % 2 == 1;
    let ts = broadcast("clip", |number, pes| pes.dts = pes.dts.filter(|_| !gone(number)));
    let run = run_with(&ts, 1316, options(true));
    run.check(1);
    assert_eq!((crcs(&run.video), shown(&run)), (crcs(&whole.video), shown(&whole)));
    assert!(run.discontinuities.is_empty(), "{:?}", run.discontinuities);
}

#[test]
fn times_that_stand_still_are_none() {
    for (pts, dts) in [(Some(0), None), (Some(0), Some(0)), (Some(900_000), None)] {
        let ts = broadcast("clip", |_, pes| (pes.pts, pes.dts) = (pts, dts));
        let run = run_with(&ts, 1316, options(true));
        assert_eq!(run.video.len(), 225);
        let jumps = run.discontinuities.iter().filter(|what| **what == (Track::Video, "clock_jump")).count();
        assert_eq!(jumps, 0, "{pts:?} {dts:?}");
        let expected: Vec<i64> = (0..225).map(|number| number * 3600).collect();
        assert_eq!(shown(&run), expected, "{pts:?} {dts:?}");
        assert!(run.video.iter().all(|(sample, _)| sample.duration == 3600), "{pts:?} {dts:?}");
    }
}

#[test]
fn a_key_frame_is_shown_behind_all_that_was_given_and_its_gop_in_order() {
    // From the second round on, pictures are presented so many frames earlier against their decoding.
    for earlier in 0..4 {
        for options in [options(false), options(true)] {
            let due = |number: usize| if number < 75 { 0 } else { earlier * 3600 };
            let ts = broadcast("clip", |number, pes| pes.pts = pes.pts.map(|pts| pts - due(number)));
            let run = run_with(&ts, 1316, options);
            assert_eq!((run.video.len(), run.faults.len(), run.discontinuities.len()), (225, 0, 0), "{earlier}");
            for (at, (sample, _)) in run.video.iter().enumerate().filter(|(_, (sample, _))| sample.key) {
                assert!(run.video[..at].iter().all(|(before, _)| before.pts < sample.pts), "{earlier} at {at}");
            }
            // Within two seconds nothing is left of it.
            let apart = |at: usize| run.video[at].0.pts - run.video[at].0.source_pts;
            assert!((125..225).all(|at| apart(at) == apart(0)), "{earlier}");
            // Pictures of one source are shown in its order.
            for part in [&run.video[..75], &run.video[75..]] {
                let mut by_source = part.to_vec();
                by_source.sort_by_key(|(sample, _)| sample.source_pts);
                assert!(by_source.windows(2).all(|pair| pair[0].0.pts < pair[1].0.pts), "{earlier}");
            }
        }
    }
}
