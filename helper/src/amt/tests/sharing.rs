//! Many memberships in one tunnel.

use super::*;
use crate::membership::Membership;

const SECOND_CHANNEL: &str = "192.0.2.2@232.0.2.2";
const THIRD_CHANNEL: &str = "192.0.2.3@232.0.2.3";

/// One that carries three channels; the first is joined and flows.
fn carrying(seed: u64) -> Network {
    let mut network = network(seed);
    network.channels.extend([(ip("192.0.2.2"), ip("232.0.2.2")), (ip("192.0.2.3"), ip("232.0.2.3"))]);
    join(&mut network);
    network
}

fn received(network: &Network, channel: Membership) -> &[(u32, Instant)] {
    let key = (channel.source().unwrap(), channel.group());
    network.received_of.get(&key).map_or(&[], Vec::as_slice)
}

/// Numbers that should have come between the first and the last that did.
fn missing(received: &[(u32, Instant)]) -> usize {
    let (first, last) = (received.first().unwrap().0, received.last().unwrap().0);
    (last - first + 1) as usize - received.len()
}

fn silences(network: &Network) -> Vec<(Instant, Membership)> {
    let silent = |(at, event): &(Instant, Event)| match event {
        Event::Silent { membership, .. } => Some((*at, *membership)),
        _ => None,
    };
    network.events.iter().filter_map(silent).collect()
}

#[test]
fn channels_come_and_go_without_disturbing_each_other() {
    let mut network = carrying(31);
    let [second, third] = [SECOND_CHANNEL, THIRD_CHANNEL].map(channel);
    network.run_for(SECOND * 3);
    let (handshakes, joined) = (requests(&network).len(), network.now);
    network.join(second);
    network.run_for(SECOND);
    // One message: there is a Query already whose nonce and MAC can be used.
    assert_eq!(requests(&network).len(), handshakes);
    assert!(received(&network, second)[0].1 - joined <= ms(30));
    network.join(third);
    network.run_for(SECOND * 40);
    network.leave(second);
    let left = network.now;
    network.run_for(SECOND * 40);
    network.leave(third);
    network.run_for(SECOND * 3);
    assert_eq!(network.subscribers_of(RELAY, second) + network.subscribers_of(RELAY, third), 0);
    assert!(received(&network, second).last().unwrap().1 <= left);
    for received in [&network.received, received(&network, second), received(&network, third)] {
        assert_eq!(missing(received), 0);
    }
    assert!(network.received.len() > 8600);
    assert!(silences(&network).is_empty());
    // Late data of what was left is dropped by name, nothing else.
    assert!(network.discarded.iter().all(|discard| *discard == Discard::OtherChannel));
    assert!(network.relay_discarded.is_empty());
}

#[test]
fn two_that_want_the_same_need_not_know_of_each_other() {
    let mut network = carrying(32);
    network.join(membership(Some(SOURCE)));
    network.run_for(SECOND * 5);
    let updates = count(&network, "update");
    network.leave(membership(Some(SOURCE)));
    network.run_for(SECOND * 5);
    assert_eq!(count(&network, "update"), updates);
    assert_eq!(network.subscribers(RELAY).len(), 1);
    network.leave(membership(Some(SOURCE)));
    network.run_for(SECOND * 5);
    assert_eq!(count(&network, "update"), updates + 2);
    assert!(network.subscribers(RELAY).is_empty());
}

#[test]
fn a_lost_leave_or_join_is_made_good_by_its_repetition() {
    let mut network = carrying(33);
    let second = channel(SECOND_CHANNEL);
    for join in [true, false] {
        network.conditions.control_loss = 1.0;
        if join {
            network.join(second)
        } else {
            network.leave(second)
        }
        network.run_for(ms(20));
        network.conditions.control_loss = 0.0;
        assert_eq!(network.subscribers_of(RELAY, second), usize::from(!join));
        network.run_for(SECOND * 2);
        assert_eq!(network.subscribers_of(RELAY, second), usize::from(join));
    }
    assert_eq!(network.missing(), 0);
}

