//! The gateway's side of AMT (RFC 7450, 5.2): from the address of a relay to the packets of one membership.
//!
//! In go datagrams, where they came from, and the time; out come datagrams to be sent, inner packets of the
//! joined group and source, and events for people to read. Dropped by name: whatever does not come from the
//! relay that was asked, does not carry its nonce, was not waited for, or was not joined.
//!
//! Three decisions that the RFC leaves open:
//! - Data flows on during a refresh, and while another relay is sought: what the last Query confirmed
//!   stays until another one takes its place, and is torn down only then.
//! - Where data stops, or does not come at all, a Request goes out early, with growing pauses: this finds a
//!   relay that lost its state (a restart, a lost Update) within seconds.
//! - The longest pause between retransmissions is 30 s, not 120 s: somebody sits in front of it.

mod discard;
mod event;
mod question;
mod watch;

use super::message::{Mac, MembershipQuery, Message};
use super::{Transmit, same_endpoint};
use crate::datagram;
use crate::membership::Membership;
use question::{Chance, Question};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use watch::Watch;

pub use discard::Discard;
pub use event::{Cause, Event, Report};

/// Between Teardowns (5.2.3.7.2), and at least between Updates.
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
    /// The first pause before a retransmission, and the shortest. 1 s by default (5.2.3.4.3 recommends it).
    pub first_pause: Duration,
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
            first_pause: SECOND,
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// One tunnel's gateway. See the [module above](super) for how to drive it.
#[derive(Debug)]
pub struct Gateway {
    config: Config,
    discovery: SocketAddr,
    chance: Chance,
    phase: Phase,
    /// What the last accepted Query gave; data is taken from here alone.
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
    Discovering(Question),
    /// Between Request and Membership Query.
    Requesting { relay: SocketAddr, question: Question },
    /// The Update is sent; the next cycle begins by itself.
    Member { since: Instant, next: Instant, cause: Cause },
    /// Left; only repetitions remain to be sent.
    Stopped,
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

/// A message that nobody answers, to be sent again lest the first was lost.
#[derive(Debug)]
struct Repeat {
    report: Report,
    transmit: Transmit,
    left: u8,
    due: Instant,
}

impl Gateway {
    /// A gateway that seeks its relay at `discovery` at once; the relay's port is the one asked there. Nonces
    /// and pauses come from `seed`, which must be unpredictable outside of tests.
    #[must_use]
    pub fn new(now: Instant, config: Config, discovery: SocketAddr, seed: u64) -> Self {
        let mut gateway = Self {
            chance: Chance::new(seed, config.first_pause, config.longest_pause),
            config,
            discovery,
            phase: Phase::Stopped,
            tunnel: None,
            refusals: 0,
            watch: Watch::new(now),
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
            Message::MembershipQuery(query) => self.membership_query(now, from, &query).map(|()| None),
            _ => Err(Discard::NotForGateway),
        }
    }

    /// Takes the news that a datagram of ours did not arrive (ICMP Destination Unreachable, 5.2.3.9). It
    /// never ends the tunnel: a question is asked again in its time anyway, and after an Update a new cycle
    /// begins, at most one a second.
    pub fn handle_unreachable(&mut self, now: Instant) {
        let told = match (&mut self.phase, &self.tunnel) {
            (Phase::Discovering(question), _) => question.did_not_arrive().then_some(self.discovery),
            (Phase::Requesting { relay, question }, _) => question.did_not_arrive().then_some(*relay),
            (Phase::Member { since, next, cause }, Some(tunnel)) if *cause != Cause::Unreachable => {
                *next = (*next).min(now.max(*since + SECOND));
                *cause = Cause::Unreachable;
                Some(tunnel.relay)
            }
            _ => None,
        };
        self.events.extend(told.map(|to| Event::Unreachable { to }));
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.send_repeats(now);
        match (self.phase, self.tunnel) {
            (Phase::Discovering(question), _) if question.due <= now => self.send_discovery(now, question),
            (Phase::Requesting { relay, question }, _) if question.due <= now => {
                if question.sent < self.config.requests {
                    self.send_request(now, relay, question);
                } else {
                    self.start_discovery(now, Cause::NoQuery);
                }
            }
            (Phase::Member { next, cause, .. }, Some(tunnel)) if next <= now => {
                self.start_request(now, tunnel.relay, cause);
            }
            (Phase::Member { since, .. }, Some(tunnel)) if self.silence_due(since).is_some_and(|at| at <= now) => {
                let duration = self.watch.silent(now);
                self.events.push_back(Event::Silent { duration });
                self.start_request(now, tunnel.relay, Cause::Silence);
            }
            _ => {}
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); to be asked anew after every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Discovering(question) | Phase::Requesting { question, .. } => Some(question.due),
            Phase::Member { since, next, .. } => self.silence_due(since).into_iter().chain([next]).min(),
            Phase::Stopped => None,
        };
        self.repeats.iter().map(|repeat| repeat.due).chain(phase).min()
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

