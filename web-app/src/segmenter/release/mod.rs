//! What leaves the segmenter: faults counted together, the programme as far as it is known, and the tracks'
//! segments once the output has begun.

pub(in crate::segmenter) mod cues;
pub(in crate::segmenter) mod presentation;
pub(in crate::segmenter) mod start;
mod started;

mod heard;
mod overlap;
mod programme;

use std::collections::VecDeque;

use amt_shared::ts::Packet;

use super::Takes;
use super::map::Map;
use super::output::{DiscontinuityReason, FaultReason, Micros, Output, Program, Track};
use super::video::FromUnit;
use crate::segmenter::audio::decoding::Decoding;
use crate::segmenter::audio::switch::AudioSwitch;
use crate::segmenter::tables::content::Content;
use crate::segmenter::tables::pmt::PmtStream;
use crate::segmenter::tables::program::Choice;
use crate::segmenter::time::clock::ProgramClock;
use crate::segmenter::time::timeline::Timeline;
use cues::{Cues, Untimed};
use presentation::Presentation;
pub(in crate::segmenter) use programme::Absent;
use start::{Held, Start};

/// Units of sound that were held for a decoder, and are decoded with one push: each takes up to half a millisecond.
const DECODED_AT_ONCE: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) timeline: Timeline,
    pub(super) clock: ProgramClock,
    pub(super) received: Micros,
    pub(super) queue: VecDeque<Output>,
    /// Until the output begins.
    start: Option<Start>,
    /// It must not, before [`Self::take_over`].
    held_back: bool,
    /// Where the programme before ended.
    ends: [Option<i64>; 2],
    presentation: Presentation,
    cues: Cues,
    decoding: Decoding,
    faults: Vec<(FaultReason, Option<u16>, u64)>,
    /// Codecs that initialisation segments told, by PID.
    codecs: Map<u16, String>,
    /// What the browser takes.
    takes: Takes,
    choice: Option<Choice>,
    told: Option<Program>,
    /// The PIDs whose packets are encrypted.
    encrypted: Vec<u16>,
    /// PIDs that are announced and do not come, as far as the programme is the poorer for it.
    absent: Vec<Absent>,
    /// The sound that comes, if it is in a form that is not played.
    refused: Option<u16>,
    /// Where the sound that comes is one of two in its stream, whether it is the second.
    of_two: Option<bool>,
    /// Another sound track is about to come out.
    switch: Option<AudioSwitch>,
    /// Something was found out that changes which PIDs are wanted, or that programme list or choice depend on.
    news: bool,
    /// Pictures that were whole, so far.
    pub(super) pictures: u64,
    /// The PIDs that come out.
    pub(super) video_pid: Option<u16>,
    pub(super) audio_pid: Option<u16>,
}

impl Release {
    /// For a browser that takes this.
    pub(super) fn new(takes: Takes) -> Self {
        Self {
            timeline: Timeline::default(),
            clock: ProgramClock::default(),
            received: 0,
            queue: VecDeque::new(),
            start: Some(Start::default()),
            held_back: false,
            ends: [None; 2],
            cues: Cues::default(),
            presentation: Presentation::new(takes),
            decoding: Decoding::default(),
            faults: Vec::new(),
            codecs: Map::default(),
            takes,
            choice: None,
            told: None,
            encrypted: Vec::new(),
            absent: Vec::new(),
            refused: None,
            of_two: None,
            switch: None,
            news: false,
            pictures: 0,
            video_pid: None,
            audio_pid: None,
        }
    }

    /// Counts a fault; it is told with the next [`Self::tell_faults`].
    pub(super) fn fault(&mut self, reason: FaultReason, pid: Option<u16>, count: u64) {
        match self.faults.iter_mut().find(|(known, on, _)| (*known, *on) == (reason, pid)) {
            Some((_, _, total)) => *total += count,
            None => self.faults.push((reason, pid, count)),
        }
    }

    /// Tells the faults counted since the last time.
    pub(super) fn tell_faults(&mut self) {
        for (reason, pid, count) in self.faults.drain(..) {
            self.queue.push_back(Output::Fault { reason, pid, count });
        }
    }

    /// Something else is played, or its streams changed.
    pub(super) fn choose(
        &mut self,
        choice: &Choice,
        video_pid: Option<u16>,
        audio_pid: Option<u16>,
        may_have_audio: bool,
    ) {
        self.clock.follow(choice.pcr_pid);
        // What came out of a stream tells nothing of the one that has taken its place.
        let before = self.choice.replace(choice.clone()).map(|before| before.streams).unwrap_or_default();
        let same = |pid: u16| {
            let content =
                |streams: &[PmtStream]| streams.iter().find(|stream| stream.pid == pid).map(|stream| stream.content);
            content(&before)
                .zip(content(&choice.streams))
                .is_none_or(|(before, now)| before.agrees(now) || before == Content::Unknown)
        };
        self.codecs.retain(same);
        self.video_pid = video_pid;
        self.audio_pid = audio_pid;
        let goes_on = |pid: &u16| choice.streams.iter().any(|stream| stream.pid == *pid);
        self.codecs.retain(|pid| goes_on(&pid));
        self.encrypted.retain(goes_on);
        self.switch.take_if(|switch| Some(switch.to) == audio_pid || !goes_on(&switch.to) || audio_pid.is_none());
        match &mut self.start {
            // What cannot be played is at least named.
            Some(_) if video_pid.is_none() && !may_have_audio && !self.held_back => self.tell_program(),
            Some(start) => start.announce(video_pid.is_some(), may_have_audio),
            None => self.tell_program(),
        }
    }

