use super::*;
use proptest::prelude::*;

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
