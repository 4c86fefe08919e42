//! The end of a tunnel.

use super::*;

#[test]
fn stopping_tears_the_tunnel_down() {
    let mut network = joined(14);
    network.run_for(SECOND * 3);
    network.stop();
    network.run_for(ms(10));
    assert!(network.subscribers(RELAY).is_empty());
    assert!(!network.gateway.is_stopped());
    network.run_for(SECOND);
    assert!(network.gateway.is_stopped());
    assert_eq!(network.gateway.poll_timeout(), None);
    // As often as the relay's robustness says, one second apart.
    let teardowns: Vec<_> = network.sent.iter().rev().take(2).collect();
    assert_eq!(kinds(&network).iter().rev().take(3).collect::<Vec<_>>(), [&"teardown", &"teardown", &"update"]);
    assert_eq!(teardowns[0].0 - teardowns[1].0, SECOND);
    assert_eq!(teardowns[0].1, teardowns[1].1);
    assert!(network.relay_discarded.is_empty());
}

#[test]
fn stopping_says_so_in_an_update_where_teardown_is_unknown() {
    for source in [Some(SOURCE), None] {
        let relay = relay::Config { teardown: false, ..relay_config(RELAY) };
        let mut network = Network::joining(15, source, relay);
        join(&mut network);
        network.run_for(SECOND * 3);
        network.stop();
        network.run_for(ms(10));
        assert!(network.subscribers(RELAY).is_empty());
        network.run_for(SECOND * 2);
        assert!(network.gateway.is_stopped());
        assert_eq!(count(&network, "teardown"), 0);
        assert!(network.relay_discarded.is_empty());
    }
}

#[test]
fn a_lost_goodbye_is_made_good_by_the_next() {
    for teardown in [true, false] {
        let relay = relay::Config { teardown, ..relay_config(RELAY) };
        let mut network = Network::joining(16, Some(SOURCE), relay);
        join(&mut network);
        network.conditions.control_loss = 1.0;
        network.stop();
        network.run_for(ms(10));
        network.conditions.control_loss = 0.0;
        assert_eq!(network.subscribers(RELAY).len(), 1);
        network.run_for(SECOND * 2);
        assert!(network.subscribers(RELAY).is_empty());
    }
}

#[test]
fn a_gateway_stopped_before_it_joined_says_nothing() {
    let mut network = network(17);
    network.stop_relay(RELAY);
    network.run_for(SECOND);
    let sent = network.sent.len();
    network.stop();
    assert!(network.gateway.is_stopped());
    network.run_for(SECOND * 10);
    assert_eq!(network.sent.len(), sent);
}
