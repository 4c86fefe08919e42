//! What stands beside picture and sound, with its time on the output timeline.

/// Something with a time besides picture and sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// The PID it came on; for captions that of the picture.
    pub pid: u16,
    /// When it is due, in 90 kHz ticks of the output timeline; `None` where it is due at once or has no time.
    pub pts: Option<i64>,
    /// The same in the stream's own time, unwrapped, 90 kHz ticks.
    pub source_pts: Option<i64>,
    /// What it is.
    pub content: CueContent,
}

/// What a [`Cue`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CueContent {
    /// A splice information section (ANSI/SCTE 35).
    Splice(Splice),
    /// An ID3v2 tag (`stream_type` 0x15), whole.
    Id3(Vec<u8>),
    /// Closed captions of one picture (CEA-608 and CEA-708 in ATSC A/53 `cc_data`): the three-byte constructs as
    /// they stand in the stream, in the order of presentation.
    Captions(Vec<u8>),
}

impl CueContent {
    /// The stable name for scripts.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Splice(_) => "splice",
            Self::Id3(_) => "id3",
            Self::Captions(_) => "captions",
        }
    }
}

/// A splice information section, as far as players need it; `section` holds all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// The command.
    pub command: SpliceCommand,
    /// Its descriptors, one line each for people: tag or name, then what it says.
    pub descriptors: Vec<String>,
    /// The whole section, from `table_id` to the CRC.
    pub section: Vec<u8>,
}

/// A splice command (ANSI/SCTE 35, 9.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpliceCommand {
    /// `splice_null()`: keeps the stream alive.
    Null,
    /// `splice_schedule()`: splices at UTC times.
    Schedule,
    /// `splice_insert()`.
    Insert {
        /// `splice_event_id`.
        event: u32,
        /// The event is called off (`splice_event_cancel_indicator`).
        cancel: bool,
        /// Whether the programme is left here, rather than come back to.
        out_of_network: bool,
        /// As soon as possible, without a time.
        immediate: bool,
        /// `break_duration` in 90 kHz ticks.
        duration: Option<u64>,
    },
    /// `time_signal()`: what it means stands in its descriptors.
    TimeSignal,
    /// `bandwidth_reservation()`.
    BandwidthReservation,
    /// `private_command()`.
    Private,
    /// A command that is not known, by its type.
    Unknown(u8),
    /// The section is encrypted, so its command cannot be read.
    Encrypted,
}

impl SpliceCommand {
    /// The stable name for scripts, which is the standard's.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Null => "splice_null",
            Self::Schedule => "splice_schedule",
            Self::Insert { .. } => "splice_insert",
            Self::TimeSignal => "time_signal",
            Self::BandwidthReservation => "bandwidth_reservation",
            Self::Private => "private_command",
            Self::Unknown(_) => "unknown",
            Self::Encrypted => "encrypted",
        }
    }
}

/// How the programme's clock (PCR) and its timestamps go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The clock, 27 MHz ticks, unwrapped.
    pub pcr: i64,
    /// How far the picture's decoding times stand ahead of the clock, 90 kHz ticks; those of the sound where there is
    /// no picture.
    pub lead: i64,
    /// How much faster the timestamps go than the clock, in parts per billion; negative where they crawl.
    pub timestamps_ppb: i64,
    /// How much faster the clock goes than the helper's, in parts per billion; `None` while that is not known.
    pub helper_ppb: Option<i64>,
}
