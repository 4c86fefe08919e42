//! Streams that are right, however they are written: all of them comes out, at its time.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Segmenter, Track};
use segmenter_support::*;

/// The clip's PES packets muxed anew, in order, behind a PAT and a PMT.
fn remux(streams: &[(u8, u16)], pes: impl IntoIterator<Item = (Pes, Length)>) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(&[(0, 16), (1, PMT)]);
    muxer.pmt(PMT, 1, 0, streams);
    for (pes, length) in pes {
        muxer.pes(&pes, length);
    }
    muxer.ts
}

const STREAMS: [(u8, u16); 2] = [(0x1B, VIDEO), (0x0F, AUDIO)];

fn crcs(samples: &[(amt_web_app::segmenter::Sample, u32)]) -> Vec<u32> {
    samples.iter().map(|(_, crc)| *crc).collect()
}

#[test]
fn a_clean_stream_comes_out_whole_with_the_sources_times() {
    for name in ["clip", "open_gop", "sliced"] {
        let ts = fixture(name);
        let run = run(&ts);
        run.check(1);
        assert_eq!((run.video.len(), run.audio.len()), (75, 142), "{name}");
        assert!(
            run.faults.is_empty() && run.discontinuities.is_empty(),
            "{name}: {:?} {:?}",
            run.faults,
            run.discontinuities
        );
        let source: Vec<Pes> = pes_packets(&ts).into_iter().filter(|pes| pes.pid == VIDEO).collect();
        let origin = source[0].dts.or(source[0].pts).unwrap() - run.video[0].0.dts;
        for ((sample, _), pes) in run.video.iter().zip(&source) {
            let pts = pes.pts.unwrap();
            assert_eq!(sample.source_pts as u64, pts);
            assert_eq!((sample.dts, sample.pts as u64), (pes.dts.unwrap_or(pts) - origin, pts - origin), "{name}");
            assert_eq!(sample.duration, 3600);
        }
        assert_eq!(run.init(Track::Audio).codec, "mp4a.40.2");
        assert_eq!(run.programs.len(), 1, "{name}");
        assert_eq!(run.programs[0].streams[0].codec.as_ref(), Some(&run.init(Track::Video).codec));
    }
}

#[test]
fn cutting_the_stream_into_pushes_changes_nothing() {
    let ts = fixture("clip");
    let whole = run_with(&ts, usize::MAX, go_on());
    for chunk in [1, 7, 188, 1000, 65_536] {
        let cut = run_with(&ts, chunk, go_on());
        assert_eq!((&cut.video, &cut.audio, &cut.inits), (&whole.video, &whole.audio, &whole.inits), "{chunk}");
    }
}

#[test]
fn streams_may_be_muxed_with_declared_lengths_or_without() {
    let ts = fixture("clip");
    let clean = run(&ts);
    for length in [Length::Declared, Length::Unbounded] {
        let run = run(&remux(&STREAMS, pes_packets(&ts).into_iter().map(|pes| (pes, length))));
        assert_eq!((crcs(&run.video), crcs(&run.audio)), (crcs(&clean.video), crcs(&clean.audio)), "{length:?}");
        assert!(run.faults.is_empty(), "{:?}", run.faults);
    }
}

#[test]
fn a_frame_comes_out_with_the_packet_that_completes_it() {
    for length in [Length::Declared, Length::Unbounded] {
        let mut muxer = Muxer::default();
        muxer.pat(&[(1, PMT)]);
        muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO)]);
        let mut segmenter = Segmenter::default();
        let mut late = 0;
        for (number, pes) in pes_packets(&fixture("sliced")).into_iter().filter(|pes| pes.pid == VIDEO).enumerate() {
            muxer.pes(&pes, length);
            segmenter.push(&std::mem::take(&mut muxer.ts), 0);
            let frames = std::iter::from_fn(|| segmenter.poll())
                .filter(|output| matches!(output, amt_web_app::segmenter::Output::Media(_)))
                .count();
            // The stream has to show first that its packets end where they seem to.
            late += usize::from(number > 5 && frames != 1);
        }
        assert_eq!(late, 0, "{length:?}");
    }
}

#[test]
fn several_access_units_in_a_pes_packet_without_delimiters_are_cut_and_timed() {
    for name in ["clip", "sliced", "open_gop"] {
        let ts = fixture(name);
        let clean = run(&ts);
        let mut muxer = Muxer::default();
        muxer.pat(&[(1, PMT)]);
        muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO)]);
        let source: Vec<Pes> = pes_packets(&ts).into_iter().filter(|pes| pes.pid == VIDEO).collect();
        for group in source.chunks(6) {
            let payload = group.iter().flat_map(|pes| without_nal(&pes.payload, 9)).collect();
            muxer.pes(&Pes { payload, ..group[0].clone() }, Length::Unbounded);
        }
        let run = run(&muxer.ts);
        assert_eq!(crcs(&run.video), crcs(&clean.video), "{name}");
        let times = |run: &Run| {
            let first = run.video[0].0.dts;
            run.video.iter().map(|(s, _)| (s.dts - first, s.source_pts, s.key)).collect::<Vec<_>>()
        };
        assert_eq!(times(&run), times(&clean), "{name}");
    }
}

