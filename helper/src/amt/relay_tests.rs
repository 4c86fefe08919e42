use super::*;
use crate::amt::tests::network::{GATEWAY, GROUP, RELAY, SOURCE, endpoint, ip, relay_config};
use crate::membership::interest::{Interest, StateChanges};
use crate::membership::{Membership, RecordType, igmp};
use std::net::Ipv4Addr;

const SECOND: Duration = Duration::from_secs(1);
const SECRET: [u8; 16] = *b"not really a key";

fn relay(config: Config) -> Relay {
    Relay::new(config, SECRET)
}

fn events(relay: &mut Relay) -> Vec<Event> {
    std::iter::from_fn(|| relay.poll_event()).collect()
}

/// MAC and nonce of a Query, and its flags.
fn ask(relay: &mut Relay, now: Instant, from: SocketAddr) -> (Mac, u32, bool, Option<SocketAddr>) {
    let nonce = 0xDEC0_DE00 | u32::from(from.port() & 0xFF);
    relay.handle_datagram(now, from, &Message::Request { flags: Protocol::Igmp.into(), nonce }.encode()).unwrap();
    let Transmit { to, payload } = relay.poll_transmit().unwrap();
    assert_eq!(to, from);
    let Ok(Message::MembershipQuery(query)) = Message::decode(&payload) else { panic!("no Query") };
    assert_eq!(query.nonce, nonce);
    (query.mac, nonce, query.limit, query.gateway)
}

fn report(relay: &mut Relay, now: Instant, from: SocketAddr, packet: &[u8]) -> Result<(), Discard> {
    let (mac, nonce, ..) = ask(relay, now, from);
    relay.handle_datagram(now, from, &Message::MembershipUpdate { mac, nonce, packet }.encode())
}

fn record(kind: RecordType, group: &str, sources: &[&str]) -> Record<Ipv4Addr> {
    let sources = sources.iter().map(|source| source.parse().unwrap()).collect();
    Record { kind, group: group.parse().unwrap(), sources }
}

fn gateway(n: u16) -> SocketAddr {
    SocketAddr::new(ip("203.0.113.5"), 50_000 + n)
}

fn subscribers(relay: &Relay, source: &str) -> Vec<SocketAddr> {
    relay.subscribers(ip(source), ip(GROUP)).collect()
}

/// The packets of a gateway that joins one source (`Some`) or any, stays, and leaves.
fn life(source: Option<&str>) -> [Vec<u8>; 3] {
    let membership = Membership::new(ip(GROUP), source.map(ip)).unwrap();
    let (mut interest, mut changes) = (Interest::new(Protocol::Igmp), StateChanges::default());
    changes.add(&interest.join(membership).unwrap(), 1);
    let join = changes.next(&interest).packets.remove(0);
    [join, interest.current_state().remove(0), interest.farewell().remove(0)]
}

fn join(source: Option<&str>) -> Vec<u8> {
    let [join, ..] = life(source);
    join
}

#[test]
fn discovery_is_answered_in_its_own_family() {
    let (mut relay, now) = (relay(relay_config(RELAY)), Instant::now());
    let discovery = Message::RelayDiscovery { nonce: 7 }.encode();
    relay.handle_datagram(now, endpoint(GATEWAY), &discovery).unwrap();
    let advertisement = Message::RelayAdvertisement { nonce: 7, relay: endpoint(RELAY).ip() };
    assert_eq!(relay.poll_transmit(), Some(Transmit { to: endpoint(GATEWAY), payload: advertisement.encode() }));
    assert_eq!(relay.handle_datagram(now, endpoint("[2001:db8::5]:9"), &discovery), Err(Discard::OtherFamily));
    assert_eq!(relay.poll_transmit(), None);
}

#[test]
fn a_query_tells_what_was_configured() {
    let now = Instant::now();
    let config = Config { query_interval: SECOND * 20, robustness: 3, ..relay_config(RELAY) };
    for teardown in [true, false] {
        let mut relay = relay(Config { teardown, ..config.clone() });
        let request = Message::Request { flags: Protocol::Igmp.into(), nonce: 7 }.encode();
        relay.handle_datagram(now, endpoint(GATEWAY), &request).unwrap();
        let payload = relay.poll_transmit().unwrap().payload;
        assert_eq!(payload.len(), if teardown { 66 } else { 48 });
        let Ok(Message::MembershipQuery(query)) = Message::decode(&payload) else { panic!("no Query") };
        assert_eq!(query.gateway, teardown.then_some(endpoint(GATEWAY)));
        let general = igmp::parse_general_query(query.packet).unwrap();
        assert_eq!(general, GeneralQuery { interval: SECOND * 20, robustness: 3 });
    }
}

