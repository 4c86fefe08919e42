//! The cues that came beside picture and sound: counted, and the latest kept for whoever shows them.

use crate::worker::message::Cue;
use std::collections::{BTreeMap, VecDeque};

/// Some ten seconds of captions at 50 pictures a second.
const KEPT: usize = 512;
/// A bound for cues with large bodies.
const KEPT_BYTES: usize = 256 << 10;

/// What came. `B` is a buffer of the browser's.
#[derive(Debug)]
pub struct Cues<B> {
    counts: BTreeMap<String, u64>,
    recent: VecDeque<(Cue, B, usize)>,
    bytes: usize,
    last_splice: Option<Cue>,
}

impl<B> Default for Cues<B> {
    fn default() -> Self {
        Self { counts: BTreeMap::new(), recent: VecDeque::new(), bytes: 0, last_splice: None }
    }
}

impl<B> Cues<B> {
    /// Takes a cue with its bytes, of which there are so many.
    pub fn push(&mut self, cue: Cue, data: B, bytes: usize) {
        *self.counts.entry(cue.kind.clone()).or_default() += 1;
        if cue.command.as_deref().is_some_and(|command| command != "splice_null") {
            self.last_splice = Some(cue.clone());
        }
        self.bytes += bytes;
        self.recent.push_back((cue, data, bytes));
        while self.recent.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some((_, _, bytes)) = self.recent.pop_front() else { return };
            self.bytes -= bytes;
        }
    }

    /// How many came, by kind.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    /// The latest, in the order in which they came.
    pub fn recent(&self) -> impl Iterator<Item = (&Cue, &B)> {
        self.recent.iter().map(|(cue, data, _)| (cue, data))
    }

    /// The last splice that was more than a sign of life.
    #[must_use]
    pub const fn last_splice(&self) -> Option<&Cue> {
        self.last_splice.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue(kind: &str, command: Option<&str>) -> Cue {
        Cue { kind: kind.into(), command: command.map(str::to_owned), ..Cue::default() }
    }

    #[test]
    fn all_are_counted_and_the_latest_are_kept_within_bounds() {
        let mut cues = Cues::default();
        for _ in 0..3 * KEPT {
            cues.push(cue("captions", None), (), 30);
        }
        assert_eq!((cues.counts()["captions"], cues.recent().count()), (3 * KEPT as u64, KEPT));
        cues.push(cue("id3", None), (), KEPT_BYTES - 30);
        assert_eq!(cues.recent().count(), 2);
        cues.push(cue("id3", None), (), 2 * KEPT_BYTES);
        assert_eq!((cues.recent().count(), cues.bytes), (0, 0));
    }

    #[test]
    fn a_sign_of_life_is_no_splice() {
        let mut cues = Cues::default();
        cues.push(cue("splice", Some("splice_insert")), (), 1);
        cues.push(cue("splice", Some("splice_null")), (), 1);
        assert_eq!(cues.last_splice().unwrap().command.as_deref(), Some("splice_insert"));
    }
}
