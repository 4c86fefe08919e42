//! What the command line says.

use std::path::PathBuf;

use amt_web_app::segmenter::{Options, Takes};
use clap::{Parser, ValueEnum};

/// Turns a transport stream into fMP4 and prints the output, one JSON object per line, as described in docs/segment.md.
/// Damaged input is not an error; an unreadable file, or one without a transport stream, is.
#[derive(Parser)]
pub(crate) struct Arguments {
    /// The transport stream; `-` for standard input.
    pub(crate) input: PathBuf,
    /// Bytes passed to the segmenter at a time.
    #[arg(long, value_name = "BYTES", default_value_t = 1316, value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    pub(crate) chunk: u32,
    /// Write the tracks to `video.mp4` and `audio.mp4` in this directory, or `audio.mp3` for sound without a container;
    /// a new initialisation segment starts `video-2.mp4`.
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,
    /// Write the video from the random access point with this number on, as needed by a decoder that starts there; the
    /// first is 0.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) begin_at: u32,
    /// Formats that the browser plays besides H.264 and AAC, separated by commas. Other sound is decoded and output as
    /// FLAC, if that is in the list. By default what Chromium plays, and HEVC: hevc,av1,opus,flac.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    takes: Option<Vec<Take>>,
    /// Play this programme (`program_number`) as soon as its PMT has arrived; by default the first playable one.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) program: Option<u16>,
    /// Play the sound track with this PID, if the programme has it; by default the first that is not a commentary.
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u16).range(0..0x2000))]
    pub(crate) audio_pid: Option<u16>,
    /// As for browsers, which do not tolerate missing references: after a damaged frame, drop all frames until the next
    /// random access point, and from there on remove references to earlier pictures from the slices.
    #[arg(long)]
    wait_for_random_access: bool,
    /// Replace lost or dropped pictures with repetitions of the previous one.
    #[arg(long)]
    make_up_pictures: bool,
}

/// Something that a browser may take.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Take {
    /// HEVC in MP4.
    Hevc,
    /// AV1 in MP4.
    Av1,
    /// Opus in MP4.
    Opus,
    /// FLAC in MP4; without it, sound that has to be decoded is dropped.
    Flac,
    /// MP3 in MP4.
    #[value(name = "mp3-in-mp4")]
    Mp3InMp4,
    /// MP3 without a container (`audio/mpeg`).
    Mp3,
    /// MPEG audio layer II without a container (`audio/mpeg`).
    Mp2,
    /// AC-3 in MP4.
    #[value(name = "ac-3")]
    Ac3,
    /// Enhanced AC-3 in MP4.
    #[value(name = "ec-3")]
    Ec3,
    /// Only H.264 and AAC.
    None,
}

impl Arguments {
    /// What the segmenter is told.
    pub(crate) fn options(&self) -> Options {
        Options {
            wait_for_random_access: self.wait_for_random_access,
            make_up_pictures: self.make_up_pictures,
            takes: self.takes.as_deref().map_or_else(Takes::default, takes),
        }
    }
}

fn takes(list: &[Take]) -> Takes {
    let takes = |what| list.contains(&what);
    Takes {
        hevc: takes(Take::Hevc),
        av1: takes(Take::Av1),
        opus: takes(Take::Opus),
        flac: takes(Take::Flac),
        mp3_in_mp4: takes(Take::Mp3InMp4),
        mp3: takes(Take::Mp3),
        mp2: takes(Take::Mp2),
        ac3: takes(Take::Ac3),
        ec3: takes(Take::Ec3),
    }
}
