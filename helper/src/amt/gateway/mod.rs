//! The gateway's side of AMT (RFC 7450, 5.2): from the address of a relay to the packets of many memberships.
//!
//! In go datagrams, where they came from, and the time; out come datagrams to be sent, inner packets of the
//! joined groups and sources, and events for people to read. Dropped by name: whatever does not come from the
//! relay that was asked, does not carry its nonce, was not waited for, or was not joined.
//!
//! One gateway is one tunnel for one protocol, IGMP or MLD (5.2.2). Memberships come and go in it without
//! disturbing each other; with none it stays in touch with its relay, so that the next join is one message.
//!
//! Decisions that the RFC leaves open, or that are ours:
//! - Data flows on during a refresh, and while another relay is sought: what the last Query confirmed
//!   stays until another one takes its place, and is torn down only then.
//! - Where data stops, or does not come at all, a Request goes out early, with growing pauses: this finds a
//!   relay that lost its state (a restart, a lost Update) within seconds. Where one membership alone is silent
//!   it alone is said again.
//! - The first few questions follow each other quickly, and the pauses after them stay short ([`Config`]): somebody
//!   sits in front of it.
//! - The answer to a question that was given up is still taken for a while: on a slow way every answer comes after the
//!   next search has begun.

mod control;
mod data;
mod discard;
mod event;
mod question;
mod report;
mod watch;

use super::message::{Mac, Message, Protocol};
use super::{Transmit, same_endpoint};
use crate::membership::Membership;
use crate::membership::interest::{Interest, StateChanges};
use question::{Chance, GivenUp, Question};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use watch::Watch;

pub use discard::Discard;
pub use event::{Cause, Event, Report};

/// Between Teardowns (5.2.3.7.2), and at least between cycles that news about the path begin.
const SECOND: Duration = Duration::from_secs(1);
/// The longest time that anything can be set to: what is added to a clock may not run over.
const DAY: Duration = Duration::from_secs(86_400);

/// How to speak with a relay, and how patiently. No time counts for more than a day.
#[derive(Clone, Debug)]
pub struct Config {
    /// The protocol of all memberships.
    pub protocol: Protocol,
    /// Whether the address given leads to the relay by Relay Discovery; otherwise it is the relay's own, as with
    /// the D flag of an AMTRELAY record (RFC 8777, 4.2.2). By default it does.
    pub discover: bool,
    /// Whether Requests carry the ECN flag (RFC 9601). Some relays drop these; by default they do not.
    pub ecn: bool,
    /// The longest time between two Request cycles; a relay may ask for a shorter one. 30 s by default,
    /// which also keeps NAT bindings open.
    pub refresh: Duration,
    /// After how much silence, first, a join is said again or a Request goes out early; `None` never. 2 s by
    /// default. The pauses double while the silence lasts, up to `refresh`.
    pub silence: Option<Duration>,
    /// How many Requests may stay without a Query before the relay is sought again. 8 by default.
    pub requests: u32,
    /// How many questions go out at the quick pace, before the pauses grow. 6 by default.
    pub quick: u32,
    /// The pause after each of these, and up to a fifth more. 250 ms by default.
    pub quick_pause: Duration,
    /// The shortest pause after any other; it is random between this and the double of it for each one that
    /// went before (5.2.3.4.3). 1 s by default, as recommended there.
    pub first_pause: Duration,
    /// The longest pause, however long the relay has been away: whoever comes back is found within it. 4 s by default.
    pub longest_pause: Duration,
    /// The longest pause before a relay that takes nobody new (L flag) is asked again. 30 s by default.
    pub longest_refusal: Duration,
    /// Whether an address is this host's own. A Relay Advertisement that names one is followed only where it came from
    /// one: anybody else would make this host talk to itself. By default only loopback addresses are known to be.
    pub is_own: fn(IpAddr) -> bool,
}

impl Config {
    /// The defaults for a protocol.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            discover: true,
            ecn: false,
            refresh: Duration::from_secs(30),
            silence: Some(Duration::from_secs(2)),
            requests: 8,
            quick: 6,
            quick_pause: Duration::from_millis(250),
            first_pause: SECOND,
            longest_pause: Duration::from_secs(4),
            longest_refusal: Duration::from_secs(30),
            is_own: |address| address.to_canonical().is_loopback(),
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
    /// Whether the relay answered to the P flag of the Linux kernel.
    linux_p: bool,
    /// Relays that refused, one after another, without one that took us between.
    refusals: u32,
    /// Since when no question was answered with a Query that takes us.
    trouble: Option<Instant>,
    /// Requests without a Query in searches before this one, since then.
    fruitless: u32,
    /// These Requests, whose answers may still come.
    given_up: GivenUp,
    /// When a change of the path last began a cycle, or is to begin one.
    path_change: Option<Instant>,
    interest: Interest,
    watches: BTreeMap<Membership, Watch>,
    changes: StateChanges,
    /// When what changed is said again.
    changes_due: Option<Instant>,
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
    /// The Query came, what there is to report is reported; the next cycle begins by itself.
    Connected { since: Instant, next: Instant, cause: Cause },
    /// Left; only repetitions remain to be sent.
    Stopped,
}

/// What a Query gave.
#[derive(Clone, Copy, Debug)]
struct Tunnel {
    relay: SocketAddr,
    query: Credentials,
    robustness: u8,
    /// The L flag.
    limited: bool,
    /// What the last Update carried; `None` where the relay was told of nothing yet.
    told: Option<Credentials>,
}

