//! The search for a relay that delivers: the candidates that were found, and the tunnels that are open for them.
//!
//! [`discovery`](crate::discovery) finds candidates, and its race decides which of them to try and when; here
//! that is done, and told in words.

use super::flow::{Flow, Way};
use super::words::Narrator;
use super::{Consumer, Happening, Network, Plan};
use crate::amt::gateway::{Cause, Event};
use crate::discovery::race::Config;
use crate::discovery::{self, Candidate, Discovery, Failure, Found, Origin, Race, Step, Why};
use crate::membership::Membership;
use crate::tunnel::{Lease, News, Wanted};
use amt_shared::AmtUrl;
use amt_shared::amt_url::{Host, RelayAddress};
use amt_shared::wire::{Phase, Status};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::debug;

/// One copy of a channel: most have only one (SMPTE ST 2022-7 sends two).
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    pub(super) membership: Membership,
    pub(super) port: u16,
}

/// A channel in addresses.
pub(super) struct Channel {
    first: Copy,
    second: Option<Copy>,
    /// What a person should know about how these came about.
    pub(super) remarks: Vec<String>,
}

impl Channel {
    /// Looks up what is given by name.
    ///
    /// # Errors
    /// What to tell the user.
    pub(super) async fn look_up(plan: &Plan, discovery: &Discovery) -> Result<Self, Status> {
        let url = &plan.url;
        let (source, group) = discovery.source_and_group(url).await.map_err(|failure| failure.status())?;
        let first = Copy { membership: membership(group, source)?, port: url.port };
        let second = match &url.second {
            None => None,
            Some(second) => {
                let named = AmtUrl { source: second.source.clone(), group: second.group.clone(), ..url.clone() };
                let (source, group) = discovery.source_and_group(&named).await.map_err(|failure| failure.status())?;
                Some(Copy { membership: membership(group, source)?, port: second.port })
            }
        };
        if second.is_some_and(|second| second.membership.protocol() != first.membership.protocol()) {
            let sentence = "The two copies of this channel use different IP versions.";
            return Err(failed(sentence.to_owned(), "Check the channel's address."));
        }
        let remark = format!("The group {group} is reserved for source-specific multicast: use amt://SOURCE@{group}.");
        let remarks = url.lacks_required_source().then_some(remark).into_iter().collect();
        Ok(Self { first, second, remarks })
    }

    pub(super) fn copies(&self) -> impl Iterator<Item = Copy> {
        [Some(self.first), self.second].into_iter().flatten()
    }
}

fn membership(group: IpAddr, source: Option<IpAddr>) -> Result<Membership, Status> {
    Membership::new(group, source)
        .map_err(|error| failed(format!("This channel cannot be joined: {error}."), "Check the channel's address."))
}

fn failed(sentence: String, advice: &str) -> Status {
    Status { phase: Phase::Failed, sentence, advice: Some(advice.to_owned()), relay: None }
}

/// Between two looks at how much relays lose: the least interval of RTCP (RFC 3550, 6.2).
const MEASURED: Duration = Duration::from_secs(5);

/// A tunnel that is open for a channel.
struct Open {
    relay: SocketAddr,
    /// One for each copy of the channel.
    leases: Vec<Lease>,
    joined: bool,
    /// Its last data, as far as the race knows.
    last: Option<Instant>,
}

/// The rounds of lookups in one network.
#[derive(Debug, Default)]
struct Lookups(u32);

/// What is looked up in one of them.
#[derive(Debug, PartialEq, Eq)]
struct Round {
    beyond_named: bool,
    dns_sd: bool,
}

impl Lookups {
    /// Named relays are asked for alone at first. A question to all the neighbourhood is repeated after pauses that
    /// double (RFC 6762, 5.2), up to sixteen rounds, about a minute.
    fn next(&mut self) -> Round {
        let n = self.0;
        self.0 = n.saturating_add(1);
        Round { beyond_named: n > 0, dns_sd: n.is_power_of_two() || n.is_multiple_of(16) }
    }
}

/// A search that goes on.
pub(super) struct Search<'a, C: Consumer> {
    network: &'a Network,
    flow: &'a Arc<Flow<C>>,
    channel: &'a Channel,
    named: Vec<RelayAddress>,
    race: Race,
    found: Option<mpsc::Receiver<Found>>,
    /// When this round of lookups began.
    asked: Instant,
    /// What failed in this round of lookups, to be told where nothing was found at all.
    failure: Option<Failure>,
    /// A relay was found in this round.
    any: bool,
    open: Vec<Open>,
    lookups: Lookups,
    /// The relays that announced themselves when that was asked for last.
    announced: Vec<Candidate>,
    /// The relay that a better one has taken the place of, until it is closed.
    left: Option<SocketAddr>,
    /// When it was looked last how much relays lose.
    measured: Instant,
}

