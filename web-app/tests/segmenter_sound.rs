//! Sound of every codec: as it is or decoded, whole and with packets lost, as the tables say and as they do not.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, Output, Sample, Segmenter, SoundCodec, Takes, Track};
use segmenter_support::*;

/// A browser that takes everything.
const ALL: Takes = Takes {
    hevc: true,
    av1: true,
    opus: true,
    flac: true,
    mp3_in_mp4: true,
    mp3: false,
    mp2: true,
    ac3: true,
    ec3: true,
};

/// Fixture, codec, timescale, channels, samples of a frame, frames.
const STREAMS: [(&str, &str, u32, u16, u32, usize); 14] = [
    ("mp2", "mp2", 48_000, 2, 1152, 84),
    ("mp2_low", "mp2", 24_000, 1, 1152, 42),
    ("mp3", "mp4a.6B", 44_100, 2, 1152, 78),
    ("mp3_low", "mp4a.69", 22_050, 1, 576, 78),
    ("ac3", "ac-3", 48_000, 2, 1536, 63),
    ("ac3_surround", "ac-3", 44_100, 6, 1536, 58),
    ("ec3", "ec-3", 48_000, 2, 1536, 63),
    ("ec3_surround", "ec-3", 48_000, 6, 1536, 63),
    ("opus", "opus", 48_000, 2, 960, 101),
    ("opus_surround", "opus", 48_000, 6, 960, 101),
    ("opus_short", "opus", 48_000, 1, 120, 801),
    ("latm", "mp4a.40.2", 48_000, 2, 1024, 95),
    ("aac_surround", "mp4a.40.2", 48_000, 6, 1024, 95),
    ("aac_quad", "mp4a.40.2", 48_000, 5, 1024, 95),
];

fn sound(name: &str) -> Vec<u8> {
    fixture(&format!("sound_{name}"))
}

fn taking(takes: Takes) -> Options {
    Options { takes, ..go_on() }
}

/// Runs a stream with decoders at hand.
fn run_decoding(ts: &[u8], chunk: usize, takes: Takes) -> Run {
    run_choosing(ts, chunk, taking(takes), |index, segmenter| {
        for codec in [SoundCodec::MpegAudio, SoundCodec::Ac3].into_iter().filter(|_| index == 0) {
            segmenter.supply(codec, amt_web_app::sound::decoder(codec));
        }
    })
}

fn crcs(samples: &[(Sample, u32)]) -> Vec<u32> {
    samples.iter().map(|(_, crc)| *crc).collect()
}

/// The sound's packets but the first, so that both tracks begin where they did, and the last, whose loss nothing shows.
fn sound_packets(ts: &[u8]) -> Vec<usize> {
    let all = of_pid(&packets(ts), AUDIO);
    all[12..all.len() - 4].to_vec()
}

#[test]
fn every_codec_comes_out_whole_with_the_sources_times() {
    for (name, codec, timescale, channels, samples, frames) in STREAMS {
        let ts = sound(name);
        let run = run_with(&ts, 1316, taking(ALL));
        run.check(2);
        let init = run.init(Track::Audio);
        assert_eq!((&*init.codec, init.timescale, init.channels), (codec, timescale, channels), "{name}");
        assert!(run.audio.len() >= frames - 1 && run.audio.len() <= frames + 1, "{name}: {}", run.audio.len());
        let last = run.audio.len() - 1;
        assert!(run.audio[..last].iter().all(|(sample, _)| sample.duration == samples), "{name}");
        assert!(
            run.faults.is_empty() && run.discontinuities.is_empty(),
            "{name}: {:?} {:?}",
            run.faults,
            run.discontinuities
        );
        // The first frame of each PES packet has its time.
        for pes in pes_packets(&ts).into_iter().filter(|pes| pes.pid == AUDIO) {
            let pts = pes.pts.unwrap() as i64;
            // What sounds too long before the picture is left out.
            assert!(
                pts < run.audio[0].0.source_pts
                    || run.audio.iter().any(|(sample, _)| (sample.source_pts - pts).abs() <= 2),
                "{name} {pts}"
            );
        }
    }
}