#[test]
fn one_silent_channel_among_others_is_asked_for_less_and_less_often() {
    let mut network = carrying(34);
    let second = channel(SECOND_CHANNEL);
    network.join(second);
    network.run_for(SECOND * 10);
    network.channels.remove(1);
    let (silent, handshakes) = (network.now, requests(&network).len());
    network.run_for(SECOND * 200);
    let told = silences(&network);
    assert!(told.iter().all(|(_, membership)| *membership == second));
    let times: Vec<u64> = told.iter().map(|(at, _)| (*at - silent).as_secs_f64().round() as u64).collect();
    assert_eq!(times, [2, 6, 14, 30, 60, 90, 120, 150, 180]);
    // No cycle is begun for it.
    assert_eq!(requests(&network).len() - handshakes, 6);
    let about = |record: &Record<IpAddr>| record.kind == RecordType::AllowNewSources && record.group == second.group();
    assert_eq!(updates(&network).iter().flatten().filter(|record| about(record)).count(), 2 * (1 + times.len()));
    assert_eq!(network.missing(), 0);
    // It comes back.
    network.channels.push((ip("192.0.2.2"), ip("232.0.2.2")));
    network.run_for(SECOND);
    let comes = Event::Receiving { relay: endpoint(RELAY), membership: second };
    assert_eq!(network.events.iter().filter(|(_, event)| *event == comes).count(), 2);
}

#[test]
fn a_relay_that_forgot_one_channel_is_told_of_it_again() {
    let mut network = carrying(35);
    let second = channel(SECOND_CHANNEL);
    network.join(second);
    network.run_for(SECOND * 10);
    // A leave in our name that the relay believed.
    let (_, (mac, nonce)) = *picked(&network, |message| match message {
        Message::MembershipUpdate { mac, nonce, .. } => Some((mac, nonce)),
        _ => None,
    })
    .last()
    .unwrap();
    let record = Record { kind: RecordType::ChangeToInclude, group: "232.0.2.2".parse().unwrap(), sources: vec![] };
    let packet = &crate::membership::igmp::report(&[record])[..];
    let forged = Message::MembershipUpdate { mac, nonce, packet }.encode();
    network.inject(endpoint(GATEWAY), endpoint(RELAY), forged);
    network.run_for(SECOND);
    assert_eq!(network.subscribers_of(RELAY, second), 0);
    network.run_for(SECOND * 2);
    assert_eq!(network.subscribers_of(RELAY, second), 1);
    assert_eq!(network.missing(), 0);
}

#[test]
fn where_nothing_comes_the_relay_is_asked_once_for_all() {
    let mut network = carrying(36);
    // Joined one after another, so that their silences do not end together.
    network.join(channel(SECOND_CHANNEL));
    network.run_for(ms(1700));
    network.join(channel(THIRD_CHANNEL));
    network.run_for(SECOND * 8);
    network.data_every = None;
    let (silent, handshakes) = (network.now, requests(&network).len());
    network.run_for(SECOND * 100);
    let pauses: Vec<u64> =
        requests(&network)[handshakes..].iter().map(|(at, _)| (*at - silent).as_secs_f64().round() as u64).collect();
    assert_eq!(pauses, [2, 6, 14, 30, 60, 90]);
    // Each is told to be silent, until a refresh asks for all before its time is over.
    assert_eq!(silences(&network).len(), 3 * 4);
}

#[test]
fn after_a_restart_of_the_relay_all_channels_come_back_within_seconds() {
    for seed in 0..20 {
        let mut network = carrying(seed);
        let channels = [SECOND_CHANNEL, THIRD_CHANNEL].map(channel);
        channels.into_iter().for_each(|channel| network.join(channel));
        network.run_for(SECOND * 7);
        network.start_relay(RELAY, relay_config(RELAY));
        let restarted = network.now;
        network.run_for(SECOND * 4);
        let first = |received: &[(u32, Instant)]| received.iter().find(|(_, at)| *at > restarted + ms(100)).unwrap().1;
        for received in [&network.received, received(&network, channels[0]), received(&network, channels[1])] {
            assert!(first(received) - restarted < ms(2300), "seed {seed}");
        }
        // As state changes, so often as the relay wishes.
        let since = network.sent.iter().filter(|(at, _)| *at > restarted);
        let updates = since
            .filter(|(_, transmit)| matches!(Message::decode(&transmit.payload), Ok(Message::MembershipUpdate { .. })));
        assert_eq!(updates.count(), 2);
    }
}

