use super::*;
use crate::reader::hex;
use etherparse::{Icmpv6Slice, IpNumber, NetSlice, SlicedPacket, TransportSlice};
use proptest::prelude::*;
use std::time::Duration;

const GROUP: Ipv6Addr = Ipv6Addr::new(0xFF3E, 0, 0, 0, 0, 0, 0, 0x8001);
const SOURCE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1);

fn one(kind: RecordType, sources: &[Ipv6Addr]) -> Vec<u8> {
    report(&[Record { kind, group: GROUP, sources: sources.to_vec() }])
}

/// Sets the checksum of the message behind a hop-by-hop header right.
fn repair(packet: &mut [u8]) {
    packet[50..52].fill(0);
    let address = |bytes: &[u8]| Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap());
    let sum = ipv6::checksum(address(&packet[8..24]), address(&packet[24..40]), ipv6::ICMPV6, &packet[48..]);
    packet[50..52].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn report_bytes() {
    let bytes = hex("60000000 0034 00 01 00000000000000000000000000000000 ff020000000000000000000000000016 \
         3a00050200000100 \
         8f00bf83 0000 0001 05000001 ff3e0000000000000000000000008001 20010db8000000000000000000000001");
    assert_eq!(one(RecordType::AllowNewSources, &[SOURCE]), bytes);
}

#[test]
fn general_query_bytes() {
    let query = GeneralQuery { interval: Duration::from_secs(125), robustness: 2 };
    let bytes = hex("60000000 0024 00 01 00000000000000000000000000000000 ff020000000000000000000000000001 \
         3a00050200000100 \
         82007c27 00010000 00000000000000000000000000000000 027d0000");
    assert_eq!(general_query(&query), bytes);
    assert_eq!(parse_general_query(&bytes), Ok(query));
    // With the AMT header in front of it: what relays of this protocol were seen to send.
    assert_eq!(bytes.len() + 12, 88);
}

#[test]
fn a_query_without_values_means_the_defaults() {
    let mut packet = general_query(&GeneralQuery { interval: Duration::ZERO, robustness: 0 });
    let defaults = GeneralQuery { interval: Duration::from_secs(125), robustness: 2 };
    assert_eq!(parse_general_query(&packet), Ok(defaults));
    // Any source, any hop limit; octets behind it are no part of it.
    packet[7] = 64;
    packet[8..24].copy_from_slice(&SOURCE.octets());
    repair(&mut packet);
    packet.extend([1, 2, 3]);
    assert_eq!(parse_general_query(&packet), Ok(defaults));
    // No options.
    packet.splice(40..48, []);
    packet[6] = ipv6::ICMPV6;
    packet[5] -= 8;
    assert_eq!(parse_general_query(&packet), Ok(defaults));
}

#[test]
fn what_is_no_general_query_of_version_2_is_refused_by_name() {
    let good = general_query(&GeneralQuery { interval: Duration::from_secs(20), robustness: 2 });
    let changed = |at: usize, to: &[u8]| {
        let mut packet = good.clone();
        packet[at..at + to.len()].copy_from_slice(to);
        repair(&mut packet);
        parse_general_query(&packet)
    };
    assert_eq!(changed(56, &GROUP.octets()), Err(Malformed::NotGeneral));
    assert_eq!(changed(74, &[0, 1]), Err(Malformed::NotGeneral));
    assert_eq!(changed(48, &[V2_REPORT]), Err(Malformed::Type));
    assert_eq!(changed(40, &[17]), Err(Malformed::Protocol));
    assert_eq!(changed(40, &[44]), Err(Malformed::Protocol));
    assert_eq!(changed(5, &[37]), Err(Malformed::Length));
    assert_eq!(changed(0, &[0x40]), Err(Malformed::Protocol));

    let mut version_1 = good[..72].to_vec();
    version_1[5] = 32;
    repair(&mut version_1);
    assert_eq!(parse_general_query(&version_1), Err(Malformed::Type));

    let mut damaged = good;
    damaged[73] ^= 1;
    assert_eq!(parse_general_query(&damaged), Err(Malformed::Checksum));
}

/// RFC 3810, 5.1, 8.1 and 9.3: 10 s to answer a General Query, where a tunnel's says at once.
#[test]
fn queries_of_a_network_are_built_and_read_in_both_versions() {
    let timing = GeneralQuery { interval: Duration::from_secs(125), robustness: 2 };
    let (from, ten) = (Ipv6Addr::new(0xFE80, 0, 0, 0, 0, 0, 0, 1), Duration::from_secs(10));
    let general = network_query(from, None, ten, &timing);
    assert_eq!((&general[8..24], &general[52..54]), (&from.octets()[..], &[0x27, 0x10][..]));
    assert_eq!(parse_query(&general), Ok(Query { group: None, max_response: ten, timing: Some(timing) }));
    let specific = network_query(from, Some(GROUP), Duration::from_secs(1), &timing);
    assert_eq!(specific[24..40], GROUP.octets());
    let read = Query { group: Some(GROUP), max_response: Duration::from_secs(1), timing: Some(timing) };
    assert_eq!(parse_query(&specific), Ok(read));
    let older = [&[QUERY, 0, 0, 0, 0x90, 0, 0, 0][..], &[0; 16]].concat();
    let older = packet(from, ALL_NODES, older);
    assert_eq!(
        parse_query(&older),
        Ok(Query { group: None, max_response: Duration::from_millis(0x9000), timing: None })
    );
    assert_eq!(parse_query(&report(&[])), Err(Malformed::Type));
}

