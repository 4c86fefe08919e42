//! Times of the sound that jitter: the average counts, and what is really missing or too much is repaired all the same.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, Sample, SoundCodec, Track};
use segmenter_support::measure::*;
use segmenter_support::*;

/// 90 kHz ticks of a frame of AAC at 48 kHz.
const FRAME: i64 = 1920;
const MS: i64 = 90;

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    /// From `-most` to `most`.
    fn within(&mut self, most: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as i64 % (2 * most + 1) - most
    }
}

/// 24 s of picture and sound, the sound in PES packets of `per_pes` frames with right times.
fn source(per_pes: usize) -> Vec<Pes> {
    let clip = pes_packets(&fixture("clip"));
    let mut all = Vec::new();
    for round in 0..8 {
        all.extend(clip.iter().filter(|pes| pes.pid == VIDEO).cloned().map(|mut pes| {
            pes.pts = pes.pts.map(|pts| pts + round * 3 * 90_000);
            pes.dts = pes.dts.map(|dts| dts + round * 3 * 90_000);
            pes
        }));
    }
    let sound: Vec<u8> = clip.iter().filter(|pes| pes.pid == AUDIO).flat_map(|pes| pes.payload.clone()).collect();
    let frames: Vec<&[u8]> = adts_frames(&sound).collect();
    let begin = clip.iter().find(|pes| pes.pid == AUDIO).and_then(|pes| pes.pts).unwrap();
    for (index, some) in frames.repeat(8).chunks(per_pes).enumerate() {
        let pts = begin + (index * per_pes) as u64 * FRAME as u64;
        all.push(Pes { pid: AUDIO, pts: Some(pts), dts: None, payload: some.concat() });
    }
    all.sort_by_key(|pes| pes.dts.or(pes.pts));
    all
}

/// The frames of ADTS one behind the other.
fn adts_frames(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let header = bytes.first_chunk::<7>()?;
        let len = usize::from(header[3] & 3) << 11 | usize::from(header[4]) << 3 | usize::from(header[5] >> 5);
        let (frame, rest) = bytes.split_at(len);
        bytes = rest;
        Some(frame)
    })
}

fn muxed(all: &[Pes]) -> Vec<u8> {
    let mut muxer = Muxer::default();
    for (index, pes) in all.iter().enumerate() {
        if index % 50 == 0 {
            muxer.pat(&[(1, PMT)]);
            muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (0x0F, AUDIO)]);
        }
        muxer.pes(pes, Length::Declared);
    }
    muxer.ts
}

/// The sound's times with up to `most` added or taken away; from its PES packet `from` on with `more` added.
fn jittered(all: &[Pes], most: i64, from: usize, more: i64) -> Vec<Pes> {
    let mut chance = Chance(5);
    let mut count = 0;
    let mut all = all.to_vec();
    for pes in all.iter_mut().filter(|pes| pes.pid == AUDIO) {
        count += 1;
        let by = chance.within(most) + if count > from { more } else { 0 };
        pes.pts = pes.pts.map(|pts| pts.strict_add_signed(by));
    }
    all
}

/// How often the sound was cut or stretched.
fn repairs(run: &Run) -> usize {
    run.discontinuities.iter().filter(|(track, reason)| *track == Track::Audio && *reason != "clock_jump").count()
}

/// How far the last frames' sound is behind the picture on average, in ms.
fn behind(run: &Run, frames: usize) -> f64 {
    let mean = |samples: &[(Sample, u32)], count: usize, rate: f64| {
        let off = |sample: &Sample| sample.pts as f64 * 1000.0 / rate - sample.source_pts as f64 / 90.0;
        samples.iter().rev().take(count).map(|(sample, _)| off(sample)).sum::<f64>() / count as f64
    };
    mean(&run.audio, frames, 48_000.0) - mean(&run.video, 50, 90_000.0)
}

