//! The seeds of the corpus: real messages by our own encoders.

use amt_helper::amt::message::{Mac, MembershipQuery, Message, Protocol, RequestFlags};
use amt_helper::datagram;
use amt_helper::membership::interest::Interest;
use amt_helper::membership::{GeneralQuery, Membership, Record, RecordType, general_query, igmp, mld};
use amt_shared::wire::{FrameHeader, FromHelper, FromPage, Phase, Status};
use hickory_resolver::proto::op::{self, OpCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, NULL, PTR, SRV};
use hickory_resolver::proto::rr::{self, Name, RData, RecordType as DnsType};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

type Seed = (&'static str, String, Vec<u8>);

const NONCE: u32 = 0x0102_0304;
const MAC: Mac = Mac([1, 2, 3, 4, 5, 6]);
const GATEWAY: &str = "203.0.113.5:49152";
const PROTOCOLS: [Protocol; 2] = [Protocol::Igmp, Protocol::Mld];

/// Target, name of the file, and what it holds.
pub(crate) fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target, name: &str, bytes| seeds.push((target, format!("seed-{name}"), bytes));
    for (name, message) in messages() {
        add("amt_message", name, message);
    }
    urls().iter().for_each(|(name, url)| add("amt_url", name, url.as_bytes().to_vec()));
    answers().into_iter().for_each(|(name, answer)| add("dns_answer", name, answer));
    for (name, rdata) in records() {
        add("dns_record", name, rdata);
    }
    for (name, packet) in membership_packets() {
        add("membership", &name, packet);
    }
    for (flags, protocol) in PROTOCOLS.into_iter().enumerate() {
        for discover in [0, 2] {
            let name = format!("{protocol:?}-{}", if discover == 0 { "discovered" } else { "named" }).to_lowercase();
            add("gateway", &name, gateway(flags as u8 | discover, protocol));
        }
        add("relay", &format!("{protocol:?}").to_lowercase(), relay(0, protocol));
        add("relay", &format!("{protocol:?}-lenient").to_lowercase(), relay(6, protocol));
    }
    for (name, steps) in inner() {
        add("inner", name, steps);
    }
    for protocol in PROTOCOLS {
        let name = format!("{protocol:?}").to_lowercase();
        // Forwarded, an echo of it with a hop less, and a datagram without a checksum.
        let whole = packet(protocol, b"payload");
        let mut echo = whole.clone();
        echo[if protocol == Protocol::Igmp { 8 } else { 7 }] -= 1;
        add("reinject", &format!("{name}-packets"), [step(0, &whole), step(1, &echo), step(1, &whole)].concat());
        let reports = reports(protocol);
        add(
            "reinject",
            &format!("{name}-reports"),
            reports.iter().flat_map(|report| step(2 | 5 << 2, report)).collect(),
        );
    }
    for (name, steps) in merged() {
        add("merge", name, steps);
    }
    let clip = include_bytes!("../../src/demo/clip.ts");
    for (name, at) in [("tables", 0), ("middle", 200 * 188), ("end", clip.len() - 14 * 188)] {
        let ts = &clip[at..at + 14 * 188];
        add("ts_packet", name, ts.to_vec());
        add("probe", name, [step(2, &ts[..7 * 188]), step(2, &ts[7 * 188..])].concat());
    }
    // Cut elsewhere than at its packets, with a loss between, and a second without anything.
    let cut = [step(2, &clip[..1000]), step(3, &clip[1000..1500]), step(255, &[]), step(2, &clip[2256..3000])];
    add("probe", "cut", cut.concat());
    for (name, message) in websocket() {
        add("websocket", name, message);
    }
    seeds
}