#[test]
fn a_strict_reader_wants_router_alert_and_a_hop_limit_of_1() {
    let good = one(RecordType::AllowNewSources, &[SOURCE]);
    let mut far = good.clone();
    far[7] = 64;
    let mut without = good.clone();
    without[42] = 0x1E;
    for packet in [far, without] {
        assert_eq!(parse_report(&packet, true), Err(Malformed::Header));
        assert_eq!(parse_report(&packet, false), parse_report(&good, true));
    }
}

#[test]
fn reports_of_version_1_are_read() {
    let message = |kind: u8| {
        let message = [&[kind, 0, 0, 0, 0, 0, 0, 0][..], &GROUP.octets()].concat();
        parse_report(&packet(Ipv6Addr::UNSPECIFIED, GROUP, message), true).unwrap()
    };
    let record = |kind| vec![Record { kind, group: GROUP, sources: vec![] }];
    assert_eq!(message(V1_REPORT), record(RecordType::ModeIsExclude));
    assert_eq!(message(V1_DONE), record(RecordType::ChangeToInclude));
}

#[test]
fn records_of_unknown_types_and_auxiliary_data_are_passed_over() {
    let mut message = vec![V2_REPORT, 0, 0, 0, 0, 0, 0, 2];
    message.extend([9, 0, 0, 0]);
    message.extend(GROUP.octets());
    message.extend([6, 1, 0, 1]);
    message.extend(GROUP.octets());
    message.extend(SOURCE.octets());
    message.extend([0xAA; 4]);
    let records = parse_report(&packet(Ipv6Addr::UNSPECIFIED, ALL_V2_ROUTERS, message.clone()), true);
    assert_eq!(records, Ok(vec![Record { kind: RecordType::BlockOldSources, group: GROUP, sources: vec![SOURCE] }]));
    message.truncate(message.len() - 1);
    assert_eq!(parse_report(&packet(Ipv6Addr::UNSPECIFIED, ALL_V2_ROUTERS, message), true), Err(Malformed::Length));
}

fn records() -> impl Strategy<Value = Vec<Record<Ipv6Addr>>> {
    let sources = proptest::collection::vec(any::<Ipv6Addr>(), 0..5);
    let kinds = (1_u8..=6).prop_map(|code| RecordType::from_code(code).unwrap());
    let record = (kinds, any::<Ipv6Addr>(), sources).prop_map(|(kind, group, sources)| Record { kind, group, sources });
    proptest::collection::vec(record, 0..5)
}

proptest! {
    #[test]
    fn etherparse_reads_the_same_headers(records in records()) {
        let bytes = report(&records);
        let sliced = SlicedPacket::from_ip(&bytes).unwrap();
        let Some(NetSlice::Ipv6(ip)) = sliced.net else { panic!("no IPv6") };
        prop_assert_eq!(ip.header().hop_limit(), 1);
        prop_assert_eq!(ip.header().next_header(), IpNumber::IPV6_HEADER_HOP_BY_HOP);
        prop_assert_eq!(ip.header().destination_addr(), ALL_V2_ROUTERS);
        prop_assert_eq!(ip.extensions().slice(), &ipv6::HOP_BY_HOP_ROUTER_ALERT[..]);
        let Some(TransportSlice::Icmpv6(icmp)) = sliced.transport else { panic!("no ICMPv6") };
        prop_assert!(Icmpv6Slice::is_checksum_valid(&icmp, [0; 16], ALL_V2_ROUTERS.octets()));
        prop_assert_eq!(icmp.type_u8(), V2_REPORT);
        prop_assert_eq!(parse_report(&bytes, true), Ok(records));
    }

    #[test]
    fn a_query_reads_back(seconds in 1_u64..40_000, robustness in 1_u8..=7) {
        let bytes = general_query(&GeneralQuery { interval: Duration::from_secs(seconds), robustness });
        let parsed = parse_general_query(&bytes).unwrap();
        prop_assert_eq!(parsed.robustness, robustness);
        prop_assert!(parsed.interval.as_secs() <= seconds && parsed.interval.as_secs() * 17 / 16 + 8 >= seconds.min(31744));
    }

    #[test]
    fn any_message_is_read_or_refused(mut message in proptest::collection::vec(any::<u8>(), 8..120), kind in 0_usize..4) {
        message[0] = [QUERY, V1_REPORT, V1_DONE, V2_REPORT][kind];
        message[2..4].fill(0);
        message[6] = 0;
        let bytes = packet(Ipv6Addr::UNSPECIFIED, ALL_V2_ROUTERS, message);
        let _ = parse_general_query(&bytes);
        let _ = parse_report(&bytes, true);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = parse_general_query(&bytes);
        let _ = parse_report(&bytes, false);
    }
}
