//! What leaves the segmenter: faults counted together, the programme as far as it is known, and the tracks'
//! segments once the output has begun.

use std::collections::{BTreeMap, VecDeque};

use amt_shared::ts::Packet;

use super::audio::{AudioFrame, FromAudio};
use super::clock::ProgramClock;
use super::content::Content;
use super::output::{DiscontinuityReason, FaultReason, Micros, Output, Program, Stream, StreamKind, Track};
use super::presentation::Presentation;
use super::program::Choice;

use super::start::{Held, HeldAudio, Start};
use super::timeline::Timeline;
use super::video::FromUnit;

/// See the module.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) timeline: Timeline,
    pub(super) clock: ProgramClock,
    pub(super) received: Micros,
    pub(super) queue: VecDeque<Output>,
    /// Until the output begins.
    start: Option<Start>,
    presentation: Presentation,
    faults: Vec<(FaultReason, Option<u16>, u64)>,
    /// Codecs that initialisation segments told, by PID.
    codecs: BTreeMap<u16, String>,
    choice: Option<Choice>,
    told: Option<Program>,
    /// The PIDs that come out.
    pub(super) video_pid: Option<u16>,
    pub(super) audio_pid: Option<u16>,
}

impl Default for Release {
    fn default() -> Self {
        Self {
            timeline: Timeline::default(),
            clock: ProgramClock::default(),
            received: 0,
            queue: VecDeque::new(),
            start: Some(Start::default()),
            presentation: Presentation::default(),
            faults: Vec::new(),
            codecs: BTreeMap::new(),
            choice: None,
            told: None,
            video_pid: None,
            audio_pid: None,
        }
    }
}

impl Release {
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
        // The PID that the PMT names follows with the PMT's reading: until then that of the picture.
        self.clock.follow(None);
        self.choice = Some(choice.clone());
        self.video_pid = video_pid;
        self.audio_pid = audio_pid;
        self.codecs.retain(|pid, _| choice.streams.iter().any(|stream| stream.pid == *pid));
        match &mut self.start {
            // What cannot be played is at least named.
            Some(_) if video_pid.is_none() && !may_have_audio => self.tell_program(),
            Some(start) => start.announce(video_pid.is_some(), may_have_audio),
            None => self.tell_program(),
        }
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
            FromUnit::Init(init) => {
                self.codecs.insert(pid, init.codec.clone());
                Held::VideoInit(init)
            }
            FromUnit::Frame(frame) => Held::Video(frame, self.received),
            FromUnit::Waiting => Held::Discontinuity(Track::Video, DiscontinuityReason::WaitingForRandomAccess),
        };
        match &mut self.start {
            Some(start) => start.hold(held),
            None => self.give(held),
        }
        self.begin(false);
    }

    /// Takes what came of audio bytes.
    pub(super) fn audio(&mut self, pid: u16, item: &FromAudio<'_>) {
        match item {
            FromAudio::Fault(reason) => self.fault(*reason, Some(pid), 1),
            FromAudio::Frame(frame) => {
                // The first of several candidates that turns out to be audio is the one.
                if *self.audio_pid.get_or_insert(pid) != pid {
                    return;
                }
                self.codecs.insert(pid, frame.config.codec());
                match &mut self.start {
                    Some(start) => start.hold(Held::Audio(HeldAudio::new(pid, frame), self.received)),
                    None => self.give_audio(pid, frame, self.received),
                }
                self.begin(false);
            }
        }
    }

    /// Lets the output begin if it can, or if it must.
    pub(super) fn begin(&mut self, must: bool) {
        let Some(start) = self.start.as_mut().filter(|start| must || start.ready()) else { return };
        let held = start.release(&mut self.timeline);
        self.start = None;
        self.tell_program();
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
            }
            Held::Audio(audio, received) => self.give_audio(audio.pid, &audio.frame(), received),
            Held::Discontinuity(track, reason) => self.queue.push_back(Output::Discontinuity { track, reason }),
        }
    }

    fn give_audio(&mut self, pid: u16, frame: &AudioFrame<'_>, received: Micros) {
        self.presentation.audio(pid, frame, &mut self.timeline, received, &mut self.queue);
    }

    /// No more pictures of the stream follow.
    pub(super) fn finish_video(&mut self) {
        self.presentation.finish_video(&mut self.queue);
    }

    /// Gives the audio frames of this push.
    pub(super) fn flush_audio(&mut self) {
        self.presentation.flush_audio(self.received, &mut self.queue);
    }

    /// Tells the programme, if anything in it is new.
    pub(super) fn tell_program(&mut self) {
        let Some(choice) = &self.choice else { return };
        let streams = choice.streams.iter().map(|stream| {
            let kind = match stream.content {
                Content::Unknown if self.audio_pid == Some(stream.pid) => StreamKind::Audio,
                content => content.kind(),
            };
            Stream {
                pid: stream.pid,
                stream_type: stream.stream_type,
                kind,
                codec: self.codecs.get(&stream.pid).cloned().or(stream.content.name().map(str::to_owned)),
                selected: self.video_pid == Some(stream.pid) || self.audio_pid == Some(stream.pid),
                language: None,
                role: None,
                note: None,
                pages: Vec::new(),
            }
        });
        let program = Program { number: choice.number, pcr_pid: None, streams: streams.collect() };
        if self.told.as_ref() != Some(&program) {
            self.told = Some(program.clone());
            self.queue.push_back(Output::Program(program));
        }
    }
}