impl<'a, C: Consumer> Search<'a, C> {
    /// Begins to look.
    pub(super) fn new(
        now: Instant,
        network: &'a Network,
        flow: &'a Arc<Flow<C>>,
        channel: &'a Channel,
        plan: &Plan,
    ) -> Self {
        let Copy { membership, .. } = channel.first;
        let defaults = Config::new(membership.source().unwrap_or(membership.group()));
        let head_start = if network.discovery.parts().dns_sd { defaults.head_start } else { Duration::ZERO };
        let config = Config { head_start, traffic: plan.timeout().unwrap_or(defaults.traffic), ..defaults };
        let race = Race::new(now, rand::random(), config, Arc::clone(&network.holds));
        let named = plan.relays.clone();
        let mut search = Self {
            network,
            flow,
            channel,
            named,
            race,
            found: None,
            asked: now,
            failure: None,
            any: false,
            open: Vec::new(),
            lookups: Lookups::default(),
            announced: Vec::new(),
            left: None,
            measured: now,
        };
        search.look_up(now);
        search
    }

    fn look_up(&mut self, now: Instant) {
        let (source, named) = (self.channel.first.membership.source(), self.named.clone());
        let Round { beyond_named, dns_sd } = self.lookups.next();
        let wanted = discovery::Wanted { source, named, beyond_named, dns_sd };
        self.found = Some(self.network.discovery.candidates(wanted));
        if dns_sd {
            self.announced.clear();
        } else if beyond_named {
            // What they said last is all that is known of them.
            self.race.candidates(now, self.announced.clone());
        }
        self.asked = now;
        self.any = false;
        self.failure = None;
    }

    /// Tells what was looked up for relays, where anything was: addresses that were written down are not.
    fn looked_up(&self, now: Instant, candidates: &[Candidate]) {
        let what = match candidates.first().map(|candidate| candidate.origin) {
            Some(Origin::Named { place }) => match self.named.get(usize::from(place)).map(|relay| &relay.host) {
                Some(Host::Name(name)) => format!("the relay “{name}”"),
                _ => return,
            },
            Some(Origin::DnsSd { .. }) => "relays announced on the local network".to_owned(),
            Some(Origin::Reverse { .. }) => "relays for the source".to_owned(),
            Some(Origin::Anycast) | None => return,
        };
        let found = candidates.iter().map(|candidate| candidate.relay.ip()).collect();
        self.happened(now, &Happening::LookedUp { what, took: self.took(now), found, error: None });
    }

