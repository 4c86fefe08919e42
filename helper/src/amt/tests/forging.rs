//! Messages from others than the relay.

use super::*;
use crate::amt::message::Protocol;
use crate::membership::{GeneralQuery, general_query, igmp};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::net::SocketAddr;

#[test]
fn forged_messages_change_nothing() {
    let relay = endpoint(RELAY);
    let elsewhere = endpoint("198.51.100.66:2268");
    let other_port = endpoint("198.51.100.1:2269");
    let mut network = network(23);
    let dropped = |network: &mut Network, from, message: &Message<'_>| {
        network.discarded.clear();
        network.inject(from, endpoint(GATEWAY), message.encode());
        network.run_for(Duration::ZERO);
        network.discarded.pop()
    };
    let nonce_sent = |network: &Network| match Message::decode(&network.sent.last().unwrap().1.payload) {
        Ok(Message::RelayDiscovery { nonce } | Message::Request { nonce, .. }) => nonce,
        other => panic!("{other:?}"),
    };

    // While discovering.
    network.run_for(Duration::ZERO);
    let nonce = nonce_sent(&network);
    let advertisement = |nonce, relay: &str| Message::RelayAdvertisement { nonce, relay: ip(relay) };
    let evil = "198.51.100.66";
    for from in [elsewhere, other_port] {
        assert_eq!(dropped(&mut network, from, &advertisement(nonce, evil)), Some(Discard::WrongSender));
    }
    assert_eq!(dropped(&mut network, relay, &advertisement(nonce ^ 1, evil)), Some(Discard::WrongNonce));
    let own = endpoint(GATEWAY).ip().to_string();
    for address in ["0.0.0.0", "0.1.2.3", "224.0.0.1", "240.0.0.1", "255.255.255.255", "127.0.0.1", "2001:db8::1", &own]
    {
        assert_eq!(dropped(&mut network, relay, &advertisement(nonce, address)), Some(Discard::RelayAddress));
    }
    let packet = igmp::general_query(&GeneralQuery { interval: SECOND, robustness: 2 });
    let query = |nonce, packet| {
        let (limit, mac, gateway) = (false, Mac([6; 6]), None);
        Message::MembershipQuery(MembershipQuery { limit, mac, nonce, packet, gateway })
    };
    assert_eq!(dropped(&mut network, relay, &query(nonce, &packet)), Some(Discard::NotAwaited));

    // While requesting: 20 ms later the Advertisement was there and the Request went out.
    network.run_for(ms(20));
    let nonce = nonce_sent(&network);
    assert_eq!(dropped(&mut network, relay, &advertisement(nonce, evil)), Some(Discard::NotAwaited));
    for from in [elsewhere, other_port] {
        assert_eq!(dropped(&mut network, from, &query(nonce, &packet)), Some(Discard::WrongSender));
    }
    assert_eq!(dropped(&mut network, relay, &query(nonce ^ 1, &packet)), Some(Discard::WrongNonce));
    assert!(matches!(dropped(&mut network, relay, &query(nonce, &packet[1..])), Some(Discard::Query(_))));
    for message in
        [Message::RelayDiscovery { nonce }, Message::Teardown { mac: Mac([0; 6]), nonce, gateway: endpoint(GATEWAY) }]
    {
        assert_eq!(dropped(&mut network, relay, &message), Some(Discard::NotForGateway));
    }
    let packet_of = |source: &str, destination: &str| {
        let [source, destination] = [source, destination].map(|host| SocketAddrV4::new(host.parse().unwrap(), 9));
        datagram::build(source, destination, 8, &[0; 4])
    };
    let good = packet_of(SOURCE, GROUP);
    assert_eq!(dropped(&mut network, relay, &Message::MulticastData { packet: &good }), Some(Discard::NotJoined));

    // While joined.
    join(&mut network);
    assert_eq!(dropped(&mut network, relay, &query(nonce, &packet)), Some(Discard::NotAwaited));
    for from in [elsewhere, other_port] {
        assert_eq!(dropped(&mut network, from, &Message::MulticastData { packet: &good }), Some(Discard::WrongSender));
    }
    for (source, destination, reason) in [
        ("192.0.2.2", GROUP, Discard::OtherChannel),
        (SOURCE, "232.0.2.2", Discard::OtherChannel),
        (SOURCE, "203.0.113.5", Discard::NotMulticast),
    ] {
        let packet = packet_of(source, destination);
        assert_eq!(dropped(&mut network, relay, &Message::MulticastData { packet: &packet }), Some(reason));
    }
    assert_eq!(dropped(&mut network, relay, &Message::MulticastData { packet: &[] }), Some(Discard::NotIp));
    assert_eq!(dropped(&mut network, relay, &Message::MulticastData { packet: &good }), None);

    // Nothing of it was believed.
    network.received.clear();
    network.run_for(SECOND * 60);
    assert_eq!(network.missing(), 0);
    assert!(network.sent.iter().all(|(_, transmit)| transmit.to == relay));
    assert_eq!(count(&network, "discovery"), 1);
}

