//! When the worker is started anew: after it broke down, when it does not come, and when it says nothing any more.
//! Pure: whoever drives it has the worker and the clock.

use super::status::Helper;
use crate::pause::growing;
use crate::worker::silence::Silence;

const FIRST_PAUSE_MS: f64 = 500.0;
const LONGEST_PAUSE_MS: f64 = 8000.0;
/// So many losses in a row, and it is left alone until the viewer wants something.
const LOSSES_MAX: u32 = 6;
/// A worker that has worked for so long has nothing to do with the losses before it.
const WORKED_MS: f64 = 30_000.0;
/// The worker's code has arrived and runs within this time, doubled with every loss: some lines are slow.
const READY_WITHIN_MS: f64 = 20_000.0;
/// A worker that runs says something every 2 s.
const SILENT_MAX_MS: f64 = 15_000.0;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Its code is being loaded, since then.
    Loading(f64),
    /// It runs, since then.
    Running(f64),
    /// There is none, until then.
    Pausing(f64),
    /// There is none.
    GivenUp,
}

/// What has to happen to the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Start one.
    Start,
    /// End it: it cannot be trusted any more.
    End,
}

/// See the module.
#[derive(Debug)]
pub struct Restarts {
    state: State,
    losses: u32,
    /// The last one that was lost had run.
    had_run: bool,
    silence: Silence,
    now_ms: f64,
}

impl Default for Restarts {
    fn default() -> Self {
        let state = State::Pausing(f64::NEG_INFINITY);
        Self { state, losses: 0, had_run: false, silence: Silence::default(), now_ms: 0.0 }
    }
}

impl Restarts {
    /// Looks at the clock, a few times a second; what has to happen by now.
    pub fn tick(&mut self, now_ms: f64) -> Option<Step> {
        self.now_ms = now_ms;
        let quiet_ms = self.silence.tick(now_ms);
        match self.state {
            State::Pausing(until) if now_ms >= until => {
                self.state = State::Loading(now_ms);
                Some(Step::Start)
            }
            State::Loading(since) if now_ms - since >= READY_WITHIN_MS * f64::from(1 << self.losses.min(8)) => {
                self.broke();
                Some(Step::End)
            }
            State::Running(_) if quiet_ms >= SILENT_MAX_MS => {
                self.broke();
                Some(Step::End)
            }
            _ => None,
        }
    }

    /// The worker said something.
    pub const fn heard(&mut self) {
        self.silence.heard();
        if let State::Loading(_) = self.state {
            self.state = State::Running(self.now_ms);
        }
    }

    /// The worker could not be started, or broke down.
    pub fn broke(&mut self) {
        self.had_run = false;
        if let State::Running(since) = self.state {
            self.had_run = true;
            if self.now_ms - since >= WORKED_MS {
                self.losses = 0;
            }
        }
        let pause = growing(FIRST_PAUSE_MS, self.losses, LONGEST_PAUSE_MS);
        self.losses += 1;
        self.state = if self.losses < LOSSES_MAX { State::Pausing(self.now_ms + pause) } else { State::GivenUp };
    }

    /// The viewer wants something: what was given up is tried again.
    pub const fn wanted(&mut self) {
        if matches!(self.state, State::GivenUp) {
            self.losses = 0;
            self.state = State::Pausing(f64::NEG_INFINITY);
        }
    }

    /// What there is to say of it; `None` where it runs, or nothing has gone wrong yet.
    #[must_use]
    pub fn trouble(&self) -> Option<Helper> {
        if self.losses == 0 || matches!(self.state, State::Running(_)) {
            return None;
        }
        let again = self.state != State::GivenUp;
        Some(if self.had_run { Helper::WorkerLost { again } } else { Helper::WorkerNotLoaded { again } })
    }
}

#[cfg(test)]
#[path = "restarts_tests.rs"]
mod tests;
