//! AC-3 and E-AC-3 against ffmpeg's decoders: the same samples at the same places, down to the noise.
#![cfg(not(target_arch = "wasm32"))]

mod sound_support;

use amt_web_app::segmenter::SoundCodec;
use sound_support::*;

fn compare(layout: &str, sample_rate: u32, arguments: &str) {
    // Of hiss, much is left to the decoder's own noise, which has to be the same too.
    for (hiss, seconds) in [(0.03, 3), (0.5, if arguments.contains("192k") { 10 } else { 2 })] {
        let stream = encoded_by(layout, sample_rate, seconds, hiss, arguments);
        let (heard, lengths) = heard(&mut *amt_web_app::sound::decoder(SoundCodec::Ac3), &stream.frames());
        assert!(lengths.iter().all(|length| *length == 1536));
        let difference = difference_db(&heard, &stream.decoded_by_ffmpeg(&["-downmix", "stereo"]));
        println!("{layout} {sample_rate} Hz {arguments}: {difference:.1} dB");
        assert!(difference < -65.0, "{layout} {sample_rate} Hz {arguments}: {difference:.1} dB");
    }
}

#[test]
fn ac3_sounds_as_in_ffmpeg() {
    for (layout, sample_rate, options) in [
        ("mono", 48_000, "-b:a 96k"),
        ("stereo", 48_000, "-b:a 96k"),
        ("stereo", 48_000, "-b:a 192k"),
        ("stereo", 32_000, "-b:a 128k"),
        ("3.0", 48_000, "-b:a 192k"),
        ("5.1", 48_000, "-b:a 224k"),
        ("5.1", 48_000, "-b:a 448k"),
        ("5.1", 48_000, "-b:a 640k -channel_coupling 0 -center_mixlev 0.5 -surround_mixlev 0.707"),
        ("5.1", 44_100, "-b:a 384k"),
    ] {
        compare(layout, sample_rate, &format!("-c:a ac3 {options} ac3"));
    }
}

#[test]
fn enhanced_ac3_sounds_as_in_ffmpeg() {
    for (layout, sample_rate, options) in [
        ("mono", 48_000, "-b:a 64k"),
        ("stereo", 48_000, "-b:a 64k"),
        ("stereo", 44_100, "-b:a 128k"),
        ("5.1", 48_000, "-b:a 192k"),
        ("5.1", 48_000, "-b:a 384k -loro_cmixlev 0.5 -loro_surmixlev 0.707"),
    ] {
        compare(layout, sample_rate, &format!("-c:a eac3 {options} eac3"));
    }
}

#[test]
fn tools_that_ffmpegs_encoders_do_not_use_sound_as_in_its_decoders() {
    for name in ["switched.ac3", "extended.eac3", "blocks1.eac3", "hybrid.eac3"] {
        let stream = kept(name);
        let (heard, _) = heard(&mut *amt_web_app::sound::decoder(SoundCodec::Ac3), &stream.frames());
        let difference = difference_db(&heard, &stream.decoded_by_ffmpeg(&[]));
        println!("{name}: {difference:.1} dB");
        assert!(difference < -60.0, "{name}: {difference:.1} dB");
    }
}

/// What a decoder is given of E-AC-3 with short syncframes is an access unit: all syncframes of six blocks.
#[test]
fn an_access_unit_of_several_syncframes_is_one_frame_of_flac() {
    let frames = kept("blocks1.eac3").frames();
    let mut decoder = amt_web_app::sound::decoder(SoundCodec::Ac3);
    for unit in frames.chunks_exact(6) {
        assert_eq!(decoder.decode(&unit.concat()).unwrap().samples, 1536);
    }
}
