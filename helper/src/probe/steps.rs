//! The steps on the way to a channel, each with when it began and how long it took.
//!
//! In: what happened on the way, with the time. Out: [`Step`]s in the order they began, and the way that was chosen.
//! Refreshes of a tunnel that stands are left out: they are no step towards the channel. All lists are bounded.

use super::stream::rounded;
use crate::amt::gateway::{Event, Report};
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Names, relays and tunnels that are told; more are tried in ten seconds only where something is badly wrong.
const MAX: usize = 32;

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Which.
    pub name: Name,
    /// Milliseconds after the start.
    pub at_ms: f64,
    /// Milliseconds until the answer; of what was sent several times, from the last time.
    pub took_ms: Option<f64>,
    /// How it ended.
    pub outcome: Outcome,
    /// How often it was tried.
    pub attempts: u32,
    /// The address the tunnel was opened to, where the step belongs to one.
    pub relay: Option<SocketAddr>,
    /// What it brought, or what is wrong.
    pub detail: String,
}

/// The steps there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// A name is looked up.
    LookUp,
    /// Relay Discovery to Relay Advertisement.
    Discovery,
    /// Request to Membership Query.
    Request,
    /// Membership Update; nobody answers it but the data.
    Update,
    /// The first datagram of the channel, since the update.
    FirstPacket,
    /// The first random access point of a picture, since the first datagram.
    FirstKeyFrame,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should.
    Done,
    /// It has failed.
    Failed,
    /// Nothing came back.
    Unanswered,
}

/// A relay that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The relay, or the address to ask for one.
    pub relay: SocketAddr,
    /// What it is known from.
    pub why: String,
}

/// The way the data came last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Way {
    /// `native` or `amt`.
    pub path: &'static str,
    /// The address the tunnel was opened to.
    pub tunnel: Option<SocketAddr>,
    /// The relay that answered there, which may be another.
    pub relay: Option<SocketAddr>,
    /// Where the relay was found, and why this way was taken.
    pub why: String,
    /// How often the way changed after the first.
    pub changes: u32,
}

/// Question and answer.
#[derive(Clone, Debug)]
struct Exchange {
    first: Instant,
    last: Instant,
    attempts: u32,
    answered: Option<(Instant, String)>,
    refused: Option<&'static str>,
}

#[derive(Clone, Debug)]
struct Tunnel {
    address: SocketAddr,
    relay: Option<SocketAddr>,
    discovery: Option<Exchange>,
    request: Option<Exchange>,
    update: Option<(Instant, u32)>,
}

/// Collects the steps.
#[derive(Clone, Debug)]
pub struct Steps {
    began: Instant,
    lookups: Vec<(Instant, Step)>,
    candidates: Vec<Candidate>,
    tunnels: Vec<Tunnel>,
    way: Option<Way>,
    first_packet: Option<Instant>,
    first_key_frame: Option<Instant>,
}