#[test]
fn cutting_the_stream_into_pushes_changes_nothing() {
    for (name, ..) in STREAMS {
        let ts = sound(name);
        for takes in [ALL, Takes { ac3: false, ec3: false, mp2: false, mp3_in_mp4: false, ..ALL }] {
            let whole = run_decoding(&ts, usize::MAX, takes);
            let cut = run_decoding(&ts, 1000, takes);
            assert_eq!((&cut.video, &cut.audio, &cut.inits), (&whole.video, &whole.audio, &whole.inits), "{name}");
        }
    }
}

#[test]
fn one_lost_packet_costs_the_frames_it_touches_and_sound_stays_with_the_picture() {
    for (name, .., frames) in STREAMS {
        let ts = sound(name);
        let clean = run_with(&ts, 1316, taking(ALL));
        for lost in sound_packets(&ts).into_iter().step_by(7) {
            let run = run_with(&without(&ts, |index| index == lost), 1316, taking(ALL));
            run.check(90);
            let end = |run: &Run| run.audio.last().map(|(s, _)| s.dts + u64::from(s.duration)).unwrap();
            assert_eq!(end(&run), end(&clean), "{name} {lost}");
            let whole = crcs(&clean.audio);
            let kept = run.audio.iter().filter(|(_, crc)| whole.contains(crc)).count();
            // As many as fit into a packet, and those at its ends.
            let touched = if frames > 200 { 20 } else { 3 };
            assert!(kept + touched >= clean.audio.len(), "{name} {lost}: {kept} of {}", clean.audio.len());
            assert_eq!(run.faults.get("continuity"), Some(&1), "{name}");
        }
    }
}

#[test]
fn decoded_sound_is_as_long_as_the_source_and_stays_with_the_picture() {
    for (name, _, timescale, channels, samples, frames) in STREAMS.into_iter().take(8) {
        let ts = sound(name);
        let run = run_decoding(&ts, 1316, Takes::default());
        run.check(2);
        let init = run.init(Track::Audio);
        assert_eq!((&*init.codec, init.timescale, init.channels), ("flac", timescale, channels.min(2)), "{name}");
        assert!(
            run.audio.len() >= frames - 1 && run.audio.iter().all(|(sample, _)| sample.duration == samples),
            "{name}"
        );
        assert!(
            run.faults.is_empty() && run.discontinuities.is_empty(),
            "{name}: {:?} {:?}",
            run.faults,
            run.discontinuities
        );
        assert_eq!(run.wanted.len(), 1, "{name}");
        let clean = run;
        for lost in sound_packets(&ts).into_iter().step_by(37) {
            let run = run_decoding(&without(&ts, |index| index == lost), 1316, Takes::default());
            run.check(2);
            let end = |samples: &[(Sample, u32)]| samples.last().map(|(s, _)| s.dts + u64::from(s.duration));
            assert!(
                end(&run.audio).unwrap().abs_diff(end(&clean.audio).unwrap()) <= u64::from(samples),
                "{name} {lost}"
            );
        }
    }
}

#[test]
fn a_decoder_that_comes_late_gets_what_was_held_for_it() {
    let ts = sound("mp2");
    let mut segmenter = Segmenter::new(taking(Takes::default()));
    let (mut wanted, mut first) = (0, None);
    for (count, piece) in ts.chunks(1316).enumerate() {
        segmenter.push(piece, 0);
        while let Some(output) = segmenter.poll() {
            match output {
                Output::DecoderWanted(codec) => {
                    assert_eq!(codec, SoundCodec::MpegAudio);
                    wanted += 1;
                }
                Output::Media(media) if media.track == Track::Audio && first.is_none() => {
                    first = Some(media.samples[0].dts);
                }
                _ => {}
            }
        }
        if count == 12 {
            assert_eq!(first, None);
            segmenter.supply(SoundCodec::MpegAudio, amt_web_app::sound::decoder(SoundCodec::MpegAudio));
        }
    }
    assert_eq!(wanted, 1);
    assert!(first.unwrap() < 2000, "{first:?}");
}

