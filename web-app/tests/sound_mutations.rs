//! Frames with wrong bytes: decoders refuse them, or make something of the right length of them, and never panic. In the
//! browser a panic would end the sound of the page.
//!
//! `SOUND_MUTATIONS=200000 cargo test --release -p amt-web-app --test sound_mutations` for a long run.
#![cfg(not(target_arch = "wasm32"))]

mod sound_support;

use amt_web_app::segmenter::SoundCodec;
use amt_web_app::sound;
use sound_support::*;

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }
}

fn mutations(codec: SoundCodec, streams: &[Stream], mend: fn(&mut Vec<u8>)) {
    let count: usize = std::env::var("SOUND_MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(600);
    let mut random = Random(0x5eed);
    let mut decoded = 0;
    for stream in streams {
        let frames = stream.frames();
        let mut decoder = sound::decoder(codec);
        for index in 0..count / streams.len() {
            let mut frame = frames[index % frames.len()].clone();
            for _ in 0..random.below(8) {
                // Headers are where it hurts most.
                let limit = if random.below(2) == 0 { 40 } else { frame.len() };
                let at = random.below(limit.min(frame.len()));
                frame[at] =
                    if random.below(2) == 0 { random.below(256) as u8 } else { frame[at] ^ 1 << random.below(8) };
            }
            if random.below(20) == 0 {
                frame.truncate(random.below(frame.len()));
            }
            mend(&mut frame);
            if let Ok(flac) = decoder.decode(&frame) {
                decoded += 1;
                assert!((1..=2).contains(&flac.channels) && (16..=12_288).contains(&flac.samples));
                assert!(flac.data.len() < 64_000, "{} bytes", flac.data.len());
            }
            if random.below(50) == 0 {
                decoder.reset();
            }
        }
    }
    assert!(decoded > count / 20, "only {decoded} of {count} were decoded: the test tests little");
}

#[test]
fn mpeg_audio_with_wrong_bytes_is_taken_or_refused() {
    let lame = "-c:a libmp3lame -b:a 128k -write_xing 0 -id3v2_version 0 mp3";
    let streams = [
        encoded("stereo", 48_000, 2, "-c:a mp2 -b:a 192k mp2"),
        encoded("mono", 24_000, 2, "-c:a mp2 -b:a 64k mp2"),
        encoded("stereo", 44_100, 2, lame),
        encoded("stereo", 22_050, 2, "-c:a libmp3lame -b:a 64k -write_xing 0 -id3v2_version 0 mp3"),
    ];
    mutations(SoundCodec::MpegAudio, &streams, |_| {});
}

#[test]
fn ac3_with_wrong_bytes_and_a_right_crc_is_taken_or_refused() {
    let streams = [
        encoded("stereo", 48_000, 2, "-c:a ac3 -b:a 128k ac3"),
        encoded("5.1", 44_100, 2, "-c:a ac3 -b:a 384k ac3"),
        encoded("stereo", 48_000, 2, "-c:a eac3 -b:a 96k eac3"),
        encoded("5.1", 48_000, 2, "-c:a eac3 -b:a 256k eac3"),
    ];
    mutations(SoundCodec::Ac3, &streams, |frame| {
        // The CRC would refuse nearly all of them: give them a right one.
        let length = match frame.get(5) {
            Some(bsid) if bsid >> 3 > 10 => (usize::from(frame[2] & 7) << 8 | usize::from(frame[3])) * 2 + 2,
            _ => frame.len(),
        };
        if let Some(frame) = frame.get_mut(..length).filter(|frame| frame.len() > 8) {
            let end = frame.len() - 2;
            let crc = frame[2..end].iter().fold(0_u16, |crc, byte| {
                (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| crc << 1 ^ if crc & 0x8000 != 0 { 0x8005 } else { 0 })
            });
            frame[end..].copy_from_slice(&crc.to_be_bytes());
        }
        frame.truncate(length);
    });
}

#[test]
fn ac3_with_a_wrong_crc_is_refused() {
    let stream = encoded("stereo", 48_000, 1, "-c:a ac3 -b:a 160k ac3");
    let mut decoder = sound::decoder(SoundCodec::Ac3);
    for (index, mut frame) in stream.frames().into_iter().enumerate() {
        assert!(decoder.decode(&frame).is_ok());
        let at = 8 + index * 7;
        frame[at] ^= 0x10;
        assert!(decoder.decode(&frame).is_err());
    }
}
