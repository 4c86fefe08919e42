use super::*;
use crate::reader::hex;
use etherparse::{IgmpSlice, IpNumber, Ipv4Header, SlicedPacket, TransportSlice};
use proptest::prelude::*;
use std::time::Duration;

const GROUP: Ipv4Addr = Ipv4Addr::new(232, 0, 2, 1);
const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn one(kind: RecordType, sources: &[Ipv4Addr]) -> Vec<u8> {
    report(&[Record { kind, group: GROUP, sources: sources.to_vec() }])
}

/// Sets both checksums right.
fn repair(packet: &mut [u8]) {
    let header_len = usize::from(packet[0] & 0x0F) * 4;
    let (header, message) = packet.split_at_mut(header_len);
    header[10..12].fill(0);
    let sum = ipv4::checksum(&[header]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    message[2..4].fill(0);
    let sum = ipv4::checksum(&[message]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn report_bytes() {
    const HEADER: &str = "46c0002c 00004000 010203f6 00000000 e0000016 94040000";
    for (kind, message) in [
        (RecordType::AllowNewSources, "22002cfa 00000001 05000001 e8000201 c0000201"),
        (RecordType::ModeIsInclude, "220030fa 00000001 01000001 e8000201 c0000201"),
        (RecordType::BlockOldSources, "22002bfa 00000001 06000001 e8000201 c0000201"),
    ] {
        assert_eq!(one(kind, &[SOURCE]), hex(&format!("{HEADER} {message}")));
    }
    const SHORTER: &str = "46c00028 00004000 010203fa 00000000 e0000016 94040000";
    for (kind, message) in [
        (RecordType::ChangeToExclude, "2200effc 00000001 04000000 e8000201"),
        (RecordType::ModeIsExclude, "2200f1fc 00000001 02000000 e8000201"),
        (RecordType::ChangeToInclude, "2200f0fc 00000001 03000000 e8000201"),
    ] {
        assert_eq!(one(kind, &[]), hex(&format!("{SHORTER} {message}")));
    }
}

#[test]
fn general_query_bytes() {
    let query = GeneralQuery { interval: Duration::from_secs(125), robustness: 2 };
    let bytes = hex("46c00024 00004000 01020413 00000000 e0000001 94040000 1101ec81 00000000 027d0000");
    assert_eq!(general_query(&query), bytes);
    assert_eq!(parse_general_query(&bytes), Ok(query));
}

#[test]
fn a_query_without_values_means_the_defaults() {
    let mut packet = general_query(&GeneralQuery { interval: Duration::ZERO, robustness: 0 });
    assert_eq!(parse_general_query(&packet), Ok(GeneralQuery { interval: Duration::from_secs(125), robustness: 2 }));
    // Any source, any TTL, no options; octets behind it are no part of it.
    packet.splice(20..24, []);
    packet[0] = 0x45;
    packet[3] = 32;
    packet[8] = 64;
    packet[12..16].copy_from_slice(&[10, 0, 0, 1]);
    repair(&mut packet);
    packet.extend([1, 2, 3]);
    assert!(parse_general_query(&packet).is_ok());
}

#[test]
fn what_is_no_general_query_of_version_3_is_refused_by_name() {
    let good = general_query(&GeneralQuery { interval: Duration::from_secs(20), robustness: 2 });
    let changed = |at: usize, to: &[u8]| {
        let mut packet = good.clone();
        packet[at..at + to.len()].copy_from_slice(to);
        repair(&mut packet);
        parse_general_query(&packet)
    };
    assert_eq!(changed(28, &GROUP.octets()), Err(Malformed::NotGeneral));
    assert_eq!(changed(34, &[0, 1]), Err(Malformed::NotGeneral));
    assert_eq!(changed(24, &[V3_REPORT]), Err(Malformed::Type));
    assert_eq!(changed(9, &[ipv4::UDP]), Err(Malformed::Protocol));
    assert_eq!(changed(6, &[0x20]), Err(Malformed::Protocol));
    // A length longer than what is there.
    assert_eq!(changed(3, &[37]), Err(Malformed::Ipv4(ipv4::Malformed::Length)));

    let mut version_2 = good[..32].to_vec();
    version_2[3] = 32;
    repair(&mut version_2);
    assert_eq!(parse_general_query(&version_2), Err(Malformed::Type));

    let mut damaged = good;
    damaged[33] ^= 1;
    assert_eq!(parse_general_query(&damaged), Err(Malformed::Checksum));
}

/// RFC 3376, 4.1, 7.1 and 8.3: 10 s to answer a General Query, where a tunnel's says at once.
#[test]
fn queries_of_a_network_are_built_and_read_in_every_version() {
    let timing = GeneralQuery { interval: Duration::from_secs(125), robustness: 2 };
    let (from, ten) = (Ipv4Addr::new(10, 7, 7, 1), Duration::from_secs(10));
    let general = network_query(from, None, ten, &timing);
    assert_eq!(general, hex("46c00024 00004000 0102f30a 0a070701 e0000001 94040000 1164ec1e 00000000 027d0000"));
    assert_eq!(parse_query(&general), Ok(Query { group: None, max_response: ten, timing: Some(timing) }));
    let specific = network_query(from, Some(GROUP), Duration::from_secs(1), &timing);
    assert_eq!(specific[16..20], GROUP.octets());
    let read = Query { group: Some(GROUP), max_response: Duration::from_secs(1), timing: Some(timing) };
    assert_eq!(parse_query(&specific), Ok(read));
    for (code, seconds) in [(0, 10), (100, 10), (200, 20)] {
        let older = packet(from, ALL_SYSTEMS, vec![QUERY, code, 0, 0, 0, 0, 0, 0]);
        let max_response = Duration::from_secs(seconds);
        assert_eq!(parse_query(&older), Ok(Query { group: None, max_response, timing: None }));
    }
    assert_eq!(parse_query(&report(&[])), Err(Malformed::Type));
    assert_eq!(
        parse_query(&packet(from, ALL_SYSTEMS, vec![QUERY, 1, 0, 0, 0, 0, 0, 0, 2, 125])),
        Err(Malformed::Length)
    );
}

#[test]
fn a_strict_reader_wants_router_alert_and_a_ttl_of_1() {
    let good = one(RecordType::AllowNewSources, &[SOURCE]);
    let mut far = good.clone();
    far[8] = 64;
    let mut without = good.clone();
    without.splice(20..24, []);
    without[0] = 0x45;
    without[3] -= 4;
    for mut packet in [far, without] {
        repair(&mut packet);
        assert_eq!(parse_report(&packet, true), Err(Malformed::Header));
        assert_eq!(parse_report(&packet, false), parse_report(&good, true));
    }
}

#[test]
fn reports_of_versions_1_and_2_are_read() {
    let message = |kind: u8| {
        let message = [&[kind, 0, 0, 0][..], &GROUP.octets()].concat();
        parse_report(&packet(Ipv4Addr::UNSPECIFIED, GROUP, message), true).unwrap()
    };
    let record = |kind| vec![Record { kind, group: GROUP, sources: vec![] }];
    assert_eq!(message(V1_REPORT), record(RecordType::ModeIsExclude));
    assert_eq!(message(V2_REPORT), record(RecordType::ModeIsExclude));
    assert_eq!(message(V2_LEAVE), record(RecordType::ChangeToInclude));
}

#[test]
fn records_of_unknown_types_and_auxiliary_data_are_passed_over() {
    let mut message = vec![V3_REPORT, 0, 0, 0, 0, 0, 0, 2];
    message.extend([9, 0, 0, 1, 232, 0, 0, 9, 10, 0, 0, 1]);
    message.extend([6, 1, 0, 1, 232, 0, 2, 1, 192, 0, 2, 1, 0xAA, 0xAA, 0xAA, 0xAA]);
    let records = parse_report(&packet(Ipv4Addr::UNSPECIFIED, ALL_V3_ROUTERS, message.clone()), true);
    assert_eq!(records, Ok(vec![Record { kind: RecordType::BlockOldSources, group: GROUP, sources: vec![SOURCE] }]));
    message.truncate(message.len() - 1);
    assert_eq!(parse_report(&packet(Ipv4Addr::UNSPECIFIED, ALL_V3_ROUTERS, message), true), Err(Malformed::Length));
}

fn kinds() -> impl Strategy<Value = RecordType> {
    (1_u8..=6).prop_map(|code| RecordType::from_code(code).unwrap())
}

fn records() -> impl Strategy<Value = Vec<Record<Ipv4Addr>>> {
    let sources = proptest::collection::vec(any::<Ipv4Addr>(), 0..5);
    let record =
        (kinds(), any::<Ipv4Addr>(), sources).prop_map(|(kind, group, sources)| Record { kind, group, sources });
    proptest::collection::vec(record, 0..5)
}

proptest! {
    #[test]
    fn etherparse_reads_the_same_report(records in records()) {
        let bytes = report(&records);
        let sliced = SlicedPacket::from_ip(&bytes).unwrap();
        let (header, _) = Ipv4Header::from_slice(&bytes).unwrap();
        prop_assert_eq!(header.time_to_live, 1);
        prop_assert_eq!(header.dscp.value() << 2, TOS);
        prop_assert_eq!(header.protocol, IpNumber::IGMP);
        prop_assert_eq!(header.destination, [224, 0, 0, 22]);
        prop_assert_eq!(header.options.as_slice(), &[0x94, 4, 0, 0]);
        prop_assert_eq!(header.header_checksum, header.calc_header_checksum());
        let Some(TransportSlice::Igmp(igmp)) = sliced.transport else { panic!("no IGMP") };
        prop_assert!(igmp.is_checksum_valid());
        let IgmpSlice::MembershipReportV3(report) = igmp else { panic!("no report") };
        let theirs: Vec<_> = report
            .group_records()
            .map(|record| record.unwrap())
            .map(|record| Record {
                kind: RecordType::from_code(record.record_type().0).unwrap(),
                group: record.multicast_address().into(),
                sources: record.source_addresses().map(Ipv4Addr::from).collect(),
            })
            .collect();
        prop_assert_eq!(&theirs, &records);
        prop_assert_eq!(parse_report(&bytes, true), Ok(records));
    }

    #[test]
    fn etherparse_reads_the_same_query(seconds in 1_u64..40_000, robustness in 1_u8..=7) {
        let bytes = general_query(&GeneralQuery { interval: Duration::from_secs(seconds), robustness });
        let (_, message) = Ipv4Header::from_slice(&bytes).unwrap();
        let igmp = IgmpSlice::from_slice(message).unwrap();
        prop_assert!(igmp.is_checksum_valid());
        let IgmpSlice::MembershipQueryWithSources(query) = igmp else { panic!("no query") };
        let parsed = parse_general_query(&bytes).unwrap();
        prop_assert_eq!(query.qrv().value(), robustness);
        prop_assert_eq!(parsed.robustness, robustness);
        prop_assert!(parsed.interval.as_secs() <= seconds && parsed.interval.as_secs() * 17 / 16 + 8 >= seconds.min(31744));
    }

    #[test]
    fn any_message_is_read_or_refused(mut message in proptest::collection::vec(any::<u8>(), 8..80), kind in 0_usize..4) {
        message[0] = [QUERY, V2_REPORT, V2_LEAVE, V3_REPORT][kind];
        message[2..4].fill(0);
        message[6] = 0;
        let bytes = packet(Ipv4Addr::UNSPECIFIED, ALL_V3_ROUTERS, message);
        let _ = parse_general_query(&bytes);
        let _ = parse_report(&bytes, true);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = parse_general_query(&bytes);
        let _ = parse_report(&bytes, false);
    }
}
