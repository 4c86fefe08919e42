//! The lines about programmes: which there are, which is played, and what is on.

use amt_web_app::segmenter::{Event, Program, ProgramEntry, Schedule, Stream};
use serde_json::{Value, json};

/// `programs`: all programmes of the stream.
pub(crate) fn list(entries: &[ProgramEntry]) -> Value {
    let entry = |entry: &ProgramEntry| {
        json!({
            "program": entry.number, "name": entry.name, "provider": entry.provider,
            "service_type": entry.service_type, "scrambled": entry.scrambled, "playable": entry.playable,
            "selected": entry.selected,
        })
    };
    json!({"type": "programs", "programs": entries.iter().map(entry).collect::<Vec<_>>()})
}

/// `program`: the programme that is played and its streams.
pub(crate) fn program(program: &Program) -> Value {
    let streams: Vec<Value> = program.streams.iter().map(stream).collect();
    json!({"type": "program", "program": program.number, "pcr_pid": program.pcr_pid, "streams": streams})
}

fn stream(stream: &Stream) -> Value {
    let mut line = json!({
        "pid": stream.pid, "stream_type": stream.stream_type, "kind": stream.kind.as_str(),
        "codec": stream.codec, "selected": stream.selected,
    });
    // What nothing is said of is left out.
    if let Some(language) = &stream.language {
        line["language"] = json!(language);
    }
    if let Some(role) = stream.role {
        line["role"] = json!(role.as_str());
    }
    if let Some(note) = &stream.note {
        line["note"] = json!(note);
    }
    if !stream.pages.is_empty() {
        let pages = stream.pages.iter();
        let pages = pages.map(|page| json!({"language": page.language, "kind": page.kind, "page": page.page}));
        line["pages"] = pages.collect();
    }
    line
}

/// `schedule`: what is on now and next.
pub(crate) fn schedule(schedule: &Schedule) -> Value {
    let event = |event: &Event| {
        json!({
            "id": event.id, "start": event.start, "duration": event.duration, "language": event.language,
            "name": event.name, "text": event.text,
        })
    };
    json!({
        "type": "schedule", "program": schedule.program, "present": schedule.present.as_ref().map(event),
        "following": schedule.following.as_ref().map(event),
    })
}