    fn took(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.asked)
    }

    fn happened(&self, now: Instant, happening: &Happening) {
        self.flow.consumer(|consumer| consumer.happened(now, happening));
    }

    /// What was found next; does not return while nothing is looked up. Cancelling it loses nothing.
    pub(super) async fn found(search: &mut Option<Self>) -> Option<Found> {
        match search.as_mut().and_then(|search| search.found.as_mut()) {
            Some(found) => Some(found.recv().await.unwrap_or(Found::Finished)),
            None => std::future::pending().await,
        }
    }

    /// Takes what was found.
    pub(super) fn take(&mut self, now: Instant, found: Found, narrator: &mut Narrator) {
        match found {
            Found::Candidates(candidates) => {
                self.any |= !candidates.is_empty();
                self.looked_up(now, &candidates);
                for candidate in &candidates {
                    let Candidate { relay, origin, .. } = candidate;
                    let happening = Happening::Candidate { relay: *relay, why: origin.to_string() };
                    self.happened(now, &happening);
                }
                let announced = |candidate: &&Candidate| matches!(candidate.origin, Origin::DnsSd { .. });
                self.announced.extend(candidates.iter().filter(announced));
                self.race.candidates(now, candidates);
            }
            Found::Failed(failure) => {
                let error = Some(failure.to_string());
                let (what, found) = (String::new(), Vec::new());
                self.happened(now, &Happening::LookedUp { what, took: self.took(now), found, error });
                if failure.is_news() {
                    self.flow.step(&failure.to_string());
                } else {
                    debug!("{failure}");
                }
                self.failure.get_or_insert(failure);
            }
            Found::Finished => {
                self.found = None;
                if !self.any && !narrator.had_data() {
                    let (sentence, advice) = match &self.failure {
                        Some(failure) => (failure.to_string(), failure.advice()),
                        None => ("No relay found.".to_owned(), "Name one with ?relay= or --relay."),
                    };
                    let status = narrator.failed(sentence, advice);
                    narrator.told(&status);
                    self.flow.status(status);
                }
                self.race.complete(now);
            }
        }
        self.steps(now, narrator);
    }

    /// What a tunnel tells.
    pub(super) fn news(&mut self, now: Instant, relay: SocketAddr, news: &News) {
        match news {
            News::Connected | News::Event(Event::Query { .. }) => self.race.connected(now, relay),
            News::Event(Event::RelayFull { .. } | Event::RelayLimited { .. }) => {
                self.race.refused(now, relay, Why::Limit)
            }
            News::Event(Event::Discovery { attempt: 1, cause: Cause::NoQuery, .. }) => {
                self.race.refused(now, relay, Why::Silent);
            }
            // The tunnel goes on trying, as does the race among the others.
            News::Event(Event::Unreachable { .. }) | News::Broken(_) => {
                self.race.refused(now, relay, Why::Unreachable);
            }
            News::Gone => self.race.refused(now, relay, Why::Broken),
            News::Event(_) | News::Remark(_) | News::Tally(_) => {}
        }
    }

    /// Data comes through a relay, for the first time or after a pause.
    pub(super) fn data(&mut self, now: Instant, relay: SocketAddr) {
        self.race.data(now, relay);
    }

    /// The machine changed networks: what was found and what failed in the one before says nothing about this one.
    pub(super) fn network_changed(&mut self, now: Instant) {
        self.lookups = Lookups::default();
        self.race.network_changed(now);
    }

    /// Looks which relays brought something; to be called a few times a second.
    pub(super) fn look(&mut self, now: Instant) {
        if now.saturating_duration_since(self.measured) >= MEASURED {
            self.measured = now;
            self.race.losses(now, self.flow.losses());
        }
        for open in self.open.iter_mut().filter(|open| open.joined) {
            let last = self.flow.last(Way::Tunnel(open.relay));
            if let Some(at) = last.filter(|_| last > open.last) {
                open.last = last;
                self.race.data(at, open.relay);
            }
        }
    }

    /// When [`steps`](Self::steps) is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.race.poll_timeout()
    }

    /// Does what the race decides.
    pub(super) fn steps(&mut self, now: Instant, narrator: &mut Narrator) {
        self.race.handle_timeout(now);
        while let Some(step) = self.race.poll_step() {
            match step {
                Step::Open(candidate) => self.open(&candidate),
                Step::Join(relay) => {
                    if let Some(open) = self.open.iter_mut().find(|open| open.relay == relay) {
                        open.joined = true;
                        open.leases.iter().for_each(Lease::join);
                    }
                    self.measure();
                }
                Step::Prefer { relay, before } => {
                    self.flow.prefer(Way::Tunnel(relay));
                    self.flow.step(&narrator.better_relay(before, relay));
                    self.left = Some(before);
                }
                Step::Close(relay) => self.close(relay, narrator),
                Step::Again => self.look_up(now),
            }
        }
    }

    fn open(&mut self, candidate: &Candidate) {
        let Candidate { relay, discover, origin } = *candidate;
        if !matches!(origin, Origin::Named { .. }) {
            // Nobody wrote it down: a person should see where it comes from.
            self.flow.step(&format!("Trying the relay {relay}, from {origin}."));
        }
        let leases = self.channel.copies().enumerate().filter_map(|(place, Copy { membership, port })| {
            let line = self.flow.path_of_copy(Way::Tunnel(relay), place == 0);
            self.network.tunnels.take(&Wanted { membership, port, relay, discover }, line)
        });
        let leases = leases.collect();
        self.open.push(Open { relay, leases, joined: false, last: None });
    }

    /// Relays that are joined together are compared.
    fn measure(&self) {
        self.flow.measure(self.open.iter().filter(|open| open.joined).count() > 1);
    }

    fn close(&mut self, relay: SocketAddr, narrator: &mut Narrator) {
        let Some(index) = self.open.iter().position(|open| open.relay == relay) else { return };
        let closed = self.open.swap_remove(index);
        self.measure();
        if self.left.take_if(|left| *left == relay).is_some() {
            return;
        }
        if closed.joined {
            let next = self.race.main().filter(|next| *next != relay);
            let sentence = narrator.next_relay(relay, next);
            self.flow.step(&sentence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_neighbourhood_is_asked_less_and_less_often_and_named_relays_alone_at_first() {
        let mut lookups = Lookups::default();
        let rounds: Vec<_> = (0..50).map(|_| lookups.next()).collect();
        assert!(!rounds[0].beyond_named && rounds[1..].iter().all(|round| round.beyond_named));
        let asked: Vec<_> = (0..50).filter(|n| rounds[*n].dns_sd).collect();
        assert_eq!(asked, [0, 1, 2, 4, 8, 16, 32, 48]);
    }
}