/// What anybody can send who does not see the nonces, or sees them too late.
fn forged(rng: &mut StdRng, network: &Network) -> (SocketAddr, Vec<u8>) {
    let relay = endpoint(RELAY);
    let elsewhere = [endpoint("198.51.100.66:2268"), endpoint("198.51.100.1:2269")][rng.random_range(0..2)];
    let query = GeneralQuery { interval: SECOND * rng.random_range(1..9), robustness: rng.random_range(1..8) };
    let packet = &igmp::general_query(&query)[..];
    let nonce = rng.random();
    let gateway = rng.random::<bool>().then(|| endpoint("203.0.113.66:6"));
    let limit = rng.random();
    let query = Message::MembershipQuery(MembershipQuery { limit, mac: Mac(rng.random()), nonce, packet, gateway });
    let advertisement = Message::RelayAdvertisement { nonce, relay: ip("198.51.100.66") };
    let over = network.answered.iter().take_while(|(at, ..)| *at + ms(11) < network.now).count();
    match rng.random_range(0..7) {
        0 => (elsewhere, data_message(ip(SOURCE), ip(GROUP), 7)),
        1 => (relay, data_message(ip("192.0.2.66"), ip(GROUP), 7)),
        2 => (relay, data_message(ip(SOURCE), ip("232.0.2.66"), 7)),
        // The nonces of the right ones are among 2³² others.
        3 => (relay, query.encode()),
        4 => (relay, advertisement.encode()),
        // Once more what was said before, from where it came or not. What is still under way is no replay.
        5 if over > 0 => {
            let (_, from, answer) = &network.answered[rng.random_range(0..over)];
            (if rng.random() { *from } else { elsewhere }, answer.clone())
        }
        _ => (elsewhere, (0..rng.random_range(0..80)).map(|_| rng.random()).collect()),
    }
}

/// The same run with ten thousand forged messages and without: the same datagrams at the same times, the same
/// events, the same data. Among the forgeries lie a handshake, many refreshes and a restart of the relay.
#[test]
fn a_flood_of_forged_messages_makes_no_difference() {
    let run = |flood: bool| {
        let relay = relay::Config { query_interval: SECOND, ..relay_config(RELAY) };
        let mut network = Network::joining(26, Some(SOURCE), relay);
        let mut rng = StdRng::seed_from_u64(26);
        for n in 0..10_000 {
            if n == 5000 {
                network.start_relay(RELAY, relay_config(RELAY));
            }
            let (from, payload) = forged(&mut rng, &network);
            if flood {
                network.inject(from, endpoint(GATEWAY), payload);
            }
            network.run_for(ms(1));
        }
        network
    };
    let (flooded, quiet) = (run(true), run(false));
    assert_eq!(quiet.discarded.len(), 0);
    assert_eq!(flooded.discarded.len(), 10_000);
    let reasons: BTreeSet<_> = flooded.discarded.iter().collect();
    assert!(reasons.len() > 6, "{reasons:?}");
    let times = |network: &Network, at: Instant| at - network.start;
    let sent = |network: &Network| -> Vec<_> {
        network.sent.iter().map(|(at, transmit)| (times(network, *at), transmit.clone())).collect()
    };
    let told = |network: &Network| -> Vec<_> {
        network.events.iter().map(|(at, event)| (times(network, *at), *event)).collect()
    };
    let received = |network: &Network| -> Vec<_> {
        network.received.iter().map(|(number, at)| (*number, times(network, *at))).collect()
    };
    assert_eq!(sent(&flooded), sent(&quiet));
    assert_eq!(told(&flooded), told(&quiet));
    assert_eq!(received(&flooded), received(&quiet));
    assert!(flooded.received.len() > 700 && flooded.received_of.is_empty());
}

