use super::*;
use crate::segmenter::output::{SpliceDescriptor, SpliceDescriptorContent, Upid};
use proptest::prelude::*;
use serde_json::json;

/// A section with a right CRC and its length set.
fn section(body: &[u8]) -> Vec<u8> {
    let [high, low] = (body.len() as u16 + 4).to_be_bytes();
    let mut bytes = [&[TABLE_ID, 0x30 | high, low], body].concat();
    bytes.extend(crc32(&bytes).to_be_bytes());
    bytes
}

#[test]
fn a_command_whose_length_is_not_known_ends_where_its_syntax_does() {
    let known = section(&[
        0, 0, 0, 0, 0, 0, 0, 0xFF, 0xF0, 5, 6, 0xFE, 0, 0, 0, 9, 0, 10, 0, 8, b'C', b'U', b'E', b'I', 0, 0, 0, 7,
    ]);
    let mut unknown = known[3..known.len() - 4].to_vec();
    unknown[8..10].copy_from_slice(&[0xFF, 0xFF]);
    let (known, unknown) = (parse(&known).unwrap(), parse(&section(&unknown)).unwrap());
    assert_eq!(known.when, When::At(9));
    assert_eq!(known.splice.descriptors[0].to_string(), "avail 7");
    assert_eq!((known.when, known.splice.descriptors), (unknown.when, unknown.splice.descriptors));
}

#[test]
fn a_section_that_cannot_be_what_it_says_is_named() {
    let command = [0, 0, 0, 0, 0, 0, 0, 0xFF, 0xF0, 4, 6, 0xFE, 0, 0, 0, 0, 0];
    assert_eq!(parse(&section(&command)).unwrap_err(), SectionError::Form);
    assert_eq!(parse(&section(&[])).unwrap_err(), SectionError::Form);
    let mut wrong = section(&command);
    wrong[9] ^= 1;
    assert_eq!(parse(&wrong).unwrap_err(), SectionError::Crc);
}

proptest! {
    #[test]
    fn any_body_is_read_or_named(
        kind in prop_oneof![Just(0u8), Just(4), Just(5), Just(6), Just(7), Just(0xFF), any::<u8>()],
        length in prop_oneof![Just(0xFFFu16), 0u16..60],
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let header = [0, 0, 0, 0, 0, 0, 0, 0xFF, 0xF0 | (length >> 8) as u8, length as u8, kind];
        let bytes = section(&[&header[..], &body].concat());
        if let Ok(parsed) = parse(&bytes) {
            prop_assert_eq!(&parsed.splice.section, &bytes);
            for descriptor in &parsed.splice.descriptors {
                let _ = descriptor.to_string();
            }
        }
    }

    #[test]
    fn any_descriptors_are_read_and_can_be_shown(
        tag in 0u8..6,
        body in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let bytes = [&[tag, body.len() as u8 + 4, b'C', b'U', b'E', b'I'], &body[..]].concat();
        let descriptors = descriptors::parse(&bytes);
        prop_assert_eq!(descriptors.len(), 1);
        let _ = descriptors[0].to_string();
    }
}

/// What a section says, in the words of `tests/fixtures/splices.tsv`; what is not said is left out.
fn said(parsed: &Parsed) -> serde_json::Value {
    let Parsed { splice, when } = parsed;
    let mut told = json!({
        "command": splice.command.as_str(), "tier": splice.tier, "pts_adjustment": splice.pts_adjustment,
    });
    if let When::At(time) = when {
        told["time"] = json!(time);
    }
    match &splice.command {
        SpliceCommand::Insert(insert) => {
            told["event"] = json!(insert.event);
            told["cancel"] = json!(insert.cancel);
            if !insert.cancel {
                put(
                    &mut told,
                    json!({
                        "out_of_network": insert.out_of_network, "immediate": insert.immediate,
                        "duration": insert.duration.map(|duration| duration.ticks),
                        "auto_return": insert.duration.map(|duration| duration.auto_return),
                        "program": insert.program, "avail": insert.avail, "avails_expected": insert.avails_expected,
                    }),
                );
            }
            if !insert.components.is_empty() {
                let components = insert.components.iter().map(|part| json!([part.tag, part.source_pts]));
                told["components"] = components.collect();
            }
        }
        SpliceCommand::Schedule(splices) => {
            let splices = splices.iter().map(|splice| {
                let mut told = json!({"event": splice.event, "cancel": splice.cancel});
                if !splice.cancel {
                    put(
                        &mut told,
                        json!({
                            "out_of_network": splice.out_of_network, "at": splice.at,
                            "duration": splice.duration.map(|duration| duration.ticks),
                            "auto_return": splice.duration.map(|duration| duration.auto_return),
                            "program": splice.program, "avail": splice.avail, "avails_expected": splice.avails_expected,
                        }),
                    );
                    if !splice.components.is_empty() {
                        told["components"] = json!(splice.components);
                    }
                }
                told
            });
            told["splices"] = splices.collect();
        }
        _ => {}
    }
    told["descriptors"] = splice.descriptors.iter().map(descriptor_said).collect();
    told
}

