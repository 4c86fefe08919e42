//! Asks everybody who may know a relay, all at once, and tells what they say as it comes.
//!
//! Relays that a person named are asked for alone: nothing is sent anywhere else before these have failed, since
//! RFC 8777, 3.1.1 has an address that was configured go before every search, and a person who names a relay does
//! not expect the helper to ask the world. Where all of them are on this very machine, nothing else is asked at
//! all: no other relay could have what these have.

#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;

use super::candidate::{Candidate, Origin};
use super::failure::{Cause, Failure, Sought};
use super::name_server::{Manner, NameServers, ask_system};
use super::neighbourhood::Neighbourhood;
use super::parts::Parts;
use super::record::{Record, Relay};
use super::reverse::{self, Answer};
use super::service::{self, Announced, Services};
use crate::amt;
use amt_shared::AmtUrl;
use amt_shared::amt_url::{Host, RelayAddress, is_unicast};
use futures_util::future::{join, join_all, join4};
use hickory_resolver::proto::rr::{Name, RecordType};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::sync::mpsc;

/// The anycast addresses for the discovery of relays (RFC 7450, 7.1; 4.1.5.2).
const ANYCAST: [IpAddr; 2] =
    [IpAddr::V6(Ipv6Addr::new(0x2001, 3, 0, 0, 0, 0, 0, 1)), IpAddr::V4(Ipv4Addr::new(192, 52, 193, 1))];
/// Relays of one list, findings that may wait to be taken (more than there can be), and aliases of one source.
const MAX_NAMED: usize = 16;
const MAX_FOUND: usize = 256;
const MAX_ALIASES: usize = 8;
/// Names of relays in the records of one source, and domains of this machine.
const MAX_NAMES: usize = 8;
const MAX_DOMAINS: usize = 4;

/// What a relay is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The sender, where the channel has one: without it there is no reverse lookup (RFC 8777, 2.1).
    pub source: Option<IpAddr>,
    /// The relays that the options or the URL name, best first.
    pub named: Vec<RelayAddress>,
    /// The named relays did not do: others are to be looked for as well. Without named relays they always are.
    pub beyond_named: bool,
    /// Those that announce themselves (DNS-SD) are to be asked for too, where others than the named ones are.
    pub dns_sd: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Relays; the same may come more than once.
    Candidates(Vec<Candidate>),
    /// A lookup that found nothing.
    Failed(Failure),
    /// Nothing more will come.
    Finished,
}

/// Where relays are looked for. A clone shares the bound on queries.
#[derive(Clone, Debug)]
pub struct Discovery {
    parts: Parts,
    manner: Manner,
    neighbourhood: Neighbourhood,
}

