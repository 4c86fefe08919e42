//! The connection to the helper, kept up for as long as the worker lives: when to connect, and when to believe that it
//! is lost. Pure: whoever drives it has the socket and the clock.
//!
//! A proxy answers the upgrade even when no helper is behind it, so only the helper's `Hello` counts as being
//! there. A connection over which nothing comes any more, although the helper has promised never to be silent for so
//! long, is lost even where no one has closed it. After a loss it connects again, with a growing pause.

use super::silence::Silence;
use crate::pause::growing;

const FIRST_PAUSE_MS: f64 = 250.0;
const LONGEST_PAUSE_MS: f64 = 3000.0;
/// The helper greets at once: this is for a slow machine.
const HELLO_WITHIN_MS: f64 = 3000.0;
/// So many times as long as the helper is ever silent is too long: a lost packet may be sent again a few times.
const PATIENCE: f64 = 2.5;
/// What a helper may promise, so that no promise makes the page impatient or blind.
const PROMISE_MS: (f64, f64) = (500.0, 60_000.0);

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// No connection, until then.
    Pausing(f64),
    /// The socket is there and the helper has not greeted, which it has to until then.
    Connecting(f64),
    /// The helper is there.
    Greeted,
}

/// What has to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Open a socket.
    Connect,
    /// The connection is lost: close the socket, if there still is one.
    Lost {
        /// It seemed to stand, but was silent for too long.
        silent: bool,
    },
}

/// See the module.
#[derive(Debug)]
pub struct Link {
    state: State,
    /// How often it has failed since the helper was last there.
    attempts: u32,
    silence: Silence,
    /// Longer silence is a loss.
    silent_max_ms: Option<f64>,
    now_ms: f64,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            state: State::Pausing(f64::NEG_INFINITY),
            attempts: 0,
            silence: Silence::default(),
            silent_max_ms: None,
            now_ms: 0.0,
        }
    }
}

impl Link {
    /// Looks at the clock, a few times a second; what has to happen by now.
    pub fn tick(&mut self, now_ms: f64) -> Option<Step> {
        self.now_ms = now_ms;
        let quiet_ms = self.silence.tick(now_ms);
        match self.state {
            State::Pausing(until) if now_ms >= until => {
                self.state = State::Connecting(now_ms + HELLO_WITHIN_MS);
                Some(Step::Connect)
            }
            State::Connecting(until) if now_ms >= until => Some(self.lost(false)),
            State::Greeted if self.silent_max_ms.is_some_and(|max| quiet_ms > max) => Some(self.lost(true)),
            _ => None,
        }
    }

    /// Something came over the connection.
    pub const fn heard(&mut self) {
        self.silence.heard();
    }

    /// The helper has greeted, and has promised never to be silent for longer than this.
    pub fn greeted(&mut self, alive_ms: Option<u32>) {
        self.state = State::Greeted;
        self.attempts = 0;
        self.silent_max_ms = alive_ms.map(|promise| f64::from(promise).clamp(PROMISE_MS.0, PROMISE_MS.1) * PATIENCE);
    }

    /// The socket was closed, or could not be opened.
    pub fn closed(&mut self) -> Step {
        self.lost(false)
    }

    /// Whether the helper is there.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state == State::Greeted
    }

    /// How often it has failed since the helper was last there.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    fn lost(&mut self, silent: bool) -> Step {
        let pause = growing(FIRST_PAUSE_MS, self.attempts, LONGEST_PAUSE_MS);
        self.attempts += 1;
        self.state = State::Pausing(self.now_ms + pause);
        Step::Lost { silent }
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
