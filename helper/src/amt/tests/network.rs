//! A network in memory and in simulated time: one gateway, any number of relays, and everything that a
//! network does to datagrams between them.

use crate::amt::gateway::{Config, Discard, Event, Gateway};
use crate::amt::message::MULTICAST_DATA_HEADER;
use crate::amt::message::Protocol;
use crate::amt::relay::{self, Relay};
use crate::amt::{Transmit, same_endpoint};
use crate::datagram;
use crate::membership::Membership;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

pub(in crate::amt) const SOURCE: &str = "192.0.2.1";
pub(in crate::amt) const GROUP: &str = "232.0.2.1";
pub(in crate::amt) const RELAY: &str = "198.51.100.1:2268";
pub(in crate::amt) const OTHER_RELAY: &str = "198.51.100.2:2268";
pub(in crate::amt) const GATEWAY: &str = "203.0.113.5:49152";

pub(in crate::amt) fn endpoint(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(in crate::amt) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The join of one source (`Some`) or any, of the group of all tests.
pub(in crate::amt) fn membership(source: Option<&str>) -> Membership {
    Membership::new(ip(GROUP), source.map(ip)).unwrap()
}

/// The join of another channel, as `SOURCE@GROUP`, or of any source, as `GROUP`.
pub(in crate::amt) fn channel(text: &str) -> Membership {
    let (source, group) = match text.split_once('@') {
        Some((source, group)) => (Some(ip(source)), group),
        None => (None, text),
    };
    Membership::new(ip(group), source).unwrap()
}

pub(in crate::amt) fn config() -> Config {
    let is_own = |address: IpAddr| address.is_loopback() || address == endpoint(GATEWAY).ip();
    Config { is_own, ..Config::new(Protocol::Igmp) }
}

pub(in crate::amt) fn relay_config(address: &str) -> relay::Config {
    relay::Config::new(endpoint(address).ip())
}

pub(in crate::amt) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A Multicast Data message with a number in it.
pub(in crate::amt) fn data_message(source: IpAddr, group: IpAddr, number: u32) -> Vec<u8> {
    let payload = number.to_be_bytes();
    let packet = match (source, group) {
        (IpAddr::V4(source), IpAddr::V4(group)) => {
            datagram::build(SocketAddrV4::new(source, 1234), SocketAddrV4::new(group, 1234), 8, &payload)
        }
        (IpAddr::V6(source), IpAddr::V6(group)) => {
            let mut packet = Vec::new();
            let builder = etherparse::PacketBuilder::ipv6(source.octets(), group.octets(), 8).udp(1234, 1234);
            builder.write(&mut packet, &payload).unwrap();
            packet
        }
        families => panic!("{families:?}"),
    };
    [&MULTICAST_DATA_HEADER[..], &packet].concat()
}

/// What the network does to a datagram.
#[derive(Clone, Copy)]
pub(in crate::amt) struct Conditions {
    /// Probability that a message of the handshake is lost.
    pub(in crate::amt) control_loss: f64,
    /// Probability that any datagram arrives twice.
    pub(in crate::amt) duplication: f64,
    /// One way; different for every datagram, so that they overtake each other.
    pub(in crate::amt) delay: (Duration, Duration),
}

impl Default for Conditions {
    fn default() -> Self {
        Self { control_loss: 0.0, duplication: 0.0, delay: (ms(10), ms(10)) }
    }
}

struct Flight {
    from: SocketAddr,
    to: SocketAddr,
    payload: Vec<u8>,
}

pub(in crate::amt) struct Network {
    pub(in crate::amt) start: Instant,
    pub(in crate::amt) now: Instant,
    pub(in crate::amt) gateway: Gateway,
    /// The gateway's endpoint, as its NAT has it at the moment.
    pub(in crate::amt) gateway_at: SocketAddr,
    pub(in crate::amt) relays: BTreeMap<SocketAddr, Relay>,
    /// A relay that sends data but reads nothing.
    pub(in crate::amt) deaf: Option<SocketAddr>,
    pub(in crate::amt) conditions: Conditions,
    /// Sources and groups of the data; the first is that of all tests.
    pub(in crate::amt) channels: Vec<(IpAddr, IpAddr)>,
    /// Multicast data of each channel reaches the relays so often; `None` never.
    pub(in crate::amt) data_every: Option<Duration>,
    next_data: Instant,
    /// Packets sent by each source so far.
    pub(in crate::amt) sent_data: u32,
    /// Numbers and times of the packets of the first channel that came out of the gateway.
    pub(in crate::amt) received: Vec<(u32, Instant)>,
    /// Of the other channels.
    pub(in crate::amt) received_of: BTreeMap<(IpAddr, IpAddr), Vec<(u32, Instant)>>,
    /// What the gateway sent.
    pub(in crate::amt) sent: Vec<(Instant, Transmit)>,
    /// What the relays answered, and when.
    pub(in crate::amt) answered: Vec<(Instant, SocketAddr, Vec<u8>)>,
    pub(in crate::amt) events: Vec<(Instant, Event)>,
    pub(in crate::amt) discarded: Vec<Discard>,
    pub(in crate::amt) relay_discarded: Vec<relay::Discard>,
    in_flight: BTreeMap<(Instant, u64), Flight>,
    flights: u64,
    rng: StdRng,
}

impl Network {
    /// One with a gateway that wants nothing yet.
    pub(in crate::amt) fn new(seed: u64, config: Config, relay: relay::Config) -> Self {
        let start = Instant::now();
        let mut network = Self {
            start,
            now: start,
            gateway: Gateway::new(start, config, endpoint(RELAY), seed),
            gateway_at: endpoint(GATEWAY),
            relays: BTreeMap::new(),
            deaf: None,
            conditions: Conditions::default(),
            channels: vec![(ip(SOURCE), ip(GROUP))],
            data_every: Some(ms(10)),
            next_data: start,
            sent_data: 0,
            received: Vec::new(),
            received_of: BTreeMap::new(),
            sent: Vec::new(),
            answered: Vec::new(),
            events: Vec::new(),
            discarded: Vec::new(),
            relay_discarded: Vec::new(),
            in_flight: BTreeMap::new(),
            flights: 0,
            rng: StdRng::seed_from_u64(seed ^ 0x5EED),
        };
        network.start_relay(RELAY, relay);
        network
    }

    /// One with a gateway that joins one source (`Some`) or any.
    pub(in crate::amt) fn joining(seed: u64, source: Option<&str>, relay: relay::Config) -> Self {
        let mut network = Self::new(seed, config(), relay);
        network.gateway.join(network.start, membership(source));
        network
    }

    /// A relay begins, without memory and with a secret of its own.
    pub(in crate::amt) fn start_relay(&mut self, address: &str, config: relay::Config) {
        let secret = self.rng.random();
        self.relays.insert(endpoint(address), Relay::new(config, secret));
    }

    pub(in crate::amt) fn stop_relay(&mut self, address: &str) {
        self.relays.remove(&endpoint(address));
    }

    /// Whom a relay sends the data to.
    pub(in crate::amt) fn subscribers(&self, address: &str) -> Vec<SocketAddr> {
        let relay = self.relays.get(&endpoint(address));
        relay.iter().flat_map(|relay| relay.subscribers(ip(SOURCE), ip(GROUP))).collect()
    }

    pub(in crate::amt) fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        self.run_until(until, |_| false);
    }

    /// Runs until `done` says so, or until then; whether it did.
    pub(in crate::amt) fn run_until(&mut self, until: Instant, done: impl Fn(&Self) -> bool) -> bool {
        loop {
            self.collect();
            if done(self) {
                return true;
            }
            let next = self.next_step();
            if next > until {
                self.now = until;
                return false;
            }
            self.now = next.max(self.now);
            self.step();
        }
    }

    /// Puts a datagram on the wire as anybody could.
    pub(in crate::amt) fn inject(&mut self, from: SocketAddr, to: SocketAddr, payload: Vec<u8>) {
        self.flights += 1;
        self.in_flight.insert((self.now, self.flights), Flight { from, to, payload });
    }

    pub(in crate::amt) fn join(&mut self, membership: Membership) {
        let now = self.now;
        self.gateway.join(now, membership);
    }

    pub(in crate::amt) fn leave(&mut self, membership: Membership) {
        let now = self.now;
        self.gateway.leave(now, membership);
    }

    /// Whom a relay sends the data of a membership to.
    pub(in crate::amt) fn subscribers_of(&self, address: &str, membership: Membership) -> usize {
        let source = membership.source().unwrap_or(ip(SOURCE));
        self.relays[&endpoint(address)].subscribers(source, membership.group()).count()
    }

    pub(in crate::amt) fn stop(&mut self) {
        let now = self.now;
        self.gateway.stop(now);
    }

    /// Numbers of the packets that should have come between the first and the last that did.
    pub(in crate::amt) fn missing(&self) -> usize {
        let numbers: std::collections::BTreeSet<u32> = self.received.iter().map(|(number, _)| *number).collect();
        match (numbers.first(), numbers.last()) {
            (Some(first), Some(last)) => (last - first + 1) as usize - numbers.len(),
            _ => 0,
        }
    }

    fn next_step(&self) -> Instant {
        let timeouts = self.relays.values().filter_map(Relay::poll_timeout).chain(self.gateway.poll_timeout());
        let data = self.data_every.map(|_| self.next_data);
        let arrival = self.in_flight.keys().next().map(|(at, _)| *at);
        timeouts.chain(data).chain(arrival).min().unwrap_or(self.now + Duration::from_secs(3600))
    }

    fn step(&mut self) {
        let now = self.now;
        if self.gateway.poll_timeout().is_some_and(|at| at <= now) {
            self.gateway.handle_timeout(now);
            assert!(self.gateway.poll_timeout().is_none_or(|at| at > now), "a timeout must move on");
        }
        for relay in self.relays.values_mut() {
            relay.handle_timeout(now);
            assert!(relay.poll_timeout().is_none_or(|at| at > now), "a timeout must move on");
        }
        if let Some(every) = self.data_every
            && self.next_data <= now
        {
            self.next_data = now + every;
            self.send_data();
        }
        while let Some(entry) = self.in_flight.first_entry().filter(|entry| entry.key().0 <= now) {
            let flight = entry.remove();
            self.deliver(&flight);
        }
    }

    fn send_data(&mut self) {
        let number = self.sent_data;
        self.sent_data += 1;
        for (source, group) in self.channels.clone() {
            let subscribers = |(from, relay): (&SocketAddr, &Relay)| {
                let from = *from;
                relay.subscribers(source, group).map(move |to| (from, to)).collect::<Vec<_>>()
            };
            for (from, to) in self.relays.iter().flat_map(subscribers).collect::<Vec<_>>() {
                self.fly(from, to, data_message(source, group, number), 0.0);
            }
        }
    }

    fn deliver(&mut self, flight: &Flight) {
        let Flight { from, to, payload } = flight;
        if self.deaf == Some(*to) {
            return;
        }
        if let Some(relay) = self.relays.get_mut(to) {
            if let Err(reason) = relay.handle_datagram(self.now, *from, payload) {
                self.relay_discarded.push(reason);
            }
        } else if same_endpoint(*to, self.gateway_at) {
            match self.gateway.handle_datagram(self.now, *from, payload) {
                Ok(Some(packet)) => {
                    let datagram = datagram::parse(packet).unwrap();
                    let arrival = (u32::from_be_bytes(datagram.payload.try_into().unwrap()), self.now);
                    match (datagram.source.ip(), datagram.destination.ip()) {
                        first if first == self.channels[0] => self.received.push(arrival),
                        other => self.received_of.entry(other).or_default().push(arrival),
                    }
                }
                Ok(None) => {}
                Err(reason) => self.discarded.push(reason),
            }
        }
        // Anything else was for a closed port.
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(transmit) = self.gateway.poll_transmit() {
            self.fly(self.gateway_at, transmit.to, transmit.payload.clone(), self.conditions.control_loss);
            self.sent.push((self.now, transmit));
        }
        while let Some(event) = self.gateway.poll_event() {
            self.events.push((self.now, event));
        }
        let mut answers = Vec::new();
        for (from, relay) in &mut self.relays {
            answers.extend(std::iter::from_fn(|| relay.poll_transmit()).map(|transmit| (*from, transmit)));
            while relay.poll_event().is_some() {}
        }
        for (from, Transmit { to, payload }) in answers {
            self.answered.push((self.now, from, payload.clone()));
            self.fly(from, to, payload, self.conditions.control_loss);
        }
    }

    fn fly(&mut self, from: SocketAddr, to: SocketAddr, payload: Vec<u8>, loss: f64) {
        let Conditions { duplication, delay: (shortest, longest), .. } = self.conditions;
        let copies = if self.rng.random_bool(duplication) { 2 } else { 1 };
        for _ in 0..copies {
            if !self.rng.random_bool(loss) {
                let at = self.now + self.rng.random_range(shortest..=longest);
                self.flights += 1;
                self.in_flight.insert((at, self.flights), Flight { from, to, payload: payload.clone() });
            }
        }
    }
}
