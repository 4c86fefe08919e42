//! Why something was repaired or left out: names that are stable, for scripts and for counting.

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
    /// A PES packet or a tag beside picture and sound with a hole in it, left out.
    DamagedData,
    /// Sound in free format, whose frames do not tell their length: it is not played.
    FreeFormat,
    /// Sound that the browser does not take, and that cannot be decoded here.
    NotTaken,
    /// A frame, or a packet of data, larger than any that is played here, left out.
    Oversize,
    /// A parameter set that cannot be read or is not played here.
    ParameterSet,
    /// A picture before the first parameter sets or random access point, left out.
    NotDecodable,
    /// No time is known for a frame, left out.
    Timestamp,
    /// A PES packet went on after what looked like its end.
    EarlyEnd,
    /// A picture that was lost or left out, in whose place the one before is repeated.
    RepeatedPicture,
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
            Self::DamagedData => "damaged_data",
            Self::FreeFormat => "free_format",
            Self::NotTaken => "not_taken",
            Self::Oversize => "oversize",
            Self::ParameterSet => "parameter_set",
            Self::NotDecodable => "not_decodable",
            Self::Timestamp => "timestamp",
            Self::EarlyEnd => "early_end",
            Self::RepeatedPicture => "repeated_picture",
        }
    }
}