    /// Whether something of a PID came out, so that it is known what it carries.
    pub(super) fn knows(&self, pid: u16) -> bool {
        self.codecs.contains_key(pid)
    }

    /// Bytes of a track came.
    pub(super) fn coming(&mut self, track: Track) {
        if let Some(start) = &mut self.start {
            start.coming(track);
        }
    }

    /// Takes what a packet says of the programme's clock.
    pub(super) fn clock(&mut self, packet: &Packet<'_>) {
        let (pcr, announced) = (packet.pcr(), packet.discontinuity());
        if self.clock.packet(packet.pid(), self.video_pid, pcr, announced, self.received)
            && let Some(told) = self.clock.told(self.timeline.reference())
        {
            self.queue.push_back(Output::Clock(told));
        }
    }

    /// Takes what came of a video unit.
    pub(super) fn video(&mut self, pid: u16, item: FromUnit) {
        let held = match item {
            FromUnit::Fault(reason) => return self.fault(reason, Some(pid), 1),
            FromUnit::Unsettled => return self.start.iter_mut().for_each(Start::unsettle),
            FromUnit::Settled(init) => {
                if let Some(start) = &mut self.start {
                    start.settle(init);
                }
                return self.begin(false);
            }
            FromUnit::Init(init) => {
                self.codecs.insert(pid, init.codec.clone());
                Held::VideoInit(init)
            }
            FromUnit::Frame(frame) => {
                self.pictures += 1;
                Held::Video(frame, self.received)
            }
            FromUnit::Waiting => Held::Discontinuity(Track::Video, DiscontinuityReason::WaitingForRandomAccess),
        };
        match &mut self.start {
            Some(start) => start.hold(held),
            None => self.give(held),
        }
        self.begin(false);
    }

    /// Whether something was found out since the last time that this was asked.
    #[inline]
    pub(super) const fn news(&mut self) -> bool {
        core::mem::replace(&mut self.news, false)
    }

    /// The output does not begin before [`Self::take_over`].
    pub(super) const fn hold_back(&mut self) {
        self.held_back = true;
    }

    /// Whether the output has begun.
    pub(super) const fn has_begun(&self) -> bool {
        self.start.is_none()
    }

    /// Whether the output could begin if it were not held back.
    pub(super) fn can_begin(&self) -> bool {
        self.start.as_ref().is_some_and(Start::ready)
    }

    /// Goes on where the output of another programme ends.
    pub(super) fn take_over(&mut self, mut before: Self) {
        before.finish_cues();
        before.finish_video();
        before.flush_audio();
        self.ends = before.presentation.ends();
        if self.ends == [None; 2] {
            self.ends = before.ends;
        }
        self.presentation = before.presentation;
        self.decoding = before.decoding;
        self.presentation.another();
        before.queue.append(&mut self.queue);
        self.queue = before.queue;
        for (reason, pid, count) in before.faults {
            self.fault(reason, pid, count);
        }
        self.held_back = false;
        self.tell_program();
        self.begin(false);
    }

    /// Lets the output begin if it can, or if it must.
    pub(super) fn begin(&mut self, must: bool) {
        if self.held_back {
            return;
        }
        let Some(start) = self.start.as_mut().filter(|start| must || start.ready()) else { return };
        let held = start.release(&mut self.timeline, self.ends);
        self.start = None;
        self.tell_program();
        self.follow_cues();
        for item in held {
            self.give(item);
        }
    }

    fn give(&mut self, item: Held) {
        match item {
            Held::VideoInit(init) => {
                self.tell_program();
                self.presentation.video_init(init, &mut self.queue);
            }
            Held::Video(frame, received) => {
                self.tell_faults();
                self.presentation.video(frame, &mut self.timeline, received, &mut self.queue);
                self.follow_cues();
            }
            Held::Audio(audio, received) => self.give_audio(audio.pid, &audio.frame(), received),
            Held::Discontinuity(track, reason) => self.queue.push_back(Output::Discontinuity { track, reason }),
        }
    }

    /// Takes something that stands beside picture and sound.
    pub(super) fn cue(&mut self, cue: Untimed) {
        self.cues.take(cue, &self.timeline, self.start.is_none(), &mut self.queue);
        self.presentation.segments_begin(self.cues.boundaries());
    }

    /// The timeline has gone on: what was held for it may be due.
    #[inline]
    fn follow_cues(&mut self) {
        if self.cues.go_on(&self.timeline, &mut self.queue) {
            self.presentation.segments_begin(self.cues.boundaries());
        }
    }

    /// No more cues of the stream follow.
    pub(super) fn finish_cues(&mut self) {
        self.cues.finish(&self.timeline, &mut self.queue);
    }

    /// No more pictures of the stream follow.
    pub(super) fn finish_video(&mut self) {
        self.presentation.finish_video(&mut self.queue);
    }

    /// Gives the audio frames of this push.
    pub(super) fn flush_audio(&mut self) {
        self.decode_held(DECODED_AT_ONCE);
        self.presentation.flush_audio(self.received, &mut self.queue);
    }
}
