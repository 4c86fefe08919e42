//! A relay's side of AMT (RFC 7450, 5.3): answers gateways, and knows who wants which multicast packet.
//!
//! In go datagrams, where they came from, and the time; out come the answers, the groups to be joined and
//! left upstream, and for any multicast packet the endpoints to send it to. Dropped by name: what only
//! gateways read, what carries a wrong Response MAC, and reports that are not as RFC 3376 wants them.
//!
//! No state is kept before a Membership Update proves, by its MAC, that its sender got the Query. The state
//! is bounded in endpoints, in groups of an endpoint and in sources of a group.

use super::Transmit;
use super::message::{self, Mac, MembershipQuery, Message, Protocol, RequestFlags, gateway_fields};
use crate::membership::filter::Filter;
use crate::membership::{GeneralQuery, Malformed, Record, general_query, parse_report};
use siphasher::sip::SipHasher24;
use std::collections::{BTreeMap, VecDeque};
use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// What a relay offers.
#[derive(Clone, Debug)]
pub struct Config {
    /// The unicast address in Advertisements.
    pub address: IpAddr,
    /// How often gateways are to report (QQIC). 125 s by default.
    pub query_interval: Duration,
    /// What a gateway has missing of its reports before it is forgotten (QRV): 1 to 7. 2 by default.
    pub robustness: u8,
    /// How long beyond that it may take (5.3.3.7). 10 s by default.
    pub response_interval: Duration,
    /// Whether Teardown is read, and Queries carry the G flag. By default it is.
    pub teardown: bool,
    /// Whether reports without Router Alert and TTL 1 are dropped, as 5.3.3.4 demands. Gateways in wide use
    /// send such; whoever wants to serve them says no. By default they are dropped.
    pub strict: bool,
    /// Whether to be as the relay in the Linux kernel is, for those who have to get along with it: the P flag at
    /// 0x80, any other reserved bit a reason to drop a Request, and no heed to sources. By default it is not.
    pub linux: bool,
    /// How many gateways are served. 1,024 by default.
    pub max_endpoints: usize,
    /// How many of them may have the same address (6.1). 256 by default.
    pub max_endpoints_of_address: usize,
    /// How many groups one gateway may have. 32 by default.
    pub max_groups: usize,
    /// How many sources a gateway may name in one group. 64 by default.
    pub max_sources: usize,
}

impl Config {
    /// The defaults of RFC 3376, 8, for a relay at this address.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self {
            address,
            query_interval: Duration::from_secs(125),
            robustness: 2,
            response_interval: Duration::from_secs(10),
            teardown: true,
            strict: true,
            linux: false,
            max_endpoints: 1024,
            max_endpoints_of_address: 256,
            max_groups: 32,
            max_sources: 64,
        }
    }
}

/// Why a datagram is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Discard {
    /// No AMT message.
    #[error(transparent)]
    Malformed(#[from] message::Malformed),
    /// A message that only gateways read (5.3.3.1), or a Teardown where it is not served.
    #[error("AMT message not meant for a relay")]
    NotForRelay,
    /// The gateway asks over the other version of IP than the relay's address is of (5.3.3.2).
    #[error("Relay Discovery over the wrong IP version")]
    OtherFamily,
    /// A reserved bit is set, and this relay is one that minds ([`Config::linux`]).
    #[error("Request with a reserved bit set")]
    ReservedBit,
    /// The Response MAC is not what the Query to this endpoint held.
    #[error("AMT message with the wrong Response MAC")]
    WrongMac,
    /// The encapsulated report is not as it must be.
    #[error("Membership Update: {0}")]
    Report(#[from] Malformed),
    /// One gateway more than are served.
    #[error("Membership Update from a new gateway at the gateway limit")]
    Full,
}

/// A change that concerns more than one gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first gateway wants this: join it upstream.
    Joined {
        /// The group.
        group: IpAddr,
        /// The source; `None` for any.
        source: Option<IpAddr>,
    },
    /// No gateway wants this any longer: leave it upstream.
    Left {
        /// The group.
        group: IpAddr,
        /// The source; `None` for any.
        source: Option<IpAddr>,
    },
    /// A gateway has its first membership.
    EndpointAdded(SocketAddr),
    /// A gateway has none any longer.
    EndpointRemoved(SocketAddr),
}

