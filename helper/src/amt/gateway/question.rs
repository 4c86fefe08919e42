//! A question to a relay that waits for its answer, and what is random about it.

use super::{Cause, Config, DAY, Discard, same_endpoint};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// For how long after a Request was given up its answer is taken, and how many of these are remembered.
const LATE: Duration = Duration::from_secs(30);
const GIVEN_UP: usize = 4;

/// A Relay Discovery or a Request. A repetition has the same nonce (5.2.3.4.5, 5.2.3.5.6).
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) nonce: u32,
    /// The nonce of a Request with the P flag elsewhere, where one goes out beside it.
    pub(super) other_nonce: u32,
    pub(super) cause: Cause,
    /// How often it went out; 0 while it is put off.
    pub(super) sent: u32,
    /// When it goes out (again).
    pub(super) due: Instant,
    /// ICMP already told that it did not arrive this time.
    unreachable: bool,
}

impl Question {
    pub(super) fn new(due: Instant, cause: Cause, nonce: u32, other_nonce: u32) -> Self {
        Self { nonce, other_nonce, cause, sent: 0, due, unreachable: false }
    }

    /// It went out, and goes out again at `due`.
    pub(super) fn asked(self, due: Instant) -> Self {
        Self { sent: self.sent.saturating_add(1), due, unreachable: false, ..self }
    }

    /// Whether this is the nonce of an answer to it.
    pub(super) fn check(&self, nonce: u32) -> Result<(), Discard> {
        match self.sent {
            0 => Err(Discard::NotAwaited),
            _ if nonce != self.nonce => Err(Discard::WrongNonce),
            _ => Ok(()),
        }
    }

    /// Whether a nonce is one of its two.
    fn has(&self, nonce: u32) -> bool {
        [self.nonce, self.other_nonce].contains(&nonce)
    }

    /// ICMP tells that it did not arrive; false where that is no news.
    pub(super) fn did_not_arrive(&mut self) -> bool {
        self.sent > 0 && !std::mem::replace(&mut self.unreachable, true)
    }
}

/// Requests that stayed without an answer, until another question got one.
#[derive(Debug, Default)]
pub(super) struct GivenUp(VecDeque<(Instant, SocketAddr, Question)>);

impl GivenUp {
    /// A Request is given up.
    pub(super) fn add(&mut self, now: Instant, relay: SocketAddr, question: Question) {
        if self.0.len() >= GIVEN_UP {
            self.0.pop_front();
        }
        self.0.push_back((now, relay, question));
    }

    /// The relay that was asked and the question, where a nonce that came from somewhere answers one of them.
    pub(super) fn answered(&self, now: Instant, from: SocketAddr, nonce: u32) -> Option<(SocketAddr, Question)> {
        let lately = self.0.iter().filter(|(at, ..)| now.saturating_duration_since(*at) < LATE);
        let mut asked = lately.filter(|(_, relay, question)| same_endpoint(*relay, from) && question.has(nonce));
        asked.next().map(|(_, relay, question)| (*relay, *question))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Nonces and pauses.
#[derive(Debug)]
pub(super) struct Chance {
    rng: StdRng,
    quick: u32,
    quick_pause: Duration,
    first_pause: Duration,
    longest_pause: Duration,
}

impl Chance {
    pub(super) fn new(seed: u64, config: &Config) -> Self {
        // A pause of nothing would be a flood.
        let bounded = |pause: Duration| pause.clamp(Duration::from_millis(10), DAY);
        let first_pause = bounded(config.first_pause);
        Self {
            rng: StdRng::seed_from_u64(seed),
            quick: config.quick,
            quick_pause: bounded(config.quick_pause),
            first_pause,
            longest_pause: bounded(config.longest_pause).max(first_pause),
        }
    }

    /// The pause after the `n`th question. The quick ones are out of step with others' too.
    pub(super) fn pause(&mut self, n: u32) -> Duration {
        if n <= self.quick {
            return self.quick_pause.mul_f64(self.rng.random_range(1.0..=1.2));
        }
        self.patient_pause(n - self.quick, self.longest_pause)
    }

    /// The pause after the `n`th attempt: random in [1 s, min(2ⁿ⁻¹ s, the longest)] (5.2.3.4.3), so that the
    /// first is exactly 1 s. The logarithm is uniform: short pauses are as likely as long ones, which halves
    /// the wait for a message that was merely lost.
    pub(super) fn patient_pause(&mut self, n: u32, longest: Duration) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << n.saturating_sub(1).min(16));
        let ratio = doubled.min(longest.max(self.first_pause)).div_duration_f64(self.first_pause);
        self.first_pause.mul_f64(ratio.powf(self.rng.random()))
    }

    /// Random, not zero, and none of those in use (5.2.3.4.5, 5.2.3.5.6).
    pub(super) fn nonce(&mut self, in_use: &[u32]) -> u32 {
        loop {
            let nonce = self.rng.random();
            if nonce != 0 && !in_use.contains(&nonce) {
                return nonce;
            }
        }
    }

    /// The pause before a report is repeated: up to a second (RFC 3376, 8.11), out of step with others'.
    pub(super) fn report_pause(&mut self) -> Duration {
        super::SECOND.mul_f64(self.rng.random_range(0.1..=1.0))
    }
}
