//! Gateway and relay against each other, in simulated time.

mod forging;
mod joining;
mod leaving;
pub(super) mod network;
mod staying;

use super::gateway::{Cause, Config, Discard, Event, Gateway, Report};
use super::message::{Mac, MembershipQuery, Message};
use super::relay;
use crate::datagram;
use network::*;
use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn network(seed: u64) -> Network {
    Network::new(seed, config(Some(SOURCE)), relay_config(RELAY))
}

/// One in which data flows.
fn joined(seed: u64) -> Network {
    let mut network = network(seed);
    join(&mut network);
    network
}

fn join(network: &mut Network) {
    assert!(network.run_until(network.now + SECOND * 60, |network| !network.received.is_empty()));
}

fn kinds(network: &Network) -> Vec<&'static str> {
    let name = |payload: &[u8]| match Message::decode(payload).unwrap() {
        Message::RelayDiscovery { .. } => "discovery",
        Message::Request { .. } => "request",
        Message::MembershipUpdate { .. } => "update",
        Message::Teardown { .. } => "teardown",
        _ => "nothing a gateway sends",
    };
    network.sent.iter().map(|(_, transmit)| name(&transmit.payload)).collect()
}

fn count(network: &Network, kind: &str) -> usize {
    kinds(network).iter().filter(|sent| **sent == kind).count()
}

fn request_nonces(network: &Network) -> Vec<u32> {
    let nonce = |payload: &[u8]| match Message::decode(payload) {
        Ok(Message::Request { nonce, .. }) => Some(nonce),
        _ => None,
    };
    network.sent.iter().filter_map(|(_, transmit)| nonce(&transmit.payload)).collect()
}
