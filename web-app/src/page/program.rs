//! What the sentence needs to know of the programme, from what the worker tells of its streams.

use super::status::{Program, codec_name};
use crate::worker::message::{self, Stream};

impl Program {
    /// What of the programme plays, what does not, and why; `instead` says which programme it is played in place of. A stream that comes as a track and has a note is none that
    /// plays: it is encrypted, or it does not come.
    #[must_use]
    pub fn of(program: &message::Program, instead: Option<String>) -> Self {
        let streams = &program.streams;
        let name = |stream: &Stream| {
            let codec = stream.codec.as_deref().map(codec_name);
            codec.map_or_else(|| format!("{} of stream type {:#04x}", stream.kind, stream.stream_type), str::to_owned)
        };
        let is_played = |stream: &Stream| stream.selected && stream.note.is_none();
        let plays = |kind: &str| streams.iter().any(|stream| is_played(stream) && stream.kind == kind);
        let others = || streams.iter().filter(|stream| !is_played(stream) && stream.kind != "other");
        // That one stands in for another is told though something plays.
        let missing = || others().filter(|stream| stream.absent || !plays(&stream.kind));
        let mut notes: Vec<String> = Vec::new();
        for note in missing().filter_map(|stream| stream.note.clone()) {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        notes.extend(instead);
        Self {
            playable: streams.iter().any(is_played),
            others: others().map(name).collect(),
            missing: missing().filter(|stream| stream.note.is_none()).map(name).collect(),
            notes,
            picture: plays("video"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::status::{Facts, Helper, Picture, line};
    use super::*;
    use amt_shared::wire::{Phase, Status};

    const ENCRYPTED: &str = "This programme is encrypted.";

    fn stream(kind: &str, selected: bool, note: Option<&str>) -> Stream {
        Stream { kind: kind.into(), selected, note: note.map(str::to_owned), ..Stream::default() }
    }

    /// The line for a programme with these streams, of which data has come for long.
    fn told(streams: Vec<Stream>, picture: Picture) -> (&'static str, String, String) {
        let status = Status { phase: Phase::Receiving, sentence: "Data flows.".into(), advice: None, relay: None };
        let program = message::Program { number: 1, streams };
        let line = line(&Facts {
            can_play: true,
            helper: Helper::There,
            tuned: true,
            status: Some(status),
            picture,
            phase_seconds: 10.0,
            program: Some(Program::of(&program, None)),
            ..Facts::default()
        });
        (line.phase, line.sentence, line.advice)
    }

    #[test]
    fn the_only_programme_is_called_encrypted_if_all_of_it_is() {
        let all = vec![stream("video", true, Some(ENCRYPTED)), stream("audio", true, Some(ENCRYPTED))];
        assert_eq!(told(all, Picture::None), ("failed", ENCRYPTED.into(), String::new()));
        let radio = vec![stream("audio", true, Some(ENCRYPTED)), stream("audio", false, None)];
        assert_eq!(told(radio, Picture::None), ("failed", ENCRYPTED.into(), String::new()));
    }

    #[test]
    fn sound_that_plays_beside_an_encrypted_picture_is_told_with_the_reason() {
        let streams = vec![stream("video", true, Some(ENCRYPTED)), stream("audio", true, None)];
        assert_eq!(told(streams, Picture::Moving), ("playing", "Audio only.".into(), ENCRYPTED.into()));
    }

    #[test]
    fn sound_that_another_one_stands_in_for_is_told_though_it_plays() {
        let instead = "The first announced sound track is missing; another one is playing.";
        let absent = Stream { absent: true, ..stream("audio", false, Some(instead)) };
        let streams = vec![stream("video", true, None), absent, stream("audio", true, None)];
        let mut told = told(streams, Picture::Moving);
        told.1.clear();
        assert_eq!(told, ("playing", String::new(), instead.into()));
    }

    #[test]
    fn a_programme_that_plays_has_no_reasons_of_what_does_not() {
        let streams =
            vec![stream("video", true, None), stream("audio", true, None), stream("audio", false, Some("No."))];
        let program = Program::of(&message::Program { number: 1, streams }, None);
        assert!(program.playable && program.picture && program.notes.is_empty() && program.missing.is_empty());
    }
}
