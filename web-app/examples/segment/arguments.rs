//! What the command line says.

use std::path::PathBuf;

use amt_web_app::segmenter::{Options, Takes};
use clap::{Parser, ValueEnum};

/// Turns a transport stream into fMP4 and prints what comes out, one JSON object a line: docs/segment.md lists them.
/// Damaged input is no error; a file that cannot be read, or in which no transport stream is found, is.
#[derive(Parser)]
pub(crate) struct Arguments {
    /// The transport stream; `-` for standard input.
    pub(crate) input: PathBuf,
    /// Bytes given to the segmenter at a time.
    #[arg(long, value_name = "BYTES", default_value_t = 1316, value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    pub(crate) chunk: u32,
    /// Write the tracks to `video.mp4` and `audio.mp4` here, or `audio.mp3` where sound comes out without a container;
    /// a new initialisation segment begins `video-2.mp4`.
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,
    /// Write the picture from its random access point of this number on, as a decoder needs it that begins there; the
    /// first is 0.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) begin_at: u32,
    /// What the browser takes besides H.264 and AAC, separated by commas. Sound that it does not take is decoded and
    /// comes out as FLAC, if it takes that. Otherwise what Chromium takes, and HEVC: hevc,av1,opus,flac.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    takes: Option<Vec<Take>>,
    /// Play this programme (`program_number`) as soon as its PMT has come; otherwise the first that can be played.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) program: Option<u16>,
    /// Play the sound of this PID, if the programme has it; otherwise the first that is no commentary.
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u16).range(0..0x2000))]
    pub(crate) audio_pid: Option<u16>,
    /// What browsers get, as they do not bear missing references: after a damaged frame, leave out all frames up
    /// to the next random access point, and from there on take mentions of pictures from before out of the slices.
    #[arg(long)]
    wait_for_random_access: bool,
    /// Make pictures up in place of those that are lost or left out: each repeats the one before.
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
    /// FLAC in MP4: without it, sound that has to be decoded is left out.
    Flac,
    /// MP3 in MP4.
    #[value(name = "mp3-in-mp4")]
    Mp3InMp4,
    /// MP3 as it is (`audio/mpeg`).
    Mp3,
    /// MPEG audio layer II as it is (`audio/mpeg`).
    Mp2,
    /// AC-3 in MP4.
    #[value(name = "ac-3")]
    Ac3,
    /// Enhanced AC-3 in MP4.
    #[value(name = "ec-3")]
    Ec3,
    /// Nothing besides H.264 and AAC.
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
