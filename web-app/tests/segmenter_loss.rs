//! Packets that are lost: what is missing is what was touched, and sound and picture stay together.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, Sample, Track};
use proptest::prelude::*;
use segmenter_support::measure::*;
use segmenter_support::*;

#[test]
fn one_lost_video_packet_costs_the_frames_it_touches_and_no_sound() {
    let ts = fixture("clip");
    let clean = run(&ts);
    // Behind the first picture: without that one, the output begins with the next random access point. Before
    // the last one: nothing shows that its end is missing.
    for lost in of_pid(&packets(&ts), VIDEO).into_iter().filter(|index| (40..490).contains(index)) {
        let run = run(&without(&ts, |index| index == lost));
        run.check(1);
        let frames = missing(&crcs(&clean.video), &crcs(&run.video));
        // Where the frame before ends does not show when what follows is lost: that one may go too.
        assert!((1..=2).contains(&frames), "packet {lost}: {frames} frames");
        assert_eq!(crcs(&run.audio), crcs(&clean.audio), "packet {lost}");
    }
}

#[test]
fn one_lost_audio_packet_costs_the_frames_it_touches_and_silence_takes_their_place() {
    let ts = fixture("clip");
    let clean = run(&ts);
    let all = of_pid(&packets(&ts), AUDIO);
    for &lost in &all[2..all.len() - 20] {
        let run = run(&without(&ts, |index| index == lost));
        run.check(HALF_FRAME);
        assert_eq!(run.audio.len(), clean.audio.len(), "packet {lost}");
        let whole = crcs(&clean.audio);
        let kept = run.audio.iter().filter(|(_, crc)| whole.contains(crc)).count();
        assert!(whole.len() - kept <= 3, "packet {lost}: {} frames", whole.len() - kept);
        assert_eq!(crcs(&run.video), crcs(&clean.video));
    }
}

#[test]
fn seventy_lost_packets_leave_sound_and_picture_together() {
    let ts = fixture("clip");
    for from in [60, 150, 240, 330] {
        let run = run(&without(&ts, |index| (from..from + 70).contains(&index)));
        run.check(HALF_FRAME);
        assert!(run.video.len() > 55, "{}", run.video.len());
        let end = |samples: &[(Sample, u32)], rate: i64| {
            let (last, _) = samples.last().unwrap();
            (last.dts as i64 + i64::from(last.duration)) * 90_000 / rate
        };
        assert_eq!(end(&run.video, 90_000), 75 * 3600, "{from}");
        assert!((end(&run.audio, 48_000) - end(&run.video, 90_000)).abs() < 15_000, "{from}");
    }
}

#[test]
fn a_loss_that_the_counter_cannot_show_is_found() {
    let ts = fixture("clip");
    let all = of_pid(&packets(&ts), VIDEO);
    // Fifteen look like a duplicate.
    let lost = &all[60..75];
    let run = run(&without(&ts, |index| lost.contains(&index)));
    run.check(1);
    assert_eq!(run.faults.get("continuity"), Some(&15));
    // Sixteen do not show at all, but a declared length does.
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO)]);
    let twice = [ts.clone(), shift_times(&ts, 3 * 90_000)].concat();
    for pes in pes_packets(&twice).into_iter().filter(|pes| pes.pid == VIDEO) {
        muxer.pes(&pes, Length::Declared);
    }
    let starts: Vec<usize> = packets(&muxer.ts)
        .iter()
        .enumerate()
        .filter(|(_, packet)| packet[1] & 0x40 != 0)
        .map(|(index, _)| index)
        .collect();
    // A frame of more than 17 packets: the second I picture.
    let long = starts.windows(2).rfind(|pair| pair[1] - pair[0] > 17).expect("a long frame")[0];
    let whole = segmenter_support::run(&muxer.ts);
    let cut = segmenter_support::run(&without(&muxer.ts, |index| (long + 1..long + 17).contains(&index)));
    assert_eq!(missing(&crcs(&whole.video), &crcs(&cut.video)), 1);
}

#[test]
fn clean_pictures_can_be_had_instead_of_artefacts() {
    let ts = fixture("clip");
    // Lost with it: a reference picture of the first second.
    let victims = of_pid(&packets(&ts), VIDEO);
    let mut runs = victims[30..60]
        .iter()
        .map(|victim| run_with(&without(&ts, |index| index == *victim), 1316, Options::default()));
    let waits = |run: &Run| run.discontinuities.contains(&(Track::Video, "waiting_for_random_access"));
    let run = runs.find(waits).expect("a loss that matters");
    run.check(1);
    // From the loss in the first second on, nothing but what follows a key frame comes.
    let hole = run.video.windows(2).position(|pair| pair[1].0.source_pts - pair[0].0.source_pts > 4 * 3600).unwrap();
    assert!(run.video[hole + 1].0.key);
    assert_eq!(run.audio.len(), 142);
}

#[test]
fn a_loss_of_pictures_that_no_other_needs_is_no_reason_to_wait() {
    let ts = fixture("clip");
    let clean = run(&ts);
    let mut costs = Vec::new();
    for lost in of_pid(&packets(&ts), VIDEO).into_iter().filter(|index| (40..490).contains(index)) {
        let run = run_with(&without(&ts, |index| index == lost), 1316, Options::default());
        run.check(1);
        costs.push(missing(&crcs(&clean.video), &crcs(&run.video)));
    }
    // B pictures here are in no other's way; what a reference picture costs is the rest of its second.
    assert!(costs.iter().filter(|cost| **cost <= 2).count() > 20, "{costs:?}");
    assert!(costs.iter().any(|cost| *cost > 10) && costs.iter().all(|cost| *cost <= 27), "{costs:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_loss_leaves_an_orderly_timeline(losses in proptest::collection::vec((8usize..500, 1usize..40), 1..8)) {
        let run = run(&without(&fixture("clip"), |index| losses.iter().any(|(at, count)| (*at..at + count).contains(&index))));
        run.check(HALF_FRAME * 2);
    }
}