impl Discovery {
    /// With the system's name servers.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts, manner: Manner::default(), neighbourhood: Neighbourhood::Interfaces }
    }

    /// With this name server, and neither the system's nor the system's own ways to look up names, except for its
    /// hosts file.
    #[must_use]
    pub fn with_name_server(mut self, name_server: SocketAddr) -> Self {
        self.manner.given = Some(name_server);
        self
    }

    /// Where relays are looked for.
    #[must_use]
    pub const fn parts(&self) -> Parts {
        self.parts
    }

    /// Asks for relays. [`Found::Finished`] comes last; who drops the receiver ends the lookups.
    #[must_use]
    pub fn candidates(&self, wanted: Wanted) -> mpsc::Receiver<Found> {
        let (found, receiver) = mpsc::channel(MAX_FOUND);
        let discovery = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = discovery.ask(&wanted, &found) => { let _ = found.send(Found::Finished).await; }
                () = found.closed() => {}
            }
        });
        receiver
    }

    /// The addresses of source and group; of a name with several, the one that fits the other's IP version, IPv4
    /// first.
    ///
    /// # Errors
    /// What could not be found.
    pub async fn source_and_group(&self, url: &AmtUrl) -> Result<(Option<IpAddr>, IpAddr), Failure> {
        let source = match &url.source {
            Some(source) => Some(self.one(source, Sought::Source, None).await?),
            None => None,
        };
        Ok((source, self.one(&url.group, Sought::Group, source).await?))
    }

    async fn one(&self, host: &Host, what: fn(String) -> Sought, other: Option<IpAddr>) -> Result<IpAddr, Failure> {
        let name = match host {
            Host::Address(address) => return Ok(*address),
            Host::Name(name) => name,
        };
        let mut all = Vec::new();
        let parsed = Name::from_utf8(name).ok();
        let mut each = |addresses| all.extend(addresses);
        let result = self.addresses(&self.name_servers(), (parsed, name), &mut each).await;
        let wanted_v4 = other.is_none_or(|other| other.is_ipv4());
        let best = all.iter().find(|address| address.is_ipv4() == wanted_v4).or(all.first());
        best.copied().ok_or_else(|| Failure::new(what(name.clone()), result.err().unwrap_or(Cause::NoRecord)))
    }

    async fn ask(&self, wanted: &Wanted, found: &mpsc::Sender<Found>) {
        let mut named: &[RelayAddress] = if self.parts.named { &wanted.named } else { &[] };
        named = &named[..named.len().min(MAX_NAMED)];
        let here = |relay: &RelayAddress| match &relay.host {
            Host::Address(address) => address.to_canonical().is_loopback(),
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        };
        let beyond = named.is_empty() || wanted.beyond_named && !named.iter().all(here);
        if named.is_empty() && !self.parts.beyond_named() {
            let _ = found.send(Found::Failed(Failure::new(Sought::Nowhere, Cause::NoRelay))).await;
            return;
        }
        let servers = self.name_servers();
        let parts = if beyond { self.parts } else { Parts::NONE };
        join4(
            self.named(named, &servers, found),
            self.announced(parts.dns_sd && wanted.dns_sd, &servers, found),
            async {
                if parts.anycast {
                    let relays = ANYCAST.map(|address| (address, amt::PORT).into());
                    tell(found, relays.map(|relay| Candidate { relay, origin: Origin::Anycast, discover: true })).await;
                }
            },
            async {
                if let Some(source) = wanted.source.filter(|source| parts.dns && !source.is_loopback())
                    && let Err(failure) = self.reverse(source, &servers, found).await
                {
                    let _ = found.send(Found::Failed(failure)).await;
                }
            },
        )
        .await;
    }

    async fn named(&self, relays: &[RelayAddress], servers: &Servers, found: &mpsc::Sender<Found>) {
        let with_place = || relays.iter().zip(0..).map(|(relay, place)| (relay, relay.udp_port(), place));
        let candidate = |address: IpAddr, port: u16, place| Candidate {
            relay: (address, port).into(),
            origin: Origin::Named { place },
            discover: true,
        };
        let known = with_place().filter_map(|(relay, port, place)| match relay.host {
            Host::Address(address) => Some(candidate(address, port, place)),
            Host::Name(_) => None,
        });
        tell(found, known).await;
        let names = with_place().filter_map(|(relay, port, place)| match &relay.host {
            Host::Name(name) => Some((name, port, place)),
            Host::Address(_) => None,
        });
        join_all(names.map(|(name, port, place)| async move {
            let each = |address| candidate(address, port, place);
            let name_and_text = (Name::from_utf8(name).ok(), name.as_str());
            let result = self.tell_addresses(servers, name_and_text, is_unicast, each, found).await;
            if let Err(cause) = result {
                let _ = found.send(Found::Failed(Failure::new(Sought::Relay(name.clone()), cause))).await;
            }
        }))
        .await;
    }

    /// The relays that DNS knows for a source (RFC 8777, 2.2).
    async fn reverse(&self, source: IpAddr, servers: &Servers, found: &mpsc::Sender<Found>) -> Result<(), Failure> {
        let failure = |cause| Failure::new(Sought::RelayOf(source), cause);
        let records = self.records(source, servers).await.map_err(failure)?;
        let mut relays: Vec<Record> = records.into_iter().filter(|record| record.relay != Relay::None).collect();
        if relays.is_empty() {
            return Err(failure(Cause::NoRelay));
        }
        relays.sort_by_key(|record| record.precedence);
        let candidate = |record: &Record, address: IpAddr| Candidate {
            relay: (address, amt::PORT).into(),
            origin: Origin::Reverse { precedence: record.precedence },
            discover: !record.discovery_optional,
        };
        let mut impossible = None;
        let known = relays.iter().filter_map(|record| match record.relay {
            Relay::Address(address) if self.possible(address) => Some(candidate(record, address)),
            Relay::Address(address) => {
                impossible = Some(address);
                None
            }
            _ => None,
        });
        let known: Vec<_> = known.collect();
        let names = relays.iter().filter_map(|record| match &record.relay {
            Relay::Name(name) => Some((record, name)),
            _ => None,
        });
        let names: Vec<_> = names.take(MAX_NAMES).collect();
        if let Some(address) = impossible.filter(|_| known.is_empty() && names.is_empty()) {
            return Err(failure(Cause::Impossible(address)));
        }
        tell(found, known).await;
        join_all(names.into_iter().map(|(record, name)| async move {
            let (text, name) = (name.to_string(), reverse::wire_name(name.wire()));
            let possible = |address| self.possible(address);
            let each = |address| candidate(record, address);
            if let Err(cause) = self.tell_addresses(servers, (name, &text), possible, each, found).await {
                let failure = Failure::new(Sought::RelayNamedBy(source, text), cause);
                let _ = found.send(Found::Failed(failure)).await;
            }
        }))
        .await;
        Ok(())
    }

    async fn records(&self, source: IpAddr, servers: &Servers) -> Result<Vec<Record>, Cause> {
        let servers = servers.as_ref().map_err(|cause| *cause)?;
        let mut name = reverse::name(source);
        for _ in 0..MAX_ALIASES {
            let answer = servers.ask(&name, reverse::AMTRELAY).await?;
            match reverse::read(&name, &answer.answers) {
                (Answer::Records(records), _) => return Ok(records),
                (Answer::Alias(other), _) if other != name => name = other,
                (_, 0) => return Err(Cause::NoRecord),
                _ => return Err(Cause::Garbage),
            }
        }
        Err(Cause::Garbage)
    }

    /// Relays that announce themselves, to the neighbourhood or in the domains of this machine.
    async fn announced(&self, wanted: bool, servers: &Servers, found: &mpsc::Sender<Found>) {
        if !wanted {
            return;
        }
        let near = |relays: Vec<Announced>| {
            let candidates = relays.into_iter().filter_map(|announced| self.announced_candidate(announced)).collect();
            let _ = found.try_send(Found::Candidates(candidates));
        };
        let domains = servers.as_ref().map(NameServers::domains).unwrap_or_default();
        let domains = domains.iter().take(MAX_DOMAINS);
        let (near, far) = join(
            self.neighbourhood.ask(&near),
            join_all(domains.map(|domain| self.announced_in(domain, servers, found))),
        )
        .await;
        if let Err(cause) = near
            && !far.contains(&true)
        {
            let _ = found.send(Found::Failed(Failure::new(Sought::Announced, cause))).await;
        }
    }

    /// Unicast DNS-SD in one of our domains, and in those that it recommends (RFC 6763, 11). Whether there were any.
    async fn announced_in(&self, domain: &Name, servers: &Servers, found: &mpsc::Sender<Found>) -> bool {
        let Ok(servers) = servers else { return false };
        let recommended = async {
            let Some(question) = service::recommended(domain) else { return false };
            let answer = servers.ask(&question, RecordType::PTR).await;
            let domains = answer.map(|answer| service::domains(&question, domain, &answer)).unwrap_or_default();
            join_all(domains.iter().map(|domain| self.services_of(domain, servers, found))).await.contains(&true)
        };
        let (own, recommended) = join(self.services_of(domain, servers, found), recommended).await;
        own || recommended
    }

    async fn services_of(&self, domain: &Name, servers: &NameServers, found: &mpsc::Sender<Found>) -> bool {
        let Some(mut services) = Services::of(domain) else { return false };
        loop {
            let questions = services.questions();
            if questions.is_empty() {
                break;
            }
            let answers = join_all(questions.iter().map(|(name, kind)| servers.ask(name, *kind))).await;
            for answer in answers.into_iter().flatten() {
                services.take(&answer);
            }
        }
        let relays = services.relays();
        tell(found, relays.iter().filter_map(|announced| self.announced_candidate(*announced))).await;
        !relays.is_empty()
    }

    fn announced_candidate(&self, Announced { relay, priority, weight }: Announced) -> Option<Candidate> {
        let origin = Origin::DnsSd { priority, weight };
        let on_link = matches!(relay, SocketAddr::V6(relay) if relay.scope_id() != 0);
        (on_link || self.possible(relay.ip())).then_some(Candidate { relay, origin, discover: true })
    }

    async fn tell_addresses(
        &self,
        servers: &Servers,
        name: (Option<Name>, &str),
        possible: impl Fn(IpAddr) -> bool,
        candidate: impl Fn(IpAddr) -> Candidate,
        found: &mpsc::Sender<Found>,
    ) -> Result<(), Cause> {
        let (mut any, mut impossible) = (false, None);
        let mut each = |addresses: Vec<IpAddr>| {
            let (good, bad): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| possible(*address));
            any |= !good.is_empty();
            impossible = bad.first().copied().or(impossible);
            let _ = found.try_send(Found::Candidates(good.into_iter().map(&candidate).collect()));
        };
        let result = self.addresses(servers, name, &mut each).await;
        match impossible.filter(|_| !any) {
            Some(address) => Err(Cause::Impossible(address)),
            None => result,
        }
    }

    /// The addresses of a name, which is given for DNS and for the system.
    async fn addresses(
        &self,
        servers: &Servers,
        (name, text): (Option<Name>, &str),
        each: &mut impl FnMut(Vec<IpAddr>),
    ) -> Result<(), Cause> {
        let result = match (servers, name) {
            (Ok(servers), Some(name)) => servers.addresses(&name, each).await,
            (Ok(_), None) => Err(Cause::Garbage),
            (Err(cause), _) => Err(*cause),
        };
        if result.is_err()
            && self.manner.given.is_none()
            && let Some(addresses) = ask_system(text).await
        {
            each(addresses);
            return Ok(());
        }
        result
    }

    fn name_servers(&self) -> Servers {
        NameServers::new(&self.manner)
    }

    /// Whether DNS may send us there: nobody but the person at this machine knows of relays on it.
    fn possible(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let own_server = self.manner.given.is_some_and(|server| server.ip().is_loopback());
        is_unicast(address) && (own_server || !address.is_loopback())
    }
}

type Servers = Result<NameServers, Cause>;

async fn tell(found: &mpsc::Sender<Found>, candidates: impl IntoIterator<Item = Candidate>) {
    let candidates: Vec<_> = candidates.into_iter().collect();
    if !candidates.is_empty() {
        let _ = found.send(Found::Candidates(candidates)).await;
    }
}
