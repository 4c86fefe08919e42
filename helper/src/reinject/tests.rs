//! Real interfaces, in a network of their own: what is sent into `one` comes out of `other`.

use super::*;
use crate::datagram::build;
use crate::own_network;
use crate::transport::native::Native;
use crate::transport::{Batch, Interface};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::time::Instant;

const ADDRESSES: &str = "ip address add 10.7.7.1/24 dev one && ip address add 10.7.7.2/24 dev other";
const SOURCE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 4000);
const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(232, 7, 7, 7), 5004);

fn source_v6() -> SocketAddr {
    "[2001:db8::1]:4000".parse().unwrap()
}

fn group_v6() -> SocketAddr {
    "[ff3e::8077:7]:5004".parse().unwrap()
}

fn packet_v6(hops: u8, payload: &[u8]) -> Vec<u8> {
    let octets = |address: SocketAddr| match address.ip() {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(_) => Ipv6Addr::UNSPECIFIED.octets(),
    };
    let mut packet = Vec::new();
    let builder = etherparse::PacketBuilder::ipv6(octets(source_v6()), octets(group_v6()), hops).udp(4000, 5004);
    builder.write(&mut packet, payload).unwrap();
    packet
}

fn join(group: SocketAddr, source: SocketAddr, interface: &str) -> Native {
    Native::join(group.ip(), Some(source.ip()), group.port(), Some(&Interface::named(interface).unwrap())).unwrap()
}

/// The next datagram: its sender and payload.
async fn next(native: &Native) -> (SocketAddr, Vec<u8>) {
    let mut batch = Batch::default();
    let mut found = None;
    tokio::time::timeout(Duration::from_secs(20), native.receive(&mut batch)).await.expect("it comes").unwrap();
    native.for_each(&mut batch, |arrival| found = Some((arrival.from, arrival.payload.to_vec())));
    found.unwrap()
}

/// Packets of these groups as they come out of `other`.
fn capture() -> impl FnMut() -> Vec<u8> {
    let interface = datalink::interfaces().into_iter().find(|interface| interface.name == "other").unwrap();
    let config = datalink::Config { read_timeout: Some(Duration::from_secs(20)), ..datalink::Config::default() };
    let Channel::Ethernet(_, mut receiver) = datalink::channel(&interface, config).unwrap() else { panic!() };
    move || loop {
        let packet = &receiver.next().unwrap()[14..];
        let group = crate::datagram::addresses(packet).map(|(_, group)| group);
        if group.is_some_and(|group| group == *GROUP.ip() || group == group_v6().ip()) {
            return packet.to_vec();
        }
    }
}

#[test]
fn an_ordinary_receiver_hears_the_source_with_one_hop_less_and_this_machine_nothing() {
    let name = "reinject::tests::an_ordinary_receiver_hears_the_source_with_one_hop_less_and_this_machine_nothing";
    if own_network::enter(name, ADDRESSES) {
        tokio::runtime::Runtime::new().unwrap().block_on(reinject_to_a_receiver());
    }
}

async fn reinject_to_a_receiver() {
    let reinjector = ReinjectSocket::open("one", false).unwrap().start().unwrap();
    let (there, there_v6) = (join(GROUP.into(), SOURCE.into(), "other"), join(group_v6(), source_v6(), "other"));
    let here = join(GROUP.into(), SOURCE.into(), "one");
    let mut captured = capture();

    reinjector.packet(&build(SOURCE, GROUP, 17, b"four"));
    assert_eq!(captured(), build(SOURCE, GROUP, 16, b"four"));
    assert_eq!(next(&there).await, (SOURCE.into(), b"four".to_vec()));

    reinjector.packet(&packet_v6(17, b"six"));
    assert_eq!(captured(), packet_v6(16, b"six"));
    assert_eq!(next(&there_v6).await, (source_v6(), b"six".to_vec()));

    // A packet in two fragments, as a relay may have cut it.
    let whole = build(SOURCE, GROUP, 17, &[7; 100]);
    for (from, to, flags) in [(0, 64, 0x20_u8), (64, 108, 0)] {
        let (header, payload) = whole.split_at(20);
        let mut fragment = crate::ipv4::header((0, 17, 17), *SOURCE.ip(), *GROUP.ip(), &[], to - from);
        fragment[4..8].copy_from_slice(&[0x12, 0x34, flags, (from / 8) as u8]);
        fragment[10..12].fill(0);
        let sum = crate::ipv4::checksum(&[&fragment]);
        fragment[10..12].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(header.len(), fragment.len());
        fragment.extend(&payload[from..to]);
        reinjector.packet(&fragment);
        let came = captured();
        assert_eq!((came[4..8].to_vec(), &came[20..]), (fragment[4..8].to_vec(), &fragment[20..]));
    }
    assert_eq!(next(&there).await, (SOURCE.into(), vec![7; 100]));

    reinjector.packet(&build(SOURCE, GROUP, 1, b"used up"));
    reinjector.packet(&build(SOURCE, GROUP, 16, b"four"));
    reinjector.packet(&build(SocketAddrV4::new([10, 7, 7, 99].into(), 4000), GROUP, 17, b"native"));
    let mut batch = Batch::default();
    assert!(tokio::time::timeout(Duration::from_millis(50), here.receive(&mut batch)).await.is_err());
    let figures = Figures { sent: 4, hop_limit: 1, own: 2, ..Figures::default() };
    assert_eq!(reinjector.figures(), figures);
}

#[test]
fn only_what_a_receiver_has_joined_is_sent_and_it_need_not_have_joined_after_us() {
    let name = "reinject::tests::only_what_a_receiver_has_joined_is_sent_and_it_need_not_have_joined_after_us";
    let quick = "echo 10 | tee ipv4/conf/other/igmpv3_unsolicited_report_interval \
                 ipv6/conf/other/mldv2_unsolicited_report_interval";
    if own_network::enter(name, &format!("{quick} && {ADDRESSES}")) {
        tokio::runtime::Runtime::new().unwrap().block_on(reinject_when_asked());
    }
}

async fn reinject_when_asked() {
    // It reports at once and soon again; after that only a query makes it do so.
    let (there, there_v6) = (join(GROUP.into(), SOURCE.into(), "other"), join(group_v6(), source_v6(), "other"));
    std::thread::sleep(Duration::from_millis(100));
    let reinjector = ReinjectSocket::open("one", true).unwrap().start().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let other_group = SocketAddrV4::new(Ipv4Addr::new(232, 7, 7, 8), 5004);
    let other_source = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 4000);
    loop {
        let before = reinjector.figures().not_asked;
        reinjector.packet(&build(SOURCE, GROUP, 17, b"four"));
        reinjector.packet(&packet_v6(17, b"six"));
        if reinjector.figures().not_asked == before {
            break;
        }
        reinjector.packet(&build(SOURCE, other_group, 17, b"other"));
        reinjector.packet(&build(other_source, GROUP, 17, b"other"));
        assert!(Instant::now() < deadline, "it is asked for: {:?}", reinjector.figures());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(next(&there).await.1, b"four");
    assert_eq!(next(&there_v6).await.1, b"six");
    let before = reinjector.figures().not_asked;
    reinjector.packet(&build(SOURCE, other_group, 17, b"other"));
    reinjector.packet(&build(other_source, GROUP, 17, b"other"));
    assert_eq!(reinjector.figures().not_asked, before + 2);
}
