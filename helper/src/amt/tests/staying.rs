//! Data flows on, whatever happens to the relay and the path.

use super::*;

#[test]
fn refreshes_come_well_before_the_relay_wants_them() {
    // Its interval in seconds, and ours in milliseconds: four fifths, at least a second, at most 30.
    for (interval, every) in [(1, 1000), (10, 8000), (20, 16_000), (125, 30_000), (3000, 30_000)] {
        let relay = relay::Config { query_interval: SECOND * interval, ..relay_config(RELAY) };
        let mut network = Network::joining(4, None, relay);
        network.run_for(SECOND * 100);
        for pair in requests(&network).windows(2) {
            // 20 ms until the Query was there.
            assert_eq!(pair[1].0 - pair[0].0, ms(every + 20), "interval {interval} s");
        }
    }
}

#[test]
fn an_hour_of_refreshes_loses_nothing() {
    // As the C relay in wide use has it: asks every 20 s, forgets after 60.
    let relay = relay::Config {
        query_interval: SECOND * 20,
        robustness: 2,
        response_interval: SECOND * 20,
        ..relay_config(RELAY)
    };
    let mut network = Network::joining(7, Some(SOURCE), relay);
    network.data_every = Some(ms(100));
    network.run_for(HOUR);
    assert_eq!(network.missing(), 0);
    assert!(network.received.len() > 35_990);
    // Every 16 s, well before the 20 s, and each time with a new nonce.
    let requests = requests(&network);
    assert_eq!(requests.len(), 225);
    assert_eq!(requests.iter().map(|(_, nonce)| nonce).collect::<BTreeSet<_>>().len(), requests.len());
    assert_eq!(count(&network, "discovery"), 1);
    assert!(network.discarded.is_empty());
}

#[test]
fn refreshes_that_are_lost_lose_no_data() {
    for seed in 0..5 {
        let mut network = joined(seed);
        network.data_every = Some(ms(250));
        network.conditions.control_loss = 0.2;
        network.run_for(HOUR);
        assert_eq!(network.missing(), 0, "seed {seed}");
    }
}

#[test]
fn a_relay_that_lost_its_memory_is_joined_again_within_seconds() {
    for seed in 0..20 {
        let mut network = joined(seed);
        network.run_for(SECOND * 7);
        network.start_relay(RELAY, relay_config(RELAY));
        network.received.clear();
        let restarted = network.now;
        network.run_for(SECOND * 4);
        let back = network.received.iter().find(|(_, at)| *at > restarted + ms(100)).unwrap().1;
        assert!(back - restarted < ms(2200), "seed {seed}: {:?}", back - restarted);
    }
}

#[test]
fn a_relay_that_was_away_is_joined_again() {
    // Within 5 s of its return, however long that took.
    for away in [1, 5, 20, 120, 150, 600, 7200] {
        for seed in 0..20 {
            let mut network = joined(seed);
            network.data_every = Some(ms(50));
            network.stop_relay(RELAY);
            network.run_for(SECOND * away);
            network.start_relay(RELAY, relay_config(RELAY));
            network.received.clear();
            let back = network.now;
            join(&mut network);
            let took = network.received[0].1 - back;
            assert!(took <= SECOND * 5, "seed {seed}, away for {away} s: {took:?}");
        }
    }
}

#[test]
fn a_relay_that_stays_away_costs_no_more_than_thirty_datagrams_a_minute() {
    for seed in 0..5 {
        let mut network = joined(seed);
        network.stop_relay(RELAY);
        network.run_for(SECOND * 60);
        let before = network.sent.len();
        network.run_for(HOUR);
        let a_minute = (network.sent.len() - before) / 60;
        assert!((24..=30).contains(&a_minute), "seed {seed}: {a_minute}");
    }
}

#[test]
fn answers_that_come_five_seconds_late_join_and_stay() {
    for seed in 0..20 {
        let mut network = network(seed);
        network.conditions.delay = (ms(2450), ms(2550));
        // Advertisement, Query, and the way to the first data: 5 s each.
        network.run_for(SECOND * 16);
        assert!(!network.received.is_empty(), "seed {seed}");
        let before = network.now;
        network.run_for(SECOND * 300);
        let first = network.received.iter().position(|(_, at)| *at >= before).unwrap();
        let times: Vec<_> = network.received[first..].iter().map(|(_, at)| *at).collect();
        let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(longest < SECOND, "seed {seed}: {longest:?}");
    }
}

