//! The relays of a race, how far each has come, and which is next.

use crate::discovery::candidate::{Candidate, Preference};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Relays that are remembered; later ones are passed over.
const MAX_RUNNERS: usize = 64;
/// Relays that are opening at a time.
pub(super) const MAX_OPENING: usize = 6;
/// How long one of these keeps its place when another one waits for it.
const PLACE: Duration = Duration::from_secs(3);
/// For how many rounds of lookups a relay stays that these no longer find, as a name server may only be mute.
const KEPT_ROUNDS: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Runner {
    pub(super) candidate: Candidate,
    pub(super) state: State,
    /// Decides among equals; lower first.
    lot: f64,
    /// The round of lookups that found it last.
    round: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not tried in this race.
    Waiting,
    /// Its first Membership Query is awaited, though with little hope where nothing gets there or it is silent.
    Opening { since: Instant, refused: bool },
    /// “Connected” in the sense of RFC 8777, 3.2.3.
    Connected { since: Instant },
    /// A membership is reported to it.
    Joined,
    /// Not to be tried again in this race.
    Failed,
}

/// Lower is better: free relays first, then those that will be free soonest; then by preference.
pub(super) type Rank = (Option<Instant>, Preference);

#[derive(Debug, Default)]
pub(super) struct Field {
    runners: Vec<Runner>,
    /// The last one opened, to alternate between IPv6 and IPv4 (RFC 8305, 4).
    last: Option<(Rank, bool)>,
}

impl Field {
    /// Takes a candidate of a round of lookups. One that is known already is waiting again if it failed in an
    /// earlier round, and keeps the better of its origins.
    pub(super) fn enter(&mut self, candidate: Candidate, lot: f64, round: u32) {
        if let Some(runner) = self.get(candidate.relay) {
            let later = std::mem::replace(&mut runner.round, round) < round;
            if later && runner.state == State::Failed {
                runner.state = State::Waiting;
            }
            let better = candidate.origin.preference() < runner.candidate.origin.preference();
            if better || later && runner.state == State::Waiting {
                (runner.candidate, runner.lot) = (candidate, lot);
            }
        } else if self.runners.len() < MAX_RUNNERS {
            self.runners.push(Runner { candidate, state: State::Waiting, lot, round });
        }
    }

    /// A round of lookups is over: what failed before it may be tried again, and what has not been found for
    /// long is forgotten. Returns those of these that are open.
    pub(super) fn end_round(&mut self, round: u32) -> Vec<SocketAddr> {
        for runner in self.runners.iter_mut().filter(|runner| runner.round < round && runner.state == State::Failed) {
            runner.state = State::Waiting;
        }
        let found = self.runners.iter().any(|runner| runner.round == round);
        let forgotten = |runner: &Runner| found && runner.round + KEPT_ROUNDS < round && runner.state != State::Joined;
        let open = self.runners.iter().filter(|runner| forgotten(runner) && runner.state.is_open());
        let open = open.map(|runner| runner.candidate.relay).collect();
        self.runners.retain(|runner| !forgotten(runner));
        open
    }

    pub(super) fn get(&mut self, relay: SocketAddr) -> Option<&mut Runner> {
        self.runners.iter_mut().find(|runner| runner.candidate.relay == relay)
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Runner> {
        self.runners.iter()
    }

    /// A new race among the same relays.
    pub(super) fn forgive(&mut self) {
        self.last = None;
        for runner in self.runners.iter_mut().filter(|runner| runner.state == State::Failed) {
            runner.state = State::Waiting;
        }
    }

    /// The relays that are open without being joined, which wait again from now on.
    pub(super) fn recall(&mut self) -> Vec<SocketAddr> {
        let open = self.runners.iter_mut().filter(|runner| runner.state.is_open());
        open.map(|runner| {
            runner.state = State::Waiting;
            runner.candidate.relay
        })
        .collect()
    }

    /// The next one to open, if there is any that waits. Among equals the IP versions take turns, IPv6 first.
    pub(super) fn next(&self, rank: impl Fn(&Candidate) -> Rank, remote_too: bool) -> Option<Candidate> {
        let waiting = self
            .iter()
            .filter(|runner| runner.state == State::Waiting && (remote_too || !runner.candidate.origin.is_remote()));
        let best = waiting.min_by(|a, b| {
            let order = rank(&a.candidate).cmp(&rank(&b.candidate));
            let turn = |runner: &Runner| {
                let ipv6 = runner.candidate.relay.is_ipv6();
                match self.last {
                    Some((last, last_ipv6)) if last == rank(&runner.candidate) => ipv6 == last_ipv6,
                    _ => !ipv6,
                }
            };
            order.then_with(|| turn(a).cmp(&turn(b))).then_with(|| a.lot.total_cmp(&b.lot))
        });
        best.map(|runner| runner.candidate)
    }

    pub(super) fn open(&mut self, relay: SocketAddr, rank: Rank, now: Instant) {
        self.last = Some((rank, relay.is_ipv6()));
        if let Some(runner) = self.get(relay) {
            runner.state = State::Opening { since: now, refused: false };
        }
    }

    /// Where as many are opening as may: which of them gives up its place for another one, and when.
    pub(super) fn full(&self) -> Option<(SocketAddr, Instant)> {
        let opening = self.iter().filter_map(|runner| match runner.state {
            State::Opening { since, refused } => {
                Some((runner.candidate.relay, if refused { since } else { since + PLACE }))
            }
            _ => None,
        });
        (opening.clone().count() >= MAX_OPENING).then(|| opening.min_by_key(|(_, until)| *until)).flatten()
    }

    /// The best connected one, whether a better one is still opening, and since when one is connected.
    pub(super) fn winner(&self, rank: impl Fn(&Candidate) -> Rank) -> Option<(SocketAddr, bool, Instant)> {
        let connected = self.iter().filter_map(|runner| match runner.state {
            State::Connected { since } => Some((runner, since)),
            _ => None,
        });
        let first = connected.clone().map(|(_, since)| since).min()?;
        let (best, _) = connected.min_by(|(a, since_a), (b, since_b)| {
            rank(&a.candidate).cmp(&rank(&b.candidate)).then(since_a.cmp(since_b))
        })?;
        let better =
            self.iter().any(|runner| runner.state.may_answer() && rank(&runner.candidate) < rank(&best.candidate));
        Some((best.candidate.relay, better, first))
    }
}

impl State {
    /// Whether its first Query may be expected.
    pub(super) const fn may_answer(self) -> bool {
        matches!(self, Self::Opening { refused: false, .. })
    }

    pub(super) const fn is_open(self) -> bool {
        matches!(self, Self::Opening { .. } | Self::Connected { .. })
    }
}
