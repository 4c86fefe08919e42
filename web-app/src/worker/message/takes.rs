//! [`Takes`] as it crosses to the worker: the segmenter's own type knows no serialisation.

use crate::segmenter::Takes;
use serde::{Deserialize, Serialize};

/// The fields of [`Takes`], one for one.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Takes")]
pub(super) struct Form {
    hevc: bool,
    av1: bool,
    opus: bool,
    flac: bool,
    mp3_in_mp4: bool,
    mp3: bool,
    mp2: bool,
    ac3: bool,
    ec3: bool,
}
