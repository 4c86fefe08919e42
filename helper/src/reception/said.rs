//! What was said, so that a search that goes round and round does not say it in every round.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a sentence is not said again.
const QUIET: Duration = Duration::from_secs(60);
/// Sentences that are remembered.
const MAX: usize = 64;

/// The sentences since data came last.
#[derive(Debug, Default)]
pub(super) struct Said(VecDeque<(Instant, String)>);

impl Said {
    /// Whether a sentence is news; from now on it is not.
    pub(super) fn is_news(&mut self, now: Instant, sentence: &str) -> bool {
        self.0.retain(|(at, _)| now.saturating_duration_since(*at) < QUIET);
        if self.0.iter().any(|(_, said)| said == sentence) {
            return false;
        }
        if self.0.len() >= MAX {
            self.0.pop_front();
        }
        self.0.push_back((now, sentence.to_owned()));
        true
    }

    /// Data comes: whatever happens after it is news.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_round_says_is_said_once_a_minute_and_anew_after_data() {
        let start = Instant::now();
        let mut said = Said::default();
        let mut news = |seconds, sentence| said.is_news(start + Duration::from_secs(seconds), sentence);
        assert_eq!([news(0, "a"), news(0, "b"), news(1, "a"), news(59, "b")], [true, true, false, false]);
        assert_eq!([news(60, "a"), news(61, "a")], [true, false]);
        said.forget();
        assert!(said.is_news(start + Duration::from_secs(62), "a"));
    }

    #[test]
    fn sentences_without_end_are_forgotten_from_the_oldest_on() {
        let now = Instant::now();
        let mut said = Said::default();
        assert!((0..2 * MAX).all(|n| said.is_news(now, &n.to_string())));
        assert_eq!(said.0.len(), MAX);
        assert!(said.is_news(now, "0") && !said.is_news(now, &(2 * MAX - 1).to_string()));
    }
}