fn step(what: u8, bytes: &[u8]) -> Vec<u8> {
    [&[what], &(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A source, a group, another group, and an endpoint, all of the protocol's family.
fn addresses(protocol: Protocol) -> [IpAddr; 3] {
    match protocol {
        Protocol::Igmp => ["192.0.2.1", "232.0.2.1", "239.1.2.3"].map(ip),
        Protocol::Mld => ["2001:db8::1", "ff3e::1", "ff3e::2"].map(ip),
    }
}

fn query(protocol: Protocol) -> Vec<u8> {
    general_query(protocol, &GeneralQuery { interval: Duration::from_secs(125), robustness: 2 })
}

fn reports(protocol: Protocol) -> Vec<Vec<u8>> {
    let [source, group, other] = addresses(protocol);
    let mut interest = Interest::new(protocol);
    interest.join(Membership::new(group, Some(source)).unwrap());
    interest.join(Membership::new(other, None).unwrap());
    [interest.current_state(), interest.farewell()].concat()
}

/// A UDP packet to the first group; the one of IPv6 without a checksum, as relays send it.
fn packet(protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    match addresses(protocol) {
        [IpAddr::V4(source), IpAddr::V4(group), _] => {
            datagram::build(SocketAddrV4::new(source, 5000), SocketAddrV4::new(group, 1234), 9, payload)
        }
        [IpAddr::V6(source), IpAddr::V6(group), _] => {
            let udp = [&[0x13, 0x88, 0x04, 0xD2], &(payload.len() as u16 + 8).to_be_bytes()[..], &[0, 0], payload];
            ipv6(source, group, 17, &udp.concat())
        }
        _ => unreachable!("addresses are of one family"),
    }
}

fn ipv6(source: Ipv6Addr, group: Ipv6Addr, next: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    [&[0x60, 0, 0, 0, len[0], len[1], next, 9], &source.octets()[..], &group.octets(), payload].concat()
}

fn membership_query(protocol: Protocol, gateway: Option<SocketAddr>) -> Vec<u8> {
    let packet = &query(protocol);
    Message::MembershipQuery(MembershipQuery { limit: false, mac: MAC, nonce: NONCE, packet, gateway }).encode()
}

fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let endpoint: SocketAddr = GATEWAY.parse().unwrap();
    let update =
        |protocol| Message::MembershipUpdate { mac: MAC, nonce: NONCE, packet: &reports(protocol)[0] }.encode();
    vec![
        ("discovery", Message::RelayDiscovery { nonce: NONCE }.encode()),
        ("advertisement-4", Message::RelayAdvertisement { nonce: NONCE, relay: ip("198.51.100.1") }.encode()),
        ("advertisement-6", Message::RelayAdvertisement { nonce: NONCE, relay: ip("2001:db8::99") }.encode()),
        ("request-igmp", Message::Request { flags: Protocol::Igmp.into(), nonce: NONCE }.encode()),
        (
            "request-mld",
            Message::Request { flags: RequestFlags { p: true, ecn: true, linux_p: true }, nonce: NONCE }.encode(),
        ),
        ("query-igmp", membership_query(Protocol::Igmp, Some(endpoint))),
        ("query-mld", membership_query(Protocol::Mld, None)),
        ("update-igmp", update(Protocol::Igmp)),
        ("update-mld", update(Protocol::Mld)),
        ("data", Message::MulticastData { packet: &packet(Protocol::Igmp, b"payload") }.encode()),
        ("teardown", Message::Teardown { mac: MAC, nonce: NONCE, gateway: endpoint }.encode()),
    ]
}

fn urls() -> [(&'static str, &'static str); 9] {
    [
        ("vlc", "amt://192.0.2.1@232.0.2.1:1234"),
        ("any-source", "amt://239.1.2.3"),
        ("ipv6", "amt://[2001:db8::1]@[ff3e::1]:5000"),
        ("predecessor", "amt://232.0.2.1:1234?relay=198.51.100.1,relay.example:2268&timeout=5&source=192.0.2.1"),
        ("parameter", "amt://?multicast=232.0.2.1:1234&source=192.0.2.1"),
        ("second", "amt://192.0.2.1@232.0.2.1:1234?second=192.0.2.2@232.0.2.2:1236"),
        ("names", "AMT://source.example@group.example/path?Relay=[2001:db8::99]:2268#fragment"),
        ("percent", "amt://232.0.2.1?source=%31%392.0.2.1&unknown=%zz"),
        ("relays", "198.51.100.1, relay.example:2268,,[2001:db8::99]"),
    ]
}

fn records() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("none", vec![255, 0]),
        ("ipv4", vec![10, 1, 203, 0, 113, 15]),
        ("ipv6", [&[10, 0x82], &Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 15).octets()[..]].concat()),
        ("name", b"\x80\x83\x09amtrelays\x07example\x03com\x00".to_vec()),
    ]
}

fn answers() -> Vec<(&'static str, Vec<u8>)> {
    let name = |text: &str| Name::from_ascii(text).unwrap();
    let record = |owner: &str, data| rr::Record::from_rdata(name(owner), 120, data);
    let unknown = |owner: &str, code, rdata: &[u8]| {
        record(owner, RData::Unknown { code: DnsType::Unknown(code), rdata: NULL::with(rdata.to_vec()) })
    };
    let answer = |records: Vec<rr::Record>| {
        let mut answer = op::Message::response(1, OpCode::Query);
        answer.add_answers(records);
        answer.to_vec().unwrap()
    };
    const REVERSE: &str = "1.2.0.192.in-addr.arpa.";
    let amtrelay =
        |owner: &str| records().into_iter().map(|(_, rdata)| unknown(owner, 260, &rdata)).collect::<Vec<_>>();
    let alias = record(REVERSE, RData::CNAME(CNAME(name("1.rev.example."))));
    let service = vec![
        record("_amt._udp.local.", RData::PTR(PTR(name("R._amt._udp.local.")))),
        record("R._amt._udp.local.", RData::SRV(SRV::new(5, 7, 2268, name("r.local.")))),
        record("r.local.", RData::A(A::new(192, 0, 2, 9))),
        record("r.local.", RData::AAAA(AAAA::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 9))),
    ];
    vec![
        ("records", answer(amtrelay(REVERSE))),
        ("cname", answer([vec![alias], amtrelay("1.rev.example.")].concat())),
        ("dname", answer(vec![unknown("0.192.in-addr.arpa.", 39, b"\x03rev\x07example\x00")])),
        ("loop", answer(vec![record(REVERSE, RData::CNAME(CNAME(name(REVERSE))))])),
        ("service", answer(service)),
        ("domains", answer(vec![record("lb._dns-sd._udp.local.", RData::PTR(PTR(name("relays.example."))))])),
    ]
}

