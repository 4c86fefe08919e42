//! What is printed of a flood: the same line once a second, with how often it came, and so many lines altogether.
//!
//! Pure: in go lines and the time, out comes whether to print them, and what to say of those that were not printed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long lines are counted together.
const WINDOW: Duration = Duration::from_secs(1);
/// Different lines that are printed within it, those that a person asked for with a level of `debug` not among them.
const LINES: usize = 100;
/// Different lines that are remembered within it.
const REMEMBERED: usize = 1000;

/// Lets lines pass, or counts them.
#[derive(Default)]
pub(super) struct Limiter {
    /// When the window began; `None` while nothing came.
    began: Option<Instant>,
    /// How often each line came again.
    again: BTreeMap<String, u64>,
    printed: usize,
    left_out: u64,
}

/// What a window ends with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Summary {
    /// This line came so many times more than it was printed.
    Again(String, u64),
    /// So many other lines were not printed.
    LeftOut(u64),
}

impl Limiter {
    /// Whether to print a line. Those of `asked_for` are not counted against the bound.
    pub(super) fn admit(&mut self, now: Instant, line: &str, asked_for: bool) -> bool {
        self.began.get_or_insert(now);
        if let Some(again) = self.again.get_mut(line) {
            *again += 1;
            return false;
        }
        if !asked_for && self.printed >= LINES {
            self.left_out += 1;
            return false;
        }
        if !asked_for {
            self.printed += 1;
        }
        if self.again.len() < REMEMBERED {
            self.again.insert(line.to_owned(), 0);
        }
        true
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.began.map(|began| began + WINDOW)
    }

    /// Ends a window that is over, or any `at_once`: what was not printed in it.
    pub(super) fn handle_timeout(&mut self, now: Instant, at_once: bool) -> Vec<Summary> {
        if !at_once && self.poll_timeout().is_none_or(|due| now < due) {
            return Vec::new();
        }
        let over = std::mem::take(self);
        let again = over.again.into_iter().filter(|(_, times)| *times > 0);
        let left_out = (over.left_out > 0).then_some(Summary::LeftOut(over.left_out));
        again.map(|(line, times)| Summary::Again(line, times)).chain(left_out).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn a_line_that_comes_again_is_printed_once_a_second_and_counted() {
        let (mut limiter, start) = (Limiter::default(), Instant::now());
        let (mut printed, mut counted) = (0, 0);
        // Ten seconds with a thousand lines each.
        for millis in 0..10_000 {
            let now = start + MILLISECOND * millis;
            for summary in limiter.handle_timeout(now, false) {
                let Summary::Again(line, times) = summary else { panic!("{summary:?}") };
                assert_eq!((line.as_str(), times), ("Refused.", 999));
                counted += times;
            }
            printed += u64::from(limiter.admit(now, "Refused.", false));
        }
        for summary in limiter.handle_timeout(start, true) {
            let Summary::Again(_, times) = summary else { panic!("{summary:?}") };
            counted += times;
        }
        assert_eq!((printed, printed + counted), (10, 10_000));
    }

    #[test]
    fn lines_apart_are_all_printed_and_nothing_is_said_of_them() {
        let (mut limiter, start) = (Limiter::default(), Instant::now());
        for second in 0..100 {
            let now = start + Duration::from_secs(second);
            assert_eq!(limiter.handle_timeout(now, false), []);
            assert!(limiter.admit(now, "5 Mbit/s", false));
        }
    }

    #[test]
    fn different_lines_are_bounded_together_and_counted() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        let printed = (0..5000).filter(|number| limiter.admit(now, &number.to_string(), false)).count();
        assert_eq!(printed, LINES);
        assert!(limiter.again.len() <= REMEMBERED);
        let due = limiter.poll_timeout().unwrap();
        assert_eq!(limiter.handle_timeout(due - MILLISECOND, false), []);
        assert_eq!(limiter.handle_timeout(due, false), [Summary::LeftOut(5000 - LINES as u64)]);
        assert_eq!(limiter.poll_timeout(), None);
        assert!(limiter.admit(due, "0", false));
    }

    #[test]
    fn what_a_person_asked_for_is_bounded_in_memory_alone() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        assert_eq!((0..5000).filter(|number| limiter.admit(now, &number.to_string(), true)).count(), 5000);
        assert_eq!(limiter.again.len(), REMEMBERED);
        assert!(limiter.admit(now, "a line for people", false));
    }
}