/// Two seconds of sound at once would be a push of tens of milliseconds.
#[test]
fn what_was_held_for_a_decoder_is_decoded_a_little_with_each_push() {
    for name in ["mp2", "ac3"] {
        let ts = sound(name);
        let pieces: Vec<&[u8]> = ts.chunks(1316).collect();
        let mut segmenter = Segmenter::new(taking(Takes::default()));
        let mut wanted = None;
        let (mut end, mut most, mut samples) = (None, 0, 0);
        for (count, piece) in pieces.iter().enumerate() {
            segmenter.push(piece, 0);
            if count == pieces.len() / 2 {
                let codec = wanted.unwrap();
                segmenter.supply(codec, amt_web_app::sound::decoder(codec));
            }
            let before = samples;
            while let Some(output) = segmenter.poll() {
                match output {
                    Output::DecoderWanted(codec) => wanted = Some(codec),
                    Output::Media(media) if media.track == Track::Audio => {
                        for sample in &media.samples {
                            assert!(end.is_none_or(|end| end == sample.dts), "{name}: {sample:?}");
                            end = Some(sample.dts + u64::from(sample.duration));
                        }
                        samples += media.samples.len();
                    }
                    _ => {}
                }
            }
            most = most.max(samples - before);
        }
        segmenter.finish();
        while let Some(output) = segmenter.poll() {
            if let Output::Media(media) = output
                && media.track == Track::Audio
            {
                samples += media.samples.len();
            }
        }
        // What a push brings itself, and two times what is taken of what was held: after the push, and with the decoder.
        assert!((1..=16).contains(&most), "{name}: {most} units at once");
        let whole = run_decoding(&ts, 1316, Takes::default());
        assert_eq!(samples, whole.audio.len(), "{name}");
    }
}

#[test]
fn sound_that_nobody_takes_or_decodes_is_named_and_the_picture_goes_on() {
    let takes = Takes { flac: false, ..Takes::default() };
    for name in ["mp2", "ac3", "ec3"] {
        let run = run_with(&sound(name), 1316, taking(takes));
        assert!(run.audio.is_empty() && run.video.len() == 50, "{name}");
    }
    let run = run_with(&sound("mp2"), 1316, taking(Takes { mp3: true, ..takes }));
    assert!(run.audio.is_empty() && run.video.len() == 50 && run.faults["not_taken"] > 50, "{:?}", run.faults);
}

#[test]
fn bare_frames_of_mpeg_audio_go_out_where_only_those_are_taken() {
    for (name, takes) in
        [("mp2", Takes { mp2: true, ..Takes::default() }), ("mp3", Takes { mp3: true, ..Takes::default() })]
    {
        let ts = sound(name);
        let mut segmenter = Segmenter::new(taking(takes));
        segmenter.push(&ts, 0);
        segmenter.finish();
        let mut bytes = Vec::new();
        while let Some(output) = segmenter.poll() {
            match output {
                Output::Init(init) if init.track == Track::Audio => {
                    assert_eq!((&*init.mime(), init.data.len()), ("audio/mpeg", 0));
                }
                Output::Media(media) if media.track == Track::Audio => {
                    assert_eq!(
                        media.samples.iter().map(|sample| sample.size as usize).sum::<usize>(),
                        media.data.len()
                    );
                    bytes.extend(media.data);
                }
                _ => {}
            }
        }
        let source: Vec<u8> =
            pes_packets(&ts).into_iter().filter(|pes| pes.pid == AUDIO).flat_map(|pes| pes.payload).collect();
        assert_eq!(bytes, source, "{name}");
    }
}

/// The stream with other entries in its PMT, and none of its descriptors.
fn retyped(ts: &[u8], stream_type: u8) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (stream_type, AUDIO)]);
    for pes in pes_packets(ts) {
        muxer.pes(&pes, Length::Declared);
    }
    muxer.ts
}

