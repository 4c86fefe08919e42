//! The race among relays (RFC 8777, 3.2 and 3.3; RFC 8305, 5): which to open, which to join, when to leave.
//!
//! In go candidates as lookups find them, what the relays do, and the time; out come [`Step`]s. Whoever drives it
//! calls [`Race::poll_step`] until it returns `None` after every other call, and [`Race::handle_timeout`] when
//! [`Race::poll_timeout`] is due.
//!
//! Decisions that the RFCs leave open, or that go beyond them:
//! - A relay that was joined is left only when another one delivers, or when its tunnel broke: at most two are
//!   joined at a time, and only while the first is silent or has set the L flag. So a look for something better
//!   never makes a hole, and with one relay alone there is nothing to lose by looking.
//! - When data that had flowed stops, the others are tried after [`Config::silence`] already, not after the 4 s
//!   that are meant for a join on its way through the network (3.3.4.1).
//! - Relays that are held down are not passed over but tried last: with nothing else left, they are all there is.
//! - A relay that cannot be reached, or does not answer, stays open until another one is joined: its tunnel goes on
//!   asking, so that it is found as soon as it is there, however slow the way to it. It holds up no other.
//! - Lookups that are late do not hold up the relays that are known, but those of the sender and anycast wait
//!   [`Config::head_start`] for a local one (3.1.2 prefers it strictly).

mod chance;
mod comparison;
mod field;
mod quality;
mod step;
#[cfg(test)]
mod tests;

pub use step::{Config, Step, Why};

use super::candidate::Candidate;
use super::hold_down::HoldDowns;
use chance::Chance;
use field::{Field, Rank, State};
use quality::Quality;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// A relay whose data came so lately is not given up for what ICMP says.
const FRESH: Duration = Duration::from_millis(500);
/// How long a relay without traffic is held down (3.3.4.1: no less than 3 minutes, no more than 10).
const HOLD: (Duration, Duration) = (Duration::from_secs(180), Duration::from_secs(600));
/// How long one that set the L flag is (3.3.5: approximately 10 minutes).
const HOLD_LIMIT: (Duration, Duration) = (Duration::from_secs(570), Duration::from_secs(630));
/// The longest silence that a channel with pauses of its own can make normal, and for how long it stays so.
const LONGEST_SILENCE: (Duration, Duration) = (Duration::from_secs(8), Duration::from_secs(60));
/// How many rounds in which all relays refused follow one another quickly, and the longest pause between these: a
/// relay that is just being started is there within seconds.
const QUICK_ROUNDS: (u32, Duration) = (5, Duration::from_millis(1500));
/// The longest pause between later ones, and the pause where some relays have not answered: whatever comes back, a
/// network, a name server, is found within it.
const ROUND_PAUSE: Duration = Duration::from_secs(4);
/// The longest one where all relays are held down.
const HELD_PAUSE: Duration = Duration::from_secs(120);

/// A relay with a membership.
#[derive(Clone, Copy, Debug)]
struct Joined {
    relay: SocketAddr,
    /// Until when it should have brought something.
    deadline: Instant,
    /// The last data from it.
    last: Option<Instant>,
    /// It set the L flag: another one that delivers is better even while this one does.
    limited: bool,
}

/// One channel's race. See the [module](self) for how to drive it.
#[derive(Debug)]
pub struct Race {
    config: Config,
    holds: Arc<HoldDowns>,
    chance: Chance,
    field: Field,
    /// The relay that delivers, or is to.
    main: Option<Joined>,
    /// One that was joined because the main one is silent or limited.
    trial: Option<Joined>,
    /// Whether the main one should give way to a better one; and one that did, until when it stays beside it.
    quality: Quality,
    leaving: Option<(SocketAddr, Instant)>,
    /// Whether (another) relay is sought, since when, and when the next may be opened.
    seeking: bool,
    began: Instant,
    next_open: Instant,
    /// No more candidates will come in this round.
    complete: bool,
    round: u32,
    again: Option<Instant>,
    /// Rounds, and memberships, that brought nothing, one after another.
    vain_rounds: u32,
    vain_joins: u32,
    /// How long silence is nothing special, and when that was learnt.
    silence: Duration,
    silence_learnt: Instant,
    steps: VecDeque<Step>,
}

