//! IPv4 and IPv6, outside and inside, and a relay that has its own idea of the flag between them.

use super::*;
use crate::amt::message::{Protocol, RequestFlags};

const RELAY_6: &str = "[2001:db8::1]:2268";
const GATEWAY_6: &str = "[2001:db8::5]:49152";
const CHANNEL_6: &str = "2001:db8:1::1@ff3e::8000:1";

/// A gateway and a relay over either version of IP, with a channel of either; nothing is joined yet.
fn between(seed: u64, (outer_6, inner_6): (bool, bool), config: Config, relay: relay::Config) -> Network {
    let mut network = Network::new(seed, config.clone(), relay_config(RELAY));
    let address = if outer_6 { RELAY_6 } else { RELAY };
    network.start_relay(address, relay::Config { address: endpoint(address).ip(), ..relay });
    if outer_6 {
        network.gateway_at = endpoint(GATEWAY_6);
    }
    if inner_6 {
        network.channels = vec![(ip("2001:db8:1::1"), ip("ff3e::8000:1"))];
    }
    network.gateway = Gateway::new(network.now, config, endpoint(address), seed);
    network
}

fn flags(network: &Network) -> Vec<RequestFlags> {
    let flags = picked(network, |message| match message {
        Message::Request { flags, .. } => Some(flags),
        _ => None,
    });
    flags.into_iter().map(|(_, flags)| flags).collect()
}

#[test]
fn all_four_combinations_of_outer_and_inner_carry_a_channel() {
    for (outer_6, inner_6) in [(false, false), (false, true), (true, false), (true, true)] {
        for any in [false, true] {
            for teardown in [false, true] {
                let protocol = if inner_6 { Protocol::Mld } else { Protocol::Igmp };
                let relay = relay::Config { teardown, ..relay_config(RELAY) };
                let mut network = between(41, (outer_6, inner_6), Config::new(protocol), relay);
                let text = if inner_6 { CHANNEL_6.to_owned() } else { format!("{SOURCE}@{GROUP}") };
                let wanted = if any { channel(text.split_once('@').unwrap().1) } else { channel(&text) };
                network.join(wanted);
                join(&mut network);
                network.run_for(SECOND * 40);
                assert_eq!(network.missing(), 0);
                assert!(network.relay_discarded.is_empty() && network.discarded.is_empty());
                network.leave(wanted);
                network.run_for(SECOND * 2);
                let address = if outer_6 { RELAY_6 } else { RELAY };
                let (source, group) = network.channels[0];
                let subscribers =
                    |network: &Network| network.relays[&endpoint(address)].subscribers(source, group).count();
                assert_eq!(subscribers(&network), 0);
                network.join(wanted);
                network.run_for(SECOND * 2);
                assert_eq!(subscribers(&network), 1);
                network.stop();
                network.run_for(SECOND * 2);
                assert_eq!(subscribers(&network), 0);
                assert!(network.gateway.is_stopped());
            }
        }
    }
}

#[test]
fn a_relay_with_the_p_flag_elsewhere_is_understood_within_a_second() {
    let linux = relay::Config { linux: true, teardown: false, ..relay_config(RELAY) };
    let mut network = between(42, (false, true), Config::new(Protocol::Mld), linux);
    network.join(channel(CHANNEL_6));
    join(&mut network);
    assert!(network.received[0].1 - network.start < SECOND);
    // Both of the first two were dropped, the third went out in both ways, and what was answered is kept.
    let elsewhere = RequestFlags { linux_p: true, ..RequestFlags::default() };
    assert_eq!(flags(&network), [Protocol::Mld.into(), Protocol::Mld.into(), Protocol::Mld.into(), elsewhere]);
    network.run_for(SECOND * 100);
    assert_eq!(flags(&network)[4..], [elsewhere; 3]);
    assert_eq!(network.missing(), 0);
    let [(_, asked), (_, asked_elsewhere)] = requests(&network)[2..4] else { panic!("four Requests") };
    assert_ne!(asked, asked_elsewhere);
}

#[test]
fn a_relay_that_goes_by_the_rfc_is_asked_its_way_whatever_is_lost() {
    // To such a relay P at 0x80 is a Request for IGMP, whose answer is not taken for the one that is awaited.
    for seed in 0..20 {
        let mut network = between(seed, (false, true), Config::new(Protocol::Mld), relay_config(RELAY));
        network.join(channel(CHANNEL_6));
        network.data_every = Some(ms(100));
        network.conditions.control_loss = 0.4;
        join(&mut network);
        network.run_for(SECOND * 300);
        assert_eq!(network.missing(), 0);
        let late = flags(&network);
        assert!(late.iter().filter(|flags| flags.p).count() > late.len() / 2);
    }
}

