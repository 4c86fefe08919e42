use super::*;
use proptest::prelude::*;

const DYNAMIC: u8 = 96;

fn ts() -> Vec<u8> {
    let mut packets = vec![0xAA; 7 * PACKET_LEN];
    packets.iter_mut().step_by(PACKET_LEN).for_each(|first| *first = SYNC_BYTE);
    packets
}

fn packet(payload_type: u8, sequence: u16) -> Vec<u8> {
    let mut bytes = vec![0x80, payload_type];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 9, 0, 0, 0, 7]);
    bytes.extend(ts());
    bytes
}

fn strip(rtp: &mut Rtp, sequence: u16) -> Result<(), Discard> {
    rtp.strip(&packet(MP2T, sequence)).map(drop)
}

#[test]
fn plain_ts_passes_as_it_is() {
    let mut rtp = Rtp::default();
    assert_eq!(rtp.strip(&ts()), Ok(&ts()[..]));
    // Cut in the middle of a packet, and with bytes that could be the start of RTP.
    assert_eq!(rtp.strip(&[0x80; 300]), Ok(&[0x80; 300][..]));
    assert_eq!(rtp.strip(&[]), Ok(&[][..]));
    assert!(!rtp.is_rtp());
}

#[test]
fn static_and_dynamic_payload_types_are_stripped() {
    for payload_type in [MP2T, MP2T | 0x80, DYNAMIC] {
        let mut rtp = Rtp::default();
        assert_eq!(rtp.strip(&packet(payload_type, 1)), Ok(&ts()[..]));
        assert!(rtp.is_rtp());
    }
}

#[test]
fn contributing_sources_extension_and_padding_are_stripped() {
    let mut bytes = packet(MP2T, 1);
    bytes[0] = 0x80 | 0x20 | 0x10 | 2;
    bytes.splice(12..12, [1, 1, 1, 1, 2, 2, 2, 2, 0xBE, 0xDE, 0, 1, 3, 3, 3, 3]);
    bytes.extend([0, 0, 3]);
    assert_eq!(Rtp::default().strip(&bytes), Ok(&ts()[..]));
}

#[test]
fn other_packets_in_a_stream_of_rtp_are_dropped() {
    let mut rtp = Rtp::default();
    strip(&mut rtp, 1).unwrap();
    let sender_report = [0x80, 200, 0, 6, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0];
    assert_eq!(rtp.strip(&sender_report), Err(Discard::OtherPayload));
    let mut overlong = packet(MP2T, 2);
    overlong[0] |= 0x20;
    *overlong.last_mut().unwrap() = 255;
    overlong.truncate(200);
    *overlong.last_mut().unwrap() = 255;
    assert_eq!(rtp.strip(&overlong), Err(Discard::OtherPayload));
    assert_eq!(strip(&mut rtp, 2), Ok(()));
    assert_eq!(rtp.lost(), 0);
}

#[test]
fn losses_are_counted_across_the_wrap() {
    let mut rtp = Rtp::default();
    for sequence in [65530, 65533, 65534, 1, 2] {
        assert_eq!(strip(&mut rtp, sequence), Ok(()));
    }
    assert_eq!(rtp.lost(), 2 + 2);
}

#[test]
fn duplicates_and_late_packets_are_dropped_by_name() {
    let mut rtp = Rtp::default();
    for sequence in [65534, 65535, 1] {
        strip(&mut rtp, sequence).unwrap();
    }
    assert_eq!(strip(&mut rtp, 1), Err(Discard::Duplicate));
    assert_eq!(strip(&mut rtp, 65534), Err(Discard::Duplicate));
    assert_eq!(strip(&mut rtp, 0), Err(Discard::Late));
    assert_eq!(strip(&mut rtp, 0), Err(Discard::Duplicate));
    assert_eq!(strip(&mut rtp, 2), Ok(()));
    assert_eq!(rtp.lost(), 1);
}

#[test]
fn a_sender_that_begins_anew_is_no_loss() {
    let mut rtp = Rtp::default();
    strip(&mut rtp, 40000).unwrap();
    assert_eq!(strip(&mut rtp, 100), Ok(()));
    let mut other = packet(MP2T, 50);
    other[11] = 8;
    assert!(rtp.strip(&other).is_ok());
    assert_eq!(rtp.lost(), 0);
}

proptest! {
    #[test]
    fn any_bytes_pass_or_are_dropped(datagrams: Vec<(bool, u8, Vec<u8>)>) {
        let mut rtp = Rtp::default();
        for (like_rtp, payload_type, mut bytes) in datagrams {
            if like_rtp && bytes.len() > 2 {
                bytes[0] = 0x80 | bytes[0] & 0x3F;
                bytes[1] = payload_type % 3 + 32;
            }
            let _ = rtp.strip(&bytes);
        }
    }

    #[test]
    fn whatever_is_lost_is_counted(kept in proptest::collection::vec(any::<bool>(), 1..300), first: u16) {
        let mut rtp = Rtp::default();
        let arrived: Vec<usize> = kept.iter().enumerate().filter(|(_, kept)| **kept).map(|(i, _)| i).collect();
        for i in &arrived {
            prop_assert_eq!(strip(&mut rtp, first.wrapping_add(*i as u16)), Ok(()));
        }
        if let (Some(low), Some(high)) = (arrived.first(), arrived.last()) {
            prop_assert_eq!(rtp.lost(), (high - low + 1 - arrived.len()) as u64);
        }
    }
}
