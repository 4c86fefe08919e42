//! Messages from others than the relay.

use super::*;

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
    for address in ["0.0.0.0", "224.0.0.1", "2001:db8::1"] {
        assert_eq!(dropped(&mut network, relay, &advertisement(nonce, address)), Some(Discard::RelayAddress));
    }
    let packet =
        crate::membership::igmp::general_query(&crate::membership::GeneralQuery { interval: SECOND, robustness: 2 });
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

#[test]
fn any_datagrams_at_any_time_do_no_harm() {
    use rand::{Rng, SeedableRng};
    let mut rng = rand::rngs::StdRng::seed_from_u64(24);
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
