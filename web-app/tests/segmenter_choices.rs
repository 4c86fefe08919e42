//! Another programme or sound track is chosen: what plays goes over to it without a hole. Whatever is chosen, whenever,
//! on whatever stream: nothing panics, and no track's time runs back or stands still.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Sample, Segmenter, Track};
use proptest::prelude::*;
use segmenter_support::*;

const H264: (u8, u16) = (0x1B, VIDEO);
const ADTS: (u8, u16) = (0x0F, AUDIO);

/// What a viewer may do, at a piece of the stream.
#[derive(Clone, Copy, Debug)]
enum Act {
    Program(Option<u16>),
    Audio(Option<u16>),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        prop_oneof![Just(None), Just(Some(101)), Just(Some(102)), Just(Some(7))].prop_map(Act::Program),
        prop_oneof![Just(None), Just(Some(257)), Just(Some(258)), Just(Some(260)), Just(Some(999))]
            .prop_map(Act::Audio),
    ]
}

fn play(ts: &[u8], chunk: usize, acts: &[(usize, Act)]) -> Run {
    run_choosing(ts, chunk, go_on(), |index, segmenter: &mut Segmenter| {
        for (_, act) in acts.iter().filter(|(at, _)| *at == index) {
            match act {
                Act::Program(number) => segmenter.choose_program(*number),
                Act::Audio(pid) => segmenter.choose_audio(*pid),
            }
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_choices_leave_the_tracks_without_holes(acts in proptest::collection::vec((0usize..82, act()), 0..8)) {
        let run = play(&fixture("programmes"), 1316, &acts);
        // Both programmes have the same times, so that no more than half a second can be said of sound and picture.
        run.check(45_000);
        prop_assert!(run.video.len() > 30 && run.faults.is_empty(), "{} {:?}", run.video.len(), run.faults);
    }

    #[test]
    fn nor_does_any_damage_to_tables_and_streams(
        acts in proptest::collection::vec((0usize..82, act()), 0..5),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), 4usize..188, any::<u8>()), 0..60),
        tables_only in any::<bool>(),
    ) {
        let mut all = packets(&fixture("programmes"));
        let chosen: Vec<usize> = (0..all.len()).filter(|at| !tables_only || pid(&all[*at]) < 32 || pid(&all[*at]) >= 4096).collect();
        for (at, byte, value) in damage {
            all[chosen[at.index(chosen.len())]][byte] = value;
        }
        let run = play(&all.concat(), 1316, &acts);
        for samples in [&run.video, &run.audio] {
            prop_assert!(samples.iter().all(|(sample, _)| sample.duration > 0 && sample.size > 0));
        }
    }
}

#[test]
fn how_the_bytes_are_cut_changes_nothing_of_tables_and_what_follows_from_them() {
    let ts = fixture("programmes");
    let lies: Vec<u8> = {
        let mut muxer = Muxer::default();
        muxer.pat(&[(1, PMT)]);
        muxer.pmt(PMT, 1, 0, &[(0x02, VIDEO), (0x81, AUDIO)]);
        pes_packets(&fixture("clip")).iter().for_each(|pes| muxer.pes(pes, Length::Declared));
        muxer.ts
    };
    let bare: Vec<u8> = packets(&fixture("open_gop"))
        .into_iter()
        .filter(|packet| matches!(pid(packet), VIDEO | AUDIO))
        .flatten()
        .collect();
    for ts in [&ts, &lies, &bare] {
        let whole = run_with(ts, usize::MAX, go_on());
        assert!(!whole.video.is_empty());
        for chunk in [1, 188, 1000] {
            assert_eq!(run_with(ts, chunk, go_on()), whole, "{chunk}");
        }
    }
}

#[test]
fn another_sound_track_takes_over_without_a_hole_and_the_picture_is_not_disturbed() {
    let ts = fixture("programmes");
    let clean = run(&ts);
    for at in [0, 20, 50, 51, 52, 53, 60] {
        let run = run_choosing(&ts, 1316, go_on(), |index, segmenter| {
            if index == at {
                segmenter.choose_audio(Some(258));
            }
        });
        run.check(1000);
        assert_eq!(run.video, clean.video, "{at}");
        assert!(run.discontinuities.is_empty(), "{at}: {:?}", run.discontinuities);
        assert!((run.audio.len() as i64 - clean.audio.len() as i64).abs() <= 1, "{at}");
        let inits: Vec<u16> = run.inits.iter().filter(|init| init.track == Track::Audio).map(|init| init.pid).collect();
        assert!(inits == [257, 258] || at == 0 && inits == [258], "{at}: {inits:?}");
        let selected: Vec<bool> = run.programs.last().unwrap().streams.iter().map(|stream| stream.selected).collect();
        assert_eq!(selected, [true, false, true], "{at}");
    }
}