#[test]
fn times_that_jitter_do_not_chop_the_sound() {
    // Times that come seldom are followed at first: what jitters shows with the third.
    for (per_pes, most_repairs) in [(1, 1), (3, 1), (9, 4)] {
        let all = source(per_pes);
        for most in [2, 10, 25, 40, 60] {
            for options in [go_on(), Options { make_up_pictures: true, ..Options::default() }] {
                let run = run_with(&muxed(&jittered(&all, most * MS, 0, 0)), 1316, options);
                orderly(&run);
                assert!(repairs(&run) <= most_repairs, "{per_pes}, {most} ms: {:?}", run.discontinuities);
                assert!(behind(&run, 94).abs() < 34.0, "{per_pes}, {most} ms: {}", behind(&run, 94));
                assert!(run.audio.len().abs_diff(8 * 142) <= 4, "{per_pes}, {most} ms: {}", run.audio.len());
            }
        }
    }
}

#[test]
fn jittery_times_that_are_off_by_something_lasting_are_followed_soon() {
    let all = source(1);
    for most in [0, 25, 40] {
        for more in [-3 * FRAME, -60 * MS, 40 * MS, 60 * MS, 3 * FRAME, 20 * FRAME] {
            let run = run_with(&muxed(&jittered(&all, most * MS, 500, more)), 1316, go_on());
            orderly(&run);
            let longest = more.abs() / FRAME + 3;
            assert!(repairs(&run) as i64 <= longest, "{most} {}: {:?}", more / MS, run.discontinuities);
            // Two seconds behind the change.
            let last =
                run.audio.iter().position(|(sample, _)| sample.source_pts > all[0].pts.unwrap() as i64 + 600 * FRAME);
            let early = Run { audio: run.audio[..last.unwrap()].to_vec(), video: run.video.clone(), ..Run::default() };
            assert!(behind(&early, 40).abs() < 34.0, "{most} {}: {}", more / MS, behind(&early, 40));
            assert!(behind(&run, 94).abs() < 34.0, "{most} {}: {}", more / MS, behind(&run, 94));
        }
    }
}

#[test]
fn holes_in_sound_whose_times_jitter_are_filled_as_others_are() {
    let clean = source(1);
    for most in [0, 10, 25, 40] {
        let ts = muxed(&jittered(&clean, most * MS, 0, 0));
        let all = of_pid(&packets(&ts), AUDIO);
        // Single packets, and as many as hold half a second.
        for (from, count) in [(20, 1), (300, 1), (303, 2), (500, 5), (700, 50), (901, 120)] {
            let lost = &all[from..from + count];
            let run = run_with(&without(&ts, |index| lost.contains(&index)), 1316, go_on());
            orderly(&run);
            let fills = repairs(&run);
            // Filled, perhaps with a frame too much or too little, and that is mended.
            assert!(fills <= 4, "{most} {from} {count}: {:?}", run.discontinuities);
            assert!(behind(&run, 94).abs() < 34.0, "{most} {from} {count}: {}", behind(&run, 94));
        }
    }
}

#[test]
fn a_hole_that_no_counter_shows_is_filled_at_the_next_time_that_confirms_it() {
    for (per_pes, frames) in [(1, 2), (1, 4), (4, 4), (5, 5)] {
        let mut all = source(per_pes);
        let sound: Vec<usize> = (0..all.len()).filter(|index| all[*index].pid == AUDIO).collect();
        let gone: Vec<usize> = sound[600 / per_pes..][..frames / per_pes].to_vec();
        let behind_hole = all[sound[600 / per_pes + frames / per_pes]].pts.unwrap();
        let mut index = 0;
        all.retain(|_| {
            index += 1;
            !gone.contains(&(index - 1))
        });
        let run = run_with(&muxed(&all), 1316, go_on());
        assert_eq!(run.discontinuities, [(Track::Audio, "silence_inserted")], "{per_pes} {frames}");
        let origin = run.video[0].0.source_pts - run.video[0].0.pts;
        let off = |sample: &Sample| sample.pts * 15 / 8 - (sample.source_pts - origin);
        let (late, right): (Vec<&Sample>, Vec<&Sample>) =
            run.audio.iter().map(|(sample, _)| sample).partition(|sample| off(sample).abs() > FRAME * 5 / 8);
        let allowed = if frames * FRAME as usize > 9000 { 0 } else { per_pes };
        assert!(late.len() <= allowed && right.len() > 1000, "{per_pes} {frames}: {late:?}");
        assert!(late.iter().all(|sample: &&Sample| sample.source_pts >= behind_hole as i64 - FRAME), "{late:?}");
    }
}

