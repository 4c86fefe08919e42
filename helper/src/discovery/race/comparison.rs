//! The relay in use against another one: when they are compared, and how the better one takes over without a gap.

use super::quality::Reason;
use super::{Joined, Race, State, Step};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a relay stays joined beside a better one that takes its place: what of the data went on by it is found by then.
const OVERLAP: Duration = Duration::from_millis(1500);
impl Race {
    /// Which share of the data each joined relay lost in the last five seconds, as far as that is known. To be called
    /// that often while data flows.
    pub fn losses(&mut self, now: Instant, of: impl Fn(SocketAddr) -> Option<f64>) {
        let Some(main) = self.main else { return };
        let Some(share) = of(main.relay) else { return };
        match self.trial {
            None if !self.seeking => self.quality.lost(now, share, &mut self.chance),
            Some(trial) if trial.last.is_some() => {
                let rank = |relay| self.candidate(relay).map(|candidate| self.rank(&candidate, now));
                let comes_first = rank(trial.relay) < rank(main.relay);
                let verdict = of(trial.relay).and_then(|other| self.quality.measured((share, other), comes_first));
                match verdict {
                    Some(true) => self.give_way(now, main, trial),
                    Some(false) => self.end_comparison(now),
                    None => {}
                }
            }
            _ => {}
        }
        self.turn(now);
    }

    /// The main relay gives way to one that is better, which delivers already.
    fn give_way(&mut self, now: Instant, main: Joined, better: Joined) {
        (self.main, self.trial) = (Some(better), None);
        self.steps.push_back(Step::Prefer { relay: better.relay, before: main.relay });
        self.leaving = Some((main.relay, now + OVERLAP));
        self.quality.end(now, &mut self.chance);
        self.flows(now, better.relay, true);
        self.settle();
    }

    /// The main relay stays.
    fn end_comparison(&mut self, now: Instant) {
        self.quality.end(now, &mut self.chance);
        self.settle();
    }

    /// What another relay that may be better, and one that was, call for.
    pub(super) fn compare(&mut self, now: Instant) {
        if let Some((relay, _)) = self.leaving.filter(|(_, until)| now >= *until) {
            self.leaving = None;
            self.hold(now, relay);
            self.fail(relay);
        }
        let Some(main) = self.main else { return };
        let silent = main.last.is_none() || now >= self.main_due(&main);
        match self.quality.comparing() {
            // It is a matter of finding any other now.
            Some(_) if silent => self.quality.end(now, &mut self.chance),
            Some(until) if now >= until || self.trial.is_none() && self.complete && !self.others_left() => {
                self.end_comparison(now);
            }
            Some(_) => {}
            None if !silent && !self.seeking && self.leaving.is_none() && now >= self.quality.due() => {
                let reason = self.quality.compare(now);
                self.seek(now);
                if reason == Reason::Age {
                    self.next_round();
                }
            }
            None => {}
        }
    }

    /// Whether any relay may still be tried.
    fn others_left(&self) -> bool {
        let left = |state: State| matches!(state, State::Waiting | State::Connected { .. }) || state.may_answer();
        self.field.iter().any(|runner| left(runner.state))
    }
}
