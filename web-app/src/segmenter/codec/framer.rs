//! What all codecs of sound have in common here: frames that begin with a header, one behind the other.
//!
//! A [`Framer`] reads headers and takes whole frames apart. Where in the stream it looks, and what is done about
//! holes, is up to [`crate::segmenter::audio`].

use std::fmt::Debug;

use super::ac3::Ac3;
use super::adts::Adts;
use super::latm::Latm;
use super::mpeg_audio::MpegAudio;
use super::opus::Opus;
use crate::segmenter::audio::config::AudioConfig;
use crate::segmenter::output::FaultReason;

/// No frame is longer: two of them, and a packet, are what is held of a stream.
pub(in crate::segmenter) const FRAME_MAX: usize = 24 << 10;

/// How sound is coded and framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum AudioCodec {
    /// AAC in ADTS.
    AacAdts,
    /// AAC in LATM, in LOAS.
    AacLatm,
    /// MPEG audio, layers I to III.
    MpegAudio,
    /// AC-3 and Enhanced AC-3.
    Ac3,
    /// Opus, with channel_config_code of its descriptor.
    Opus(Option<u8>),
}

impl AudioCodec {
    /// All that are recognised by their bytes.
    const ALL: [Self; 5] = [Self::AacAdts, Self::AacLatm, Self::MpegAudio, Self::Ac3, Self::Opus(None)];

    /// What reads it.
    pub(in crate::segmenter) fn framer(self) -> Box<dyn Framer> {
        match self {
            Self::AacAdts => Box::<Adts>::default(),
            Self::AacLatm => Box::<Latm>::default(),
            Self::MpegAudio => Box::<MpegAudio>::default(),
            Self::Ac3 => Box::<Ac3>::default(),
            Self::Opus(channels) => Box::new(Opus::new(channels)),
        }
    }
}

/// What some bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum Look {
    /// More bytes are needed to tell.
    Short,
    /// No frame.
    Nothing,
    /// A frame that is not played here, and why.
    Refused(FaultReason),
    /// A frame of `len` bytes, at most [`FRAME_MAX`]. Frames in a row have the same `key`, unless the stream changes.
    Frame { len: usize, key: u32 },
}

/// What a sample of the output holds: an access unit.
#[derive(Clone, Copy, Debug)]
pub(in crate::segmenter) struct AccessUnit<'a> {
    pub(in crate::segmenter) config: &'a AudioConfig,
    /// How long it sounds, in samples of the configuration's rate.
    pub(in crate::segmenter) samples: u32,
    /// As it stands in MP4.
    pub(in crate::segmenter) data: &'a [u8],
}

/// Reads the frames of a codec.
pub(in crate::segmenter) trait Framer: Debug {
    /// The byte that each frame begins with.
    fn sync(&self) -> u8;

    /// What begins with these bytes.
    fn look(&self, bytes: &[u8]) -> Look;

    /// Takes a whole frame apart into access units, in order.
    ///
    /// # Errors
    /// What is wrong with it; no unit was given then.
    fn take(&mut self, frame: &[u8], give: &mut dyn FnMut(AccessUnit<'_>)) -> Result<(), FaultReason>;

    /// Where there are two mono sounds in one stream, from here on the second is wanted, or the first.
    fn choose(&mut self, _second: bool) {}

    /// Behind a frame there was not another one of the same kind.
    fn misled(&mut self) {}

    /// How many headers in a row tell that these bytes are of this codec, if nothing else says so.
    fn proof(&self) -> usize {
        3
    }
}

/// Which codec the bytes are of: headers that confirm each other. `likely` is what a table says, for which two are enough.
pub(in crate::segmenter) fn recognise(bytes: &[u8], likely: Option<AudioCodec>) -> Option<AudioCodec> {
    let others = AudioCodec::ALL.into_iter().filter(|codec| likely != Some(*codec));
    likely.into_iter().chain(others).find(|codec| {
        let framer = codec.framer();
        stands_in(&*framer, bytes, if likely == Some(*codec) { 2 } else { framer.proof() })
    })
}

/// Whether somewhere so many headers stand in a row.
pub(in crate::segmenter) fn stands_in(framer: &dyn Framer, bytes: &[u8], headers: usize) -> bool {
    let sync = framer.sync();
    let mut starts = (0..bytes.len()).filter(|at| bytes.get(*at) == Some(&sync));
    starts.any(|at| confirmed(framer, bytes.get(at..).unwrap_or_default(), headers))
}

/// Whether so many headers of the same kind stand in a row.
fn confirmed(framer: &dyn Framer, mut bytes: &[u8], headers: usize) -> bool {
    let mut before = None;
    for _ in 0..headers {
        let Look::Frame { len, key } = framer.look(bytes) else { return false };
        if *before.get_or_insert(key) != key {
            return false;
        }
        bytes = bytes.get(len..).unwrap_or_default();
    }
    true
}
