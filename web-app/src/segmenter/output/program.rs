//! What is on: the programmes of the stream, the one that is played, and what is on now and next.

/// One programme of the transport stream, for a list to choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramEntry {
    /// `program_number`; in DVB the `service_id`.
    pub number: u16,
    /// The service's name (EN 300 468, service_descriptor), once the SDT has told it.
    pub name: Option<String>,
    /// Who provides it, from the same descriptor.
    pub provider: Option<String>,
    /// `service_type` of the same descriptor (EN 300 468, table 89): 1 television, 2 radio, and others.
    pub service_type: Option<u8>,
    /// Whether the SDT says that access to one of its streams may be controlled (`free_CA_mode`).
    pub scrambled: bool,
    /// Whether its PMT has a stream that is played here; `None` while the PMT is not known.
    pub playable: Option<bool>,
    /// Whether it is the one that is played.
    pub selected: bool,
}

/// A programme as its PMT describes it (ISO/IEC 13818-1, 2.4.4.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// `program_number`; 0 where no table came and the streams were recognised by their content.
    pub number: u16,
    /// The PID that carries its clock, where the PMT names one.
    pub pcr_pid: Option<u16>,
    /// Its elementary streams, in the PMT's order.
    pub streams: Vec<Stream>,
}

/// What is added to a PID to name the second of two mono sounds in one elementary stream (dual mono): PIDs have 13 bits.
pub const SECOND_SOUND: u16 = 1 << 13;

/// An elementary stream of a programme, or the second of two mono sounds in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its PID, with [`SECOND_SOUND`] for the second of two mono sounds.
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
    /// Whether it would, but is announced only and does not come; another one may stand in for it.
    pub absent: bool,
    /// ISO 639-2 code of its language, as the PMT writes it (`eng`).
    pub language: Option<String>,
    /// What it is for, where the PMT says more than its language.
    pub role: Option<Role>,
    /// Why it does not play, as a sentence for people; `None` for what plays or is no picture and no sound.
    pub note: Option<String>,
    /// The teletext pages or the subtitles that it carries, as its descriptors list them.
    pub pages: Vec<TextPage>,
}

/// What a sound track is for (ISO 639 language descriptor's `audio_type`, ISO/IEC 13818-1, 2.6.19; EN 300 468,
/// supplementary_audio_descriptor and the AC-3 descriptors).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The programme's ordinary sound, said so.
    Main,
    /// Without dialogue.
    CleanEffects,
    /// For those who hear badly.
    HearingImpaired,
    /// A commentary for those who see badly: audio description.
    AudioDescription,
    /// Anything else that is no main sound: commentary, emergency, karaoke.
    Other,
}

impl Role {
    /// The stable name for scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::CleanEffects => "clean_effects",
            Self::HearingImpaired => "hearing_impaired",
            Self::AudioDescription => "audio_description",
            Self::Other => "other",
        }
    }
}

/// A teletext page (EN 300 468, teletext_descriptor) or a DVB subtitle service (subtitling_descriptor).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPage {
    /// ISO 639-2 code of its language.
    pub language: String,
    /// `teletext_type` (table 100 of EN 300 468: 2 subtitles, 5 those for people who hear badly) or `subtitling_type`.
    pub kind: u8,
    /// Teletext: magazine (1–8) times 100 and the page's two digits, as on the screen. Subtitles:
    /// `composition_page_id`.
    pub page: u16,
}

/// What is on now and next (EN 300 468, EIT present/following of the actual transport stream).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The programme that it is of.
    pub program: u16,
    /// What is on.
    pub present: Option<Event>,
    /// What comes after it.
    pub following: Option<Event>,
}

/// An event of the schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// `event_id`.
    pub id: u16,
    /// When it begins, in seconds since the Unix epoch; `None` where it is not defined.
    pub start: Option<i64>,
    /// How long it lasts, in seconds; `None` where it is not defined.
    pub duration: Option<u32>,
    /// ISO 639-2 code of the language of its texts.
    pub language: Option<String>,
    /// Its name.
    pub name: String,
    /// What it is about: the short text, and the extended one behind it.
    pub text: String,
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