    /// Data (5.2.3.3).
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
        if self.watch.data(now) {
            self.events.push_back(Event::Receiving { relay: tunnel.relay });
        }
        Ok(packet)
    }

    fn silence_due(&self, since: Instant) -> Option<Instant> {
        self.config.silence.map(|first| self.watch.deadline(since, first, self.config.refresh))
    }

    // Relay discovery (5.2.3.4).

    fn start_discovery(&mut self, now: Instant, cause: Cause) {
        let question = self.question(now, cause);
        self.send_discovery(now, question);
    }

    fn send_discovery(&mut self, now: Instant, question: Question) {
        let question = question.ask(now, &mut self.chance);
        let Question { nonce, sent: attempt, cause, .. } = question;
        self.send(self.discovery, &Message::RelayDiscovery { nonce });
        self.events.push_back(Event::Discovery { to: self.discovery, attempt, cause });
        self.phase = Phase::Discovering(question);
    }

    fn advertisement(&mut self, now: Instant, from: SocketAddr, nonce: u32, relay: IpAddr) -> Result<(), Discard> {
        let Phase::Discovering(question) = self.phase else { return Err(Discard::NotAwaited) };
        if !same_endpoint(self.discovery, from) {
            return Err(Discard::WrongSender);
        }
        question.check(nonce)?;
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
        let question = self.question(now, cause);
        self.send_request(now, relay, question);
    }

    fn send_request(&mut self, now: Instant, relay: SocketAddr, question: Question) {
        let question = question.ask(now, &mut self.chance);
        let Question { nonce, sent: attempt, cause, .. } = question;
        self.send(relay, &Message::Request { protocol: self.config.membership.protocol(), nonce });
        self.events.push_back(Event::Request { to: relay, attempt, cause });
        self.phase = Phase::Requesting { relay, question };
    }

    fn membership_query(&mut self, now: Instant, from: SocketAddr, query: &MembershipQuery<'_>) -> Result<(), Discard> {
        let Phase::Requesting { relay, question } = self.phase else { return Err(Discard::NotAwaited) };
        if !same_endpoint(relay, from) {
            return Err(Discard::WrongSender);
        }
        question.check(query.nonce)?;
        let general = self.config.membership.general_query(query.packet)?;
        let MembershipQuery { nonce, mac, gateway: endpoint, limit, .. } = *query;
        let offered = Tunnel { relay, nonce, mac, endpoint, robustness: general.robustness };
        self.events.push_back(Event::Query { relay, interval: general.interval, endpoint });

        // The same tunnel goes on where the relay, and our endpoint as it sees it, are what they were.
        let moved_from = self
            .tunnel
            .filter(|old| same_endpoint(old.relay, relay))
            .and_then(|old| old.endpoint.filter(|old| endpoint.is_some_and(|new| *old != new)));
        let renewed = self.tunnel.is_some_and(|old| same_endpoint(old.relay, relay)) && moved_from.is_none();
        if let Some(old) = moved_from {
            self.events.push_back(Event::EndpointChanged { old });
        }
        // What another relay still sends goes on until this one takes us.
        let former = if moved_from.is_some() || !limit { self.tunnel.take() } else { None };
        if let Some(former) = former.filter(|_| !renewed) {
            self.say_goodbye(now, former);
        }
        if limit && !renewed {
            // Nothing new is taken here (5.1.4.4).
            self.refused(now, relay);
            return Ok(());
        }
        self.refusals = 0;
        self.tunnel = Some(offered);
        self.repeats.retain(|repeat| repeat.report != Report::Join);
        if renewed && self.watch.flowing() {
            self.update(now, offered, Report::Refresh, &self.config.membership.current_state());
        } else {
            // Also where nothing comes: this relay may never have heard of the membership, or forgotten it.
            self.update(now, offered, Report::Join, &self.config.membership.join());
            self.watch.joined(now);
        }
        // The relay's interval is how often it wants to hear; somewhat earlier leaves room for losses.
        let next = now + (general.interval * 4 / 5).min(self.config.refresh).max(SECOND);
        self.phase = Phase::Member { since: now, next, cause: Cause::Refresh };
        Ok(())
    }

