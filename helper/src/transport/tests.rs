//! Real sockets on loopback.

use super::*;
use crate::own_network;
use nix::libc;
use pnet::datalink;
use socket2::SockRef;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6, UdpSocket};
use std::time::Duration;

/// What one receive call brings: senders and payloads.
async fn received(native: &Native) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut batch = Batch::default();
    let mut all = Vec::new();
    let deadline = tokio::time::timeout(Duration::from_secs(20), native.receive(&mut batch)).await;
    assert_eq!(deadline.expect("datagrams come").unwrap(), Received::Datagrams);
    native.for_each(&mut batch, |arrival| {
        assert!(arrival.micros > 1_600_000_000_000_000, "microseconds since 1970");
        all.push((arrival.from, arrival.payload.to_vec()));
    });
    all
}

fn loopback() -> Interface {
    Interface::towards(Ipv4Addr::LOCALHOST.into()).unwrap()
}

/// A sender on loopback, from this address.
fn sender(from: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    socket
}

fn a_free_port() -> u16 {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn one_source_of_a_group_is_heard_and_no_other_by_several_programs_at_once() {
    let (group, port) = (IpAddr::from([232, 77, 1, 1]), a_free_port());
    let wanted = IpAddr::from([127, 0, 0, 5]);
    let lo = loopback();
    let one = Native::join(group, Some(wanted), port, Some(&lo)).unwrap();
    let two = Native::join(group, Some(wanted), port, Some(&lo)).unwrap();
    let any = Native::join(group, None, port, Some(&lo)).unwrap();
    let (other, wanted) = (sender([127, 0, 0, 6].into()), sender(wanted));
    other.send_to(b"other", (group, port)).unwrap();
    wanted.send_to(b"wanted", (group, port)).unwrap();
    let expected = [(wanted.local_addr().unwrap(), b"wanted".to_vec())];
    assert_eq!(received(&one).await, expected);
    assert_eq!(received(&two).await, expected);
    let heard = received(&any).await;
    assert!(heard.contains(&(other.local_addr().unwrap(), b"other".to_vec())), "{heard:?}");
    assert_eq!(one.dropped(), Some(0));
}

/// Loopback routes no IPv6 multicast.
#[test]
fn ipv6_groups_are_joined_with_their_source_and_with_any() {
    let name = "transport::tests::ipv6_groups_are_joined_with_their_source_and_with_any";
    if own_network::enter(name, "ip address add 2001:db8::1/64 dev one nodad") {
        tokio::runtime::Runtime::new().unwrap().block_on(join_ipv6_groups());
    }
}

async fn join_ipv6_groups() {
    let group = IpAddr::from("ff3e::8077:1".parse::<Ipv6Addr>().unwrap());
    let here = IpAddr::from("2001:db8::1".parse::<Ipv6Addr>().unwrap());
    // No interface is named: the way to the source leads to it.
    let right = Native::join(group, Some(here), 5004, None).unwrap();
    let wrong = Native::join(group, Some("2001:db8::2".parse().unwrap()), 5004, None).unwrap();
    let any = Native::join(group, None, 5004, Some(&Interface::named("one").unwrap())).unwrap();
    let sources = std::fs::read_to_string("/proc/net/mcfilter6").unwrap();
    assert!(sources.contains("20010db8000000000000000000000001"), "the operating system filters:\n{sources}");
    let sender = UdpSocket::bind((here, 0)).unwrap();
    sender.send_to(b"six", (group, 5004)).unwrap();
    let expected = [(sender.local_addr().unwrap(), b"six".to_vec())];
    assert_eq!(received(&right).await, expected);
    assert_eq!(received(&any).await, expected);
    let mut batch = Batch::default();
    assert!(tokio::time::timeout(Duration::from_millis(50), wrong.receive(&mut batch)).await.is_err());
    // The address by which source and relay were reached gives way to another.
    let udp = Transports::open(TransportChoice::Udp).unwrap().connect("[2001:db8::2]:2268".parse().unwrap(), |_| {});
    let raw = Transports::open(TransportChoice::Raw).unwrap().connect("[2001:db8::2]:2268".parse().unwrap(), |_| {});
    let tunnels = [udp.unwrap(), raw.unwrap()];
    assert!(!right.moved() && !tunnels.iter().any(Transport::moved));
    own_network::ip("address add 2001:db8:1::7/64 dev one nodad");
    own_network::ip("address del 2001:db8::1/64 dev one");
    own_network::ip("route add 2001:db8::/64 dev one");
    assert!(right.moved() && tunnels.iter().all(Transport::moved));
}

#[tokio::test]
async fn large_buffers_do_not_run_out_however_often_tunnels_and_joins_are_made_anew() {
    for choice in [TransportChoice::Udp, TransportChoice::Auto] {
        let mut transports = Transports::open(choice).unwrap();
        let made = transports.sockets.idle();
        let relays = ["127.7.7.8:2268", "127.7.7.9:2268", "[::1]:2268"].map(|relay| relay.parse().unwrap());
        let (group, port) = (IpAddr::from([232, 77, 1, 9]), a_free_port());
        let join = |transports: &Transports, source: Option<IpAddr>| {
            transports.join(group, source, port, Some(&loopback())).unwrap()
        };
        for _ in 0..100 {
            let tunnels = relays.map(|relay| transports.connect(relay, |_| {}).unwrap());
            let natives = [join(&transports, Some([127, 0, 0, 5].into())), join(&transports, None)];
            // Whoever may not enlarge buffers has nothing that could run out.
            if made > 0 {
                assert!(tunnels.iter().all(|tunnel| tunnel.inlet().is_large()));
                assert!(natives.iter().all(Native::is_large));
                assert_eq!(transports.sockets.idle(), made - 5);
            }
            drop((tunnels, natives));
            assert_eq!(transports.sockets.idle(), made);
        }
        for _ in 0..100 {
            let nowhere = Interface::nowhere();
            assert!(transports.join(group, None, port, Some(&nowhere)).is_err());
            assert!(transports.join([127, 77, 7, 7].into(), None, port, Some(&loopback())).is_err());
        }
        assert_eq!(transports.sockets.idle(), made, "nor do failures");
        transports.keep_off(loopback().index());
        assert!(transports.join(group, None, port, Some(&loopback())).is_err());
        assert_eq!(transports.sockets.idle(), made, "a refusal uses none");
    }
}

#[tokio::test]
async fn large_buffers_last_for_many_groups_and_for_any_number_of_relays() {
    let transports = Transports::open(TransportChoice::Udp).unwrap();
    // Whoever may not enlarge buffers, or open as many files, has few.
    if transports.sockets.idle() < 2 * 256 {
        return;
    }
    let port = a_free_port();
    for last in 1..=200 {
        let native = transports.join([232, 77, 2, last].into(), None, port, Some(&loopback())).unwrap();
        assert!(native.is_large(), "group {last}");
    }
    for number in 0..400_u16 {
        let [high, low] = number.to_be_bytes();
        let tunnel = transports.connect(([127, 8, high, low], raw::PORT).into(), |_| {}).unwrap();
        assert!(tunnel.inlet().is_large(), "relay {number}");
    }
}

#[tokio::test]
async fn what_came_for_one_tunnel_or_join_is_not_heard_by_the_next() {
    let transports = Transports::open(TransportChoice::Udp).unwrap();
    let relay = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let connect = || transports.connect(relay.local_addr().unwrap(), |_| {}).unwrap();
    let tunnel = connect();
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, tunnel.inlet().local_addr().unwrap().port()));
    relay.send_to(b"before", here).unwrap();
    drop(tunnel);
    let _ = relay.send_to(b"between", here);
    let tunnel = connect();
    assert_eq!(tunnel.dropped(), Some(0));
    let _ = relay.send_to(b"now", here);
    let mut batch = Batch::default();
    tokio::time::timeout(Duration::from_secs(20), tunnel.receive(&mut batch)).await.expect("it comes").unwrap();
    tunnel.for_each(&mut batch, |arrival| assert_eq!(arrival.payload, b"now"));

    let (group, port, lo) = (IpAddr::from([232, 77, 1, 10]), a_free_port(), loopback());
    let [one, other] = [5, 6].map(|last| sender([127, 0, 0, last].into()));
    let join = |of: &UdpSocket| {
        let source = of.local_addr().unwrap().ip();
        transports.join(group, Some(source), port, Some(&lo)).unwrap()
    };
    let native = join(&one);
    one.send_to(b"before", (group, port)).unwrap();
    drop(native);
    one.send_to(b"between", (group, port)).unwrap();
    let native = join(&other);
    one.send_to(b"of one", (group, port)).unwrap();
    other.send_to(b"of the other", (group, port)).unwrap();
    assert_eq!(received(&native).await, [(other.local_addr().unwrap(), b"of the other".to_vec())]);
}