/// A relay. See the [module above](super) for how to drive it.
#[derive(Debug)]
pub struct Relay {
    config: Config,
    secret: [u8; 16],
    /// The one before, and until when its MACs are believed.
    former_secret: Option<([u8; 16], Instant)>,
    /// The forwarding table: who wants what of each group. No filter in it is empty.
    groups: BTreeMap<IpAddr, BTreeMap<SocketAddr, Filter>>,
    /// How many groups each endpoint has.
    endpoints: BTreeMap<SocketAddr, usize>,
    /// How many endpoints want each group and source.
    joined: BTreeMap<(IpAddr, Option<IpAddr>), usize>,
    /// Not after the first thing that runs out.
    next_expiry: Option<Instant>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Relay {
    /// A relay nobody knows yet. Whoever knows the secret can redirect streams: it must be random.
    #[must_use]
    pub fn new(config: Config, secret: [u8; 16]) -> Self {
        Self {
            config,
            secret,
            former_secret: None,
            groups: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            joined: BTreeMap::new(),
            next_expiry: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes a datagram that came from `from`.
    ///
    /// # Errors
    /// The reason to drop it; nothing changed.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Result<(), Discard> {
        match Message::decode(datagram)? {
            Message::RelayDiscovery { nonce } => {
                let relay = self.config.address;
                if relay.is_ipv4() != from.ip().to_canonical().is_ipv4() {
                    return Err(Discard::OtherFamily);
                }
                self.answer(from, &Message::RelayAdvertisement { nonce, relay });
                Ok(())
            }
            Message::Request { flags, nonce } => {
                let protocol = self.protocol(flags)?;
                let Config { query_interval: interval, robustness, .. } = self.config;
                self.answer(
                    from,
                    &Message::MembershipQuery(MembershipQuery {
                        // To everybody (5.3.3.8): those that are in know that it is not meant for them (5.1.4.4).
                        limit: self.is_full(),
                        mac: self.mac(&self.secret, from, nonce),
                        nonce,
                        packet: &general_query(protocol, &GeneralQuery { interval, robustness }),
                        gateway: self.config.teardown.then_some(from),
                    }),
                );
                Ok(())
            }
            Message::MembershipUpdate { mac, nonce, packet } => {
                if !self.is_ours(now, mac, from, nonce) {
                    return Err(Discard::WrongMac);
                }
                let records = parse_report(packet, self.config.strict)?;
                if !self.endpoints.contains_key(&from) && (self.is_full() || self.has_enough(from.ip())) {
                    return Err(Discard::Full);
                }
                records.iter().for_each(|record| self.apply(now, from, record));
                Ok(())
            }
            Message::Teardown { mac, nonce, gateway } if self.config.teardown => {
                // The endpoint is the one in the message, not the one it comes from (5.3.3.5).
                if !self.is_ours(now, mac, gateway, nonce) {
                    return Err(Discard::WrongMac);
                }
                self.forget(gateway);
                Ok(())
            }
            _ => Err(Discard::NotForRelay),
        }
    }

    /// Takes a new secret, which RFC 7450 (5.3.6) wants every two hours at least. What Queries told by the old one
    /// is believed for two query intervals more (5.3.3.4).
    pub fn change_secret(&mut self, now: Instant, secret: [u8; 16]) {
        let former = std::mem::replace(&mut self.secret, secret);
        self.former_secret = Some((former, now + 2 * self.config.query_interval));
    }

    /// Forgets what has run out at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.next_expiry.is_none_or(|at| at > now) {
            return;
        }
        let due: Vec<_> = self
            .filters()
            .filter(|(.., filter)| filter.next_expiry().is_some_and(|at| at <= now))
            .map(|(group, endpoint, _)| (group, endpoint))
            .collect();
        for (group, endpoint) in due {
            self.change(group, endpoint, |filter| filter.expire(now));
        }
        self.next_expiry = self.filters().filter_map(|(.., filter)| filter.next_expiry()).min();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); to be asked anew after every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_expiry
    }

    /// The next answer to be sent, from the address and port that was asked (5.3.3.2, 5.3.3.3).
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next change.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The endpoints to send a multicast packet of this source and group to. The message is the same for
    /// all: the packet behind [`message::MULTICAST_DATA_HEADER`].
    pub fn subscribers(&self, source: IpAddr, group: IpAddr) -> impl Iterator<Item = SocketAddr> {
        let members = self.groups.get(&group).into_iter().flatten();
        let any_source = self.config.linux;
        members.filter(move |(_, filter)| any_source || filter.wants(source)).map(|(endpoint, _)| *endpoint)
    }

    /// Forgets an endpoint: a Teardown, or a run of ICMP Destination Unreachable (5.3.3.6.4).
    pub fn forget(&mut self, endpoint: SocketAddr) {
        let theirs = self.groups.iter().filter(|(_, members)| members.contains_key(&endpoint));
        let theirs: Vec<IpAddr> = theirs.map(|(group, _)| *group).collect();
        for group in theirs {
            self.change(group, endpoint, |filter| *filter = Filter::default());
        }
    }

    fn is_full(&self) -> bool {
        self.endpoints.len() >= self.config.max_endpoints
    }

    /// One host may not have all the room (5.3.3.8, 6.1).
    fn has_enough(&self, address: IpAddr) -> bool {
        let theirs = self.endpoints.keys().filter(|endpoint| endpoint.ip() == address);
        theirs.count() >= self.config.max_endpoints_of_address
    }

    /// What a Request wants to be asked.
    fn protocol(&self, flags: RequestFlags) -> Result<Protocol, Discard> {
        match flags {
            _ if !self.config.linux => Ok(flags.protocol()),
            RequestFlags { p: true, .. } | RequestFlags { ecn: true, .. } => Err(Discard::ReservedBit),
            RequestFlags { linux_p: true, .. } => Ok(Protocol::Mld),
            RequestFlags { linux_p: false, .. } => Ok(Protocol::Igmp),
        }
    }

    fn apply(&mut self, now: Instant, endpoint: SocketAddr, record: &Record<IpAddr>) {
        let group = record.group;
        let known = self.groups.get(&group).is_some_and(|members| members.contains_key(&endpoint));
        let room = self.endpoints.get(&endpoint).is_none_or(|groups| *groups < self.config.max_groups);
        if !group.is_multicast() || !(known || room) {
            return;
        }
        let Config { query_interval, robustness, response_interval, max_sources, .. } = self.config;
        let lifetime = query_interval * robustness.into() + response_interval;
        let sources = record.sources.iter().copied();
        self.change(group, endpoint, |filter| filter.apply(now, lifetime, record.kind, sources, max_sources));
    }

    /// Changes one filter, and tells what follows from it for all.
    fn change(&mut self, group: IpAddr, endpoint: SocketAddr, change: impl FnOnce(&mut Filter)) {
        let members = self.groups.entry(group).or_default();
        let filter = members.entry(endpoint).or_default();
        let (was_empty, before) = (filter.is_empty(), filter.joins().collect::<Vec<_>>());
        change(filter);
        let (is_empty, after) = (filter.is_empty(), filter.joins().collect::<Vec<_>>());
        self.next_expiry = self.next_expiry.into_iter().chain(filter.next_expiry()).min();
        if is_empty {
            members.remove(&endpoint);
            if members.is_empty() {
                self.groups.remove(&group);
            }
        }

        if was_empty && !is_empty {
            let groups = self.endpoints.entry(endpoint).or_default();
            *groups += 1;
            if *groups == 1 {
                self.events.push_back(Event::EndpointAdded(endpoint));
            }
        }
        for &source in after.iter().filter(|source| !before.contains(source)) {
            let wanted = self.joined.entry((group, source)).or_default();
            *wanted += 1;
            if *wanted == 1 {
                self.events.push_back(Event::Joined { group, source });
            }
        }
        for &source in before.iter().filter(|source| !after.contains(source)) {
            if count_down(&mut self.joined, (group, source)) {
                self.events.push_back(Event::Left { group, source });
            }
        }
        if is_empty && !was_empty && count_down(&mut self.endpoints, endpoint) {
            self.events.push_back(Event::EndpointRemoved(endpoint));
        }
    }

    fn filters(&self) -> impl Iterator<Item = (IpAddr, SocketAddr, &Filter)> {
        self.groups
            .iter()
            .flat_map(|(group, members)| members.iter().map(|(endpoint, filter)| (*group, *endpoint, filter)))
    }

    /// Whether a MAC is one that this relay gave, with the secret it has or the one before.
    fn is_ours(&self, now: Instant, mac: Mac, endpoint: SocketAddr, nonce: u32) -> bool {
        let former = self.former_secret.as_ref().filter(|(_, until)| now < *until).map(|(secret, _)| secret);
        [&self.secret].into_iter().chain(former).any(|secret| mac == self.mac(secret, endpoint, nonce))
    }

    /// The Response MAC (5.3.5): a keyed hash of endpoint and nonce, so that nothing need be remembered
    /// about a Query.
    fn mac(&self, secret: &[u8; 16], endpoint: SocketAddr, nonce: u32) -> Mac {
        let mut hasher = SipHasher24::new_with_key(secret);
        hasher.write(&gateway_fields(endpoint));
        hasher.write(&nonce.to_be_bytes());
        let [mac @ .., _, _] = hasher.finish().to_be_bytes();
        Mac(mac)
    }

    fn answer(&mut self, to: SocketAddr, message: &Message<'_>) {
        self.transmits.push_back(Transmit { to, payload: message.encode() });
    }
}

/// Takes one away; true where that was the last.
fn count_down<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K) -> bool {
    match counts.get_mut(&key) {
        Some(count) if *count > 1 => {
            *count -= 1;
            false
        }
        Some(_) => counts.remove(&key).is_some(),
        None => false,
    }
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
