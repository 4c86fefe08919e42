//! What is tried with any bytes from the network: by libFuzzer (`web-app/fuzz`), and over the kept corpus by an
//! ordinary test (`tests/corpus.rs`), both through the same functions.
//!
//! In goes what came from the network, out comes nothing: each function panics where an invariant does not hold. The
//! readers of codecs and tables are reached through the segmenter, as in life: the bytes are an elementary stream or
//! sections, and the packets around them, with the CRCs that no fuzzer guesses, are written here.

mod carriage;
mod watch;

pub use carriage::{ac3, adts, av1, eac3, h264, hevc, id3, latm, mpeg_audio, opus, private_data, sections};
pub use watch::segmenter;

/// One of the functions here.
pub type Target = fn(&[u8]);

/// All of them, under the names of their fuzz targets and of their folders in `web-app/fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("ac3", ac3),
    ("adts", adts),
    ("av1", av1),
    ("eac3", eac3),
    ("h264", h264),
    ("hevc", hevc),
    ("id3", id3),
    ("latm", latm),
    ("mpeg_audio", mpeg_audio),
    ("opus", opus),
    ("private_data", private_data),
    ("sections", sections),
    ("segmenter", segmenter),
];
