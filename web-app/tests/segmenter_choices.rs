//! Whatever is chosen, whenever, on whatever stream: nothing panics, and no track's time runs back or stands still.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::Segmenter;
use proptest::prelude::*;
use segmenter_support::*;

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
