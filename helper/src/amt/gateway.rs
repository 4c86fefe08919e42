//! The gateway's side of AMT (RFC 7450, 5.2): from the address of a relay to the packets of one membership.
//!
//! In go datagrams, where they came from, and the time; out come datagrams to be sent, inner packets of the
//! joined group and source, and events for people to read. Dropped by name: whatever does not come from the
//! relay that was asked, does not carry its nonce, was not waited for, or was not joined.
//!
//! Three decisions that the RFC leaves open:
//! - Data flows on during a refresh, and while another relay is sought: what the last Query confirmed
//!   ([`Tunnel`]) stays until another one takes its place, and is torn down only then.
//! - Where data stops, or does not come at all, a Request goes out early, with growing pauses: this finds a
//!   relay that lost its state (a restart, a lost Update) within seconds.
//! - The longest pause between retransmissions is 30 s, not 120 s: somebody sits in front of it.

use super::message::{self, Mac, Message};
use super::{Transmit, same_endpoint};
use crate::datagram;
use crate::membership::{Malformed, Membership};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

pub use super::event::{Cause, Event, Report};

/// The first and shortest pause before a retransmission (5.2.3.4.3), between Teardowns (5.2.3.7.2), and
/// between cycles whatever happens.
const SECOND: Duration = Duration::from_secs(1);

/// What to join, and how patiently.
#[derive(Clone, Debug)]
pub struct Config {
    /// What to join.
    pub membership: Membership,
    /// The longest time between two Request cycles; a relay may ask for a shorter one. 30 s by default,
    /// which also keeps NAT bindings open.
    pub refresh: Duration,
    /// After how much silence, first, a Request goes out early; `None` never. 2 s by default. The pauses
    /// double while the silence lasts, up to `refresh`.
    pub silence: Option<Duration>,
    /// How many Requests may stay without a Query before the relay is sought again. 4 by default.
    pub requests: u32,
    /// The longest pause between retransmissions. 30 s by default.
    pub longest_pause: Duration,
}

