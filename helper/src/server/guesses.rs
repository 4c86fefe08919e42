//! Guesses of the token: counted by whom they come from, and slowed.
//!
//! Whoever brings a token from where wrong ones came has to wait first, and the longer the more there were; with the right
//! one as well, since an answer that comes at once would tell. Nobody is refused for it, and nobody waits for what came
//! from elsewhere: a stranger locks nobody out. Pure: in go peers and times, out comes how long to wait.

use super::places::network;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// So many wrong ones cost nothing: a person may mistype.
const FREE: u32 = 5;
/// The wait after the first that does; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(125);
/// The longest: what a right token may have to wait where others guess from the same address.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// After so long one wrong token is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// Peers that are remembered.
const PEERS: usize = 1024;

/// Who guessed.
#[derive(Debug, Default)]
pub(super) struct Guesses(BTreeMap<IpAddr, Wrong>);

#[derive(Clone, Copy, Debug)]
struct Wrong {
    /// How many there were at `since`.
    count: u32,
    since: Instant,
}

impl Wrong {
    /// How many are not forgotten, and since when that holds.
    fn at(self, now: Instant) -> Self {
        let passed = now.saturating_duration_since(self.since).as_millis() / FORGOTTEN.as_millis();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX).min(self.count);
        Self { count: self.count - passed, since: self.since + FORGOTTEN * passed }
    }
}

impl Guesses {
    /// How long whoever brings a token from this peer is to wait before it is looked at.
    pub(super) fn wait(&self, now: Instant, peer: IpAddr) -> Duration {
        let count = self.0.get(&network(peer)).map_or(0, |wrong| wrong.at(now).count);
        match count.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(more) => FIRST_WAIT.saturating_mul(2_u32.saturating_pow(more)).min(LONGEST_WAIT),
        }
    }

    /// A wrong one came.
    pub(super) fn wrong(&mut self, now: Instant, peer: IpAddr) {
        let peer = network(peer);
        if self.0.len() >= PEERS && !self.0.contains_key(&peer) {
            self.0.retain(|_, wrong| wrong.at(now).count > 0);
            // Whoever has so many addresses loses nothing by another one's being forgotten.
            while self.0.len() >= PEERS {
                self.0.pop_first();
            }
        }
        let wrong = self.0.entry(peer).or_insert(Wrong { count: 0, since: now });
        let before = wrong.at(now);
        // More than the longest wait takes would only be remembered for longer.
        let most = FREE + 8;
        *wrong = if before.count == 0 {
            Wrong { count: 1, since: now }
        } else {
            Wrong { count: (before.count + 1).min(most), since: before.since }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    #[test]
    fn whoever_guesses_waits_longer_and_longer_and_nobody_else_waits() {
        let (mut guesses, start) = (Guesses::default(), Instant::now());
        for _ in 0..FREE - 1 {
            guesses.wrong(start, peer(1));
            assert_eq!(guesses.wait(start, peer(1)), Duration::ZERO, "a person may mistype");
        }
        let mut waits = Vec::new();
        for _ in 0..100 {
            guesses.wrong(start, peer(1));
            waits.push(guesses.wait(start, peer(1)));
        }
        assert!(waits.is_sorted() && waits[0] == FIRST_WAIT && waits[99] == LONGEST_WAIT, "{waits:?}");
        assert_eq!(guesses.wait(start, peer(2)), Duration::ZERO);
    }

    #[test]
    fn a_guess_is_forgotten_after_a_while() {
        let (mut guesses, start) = (Guesses::default(), Instant::now());
        (0..1000).for_each(|_| guesses.wrong(start, peer(1)));
        assert_eq!(guesses.wait(start + Duration::from_secs(150), peer(1)), Duration::ZERO);
        // Who goes on slowly does not come to wait.
        for minute in 10..100 {
            let now = start + Duration::from_secs(60) * minute;
            guesses.wrong(now, peer(1));
            assert_eq!(guesses.wait(now, peer(1)), Duration::ZERO);
        }
    }

    #[test]
    fn peers_without_end_are_not_remembered() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for number in 0..100_000_u32 {
            guesses.wrong(now, IpAddr::V4((0x0A00_0000 + number).into()));
        }
        assert!(guesses.0.len() <= PEERS);
    }
}
