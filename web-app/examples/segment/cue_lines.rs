//! Cues as lines.

use amt_web_app::segmenter::{
    BreakDuration, Cue, CueContent, ScheduledSplice, Segmentation, Splice, SpliceCommand, SpliceDescriptor,
    SpliceDescriptorContent, SpliceInsert,
};
use serde_json::{Value, json};

/// The line of a cue.
pub(crate) fn cue(cue: &Cue) -> Value {
    let mut line = json!({
        "type": "cue", "kind": cue.content.as_str(), "pid": cue.pid, "pts": cue.pts, "source_pts": cue.source_pts,
    });
    match &cue.content {
        CueContent::Splice(told) => put(&mut line, splice(told)),
        CueContent::Id3(data)
        | CueContent::Captions(data)
        | CueContent::Teletext(data)
        | CueContent::Subtitles(data) => put(&mut line, json!({"bytes": data.len(), "data": hex(data)})),
    }
    line
}

/// Puts the keys of an object behind those of another.
fn put(line: &mut Value, more: Value) {
    if let (Value::Object(line), Value::Object(more)) = (line, more) {
        line.extend(more);
    }
}

fn splice(splice: &Splice) -> Value {
    let mut line = json!({
        "command": splice.command.as_str(), "tier": splice.tier, "pts_adjustment": splice.pts_adjustment,
    });
    match &splice.command {
        SpliceCommand::Insert(told) => put(&mut line, insert(told)),
        SpliceCommand::Schedule(splices) => {
            let splices: Vec<Value> = splices.iter().map(scheduled).collect();
            put(&mut line, json!({"splices": splices}));
        }
        SpliceCommand::Private { identifier: of, data } => {
            put(&mut line, json!({"identifier": identifier(*of), "data": hex(data)}));
        }
        SpliceCommand::Unknown(kind) => put(&mut line, json!({"command_type": kind})),
        SpliceCommand::Encrypted { algorithm, key } => put(&mut line, json!({"algorithm": algorithm, "key": key})),
        SpliceCommand::Null | SpliceCommand::TimeSignal | SpliceCommand::BandwidthReservation => {}
    }
    let descriptors: Vec<Value> = splice.descriptors.iter().map(descriptor).collect();
    put(&mut line, json!({"descriptors": descriptors, "section": hex(&splice.section)}));
    line
}

fn insert(insert: &SpliceInsert) -> Value {
    let components: Vec<Value> = insert
        .components
        .iter()
        .map(|part| json!({"tag": part.tag, "pts": part.pts, "source_pts": part.source_pts}))
        .collect();
    let (duration, auto_return) = split(insert.duration);
    json!({
        "event": insert.event, "cancel": insert.cancel, "out_of_network": insert.out_of_network,
        "immediate": insert.immediate, "components": components, "duration": duration, "auto_return": auto_return,
        "program": insert.program, "avail": insert.avail, "avails_expected": insert.avails_expected,
    })
}

fn scheduled(splice: &ScheduledSplice) -> Value {
    let components: Vec<Value> = splice.components.iter().map(|(tag, at)| json!({"tag": tag, "at": at})).collect();
    let (duration, auto_return) = split(splice.duration);
    json!({
        "event": splice.event, "cancel": splice.cancel, "out_of_network": splice.out_of_network, "at": splice.at,
        "components": components, "duration": duration, "auto_return": auto_return, "program": splice.program,
        "avail": splice.avail, "avails_expected": splice.avails_expected,
    })
}

fn split(duration: Option<BreakDuration>) -> (Option<u64>, Option<bool>) {
    (duration.map(|duration| duration.ticks), duration.map(|duration| duration.auto_return))
}

fn descriptor(descriptor: &SpliceDescriptor) -> Value {
    let mut line = json!({
        "name": descriptor.content.as_str(), "tag": descriptor.tag, "identifier": identifier(descriptor.identifier),
        "text": descriptor.to_string(),
    });
    let more = match &descriptor.content {
        SpliceDescriptorContent::Avail(id) => json!({"provider_avail_id": id}),
        SpliceDescriptorContent::Dtmf { preroll, tones } => json!({"preroll": preroll, "tones": tones}),
        SpliceDescriptorContent::Segmentation(told) => segmentation(told),
        SpliceDescriptorContent::Time { tai_seconds, tai_nanoseconds, utc_offset } => json!({
            "tai_seconds": tai_seconds, "tai_nanoseconds": tai_nanoseconds, "utc_offset": utc_offset,
        }),
        SpliceDescriptorContent::Audio(tracks) => {
            let tracks: Vec<Value> = tracks
                .iter()
                .map(|track| {
                    json!({
                        "tag": track.tag, "language": track.language, "mode": track.mode, "channels": track.channels,
                        "full": track.full,
                    })
                })
                .collect();
            json!({"tracks": tracks})
        }
        SpliceDescriptorContent::Other(data) => json!({"data": hex(data)}),
    };
    put(&mut line, more);
    line
}

fn segmentation(told: &Segmentation) -> Value {
    let components: Vec<Value> =
        told.components.iter().map(|(tag, offset)| json!({"tag": tag, "pts_offset": offset})).collect();
    let restrictions = told.restrictions.map(|told| {
        json!({
            "web_allowed": told.web_allowed, "no_regional_blackout": told.no_regional_blackout,
            "archive_allowed": told.archive_allowed, "devices": told.devices,
        })
    });
    let upids: Vec<Value> = told
        .upids
        .iter()
        .map(|upid| {
            json!({
                "upid_type": upid.kind, "upid_name": upid.type_name(), "value": upid.text(), "data": hex(&upid.data),
            })
        })
        .collect();
    json!({
        "event": told.event, "cancel": told.cancel, "type_id": told.type_id, "type_name": told.type_name(),
        "components": components, "duration": told.duration, "restrictions": restrictions,
        "upid_type": told.upid_type, "upids": upids, "number": told.number, "expected": told.expected,
        "sub_number": told.sub_segment.map(|(number, _)| number),
        "sub_expected": told.sub_segment.map(|(_, expected)| expected),
    })
}

/// A registered identifier: four letters, or a number.
fn identifier(identifier: u32) -> String {
    let letters = identifier.to_be_bytes();
    if letters.iter().all(|letter| letter.is_ascii_graphic() || *letter == b' ') {
        return letters.map(char::from).iter().collect();
    }
    format!("0x{identifier:08X}")
}

fn hex(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02x}")).collect()
}
