//! An hour and more, compressed: refreshes, expiry, restarts, new secrets, a moving endpoint.

use super::*;
use crate::amt::message::Protocol;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const MINUTE: Duration = Duration::from_secs(60);

/// No nonce is used for two cycles, and none is zero.
fn assert_nonces_are_fresh(network: &Network) {
    for questions in [requests(network), discoveries(network)] {
        let mut nonces: Vec<u32> = questions.into_iter().map(|(_, nonce)| nonce).collect();
        nonces.dedup();
        assert!(!nonces.contains(&0));
        assert_eq!(nonces.iter().collect::<BTreeSet<_>>().len(), nonces.len());
    }
}

#[test]
fn an_hour_with_any_interval_loses_nothing() {
    // Seconds that relays ask for, those in floating point among them; and how many Requests that makes.
    let intervals = [(1, 3500..=3610), (5, 890..=901), (20, 224..=226), (128, 119..=121), (31_744, 119..=121)];
    for (interval, cycles) in intervals {
        let relay = relay::Config { query_interval: SECOND * interval, ..relay_config(RELAY) };
        let mut network = Network::joining(51, Some(SOURCE), relay);
        network.data_every = Some(ms(250));
        network.run_for(HOUR);
        assert_eq!(network.missing(), 0, "{interval}");
        let requests = requests(&network).len();
        assert!(cycles.contains(&requests), "{interval} s: {requests}");
        assert_nonces_are_fresh(&network);
    }
}

#[test]
fn a_gateway_that_is_not_heard_any_longer_is_forgotten_by_the_relay() {
    let mut network = joined(52);
    network.conditions.control_loss = 1.0;
    let unheard = network.now;
    assert!(network.run_until(unheard + MINUTE * 10, |network| network.subscribers(RELAY).is_empty()));
    // 260 s after the last report, of which the last refresh before may have been up to 30 s ago.
    assert!(network.now - unheard >= SECOND * 229);
    network.conditions.control_loss = 0.0;
    network.received.clear();
    let heard = network.now;
    join(&mut network);
    assert!(network.received[0].1 - heard <= SECOND * 5);
}

#[test]
fn a_new_secret_of_the_relay_is_not_noticed() {
    let mut network = joined(53);
    network.data_every = Some(ms(100));
    for n in 0..12 {
        network.run_for(MINUTE * 5);
        let now = network.now;
        network.relays.get_mut(&endpoint(RELAY)).unwrap().change_secret(now, [n; 16]);
    }
    assert_eq!(network.missing(), 0);
    assert!(network.relay_discarded.is_empty());
    // What began under the secret before is ended under the new one.
    network.stop();
    network.run_for(SECOND * 2);
    assert!(network.subscribers(RELAY).is_empty());
    assert!(network.relay_discarded.is_empty());
}

#[test]
fn an_hour_of_everything_always_ends_with_data() {
    for seed in 0..2 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut network = joined(seed);
        network.data_every = Some(ms(500));
        let others: Vec<_> = (0..20).map(|n| channel(&format!("192.0.2.{n}@232.0.3.{n}"))).collect();
        network.channels.extend(others.iter().map(|other| (other.source().unwrap(), other.group())));
        let mut wanted = [0_u32; 20];
        for minute in 0..60 {
            network.conditions.control_loss = [0.0, 0.1, 0.3][rng.random_range(0..3)];
            match rng.random_range(0..6) {
                0 => network.start_relay(RELAY, relay_config(RELAY)),
                1 => {
                    network.stop_relay(RELAY);
                    network.run_for(SECOND * rng.random_range(1..90));
                    let query_interval = SECOND * rng.random_range(2..300);
                    network.start_relay(RELAY, relay::Config { query_interval, ..relay_config(RELAY) });
                }
                2 => network.gateway_at.set_port(rng.random_range(1024..60_000)),
                3 => {
                    let now = network.now;
                    network.gateway.handle_path_change(now);
                    network.gateway.handle_unreachable(now);
                }
                _ => {}
            }
            for _ in 0..3 {
                let n = rng.random_range(0..20);
                if wanted[n] > 0 && rng.random() {
                    wanted[n] -= 1;
                    network.leave(others[n]);
                } else {
                    wanted[n] += 1;
                    network.join(others[n]);
                }
            }
            network.received.clear();
            network.received_of.clear();
            network.run_for(MINUTE);
            assert!(!network.received.is_empty(), "seed {seed}, minute {minute}");
            for (other, wanted) in others.iter().zip(wanted) {
                let key = (other.source().unwrap(), other.group());
                assert_eq!(network.received_of.contains_key(&key), wanted > 0, "seed {seed}, minute {minute}, {other}");
            }
        }
        assert_nonces_are_fresh(&network);
        network.conditions.control_loss = 0.0;
        network.stop();
        network.run_for(SECOND * 10);
        assert!(network.gateway.is_stopped());
        assert!(network.subscribers(RELAY).is_empty());
    }
}

#[test]
fn what_counts_does_not_run_over() {
    // Four thousand million attempts are 4,000 years of asking: the counters are set near their ends by a relay
    // that never answers and pauses as short as they can be.
    let config = Config {
        quick: u32::MAX,
        quick_pause: Duration::ZERO,
        first_pause: Duration::ZERO,
        requests: u32::MAX,
        refresh: Duration::MAX,
        silence: Some(Duration::MAX),
        longest_pause: Duration::MAX,
        longest_refusal: Duration::MAX,
        ..Config::new(Protocol::Igmp)
    };
    let mut network = Network::new(54, config, relay_config(RELAY));
    network.stop_relay(RELAY);
    network.data_every = None;
    network.run_for(MINUTE);
    assert!((4500..=6001).contains(&network.sent.len()), "{}", network.sent.len());
    network.start_relay(RELAY, relay_config(RELAY));
    network.join(membership(None));
    network.run_for(MINUTE);
    assert_eq!(network.subscribers(RELAY).len(), 1);
}