impl Race {
    /// A race that awaits its candidates. What is random comes from `seed`, which must be unpredictable outside
    /// of tests.
    #[must_use]
    pub fn new(now: Instant, seed: u64, config: Config, holds: Arc<HoldDowns>) -> Self {
        let mut chance = Chance::new(seed);
        Self {
            silence: config.silence,
            silence_learnt: now,
            config,
            holds,
            quality: Quality::new(now, &mut chance),
            chance,
            field: Field::default(),
            main: None,
            trial: None,
            leaving: None,
            seeking: true,
            began: now,
            next_open: now,
            complete: false,
            round: 0,
            again: None,
            vain_rounds: 0,
            vain_joins: 0,
            steps: VecDeque::new(),
        }
    }

    /// Lookups found these. They are welcome at any time, and more than once.
    pub fn candidates(&mut self, now: Instant, found: impl IntoIterator<Item = Candidate>) {
        for candidate in found {
            let lot = candidate.origin.lot(self.chance.uniform());
            self.field.enter(candidate, lot, self.round);
        }
        self.turn(now);
    }

    /// No more candidates will come until [`Step::Again`].
    pub fn complete(&mut self, now: Instant) {
        self.complete = true;
        let forgotten = self.field.end_round(self.round);
        self.steps.extend(forgotten.into_iter().map(Step::Close));
        self.turn(now);
    }

    /// The first Membership Query without the L flag came from this relay (RFC 8777, 3.2.3).
    pub fn connected(&mut self, now: Instant, relay: SocketAddr) {
        if let Some(runner) = self.field.get(relay)
            && matches!(runner.state, State::Opening { .. })
        {
            runner.state = State::Connected { since: now };
        }
        self.turn(now);
    }

    /// This relay will not do.
    pub fn refused(&mut self, now: Instant, relay: SocketAddr, why: Why) {
        let Some(state) = self.field.get(relay).map(|runner| runner.state) else { return };
        if why == Why::Limit {
            let until = now + self.chance.between(HOLD_LIMIT.0, HOLD_LIMIT.1);
            self.holds.hold(relay, None, now, until);
        }
        if let (State::Opening { since, refused }, Why::Unreachable | Why::Silent) = (state, why) {
            // It may be said more than once.
            if !refused && let Some(runner) = self.field.get(relay) {
                runner.state = State::Opening { since, refused: true };
                self.next_open = now;
                self.again = None;
            }
        } else if state.is_open() {
            self.fail(relay);
            self.next_open = now;
            // How long to pause depends on whether any still is.
            self.again = None;
        } else if self.trial.is_some_and(|trial| trial.relay == relay) {
            self.trial = None;
            self.quality.start_over();
            self.fail(relay);
            self.next_open = now;
        } else if let Some(main) = self.main.as_mut().filter(|main| main.relay == relay) {
            if matches!(why, Why::Broken | Why::Limit) {
                self.quality.end(now, &mut self.chance);
            }
            match why {
                Why::Broken => {
                    // The one on trial has its own time to bring something.
                    self.main = self.trial.take();
                    self.seeking &= self.main.is_none();
                    if self.main.is_none() {
                        self.seek(now);
                        self.next_open = now;
                    }
                    self.fail(relay);
                }
                Why::Limit => {
                    main.limited = true;
                    self.seek(now);
                }
                Why::Unreachable | Why::Silent if main.last.is_none_or(|last| now >= last + FRESH) => self.seek(now),
                Why::Unreachable | Why::Silent => {}
            }
        }
        self.turn(now);
    }

    /// Data of the channel came through this relay. Cheap while all is well.
    pub fn data(&mut self, now: Instant, relay: SocketAddr) {
        if let Some(main) = self.main.as_mut().filter(|main| main.relay == relay) {
            let first = main.last.replace(now).is_none();
            // Another one is sought although this one delivers.
            let all_the_same = main.limited || self.quality.comparing().is_some();
            if first || self.seeking && !all_the_same {
                self.flows(now, relay, first);
                if !all_the_same {
                    self.settle();
                }
                self.turn(now);
            }
        } else if let Some(mut trial) = self.trial.filter(|trial| trial.relay == relay) {
            trial.last = Some(now);
            if let Some(until) = self.quality.comparing() {
                trial.deadline = until;
                self.trial = Some(trial);
                return;
            }
            self.trial = None;
            if let Some(old) = self.main.replace(trial) {
                self.hold(now, old.relay);
                self.fail(old.relay);
            }
            self.flows(now, relay, true);
            self.settle();
            self.turn(now);
        }
    }

