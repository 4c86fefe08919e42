//! Sound that the browser does not take, on its way through a decoder to FLAC.
//!
//! In: access units with their times, and decoders once they are there. Out: the same in FLAC, with the same times.
//! While a decoder is not there yet, what came last is held; then it is decoded a little at a time, so that no push takes
//! long. A unit that cannot be decoded counts as missing.

use std::collections::VecDeque;

use amt_shared::clock::TICKS_PER_SECOND;

use super::config::{AudioConfig, Form};
use crate::segmenter::audio::AudioFrame;
use crate::segmenter::map::Map;
use crate::segmenter::release::start::HeldAudio;
use crate::segmenter::sound::{SoundCodec, SoundDecoder};

/// How much sound is held for a decoder that is being loaded: 2 s.
const HELD_MAX: i64 = 2 * TICKS_PER_SECOND;
/// A step in the times beyond this is a jump of the clock.
const STEP_MAX: i64 = TICKS_PER_SECOND;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Decoding {
    decoders: Map<SoundCodec, Box<dyn SoundDecoder>>,
    wanted: Vec<SoundCodec>,
    held: VecDeque<(SoundCodec, HeldAudio)>,
    /// Where the last that was held ends, 90 kHz of the source.
    due: Option<i64>,
    /// Whose units were decoded last, and what came out.
    last: Option<(u16, SoundCodec, AudioConfig)>,
    /// Samples that could not be decoded since the last that could be.
    missing: u32,
    disturbed: bool,
}

/// What came of a unit.
#[derive(Debug)]
pub(in crate::segmenter) enum Decoded {
    Frame(HeldAudio),
    NotDecodable,
    /// A decoder is wanted, for the first time.
    Wanted(SoundCodec),
}

impl Decoding {
    /// Takes an access unit of the PID that comes out.
    pub(in crate::segmenter) fn take(
        &mut self,
        pid: u16,
        codec: SoundCodec,
        frame: &AudioFrame<'_>,
        give: &mut impl FnMut(Decoded),
    ) {
        if !self.wanted.contains(&codec) {
            self.wanted.push(codec);
            give(Decoded::Wanted(codec));
        }
        self.held.retain(|(_, held)| held.pid == pid);
        // What is held comes first.
        if self.decoders.contains_key(codec) && self.held.iter().all(|(of, _)| *of != codec) {
            return self.decode(pid, codec, frame, give);
        }
        // What stands before a jump of the clock has no place any more where the picture is beyond it already.
        let jumps = self.due.zip(frame.pts).is_some_and(|(due, pts)| (pts - due).abs() > STEP_MAX);
        if jumps {
            self.held.clear();
        }
        let held = HeldAudio::new(pid, frame);
        self.due = held.pts.or(self.due).map(|pts| pts + held.ticks());
        self.held.push_back((codec, held));
        let mut length: i64 = self.held.iter().map(|(_, held)| held.ticks()).sum();
        while length > HELD_MAX
            && let Some((_, oldest)) = self.held.pop_front()
        {
            length -= oldest.ticks();
        }
    }

    /// Takes a decoder, for what is held and what comes.
    pub(in crate::segmenter) fn supply(&mut self, codec: SoundCodec, decoder: Box<dyn SoundDecoder>) {
        self.decoders.insert(codec, decoder);
        self.last = None;
    }

    /// Whether anything is held.
    #[inline]
    pub(in crate::segmenter) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Decodes up to `most` units of what is held.
    pub(in crate::segmenter) fn go_on(&mut self, most: usize, give: &mut impl FnMut(u16, Decoded)) {
        for _ in 0..most {
            let decodable = |(codec, _): &(SoundCodec, HeldAudio)| self.decoders.contains_key(*codec);
            let Some((codec, held)) = self.held.iter().position(decodable).and_then(|at| self.held.remove(at)) else {
                return;
            };
            self.decode(held.pid, codec, &held.frame(), &mut |decoded| give(held.pid, decoded));
        }
    }

    fn decode(&mut self, pid: u16, codec: SoundCodec, frame: &AudioFrame<'_>, give: &mut impl FnMut(Decoded)) {
        let Some(decoder) = self.decoders.get_mut(codec) else { return };
        let goes_on = self.last.as_ref().is_some_and(|(on, of, _)| (*on, *of) == (pid, codec));
        if !goes_on {
            (self.missing, self.disturbed) = (0, false);
        }
        if !goes_on || frame.missing > 0 || self.missing > 0 {
            decoder.reset();
        }
        let missing = self.missing.saturating_add(frame.missing);
        self.disturbed |= frame.disturbed;
        let Ok(flac) = decoder.decode(frame.data) else {
            self.missing = missing.saturating_add(frame.samples);
            self.disturbed = true;
            return give(Decoded::NotDecodable);
        };
        self.missing = 0;
        let config = AudioConfig { sample_rate: flac.sample_rate.max(1), channels: flac.channels, form: Form::Flac };
        let (pts, samples) = (frame.pts, flac.samples);
        let frame = AudioFrame { config: &config, pts, missing, disturbed: self.disturbed, samples, data: &flac.data };
        give(Decoded::Frame(HeldAudio::new(pid, &frame)));
        if pts.is_some() {
            self.disturbed = false;
        }
        self.last = Some((pid, codec, config));
    }
}