#[test]
fn with_nothing_joined_it_stays_in_touch_and_reports_nothing() {
    let mut network = Network::new(37, config(), relay_config(RELAY));
    assert!(!network.gateway.is_connected());
    network.run_for(SECOND * 100);
    assert!(network.gateway.is_connected());
    assert_eq!((count(&network, "discovery"), count(&network, "request"), count(&network, "update")), (1, 4, 0));
    // Stopping it is no business of the relay's.
    let sent = network.sent.len();
    network.stop();
    assert!(network.gateway.is_stopped());
    network.run_for(SECOND * 3);
    assert_eq!(network.sent.len(), sent);
}

#[test]
fn stopping_after_the_last_leave_says_no_more_than_the_leave() {
    for teardown in [true, false] {
        let relay = relay::Config { teardown, ..relay_config(RELAY) };
        let mut network = Network::joining(38, Some(SOURCE), relay);
        join(&mut network);
        network.run_for(SECOND * 3);
        network.conditions.control_loss = 1.0;
        network.leave(membership(Some(SOURCE)));
        network.run_for(ms(10));
        network.conditions.control_loss = 0.0;
        // The leave was lost, so that what ends the tunnel has to say it.
        network.stop();
        network.run_for(SECOND * 3);
        assert!(network.gateway.is_stopped());
        assert!(network.subscribers(RELAY).is_empty(), "{teardown}");
        assert_eq!(count(&network, "teardown"), if teardown { 2 } else { 0 });
    }
}

#[test]
fn many_channels_are_refreshed_in_packets_that_fit_every_path() {
    let mut network = network(39);
    let names: Vec<Membership> =
        (0..500).map(|n: u16| channel(&format!("192.0.2.1@232.1.{}.{}", n >> 8, n & 255))).collect();
    names.iter().for_each(|name| network.join(*name));
    network.run_for(SECOND * 2);
    network.start_relay(RELAY, relay::Config { max_groups: 600, ..relay_config(RELAY) });
    network.run_for(SECOND * 5);
    assert!(names.iter().all(|name| network.subscribers_of(RELAY, *name) == 1));
    let longest = network.sent.iter().map(|(_, transmit)| transmit.payload.len()).max().unwrap();
    assert!((1100..=1232).contains(&longest), "{longest}");
    network.stop();
    network.run_for(SECOND * 3);
    assert!(network.subscribers(RELAY).is_empty());
}

#[test]
fn a_full_relay_keeps_a_gateway_with_a_subscription_and_refuses_one_without() {
    let full = relay::Config { max_endpoints: 1, ..relay_config(RELAY) };
    let mut network = Network::new(40, config(), full);
    network.run_for(SECOND * 5);
    network.join(membership(Some(SOURCE)));
    join(&mut network);
    network.run_for(SECOND * 100);
    assert!(network.gateway.is_connected());
    let is_full = |network: &Network| network.events.iter().any(|(_, event)| matches!(event, Event::RelayFull { .. }));
    assert!(!is_full(&network));
    // It is told once that the relay would rather have fewer.
    let limited = |(_, event): &&(Instant, Event)| matches!(event, Event::RelayLimited { .. });
    assert_eq!(network.events.iter().filter(limited).count(), 1);
    // Its place goes to another; nothing is subscribed any longer.
    network.leave(membership(Some(SOURCE)));
    network.run_for(SECOND * 3);
    network.start_relay(RELAY, relay::Config { max_endpoints: 0, ..relay_config(RELAY) });
    network.run_for(SECOND * 40);
    assert!(is_full(&network) && !network.gateway.is_connected());
    network.start_relay(RELAY, relay_config(RELAY));
    network.join(membership(Some(SOURCE)));
    network.received.clear();
    join(&mut network);
}
