//! Splices (ANSI/SCTE 35): where a programme may be left for something else, and come back to.

use super::SpliceDescriptor;

/// A splice information section (9.6), read; `section` holds its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// `tier`, 12 bits: whom it is meant for; 0xFFF for all.
    pub tier: u16,
    /// `pts_adjustment` in 90 kHz ticks, 33 bits. All times here have it in them.
    pub pts_adjustment: u64,
    /// The command.
    pub command: SpliceCommand,
    /// Its descriptors, in the section's order.
    pub descriptors: Vec<SpliceDescriptor>,
    /// The whole section, from `table_id` to the CRC.
    pub section: Vec<u8>,
}

/// A splice command (9.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpliceCommand {
    /// `splice_null()`: keeps the stream alive, or carries descriptors.
    Null,
    /// `splice_schedule()`: splices at times of day.
    Schedule(Vec<ScheduledSplice>),
    /// `splice_insert()`; its time is that of the cue.
    Insert(SpliceInsert),
    /// `time_signal()`: what it means stands in its descriptors, its time is that of the cue.
    TimeSignal,
    /// `bandwidth_reservation()`.
    BandwidthReservation,
    /// `private_command()`.
    Private {
        /// Whose it is, a registered `format_identifier` (ISO/IEC 13818-1, 2.6.9).
        identifier: u32,
        /// What it says.
        data: Vec<u8>,
    },
    /// A command that is not known, by its `splice_command_type`.
    Unknown(u8),
    /// The section is encrypted from its command on.
    Encrypted {
        /// `encryption_algorithm` (table 27): 1 DES-ECB, 2 DES-CBC, 3 triple DES, from 32 on private.
        algorithm: u8,
        /// `cw_index`: which key.
        key: u8,
    },
}

impl SpliceCommand {
    /// The stable name for scripts, which is the standard's.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Null => "splice_null",
            Self::Schedule(_) => "splice_schedule",
            Self::Insert(_) => "splice_insert",
            Self::TimeSignal => "time_signal",
            Self::BandwidthReservation => "bandwidth_reservation",
            Self::Private { .. } => "private_command",
            Self::Unknown(_) => "unknown",
            Self::Encrypted { .. } => "encrypted",
        }
    }
}

/// `splice_insert()` (9.7.3). Of an event that is called off only `event` and `cancel` are set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpliceInsert {
    /// `splice_event_id`.
    pub event: u32,
    /// The event is called off (`splice_event_cancel_indicator`).
    pub cancel: bool,
    /// Whether the programme is left here, rather than come back to (`out_of_network_indicator`).
    pub out_of_network: bool,
    /// As soon as possible, without a time (`splice_immediate_flag`).
    pub immediate: bool,
    /// The components that are spliced each at its own time; empty where all of the programme is spliced.
    pub components: Vec<SpliceComponent>,
    /// `break_duration()`, where it is given.
    pub duration: Option<BreakDuration>,
    /// `unique_program_id`.
    pub program: u16,
    /// `avail_num`; 0 where avails are not counted.
    pub avail: u8,
    /// `avails_expected`.
    pub avails_expected: u8,
}

/// A component of a programme and when it is spliced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpliceComponent {
    /// `component_tag`, that of the stream_identifier_descriptor.
    pub tag: u8,
    /// When, in 90 kHz ticks of the output timeline; `None` where it is due at once or no output has begun.
    pub pts: Option<i64>,
    /// The same in the stream's own time, unwrapped.
    pub source_pts: Option<i64>,
}

/// How long a break lasts (9.8.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BreakDuration {
    /// Whether it ends by itself, without a further command.
    pub auto_return: bool,
    /// In 90 kHz ticks.
    pub ticks: u64,
}

/// A splice of `splice_schedule()` (9.7.2). Of an event that is called off only `event` and `cancel` are set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduledSplice {
    /// `splice_event_id`.
    pub event: u32,
    /// The event is called off.
    pub cancel: bool,
    /// Whether the programme is left, rather than come back to.
    pub out_of_network: bool,
    /// When all of the programme is spliced (`utc_splice_time`), in seconds since the Unix epoch, UTC.
    pub at: Option<i64>,
    /// Where components are spliced each at its own time: their tags and times, as in `at`.
    pub components: Vec<(u8, i64)>,
    /// `break_duration()`, where it is given.
    pub duration: Option<BreakDuration>,
    /// `unique_program_id`.
    pub program: u16,
    /// `avail_num`.
    pub avail: u8,
    /// `avails_expected`.
    pub avails_expected: u8,
}