/// Two channels may have one group and one port.
#[tokio::test]
async fn each_of_two_sources_of_a_group_goes_to_the_one_that_joined_it() {
    let (group, port, lo) = (IpAddr::from([232, 77, 1, 3]), a_free_port(), loopback());
    let sources = [5, 6].map(|last| IpAddr::from([127, 0, 0, last]));
    let joined = sources.map(|source| Native::join(group, Some(source), port, Some(&lo)).unwrap());
    for _ in 0..20 {
        for (source, native) in sources.into_iter().zip(&joined) {
            let sender = sender(source);
            sender.send_to(b"its own", (group, port)).unwrap();
            assert_eq!(received(native).await, [(sender.local_addr().unwrap(), b"its own".to_vec())]);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_joined_is_an_error_and_not_a_silence() {
    let error = Native::join([232, 77, 1, 2].into(), Some(Ipv6Addr::LOCALHOST.into()), 1234, None);
    assert_eq!(error.err().unwrap().kind(), io::ErrorKind::InvalidInput);
    let error = Native::join([192, 0, 2, 1].into(), None, 1234, Some(&loopback()));
    assert!(error.is_err(), "no group");
    let mut transports = Transports::open(TransportChoice::Udp).unwrap();
    transports.keep_off(loopback().index());
    let error = transports.join([232, 77, 1, 2].into(), Some(Ipv4Addr::LOCALHOST.into()), 1234, None);
    assert_eq!(error.err().unwrap().kind(), io::ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_datagram_without_a_checksum_is_taken_over_ipv6() {
    const UDP_NO_CHECK6_TX: libc::c_int = 101;
    #[derive(Clone)]
    struct NoCheck6Tx;
    nix::setsockopt_impl!(NoCheck6Tx, libc::IPPROTO_UDP, UDP_NO_CHECK6_TX, bool, nix::sys::socket::sockopt::SetBool);
    let Ok(relay) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
    nix::sys::socket::setsockopt(&relay, NoCheck6Tx, &true).unwrap();
    let transports = Transports::open(TransportChoice::Udp).unwrap();
    let mut udp = transports.connect(relay.local_addr().unwrap(), |_| {}).unwrap();
    udp.send(relay.local_addr().unwrap(), b"ask").await.unwrap();
    let mut buffer = [0; 16];
    let (length, from) = relay.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"ask");
    relay.send_to(b"data", from).unwrap();
    let mut batch = Batch::default();
    let taken = tokio::time::timeout(Duration::from_secs(20), udp.receive(&mut batch)).await;
    assert_eq!(taken.expect("it is not dropped").unwrap(), Received::Datagrams);
    udp.for_each(&mut batch, |arrival| assert_eq!(arrival.payload, b"data"));
}

#[tokio::test]
async fn a_tunnel_that_comes_back_has_the_port_it_had() {
    let relay = SocketAddr::from(([127, 7, 7, 7], raw::PORT));
    let transports = Transports::open(TransportChoice::Udp).unwrap();
    let port = |transport: &Transport| transport.inlet().local_addr().unwrap().port();
    let first = transports.connect(relay, |_| {}).unwrap();
    let (kept, beside) = (port(&first), transports.connect(relay, |_| {}).unwrap());
    assert_ne!(port(&beside), kept, "another tunnel beside it has another");
    assert!(!first.moved());
    drop(first);
    assert_eq!(port(&transports.connect(relay, |_| {}).unwrap()), kept);
}

#[tokio::test]
async fn raw_packets_and_their_answers_pass_in_both_versions_of_ip() {
    // Without the right there is nothing to test; `cargo xtask test` says so elsewhere.
    let Ok(transports) = Transports::open(TransportChoice::Raw) else { return };
    for address in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        let Ok(relay) = UdpSocket::bind((address, 0)) else { continue };
        relay.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let to = relay.local_addr().unwrap();
        let mut tunnels = Vec::new();
        for _ in 0..40 {
            let mut raw = transports.connect(to, |_| {}).unwrap();
            assert!(matches!(raw, Transport::Raw(_)) && !raw.moved());
            raw.send(to, b"ask").await.unwrap();
            let mut buffer = [0; 16];
            let (length, from) = relay.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], from), (&b"ask"[..], raw.inlet().local_addr().unwrap()));
            relay.send_to(b"answer", from).unwrap();
            let mut batch = Batch::default();
            let taken = tokio::time::timeout(Duration::from_secs(20), raw.receive(&mut batch)).await;
            assert_eq!(taken.expect("the answer comes").unwrap(), Received::Datagrams);
            raw.for_each(&mut batch, |arrival| assert_eq!((arrival.from, arrival.payload), (to, &b"answer"[..])));
            tunnels.push(raw);
        }
    }
}