#[test]
fn a_single_time_that_is_off_does_not_touch_the_sound() {
    for per_pes in [1, 4] {
        let clean = source(per_pes);
        let whole = crcs(&run_with(&muxed(&clean), 1316, go_on()).audio);
        let sound: Vec<usize> = (0..clean.len()).filter(|index| clean[*index].pid == AUDIO).collect();
        for by in [-90, -60, -40, 40, 60, 90] {
            for at in [2, 3, sound.len() / 2, sound.len() - 2] {
                let mut all = clean.clone();
                let pes = &mut all[sound[at]];
                pes.pts = pes.pts.map(|pts| pts.strict_add_signed(by * MS));
                let run = run_with(&muxed(&all), 1316, go_on());
                assert_eq!(repairs(&run), 0, "{per_pes} {by} {at}: {:?}", run.discontinuities);
                assert_eq!(crcs(&run.audio), whole, "{per_pes} {by} {at}");
            }
        }
    }
}

#[test]
fn a_change_of_channels_that_is_decoded_leaves_sound_and_picture_together() {
    let [before, after] = ["sound_ec3_surround", "sound_ec3"].map(|name| pes_packets(&fixture(name)));
    let sound = |all: &[Pes]| all.iter().filter(|pes| pes.pid == AUDIO).cloned().collect::<Vec<_>>();
    let (first, second) = (sound(&before), sound(&after));
    let (first, next) = first.split_at(first.len() / 2);
    let second = &second[second.len() / 2..];
    for off in [-45, -37, -20, -8, 0, 8, 20, 37, 45] {
        let by = next[0].pts.unwrap() as i64 + off * MS - second[0].pts.unwrap() as i64;
        let second = second.iter().cloned().map(|pes| Pes { pts: pes.pts.map(|pts| pts.strict_add_signed(by)), ..pes });
        let mut all: Vec<Pes> =
            before.iter().filter(|pes| pes.pid == VIDEO).chain(first).cloned().chain(second).collect();
        all.sort_by_key(|pes| pes.dts.or(pes.pts));
        let mut muxer = Muxer::default();
        muxer.pat(&[(1, PMT)]);
        muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (0x87, AUDIO)]);
        all.iter().for_each(|pes| muxer.pes(pes, Length::Declared));
        let run = run_choosing(&muxer.ts, 1316, go_on(), |index, segmenter| {
            if index == 0 {
                segmenter.supply(SoundCodec::Ac3, amt_web_app::sound::decoder(SoundCodec::Ac3));
            }
        });
        orderly(&run);
        assert!(repairs(&run) <= 3, "{off}: {:?}", run.discontinuities);
        assert!(behind(&run, 10).abs() < 1.2, "{off}: {} ms", behind(&run, 10));
    }
}

#[test]
fn sound_whose_decoder_comes_right_behind_a_jump_of_the_clock_stands_beside_the_picture() {
    let (ts, second) = (fixture("sound_mp2"), 90_000);
    // The clock runs back by a minute after four seconds.
    let parts = [0, 2, -60, -58, -56, -54].map(|seconds| shift_times(&ts, seconds * second));
    let stream = renumber(&parts.concat());
    // The decoder comes so many hundredths of a part behind the jump.
    for behind in [20, 50, 90] {
        let supplied = (ts.len() * 2 + ts.len() * behind / 100) / 1316;
        let run = run_choosing(&stream, 1316, go_on(), |index, segmenter| {
            if index == supplied {
                segmenter.supply(SoundCodec::MpegAudio, amt_web_app::sound::decoder(SoundCodec::MpegAudio));
            }
        });
        // The sound is a little longer than the picture, which shows at each seam.
        let dropped = run.discontinuities.iter().filter(|(_, told)| *told == "audio_dropped").count();
        assert!(dropped <= parts.len(), "{behind}: {dropped}");
        assert!(run.audio.len() > 80 * 3, "{behind}: {}", run.audio.len());
        run.check_sync(100 * MS);
    }
}