#[test]
fn a_group_without_traffic_is_asked_for_less_and_less_often() {
    let mut network = network(13);
    network.data_every = None;
    network.run_for(SECOND * 300);
    let requests: Vec<u64> = requests(&network).iter().map(|(at, _)| (*at - network.start).as_secs()).collect();
    assert_eq!(requests, [0, 2, 6, 14, 30, 60, 90, 120, 150, 180, 210, 240, 270]);
}

#[test]
fn a_new_address_behind_nat_moves_the_tunnel() {
    let mut network = joined(18);
    network.run_for(SECOND * 5);
    let moved = network.now;
    network.gateway_at = endpoint("203.0.113.5:50000");
    network.run_for(SECOND * 5);
    assert_eq!(network.subscribers(RELAY), [endpoint("203.0.113.5:50000")]);
    assert_eq!(count(&network, "teardown"), 2);
    assert!(network.events.iter().any(|(_, event)| *event == Event::EndpointChanged { old: endpoint(GATEWAY) }));
    let back = network.received.iter().find(|(_, at)| *at > moved + ms(20)).unwrap().1;
    assert!(back - moved < ms(2200));
    assert!(network.relay_discarded.is_empty());
}

#[test]
fn a_new_relay_takes_over_and_the_old_one_is_told() {
    const THIRD_RELAY: &str = "198.51.100.3:2268";
    // Discovery leads to one relay; then that one falls silent, and discovery leads to another.
    let mut network = Network::joining(19, Some(SOURCE), relay_config(OTHER_RELAY));
    network.start_relay(OTHER_RELAY, relay_config(OTHER_RELAY));
    join(&mut network);
    network.run_for(SECOND * 5);
    let mut old = network.relays.remove(&endpoint(OTHER_RELAY)).unwrap();
    network.start_relay(RELAY, relay_config(THIRD_RELAY));
    network.start_relay(THIRD_RELAY, relay_config(THIRD_RELAY));
    network.run_for(SECOND * 30);
    assert_eq!(network.subscribers(THIRD_RELAY), [endpoint(GATEWAY)]);
    let teardowns: Vec<_> = network
        .sent
        .iter()
        .filter(|(_, transmit)| matches!(Message::decode(&transmit.payload), Ok(Message::Teardown { .. })))
        .collect();
    assert_eq!(teardowns.len(), 2);
    assert!(teardowns.iter().all(|(_, transmit)| transmit.to == endpoint(OTHER_RELAY)));
    // It quotes the old one's own Query, and is believed wherever it comes from.
    assert_eq!(old.subscribers(ip(SOURCE), ip(GROUP)).count(), 1);
    old.handle_datagram(network.now, endpoint("203.0.113.99:1"), &teardowns[0].1.payload).unwrap();
    assert_eq!(old.subscribers(ip(SOURCE), ip(GROUP)).count(), 0);
}

#[test]
fn what_an_old_relay_still_sends_is_taken_until_another_has_room() {
    let mut network = Network::joining(25, Some(SOURCE), relay_config(OTHER_RELAY));
    network.start_relay(OTHER_RELAY, relay_config(OTHER_RELAY));
    join(&mut network);
    // It answers no longer, and discovery leads to one that is full.
    network.deaf = Some(endpoint(OTHER_RELAY));
    network.start_relay(RELAY, relay::Config { max_endpoints: 0, ..relay_config(RELAY) });
    network.run_for(SECOND * 120);
    assert!(network.events.iter().any(|(_, event)| *event == Event::RelayFull { relay: endpoint(RELAY) }));
    assert_eq!(count(&network, "teardown"), 0);
    assert_eq!(network.missing(), 0);
    network.start_relay(RELAY, relay_config(RELAY));
    network.run_for(SECOND * 60);
    assert_eq!(network.subscribers(RELAY), [endpoint(GATEWAY)]);
    assert_eq!(count(&network, "teardown"), 2);
    // From one to the other it takes the round trip of the Update.
    assert!(network.missing() <= 3, "{}", network.missing());
}