#[test]
fn any_datagrams_at_any_time_do_no_harm() {
    let mut rng = StdRng::seed_from_u64(24);
    let mut network = network(24);
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..rng.random_range(0..80)).map(|_| rng.random()).collect();
        if let Some(first) = bytes.first_mut() {
            *first = rng.random_range(0..9);
        }
        let (to, from) = if rng.random() { (RELAY, GATEWAY) } else { (GATEWAY, RELAY) };
        network.inject(endpoint(from), endpoint(to), bytes);
        network.run_for(ms(3));
    }
    assert_eq!(network.missing(), 0);
    assert_eq!(network.subscribers(RELAY), [endpoint(GATEWAY)]);
}

proptest! {
    /// Behind the right nonce, from the right relay: whatever else a relay may have got wrong.
    #[test]
    fn any_answer_to_a_question_is_taken_or_dropped(
        mld: bool, packet: Vec<u8>, cut in 0_usize..64, flip in proptest::option::of((0_usize..76, any::<u8>())),
        limit: bool, gateway: Option<std::net::IpAddr>, robustness: u8, seconds in 0_u64..40_000, random: bool,
    ) {
        let (protocol, wanted) = if mld { (Protocol::Mld, channel("ff3e::1")) } else { (Protocol::Igmp, membership(None)) };
        let config = Config { discover: false, ..Config::new(protocol) };
        let start = Instant::now();
        let mut gateway_machine = Gateway::new(start, config, endpoint(RELAY), 1);
        gateway_machine.join(start, wanted);
        let payload = gateway_machine.poll_transmit().unwrap().payload;
        let Ok(Message::Request { nonce, .. }) = Message::decode(&payload) else { panic!("no Request") };
        let mut general = general_query(protocol, &GeneralQuery { interval: Duration::from_secs(seconds), robustness });
        if random {
            general = packet;
        } else {
            general.truncate(general.len() - cut.saturating_sub(32).min(general.len()));
            if let Some((at, bits)) = flip && at < general.len() {
                general[at] ^= bits;
            }
        }
        let gateway = gateway.map(|address| SocketAddr::new(address, 9));
        let query = MembershipQuery { limit, mac: Mac([1; 6]), nonce, packet: &general, gateway };
        let query = Message::MembershipQuery(query).encode();
        let taken = gateway_machine.handle_datagram(start, endpoint(RELAY), &query);
        let right = crate::membership::parse_general_query(protocol, &general).is_ok();
        prop_assert_eq!(taken.is_ok(), right);
        prop_assert_eq!(gateway_machine.is_connected(), right && !limit);
        // It goes on, whatever it was told: in an hour and more there is always a next thing to do.
        for _ in 0..50 {
            let at = gateway_machine.poll_timeout().unwrap();
            prop_assert!(at > start);
            gateway_machine.handle_timeout(at);
        }
    }

    #[test]
    fn any_bytes_are_taken_or_dropped(bytes: Vec<u8>, kind in 0_u8..9) {
        let mut network = Network::joining(1, None, relay_config(RELAY));
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = kind;
        }
        let take = |network: &mut Network| {
            if let Ok(Some(packet)) = network.gateway.handle_datagram(network.now, endpoint(RELAY), &bytes) {
                assert_eq!(packet, &bytes[2..]);
            }
        };
        for _ in 0..3 {
            take(&mut network);
            network.run_for(ms(20));
        }
        take(&mut network);
        prop_assert!(network.gateway.is_connected());
    }
}
