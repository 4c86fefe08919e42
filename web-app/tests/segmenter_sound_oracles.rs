//! What ffmpeg hears in what comes out, beside what it hears in the source.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use std::path::Path;
use std::process::Command;

use amt_web_app::segmenter::{Options, Output, Segmenter, SoundCodec, Takes, Track};
use segmenter_support::decode::Directory;
use segmenter_support::*;

/// Writes the sound as a file.
fn write_sound(ts: &[u8], takes: Takes, path: &Path) {
    let mut segmenter = Segmenter::new(Options { takes, ..go_on() });
    for codec in [SoundCodec::MpegAudio, SoundCodec::Ac3] {
        segmenter.supply(codec, amt_web_app::sound::decoder(codec));
    }
    segmenter.push(ts, 0);
    segmenter.finish();
    let mut file = Vec::new();
    while let Some(output) = segmenter.poll() {
        match output {
            Output::Init(init) if init.track == Track::Audio => file.extend(init.data),
            Output::Media(media) if media.track == Track::Audio => file.extend(media.data),
            _ => {}
        }
    }
    std::fs::write(path, file).unwrap();
}

const ALL: Takes = Takes {
    hevc: true,
    av1: true,
    opus: true,
    flac: true,
    mp3_in_mp4: true,
    mp3: true,
    mp2: true,
    ac3: true,
    ec3: true,
};

fn output_of(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{program} {arguments:?}: {errors}");
    output.stdout
}

