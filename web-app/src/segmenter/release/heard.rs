//! Sound on its way out: through a decoder where it needs one, and from one track over to another.

use super::super::audio::{AudioFrame, FromAudio};
use super::super::output::{FaultReason, Micros, Output, Track};
use super::super::sound::{SoundCodec, SoundDecoder};
use super::Release;
use super::start::{Held, HeldAudio};
use crate::segmenter::audio::config::Way;
use crate::segmenter::audio::decoding::Decoded;
use crate::segmenter::audio::switch::AudioSwitch;

impl Release {
    /// Takes what came of audio bytes.
    pub(in crate::segmenter) fn audio(&mut self, pid: u16, item: &FromAudio<'_>) {
        match item {
            FromAudio::Fault(reason) => self.fault(*reason, Some(pid), 1),
            FromAudio::Frame(frame) => {
                if let Some(switch) = self.switch.as_mut().filter(|switch| switch.to == pid) {
                    switch.hold(frame, self.received);
                    return self.follow_switch();
                }
                // The first of several candidates that turns out to be audio is the one.
                if self.audio_pid.is_none() {
                    self.audio_pid = Some(pid);
                    self.news = true;
                }
                if self.audio_pid != Some(pid) || self.switch.is_some() && !self.old_goes_on() {
                    return;
                }
                self.codecs.insert(pid, frame.config.codec());
                let way = frame.config.way(self.takes);
                self.heard(Some(pid).filter(|_| way == Way::None), frame.config.of_two());
                match way {
                    Way::None => {
                        self.fault(FaultReason::NotTaken, Some(pid), 1);
                        if let Some(start) = &mut self.start {
                            start.without(Track::Audio);
                        }
                    }
                    // Two programmes would disturb each other in one decoder.
                    Way::Decoded(codec) if !self.held_back => self.decode(pid, codec, frame),
                    _ => self.audible(pid, frame),
                }
                if self.switch.is_some() {
                    self.follow_switch();
                }
                self.begin(false);
            }
        }
    }

    /// Takes a decoder of sound.
    pub(in crate::segmenter) fn supply(&mut self, codec: SoundCodec, decoder: Box<dyn SoundDecoder>) {
        self.decoding.supply(codec, decoder);
        self.flush_audio();
    }

    /// Decodes up to `most` units of the sound that was held for a decoder.
    pub(in crate::segmenter) fn decode_held(&mut self, most: usize) {
        if !self.decoding.holds() {
            return;
        }
        let mut decoding = core::mem::take(&mut self.decoding);
        decoding.go_on(most, &mut |pid, decoded| self.decoded(pid, &decoded));
        self.decoding = decoding;
    }

    fn decode(&mut self, pid: u16, codec: SoundCodec, frame: &AudioFrame<'_>) {
        let mut decoding = core::mem::take(&mut self.decoding);
        decoding.take(pid, codec, frame, &mut |decoded| self.decoded(pid, &decoded));
        self.decoding = decoding;
    }

    fn decoded(&mut self, pid: u16, decoded: &Decoded) {
        match decoded {
            Decoded::Frame(held) => self.audible(pid, &held.frame()),
            Decoded::NotDecodable => self.fault(FaultReason::DamagedAudio, Some(pid), 1),
            Decoded::Wanted(codec) => self.queue.push_back(Output::DecoderWanted(*codec)),
        }
    }

    /// Takes sound that can go out, as soon as the output has begun.
    fn audible(&mut self, pid: u16, frame: &AudioFrame<'_>) {
        match &mut self.start {
            Some(start) => start.hold(Held::Audio(HeldAudio::new(pid, frame), self.received)),
            None => self.give_audio(pid, frame, self.received),
        }
        self.begin(false);
    }

    /// Lets the sound go over to another PID of the programme, where its frames go on from those before, or at once where
    /// those have `ended`.
    pub(in crate::segmenter) fn switch_audio(&mut self, pid: u16, ended: bool) {
        match &mut self.start {
            Some(start) => {
                start.keep_audio(pid);
                self.audio_pid = Some(pid);
                self.news = true;
            }
            None if self.audio_pid == Some(pid) => self.switch = None,
            None if self.switch.as_ref().is_some_and(|switch| switch.to == pid) => {}
            None => self.switch = Some(AudioSwitch::new(pid, ended)),
        }
    }

    /// The PID that the sound is about to come from.
    pub(in crate::segmenter) fn switches_to(&self) -> Option<u16> {
        self.switch.as_ref().map(|switch| switch.to)
    }

    /// Where the sound that came out ends, 90 kHz of the source.
    fn audio_source_end(&self) -> Option<i64> {
        let [_, end] = self.presentation.ends();
        Some(end? - self.timeline.offset(Track::Audio)?)
    }

    fn old_goes_on(&mut self) -> bool {
        let end = self.audio_source_end();
        self.switch.as_mut().is_none_or(|switch| switch.old_goes_on(end))
    }

    fn follow_switch(&mut self) {
        let end = self.audio_source_end();
        let Some(switch) = &mut self.switch else { return };
        let Some(frames) = switch.take(end) else { return };
        self.audio_pid = Some(switch.to);
        self.switch = None;
        self.news = true;
        for (frame, received) in frames {
            self.codecs.insert(frame.pid, frame.frame().config.codec());
            self.give_audio(frame.pid, &frame.frame(), received);
        }
        self.tell_program();
    }

    pub(super) fn give_audio(&mut self, pid: u16, frame: &AudioFrame<'_>, received: Micros) {
        if let Way::Decoded(codec) = frame.config.way(self.takes) {
            return self.decode(pid, codec, frame);
        }
        self.presentation.audio(pid, frame, &mut self.timeline, received, &mut self.queue);
        self.follow_cues();
    }
}