fn descriptor_said(descriptor: &SpliceDescriptor) -> serde_json::Value {
    let mut told = json!({"tag": descriptor.tag});
    let more = match &descriptor.content {
        SpliceDescriptorContent::Avail(id) => json!({"provider_avail_id": id}),
        SpliceDescriptorContent::Dtmf { preroll, tones } => json!({"preroll": preroll, "tones": tones}),
        SpliceDescriptorContent::Time { tai_seconds, tai_nanoseconds, utc_offset } => json!({
            "tai_seconds": tai_seconds, "tai_nanoseconds": tai_nanoseconds, "utc_offset": utc_offset,
        }),
        SpliceDescriptorContent::Segmentation(segment) if segment.cancel => {
            json!({"event": segment.event, "cancel": true})
        }
        SpliceDescriptorContent::Segmentation(segment) => {
            let restrictions = segment
                .restrictions
                .map(|told| json!([told.web_allowed, told.no_regional_blackout, told.archive_allowed, told.devices]));
            // As text where its owner writes it so.
            let text = matches!(segment.upid_type, 1 | 2 | 3 | 7 | 9 | 14 | 15);
            let upid = segment.upids.first().filter(|_| text).map(Upid::text);
            let components = (!segment.components.is_empty()).then_some(&segment.components);
            json!({
                "event": segment.event, "cancel": false, "duration": segment.duration, "type_id": segment.type_id,
                "type_name": segment.type_name(), "number": segment.number, "expected": segment.expected,
                "sub_number": segment.sub_segment.map(|(number, _)| number),
                "sub_expected": segment.sub_segment.map(|(_, expected)| expected),
                "upid_type": segment.upid_type, "restrictions": restrictions, "upid": upid, "components": components,
            })
        }
        SpliceDescriptorContent::Audio(tracks) => {
            let tracks: Vec<_> = tracks
                .iter()
                .map(|track| json!([track.tag, track.language, track.mode, track.channels, track.full]))
                .collect();
            json!({"tracks": tracks})
        }
        SpliceDescriptorContent::Other(_) => json!({}),
    };
    put(&mut told, more);
    told
}

/// Puts the keys of an object behind those of another, without those that have no value.
fn put(told: &mut serde_json::Value, more: serde_json::Value) {
    let (Some(told), serde_json::Value::Object(more)) = (told.as_object_mut(), more) else { return };
    told.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
}

/// Sections in hexadecimal, and what they say.
fn vectors() -> Vec<(&'static str, &'static str)> {
    include_str!("../../../../tests/fixtures/splices.tsv").lines().filter_map(|line| line.split_once('\t')).collect()
}

fn bytes(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The sections were made at random and read by others: those of whole programmes by threefive 3.1.5 (Python), the
/// rest by scte35-splice 4.0.0.
#[test]
fn sections_say_what_other_readers_say() {
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    for (section, expected) in vectors() {
        let parsed = parse(&bytes(section)).unwrap_or_else(|error| panic!("{section}: {error:?}"));
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert_eq!(said(&parsed), expected, "{section}");
        *seen.entry(parsed.splice.command.as_str()).or_default() += 1;
    }
    assert!(seen.len() >= 6 && seen.values().all(|count| *count >= 3), "{seen:?}");
}

proptest! {
    #[test]
    fn a_section_with_wrong_bytes_in_it_is_read_or_named(
        which in any::<prop::sample::Index>(),
        wrong in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut section = bytes(vectors()[which.index(vectors().len())].0);
        let end = section.len() - 4;
        for (at, byte) in wrong {
            // The table's id and the length are what the section was cut out by.
            section[3 + at.index(end - 3)] ^= byte;
        }
        section.truncate(end - cut.index(9).saturating_sub(4));
        section.extend(crc32(&section).to_be_bytes());
        if let Ok(parsed) = parse(&section) {
            let _ = (said(&parsed), parsed.splice.descriptors.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
    }
}