    fn refused(&mut self, now: Instant, relay: SocketAddr) {
        self.events.push_back(Event::RelayFull { relay });
        self.refusals += 1;
        let pause = self.chance.pause(self.refusals);
        self.phase = Phase::Discovering(self.question(now + pause, Cause::RelayFull));
    }

    fn question(&mut self, due: Instant, cause: Cause) -> Question {
        let in_use = self.tunnel.map(|tunnel| tunnel.nonce);
        Question::new(due, cause, self.chance.nonce(in_use))
    }

    // Membership update and teardown (5.2.3.6 to 5.2.3.8).

    /// Sends a report by what the tunnel's Query gave. A state change is said as often as the relay wishes
    /// (RFC 3376, 5.1), the state once.
    fn update(&mut self, now: Instant, tunnel: Tunnel, report: Report, packet: &[u8]) {
        let Tunnel { relay, nonce, mac, robustness, .. } = tunnel;
        let repeats = if report == Report::Refresh { 0 } else { robustness - 1 };
        self.tell(now, report, relay, &Message::MembershipUpdate { mac, nonce, packet }, repeats);
    }

    fn say_goodbye(&mut self, now: Instant, tunnel: Tunnel) {
        let Tunnel { relay, nonce, mac, endpoint, robustness } = tunnel;
        match endpoint {
            Some(gateway) => {
                self.tell(now, Report::Teardown, relay, &Message::Teardown { mac, nonce, gateway }, robustness - 1);
            }
            None => self.update(now, tunnel, Report::Leave, &self.config.membership.leave()),
        }
    }

    /// Sends what nobody answers, now and `left` times more.
    fn tell(&mut self, now: Instant, report: Report, to: SocketAddr, message: &Message<'_>, left: u8) {
        let transmit = Transmit { to, payload: message.encode() };
        self.tell_again(now, Repeat { report, transmit, left: left + 1, due: now }, false);
    }

    fn tell_again(&mut self, now: Instant, repeat: Repeat, repeated: bool) {
        let Repeat { report, transmit, left, .. } = repeat;
        self.events.push_back(Event::Report { to: transmit.to, report, repeated });
        self.transmits.push_back(transmit.clone());
        if left > 1 {
            let pause = if report == Report::Teardown { SECOND } else { self.chance.report_pause() };
            self.repeats.push(Repeat { report, transmit, left: left - 1, due: now + pause });
        }
    }

    fn send_repeats(&mut self, now: Instant) {
        let due: Vec<Repeat> = self.repeats.extract_if(.., |repeat| repeat.due <= now).collect();
        due.into_iter().for_each(|repeat| self.tell_again(now, repeat, true));
    }

    fn send(&mut self, to: SocketAddr, message: &Message<'_>) {
        self.transmits.push_back(Transmit { to, payload: message.encode() });
    }
}
