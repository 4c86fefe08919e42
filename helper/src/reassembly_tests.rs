use super::*;
use crate::datagram;
use proptest::prelude::*;
use proptest::sample::Index;

/// A packet of IPv4 with options, or of IPv6 with destination options, that carries UDP.
fn packet(v6: bool, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    if v6 {
        etherparse::PacketBuilder::ipv6([1; 16], [0xFF; 16], 9).udp(1, 2).write(&mut packet, payload).unwrap();
        let udp = packet.split_off(ipv6::HEADER_LEN);
        packet[6] = 60;
        packet.extend([17, 0, 1, 4, 0, 0, 0, 0]);
        packet.extend(udp);
        let len = (packet.len() - ipv6::HEADER_LEN) as u16;
        packet[4..6].copy_from_slice(&len.to_be_bytes());
    } else {
        let source = "192.0.2.1:5000".parse().unwrap();
        let udp = datagram::build(source, "232.0.2.1:1234".parse().unwrap(), 9, payload).split_off(20);
        packet = ipv4::header((0, 9, 17), *source.ip(), [232, 0, 2, 1].into(), &[1; 4], udp.len());
        packet[4..8].copy_from_slice(&[0, 7, 0, 0]);
        finish(&mut packet);
        packet.extend(udp);
    }
    packet
}

