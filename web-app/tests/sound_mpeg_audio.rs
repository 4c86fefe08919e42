//! MPEG audio against ffmpeg's decoder (`mp3float`, `mp2float`): the same samples at the same places.
#![cfg(not(target_arch = "wasm32"))]

mod sound_support;

use amt_web_app::segmenter::SoundCodec;
use sound_support::*;

fn compare(layout: &str, sample_rate: u32, arguments: &str) {
    let seconds = if arguments.contains("192k") || arguments.contains("128k") { 10 } else { 3 };
    let stream = encoded(layout, sample_rate, seconds, arguments);
    let frames = stream.frames();
    let (heard, lengths) = heard(&mut *amt_web_app::sound::decoder(SoundCodec::MpegAudio), &frames);
    let samples = if arguments.contains("mp3") && sample_rate <= 24_000 { 576 } else { 1152 };
    assert!(lengths.iter().all(|length| *length == samples));
    let difference = difference_db(&heard, &stream.decoded_by_ffmpeg(&[]));
    println!("{layout} {sample_rate} Hz {arguments}: {difference:.1} dB");
    assert!(difference < -70.0, "{layout} {sample_rate} Hz {arguments}: {difference:.1} dB");
}

#[test]
fn layer_two_sounds_as_in_ffmpeg() {
    for (layout, sample_rate, rate) in [
        ("stereo", 48_000, 64),
        ("stereo", 48_000, 128),
        ("stereo", 48_000, 192),
        ("stereo", 48_000, 384),
        ("stereo", 44_100, 224),
        ("stereo", 32_000, 160),
        // What layer II does not allow, and encoders write: ffmpeg unless told otherwise, for one.
        ("mono", 48_000, 384),
        ("mono", 44_100, 224),
        ("stereo", 48_000, 56),
        ("mono", 48_000, 32),
        ("mono", 48_000, 96),
        ("mono", 32_000, 48),
        ("stereo", 24_000, 96),
        ("stereo", 22_050, 64),
        ("mono", 16_000, 32),
    ] {
        compare(layout, sample_rate, &format!("-c:a mp2 -b:a {rate}k mp2"));
    }
}

#[test]
fn layer_three_sounds_as_in_ffmpeg() {
    for (layout, sample_rate, rate) in [
        ("stereo", 48_000, "-b:a 64k"),
        ("stereo", 48_000, "-b:a 128k"),
        ("stereo", 44_100, "-b:a 320k -joint_stereo 0"),
        ("stereo", 32_000, "-q:a 2"),
        ("mono", 48_000, "-b:a 64k"),
        ("stereo", 22_050, "-b:a 64k"),
        ("mono", 16_000, "-b:a 24k"),
    ] {
        compare(layout, sample_rate, &format!("-c:a libmp3lame {rate} -write_xing 0 -id3v2_version 0 mp3"));
    }
}
