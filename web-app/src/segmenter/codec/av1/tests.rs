use super::framing::ObuFraming;
use super::*;
use crate::segmenter::video::codec::Framing;
use proptest::prelude::*;

/// The sequence header of a 160×90 stream of libaom, Main profile, ten bits.
const SEQUENCE: [u8; 10] = [0x00, 0x00, 0x00, 0x02, 0xCC, 0x7E, 0x7D, 0xE9, 0x01, 0x08];

#[test]
fn sizes_are_read_and_written_in_seven_bits_a_byte() {
    assert_eq!(leb128(&[0xE5, 0x8E, 0x26, 7]), Some((624_485, 3)));
    assert_eq!(leb128(&[0x80, 0x80]), None);
    assert_eq!(leb128(&[0xFF; 9]), None);
    let payload = vec![7; 300];
    let obu = Obu { header: 0x30, extension: None, payload: &payload, zeros: 0 };
    let mut bytes = Vec::new();
    obu.write(&mut bytes);
    assert_eq!(bytes[..3], [0x32, 0xAC, 0x02]);
    assert_eq!(Obu::parse(&bytes).unwrap().payload, payload);
}

#[test]
fn zeros_that_a_byte_stream_lost_at_a_units_end_are_put_back() {
    let obu = Obu::parse(&[0x32, 5, 1, 2]).unwrap();
    let mut bytes = Vec::new();
    obu.write(&mut bytes);
    assert_eq!(bytes, [0x32, 5, 1, 2, 0, 0, 0]);
}

/// All of what a framing makes, the bytes cut anywhere.
fn framed(data: &[u8], chunk: usize) -> Vec<u8> {
    let mut framing = ObuFraming::default();
    framing.begin();
    data.chunks(chunk).flat_map(|piece| framing.byte_stream(piece).to_vec()).collect()
}

#[test]
fn units_with_sizes_become_units_behind_start_codes() {
    let data = [0x12, 0, 0x0A, 4, 1, 0, 0, 1, 0x32, 2, 0, 0];
    let due = [0, 0, 1, 0x12, 0, 0, 0, 1, 0x0A, 4, 1, 0, 0, 3, 1, 0, 0, 1, 0x32, 2, 0, 0];
    for chunk in 1..13 {
        assert_eq!(framed(&data, chunk), due, "{chunk}");
    }
    let start_codes = [0, 0, 1, 0x12, 0, 0, 0, 1, 0x32, 1, 9];
    assert_eq!(framed(&start_codes, 3), start_codes);
}

#[test]
fn a_packet_that_ends_within_a_unit_shows() {
    let mut framing = ObuFraming::default();
    framing.begin();
    framing.byte_stream(&[0x12, 0, 0x32, 5, 1]);
    assert!(framing.begin());
    framing.byte_stream(&[0x12, 0, 0x32, 1, 1]);
    assert!(!framing.begin());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn changed_and_random_headers_read_without_panic(
        edits in proptest::collection::vec((0usize..10, any::<u8>()), 0..6),
        random in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut changed = SEQUENCE.to_vec();
        for (at, byte) in edits {
            changed[at] = byte;
        }
        let _ = Sequence::parse(&random);
        for sequence in [Sequence::parse(&SEQUENCE), Sequence::parse(&changed)].into_iter().flatten() {
            let _ = sequence.codec();
            if let Some(obu) = Obu::parse(&random) {
                let _ = FrameHeader::parse(&obu, &sequence);
                let mut written = Vec::new();
                obu.write(&mut written);
                prop_assert!(written.len() <= random.len() + ZEROS_MAX + 8);
            }
        }
    }

    #[test]
    fn how_bytes_are_cut_changes_nothing(
        data in proptest::collection::vec(prop_oneof![Just(0u8), Just(0x0A), Just(0x32), any::<u8>()], 0..80),
        chunk in 1usize..20,
    ) {
        prop_assert_eq!(framed(&data, chunk), framed(&data, 100));
    }
}
