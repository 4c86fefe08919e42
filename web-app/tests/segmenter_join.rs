//! A stream is joined anywhere: what comes before its tables is played once they tell what it is.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_shared::ts::{PACKET_LEN, Packet};
use amt_web_app::segmenter::{Options, Output, Segmenter};
use segmenter_support::*;

fn is_table(packet: &[u8; PACKET_LEN]) -> bool {
    matches!(pid(packet), 0 | PMT | 17)
}

/// The stream with its tables from the packet `from` on.
fn tables_from(ts: &[u8], from: usize) -> Vec<u8> {
    let all = packets(ts).into_iter().enumerate();
    all.filter(|(index, packet)| *index >= from || !is_table(packet)).flat_map(|(_, packet)| packet).collect()
}

/// As the page runs it.
fn play(ts: &[u8]) -> Run {
    let options = Options { make_up_pictures: true, ..Options::default() };
    let run = run_with(ts, 1316, options);
    assert!(run == run_with(ts, 188 * 50, options), "the same however the bytes are cut");
    run
}

#[test]
fn nothing_is_lost_of_a_picture_whose_tables_come_behind_its_random_access_point() {
    for name in ["clip", "open_gop", "hevc", "sliced"] {
        let ts = fixture(name);
        let clean = play(&ts);
        for late in [1, 20, 60] {
            let run = play(&tables_from(&ts, late));
            run.check(1);
            assert_eq!((&run.video, &run.inits), (&clean.video, &clean.inits), "{name} {late}");
            assert!(run.audio.len() >= clean.audio.len() - 2, "{name} {late}: {}", run.audio.len());
        }
    }
}

#[test]
fn the_picture_begins_at_the_last_random_access_point_before_the_tables() {
    let ts = fixture("clip");
    let all = packets(&ts);
    let starts = |packet: &&[u8; PACKET_LEN]| Packet::parse(packet).unwrap().starts_video_random_access();
    let points: Vec<usize> = (0..all.len()).filter(|index| starts(&&all[*index])).collect();
    let clean = play(&ts);
    let keys: Vec<usize> = (0..clean.video.len()).filter(|index| clean.video[*index].0.key).collect();
    assert!(points.len() >= 3 && points.len() == keys.len());
    // A second and more without tables would be a stream without any.
    let run = play(&tables_from(&ts, points[1] + 2));
    let sources = |run: &Run| run.video.iter().map(|(sample, _)| sample.source_pts).collect::<Vec<_>>();
    assert_eq!(sources(&run), sources(&clean)[keys[1]..]);
}

#[test]
fn a_pmt_that_comes_before_the_pat_is_remembered() {
    let mut muxer = Muxer::default();
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (0x0F, AUDIO)]);
    for (index, pes) in pes_packets(&fixture("clip")).iter().enumerate() {
        if index == 20 {
            muxer.pat(&[(1, PMT)]);
        }
        muxer.pes(pes, Length::Declared);
    }
    let (run, clean) = (play(&muxer.ts), play(&fixture("clip")));
    run.check(1);
    assert_eq!((run.video.len(), run.audio.len()), (clean.video.len(), clean.audio.len()));
    assert_eq!(run.programs.last().unwrap().number, 1);
}

#[test]
fn what_was_kept_has_the_times_at_which_it_was_received() {
    let mut segmenter = Segmenter::new(Options::default());
    let mut received = Vec::new();
    for (index, piece) in tables_from(&fixture("clip"), 60).chunks(PACKET_LEN).enumerate() {
        segmenter.push(piece, 1_000_000 + index as u64 * 1000);
        while let Some(output) = segmenter.poll() {
            if let Output::Media(media) = output {
                received.push(media.received);
            }
        }
    }
    assert!(received[0] < 1_060_000 && received.is_sorted(), "{}", received[0]);
}
