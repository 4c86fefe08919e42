//! The lines of the example `segment`: every key of them stands in docs/segment.md, and what others read stays.
#![cfg(not(target_arch = "wasm32"))]

#[path = "../examples/segment/cue_lines.rs"]
mod cue_lines;
#[path = "../examples/segment/lines.rs"]
#[allow(dead_code, reason = "the tool counts what it prints")]
mod lines;
#[path = "../examples/segment/programme.rs"]
mod programme;
#[path = "segmenter_support/mod.rs"]
mod segmenter_support;

use std::collections::{BTreeMap, BTreeSet};

use amt_web_app::segmenter::{
    Event, Options, Output, Program, ProgramEntry, Role, Schedule, Segmenter, SoundCodec, Stream, StreamKind, TextPage,
};
use segmenter_support::beside::*;
use segmenter_support::*;
use serde_json::Value;

/// Lines of each type that a stream with all kinds of cues gives, and of outputs that it has no occasion for.
fn lines_by_type() -> BTreeMap<String, Vec<Value>> {
    let ts = fixture("clip");
    let time = run(&ts).video[60].0.source_pts;
    let descriptors = [
        &b"\x00\x08CUEI\x00\x00\x00\x35"[..],
        b"\x01\x0ACUEI\x14\x9F121#",
        b"\x02\x2DCUEI\x48\x00\x00\x08\x7F\x5D\x01\x02\x00\x00\x01\x23\x45\x00\x00\x29\x32\xE0",
        b"\x0D\x10\x08\x08\x00\x00\x00\x00\x2C\xA0\xA1\x8A\x0F\x04urn:\x34\x01\x02\x01\x01",
        b"\x03\x10CUEI\x00\x00\x60\x00\x00\x00\x00\x00\x00\x01\x00\x25",
        b"\x04\x0ACUEI\x1F\x01eng\x05",
        b"\x09\x06ABCD\x01\x02",
    ];
    let cancelled = b"\x02\x09CUEI\x48\x00\x00\x08\xFF";
    let one = [&[0, 0, 0, 9, 0x7F, 0xEF][..], &splice_time(time), &splice_time(90_000), &[0, 7, 1, 2]].concat();
    let parts = [&[0, 0, 0, 9, 0x7F, 0x8F, 1, 1][..], &splice_time(time), &[0, 7, 1, 2]].concat();
    let schedule = [&[2, 0, 0, 0, 9, 0x7F, 0xEF, 0x55, 0, 0, 0][..], &splice_time(9), &[0, 7, 1, 2]].concat();
    let schedule = [&schedule[..], &[0, 0, 0, 8, 0x7F, 0x8F, 1, 1, 0x55, 0, 0, 0, 0, 7, 1, 2]].concat();
    let mut encrypted = splice_section(0, 6, &[0; 9], &[]);
    encrypted[4] |= 0x82;
    let end = encrypted.len() - 4;
    let crc = section_crc(&encrypted[..end]).to_be_bytes();
    encrypted[end..].copy_from_slice(&crc);
    let streams: [Described<'_>; 2] =
        [(SCTE35_TYPE, SCTE35, &[]), (0x06, 601, &[0x56, 5, b'e', b'n', b'g', 0x10, 0x88])];
    let mut stream = Beside::new(&ts, &streams);
    stream.up_to(100).section(SCTE35, &time_signal(time, 5, &descriptors.concat()));
    stream.section(SCTE35, &time_signal(time, 0, cancelled)).section(SCTE35, &splice_section(0, 5, &one, &[]));
    stream.section(SCTE35, &splice_section(0, 5, &parts, &[])).section(SCTE35, &splice_section(0, 4, &schedule, &[]));
    stream.section(SCTE35, &splice_section(0, 0xFF, b"ABCD\x01", &[])).section(SCTE35, &encrypted);
    stream.section(SCTE35, &splice_section(0, 0x33, &[], &[])).pes(601, time, &[0x10, 1, 2]);
    let ts = stream.finish();
    let lost = of_pid(&packets(&ts), AUDIO)[40];
    let ts = without(&ts, |index| (lost..lost + 9).contains(&index));

    let mut segmenter = Segmenter::new(Options::default());
    segmenter.push(&ts, 0);
    segmenter.finish();
    let mut outputs: Vec<Output> = std::iter::from_fn(|| segmenter.poll()).collect();
    let event = Event { id: 1, start: Some(2), duration: Some(3), ..Event::default() };
    outputs.extend([
        Output::DecoderWanted(SoundCodec::MpegAudio),
        Output::Programs(vec![ProgramEntry::default()]),
        Output::Schedule(Schedule { program: 1, present: Some(event.clone()), following: Some(event) }),
        Output::Program(Program {
            number: 1,
            pcr_pid: None,
            streams: vec![Stream {
                pid: 1,
                stream_type: 6,
                kind: StreamKind::Other,
                codec: None,
                selected: false,
                absent: false,
                language: Some("eng".into()),
                role: Some(Role::AudioDescription),
                note: Some("note".into()),
                pages: vec![TextPage { language: "eng".into(), kind: 2, page: 888 }],
            }],
        }),
    ]);
    let mut counts = lines::Counts::default();
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for output in &outputs {
        counts.count(output);
        for line in lines::of(output) {
            all.entry(line["type"].as_str().unwrap().to_owned()).or_default().push(line);
        }
    }
    all.insert("end".into(), vec![counts.end(segmenter.packets())]);
    all
}

fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                found.insert(key.clone());
                keys(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn every_key_of_every_line_stands_in_its_section_of_the_document() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/segment.md");
    let document = std::fs::read_to_string(path).unwrap();
    let sections: BTreeMap<&str, &str> =
        document.split("\n## `").skip(1).map(|section| section.split_once('`').unwrap_or_default()).collect();
    let all = lines_by_type();
    for (kind, lines) in &all {
        let section = sections.get(kind.as_str()).unwrap_or_else(|| panic!("no section `{kind}`"));
        let mut found = BTreeSet::new();
        for mut line in lines.clone() {
            line.as_object_mut().unwrap().remove("type");
            // What it counts has names of its own.
            if kind == "end" {
                line.as_object_mut().unwrap().values_mut().for_each(|value| *value = Value::Null);
            }
            keys(&line, &mut found);
        }
        for key in found {
            assert!(section.contains(&format!("`{key}`")), "`{key}` of `{kind}`");
        }
    }
    for kind in sections.keys() {
        assert!(all.contains_key(*kind), "{kind}");
    }
}

#[test]
fn what_others_read_stays() {
    let all = lines_by_type();
    for (kind, keys) in [
        ("program", &["type", "program", "streams"][..]),
        ("init", &["type", "track", "pid", "codec", "timescale", "bytes", "mime", "width", "height"]),
        ("sample", &["track", "pid", "dts", "pts", "duration", "source_pts", "key", "bytes", "crc32"]),
        ("discontinuity", &["track", "reason"]),
        ("fault", &["reason", "pid", "count"]),
        ("end", &["packets", "faults"]),
    ] {
        for key in keys {
            assert!(all[kind][0].get(key).is_some(), "{key} of {kind}");
        }
    }
    let splices = &all["cue"];
    let commands: Vec<&str> = splices.iter().filter_map(|line| line["command"].as_str()).collect();
    let expected = ["time_signal", "time_signal", "splice_insert", "splice_insert", "splice_schedule"];
    assert_eq!(commands, [&expected[..], &["private_command", "encrypted", "unknown"]].concat());
    let upids: Vec<&str> = splices[0]["descriptors"][2]["upids"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|upid| upid["value"].as_str())
        .collect();
    assert_eq!(upids, ["0x000000002CA0A18A", "urn:"]);
}

/// Prints one line of each type and kind, for docs/segment.md.
#[test]
#[ignore = "prints"]
fn examples_of_lines() {
    for lines in lines_by_type().values() {
        for line in lines.iter().filter(|line| line["type"] == "cue").chain(lines.first()) {
            println!("{line}");
        }
    }
}
