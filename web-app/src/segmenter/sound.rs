//! The seam to decoders of sound that browsers do not take: MPEG audio and AC-3 to FLAC.
//!
//! The segmenter finds the frames and their times and knows no decoder; whoever drives it hands one in when
//! [`super::Output::DecoderWanted`] asks for it. So decoders are loaded only where a stream needs one.

use std::fmt;

/// A family of codecs that one decoder decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SoundCodec {
    /// MPEG-1 and MPEG-2 audio, layers I to III (ISO/IEC 11172-3, 13818-3).
    MpegAudio,
    /// AC-3 and Enhanced AC-3 (ETSI TS 102 366).
    Ac3,
}

impl SoundCodec {
    /// The stable name: `mpeg-audio` or `ac-3`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MpegAudio => "mpeg-audio",
            Self::Ac3 => "ac-3",
        }
    }
}

/// Sound as it comes out of a decoder: one FLAC frame (RFC 9639), 16 bits, one or two channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flac {
    /// Samples a second.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Samples of each channel in it.
    pub samples: u32,
    /// The frame.
    pub data: Vec<u8>,
}

/// Why a frame could not be decoded. It counts as lost: silence takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the frame cannot be decoded")]
pub struct NotDecodable;

/// Decodes one stream of sound, frame by frame, and writes what it hears as FLAC.
pub trait SoundDecoder: fmt::Debug {
    /// Takes the next whole frame, header included (for E-AC-3 all syncframes of one access unit), and gives what it
    /// sounds like: exactly the samples that the frame stands for.
    ///
    /// # Errors
    /// Where it cannot be decoded.
    fn decode(&mut self, frame: &[u8]) -> Result<Flac, NotDecodable>;

    /// The next frame does not follow the one before.
    fn reset(&mut self);
}