#[test]
fn a_sound_track_that_is_not_there_leaves_what_is_played_alone() {
    let ts = fixture("programmes");
    let run_wrong = run_choosing(&ts, 1316, go_on(), |index, segmenter| {
        if index == 30 {
            segmenter.choose_audio(Some(999));
        }
    });
    assert_eq!(run_wrong, run(&ts));
}

#[test]
fn another_programme_goes_on_behind_the_one_before_with_sound_and_picture_together() {
    let ts = fixture("programmes");
    for at in [0, 1, 3, 20, 30, 40] {
        let run = run_choosing(&ts, 1316, go_on(), |index, segmenter| {
            if index == at {
                segmenter.choose_program(Some(102));
            }
        });
        // Both programmes have the same times: only what is of the new one can be compared.
        run.check(90_000);
        let shift = |sample: &Sample, rate: i64| sample.pts * 90_000 / rate - sample.source_pts;
        let of_picture = shift(&run.video.last().unwrap().0, 90_000);
        for ((sample, _), rate) in run.audio.iter().zip(&run.rates) {
            let silent = sample.size < 8;
            assert!(*rate != 44_100 || silent || (shift(sample, *rate) - of_picture).abs() <= 1100, "{at}: {sample:?}");
        }
        let last = run.programs.last().unwrap();
        assert_eq!((last.number, last.streams.len()), (102, 2), "{at}");
        let mut inits: Vec<u16> = run.inits.iter().rev().take(2).map(|init| init.pid).collect();
        inits.sort_unstable();
        assert_eq!(inits, [259, 260], "{at}");
        // The first frame of the new programme is a random access point.
        assert!(run.video.iter().filter(|(sample, _)| sample.key).count() >= 2, "{at}");
        let list: Vec<bool> = run.lists.last().unwrap().iter().map(|entry| entry.selected).collect();
        assert_eq!(list, [false, true], "{at}");
        // No more is missing than up to the next random access point of the new one.
        assert!(run.video.len() >= 45, "{at}: {}", run.video.len());
    }
}

#[test]
fn the_sound_that_was_chosen_goes_on_until_another_programme_begins() {
    let ts = fixture("programmes");
    for number in [102, 77] {
        let run = run_choosing(&ts, 1316, go_on(), |index, segmenter| match index {
            0 => {
                segmenter.choose_program(Some(101));
                segmenter.choose_audio(Some(258));
            }
            30 => segmenter.choose_program(Some(number)),
            _ => {}
        });
        let sound = run.inits.iter().filter(|init| init.track == Track::Audio).map(|init| init.pid);
        let expected: &[u16] = if number == 102 { &[258, 260] } else { &[258] };
        assert_eq!(sound.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_sound_track_that_was_chosen_before_anything_came_is_none_of_another_programme() {
    let ts = fixture("programmes");
    let run = run_choosing(&ts, 1316, go_on(), |index, segmenter| {
        if index == 0 {
            segmenter.choose_audio(Some(258));
            segmenter.choose_program(Some(101));
        }
    });
    assert_eq!(run.init(Track::Audio).pid, 257);
}

#[test]
fn a_programme_with_another_clock_keeps_its_sound_and_picture_together() {
    let (one, other) = (fixture("clip"), shift_times(&fixture("sliced"), 5_000_000_000));
    let mut muxer = Muxer { sound: vec![601], ..Muxer::default() };
    muxer.pat(&[(1, PMT), (2, 500)]);
    muxer.pmt(PMT, 1, 0, &[H264, ADTS]);
    muxer.pmt(500, 2, 0, &[(0x1B, 600), (0x0F, 601)]);
    let mut second = pes_packets(&other).into_iter();
    for pes in pes_packets(&one) {
        muxer.pes(&pes, Length::Declared);
        if let Some(mut pes) = second.next() {
            pes.pid = if pes.pid == VIDEO { 600 } else { 601 };
            muxer.pes(&pes, Length::Declared);
        }
    }
    let pieces = muxer.ts.len() / 1316;
    for at in [pieces / 5, pieces / 3, pieces / 2] {
        let run = run_choosing(&muxer.ts, 1316, go_on(), |index, segmenter| {
            if index == at {
                segmenter.choose_program(Some(2));
            }
        });
        run.check(1100);
        assert_eq!(run.programs.last().unwrap().number, 2);
        assert!(!run.discontinuities.iter().any(|(_, reason)| *reason == "clock_jump"), "{:?}", run.discontinuities);
        // To and fro, the picture of the first one goes on where it was left.
        let both = run_choosing(&muxer.ts, 1316, go_on(), |index, segmenter| {
            if index == at {
                segmenter.choose_program(Some(2));
                segmenter.choose_program(Some(1));
            }
        });
        let clean = segmenter_support::run(&muxer.ts);
        assert_eq!((both.video, both.audio), (clean.video, clean.audio));
    }
}
