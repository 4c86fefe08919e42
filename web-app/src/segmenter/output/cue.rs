//! What stands beside picture and sound, with its time on the output timeline.

use super::Splice;

/// Something with a time besides picture and sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// The PID it came on; for captions that of the picture.
    pub pid: u16,
    /// When it is due, in 90 kHz ticks of the output timeline; below 0 or past where it came late. `None` where it is
    /// due at once, or has no time, or one that has nothing to do with the programme's clock.
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
    /// The data of a PES packet of teletext (EN 300 472): `data_identifier` and the data units behind it.
    Teletext(Vec<u8>),
    /// The data of a PES packet of DVB subtitles (EN 300 743): `data_identifier`, `subtitle_stream_id` and the
    /// segments behind them.
    Subtitles(Vec<u8>),
}

impl CueContent {
    /// The stable name for scripts.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Splice(_) => "splice",
            Self::Id3(_) => "id3",
            Self::Captions(_) => "captions",
            Self::Teletext(_) => "teletext",
            Self::Subtitles(_) => "subtitles",
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