#[test]
fn access_units_may_run_over_the_ends_of_pes_packets() {
    let ts = fixture("clip");
    let clean = run(&ts).video;
    let source: Vec<Pes> = pes_packets(&ts).into_iter().filter(|pes| pes.pid == VIDEO).collect();
    let stream: Vec<u8> = source.iter().flat_map(|pes| pes.payload.clone()).collect();
    for length in [Length::Declared, Length::Unbounded] {
        let pieces = stream.chunks(1000).enumerate().map(|(index, piece)| {
            let pts = (index == 0).then(|| source[0].pts.unwrap());
            (Pes { pid: VIDEO, pts, dts: None, payload: piece.to_vec() }, length)
        });
        let run = run(&remux(&[(0x1B, VIDEO)], pieces));
        assert_eq!(crcs(&run.video), crcs(&clean), "{length:?}");
    }
}

#[test]
fn audio_frames_may_run_over_the_ends_of_pes_packets() {
    let ts = fixture("clip");
    let clean = run(&ts);
    let mut carry = Vec::new();
    let pes = pes_packets(&ts).into_iter().map(|mut pes| {
        if pes.pid == AUDIO {
            // Each packet gives its last 100 bytes to the next one; the time is the first whole frame's, as before.
            let keep = pes.payload.len() - 100;
            let tail = pes.payload.split_off(keep);
            pes.payload.splice(0..0, std::mem::replace(&mut carry, tail));
        }
        (pes, Length::Declared)
    });
    let run = run(&remux(&STREAMS, pes));
    run.check(1);
    // The last packet's tail is never sent.
    assert_eq!(crcs(&run.audio)[..], crcs(&clean.audio)[..run.audio.len()]);
    assert!(run.audio.len() >= 140 && run.faults.is_empty(), "{} {:?}", run.audio.len(), run.faults);
}

#[test]
fn adts_that_is_announced_as_private_data_is_recognised() {
    let ts = fixture("clip");
    let clean = run(&ts);
    let pes = pes_packets(&ts).into_iter().map(|pes| (pes, Length::Declared));
    let run = run(&remux(&[(0x1B, VIDEO), (0x06, 300), (0x06, AUDIO)], pes));
    assert_eq!(crcs(&run.audio), crcs(&clean.audio));
    assert!(run.programs.last().unwrap().streams[2].selected);
}

#[test]
fn the_first_programme_that_can_be_played_is() {
    let ts = fixture("clip");
    let mut muxer = Muxer::default();
    muxer.pat(&[(0, 16), (1, 500), (2, PMT), (3, 501)]);
    // A programme whose PMT never comes, and one of another codec, do not stand in the way.
    for _ in 0..4 {
        muxer.pmt(501, 3, 0, &[(0x1B, 800)]);
        muxer.pmt(PMT, 2, 0, &STREAMS);
    }
    for pes in pes_packets(&ts) {
        muxer.pes(&pes, Length::Declared);
    }
    let run = run(&muxer.ts);
    assert_eq!((run.programs[0].number, run.video.len()), (2, 75));
}

#[test]
fn one_track_starts_when_the_other_never_comes() {
    let ts = fixture("clip");
    for (kept, track) in [(VIDEO, Track::Video), (AUDIO, Track::Audio)] {
        let all: Vec<Pes> = pes_packets(&ts).into_iter().filter(|pes| pes.pid == kept).collect();
        let mut segmenter = Segmenter::default();
        segmenter.push(&remux(&STREAMS, all.into_iter().map(|pes| (pes, Length::Declared))), 0);
        // Before the end of the input, so within a bounded time.
        let outputs: Vec<_> = std::iter::from_fn(|| segmenter.poll()).collect();
        let media = outputs
            .iter()
            .filter(|output| matches!(output, amt_web_app::segmenter::Output::Media(media) if media.track == track));
        assert!(media.count() > 0, "{track}");
    }
}

#[test]
fn a_stream_that_is_joined_in_the_middle_begins_at_a_random_access_point() {
    for name in ["clip", "open_gop"] {
        let ts = fixture(name);
        let clean = run(&ts);
        // Behind the first picture, so that the next random access point is a second away.
        let ts = &ts[188 * 40 + 77..];
        let run = run(ts);
        run.check(1);
        assert!(run.faults.is_empty(), "{name}: {:?}", run.faults);
        let first = run.video[0].0;
        assert!(first.key && first.dts == 0, "{name}: {first:?}");
        // Pictures that lean on what was before are left out, all others are there.
        let expected: Vec<u32> = clean
            .video
            .iter()
            .skip_while(|(sample, _)| sample.source_pts != first.source_pts)
            .filter(|(sample, _)| sample.source_pts >= first.source_pts)
            .map(|(_, crc)| *crc)
            .collect();
        assert_eq!(crcs(&run.video), expected, "{name}");
        assert!(run.video.len() >= 48, "{name}: {}", run.video.len());
        // Sound begins with the picture.
        let sound = run.audio[0].0;
        assert!((sound.source_pts - first.source_pts).abs() < 9000, "{name}: {sound:?} {first:?}");
    }
}
