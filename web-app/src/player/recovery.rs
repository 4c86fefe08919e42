//! When to begin again after an error. Pure; times in seconds.

use crate::pause::growing;

/// The first recovery comes at once, each further one within this time later than the one before.
const MEMORY: f64 = 15.0;
const PAUSE: f64 = 0.25;
const PAUSE_MAX: f64 = 4.0;
/// From so many on the pause is at its longest.
const TROUBLES_MAX: usize = 8;

/// The errors of the last seconds.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    troubles: Vec<f64>,
    not_before: f64,
}

impl Recovery {
    /// An error has ended what played.
    pub fn note(&mut self, now: f64) {
        self.troubles.retain(|trouble| now - trouble < MEMORY);
        let pause = match self.troubles.len() {
            0 => 0.0,
            again => growing(PAUSE, again as u32, PAUSE_MAX),
        };
        if self.troubles.len() == TROUBLES_MAX {
            self.troubles.remove(0);
        }
        self.troubles.push(now);
        self.not_before = now + pause;
    }

    /// Whether there has been an error before, not long ago.
    #[must_use]
    pub fn is_recent(&self, now: f64) -> bool {
        self.troubles.last().is_some_and(|trouble| now - trouble < MEMORY)
    }

    /// Whether it is time to begin again.
    #[must_use]
    pub fn may_begin(&self, now: f64) -> bool {
        now >= self.not_before
    }

    /// Another stream begins: what broke the last one says nothing about it.
    pub const fn forget_pause(&mut self) {
        self.not_before = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_comes_at_once_and_each_further_one_later() {
        let mut recovery = Recovery::default();
        let mut now = 100.0;
        let mut pauses = Vec::new();
        for _ in 0..20 {
            recovery.note(now);
            let mut pause = 0.0;
            while !recovery.may_begin(now + pause) {
                pause += 0.25;
            }
            pauses.push(pause);
            now += pause;
        }
        assert_eq!(pauses[..6], [0.0, 0.5, 1.0, 2.0, 4.0, 4.0]);
        assert!(pauses[6..].iter().all(|pause| *pause >= 1.0 && *pause <= PAUSE_MAX), "{pauses:?}");
        assert!(recovery.troubles.len() <= TROUBLES_MAX);
    }

    #[test]
    fn after_a_while_it_is_forgotten() {
        let mut recovery = Recovery::default();
        for _ in 0..5 {
            recovery.note(0.0);
        }
        recovery.note(20.0);
        assert!(recovery.may_begin(20.0));
        recovery.note(21.0);
        assert!(!recovery.may_begin(21.0));
        recovery.forget_pause();
        assert!(recovery.may_begin(21.0));
    }
}
