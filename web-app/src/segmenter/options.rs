//! What the viewer may choose, and what the browser can do. Pure code does not probe: the page asks the browser and
//! hands the answers in.

/// What the segmenter is told when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// After a loss of pictures that others refer to, hold the last clean one until the next random access
    /// point; and where that is no IDR picture, take mentions of pictures from before it out of the slices that
    /// follow. Otherwise decoding goes on with the next whole frame, which may show artefacts for a moment, and
    /// every frame is given as it came.
    ///
    /// On by default: Chromium 156 takes a frame whose references are missing (B pictures without their
    /// co-located picture, a marking of a picture that is not there) as a fatal decoding error, which ends
    /// the MediaSource and costs far more than the freeze.
    pub wait_for_random_access: bool,
    /// Make pictures up in place of those that are lost or left out, so that the picture's timeline has no hole and a
    /// decoder misses no reference: each repeats the reference picture before it. H.264 alone. With it, going on
    /// after a loss (`wait_for_random_access` off) is something that Chromium bears.
    pub make_up_pictures: bool,
    /// What the browser takes.
    pub takes: Takes,
}

impl Default for Options {
    fn default() -> Self {
        Self { wait_for_random_access: true, make_up_pictures: false, takes: Takes::default() }
    }
}

/// What the browser's Media Source Extensions take, besides H.264 and AAC, which all do.
///
/// The default is what Chromium 156 takes in MP4 on a machine without hardware decoders, and HEVC: sound that it
/// does not take is decoded here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takes {
    /// HEVC (`hvc1`) in MP4.
    pub hevc: bool,
    /// AV1 (`av01`) in MP4.
    pub av1: bool,
    /// Opus in MP4.
    pub opus: bool,
    /// FLAC in MP4: what decoded sound is given as. Without it, sound that has to be decoded is left out.
    pub flac: bool,
    /// MP3 in MP4 (`mp4a.6B`).
    pub mp3_in_mp4: bool,
    /// Frames of MPEG audio layer III as they are (`audio/mpeg`).
    pub mp3: bool,
    /// Frames of MPEG audio layer II as they are, under the same type: no browser says so, some do.
    pub mp2: bool,
    /// AC-3 (`ac-3`) in MP4.
    pub ac3: bool,
    /// Enhanced AC-3 (`ec-3`) in MP4.
    pub ec3: bool,
}

impl Default for Takes {
    fn default() -> Self {
        Self {
            hevc: true,
            av1: true,
            opus: true,
            flac: true,
            mp3_in_mp4: false,
            mp3: false,
            mp2: false,
            ac3: false,
            ec3: false,
        }
    }
}