/// Samples as ffmpeg decodes them, interleaved; any complaint of it fails the test.
fn samples(path: &Path, map: &str) -> Vec<i16> {
    let bytes = output_of("ffmpeg", &["-v", "error", "-i", path.to_str().unwrap(), "-map", map, "-f", "s16le", "-"]);
    bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

/// Where `part` stands in `whole`, at a step of `channels`.
fn position(whole: &[i16], part: &[i16], channels: usize) -> Option<usize> {
    (0..whole.len().saturating_sub(part.len())).step_by(channels).find(|at| whole[*at..].starts_with(part))
}

#[test]
fn ffmpeg_hears_the_same_in_the_source_and_in_mp4() {
    let directory = Directory::new("sound-same");
    let (source, made) = (directory.0.join("source.ts"), directory.0.join("sound.mp4"));
    for (name, channels) in [
        ("mp3", 2),
        ("mp3_low", 1),
        ("ac3", 2),
        ("ac3_surround", 6),
        ("ec3", 2),
        ("ec3_surround", 6),
        ("opus", 2),
        ("opus_surround", 6),
        ("opus_short", 1),
        ("latm", 2),
        ("aac_surround", 6),
        ("aac_quad", 4),
    ] {
        let ts = fixture(&format!("sound_{name}"));
        std::fs::write(&source, &ts).unwrap();
        write_sound(&ts, ALL, &made);
        let (theirs, mut ours) = (samples(&source, "0:a"), samples(&made, "0:a"));
        if name == "aac_quad" {
            // It has got a silent centre.
            let frames = ours.as_chunks::<5>().0;
            assert!(frames.iter().all(|frame| frame[2] == 0));
            ours = frames.iter().flat_map(|[left, right, _, back @ ..]| [*left, *right, back[0], back[1]]).collect();
        }
        // At the start ffmpeg may leave out more or less, and decoders settle; behind that all is the same.
        let from = 24_000 * channels;
        let probe = &ours[from..from + 2000 * channels];
        let at = position(&theirs, probe, channels).unwrap_or_else(|| panic!("{name}: not in the source"));
        let (ours, theirs) = (&ours[from..], &theirs[at..]);
        let length = ours.len().min(theirs.len());
        assert!(ours[..length] == theirs[..length], "{name}");
        assert!(ours.len().abs_diff(theirs.len()) <= 1536 * channels, "{name}: {} {}", ours.len(), theirs.len());
    }
}

#[test]
fn ffprobe_finds_the_same_packets_in_the_source_and_in_mp4() {
    let directory = Directory::new("sound-packets");
    let (source, made) = (directory.0.join("source.ts"), directory.0.join("sound.mp4"));
    let sizes = |path: &Path| -> Vec<String> {
        let path = path.to_str().unwrap();
        let lines = output_of(
            "ffprobe",
            &["-v", "error", "-select_streams", "a", "-show_entries", "packet=size", "-of", "csv=p=0", path],
        );
        let lines = String::from_utf8(lines).unwrap();
        lines.lines().map(|line| line.trim_end_matches(',').to_owned()).filter(|line| !line.is_empty()).collect()
    };
    for name in ["mp3", "mp3_low", "ac3", "ac3_surround", "ec3", "ec3_surround", "opus", "opus_surround", "opus_short"]
    {
        let ts = fixture(&format!("sound_{name}"));
        std::fs::write(&source, &ts).unwrap();
        write_sound(&ts, ALL, &made);
        let (theirs, ours) = (sizes(&source), sizes(&made));
        assert!(theirs.ends_with(&ours) && theirs.len() <= ours.len() + 2, "{name}: {} {}", theirs.len(), ours.len());
    }
}

#[test]
fn ffmpeg_takes_the_silence_of_every_codec_without_a_complaint() {
    let directory = Directory::new("sound-silence");
    let made = directory.0.join("sound.mp4");
    for (name, takes) in [
        ("mp2", Takes::default()),
        ("mp3", Takes::default()),
        ("mp3", ALL),
        ("mp3_low", ALL),
        ("ac3", Takes::default()),
        ("ac3_surround", Takes::default()),
        ("ec3", Takes::default()),
        ("ac3", ALL),
        ("ac3_surround", ALL),
        ("ec3", ALL),
        ("ec3_surround", ALL),
        ("opus", ALL),
        ("opus_surround", ALL),
        ("opus_short", ALL),
        ("latm", ALL),
        ("aac_surround", ALL),
        ("aac_quad", ALL),
    ] {
        let ts = fixture(&format!("sound_{name}"));
        let all = of_pid(&packets(&ts), AUDIO);
        // A time of the stream follows.
        let lost = &all[10..10 + (all.len() / 10 * 2 + 1)];
        let damaged = without(&ts, |index| lost.contains(&index));
        let run = run_with(&damaged, 1316, Options { takes: ALL, ..go_on() });
        assert!(run.audio.len() > 20);
        write_sound(&damaged, takes, &made);
        let whole = directory.0.join("whole.mp4");
        write_sound(&ts, takes, &whole);
        // MP3 frames behind a hole may lean on bytes that are gone: that alone may be said.
        let arguments = ["-v", if name.starts_with("mp3") && takes == ALL { "fatal" } else { "warning" }];
        output_of("ffmpeg", &[&arguments[..], &["-i", made.to_str().unwrap(), "-f", "null", "-"]].concat());
        let length = |path: &Path| {
            let arguments = ["-v", "fatal", "-i", path.to_str().unwrap(), "-map", "0:a", "-f", "s16le", "-"];
            Command::new("ffmpeg").args(arguments).output().unwrap().stdout.len()
        };
        assert_eq!(length(&made), length(&whole), "{name}");
        // And it is silent: tones have no such run.
        let arguments = ["-v", "fatal", "-i", made.to_str().unwrap(), "-map", "0:a", "-ac", "1", "-f", "s16le", "-"];
        let heard = Command::new("ffmpeg").args(arguments).output().unwrap().stdout;
        let quiet = |pair: &[u8; 2]| i16::from_le_bytes(*pair).abs() <= 2;
        let longest = heard.as_chunks::<2>().0.chunk_by(|a, b| quiet(a) && quiet(b)).map(<[_]>::len).max();
        assert!(longest > Some(800), "{name}: {longest:?}");
    }
}