#[test]
fn a_relay_that_fills_up_keeps_whom_it_has() {
    let relay = relay::Config { max_endpoints: 1, ..relay_config(RELAY) };
    let mut network = Network::joining(21, Some(SOURCE), relay);
    network.run_for(SECOND * 120);
    assert_eq!(network.missing(), 0);
    assert!(!network.events.iter().any(|(_, event)| matches!(event, Event::RelayFull { .. })));
}

#[test]
fn unreachable_news_start_one_cycle_a_second_at_most() {
    let mut network = joined(22);
    for _ in 0..1000 {
        let now = network.now;
        network.gateway.handle_unreachable(now);
        network.run_for(ms(10));
    }
    assert!((9..=11).contains(&requests(&network).len()), "{}", requests(&network).len());
    assert_eq!(network.missing(), 0);
}

#[test]
fn a_change_of_the_path_moves_the_tunnel_at_once() {
    for teardown in [true, false] {
        let relay = relay::Config { teardown, ..relay_config(RELAY) };
        let mut network = Network::joining(27, Some(SOURCE), relay);
        join(&mut network);
        network.run_for(SECOND * 5);
        let (moved, updates_before) = (network.now, updates(&network).len());
        network.gateway_at = endpoint("203.0.113.77:50000");
        network.gateway.handle_path_change(moved);
        network.run_for(SECOND * 3);
        let back = network.received.iter().find(|(_, at)| *at > moved + ms(20)).unwrap().1;
        assert!(back - moved < ms(60), "{:?}", back - moved);
        // Said as a new membership where the relay cannot tell that we moved, too.
        assert!(updates(&network)[updates_before..].iter().flatten().all(|it| it.kind == RecordType::AllowNewSources));
        assert_eq!(updates(&network).len() - updates_before, 2);
        assert_eq!(count(&network, "teardown"), if teardown { 2 } else { 0 });
        let new = endpoint("203.0.113.77:50000");
        assert_eq!(network.subscribers(RELAY).contains(&endpoint(GATEWAY)), !teardown);
        assert!(network.subscribers(RELAY).contains(&new));
        let cause = Cause::PathChange;
        assert!(
            network.events.iter().any(|(_, event)| *event == Event::Request { to: endpoint(RELAY), attempt: 1, cause })
        );
    }
}

#[test]
fn changes_of_the_path_start_one_cycle_a_second_at_most() {
    let mut network = joined(28);
    let handshakes = requests(&network).len();
    for _ in 0..1000 {
        let now = network.now;
        network.gateway.handle_path_change(now);
        network.run_for(ms(10));
    }
    let cycles = requests(&network).len() - handshakes;
    assert!((9..=11).contains(&cycles), "{cycles}");
    assert_eq!(network.missing(), 0);
    // And none that was put off to the end of time.
    network.run_for(SECOND * 2);
    assert!(requests(&network).len() - handshakes <= cycles + 1);
    let (now, handshakes) = (network.now, requests(&network).len());
    network.gateway.handle_path_change(now);
    network.run_for(ms(1));
    assert_eq!(requests(&network).len(), handshakes + 1);
}

#[test]
fn a_question_that_waits_is_asked_again_when_the_path_changes() {
    let mut network = network(29);
    network.stop_relay(RELAY);
    network.run_for(SECOND * 600);
    network.start_relay(RELAY, relay_config(RELAY));
    let now = network.now;
    network.gateway.handle_path_change(now);
    join(&mut network);
    assert!(network.received[0].1 - now < ms(100));
}

#[test]
fn a_teardown_quotes_the_query_of_the_last_update() {
    let mut network = joined(30);
    network.run_for(SECOND * 40);
    let told = picked(&network, |message| match message {
        Message::MembershipUpdate { mac, nonce, .. } => Some((mac, nonce)),
        _ => None,
    });
    // One Query more, at another endpoint, after the Update.
    network.gateway_at = endpoint("203.0.113.77:50000");
    network.run_for(SECOND * 30);
    let torn = picked(&network, |message| match message {
        Message::Teardown { mac, nonce, gateway } => Some((mac, nonce, gateway)),
        _ => None,
    });
    let before = told.iter().rev().find(|(at, _)| *at < torn[0].0).unwrap().1;
    assert_eq!(torn[0].1, (before.0, before.1, endpoint(GATEWAY)));
    assert_eq!(torn.len(), 2);
}