/// What Updates and Teardowns copy out of a Query.
#[derive(Clone, Copy, Debug)]
struct Credentials {
    nonce: u32,
    mac: Mac,
    /// Our endpoint, as the relay sees it; known with the G flag.
    endpoint: Option<SocketAddr>,
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
    /// A gateway that asks at once, at an address that leads to its relay or, without
    /// [`discover`](Config::discover), is it; the relay's port is the one asked there. Nonces and pauses come
    /// from `seed`, which must be unpredictable outside of tests.
    #[must_use]
    pub fn new(now: Instant, mut config: Config, discovery: SocketAddr, seed: u64) -> Self {
        config.refresh = config.refresh.min(DAY);
        config.silence = config.silence.map(|silence| silence.min(DAY));
        let mut gateway = Self {
            chance: Chance::new(seed, &config),
            interest: Interest::new(config.protocol),
            config,
            discovery,
            phase: Phase::Stopped,
            tunnel: None,
            linux_p: false,
            refusals: 0,
            trouble: None,
            fruitless: 0,
            given_up: GivenUp::default(),
            path_change: None,
            watches: BTreeMap::new(),
            changes: StateChanges::default(),
            changes_due: None,
            repeats: Vec::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        gateway.start_search(now, Cause::Start);
        gateway
    }

    /// Wants a membership, once more: two joins need two leaves. One of the other protocol is not taken.
    pub fn join(&mut self, now: Instant, membership: Membership) {
        if matches!(self.phase, Phase::Stopped) {
            return;
        }
        if let Some(change) = self.interest.join(membership) {
            self.watches.insert(membership, Watch::new(now));
            self.changed(now, &change);
        }
    }

    /// Wants a membership once less; with the last leave its data is dropped and the relay told.
    pub fn leave(&mut self, now: Instant, membership: Membership) {
        if let Some(change) = self.interest.leave(membership) {
            self.watches.remove(&membership);
            self.changed(now, &change);
        }
    }

    /// Takes a datagram that came from `from`. Gives the inner IP packet where it is Multicast Data of a
    /// joined group and source, and `None` where it was a step of the handshake. The packet's own lengths
    /// and checksums are still to be checked ([`datagram::parse`](crate::datagram::parse)).
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
            (Phase::Connected { since, next, cause }, Some(tunnel)) if *cause == Cause::Refresh => {
                *next = (*next).min(now.max(*since + SECOND));
                *cause = Cause::Unreachable;
                Some(tunnel.relay)
            }
            _ => None,
        };
        self.events.extend(told.map(|to| Event::Unreachable { to }));
    }

    /// Takes the news that this host has another address or route: a cycle begins now, at most one a second,
    /// as the relay may see us at another endpoint. A question that waits is asked again, at the quick pace.
    pub fn handle_path_change(&mut self, now: Instant) {
        let at = match self.path_change {
            // Already on its way.
            Some(last) if last > now => last,
            Some(last) => now.max(last + SECOND),
            None => now,
        };
        match &mut self.phase {
            Phase::Discovering(question) | Phase::Requesting { question, .. } if question.sent > 0 => {
                question.due = question.due.min(at);
            }
            Phase::Connected { next, cause, .. } => {
                *next = (*next).min(at);
                *cause = Cause::PathChange;
            }
            _ => return,
        }
        self.trouble = None;
        self.fruitless = 0;
        self.path_change = Some(at);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.send_repeats(now);
        if self.changes_due.is_some_and(|due| due <= now) {
            self.say_changes(now, true);
        }
        match (self.phase, self.tunnel) {
            (Phase::Discovering(question), _) if question.due <= now => self.send_discovery(now, question),
            (Phase::Requesting { relay, question }, _) if question.due <= now => {
                if question.sent < self.config.requests || !self.config.discover {
                    self.send_request(now, relay, question);
                } else {
                    self.fruitless = self.fruitless.saturating_add(question.sent);
                    self.given_up.add(now, relay, question);
                    self.start_search(now, Cause::NoQuery);
                }
            }
            (Phase::Connected { next, cause, .. }, Some(tunnel)) if next <= now => {
                self.start_request(now, tunnel.relay, cause);
            }
            (Phase::Connected { .. }, Some(tunnel)) => self.look_for_silence(now, tunnel),
            _ => {}
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); to be asked anew after every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Discovering(question) | Phase::Requesting { question, .. } => Some(question.due),
            Phase::Connected { next, .. } => self.silence_due().into_iter().chain([next]).min(),
            Phase::Stopped => None,
        };
        self.repeats.iter().map(|repeat| repeat.due).chain(phase).chain(self.changes_due).min()
    }

    /// The next datagram to be sent, always from the same socket (5.1.5).
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether a relay has answered with a Query that takes us, and is not known to be gone.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.tunnel.is_some() && self.trouble.is_none()
    }

    /// Leaves everything: a Teardown, or where the relay does not know that, Updates that say so (5.2.3.8), are
    /// then to be sent, and repeated by [`handle_timeout`](Self::handle_timeout) until
    /// [`is_stopped`](Self::is_stopped).
    pub fn stop(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Stopped) {
            return;
        }
        self.phase = Phase::Stopped;
        self.watches.clear();
        self.leave_all(now);
    }

    /// Whether nothing remains to be sent after [`stop`](Self::stop).
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let all_said = self.repeats.is_empty() && self.changes_due.is_none();
        matches!(self.phase, Phase::Stopped) && all_said && self.transmits.is_empty()
    }
}
