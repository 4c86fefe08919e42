use super::*;
use etherparse::PacketBuilder;
use proptest::prelude::*;

fn sender() -> SocketAddrV4 {
    "192.0.2.1:5000".parse().unwrap()
}

fn group() -> SocketAddrV4 {
    "232.0.2.1:1234".parse().unwrap()
}

fn repair_header(packet: &mut [u8]) {
    packet[10..12].fill(0);
    let sum = ipv4::checksum(&[&packet[..20]]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn the_payload_ends_where_udp_says() {
    // A shorter UDP length than the packet's, and octets behind the packet.
    let mut packet = build(sender(), group(), 1, b"abcd");
    packet[25] = 8 + 3;
    packet[26..28].fill(0);
    packet.extend(b"behind");
    let datagram = parse(&packet).unwrap();
    assert_eq!(datagram.payload, b"abc");
    assert_eq!(datagram.source, sender().into());
    assert_eq!(datagram.destination, group().into());
}

#[test]
fn a_checksum_may_be_missing_but_not_wrong() {
    let mut packet = build(sender(), group(), 1, b"abcd");
    packet[28] ^= 1;
    assert_eq!(parse(&packet), Err(Discard::UdpChecksum));
    packet[26..28].fill(0);
    assert_eq!(parse(&packet).unwrap().payload, b"`bcd");
}

#[test]
fn fragments_are_refused_by_name() {
    for field in [0x2000_u16, 0x0001, 0x3FFF] {
        let mut packet = build(sender(), group(), 1, b"abcd");
        packet[6..8].copy_from_slice(&field.to_be_bytes());
        repair_header(&mut packet);
        assert_eq!(parse(&packet), Err(Discard::Fragment));
    }
}

#[test]
fn what_is_not_udp_is_refused_by_name() {
    let mut packet = build(sender(), group(), 1, b"abcd");
    packet[9] = 6;
    repair_header(&mut packet);
    assert_eq!(parse(&packet), Err(Discard::NotUdp));
    assert_eq!(parse(&[0x50; 40]), Err(Discard::NotIp));
    assert_eq!(parse(&[]), Err(Discard::NotIp));
}

#[test]
fn a_length_that_does_not_fit_is_refused_by_name() {
    let packet = build(sender(), group(), 1, b"abcd");
    assert_eq!(parse(&packet[..packet.len() - 1]), Err(Discard::Ipv4(ipv4::Malformed::Length)));
    for len in [0_u16, 7, 13, 0xFFFF] {
        let mut packet = packet.clone();
        packet[24..26].copy_from_slice(&len.to_be_bytes());
        assert_eq!(parse(&packet), Err(Discard::UdpLength));
    }
}

/// An IPv6 packet with these extension headers, each as its type and its bytes from the second on.
fn with_extensions(headers: &[(u8, &[u8])], payload: &[u8]) -> Vec<u8> {
    let (source, destination) = ([1; 16], [0xFF; 16]);
    let mut packet = Vec::new();
    PacketBuilder::ipv6(source, destination, 1).udp(1, 2).write(&mut packet, payload).unwrap();
    let udp = packet.split_off(ipv6::HEADER_LEN);
    let mut next_at = 6;
    for (kind, rest) in headers {
        let next = std::mem::replace(&mut packet[next_at], *kind);
        next_at = packet.len();
        packet.push(next);
        packet.extend(*rest);
    }
    packet.extend(udp);
    let len = (packet.len() - ipv6::HEADER_LEN) as u16;
    packet[4..6].copy_from_slice(&len.to_be_bytes());
    packet
}

#[test]
fn extension_headers_before_udp_are_passed_over() {
    let router_alert: &[u8] = &[0, 5, 2, 0, 0, 1, 0];
    let padding = [&[1, 1, 12][..], &[0; 12]].concat();
    let packet = with_extensions(&[(0, router_alert), (60, &padding), (43, &[0, 4, 0, 0, 0, 0, 0])], b"abcd");
    assert_eq!(parse(&packet).unwrap().payload, b"abcd");
    // A fragment that is the whole packet (RFC 6946).
    let atomic = with_extensions(&[(60, &padding), (44, &[0, 0, 0, 9, 9, 9, 9]), (60, &padding)], b"abcd");
    assert_eq!(parse(&atomic).unwrap().payload, b"abcd");
    let piece = with_extensions(&[(44, &[0, 0, 1, 9, 9, 9, 9])], b"abcd");
    assert_eq!(parse(&piece), Err(Discard::Fragment));
    let authenticated = with_extensions(&[(51, &[4, 0, 0, 0, 0, 0, 0])], b"abcd");
    assert_eq!(parse(&authenticated), Err(Discard::NotUdp));
    let too_long = with_extensions(&[(60, &[200, 0, 0, 0, 0, 0, 0])], b"abcd");
    assert_eq!(parse(&too_long), Err(Discard::Ipv6Length));
}

proptest! {
    #[test]
    fn etherparse_agrees_on_what_is_built(
        source: [u8; 4], destination: [u8; 4], ports: (u16, u16), ttl: u8, payload in proptest::collection::vec(any::<u8>(), 0..1500),
    ) {
        let source = SocketAddrV4::new(source.into(), ports.0);
        let destination = SocketAddrV4::new(destination.into(), ports.1);
        let packet = build(source, destination, ttl, &payload);
        let datagram = parse(&packet).unwrap();
        prop_assert_eq!(datagram.payload, &payload[..]);
        prop_assert_eq!((datagram.source, datagram.destination), (source.into(), destination.into()));
        prop_assert_eq!(addresses(&packet), Some(((*source.ip()).into(), (*destination.ip()).into())));

        let mut oracle = Vec::new();
        PacketBuilder::ipv4(source.ip().octets(), destination.ip().octets(), ttl)
            .udp(ports.0, ports.1)
            .write(&mut oracle, &payload)
            .unwrap();
        prop_assert_eq!(oracle, packet);
    }

    #[test]
    fn ipv6_of_etherparse_is_read(
        source: [u8; 16], destination: [u8; 16], ports: (u16, u16), payload in proptest::collection::vec(any::<u8>(), 0..1500),
    ) {
        let mut packet = Vec::new();
        PacketBuilder::ipv6(source, destination, 1).udp(ports.0, ports.1).write(&mut packet, &payload).unwrap();
        let datagram = parse(&packet).unwrap();
        prop_assert_eq!(datagram.payload, &payload[..]);
        prop_assert_eq!(datagram.destination, SocketAddr::new(destination.into(), ports.1));
        prop_assert_eq!(addresses(&packet), Some((source.into(), destination.into())));
    }

    #[test]
    fn any_bytes_are_a_datagram_or_a_named_error(mut bytes: Vec<u8>, version in 3_u8..=7, fix: bool) {
        if let Some(first) = bytes.first_mut() {
            *first = version << 4 | 5;
        }
        if fix && bytes.len() >= 20 {
            let len = bytes.len() as u16;
            bytes[2..4].copy_from_slice(&len.to_be_bytes());
            bytes[6..8].fill(0);
            bytes[9] = 17;
            repair_header(&mut bytes);
        }
        let _ = addresses(&bytes);
        if let Ok(datagram) = parse(&bytes) {
            prop_assert!(datagram.payload.len() + 28 <= bytes.len());
        }
    }
}
