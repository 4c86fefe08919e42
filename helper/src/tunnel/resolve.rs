//! From the names in a URL to addresses, and what to say where there are none.

use super::Plan;
use crate::amt;
use crate::membership::Membership;
use amt_shared::amt_url::{Host, RelayAddress};
use amt_shared::wire::{Phase, Status};
use futures_util::future::join_all;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// The anycast address for the discovery of IPv4 relays (RFC 7450, 7.1).
pub(super) const ANYCAST: Ipv4Addr = Ipv4Addr::new(192, 52, 193, 1);
/// How long a name server may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Addresses that are tried in one round.
const MAX_RELAYS: usize = 16;

/// A plan in addresses.
pub(super) struct Target {
    pub(super) membership: Membership,
    /// Never empty.
    pub(super) relays: Vec<SocketAddr>,
    /// What a person should know about how these came about.
    pub(super) remarks: Vec<String>,
}

/// Looks up what is to be looked up.
///
/// # Errors
/// What to tell the user.
pub(super) async fn resolve(plan: &Plan) -> Result<Target, Status> {
    let source = match &plan.url.source {
        Some(source) => Some(one(source, "source", None).await?),
        None => None,
    };
    let group = one(&plan.url.group, "group", source).await?;
    let membership = Membership::new(group, source).map_err(|error| {
        failed(format!("This channel cannot be joined: {error}."), "Check the address of the channel.")
    })?;

    let mut remarks = Vec::new();
    if plan.url.lacks_required_source() {
        remarks.push(format!("The group {group} is kept for channels with a source: write amt://SOURCE@{group}."));
    }
    let mut relays = Vec::new();
    let mut unknown = Vec::new();
    // All at once: a name server that does not answer for one must not hold up the others.
    let found = join_all(plan.relays.iter().map(addresses)).await;
    for (relay, found) in plan.relays.iter().zip(found) {
        match found {
            Ok(addresses) => relays.extend(addresses),
            Err(error) => {
                remarks.push(format!("The relay {relay} cannot be found: {error}."));
                unknown.push(format!("“{relay}”"));
            }
        }
    }
    relays.truncate(MAX_RELAYS);
    if plan.relays.is_empty() {
        relays.push((ANYCAST, amt::PORT).into());
    }
    if relays.is_empty() {
        return Err(failed(
            format!("The relay {} cannot be found.", unknown.join(", ")),
            "Check the spelling of its name and the connection to the network.",
        ));
    }
    Ok(Target { membership, relays, remarks })
}

async fn addresses(relay: &RelayAddress) -> io::Result<Vec<SocketAddr>> {
    let port = relay.port.unwrap_or(amt::PORT);
    match &relay.host {
        Host::Address(address) => Ok(vec![(*address, port).into()]),
        Host::Name(name) => look_up(name, port).await,
    }
}

async fn look_up(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let answer = timeout(PATIENCE, lookup_host((name, port))).await;
    let mut addresses: Vec<SocketAddr> = answer.map_err(|_| io::ErrorKind::TimedOut)??.collect();
    addresses.dedup();
    if addresses.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(addresses) }
}

/// The address of the source or the group; of two, the one that fits the other's IP version, IPv4 first.
async fn one(host: &Host, what: &str, other: Option<IpAddr>) -> Result<IpAddr, Status> {
    let name = match host {
        Host::Address(address) => return Ok(*address),
        Host::Name(name) => name,
    };
    let addresses = look_up(name, 0).await.map_err(|error| {
        failed(format!("The {what} “{name}” cannot be found: {error}."), "Check its spelling, or write its address.")
    })?;
    let wanted_v4 = other.is_none_or(|other| other.is_ipv4());
    let best = addresses.iter().find(|address| address.is_ipv4() == wanted_v4).or(addresses.first());
    best.map(SocketAddr::ip).ok_or_else(|| failed(format!("The {what} “{name}” has no address."), "Write its address."))
}

fn failed(sentence: String, advice: &str) -> Status {
    Status { phase: Phase::Failed, sentence, advice: Some(advice.to_owned()), relay: None }
}
