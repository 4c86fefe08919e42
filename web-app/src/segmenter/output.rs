//! What the segmenter gives: the values that cross to the player.

use std::fmt;

/// Microseconds since the Unix epoch, by the helper's clock.
pub type Micros = u64;

/// One thing that came out of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The programme that is played and its streams; again whenever one of them changes.
    Program(Program),
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

/// A programme as its PMT describes it (ISO/IEC 13818-1, 2.4.4.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// `program_number`.
    pub number: u16,
    /// Its elementary streams, in the PMT's order.
    pub streams: Vec<Stream>,
}

/// An elementary stream of a programme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its PID.
    pub pid: u16,
    /// `stream_type` as the PMT says (ISO/IEC 13818-1, table 2-34).
    pub stream_type: u8,
    /// What it is.
    pub kind: StreamKind,
    /// Its codec as RFC 6381 writes it, or, where it is not played here, its usual name. `None` while that
    /// is not known.
    pub codec: Option<String>,
    /// Whether it comes out as a track.
    pub selected: bool,
}

/// What an elementary stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Anything else, or not known.
    Other,
}

impl StreamKind {
    /// `video`, `audio` or `other`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Other => "other",
        }
    }
}

/// An initialisation segment (`ftyp` and `moov`) and what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// The track it opens.
    pub track: Track,
    /// The PID it comes from.
    pub pid: u16,
    /// RFC 6381 codec string, such as `avc1.64001f`.
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
    /// The segment.
    pub data: Vec<u8>,
}

impl Init {
    /// The type for `MediaSource.addSourceBuffer`: `video/mp4; codecs="avc1.64001f"`.
    #[must_use]
    pub fn mime(&self) -> String {
        format!("{}/mp4; codecs=\"{}\"", self.track, self.codec)
    }
}

/// A media segment (`moof` and `mdat`): one video frame, or the audio frames of one push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// The track it belongs to.
    pub track: Track,
    /// The PID it comes from.
    pub pid: u16,
    /// The segment.
    pub data: Vec<u8>,
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
    /// Whether decoding can start here.
    pub key: bool,
    /// Length in bytes.
    pub size: u32,
    /// Where it begins in [`Media::data`].
    pub offset: u32,
}

/// Why a track's timeline was repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscontinuityReason {
    /// The stream's clock jumped (a loop, a splice, a restart); the output goes on without a step.
    ClockJump,
    /// Frames are missing; the picture before them is held.
    FramesLost,
    /// Sound is missing; silence of the same length takes its place.
    SilenceInserted,
    /// Sound was left out, so that it stays with the picture.
    AudioDropped,
    /// The picture is held until the next random access point.
    WaitingForRandomAccess,
    /// Nothing came for so long that the track's decoding time steps ahead.
    Gap,
}

impl DiscontinuityReason {
    /// The stable name for scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClockJump => "clock_jump",
            Self::FramesLost => "frames_lost",
            Self::SilenceInserted => "silence_inserted",
            Self::AudioDropped => "audio_dropped",
            Self::WaitingForRandomAccess => "waiting_for_random_access",
            Self::Gap => "gap",
        }
    }
}

/// What was wrong with the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultReason {
    /// Packets missing by the continuity counter; the count is the packets (at least).
    Continuity,
    /// `transport_error_indicator` was set.
    TransportError,
    /// The sync byte was not where it was due.
    SyncLost,
    /// A section's CRC did not agree.
    Crc,
    /// A section that cannot be what its table needs, though its CRC agrees.
    Section,
    /// An adaptation field that does not fit its packet, or a reserved `adaptation_field_control`.
    AdaptationField,
    /// A PES header that is none.
    PesHeader,
    /// The payload is encrypted.
    Scrambled,
    /// A video frame with a hole in it, left out.
    DamagedFrame,
    /// An audio frame with a hole in it, or bytes that are no audio frame, left out.
    DamagedAudio,
    /// A frame larger than any that is played here, left out.
    Oversize,
    /// A parameter set that cannot be read or is not played here.
    ParameterSet,
    /// A picture before the first parameter sets or random access point, left out.
    NotDecodable,
    /// No time is known for a frame, left out.
    Timestamp,
    /// A PES packet went on after what looked like its end.
    EarlyEnd,
}

impl FaultReason {
    /// The stable name for scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Continuity => "continuity",
            Self::TransportError => "transport_error",
            Self::SyncLost => "sync_lost",
            Self::Crc => "crc",
            Self::Section => "section",
            Self::AdaptationField => "adaptation_field",
            Self::PesHeader => "pes_header",
            Self::Scrambled => "scrambled",
            Self::DamagedFrame => "damaged_frame",
            Self::DamagedAudio => "damaged_audio",
            Self::Oversize => "oversize",
            Self::ParameterSet => "parameter_set",
            Self::NotDecodable => "not_decodable",
            Self::Timestamp => "timestamp",
            Self::EarlyEnd => "early_end",
        }
    }
}