impl Config {
    /// The defaults for a membership.
    #[must_use]
    pub fn new(membership: Membership) -> Self {
        Self {
            membership,
            refresh: Duration::from_secs(30),
            silence: Some(Duration::from_secs(2)),
            requests: 4,
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// Why a datagram is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Discard {
    /// No AMT message.
    #[error(transparent)]
    Malformed(#[from] message::Malformed),
    /// A message that only relays read (5.2.3.2).
    #[error("AMT message that is not for a gateway")]
    NotForGateway,
    /// Nothing of this kind is awaited; also the second answer to one question.
    #[error("AMT message that was not awaited")]
    NotAwaited,
    /// Not from the address and port that were asked, or that data is due from.
    #[error("AMT message from elsewhere than the relay")]
    WrongSender,
    /// Not the answer to what was asked.
    #[error("AMT message with a wrong nonce")]
    WrongNonce,
    /// The address in the Advertisement is of another version of IP, or cannot be a relay's.
    #[error("Relay Advertisement of an address that cannot be used")]
    RelayAddress,
    /// The packet in a Membership Query is not the General Query it should be.
    #[error("Membership Query: {0}")]
    Query(#[from] Malformed),
    /// Multicast Data while nothing is joined.
    #[error("Multicast Data while nothing is joined")]
    NotJoined,
    /// What a Multicast Data message carries is no IP packet.
    #[error("Multicast Data without an IP packet")]
    NotIp,
    /// The inner packet has no multicast destination (5.2.3.3).
    #[error("Multicast Data with a unicast packet")]
    NotMulticast,
    /// The inner packet is of another group or source than was joined.
    #[error("Multicast Data of another channel")]
    OtherChannel,
}

/// One tunnel's gateway. See the [module above](super) for how to drive it.
#[derive(Debug)]
pub struct Gateway {
    config: Config,
    discovery: SocketAddr,
    rng: StdRng,
    phase: Phase,
    /// What the last accepted Query confirmed; data is taken from here alone.
    tunnel: Option<Tunnel>,
    /// Relays that refused, one after another, without one that took us between.
    refusals: u32,
    watch: Watch,
    repeats: Vec<Repeat>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Between Relay Discovery and Advertisement.
    Discovering(Waiting),
    /// Between Request and Membership Query.
    Requesting { relay: SocketAddr, waiting: Waiting },
    /// The Update is sent; the next cycle begins by itself.
    Member { since: Instant, next: Instant, cause: Cause },
    /// Left; only repetitions remain to be sent.
    Stopped,
}

/// An answer is awaited.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    nonce: u32,
    /// How often the question went out; 0 while a restart is put off.
    sent: u32,
    deadline: Instant,
    cause: Cause,
    /// ICMP already told that this attempt did not arrive.
    unreachable: bool,
}

/// What a Query gave, and the last Update used.
#[derive(Clone, Copy, Debug)]
struct Tunnel {
    relay: SocketAddr,
    nonce: u32,
    mac: Mac,
    /// Ours, as the relay sees it; known with the G flag.
    endpoint: Option<SocketAddr>,
    robustness: u8,
}

/// Looks whether data comes.
#[derive(Clone, Copy, Debug)]
struct Watch {
    /// The last data; before there was any, the start of the membership.
    last: Instant,
    flowing: bool,
    /// Requests that went out early, one after another, without data between.
    early: u32,
}

/// A message that nobody answers, to be sent again.
#[derive(Clone, Debug)]
struct Repeat {
    report: Report,
    to: SocketAddr,
    payload: Vec<u8>,
    left: u8,
    at: Instant,
}

impl Gateway {
    /// A gateway that seeks its relay at `discovery` at once; the relay's port is the one asked there. Nonces
    /// and pauses come from `seed`, which must be unpredictable outside of tests.
    #[must_use]
    pub fn new(now: Instant, config: Config, discovery: SocketAddr, seed: u64) -> Self {
        let mut gateway = Self {
            config,
            discovery,
            rng: StdRng::seed_from_u64(seed),
            phase: Phase::Stopped,
            tunnel: None,
            refusals: 0,
            watch: Watch { last: now, flowing: false, early: 0 },
            repeats: Vec::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        gateway.start_discovery(now, Cause::Start);
        gateway
    }

    /// Takes a datagram that came from `from`. Gives the inner IP packet where it is Multicast Data of the
    /// joined group and source, and `None` where it was a step of the handshake. The packet's own lengths
    /// and checksums are still to be checked ([`datagram::parse`]).
    ///
    /// # Errors
    /// The reason to drop the datagram; nothing changed.
    pub fn handle_datagram<'a>(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &'a [u8],
    ) -> Result<Option<&'a [u8]>, Discard> {
        match Message::decode(datagram)? {
            Message::MulticastData { packet } => self.multicast_data(now, from, packet).map(Some),
            Message::RelayAdvertisement { nonce, relay } => self.advertisement(now, from, nonce, relay).map(|()| None),
            Message::MembershipQuery { limit, mac, nonce, packet, gateway } => {
                let robustness = 0;
                let offered = Tunnel { relay: from, nonce, mac, endpoint: gateway, robustness };
                self.membership_query(now, offered, limit, packet).map(|()| None)
            }
            _ => Err(Discard::NotForGateway),
        }
    }

    /// Takes the news that a datagram of ours did not arrive (ICMP Destination Unreachable, 5.2.3.9). It
    /// never ends the tunnel: a question is asked again in its time anyway, and after an Update a new cycle
    /// begins, at most one a second.
    pub fn handle_unreachable(&mut self, now: Instant) {
        let to = match &mut self.phase {
            Phase::Discovering(waiting) if waiting.sent > 0 && !waiting.unreachable => {
                waiting.unreachable = true;
                self.discovery
            }
            Phase::Requesting { relay, waiting } if !waiting.unreachable => {
                waiting.unreachable = true;
                *relay
            }
            Phase::Member { since, next, cause } if *cause != Cause::Unreachable => {
                let Some(tunnel) = &self.tunnel else { return };
                *next = (*next).min(now.max(*since + SECOND));
                *cause = Cause::Unreachable;
                tunnel.relay
            }
            _ => return,
        };
        self.events.push_back(Event::Unreachable { to });
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.send_repeats(now);
        match self.phase {
            Phase::Discovering(waiting) if waiting.deadline <= now => self.send_discovery(now, waiting),
            Phase::Requesting { relay, waiting } if waiting.deadline <= now => {
                if waiting.sent < self.config.requests {
                    self.send_request(now, relay, waiting);
                } else {
                    self.start_discovery(now, Cause::NoQuery);
                }
            }
            Phase::Member { next, cause, .. } => match (self.tunnel, self.watch_deadline()) {
                (Some(tunnel), _) if next <= now => self.start_request(now, tunnel.relay, cause),
                (Some(tunnel), Some(deadline)) if deadline <= now => {
                    self.events.push_back(Event::Silent { duration: now - self.watch.last });
                    self.watch.flowing = false;
                    self.watch.early += 1;
                    self.start_request(now, tunnel.relay, Cause::Silence);
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); to be asked anew after every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Discovering(waiting) | Phase::Requesting { waiting, .. } => Some(waiting.deadline),
            Phase::Member { next, .. } => Some(self.watch_deadline().map_or(next, |deadline| deadline.min(next))),
            Phase::Stopped => None,
        };
        self.repeats.iter().map(|repeat| repeat.at).chain(phase).min()
    }

    /// The next datagram to be sent, always from the same socket (5.1.5).
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Leaves: a Teardown, or where the relay does not know that, an Update that says so (5.2.3.8), is then
    /// to be sent, and repeated by [`handle_timeout`](Self::handle_timeout) until
    /// [`is_stopped`](Self::is_stopped).
    pub fn stop(&mut self, now: Instant) {
        self.phase = Phase::Stopped;
        self.repeats.retain(|repeat| repeat.report != Report::Join);
        if let Some(tunnel) = self.tunnel.take() {
            self.say_goodbye(now, tunnel);
        }
    }

    /// Whether nothing remains to be sent after [`stop`](Self::stop).
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopped) && self.repeats.is_empty() && self.transmits.is_empty()
    }

    // Data.

    fn multicast_data<'a>(&mut self, now: Instant, from: SocketAddr, packet: &'a [u8]) -> Result<&'a [u8], Discard> {
        let tunnel = self.tunnel.as_ref().ok_or(Discard::NotJoined)?;
        if !same_endpoint(tunnel.relay, from) {
            return Err(Discard::WrongSender);
        }
        let (source, destination) = datagram::addresses(packet).ok_or(Discard::NotIp)?;
        if !destination.is_multicast() {
            return Err(Discard::NotMulticast);
        }
        if !self.config.membership.covers(source, destination) {
            return Err(Discard::OtherChannel);
        }
        if !self.watch.flowing {
            self.events.push_back(Event::Receiving { relay: tunnel.relay });
        }
        self.watch = Watch { last: now, flowing: true, early: 0 };
        Ok(packet)
    }

    fn watch_deadline(&self) -> Option<Instant> {
        let first = self.config.silence?;
        let pause = first.saturating_mul(1 << self.watch.early.min(16)).min(self.config.refresh);
        let Phase::Member { since, .. } = self.phase else { return None };
        // A cycle that was begun for the silence is given its pause too.
        let from = if self.watch.early == 0 { self.watch.last } else { self.watch.last.max(since) };
        Some(from + pause)
    }

    // Relay discovery (5.2.3.4).

    fn start_discovery(&mut self, now: Instant, cause: Cause) {
        let waiting = Waiting { nonce: self.nonce(), sent: 0, deadline: now, cause, unreachable: false };
        self.send_discovery(now, waiting);
    }

    fn send_discovery(&mut self, now: Instant, waiting: Waiting) {
        let waiting = self.asked(now, waiting);
        let Waiting { nonce, sent: attempt, cause, .. } = waiting;
        self.send(self.discovery, Message::RelayDiscovery { nonce }.encode());
        self.events.push_back(Event::Discovery { to: self.discovery, attempt, cause });
        self.phase = Phase::Discovering(waiting);
    }

    fn advertisement(&mut self, now: Instant, from: SocketAddr, nonce: u32, relay: IpAddr) -> Result<(), Discard> {
        let Phase::Discovering(waiting) = self.phase else { return Err(Discard::NotAwaited) };
        if waiting.sent == 0 {
            return Err(Discard::NotAwaited);
        }
        if !same_endpoint(self.discovery, from) {
            return Err(Discard::WrongSender);
        }
        if nonce != waiting.nonce {
            return Err(Discard::WrongNonce);
        }
        let same_family = relay.is_ipv4() == self.discovery.ip().to_canonical().is_ipv4();
        if !same_family || relay.is_unspecified() || relay.is_multicast() {
            return Err(Discard::RelayAddress);
        }
        let relay = SocketAddr::new(relay, self.discovery.port());
        self.events.push_back(Event::Advertisement { relay });
        self.start_request(now, relay, Cause::Advertised);
        Ok(())
    }

    // Membership query (5.2.3.5).

    fn start_request(&mut self, now: Instant, relay: SocketAddr, cause: Cause) {
        let waiting = Waiting { nonce: self.nonce(), sent: 0, deadline: now, cause, unreachable: false };
        self.send_request(now, relay, waiting);
    }

    fn send_request(&mut self, now: Instant, relay: SocketAddr, waiting: Waiting) {
        let waiting = self.asked(now, waiting);
        let Waiting { nonce, sent: attempt, cause, .. } = waiting;
        let protocol = self.config.membership.protocol();
        self.send(relay, Message::Request { protocol, nonce }.encode());
        self.events.push_back(Event::Request { to: relay, attempt, cause });
        self.phase = Phase::Requesting { relay, waiting };
    }

    fn membership_query(
        &mut self,
        now: Instant,
        mut offered: Tunnel,
        limit: bool,
        packet: &[u8],
    ) -> Result<(), Discard> {
        let Phase::Requesting { relay, waiting } = self.phase else { return Err(Discard::NotAwaited) };
        if !same_endpoint(relay, offered.relay) {
            return Err(Discard::WrongSender);
        }
        if offered.nonce != waiting.nonce {
            return Err(Discard::WrongNonce);
        }
        let query = self.config.membership.general_query(packet)?;
        offered = Tunnel { relay, robustness: query.robustness, ..offered };
        self.events.push_back(Event::Query { relay, interval: query.interval, endpoint: offered.endpoint });

        let old = self.tunnel.filter(|old| same_endpoint(old.relay, relay));
        let moved =
            old.filter(|old| old.endpoint.is_some() && offered.endpoint.is_some_and(|new| old.endpoint != Some(new)));
        if let Some(Tunnel { endpoint: Some(old), .. }) = moved {
            self.events.push_back(Event::EndpointChanged { old });
        }
        if limit && (old.is_none() || moved.is_some()) {
            // Nothing new is taken here (5.1.4.4). What another relay still sends goes on.
            if let Some(moved) = moved {
                self.tunnel = None;
                self.say_goodbye(now, moved);
            }
            self.refused(now, relay);
            return Ok(());
        }
        self.refusals = 0;
        let renewed = old.is_some() && moved.is_none();
        if let Some(former) = self.tunnel.replace(offered).filter(|_| !renewed) {
            self.say_goodbye(now, former);
        }
        self.repeats.retain(|repeat| repeat.report != Report::Join);
        if renewed {
            self.report(now, offered, Report::Refresh, self.config.membership.current_state(), 0);
        } else {
            self.report(now, offered, Report::Join, self.config.membership.join(), offered.robustness - 1);
            self.watch = Watch { last: now, flowing: false, early: self.watch.early };
        }
        // The relay's interval is how often it wants to hear; somewhat earlier leaves room for losses.
        let next = now + (query.interval * 4 / 5).min(self.config.refresh).max(SECOND);
        self.phase = Phase::Member { since: now, next, cause: Cause::Refresh };
        Ok(())
    }

    fn refused(&mut self, now: Instant, relay: SocketAddr) {
        self.refusals += 1;
        self.events.push_back(Event::RelayFull { relay });
        let deadline = now + self.pause(self.refusals);
        let nonce = self.nonce();
        let cause = Cause::RelayFull;
        self.phase = Phase::Discovering(Waiting { nonce, sent: 0, deadline, cause, unreachable: false });
    }

    // Membership update and teardown (5.2.3.6 to 5.2.3.8).

    /// Sends an Update by what the tunnel's Query gave, and again `repeats` times.
    fn report(&mut self, now: Instant, tunnel: Tunnel, report: Report, packet: Vec<u8>, repeats: u8) {
        let Tunnel { relay, nonce, mac, .. } = tunnel;
        let payload = Message::MembershipUpdate { mac, nonce, packet: &packet }.encode();
        self.repeatedly(now, report, relay, payload, repeats);
    }

    fn say_goodbye(&mut self, now: Instant, tunnel: Tunnel) {
        let Tunnel { relay, nonce, mac, endpoint, robustness } = tunnel;
        match endpoint {
            Some(gateway) => {
                let payload = Message::Teardown { mac, nonce, gateway }.encode();
                self.repeatedly(now, Report::Teardown, relay, payload, robustness - 1);
            }
            None => self.report(now, tunnel, Report::Leave, self.config.membership.leave(), robustness - 1),
        }
    }

    fn repeatedly(&mut self, now: Instant, report: Report, to: SocketAddr, payload: Vec<u8>, left: u8) {
        self.send(to, payload.clone());
        self.events.push_back(Event::Report { to, report, repeated: false });
        if left > 0 {
            let at = now + self.repeat_pause(report);
            self.repeats.push(Repeat { report, to, payload, left, at });
        }
    }

    fn send_repeats(&mut self, now: Instant) {
        for mut repeat in std::mem::take(&mut self.repeats) {
            if repeat.at <= now {
                self.send(repeat.to, repeat.payload.clone());
                self.events.push_back(Event::Report { to: repeat.to, report: repeat.report, repeated: true });
                repeat.left -= 1;
                repeat.at = now + self.repeat_pause(repeat.report);
            }
            if repeat.left > 0 {
                self.repeats.push(repeat);
            }
        }
    }

    /// A second between Teardowns (5.2.3.7.2); up to a second between reports (RFC 3376, 8.11), which are
    /// not wanted in step with others'.
    fn repeat_pause(&mut self, report: Report) -> Duration {
        match report {
            Report::Teardown => SECOND,
            _ => SECOND.mul_f64(self.rng.random_range(0.1..=1.0)),
        }
    }

    // Questions.

    /// The question goes out once more: when it does so again.
    fn asked(&mut self, now: Instant, waiting: Waiting) -> Waiting {
        let sent = waiting.sent + 1;
        Waiting { sent, deadline: now + self.pause(sent), unreachable: false, ..waiting }
    }

    /// The pause after the `n`th attempt: random in [1 s, min(2ⁿ⁻¹ s, the longest)] (5.2.3.4.3), which is
    /// exactly 1 s after the first.
    fn pause(&mut self, n: u32) -> Duration {
        let longest = SECOND.saturating_mul(1 << (n - 1).min(16)).min(self.config.longest_pause).max(SECOND);
        self.rng.random_range(SECOND..=longest)
    }

    /// Random, not zero, and not the one in use (5.2.3.4.5, 5.2.3.5.6).
    fn nonce(&mut self) -> u32 {
        loop {
            let nonce = self.rng.random();
            if nonce != 0 && self.tunnel.is_none_or(|tunnel| tunnel.nonce != nonce) {
                return nonce;
            }
        }
    }

    fn send(&mut self, to: SocketAddr, payload: Vec<u8>) {
        self.transmits.push_back(Transmit { to, payload });
    }
}

#[cfg(test)]
#[path = "gateway_tests.rs"]
mod tests;