#[test]
fn sound_is_recognised_by_its_bytes_where_the_tables_lie_or_say_nothing() {
    for (name, codec, ..) in STREAMS {
        if name == "opus_surround" {
            // How many channels it has stands in the table alone.
            continue;
        }
        let ts = sound(name);
        let clean = run_with(&ts, 1316, taking(ALL));
        // Private data; ADTS; LATM; MPEG audio; AC-3.
        for stream_type in [0x06, 0x0F, 0x11, 0x04, 0x81] {
            let run = run_with(&retyped(&ts, stream_type), 1316, taking(ALL));
            run.check_sync(90);
            let found = run.inits.iter().find(|init| init.track == Track::Audio).map(|init| &*init.codec);
            assert_eq!(found, Some(codec), "{name} as {stream_type:#x}: {:?}", run.faults);
            // What it takes to know better.
            let kept = run.audio.len();
            assert!(kept * 4 >= clean.audio.len(), "{name} as {stream_type:#x}: {kept} of {}", clean.audio.len());
        }
    }
}

#[test]
fn sixteen_lost_packets_are_found_by_the_length_of_the_pes_packet() {
    for name in ["mp2", "ac3_surround", "aac_surround", "opus_surround", "latm"] {
        let ts = sound(name);
        let clean = run_with(&ts, 1316, taking(ALL));
        let all = of_pid(&packets(&ts), AUDIO);
        for from in [20, 24, 29, 33, 40] {
            if all.len() < from + 30 {
                continue;
            }
            let lost = &all[from..from + 16];
            let run = run_with(&without(&ts, |index| lost.contains(&index)), 1316, taking(ALL));
            run.check_sync(90);
            let whole = crcs(&clean.audio);
            let silent = run.audio.iter().filter(|(_, crc)| !whole.contains(crc)).count();
            let touched = clean.audio.len() - run.audio.iter().filter(|(_, crc)| whole.contains(crc)).count();
            assert!(silent <= touched + 1, "{name} {from}: {silent} of {touched}");
        }
    }
}

#[test]
fn wrong_pes_lengths_cost_no_sound() {
    for name in ["mp2", "ac3", "latm", "opus"] {
        let ts = sound(name);
        let clean = run_with(&ts, 1316, taking(ALL));
        for wrong in [-20_i32, 5, 700] {
            let mut all = packets(&ts);
            for packet in all.iter_mut().filter(|packet| pid(packet) == AUDIO && packet[1] & 0x40 != 0) {
                let at = if packet[3] & 0x20 != 0 { 5 + usize::from(packet[4]) } else { 4 };
                let declared = i32::from(u16::from_be_bytes([packet[at + 4], packet[at + 5]])) + wrong;
                packet[at + 4..at + 6].copy_from_slice(&(declared as u16).to_be_bytes());
            }
            let run = run_with(&all.concat(), 1316, taking(ALL));
            assert_eq!(crcs(&run.audio), crcs(&clean.audio), "{name} {wrong}");
        }
    }
}

#[test]
fn a_frame_may_begin_in_any_pes_packet_and_end_in_another() {
    for (name, ..) in STREAMS {
        let ts = sound(name);
        let clean = run_with(&ts, 1316, taking(ALL));
        let source: Vec<Pes> = pes_packets(&ts);
        let mut muxer = Muxer::default();
        // The tables of the source, as they are.
        muxer.ts.extend(packets(&ts).into_iter().filter(|packet| matches!(pid(packet), 0 | PMT)).take(2).flatten());
        let mut rest = Vec::new();
        for pes in source {
            if pes.pid == VIDEO {
                muxer.pes(&pes, Length::Unbounded);
                continue;
            }
            // The last 100 bytes come with the next.
            let mut payload = std::mem::take(&mut rest);
            payload.extend(&pes.payload);
            rest = payload.split_off(payload.len() - 100.min(pes.payload.len()));
            if !payload.is_empty() {
                muxer.pes(&Pes { payload, ..pes }, Length::Declared);
            }
        }
        let run = run_with(&muxer.ts, 1316, taking(ALL));
        let (ours, whole) = (crcs(&run.audio), crcs(&clean.audio));
        let count = ours.len();
        assert!(count + 3 >= whole.len(), "{name}: {count} of {}", whole.len());
        // The first come with other times, and may begin too early or not.
        assert!(ours.iter().filter(|crc| !whole.contains(crc)).count() <= 4, "{name}");
    }
}

