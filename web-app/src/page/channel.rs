//! What the channel has to choose from and what is on, in words: programmes, sound tracks, now and next.
//!
//! Names of languages and times of day are the browser's business and come in as functions.

use super::status::codec_name;
use crate::worker::message::{Event, ProgramEntry, Schedule, Stream};

/// One line of a chooser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choosable {
    /// `program_number` or PID.
    pub id: u16,
    /// What it is called.
    pub name: String,
    /// Whether it can be chosen.
    pub playable: bool,
    /// Whether it is what plays.
    pub selected: bool,
}

/// The programmes to choose from; none where there is nothing to choose.
#[must_use]
pub fn programs(programs: &[ProgramEntry]) -> Vec<Choosable> {
    if programs.len() < 2 {
        return Vec::new();
    }
    let choosable = |program: &ProgramEntry| {
        let name = named(program).unwrap_or_else(|| format!("Programme {}", program.number));
        let radio = matches!(program.service_type, Some(2 | 10));
        let playable = program.playable != Some(false);
        let remark = match (playable, radio) {
            (false, _) => " – not playable",
            (true, true) => " – radio",
            (true, false) => "",
        };
        Choosable { id: program.number, name: name + remark, playable, selected: program.selected }
    };
    let mut list: Vec<_> = programs.iter().map(choosable).collect();
    tell_apart(&mut list, |program| Some(program.id.to_string()));
    list
}

/// The name of the programme that is played, once the stream has told it.
#[must_use]
pub fn service(programs: &[ProgramEntry]) -> Option<String> {
    programs.iter().find(|program| program.selected).and_then(named)
}

/// That another programme plays than the one that is wanted, or the first, as that one does not come.
#[must_use]
pub fn stands_in(programs: &[ProgramEntry], wanted: Option<u16>) -> Option<String> {
    let due = programs.iter().find(|program| wanted.is_none_or(|wanted| wanted == program.number))?;
    let played = programs.iter().find(|program| program.selected && program.playable != Some(false))?;
    if due.selected || due.playable != Some(false) {
        return None;
    }
    let due = named(due).unwrap_or_else(|| format!("Programme {}", due.number));
    let played = named(played).unwrap_or_else(|| format!("programme {}", played.number));
    Some(format!("{due} cannot be played at present; showing {played}."))
}

/// What the tab is called after: the programme, or where it has no name the channel, as `source@group`.
#[must_use]
pub fn title(service: Option<&str>, address: &str) -> String {
    if let Some(service) = service {
        return service.to_owned();
    }
    // The address has been read: what stands before the port is the source and the group.
    let channel = address.get("amt://".len()..).unwrap_or_default();
    let channel = channel.split(['/', '?', '#']).next().unwrap_or(channel);
    let port = channel.rfind(':').filter(|port| !channel[*port..].contains(']'));
    channel[..port.unwrap_or(channel.len())].to_owned()
}

fn named(program: &ProgramEntry) -> Option<String> {
    program.name.as_deref().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// The sound tracks to choose from; none where there is nothing to choose. `language` names an ISO 639-2 code.
#[must_use]
pub fn sounds(streams: &[Stream], language: impl Fn(&str) -> Option<String>) -> Vec<Choosable> {
    let sounds: Vec<_> = streams.iter().filter(|stream| stream.kind == "audio").collect();
    if sounds.len() < 2 {
        return Vec::new();
    }
    let choosable = |(index, stream): (usize, &&Stream)| {
        let spoken = stream.language.as_deref().and_then(|code| spoken(code, &language));
        let role = stream.role.as_deref().and_then(role);
        let name = match (spoken, role) {
            (Some(spoken), Some(role)) => format!("{spoken}, {role}"),
            (Some(spoken), None) => spoken,
            (None, Some(role)) => capital(role),
            (None, None) => format!("Sound track {}", index + 1),
        };
        // What is selected plays, whatever is said of it.
        let playable = stream.note.is_none() || stream.selected;
        let name = if playable { name } else { format!("{name} – not playable") };
        Choosable { id: stream.pid, name, playable, selected: stream.selected }
    };
    let mut list: Vec<_> = sounds.iter().enumerate().map(choosable).collect();
    let codec = |pid: u16| sounds.iter().find(|stream| stream.pid == pid)?.codec.as_deref();
    tell_apart(&mut list, |sound| codec(sound.id).map(|codec| codec_name(codec).to_owned()));
    let ids: Vec<_> = list.iter().map(|sound| sound.id).collect();
    let number = |id: u16| ids.iter().position(|other| *other == id).map(|index| (index + 1).to_string());
    tell_apart(&mut list, |sound| number(sound.id));
    list
}

/// Adds to names that stand there more than once what tells them apart.
fn tell_apart(list: &mut [Choosable], by: impl Fn(&Choosable) -> Option<String>) {
    let names: Vec<_> = list.iter().map(|one| one.name.clone()).collect();
    for one in list.iter_mut().filter(|one| names.iter().filter(|name| **name == one.name).count() > 1) {
        if let Some(more) = by(one) {
            one.name = format!("{} ({more})", one.name);
        }
    }
}

fn spoken(code: &str, language: impl Fn(&str) -> Option<String>) -> Option<String> {
    match code {
        // EN 300 468, annex F: reserved for the original sound.
        "qaa" => Some("Original sound".into()),
        "zxx" => Some("No speech".into()),
        "mul" => Some("Multiple languages".into()),
        "und" | "mis" => None,
        code => language(code).or_else(|| (!code.trim().is_empty()).then(|| code.to_owned())),
    }
}

const fn role(role: &str) -> Option<&'static str> {
    match role.as_bytes() {
        b"audio_description" => Some("audio description"),
        b"hearing_impaired" => Some("for the hard of hearing"),
        b"clean_effects" => Some("without speech"),
        b"other" => Some("additional sound"),
        _ => None,
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What is on, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnAir {
    /// What is on now: `Tagesschau, 20:00–20:15`.
    pub present: String,
    /// What comes after it: `then Weather, 20:15`.
    pub following: String,
    /// What it is about, for whoever wants to know more.
    pub about: String,
}

/// What is on now and next; `time` writes a time of day, given in seconds since the Unix epoch.
#[must_use]
pub fn on_air(schedule: Option<&Schedule>, time: impl Fn(i64) -> String) -> OnAir {
    let Some(schedule) = schedule else { return OnAir::default() };
    let there = |event: &&Event| !event.name.trim().is_empty();
    let present = schedule.present.as_ref().filter(there).map(|event| {
        let name = event.name.trim();
        match (event.start, event.duration) {
            (Some(start), Some(duration)) => {
                format!("{name}, {}–{}", time(start), time(start.saturating_add(duration.into())))
            }
            (Some(start), None) => format!("{name}, from {}", time(start)),
            (None, _) => name.to_owned(),
        }
    });
    let following = schedule.following.as_ref().filter(there).map(|event| {
        let name = event.name.trim();
        event.start.map_or_else(|| format!("then {name}"), |start| format!("then {name}, {}", time(start)))
    });
    let about = schedule.present.as_ref().map(|event| event.text.trim().to_owned());
    OnAir {
        present: present.unwrap_or_default(),
        following: following.unwrap_or_default(),
        about: about.unwrap_or_default(),
    }
}

#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
