//! What the segmenter gives: the values that cross to the player.

mod cue;
mod program;
mod reason;
mod splice;
mod splice_descriptor;
mod upid;

pub use cue::{Clock, Cue, CueContent};
pub use program::{Event, Program, ProgramEntry, Role, SECOND_SOUND, Schedule, Stream, StreamKind, TextPage};
pub use reason::{DiscontinuityReason, FaultReason};
pub use splice::{BreakDuration, ScheduledSplice, Splice, SpliceCommand, SpliceComponent, SpliceInsert};
pub use splice_descriptor::{
    DeliveryRestrictions, Segmentation, SpliceAudio, SpliceDescriptor, SpliceDescriptorContent,
};
pub use upid::Upid;

use std::fmt;

use super::sound::SoundCodec;

/// Microseconds since the Unix epoch, by the helper's clock.
pub type Micros = u64;

/// One thing that came out of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// All programmes of the stream, in the PAT's order; again whenever anything of it changes.
    Programs(Vec<ProgramEntry>),
    /// The programme that is played and its streams; again whenever one of them changes.
    Program(Program),
    /// What is on now and next in the programme that is played; again whenever it changes.
    Schedule(Schedule),
    /// Something with a time besides picture and sound.
    Cue(Cue),
    /// How the programme's clock and its timestamps go, once in a while.
    Clock(Clock),
    /// The programme's sound has to be decoded here: give [`super::Segmenter::supply`] a decoder for it, if it has none
    /// yet. Told once for a codec; without a decoder the sound is held for a moment, then left out.
    DecoderWanted(SoundCodec),
    /// An initialisation segment: before the first [`Media`] of its track, and again when the codec's
    /// configuration changes. What follows on that track belongs to it, and a video track goes on with a
    /// random access point.
    Init(Init),
    /// A media segment.
    Media(Media),
    /// The timeline of a track was repaired: what the viewer may notice, and why.
    Discontinuity {
        /// Of which track.
        track: Track,
        /// What happened.
        reason: DiscontinuityReason,
    },
    /// Something in the stream was damaged or of no use.
    Fault {
        /// What was wrong.
        reason: FaultReason,
        /// On which PID, where that is known.
        pid: Option<u16>,
        /// How often since it was last told.
        count: u64,
    },
}

/// A track of the output: each has its own source buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Track {
    /// The picture.
    Video,
    /// The sound.
    Audio,
}

impl Track {
    /// `video` or `audio`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An initialisation segment (`ftyp` and `moov`) and what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// The track it opens.
    pub track: Track,
    /// The PID it comes from.
    pub pid: u16,
    /// RFC 6381 codec string, such as `avc1.64001f`; for frames without a container `mp2` or what it would be in MP4.
    pub codec: String,
    /// Units a second of the track's times: 90 000 for video, the sample rate for audio.
    pub timescale: u32,
    /// Width of the picture in pixels as it is shown, after cropping; 0 for audio.
    pub width: u32,
    /// Height of the picture in pixels as it is shown, after cropping; 0 for audio.
    pub height: u32,
    /// Samples a second; 0 for video.
    pub sample_rate: u32,
    /// Channels of the sound; 0 for video.
    pub channels: u16,
    /// The segment; empty where the track's segments are bare frames of MPEG audio.
    pub data: Vec<u8>,
}

impl Init {
    /// The type for `MediaSource.addSourceBuffer`: `video/mp4; codecs="avc1.64001f"`, or `audio/mpeg` for frames without a
    /// container, which have no initialisation segment.
    #[must_use]
    pub fn mime(&self) -> String {
        if self.data.is_empty() {
            return "audio/mpeg".into();
        }
        format!("{}/mp4; codecs=\"{}\"", self.track, self.codec)
    }
}

/// A media segment (`moof` and `mdat`, or bare frames of MPEG audio): one video frame, or the audio frames of one push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// The track it belongs to.
    pub track: Track,
    /// The PID it comes from.
    pub pid: u16,
    /// The segment.
    pub data: Vec<u8>,
    /// The segment in place of it for a decoder that began at the last random access point: one that is not the first,
    /// of which a stream's pictures go on naming those before it (ISO/IEC 14496-10, 8.2.5) and are shown before it though
    /// they need them. `None` where it is the same.
    pub anew: Option<Vec<u8>>,
    /// Decoding can begin here with `anew` alone: the segment itself is no random access point of the file, as its picture
    /// completes only with those that follow.
    pub gradual: bool,
    /// The samples in it, in decoding order.
    pub samples: Vec<Sample>,
    /// When the helper received the bytes that completed it.
    pub received: Micros,
}

/// A sample of a media segment: a video frame (both fields where they are coded apart) or an audio frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Decoding time on the output timeline, in the track's timescale.
    pub dts: u64,
    /// Presentation time on the output timeline, in the track's timescale.
    pub pts: i64,
    /// In the track's timescale; never 0.
    pub duration: u32,
    /// The stream's own presentation time, unwrapped, in 90 kHz ticks.
    pub source_pts: i64,
    /// Whether decoding can start here, with [`Media::anew`] where there is one.
    pub key: bool,
    /// Length in bytes.
    pub size: u32,
    /// Where it begins in [`Media::data`].
    pub offset: u32,
}