/// Frames of an elementary stream that fdk-aac made, in PES packets of 400 bytes beside nothing.
fn muxed(name: &str, stream_type: u8) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/fdk_{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).unwrap();
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(stream_type, AUDIO)]);
    for (index, payload) in bytes.chunks(400).enumerate() {
        let pts = (index == 0).then_some(90_000);
        muxer.pes(&Pes { pid: AUDIO, pts, dts: None, payload: payload.to_vec() }, Length::Declared);
    }
    muxer.ts
}

#[test]
fn aac_comes_out_of_every_form_of_framing() {
    for (name, stream_type, codec, timescale, channels, samples, frames) in [
        ("he_v1.adts", 0x0F, "mp4a.40.5", 24_000, 2, 1024, 23..=26),
        ("he_v2.adts", 0x0F, "mp4a.40.29", 24_000, 2, 1024, 23..=26),
        ("he_v1.loas", 0x11, "mp4a.40.5", 24_000, 2, 1024, 23..=26),
        ("he_v2.loas", 0x11, "mp4a.40.29", 24_000, 2, 1024, 23..=26),
        ("he_v1_version_1.loas", 0x11, "mp4a.40.5", 24_000, 2, 1024, 23..=26),
        ("two_frames.loas", 0x11, "mp4a.40.2", 48_000, 2, 1024, 44..=48),
        ("crc.adts", 0x0F, "mp4a.40.2", 48_000, 2, 1024, 46..=48),
        ("three_blocks.adts", 0x0F, "mp4a.40.2", 48_000, 2, 3072, 15..=16),
        ("three_blocks_crc.adts", 0x0F, "mp4a.40.2", 48_000, 2, 1024, 44..=48),
    ] {
        let run = run_with(&muxed(name, stream_type), 1316, taking(ALL));
        run.check(2);
        let init = run.init(Track::Audio);
        assert_eq!((&*init.codec, init.timescale, init.channels), (codec, timescale, channels), "{name}");
        assert!(frames.contains(&run.audio.len()), "{name}: {}", run.audio.len());
        assert!(run.audio.iter().all(|(sample, _)| sample.duration == samples), "{name}");
        assert!(run.faults.is_empty(), "{name}: {:?}", run.faults);
    }
}

#[test]
fn a_configuration_that_changes_in_the_stream_begins_anew() {
    let [first, second] = [("he_v2.loas", 0), ("two_frames.loas", 1)].map(|(name, version)| {
        let mut ts = muxed(name, 0x11);
        if version == 1 {
            // Only the sound: the tables are there.
            ts = packets(&ts).into_iter().filter(|packet| pid(packet) == AUDIO).flatten().collect();
        }
        ts
    });
    let run = run_with(&renumber(&[first, second].concat()), 1316, taking(ALL));
    let codecs: Vec<&str> = run.inits.iter().map(|init| &*init.codec).collect();
    assert_eq!(codecs, ["mp4a.40.29", "mp4a.40.2"]);
    assert!(run.audio.len() > 65, "{}", run.audio.len());
}

#[test]
fn free_format_is_refused_by_name() {
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x03, AUDIO)]);
    for index in 0..50 {
        // Layer III, 44.1 kHz, bit rate index 0.
        let mut payload = vec![0xFF, 0xFB, 0x00, 0x00];
        payload.resize(700, 0x11);
        muxer.pes(&Pes { pid: AUDIO, pts: Some(90_000 + index * 2351), dts: None, payload }, Length::Declared);
    }
    let run = run_with(&muxer.ts, 1316, taking(ALL));
    assert!(run.audio.is_empty());
    assert!(run.faults["free_format"] > 3, "{:?}", run.faults);
}