impl Steps {
    /// Nothing has happened yet.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self {
            began: now,
            lookups: Vec::new(),
            candidates: Vec::new(),
            tunnels: Vec::new(),
            way: None,
            first_packet: None,
            first_key_frame: None,
        }
    }

    /// A name was looked up: its addresses, or why there are none.
    pub fn looked_up(&mut self, now: Instant, what: &str, took: Duration, found: Result<&[IpAddr], &str>) {
        let (outcome, detail) = match found {
            Ok(addresses) => {
                let addresses: Vec<_> = addresses.iter().take(MAX).map(ToString::to_string).collect();
                (Outcome::Done, format!("{what}: {}", addresses.join(", ")))
            }
            Err(error) => {
                let colon = if what.is_empty() { "" } else { ": " };
                (Outcome::Failed, format!("{what}{colon}{}", error.trim_end_matches('.')))
            }
        };
        if let Some((_, known)) = self.lookups.iter_mut().find(|(_, known)| known.detail == detail) {
            known.attempts += 1;
            return;
        }
        if self.lookups.len() == MAX {
            return;
        }
        let at = now.checked_sub(took).unwrap_or(now).max(self.began);
        let step = Step {
            name: Name::LookUp,
            at_ms: self.millis(at),
            took_ms: Some(millis(took)),
            outcome,
            attempts: 1,
            relay: None,
            detail,
        };
        self.lookups.push((at, step));
    }

    /// A relay was found.
    pub fn candidate(&mut self, relay: SocketAddr, why: &str) {
        let known = self.candidates.iter().any(|known| known.relay == relay);
        if !known && self.candidates.len() < MAX {
            self.candidates.push(Candidate { relay, why: why.to_owned() });
        }
    }

    /// A step of the gateway of the tunnel that was opened to `address`.
    pub fn tunnel(&mut self, now: Instant, address: SocketAddr, event: &Event) {
        let known = self.tunnels.iter().position(|tunnel| tunnel.address == address);
        let tunnel = match known {
            Some(index) => &mut self.tunnels[index],
            None if self.tunnels.len() == MAX => return,
            None => {
                let new = Tunnel { address, relay: None, discovery: None, request: None, update: None };
                self.tunnels.push_mut(new)
            }
        };
        match *event {
            Event::Discovery { .. } => Exchange::ask(&mut tunnel.discovery, now),
            Event::Advertisement { relay } => {
                tunnel.relay = Some(relay);
                Exchange::answer(&mut tunnel.discovery, now, || format!("the relay is {relay}"));
            }
            Event::Request { .. } => Exchange::ask(&mut tunnel.request, now),
            Event::Query { relay, interval, endpoint } => {
                tunnel.relay = Some(relay);
                let seen = endpoint.map(|endpoint| format!("; it sees us as {endpoint}")).unwrap_or_default();
                Exchange::answer(&mut tunnel.request, now, || {
                    format!("refresh interval {} s{seen}", interval.as_secs())
                });
            }
            Event::RelayFull { .. } => tunnel.refuse("it accepts no new gateways (L flag)"),
            Event::Unreachable { .. } => tunnel.refuse("unreachable (ICMP)"),
            // Each is sent twice in case one is lost; more than that says that nothing came.
            Event::Report { report: Report::Join, repeated: false, .. } => {
                let (_, times) = tunnel.update.get_or_insert((now, 0));
                *times += 1;
            }
            _ => {}
        }
    }

    /// Data comes by this way now.
    pub fn way(&mut self, path: &'static str, tunnel: Option<SocketAddr>, why: &str) {
        let changes = self.way.as_ref().map_or(0, |way| way.changes + 1);
        let found = self.candidates.iter().find(|candidate| Some(candidate.relay) == tunnel);
        let why = match found {
            Some(found) => format!("from {}; {why}", found.why),
            None => why.to_owned(),
        };
        self.way = Some(Way { path, tunnel, relay: None, why, changes });
    }

    /// A datagram came.
    pub fn packet(&mut self, now: Instant) {
        self.first_packet.get_or_insert(now);
    }

    /// A picture can be decoded from here on.
    pub fn key_frame(&mut self, now: Instant) {
        self.first_key_frame.get_or_insert(now);
    }

    /// The relays that were found, in that order.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The way the data came last.
    #[must_use]
    pub fn chosen(&self) -> Option<Way> {
        let way = self.way.clone()?;
        let tunnel = self.tunnels.iter().find(|tunnel| Some(tunnel.address) == way.tunnel);
        Some(Way { relay: tunnel.and_then(|tunnel| tunnel.relay).or(way.tunnel), ..way })
    }

    /// All steps in the order they began.
    #[must_use]
    pub fn list(&self) -> Vec<Step> {
        let mut steps = self.lookups.clone();
        for tunnel in &self.tunnels {
            let exchanges = [(Name::Discovery, &tunnel.discovery), (Name::Request, &tunnel.request)];
            for (name, exchange) in exchanges {
                if let Some(exchange) = exchange {
                    steps.push((exchange.first, self.exchange(name, tunnel, exchange)));
                }
            }
            if let Some((at, attempts)) = tunnel.update {
                let relay = tunnel.relay.unwrap_or(tunnel.address);
                let detail = format!("joined at {relay}");
                steps.push((at, self.step(Name::Update, at, None, attempts, Some(tunnel.address), detail)));
            }
        }
        if let Some(at) = self.first_packet {
            let chosen = self.way.as_ref().and_then(|way| way.tunnel);
            let tunnel = self.tunnels.iter().find(|tunnel| Some(tunnel.address) == chosen);
            let update = tunnel.and_then(|tunnel| tunnel.update).map(|(at, _)| at).filter(|update| *update <= at);
            let since = if update.is_some() { "after the update" } else { "after the start" };
            let took = at.saturating_duration_since(update.unwrap_or(self.began));
            steps.push((at, self.step(Name::FirstPacket, at, Some(took), 1, chosen, since.to_owned())));
            if let Some(key_frame) = self.first_key_frame {
                let took = key_frame.saturating_duration_since(at);
                let detail = "after the first packet".to_owned();
                steps.push((key_frame, self.step(Name::FirstKeyFrame, key_frame, Some(took), 1, chosen, detail)));
            }
        }
        steps.sort_by_key(|(at, _)| *at);
        steps.into_iter().map(|(_, step)| step).collect()
    }

    fn exchange(&self, name: Name, tunnel: &Tunnel, exchange: &Exchange) -> Step {
        let asked = match (name, tunnel.relay) {
            (Name::Request, Some(relay)) => relay,
            _ => tunnel.address,
        };
        let (took, outcome, detail) = match (&exchange.answered, exchange.refused) {
            (Some((at, answer)), _) => {
                (Some(at.saturating_duration_since(exchange.last)), Outcome::Done, answer.as_str())
            }
            (None, Some(refused)) => (None, Outcome::Failed, refused),
            (None, None) => (None, Outcome::Unanswered, "no answer"),
        };
        let detail = format!("{asked}: {detail}");
        let step = self.step(name, exchange.first, took, exchange.attempts, Some(tunnel.address), detail);
        Step { outcome, ..step }
    }

    fn step(
        &self,
        name: Name,
        at: Instant,
        took: Option<Duration>,
        attempts: u32,
        relay: Option<SocketAddr>,
        detail: String,
    ) -> Step {
        let took_ms = took.map(millis);
        Step { name, at_ms: self.millis(at), took_ms, outcome: Outcome::Done, attempts, relay, detail }
    }

    fn millis(&self, at: Instant) -> f64 {
        millis(at.saturating_duration_since(self.began))
    }
}

fn millis(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1e3)
}

impl Exchange {
    /// Asks; after an answer it is a refresh, which is no step.
    fn ask(exchange: &mut Option<Self>, now: Instant) {
        match exchange {
            None => *exchange = Some(Self { first: now, last: now, attempts: 1, answered: None, refused: None }),
            Some(exchange) if exchange.answered.is_none() => {
                exchange.last = now;
                exchange.attempts += 1;
            }
            Some(_) => {}
        }
    }

    fn answer(exchange: &mut Option<Self>, now: Instant, answer: impl FnOnce() -> String) {
        if let Some(exchange) = exchange.as_mut().filter(|exchange| exchange.answered.is_none()) {
            exchange.answered = Some((now, answer()));
        }
    }
}

impl Tunnel {
    /// What is asked last is refused.
    fn refuse(&mut self, why: &'static str) {
        let open = |exchange: &&mut Exchange| exchange.answered.is_none();
        let exchanges = self.request.as_mut().into_iter().chain(self.discovery.as_mut());
        if let Some(exchange) = exchanges.into_iter().find(open) {
            exchange.refused = Some(why);
        }
    }
}

#[cfg(test)]
#[path = "steps_tests.rs"]
mod tests;