/// A relay that mDNS found may be known by nothing but its link-local address.
#[test]
fn a_tunnel_reaches_a_relay_of_one_link_and_notices_when_the_way_to_a_relay_appears_or_changes() {
    let name = "transport::tests::\
                a_tunnel_reaches_a_relay_of_one_link_and_notices_when_the_way_to_a_relay_appears_or_changes";
    if own_network::enter(name, "ip address add fe80::1/64 dev one nodad && ip address add fe80::2/64 dev other nodad")
    {
        tokio::runtime::Runtime::new().unwrap().block_on(ways_to_a_relay());
    }
}

async fn ways_to_a_relay() {
    let index = |name: &str| Interface::named(name).unwrap().index();
    let relay = UdpSocket::bind(SocketAddrV6::new("fe80::2".parse().unwrap(), raw::PORT, 0, index("other"))).unwrap();
    relay.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let to = SocketAddr::from(SocketAddrV6::new("fe80::2".parse().unwrap(), raw::PORT, 0, index("one")));
    let transports = Transports::open(TransportChoice::Auto).unwrap();
    let mut near = transports.connect(to, |_| {}).unwrap();
    near.send(to, b"ask").await.unwrap();
    let mut buffer = [0; 16];
    let (length, from) = relay.recv_from(&mut buffer).unwrap();
    relay.send_to(&buffer[..length], from).unwrap();
    let mut batch = Batch::default();
    let taken = tokio::time::timeout(Duration::from_secs(20), near.receive(&mut batch)).await;
    assert_eq!(taken.expect("the answer comes").unwrap(), Received::Datagrams);
    near.for_each(&mut batch, |arrival| assert_eq!((arrival.from, arrival.payload), (to, &b"ask"[..])));
    assert!(!near.moved());

    let udp = Transports::open(TransportChoice::Udp).unwrap();
    let connect = || udp.connect("192.0.2.2:2268".parse().unwrap(), |_| {}).unwrap();
    let early = connect();
    assert!(!early.moved(), "there is no way yet");
    own_network::ip("address add 192.0.2.1/24 dev one");
    assert!(early.moved());
    assert!(!connect().moved());
    // The link-local address that packets left from gives way to another.
    own_network::ip("address add fe80::3/64 dev one nodad");
    let addresses = datalink::interfaces().into_iter().filter(|interface| interface.name == "one");
    for network in addresses.flat_map(|interface| interface.ips).filter(|network| network.ip() != near_address()) {
        if network.is_ipv6() {
            own_network::ip(&format!("address del {network} dev one"));
        }
    }
    assert!(near.moved());
}

fn near_address() -> IpAddr {
    IpAddr::from("fe80::3".parse::<Ipv6Addr>().unwrap())
}
