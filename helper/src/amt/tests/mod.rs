//! Gateway and relay against each other, in simulated time.

mod families;
mod forging;
mod hour;
mod joining;
mod leaving;
pub(super) mod network;
mod sharing;
mod staying;

use super::gateway::{Cause, Config, Discard, Event, Gateway, Report};
use super::message::{Mac, MembershipQuery, Message};
use super::relay;
use crate::datagram;
use crate::membership::{Record, RecordType, parse_report};
use network::*;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddrV4};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn network(seed: u64) -> Network {
    Network::joining(seed, Some(SOURCE), relay_config(RELAY))
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

/// Of what was sent, whatever `pick` picks out of a message.
fn picked<T>(network: &Network, pick: impl Fn(Message<'_>) -> Option<T>) -> Vec<(Instant, T)> {
    let read = |payload: &[u8]| pick(Message::decode(payload).unwrap());
    network.sent.iter().filter_map(|(at, transmit)| Some((*at, read(&transmit.payload)?))).collect()
}

/// The records of each Update.
fn updates(network: &Network) -> Vec<Vec<Record<IpAddr>>> {
    let updates = picked(network, |message| match message {
        Message::MembershipUpdate { packet, .. } => Some(parse_report(packet, true).unwrap()),
        _ => None,
    });
    updates.into_iter().map(|(_, records)| records).collect()
}

/// Nonces of the Requests, with their times.
fn requests(network: &Network) -> Vec<(Instant, u32)> {
    picked(network, |message| match message {
        Message::Request { nonce, .. } => Some(nonce),
        _ => None,
    })
}

/// Nonces of the Relay Discoveries, with their times.
fn discoveries(network: &Network) -> Vec<(Instant, u32)> {
    picked(network, |message| match message {
        Message::RelayDiscovery { nonce } => Some(nonce),
        _ => None,
    })
}
