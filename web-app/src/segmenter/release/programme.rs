//! What is told of the programme: its streams, what they are for, which come out, and why others do not.

use super::super::output::{Output, Program, SECOND_SOUND, Stream, StreamKind};
use super::Release;
use crate::segmenter::tables::content::Content;

impl Release {
    /// The packets of a PID are encrypted, or are not any more.
    pub(in crate::segmenter) fn encrypted(&mut self, pid: u16, encrypted: bool) {
        self.encrypted.retain(|known| *known != pid);
        if encrypted {
            self.encrypted.push(pid);
        }
        self.news = true;
        if !self.held_back {
            self.tell_program();
        }
    }

    /// Sound came, in a form that is not played where `refused` is its PID; `of_two` tells whether it is the second of
    /// two in its stream.
    #[inline]
    pub(super) fn heard(&mut self, refused: Option<u16>, of_two: Option<bool>) {
        if (self.refused, self.of_two) != (refused, of_two) {
            (self.refused, self.of_two) = (refused, of_two);
            if !self.held_back {
                self.tell_program();
            }
        }
    }

    /// Whether all that is to come out is encrypted.
    pub(in crate::segmenter) fn is_encrypted(&self) -> bool {
        let mut pids = self.video_pid.into_iter().chain(self.audio_pid).peekable();
        pids.peek().is_some() && pids.all(|pid| self.encrypted.contains(&pid))
    }

    /// These streams are announced and do not come; that is told before the output begins as well.
    pub(in crate::segmenter) fn tell_absent(&mut self, absent: Vec<Absent>) {
        if self.absent != absent {
            self.absent = absent;
            if !self.held_back {
                self.tell_program();
            }
        }
    }

    /// Tells the programme, if anything in it is new.
    pub(in crate::segmenter) fn tell_program(&mut self) {
        let Some(choice) = &self.choice else { return };
        let all_encrypted = self.is_encrypted();
        let streams = choice.streams.iter().map(|stream| {
            let selected = self.video_pid == Some(stream.pid) || self.audio_pid == Some(stream.pid);
            let absent = self.absent.iter().find(|absent| absent.pid == stream.pid);
            let kind = match stream.content {
                Content::Unknown if self.audio_pid == Some(stream.pid) => StreamKind::Audio,
                content => content.kind(),
            };
            Stream {
                pid: stream.pid,
                stream_type: stream.stream_type,
                kind,
                codec: self.codecs.get(stream.pid).cloned().or(stream.content.name().map(str::to_owned)),
                selected,
                absent: absent.is_some(),
                language: stream.description.language.clone(),
                role: stream.description.role,
                note: if self.encrypted.contains(&stream.pid) {
                    Some(encryption(kind, all_encrypted).into())
                } else if let Some(absent) = absent {
                    let stands_in = kind == StreamKind::Audio && self.switches_to().is_some();
                    Some(absence(kind, selected && !stands_in, absent.ended).into())
                } else if self.refused == Some(stream.pid) {
                    Some("The sound is in a format that browsers do not play.".into())
                } else if selected {
                    None
                } else {
                    stream.content.note(self.takes)
                },
                pages: stream.description.pages.clone(),
            }
        });
        let mut streams: Vec<Stream> = streams.collect();
        if let Some(second) = self.of_two
            && let Some(at) = streams.iter().position(|stream| self.audio_pid == Some(stream.pid))
        {
            // What the tables say of the stream is said of its first sound.
            let other = Stream { selected: second, language: None, role: None, ..streams[at].clone() };
            streams[at].selected = !second;
            streams.insert(at + 1, Stream { pid: other.pid | SECOND_SOUND, ..other });
        }
        let program = Program { number: choice.number, pcr_pid: choice.pcr_pid, streams };
        if self.told.as_ref() != Some(&program) {
            self.told = Some(program.clone());
            self.queue.push_back(Output::Program(program));
        }
    }
}

/// A stream that is announced and does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Absent {
    pub(in crate::segmenter) pid: u16,
    /// It came before.
    pub(in crate::segmenter) ended: bool,
}

/// Says that a stream is encrypted; `all` where nothing of the programme comes in clear.
const fn encryption(kind: StreamKind, all: bool) -> &'static str {
    match kind {
        StreamKind::Video if !all => "The picture is encrypted.",
        StreamKind::Audio if !all => "The sound is encrypted.",
        _ => "This programme is encrypted.",
    }
}

/// Says that a stream is announced and does not come: what is played, or what another one stands in for.
const fn absence(kind: StreamKind, selected: bool, ended: bool) -> &'static str {
    match (kind, selected, ended) {
        (StreamKind::Video, true, false) => "A picture is announced, but none arrives.",
        (StreamKind::Video, true, true) => "The picture is announced, but arrives no longer.",
        (_, true, false) => "Sound is announced, but none arrives.",
        (_, true, true) => "The sound is announced, but arrives no longer.",
        (StreamKind::Video, false, false) => "The first announced picture is missing; another one is shown.",
        (StreamKind::Video, false, true) => "The first announced picture has ended; another one is shown.",
        (_, false, false) => "The first announced sound track is missing; another one is playing.",
        (_, false, true) => "The first announced sound track has ended; another one is playing.",
    }
}