fn membership_packets() -> Vec<(String, Vec<u8>)> {
    let mut packets = Vec::new();
    for protocol in PROTOCOLS {
        let name = format!("{protocol:?}").to_lowercase();
        packets.push((format!("{name}-query"), query(protocol)));
        let reports = reports(protocol).into_iter().enumerate();
        packets.extend(reports.map(|(number, report)| (format!("{name}-report-{number}"), report)));
    }
    let kinds = [
        RecordType::ModeIsInclude,
        RecordType::ModeIsExclude,
        RecordType::ChangeToInclude,
        RecordType::ChangeToExclude,
        RecordType::AllowNewSources,
        RecordType::BlockOldSources,
    ];
    let v4 = kinds.map(|kind| Record {
        kind,
        group: Ipv4Addr::new(232, 0, 2, kind as u8),
        sources: vec![Ipv4Addr::new(192, 0, 2, 1); kind as usize % 3],
    });
    let v6 = v4.clone().map(|Record { kind, group, sources }| Record {
        kind,
        group: Ipv6Addr::new(0xFF3E, 0, 0, 0, 0, 0, 0, u16::from(group.octets()[3])),
        sources: vec![Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1); sources.len()],
    });
    packets.push(("igmp-every-type".to_owned(), igmp::report(&v4)));
    packets.push(("mld-every-type".to_owned(), mld::report(&v6)));
    packets
}

/// A whole life: discovery, two joins, data, a refresh, silence, a leave, the end.
fn gateway(flags: u8, protocol: Protocol) -> Vec<u8> {
    let [source, ..] = addresses(protocol);
    let relay = if source.is_ipv4() { ip("198.51.100.1") } else { ip("2001:db8::99") };
    let query = step(1, &membership_query(protocol, Some(GATEWAY.parse().unwrap())));
    let data = Message::MulticastData { packet: &packet(protocol, b"payload") }.encode();
    let mut steps = vec![vec![flags], step(4, &[]), step(4 | 1 << 3, &[])];
    if flags & 2 == 0 {
        steps.push(step(1, &Message::RelayAdvertisement { nonce: 0, relay }.encode()));
    }
    steps.extend([query.clone(), step(0, &data), step(2, &data), step(3, &[0x75, 0x30]), query, step(0, &data)]);
    steps.extend([step(3, &[0x0F, 0xA0]), step(6, &[]), step(6 | 8, &[]), step(5, &[]), step(0, &data), step(7, &[])]);
    steps.concat()
}

/// Two gateways that join, one that tears down and one that is forgotten.
fn relay(flags: u8, protocol: Protocol) -> Vec<u8> {
    let mut steps = vec![vec![flags], step(0, &Message::RelayDiscovery { nonce: NONCE }.encode())];
    for gateway in 0..2 {
        let mut asked = RequestFlags::from(protocol);
        if flags & 4 != 0 {
            asked = RequestFlags { p: false, linux_p: asked.p, ecn: false };
        }
        steps.push(step(gateway << 2, &Message::Request { flags: asked, nonce: NONCE }.encode()));
        for packet in &reports(protocol)[..1] {
            let update = Message::MembershipUpdate { mac: MAC, nonce: NONCE, packet }.encode();
            steps.push(step(1 | gateway << 2, &update));
        }
    }
    let endpoint = GATEWAY.parse().unwrap();
    steps.push(step(1, &Message::Teardown { mac: MAC, nonce: NONCE, gateway: endpoint }.encode()));
    steps.extend([step(3, &[]), step(2, &[0xFF, 0xFF]), step(0x10 | 1 << 2 | 3, &[])]);
    steps.concat()
}