#[test]
fn only_a_relays_messages_are_read() {
    let (mut relay, now) = (relay(relay_config(RELAY)), Instant::now());
    let mut dropped = |datagram: &[u8]| relay.handle_datagram(now, endpoint(GATEWAY), datagram).unwrap_err();
    let request = Message::Request { flags: Protocol::Igmp.into(), nonce: 7 }.encode();
    assert_eq!(dropped(&[&request[..], &[0]].concat()), Discard::Malformed(message::Malformed::Length));
    assert_eq!(dropped(&request[..7]), Discard::Malformed(message::Malformed::Length));
    assert_eq!(dropped(&[0x13, 0, 0, 0, 0, 0, 0, 7]), Discard::Malformed(message::Malformed::Version));
    assert_eq!(dropped(&Message::MulticastData { packet: &[] }.encode()), Discard::NotForRelay);
    let advertisement = Message::RelayAdvertisement { nonce: 7, relay: ip(SOURCE) };
    assert_eq!(dropped(&advertisement.encode()), Discard::NotForRelay);
}

#[test]
fn an_update_needs_the_mac_of_its_own_query() {
    let (mut relay, now) = (relay(relay_config(RELAY)), Instant::now());
    let (mac, nonce, ..) = ask(&mut relay, now, gateway(1));
    let packet = &join(None)[..];
    let wrong = Mac([mac.0[0] ^ 1, mac.0[1], mac.0[2], mac.0[3], mac.0[4], mac.0[5]]);
    for (from, mac, nonce) in [(gateway(2), mac, nonce), (gateway(1), wrong, nonce), (gateway(1), mac, nonce ^ 1)] {
        let update = Message::MembershipUpdate { mac, nonce, packet }.encode();
        assert_eq!(relay.handle_datagram(now, from, &update), Err(Discard::WrongMac));
        let teardown = Message::Teardown { mac, nonce, gateway: from }.encode();
        assert_eq!(relay.handle_datagram(now, from, &teardown), Err(Discard::WrongMac));
    }
    assert!(subscribers(&relay, SOURCE).is_empty());
    let update = Message::MembershipUpdate { mac, nonce, packet }.encode();
    assert_eq!(relay.handle_datagram(now, gateway(1), &update), Ok(()));
    assert_eq!(subscribers(&relay, SOURCE), [gateway(1)]);
    // With another secret the same MAC is worth nothing.
    let mut other = Relay::new(relay_config(RELAY), [9; 16]);
    assert_eq!(other.handle_datagram(now, gateway(1), &update), Err(Discard::WrongMac));
}