#[test]
fn a_relay_that_pays_no_heed_to_sources_is_filtered_here() {
    let linux = relay::Config { linux: true, teardown: false, ..relay_config(RELAY) };
    let mut network = Network::joining(43, Some(SOURCE), linux);
    network.channels.push((ip("192.0.2.9"), ip(GROUP)));
    join(&mut network);
    network.run_for(SECOND * 5);
    assert!(network.received_of.is_empty());
    assert!(network.discarded.iter().all(|discard| *discard == Discard::OtherChannel));
    assert!(network.discarded.len() > 400);
    assert_eq!(network.missing(), 0);
}

#[test]
fn the_ecn_flag_is_set_on_request_alone() {
    for ecn in [false, true] {
        let mut network = between(44, (false, false), Config { ecn, ..config() }, relay_config(RELAY));
        network.join(membership(None));
        join(&mut network);
        assert_eq!(flags(&network), [RequestFlags { ecn, ..RequestFlags::default() }]);
    }
}

#[test]
fn without_discovery_the_relay_itself_is_asked() {
    let mut network = between(45, (false, false), Config { discover: false, ..config() }, relay_config(RELAY));
    network.join(membership(Some(SOURCE)));
    network.run_for(ms(60));
    assert_eq!(kinds(&network)[..2], ["request", "update"]);
    assert!(!network.received.is_empty());
    // Where it is gone it is asked for ever, with the same question.
    network.stop_relay(RELAY);
    network.run_for(SECOND * 300);
    assert_eq!(count(&network, "discovery"), 0);
    let silent = requests(&network)[1..].to_vec();
    assert!((60..200).contains(&silent.len()), "{}", silent.len());
    assert_eq!(silent.iter().map(|(_, nonce)| nonce).collect::<BTreeSet<_>>().len(), 1);
    network.start_relay(RELAY, relay::Config { max_endpoints: 0, ..relay_config(RELAY) });
    network.run_for(SECOND * 60);
    // One that forgot us and takes nobody new.
    assert!(network.events.iter().any(|(_, event)| matches!(event, Event::RelayLimited { .. })));
    network.start_relay(RELAY, relay_config(RELAY));
    network.received.clear();
    join(&mut network);
    assert_eq!(count(&network, "discovery"), 0);
}

#[test]
fn without_discovery_a_full_relay_is_asked_again_with_pauses() {
    let full = relay::Config { max_endpoints: 0, ..relay_config(RELAY) };
    let mut network = between(46, (false, false), Config { discover: false, ..config() }, full);
    network.join(membership(Some(SOURCE)));
    network.run_for(SECOND * 600);
    let refusals = network.events.iter().filter(|(_, event)| matches!(event, Event::RelayFull { .. })).count();
    assert!((20..200).contains(&refusals), "{refusals}");
    assert_eq!((count(&network, "request"), count(&network, "update")), (refusals, 0));
    network.start_relay(RELAY, relay_config(RELAY));
    join(&mut network);
}

#[test]
fn a_relay_of_one_link_is_asked_on_the_link_that_it_was_advertised_on() {
    let advertised = |discovery: &str, from: &str, relay: &str| {
        let now = Instant::now();
        let mut gateway = Gateway::new(now, Config::new(Protocol::Mld), endpoint(discovery), 1);
        let asked = gateway.poll_transmit().unwrap();
        assert_eq!(asked.to, endpoint(discovery));
        let Ok(Message::RelayDiscovery { nonce }) = Message::decode(&asked.payload) else { panic!("no Discovery") };
        let answer = Message::RelayAdvertisement { nonce, relay: ip(relay) }.encode();
        gateway.handle_datagram(now, endpoint(from), &answer)?;
        Ok(gateway.poll_transmit().unwrap().to)
    };
    let on_link = Ok(endpoint("[fe80::2%3]:2268"));
    assert_eq!(advertised("[fe80::1%3]:2268", "[fe80::1%3]:2268", "fe80::2"), on_link);
    assert_eq!(advertised("[fe80::1%3]:2268", "[fe80::1]:2268", "fe80::2"), on_link);
    assert_eq!(advertised("[fe80::1%3]:2268", "[fe80::1%3]:2268", "2001:db8::2"), Ok(endpoint("[2001:db8::2]:2268")));
    // Who is not on a link of ours cannot send us to one.
    assert_eq!(advertised(RELAY_6, RELAY_6, "fe80::2"), Err(Discard::RelayAddress));
}