fn inner() -> Vec<(&'static str, Vec<u8>)> {
    let whole = packet(Protocol::Igmp, &[7; 40]);
    // Identification 7; 24 bytes of the payload and the rest, whose checksums the step puts right.
    let piece = |from: usize, to: usize, more: u16| {
        let mut bytes = [&whole[..20], &whole[20 + from..20 + to]].concat();
        let len = (bytes.len() as u16).to_be_bytes();
        bytes[2..4].copy_from_slice(&len);
        bytes[4..6].copy_from_slice(&[0, 7]);
        bytes[6..8].copy_from_slice(&((from / 8) as u16 | more << 13).to_be_bytes());
        bytes
    };
    let v6 = packet(Protocol::Mld, &[9; 40]);
    let v6_piece = |from: usize, to: usize, more: u16| {
        let fragment = [&[17, 0], &(from as u16 | more).to_be_bytes()[..], &[0, 0, 0, 7], &v6[40 + from..40 + to]];
        match addresses(Protocol::Mld) {
            [IpAddr::V6(source), IpAddr::V6(group), _] => ipv6(source, group, 44, &fragment.concat()),
            _ => unreachable!("addresses are of one family"),
        }
    };
    vec![
        ("ipv4", step(0, &whole)),
        ("ipv6", step(0, &v6)),
        ("ipv4-fragments", [step(1, &piece(24, 48, 0)), step(1, &piece(0, 24, 1))].concat()),
        ("ipv4-repaired-udp", step(1, &[&whole[..26], &[1, 2], &whole[28..]].concat())),
        ("ipv6-fragments", [step(0, &v6_piece(0, 24, 1)), step(2, &v6_piece(24, 48, 0))].concat()),
        ("ipv6-atomic", step(0, &v6_piece(0, 48, 0))),
        ("overlap", [step(1, &piece(0, 24, 1)), step(1, &piece(16, 48, 0)), step(1, &piece(24, 48, 0))].concat()),
        ("late", [step(1, &piece(0, 24, 1)), step(255, &[]), step(255, &piece(24, 48, 0))].concat()),
    ]
}

fn merged() -> Vec<(&'static str, Vec<u8>)> {
    let ts = |counter: u8| {
        let mut packet = vec![0xFF; 188];
        packet[..5].copy_from_slice(&[0x47, 0x41, 0, 0x10 | counter & 15, counter]);
        packet
    };
    let rtp = |number: u8| [&[0x80, 33, 0, number, 0, 0, number, 0, 1, 2, 3, 4], &ts(number)[..]].concat();
    let order = [0_u8, 1, 3, 2, 5, 4, 7, 8];
    let one_path = order.map(|number| step(4, &rtp(number))).concat();
    let two_paths: Vec<_> =
        order.iter().flat_map(|number| [step(u8::from(number % 3 == 0), &rtp(*number)), step(4 | 1, &[])]).collect();
    let plain = (0..6).flat_map(|number| [step(4, &ts(number)), step(1, &[])]);
    let handover = plain.clone().chain([step(3 | 4 | 1 << 4, &[])]).chain(plain.clone());
    let gone = plain.clone().chain([step(3 | 8, &[])]).chain((6..12).map(|number| step(5, &ts(number))));
    let kinds = (0..4).map(|number| step(0, &rtp(number))).chain((4..8).map(|number| step(0, &ts(number))));
    vec![
        ("rtp", one_path),
        ("rtp-two-paths", two_paths.concat()),
        ("plain-handover", handover.collect::<Vec<_>>().concat()),
        ("plain-gone", gone.collect::<Vec<_>>().concat()),
        ("changes-kind", kinds.collect::<Vec<_>>().concat()),
        ("silence", [step(0, &rtp(1)), step(0, &rtp(5)), step(3, &[1, 0]), step(0, &rtp(2))].concat()),
    ]
}

fn websocket() -> Vec<(&'static str, Vec<u8>)> {
    let page = |message: &FromPage| serde_json::to_vec(message).unwrap();
    let helper = |message: &FromHelper| serde_json::to_vec(message).unwrap();
    let status = Status { phase: Phase::Joined, sentence: "Joined.".into(), advice: None, relay: Some(GATEWAY.into()) };
    let header = FrameHeader { gap: true, missing: 14, sequence: 7, received_micros: 1_700_000_000_000_000 };
    vec![
        ("tune", page(&FromPage::Tune { url: "amt://192.0.2.1@232.0.2.1:1234".into(), request: None, typed: false })),
        ("stop", page(&FromPage::Stop)),
        ("hello", helper(&FromHelper::Hello { protocol: 1, version: "0.1.0".into(), url: None, alive_ms: None })),
        ("status", helper(&FromHelper::Status(status))),
        ("stats", helper(&FromHelper::Stats(amt_shared::stats::ChannelStats::default()))),
        ("frame", [&header.encode()[..], &[0x47; 188]].concat()),
    ]
}
