//! Decoders of sound for the segmenter, from a module that is loaded when a stream first needs one.
//!
//! A module that cannot be loaded is tried again, with a growing pause; one whose decoder breaks down is loaded anew,
//! and all its decoders with it. So many failures in a row are the end of it until a channel begins anew.

use super::message::SoundMissing;
use crate::pause::growing;
use crate::segmenter::{SoundCodec, SoundDecoder};

const FIRST_PAUSE_MS: f64 = 500.0;
const LONGEST_PAUSE_MS: f64 = 30_000.0;
/// A frame that breaks the decoder may come again and again.
const FAILURES_MAX: u32 = 12;
/// A module that has not arrived by then does not.
const LOADED_WITHIN_MS: f64 = 30_000.0;
/// Decoders that have worked for so long may fail as often again.
const WORKED_MS: f64 = 60_000.0;

/// The module, as the browser has it.
pub trait Module {
    /// Begins to load it; anew, where it was loaded before.
    fn load(&mut self);

    /// What has become of that.
    fn condition(&self) -> Condition;

    /// A decoder of the module that is ready; `None` where it has none for this codec.
    fn decoder(&mut self, codec: SoundCodec) -> Option<Box<dyn SoundDecoder>>;
}

/// What has become of the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is on its way.
    Loading,
    /// It works.
    Ready,
    /// It could not be loaded, for this reason.
    NotLoaded(String),
    /// One of its decoders broke down: none of them can be trusted any more.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Absent,
    /// Since when.
    Loading(f64),
    /// Since when.
    Ready(f64),
    /// Until when.
    Pausing(f64),
    GivenUp,
}

/// See the module.
pub struct Decoders {
    module: Box<dyn Module>,
    stage: Stage,
    failures: u32,
    /// Codecs that the segmenter has asked for and has no decoder of that works.
    wanted: Vec<SoundCodec>,
    /// Codecs that it has one for.
    given: Vec<SoundCodec>,
    now_ms: f64,
}

impl Decoders {
    /// None yet; this is where they will come from.
    #[must_use]
    pub fn new(module: Box<dyn Module>) -> Self {
        Self { module, stage: Stage::Absent, failures: 0, wanted: Vec::new(), given: Vec::new(), now_ms: 0.0 }
    }

    /// A segmenter begins that has asked for nothing yet. What was given up is tried again for it.
    pub fn begin(&mut self) {
        self.wanted.clear();
        self.given.clear();
        if self.stage == Stage::GivenUp {
            (self.stage, self.failures) = (Stage::Absent, 0);
        }
    }

    /// The segmenter asks for a decoder.
    pub fn want(&mut self, codec: SoundCodec) {
        self.given.retain(|given| *given != codec);
        if !self.wanted.contains(&codec) {
            self.wanted.push(codec);
        }
    }

    /// The time, a few times a second.
    pub const fn tick(&mut self, now_ms: f64) {
        self.now_ms = now_ms;
    }

    /// Hands in the decoders that are there by now, and looks after the module; to be called with every frame, which
    /// come in quick succession. What there is to tell about it comes out, where that has changed: why the sound is
    /// missing, or `None` where it no longer is.
    pub fn supply(&mut self, mut give: impl FnMut(SoundCodec, Box<dyn SoundDecoder>)) -> Option<Option<SoundMissing>> {
        if self.wanted.is_empty() && self.given.is_empty() {
            return None;
        }
        match self.stage {
            Stage::GivenUp => return None,
            Stage::Pausing(until) if self.now_ms < until => return None,
            Stage::Pausing(_) | Stage::Absent => {
                self.module.load();
                self.stage = Stage::Loading(self.now_ms);
            }
            Stage::Loading(_) | Stage::Ready(_) => {}
        }
        match self.module.condition() {
            Condition::Loading => {
                let late = matches!(self.stage, Stage::Loading(since) if self.now_ms - since >= LOADED_WITHIN_MS);
                return late.then(|| Some(self.fail("timed out".into())));
            }
            Condition::NotLoaded(reason) => return Some(Some(self.fail(reason))),
            Condition::Broken => {
                self.wanted.append(&mut self.given);
                return Some(Some(self.fail(String::new())));
            }
            Condition::Ready => {}
        }
        if matches!(self.stage, Stage::Loading(_)) {
            self.stage = Stage::Ready(self.now_ms);
        }
        if self.wanted.is_empty() {
            return None;
        }
        for codec in std::mem::take(&mut self.wanted) {
            let Some(decoder) = self.module.decoder(codec) else {
                // An older module, out of some cache: the next one may know it.
                self.wanted.push(codec);
                return Some(Some(self.fail("unknown codec".into())));
            };
            give(codec, decoder);
            self.given.push(codec);
        }
        Some(None)
    }

    fn fail(&mut self, reason: String) -> SoundMissing {
        if let Stage::Ready(since) = self.stage
            && self.now_ms - since >= WORKED_MS
        {
            self.failures = 0;
        }
        let pause = growing(FIRST_PAUSE_MS, self.failures, LONGEST_PAUSE_MS);
        self.failures += 1;
        let again = self.failures < FAILURES_MAX;
        self.stage = if again { Stage::Pausing(self.now_ms + pause) } else { Stage::GivenUp };
        SoundMissing { reason, again }
    }
}

#[cfg(test)]
#[path = "decoders_tests.rs"]
mod tests;