#[test]
fn a_report_without_router_alert_is_for_lenient_relays_only() {
    let now = Instant::now();
    let mut packet = join(None);
    packet.splice(20..24, []);
    packet[0] = 0x45;
    packet[3] -= 4;
    packet[10..12].fill(0);
    let sum = crate::ipv4::checksum(&[&packet[..20]]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut strict = relay(relay_config(RELAY));
    assert_eq!(report(&mut strict, now, gateway(1), &packet), Err(Discard::Report(Malformed::Header)));
    let mut lenient = relay(Config { strict: false, ..relay_config(RELAY) });
    assert_eq!(report(&mut lenient, now, gateway(1), &packet), Ok(()));
    assert_eq!(subscribers(&lenient, SOURCE), [gateway(1)]);
}

#[test]
fn upstream_is_joined_once_and_left_once() {
    let (mut relay, now) = (relay(relay_config(RELAY)), Instant::now());
    let [join, state, leave] = life(Some(SOURCE));
    let (group, source) = (ip(GROUP), Some(ip(SOURCE)));
    report(&mut relay, now, gateway(1), &join).unwrap();
    assert_eq!(events(&mut relay), [Event::EndpointAdded(gateway(1)), Event::Joined { group, source }]);
    report(&mut relay, now, gateway(2), &join).unwrap();
    report(&mut relay, now, gateway(2), &state).unwrap();
    assert_eq!(events(&mut relay), [Event::EndpointAdded(gateway(2))]);
    assert_eq!(subscribers(&relay, SOURCE), [gateway(1), gateway(2)]);
    assert!(subscribers(&relay, "192.0.2.9").is_empty());
    report(&mut relay, now, gateway(1), &leave).unwrap();
    assert_eq!(events(&mut relay), [Event::EndpointRemoved(gateway(1))]);
    report(&mut relay, now, gateway(2), &leave).unwrap();
    report(&mut relay, now, gateway(2), &leave).unwrap();
    assert_eq!(events(&mut relay), [Event::Left { group, source }, Event::EndpointRemoved(gateway(2))]);
    assert!(relay.groups.is_empty() && relay.endpoints.is_empty() && relay.joined.is_empty());
}

#[test]
fn one_gateway_may_have_many_groups_and_source_lists() {
    let (mut relay, now) = (relay(relay_config(RELAY)), Instant::now());
    let packet = igmp::report(&[
        record(RecordType::ChangeToExclude, GROUP, &["192.0.2.7", "192.0.2.8"]),
        record(RecordType::AllowNewSources, "232.0.2.2", &["192.0.2.1", "192.0.2.2"]),
        // Not a group at all.
        record(RecordType::AllowNewSources, "10.0.0.1", &["192.0.2.1"]),
    ]);
    report(&mut relay, now, gateway(1), &packet).unwrap();
    assert_eq!(subscribers(&relay, "192.0.2.1"), [gateway(1)]);
    assert!(subscribers(&relay, "192.0.2.7").is_empty());
    let other = |relay: &Relay, source: &str| relay.subscribers(ip(source), ip("232.0.2.2")).count();
    assert_eq!((other(&relay, "192.0.2.2"), other(&relay, "192.0.2.3")), (1, 0));
    assert_eq!(events(&mut relay).len(), 1 + 1 + 2);
    // From any source to one: the wider join upstream goes when the narrower is there.
    report(&mut relay, now, gateway(1), &igmp::report(&[record(RecordType::ChangeToInclude, GROUP, &[SOURCE])]))
        .unwrap();
    let group = ip(GROUP);
    assert_eq!(
        events(&mut relay),
        [Event::Joined { group, source: Some(ip(SOURCE)) }, Event::Left { group, source: None }]
    );
}

#[test]
fn a_silent_gateway_is_forgotten() {
    let (mut relay, start) = (relay(relay_config(RELAY)), Instant::now());
    let [join, state, _] = life(None);
    report(&mut relay, start, gateway(1), &join).unwrap();
    report(&mut relay, start + SECOND * 100, gateway(1), &state).unwrap();
    // 125 s × 2 + 10 s (5.3.3.7) after the last word. An earlier wake-up is allowed, and changes nothing.
    let end = start + SECOND * 360;
    let mut wakeups = 0;
    while let Some(at) = relay.poll_timeout() {
        assert_eq!(subscribers(&relay, SOURCE), [gateway(1)]);
        assert!(at <= end);
        relay.handle_timeout(at);
        wakeups += 1;
    }
    assert!(wakeups <= 2);
    assert!(subscribers(&relay, SOURCE).is_empty());
    assert!(events(&mut relay).contains(&Event::EndpointRemoved(gateway(1))));
}

#[test]
fn a_teardown_is_believed_from_anywhere_and_concerns_one_endpoint() {
    let (mut relay, now) = (relay(relay_config(RELAY)), Instant::now());
    report(&mut relay, now, gateway(1), &join(None)).unwrap();
    report(&mut relay, now, gateway(2), &join(None)).unwrap();
    let (mac, nonce, _, told) = ask(&mut relay, now, gateway(1));
    let teardown = Message::Teardown { mac, nonce, gateway: told.unwrap() }.encode();
    relay.handle_datagram(now, endpoint("192.0.2.77:7"), &teardown).unwrap();
    assert_eq!(subscribers(&relay, SOURCE), [gateway(2)]);
    relay.handle_datagram(now, endpoint("192.0.2.77:7"), &teardown).unwrap();
}

#[test]
fn state_is_bounded() {
    let config = Config { max_endpoints: 2, max_groups: 3, max_sources: 2, ..relay_config(RELAY) };
    let (mut relay, now) = (relay(config), Instant::now());
    let groups: Vec<_> = (0..9).map(|n| record(RecordType::ChangeToExclude, &format!("232.0.2.{n}"), &[])).collect();
    report(&mut relay, now, gateway(1), &igmp::report(&groups)).unwrap();
    assert_eq!(relay.groups.len(), 3);
    let sources = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    let many = igmp::report(&[record(RecordType::AllowNewSources, GROUP, &sources)]);
    assert!(!ask(&mut relay, now, gateway(2)).2);
    report(&mut relay, now, gateway(2), &many).unwrap();
    assert_eq!(relay.groups[&ip(GROUP)][&gateway(2)].joins().count(), 2);

    // A third finds it full; everybody is told so, and those that are in stay in.
    assert!(ask(&mut relay, now, gateway(3)).2);
    assert_eq!(report(&mut relay, now, gateway(3), &many), Err(Discard::Full));
    assert!(ask(&mut relay, now, gateway(2)).2);
    report(&mut relay, now, gateway(2), &many).unwrap();
    relay.forget(gateway(1));
    report(&mut relay, now, gateway(3), &many).unwrap();
}

#[test]
fn a_new_secret_ends_what_the_old_one_proved_after_two_intervals() {
    let (mut relay, now) = (relay(relay_config(RELAY)), Instant::now());
    let (mac, nonce, ..) = ask(&mut relay, now, gateway(1));
    let update = Message::MembershipUpdate { mac, nonce, packet: &join(None) }.encode();
    relay.change_secret(now, [1; 16]);
    // Twice 125 s.
    let last = now + SECOND * 250 - Duration::from_millis(1);
    assert_eq!(relay.handle_datagram(last, gateway(1), &update), Ok(()));
    assert_eq!(relay.handle_datagram(now + SECOND * 250, gateway(1), &update), Err(Discard::WrongMac));
    // Only the one before is kept.
    relay.change_secret(now, [2; 16]);
    assert_eq!(relay.handle_datagram(now, gateway(1), &update), Err(Discard::WrongMac));
    let (new_mac, ..) = ask(&mut relay, now, gateway(1));
    assert_ne!(new_mac, mac);
}

#[test]
fn one_address_may_not_have_all_the_room() {
    let config = Config { max_endpoints_of_address: 2, ..relay_config(RELAY) };
    let (mut relay, now) = (relay(config), Instant::now());
    for n in 1..=2 {
        report(&mut relay, now, gateway(n), &join(None)).unwrap();
    }
    assert_eq!(report(&mut relay, now, gateway(3), &join(None)), Err(Discard::Full));
    report(&mut relay, now, gateway(2), &join(Some(SOURCE))).unwrap();
    report(&mut relay, now, endpoint("203.0.113.6:50003"), &join(None)).unwrap();
}

#[test]
fn an_mld_request_is_answered_in_ipv6_and_its_reports_are_read() {
    let (mut relay, now) = (relay(relay_config(RELAY)), Instant::now());
    let request = Message::Request { flags: Protocol::Mld.into(), nonce: 7 }.encode();
    relay.handle_datagram(now, gateway(1), &request).unwrap();
    let payload = relay.poll_transmit().unwrap().payload;
    // As seen on the wire.
    assert_eq!(payload.len(), 106);
    let Ok(Message::MembershipQuery(query)) = Message::decode(&payload) else { panic!("no Query") };
    let general = crate::membership::mld::parse_general_query(query.packet).unwrap();
    assert_eq!(general, GeneralQuery { interval: SECOND * 125, robustness: 2 });
    let group = "ff3e::1".parse().unwrap();
    let record = Record { kind: RecordType::ChangeToExclude, group, sources: vec![] };
    let packet = &crate::membership::mld::report(&[record])[..];
    let update = Message::MembershipUpdate { mac: query.mac, nonce: 7, packet };
    relay.handle_datagram(now, gateway(1), &update.encode()).unwrap();
    assert_eq!(relay.subscribers(ip("2001:db8::1"), group.into()).count(), 1);
}

#[test]
fn the_linux_way_is_another_p_flag_and_no_reserved_bits() {
    let config = Config { linux: true, ..relay_config(RELAY) };
    let (mut relay, now) = (relay(config), Instant::now());
    let mut answered = |flags: u8| {
        let handled = relay.handle_datagram(now, gateway(1), &[3, flags, 0, 0, 0, 0, 0, 7]);
        handled.map(|()| relay.poll_transmit().unwrap().payload.len())
    };
    assert_eq!((answered(0), answered(0x80)), (Ok(66), Ok(106)));
    for flags in [1, 2, 0x81] {
        assert_eq!(answered(flags), Err(Discard::ReservedBit));
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    fn reports() -> impl Strategy<Value = (u16, Vec<Record<Ipv4Addr>>)> {
        let kinds = [
            RecordType::ModeIsInclude,
            RecordType::ModeIsExclude,
            RecordType::ChangeToInclude,
            RecordType::ChangeToExclude,
            RecordType::AllowNewSources,
            RecordType::BlockOldSources,
        ];
        let source = (0_u8..4).prop_map(|n| Ipv4Addr::new(192, 0, 2, n));
        let record =
            (0_usize..6, 0_u8..3, proptest::collection::vec(source, 0..3)).prop_map(move |(kind, n, sources)| Record {
                kind: kinds[kind],
                group: Ipv4Addr::new(232, 0, 2, n),
                sources,
            });
        (0_u16..4, proptest::collection::vec(record, 0..4))
    }

    proptest! {
        #[test]
        fn events_and_tables_agree_with_the_filters(steps in proptest::collection::vec((reports(), 0_u64..200, any::<bool>()), 0..30)) {
            let mut relay = relay(Config { max_endpoints: 3, max_groups: 2, ..relay_config(RELAY) });
            let mut now = Instant::now();
            let mut upstream = std::collections::BTreeSet::new();
            let mut endpoints = std::collections::BTreeSet::new();
            for ((n, records), seconds, forget) in steps {
                let _ = report(&mut relay, now, gateway(n), &igmp::report(&records));
                if forget {
                    relay.forget(gateway(n));
                }
                now += SECOND * seconds as u32;
                relay.handle_timeout(now);
                prop_assert!(relay.poll_timeout().is_none_or(|at| at > now));
                for event in events(&mut relay) {
                    let news = match event {
                        Event::Joined { group, source } => upstream.insert((group, source)),
                        Event::Left { group, source } => upstream.remove(&(group, source)),
                        Event::EndpointAdded(endpoint) => endpoints.insert(endpoint),
                        Event::EndpointRemoved(endpoint) => endpoints.remove(&endpoint),
                    };
                    prop_assert!(news);
                }
                let joins: std::collections::BTreeSet<_> =
                    relay.filters().flat_map(|(group, _, filter)| filter.joins().map(move |source| (group, source))).collect();
                prop_assert_eq!(&joins, &upstream);
                prop_assert!(relay.filters().all(|(.., filter)| !filter.is_empty()));
                let members: std::collections::BTreeSet<_> = relay.filters().map(|(_, endpoint, _)| endpoint).collect();
                prop_assert_eq!(&members, &endpoints);
            }
        }

        /// Behind the right MAC: whatever a gateway may say.
        #[test]
        fn any_report_is_taken_or_dropped(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200), v6: bool, kind in 0_usize..5, repair: bool,
        ) {
            // Headers that lead to the records, more often than chance would have them.
            let header = if v6 {
                crate::membership::mld::report(&[])
            } else {
                igmp::report(&[])
            };
            let whole = if repair {
                let source = if v6 { 48 } else { 24 };
                bytes.splice(..0, header[source..].iter().copied());
                bytes[0] = [[0x22, 143], [0x16, 131], [0x17, 132], [0x11, 130], [0x99, 0x99]][kind][usize::from(v6)];
                let mut whole = [&header[..source], &bytes].concat();
                let len = (if v6 { whole.len() - 40 } else { whole.len() }) as u16;
                whole[if v6 { 4..6 } else { 2..4 }].copy_from_slice(&len.to_be_bytes());
                if v6 {
                    whole[50..52].fill(0);
                    let [from, to] = [8, 24].map(|at| <[u8; 16]>::try_from(&whole[at..at + 16]).unwrap().into());
                    let sum = crate::ipv6::checksum(from, to, crate::ipv6::ICMPV6, &whole[48..]);
                    whole[50..52].copy_from_slice(&sum.to_be_bytes());
                } else {
                    whole[10..12].fill(0);
                    let sum = crate::ipv4::checksum(&[&whole[..24]]);
                    whole[10..12].copy_from_slice(&sum.to_be_bytes());
                    whole[26..28].fill(0);
                    let sum = crate::ipv4::checksum(&[&whole[24..]]);
                    whole[26..28].copy_from_slice(&sum.to_be_bytes());
                }
                whole
            } else {
                bytes
            };
            let (mut relay, now) = (relay(Config { max_groups: 4, max_sources: 4, ..relay_config(RELAY) }), Instant::now());
            let refused = report(&mut relay, now, gateway(1), &whole).is_err();
            prop_assert!(!refused || relay.groups.is_empty());
            prop_assert!(relay.groups.len() <= 4 && relay.groups.keys().all(IpAddr::is_multicast));
            relay.forget(gateway(1));
            prop_assert!(relay.groups.is_empty() && relay.joined.is_empty());
        }

        #[test]
        fn any_datagram_is_taken_or_dropped(mut datagram: Vec<u8>, kind in 0_u8..9) {
            if let Some(first) = datagram.first_mut() {
                *first = kind;
            }
            let mut relay = relay(relay_config(RELAY));
            let _ = relay.handle_datagram(Instant::now(), gateway(1), &datagram);
            prop_assert!(relay.groups.is_empty());
        }
    }
}