    /// The machine changed networks (RFC 8777, 3.3.2, event 7): everything is looked up anew at once, and what
    /// failed in the old network may do in the new one. What is joined stays until another one delivers.
    pub fn network_changed(&mut self, now: Instant) {
        self.field.forgive();
        self.vain_rounds = 0;
        self.next_round();
        self.turn(now);
    }

    /// To be called at [`Race::poll_timeout`]; earlier does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.turn(now);
    }

    /// When [`Race::handle_timeout`] is due. It changes with every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let comparing = self.quality.comparing();
        let watched = self.main.filter(|_| !self.seeking || comparing.is_some());
        let main = watched.map(|main| self.main_due(&main));
        let delivers = self.main.is_some_and(|main| main.last.is_some());
        let due = (!self.seeking && self.leaving.is_none() && delivers).then(|| self.quality.due());
        let trial = self.trial.map(|trial| trial.deadline);
        let leaving = self.leaving.map(|(_, until)| until);
        [main, trial, self.again, self.open_due(), comparing, due, leaving].into_iter().flatten().min()
    }

    /// What is to be done next.
    pub fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// The relay that delivers, or is to; while another one is tried beside it, still the first.
    #[must_use]
    pub fn main(&self) -> Option<SocketAddr> {
        self.main.map(|main| main.relay)
    }

    /// What is known of a relay: where it was learnt of, for people to read.
    #[must_use]
    pub fn candidate(&self, relay: SocketAddr) -> Option<Candidate> {
        self.field.iter().map(|runner| runner.candidate).find(|candidate| candidate.relay == relay)
    }

    /// Everything that is due.
    fn turn(&mut self, now: Instant) {
        self.compare(now);
        if let Some(trial) = self.trial.filter(|trial| now >= trial.deadline) {
            self.trial = None;
            self.vain(now, trial.relay);
            self.fail(trial.relay);
            self.next_open = now;
        }
        if let Some(main) = self.main.filter(|main| !self.seeking && now >= self.main_due(main)) {
            if main.last.is_none() {
                self.vain(now, main.relay);
            }
            self.seek(now);
        }
        if self.again.is_some_and(|again| now >= again) {
            self.vain_rounds = self.vain_rounds.saturating_add(1);
            if let Some(main) = self.main.filter(|main| main.last.is_none_or(|last| now >= last + self.silence)) {
                self.hold(now, main.relay);
            }
            self.next_round();
        }
        if self.seeking && self.trial.is_none() && self.leaving.is_none() && !self.decide(now) {
            self.open(now);
        }
        self.plan_again(now);
    }

    /// Joins the winner, if there is one.
    fn decide(&mut self, now: Instant) -> bool {
        let winner = self.field.winner(|candidate| self.rank(candidate, now));
        let Some((relay, better_opening, since)) = winner else { return false };
        if better_opening && now < since + self.config.grace {
            return true;
        }
        if let Some(runner) = self.field.get(relay) {
            runner.state = State::Joined;
        }
        let pause = self.chance.pause(self.config.traffic, self.vain_joins, self.config.longest_traffic);
        let joined = Joined { relay, deadline: now + pause, last: None, limited: false };
        self.steps.push_back(Step::Join(relay));
        if self.main.is_none() {
            self.main = Some(joined);
            self.settle();
        } else {
            self.trial = Some(joined);
            self.recall();
        }
        true
    }

    /// Opens what may be opened now.
    fn open(&mut self, now: Instant) {
        while now >= self.next_open {
            let next = self.field.next(|candidate| self.rank(candidate, now), self.remote_too(now));
            let Some(candidate) = next else { return };
            if let Some((oldest, until)) = self.field.full() {
                if now < until {
                    return;
                }
                self.fail(oldest);
            }
            self.field.open(candidate.relay, self.rank(&candidate, now), now);
            self.steps.push_back(Step::Open(candidate));
            self.next_open = now + self.config.stagger;
        }
    }

    /// When there is something for `decide` or `open` to do.
    fn open_due(&self) -> Option<Instant> {
        if !self.seeking || self.trial.is_some() || self.leaving.is_some() {
            return None;
        }
        if let Some((.., since)) = self.field.winner(|candidate| self.rank(candidate, self.began)) {
            return Some(since + self.config.grace);
        }
        let waiting = |remote_too| self.field.next(|candidate| self.rank(candidate, self.began), remote_too).is_some();
        let mut due = self.next_open;
        if !waiting(self.complete) {
            if !waiting(true) {
                return None;
            }
            due = due.max(self.began + self.config.head_start);
        }
        Some(self.field.full().map_or(due, |(_, until)| due.max(until)))
    }

    /// Where nothing is left to be tried, everything is looked up anew after a pause.
    fn plan_again(&mut self, now: Instant) {
        let left = self.trial.is_some()
            || self.field.iter().any(|runner| matches!(runner.state, State::Waiting | State::Connected { .. }));
        if !self.seeking || !self.complete || left || self.quality.comparing().is_some() {
            self.again = None;
        } else if self.again.is_none() {
            let opening = self.field.iter().any(|runner| runner.state.may_answer());
            let mut relays = self.field.iter().map(|runner| runner.candidate.relay).peekable();
            let held =
                relays.peek().is_some() && relays.all(|relay| self.holds.until(relay, self.config.what, now).is_some());
            let (first, longest) = match (self.main, opening) {
                (Some(_), _) => (self.config.traffic, self.config.longest_traffic),
                (None, _) if held => (SECOND, HELD_PAUSE),
                (None, true) => (ROUND_PAUSE, ROUND_PAUSE),
                (None, false) if self.vain_rounds < QUICK_ROUNDS.0 => (SECOND, QUICK_ROUNDS.1),
                (None, false) => (SECOND, ROUND_PAUSE),
            };
            self.again = Some(now + self.chance.pause(first, self.vain_rounds, longest));
        }
    }

    fn next_round(&mut self) {
        self.round = self.round.saturating_add(1);
        self.complete = false;
        self.again = None;
        self.steps.push_back(Step::Again);
    }

    /// Another relay than the main one is sought.
    fn seek(&mut self, now: Instant) {
        if !self.seeking {
            self.seeking = true;
            (self.began, self.next_open) = (now, now);
            self.field.forgive();
        }
    }

    /// No other relay is sought any more.
    fn settle(&mut self) {
        self.seeking = false;
        self.again = None;
        if let Some(trial) = self.trial.take() {
            self.steps.push_back(Step::Close(trial.relay));
            if let Some(runner) = self.field.get(trial.relay) {
                runner.state = State::Waiting;
            }
        }
        self.recall();
    }

    fn recall(&mut self) {
        let open = self.field.recall();
        self.steps.extend(open.into_iter().map(Step::Close));
    }

    /// Data flows through the main relay, for the first time or again.
    fn flows(&mut self, now: Instant, relay: SocketAddr, first: bool) {
        (self.vain_rounds, self.vain_joins) = (0, 0);
        self.holds.release(relay, self.config.what);
        if first || now > self.silence_learnt + LONGEST_SILENCE.1 {
            self.silence = self.config.silence;
        } else {
            self.silence = (2 * self.silence).min(LONGEST_SILENCE.0.max(self.config.silence));
        }
        self.silence_learnt = now;
    }

    /// A relay brought nothing.
    fn vain(&mut self, now: Instant, relay: SocketAddr) {
        self.vain_joins = self.vain_joins.saturating_add(1);
        self.hold(now, relay);
    }

    fn hold(&mut self, now: Instant, relay: SocketAddr) {
        let until = now + self.chance.between(HOLD.0, HOLD.1);
        self.holds.hold(relay, Some(self.config.what), now, until);
    }

    fn fail(&mut self, relay: SocketAddr) {
        if let Some(runner) = self.field.get(relay) {
            runner.state = State::Failed;
        }
        self.steps.push_back(Step::Close(relay));
    }

    fn main_due(&self, main: &Joined) -> Instant {
        main.last.map_or(main.deadline, |last| last + self.silence)
    }

    fn remote_too(&self, now: Instant) -> bool {
        self.complete || now >= self.began + self.config.head_start
    }

    fn rank(&self, candidate: &Candidate, now: Instant) -> Rank {
        (self.holds.until(candidate.relay, self.config.what, now), candidate.origin.preference())
    }
}
