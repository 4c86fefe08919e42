//! What the channel has to choose from and what is on, as it crosses to the page.

use crate::segmenter;
use serde::{Deserialize, Serialize};

/// One programme of the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramEntry {
    /// `program_number`.
    pub number: u16,
    /// The service's name, once it is known.
    pub name: Option<String>,
    /// Who provides it.
    pub provider: Option<String>,
    /// `service_type` (EN 300 468, table 89): 1 television, 2 radio, and others.
    pub service_type: Option<u8>,
    /// Whether any stream of it is played here; `None` while that is not known.
    pub playable: Option<bool>,
    /// Whether it is the one that is played.
    pub selected: bool,
}

/// The programme that is played.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// `program_number`; 0 where no table came.
    pub number: u16,
    /// Its streams, in the PMT's order.
    pub streams: Vec<Stream>,
}

/// An elementary stream of the programme.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its PID.
    pub pid: u16,
    /// `video`, `audio` or `other`.
    pub kind: String,
    /// `stream_type` of the PMT.
    pub stream_type: u8,
    /// Codec string or usual name, where known.
    pub codec: Option<String>,
    /// Whether it comes as a track.
    pub selected: bool,
    /// Whether it would, but is only announced.
    pub absent: bool,
    /// ISO 639-2 code of its language.
    pub language: Option<String>,
    /// What a sound is for: [`segmenter::Role::as_str`].
    pub role: Option<String>,
    /// Why it does not play, as a sentence.
    pub note: Option<String>,
    /// The teletext pages or the subtitles in it.
    pub pages: Vec<TextPage>,
}

/// A teletext page or a DVB subtitle service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextPage {
    /// ISO 639-2 code of its language.
    pub language: String,
    /// `teletext_type` or `subtitling_type`.
    pub kind: u8,
    /// The teletext page, or the `composition_page_id`.
    pub page: u16,
}

/// What is on now and next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The programme that it is of.
    pub program: u16,
    /// What is on.
    pub present: Option<Event>,
    /// What comes after it.
    pub following: Option<Event>,
}

/// An event of the schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it begins, in seconds since the Unix epoch.
    pub start: Option<i64>,
    /// How long it lasts, in seconds.
    pub duration: Option<u32>,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub text: String,
}

impl From<&segmenter::ProgramEntry> for ProgramEntry {
    fn from(entry: &segmenter::ProgramEntry) -> Self {
        Self {
            number: entry.number,
            name: entry.name.clone(),
            provider: entry.provider.clone(),
            service_type: entry.service_type,
            playable: entry.playable,
            selected: entry.selected,
        }
    }
}

impl From<&segmenter::Program> for Program {
    fn from(program: &segmenter::Program) -> Self {
        Self { number: program.number, streams: program.streams.iter().map(Stream::from).collect() }
    }
}

impl From<&segmenter::Stream> for Stream {
    fn from(stream: &segmenter::Stream) -> Self {
        let page =
            |page: &segmenter::TextPage| TextPage { language: page.language.clone(), kind: page.kind, page: page.page };
        Self {
            pid: stream.pid,
            kind: stream.kind.as_str().into(),
            stream_type: stream.stream_type,
            codec: stream.codec.clone(),
            selected: stream.selected,
            absent: stream.absent,
            language: stream.language.clone(),
            role: stream.role.map(|role| role.as_str().into()),
            note: stream.note.clone(),
            pages: stream.pages.iter().map(page).collect(),
        }
    }
}

impl From<&segmenter::Schedule> for Schedule {
    fn from(schedule: &segmenter::Schedule) -> Self {
        let event = |event: &segmenter::Event| Event {
            start: event.start,
            duration: event.duration,
            name: event.name.clone(),
            text: event.text.clone(),
        };
        Self {
            program: schedule.program,
            present: schedule.present.as_ref().map(event),
            following: schedule.following.as_ref().map(event),
        }
    }
}
