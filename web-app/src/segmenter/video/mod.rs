//! The picture: a video PID, from PES payloads to frames, whatever the codec.

pub(in crate::segmenter) mod access_unit;
pub(in crate::segmenter) mod byte_stream;
pub(in crate::segmenter) mod captions;
pub(in crate::segmenter) mod parameter_sets;
pub(in crate::segmenter) mod unit;
pub(in crate::segmenter) mod unit_end;

pub(super) mod codec;
mod frames;
mod times;
mod undated;

use super::Options;
use super::codec::av1::Av1;
use super::codec::h264::H264;
use super::codec::hevc::Hevc;
use super::output::{FaultReason, Init};
use crate::segmenter::tables::content::Content;
use crate::segmenter::transport::pes::PesStream;
use access_unit::AccessUnits;
use codec::NalCodec;
pub(super) use frames::VideoFrames;

/// A frame on its way to the output; times in 90 kHz ticks of the source, unwrapped.
#[derive(Debug)]
pub(super) struct VideoFrame {
    /// The sample behind room for the header of its segment.
    pub(super) segment: Vec<u8>,
    /// The same as a decoder needs it that began at the last random access point, where that is another.
    pub(super) anew: Option<Vec<u8>>,
    /// Samples before it, with which decoding begins, each made up and shown for no time: before `anew` if there is such.
    pub(super) start: Vec<Vec<u8>>,
    pub(super) dts: i64,
    pub(super) pts: i64,
    /// How long a frame lasts, as far as is known.
    pub(super) step: i64,
    /// Decoding can begin here.
    pub(super) key: bool,
    /// Whether it can begin with this frame by itself, without `start`.
    pub(super) sync: bool,
    /// Frames before it are missing.
    pub(super) after_loss: bool,
    /// `cc_data` constructs of its closed captions, three bytes each; empty for none.
    pub(super) captions: Vec<u8>,
}

/// What came of a unit.
#[derive(Debug)]
pub(super) enum FromUnit {
    Init(Init),
    /// The next few pictures may show that the last initialisation segment should say something else.
    Unsettled,
    /// They do where there is another one, which takes the place of that.
    Settled(Option<Init>),
    Frame(VideoFrame),
    Fault(FaultReason),
    /// From here on frames are left out until the next random access point.
    Waiting,
}

/// A video PID by its codec.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, and each packet goes through it")]
pub(super) enum VideoTrack {
    H264(NalTrack<H264>),
    Hevc(NalTrack<Hevc>),
    Av1(NalTrack<Av1>),
}

/// A PID with NAL units, or OBUs.
#[derive(Debug)]
pub(super) struct NalTrack<C: NalCodec> {
    pub(super) pes: PesStream,
    pub(super) framing: C::Framing,
    pub(super) units: AccessUnits<C>,
    pub(super) frames: VideoFrames<C>,
}

impl<C: NalCodec> NalTrack<C> {
    fn new(pid: u16, options: Options) -> Self {
        Self {
            pes: PesStream::default(),
            framing: C::Framing::default(),
            units: AccessUnits::default(),
            frames: VideoFrames::new(pid, options),
        }
    }
}

impl VideoTrack {
    /// A track of `content`; `None` where that is no video that is played here.
    pub(super) fn new(pid: u16, content: Content, options: Options) -> Option<Self> {
        match content {
            Content::H264 => Some(Self::H264(NalTrack::new(pid, options))),
            Content::Hevc => Some(Self::Hevc(NalTrack::new(pid, options))),
            Content::Av1 => Some(Self::Av1(NalTrack::new(pid, options))),
            _ => None,
        }
    }

    /// What it was made for.
    pub(super) const fn content(&self) -> Content {
        match self {
            Self::H264(_) => Content::H264,
            Self::Hevc(_) => Content::Hevc,
            Self::Av1(_) => Content::Av1,
        }
    }
}