/// Puts the header's checksum right.
fn finish(header: &mut [u8]) {
    let len = usize::from(header[0] & 0x0F) * 4;
    header[10..12].fill(0);
    let sum = ipv4::checksum(&[&header[..len]]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// One fragment of `whole`: the bytes of its payload from `start` to `end`.
fn fragment(whole: &[u8], identification: u16, start: usize, end: usize) -> Vec<u8> {
    // The destination options belong to what is fragmented.
    let header_len = if whole[0] >> 4 == 4 { 24 } else { ipv6::HEADER_LEN };
    let payload = &whole[header_len..];
    let (end, more) = if end < payload.len() { (end, true) } else { (payload.len(), false) };
    piece(&whole[..header_len], identification, (start, more), &payload[start..end])
}

fn piece(header: &[u8], identification: u16, (start, more): (usize, bool), payload: &[u8]) -> Vec<u8> {
    let mut bytes = header.to_vec();
    if header[0] >> 4 == 4 {
        let field = (start / 8) as u16 | u16::from(more) << 13;
        bytes[2..4].copy_from_slice(&((header.len() + payload.len()) as u16).to_be_bytes());
        bytes[4..6].copy_from_slice(&identification.to_be_bytes());
        bytes[6..8].copy_from_slice(&field.to_be_bytes());
        finish(&mut bytes);
    } else {
        let next = std::mem::replace(&mut bytes[6], 44);
        bytes[4..6].copy_from_slice(&((8 + payload.len()) as u16).to_be_bytes());
        bytes.extend([next, 0]);
        bytes.extend((start as u16 | u16::from(more)).to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(identification.to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

fn cut(whole: &[u8], identification: u16, at: usize) -> [Vec<u8>; 2] {
    [fragment(whole, identification, 0, at), fragment(whole, identification, at, usize::MAX)]
}

#[test]
fn what_is_no_fragment_is_handed_back_as_it_came() {
    let mut reassembly = Reassembly::default();
    let now = Instant::now();
    let mut damaged = packet(false, b"abcdefgh");
    damaged[10] ^= 1;
    for bytes in [packet(false, b"abcdefgh"), packet(true, b"abcdefgh"), damaged, vec![], vec![0x45], vec![0x10; 60]] {
        let back = reassembly.push(now, &bytes).unwrap().unwrap();
        assert_eq!((back.as_ptr(), back.len()), (bytes.as_ptr(), bytes.len()));
    }
    assert_eq!(reassembly.figures(), Figures::default());
}

#[test]
fn a_fragment_that_is_the_whole_packet_passes_beside_others_of_its_name() {
    let now = Instant::now();
    let mut reassembly = Reassembly::default();
    let whole = packet(true, b"abcdefghijklmnop");
    let [first, last] = cut(&whole, 7, 16);
    assert_eq!(reassembly.push(now, &first), Ok(None));
    let atomic = fragment(&whole, 7, 0, usize::MAX);
    assert_eq!(reassembly.push(now, &atomic), Ok(Some(&atomic[..])));
    assert_eq!(datagram::parse(&atomic).unwrap().payload, b"abcdefghijklmnop");
    assert_eq!(reassembly.push(now, &last), Ok(Some(&whole[..])));
}

#[test]
fn packets_are_told_apart_by_source_destination_protocol_and_identification() {
    let now = Instant::now();
    let whole = packet(false, b"abcdefghijklmnop");
    let [first, last] = cut(&whole, 7, 8);
    for (at, value) in [(9, 6), (15, 9), (19, 9), (5, 9)] {
        let mut reassembly = Reassembly::default();
        let mut other = last.clone();
        other[at] = value;
        finish(&mut other);
        assert_eq!(reassembly.push(now, &first), Ok(None));
        assert_eq!(reassembly.push(now, &other), Ok(None));
        assert_eq!(reassembly.push(now, &last), Ok(Some(&whole[..])));
    }
}

#[test]
fn a_packet_has_a_second_to_come_together() {
    let start = Instant::now();
    let mut reassembly = Reassembly::default();
    let whole = packet(false, b"abcdefghijklmnop");
    let [first, last] = cut(&whole, 7, 8);
    let almost = LIFETIME - Duration::from_millis(1);
    assert_eq!(reassembly.push(start, &first), Ok(None));
    assert_eq!(reassembly.push(start + almost, &last), Ok(Some(&whole[..])));
    assert_eq!(reassembly.push(start, &first), Ok(None));
    assert_eq!(reassembly.push(start + LIFETIME, &last), Ok(None));
    reassembly.expire(start + 2 * LIFETIME);
    assert_eq!(reassembly.figures(), Figures { reassembled: 1, timed_out: 2, ..Figures::default() });
}

#[test]
fn the_oldest_makes_room() {
    let now = Instant::now();
    let mut reassembly = Reassembly::default();
    let whole = packet(false, b"abcdefghijklmnop");
    for identification in 0..=MAX_PACKETS as u16 {
        assert_eq!(reassembly.push(now, &cut(&whole, identification, 8)[0]), Ok(None));
    }
    assert_eq!(reassembly.figures().evicted, 1);
    assert!(reassembly.push(now, &cut(&whole, 1, 8)[1]).unwrap().is_some());
    assert_eq!(reassembly.push(now, &cut(&whole, 0, 8)[1]), Ok(None));
}

#[test]
fn fragments_that_contradict_each_other_end_their_packet() {
    let now = Instant::now();
    for v6 in [false, true] {
        let whole = packet(v6, &[b'a'; 80]);
        let header = &whole[..if v6 { 40 } else { 24 }];
        // After bytes 16 to 32: over their beginning, over their end, around them, the same with other bytes.
        for (start, len) in [(8, 16), (24, 16), (8, 32), (16, 16)] {
            let mut reassembly = Reassembly::default();
            let middle = fragment(&whole, 7, 16, 32);
            assert_eq!(reassembly.push(now, &middle), Ok(None));
            assert_eq!(reassembly.push(now, &middle), Ok(None), "a repetition is no overlap");
            let bad = piece(header, 7, (start, true), &vec![b'x'; len]);
            assert_eq!(reassembly.push(now, &bad), Err(Discard::Overlap));
            for piece in [fragment(&whole, 7, 0, 16), middle.clone(), fragment(&whole, 7, 32, 999)] {
                assert_eq!(reassembly.push(now, &piece), Err(Discard::Overlap));
            }
            assert_eq!(reassembly.figures(), Figures { refused: 1, duplicates: 1, ..Figures::default() });
            // Its identification may be used again when its time is over.
            let [first, last] = cut(&whole, 7, 16);
            assert_eq!(reassembly.push(now + LIFETIME, &first), Ok(None));
            assert_eq!(reassembly.push(now + LIFETIME, &last), Ok(Some(&whole[..])));
            assert_eq!(reassembly.figures().timed_out, 0);
        }
    }
}

#[test]
fn an_end_that_contradicts_another_is_refused() {
    let now = Instant::now();
    let whole = packet(false, &[b'a'; 80]);
    let end_at = |end: usize| piece(&whole[..24], 7, (end - 8, false), &[b'a'; 8]);
    let middle_at = |start: usize| piece(&whole[..24], 7, (start, true), &[b'a'; 8]);
    for [first, second] in [[end_at(40), end_at(56)], [end_at(40), middle_at(40)], [middle_at(40), end_at(40)]] {
        let mut reassembly = Reassembly::default();
        assert_eq!(reassembly.push(now, &first), Ok(None));
        assert_eq!(reassembly.push(now, &second), Err(Discard::Overlap));
    }
}

#[test]
fn lengths_that_cannot_be_are_refused_by_name() {
    let now = Instant::now();
    let mut reassembly = Reassembly::default();
    for v6 in [false, true] {
        let whole = packet(v6, &[b'a'; 80]);
        let header = &whole[..if v6 { 40 } else { 24 }];
        assert_eq!(reassembly.push(now, &piece(header, 7, (0, true), &[0; 12])), Err(Discard::Length));
        assert_eq!(reassembly.push(now, &piece(header, 7, (8, true), &[])), Err(Discard::Length));
        assert_eq!(reassembly.push(now, &piece(header, 7, (8, false), &[])), Err(Discard::Length));
        assert_eq!(reassembly.push(now, &piece(header, 7, (65_528, false), &[0; 8])), Err(Discard::TooLong));
        let mut short = piece(header, 7, (0, true), &[0; 16]);
        short.truncate(header.len() + 4);
        assert!(reassembly.push(now, &short).is_err());
    }
    // The payload alone would fit, the packet does not.
    let whole = packet(false, &[b'a'; 80]);
    for start in (0..65_520).step_by(1040) {
        let end = (start + 1040).min(65_520);
        let piece = piece(&whole[..24], 8, (start, end < 65_520), &vec![0; end - start]);
        let built = reassembly.push(now, &piece);
        assert_eq!(built, if end < 65_520 { Ok(None) } else { Err(Discard::TooLong) });
    }
    assert_eq!(reassembly.figures(), Figures { refused: 1, ..Figures::default() });
}

#[test]
fn a_packet_cut_too_small_is_refused() {
    let now = Instant::now();
    let mut reassembly = Reassembly::default();
    let whole = packet(false, &[b'a'; 1300]);
    let results: Vec<_> =
        (0..=MAX_PIECES).map(|i| reassembly.push(now, &fragment(&whole, 7, i * 8, i * 8 + 8)).map(|_| ())).collect();
    assert!(results[..MAX_PIECES].iter().all(Result::is_ok));
    assert_eq!(results[MAX_PIECES], Err(Discard::TooMany));
}

proptest! {
    #[test]
    fn pieces_in_any_order_and_twice_make_the_packet_once(
        v6: bool,
        payload in proptest::collection::vec(any::<u8>(), 1..3000),
        cuts in proptest::collection::vec(any::<Index>(), 1..12),
        order in proptest::collection::vec(any::<Index>(), 1..40),
    ) {
        let whole = packet(v6, &payload);
        let words = (whole.len() - if v6 { 40 } else { 24 }).div_ceil(8);
        let mut edges: Vec<_> = cuts.iter().map(|cut| cut.index(words) * 8).chain([0, words * 8]).collect();
        edges.sort_unstable();
        edges.dedup();
        let pieces: Vec<_> = edges.windows(2).map(|edge| fragment(&whole, 7, edge[0], edge[1])).collect();
        prop_assume!(pieces.len() > 1);
        let now = Instant::now();
        let mut reassembly = Reassembly::default();
        let mut built = Vec::new();
        let mut seen = vec![false; pieces.len()];
        let shuffled = order.iter().map(|index| index.index(pieces.len()));
        for index in shuffled.chain(0..pieces.len()) {
            if seen.iter().all(|seen| *seen) {
                break;
            }
            seen[index] = true;
            built.extend(reassembly.push(now, &pieces[index]).unwrap().map(<[u8]>::to_vec));
        }
        prop_assert_eq!(&built, &[whole]);
        prop_assert_eq!(datagram::parse(&built[0]).unwrap().payload, &payload[..]);
    }

    #[test]
    fn any_bytes_keep_the_bounds(
        packets in proptest::collection::vec((any::<bool>(), 0_u16..3, 0_usize..6, any::<bool>(), 0_usize..5, any::<u8>()), 0..60),
        noise: Vec<u8>,
    ) {
        let now = Instant::now();
        let mut reassembly = Reassembly::default();
        let mut headers = [packet(false, b"")[..24].to_vec(), packet(true, b"")[..40].to_vec()];
        headers[1][6] = ipv4::UDP;
        for (v6, identification, start, more, words, byte) in packets {
            let bytes = piece(&headers[usize::from(v6)], identification, (start * 8, more), &vec![byte % 2; words * 8]);
            if let Ok(Some(whole)) = reassembly.push(now, &bytes) {
                let checked = if v6 { ipv6::Packet::parse(whole).is_ok_and(|ip| ip.fragment.is_none()) } else { ipv4::Packet::parse(whole).is_ok_and(|ip| !ip.fragment) };
                prop_assert!(checked);
            }
            let _ = reassembly.push(now, &noise);
            prop_assert!(reassembly.partials.len() <= MAX_PACKETS);
            for partial in &reassembly.partials {
                let held: usize = partial.pieces.iter().map(|(_, bytes)| bytes.len()).sum();
                prop_assert!(held <= MAX_LEN && (partial.refused || held == partial.held));
            }
        }
    }
}
