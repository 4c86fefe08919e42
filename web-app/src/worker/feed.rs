//! From the helper's frames to the page's events: one channel, one segmenter, one timeline.

use super::message::{Choice, Clock, Cue, FromWorker, Init, Media, Program, ProgramEntry, Schedule};
use super::post::Post;
use super::sound::Sound;
use crate::segmenter::{Options, Output, Segmenter, SoundCodec, Stream, StreamKind, Takes, Track};
use amt_shared::ts::{PACKET_LEN, SYNC_BYTE};
use amt_shared::wire::FrameHeader;

/// After so many frames without a transport packet it is told that this is no TS.
const FRAMES_TO_JUDGE: u32 = 50;

/// A channel that is being received.
#[derive(Default)]
pub(super) struct Feed {
    segmenter: Segmenter,
    timescales: [u32; 2],
    next_sequence: Option<u32>,
    cached_frames: u32,
    frames_without_ts: u32,
    /// The page did not take its media: left out until it does and decoding can begin again.
    overflowing: bool,
    has_video: bool,
    /// Decoders that the segmenter has asked for and not got.
    wanted: Vec<SoundCodec>,
}

impl Feed {
    /// A channel that begins, for a browser that takes this and a viewer who chose that.
    pub(super) fn new(takes: Takes, choice: Choice) -> Self {
        // Chromium bears no picture whose references are missing, and stops the sound where pictures do not come.
        let options = Options { wait_for_random_access: !choice.damaged, make_up_pictures: true, takes };
        let mut segmenter = Segmenter::new(options);
        segmenter.choose_program(choice.program);
        segmenter.choose_audio(choice.audio);
        Self { segmenter, ..Self::default() }
    }

    /// Plays another programme of the same stream. The sound that was chosen in the one before stays until it ends.
    pub(super) fn choose_program(&mut self, number: Option<u16>, post: &mut Post) {
        self.segmenter.choose_program(number);
        self.drain(false, post);
    }

    /// Plays another sound track of the programme.
    pub(super) fn choose_audio(&mut self, pid: Option<u16>, post: &mut Post) {
        self.segmenter.choose_audio(pid);
        self.drain(false, post);
    }

    /// So many frames that follow come out of the helper's cache.
    pub(super) fn catch_up(&mut self, frames: u32) {
        self.cached_frames = frames;
    }

    /// Takes one binary message of the helper.
    pub(super) fn frame(&mut self, message: &[u8], sound: &Sound, post: &mut Post) {
        let (header, ts) = match FrameHeader::decode(message) {
            Ok(frame) => frame,
            Err(error) => return post.tell(FromWorker::Fault { reason: error.to_string(), count: 1 }),
        };
        let skipped = self.next_sequence.map_or(0, |next| header.sequence.wrapping_sub(next));
        self.next_sequence = Some(header.sequence.wrapping_add(1));
        if skipped != 0 {
            post.tell(FromWorker::Fault { reason: "viewer_gap".into(), count: skipped.into() });
        }
        if header.gap {
            post.tell(FromWorker::Fault { reason: "upstream_gap".into(), count: 1 });
        }
        if skipped != 0 || header.gap {
            self.segmenter.lost();
        }
        self.judge(ts, post);
        let cached = self.cached_frames > 0;
        self.cached_frames = self.cached_frames.saturating_sub(1);
        self.segmenter.push(ts, header.received_micros);
        self.drain(cached, post);
        if !self.wanted.is_empty() {
            self.supply(sound, post);
            self.drain(cached, post);
        }
    }

    /// Hands in the decoders that are there by now. A module that loads is asked for with every frame: those come in
    /// quick succession.
    fn supply(&mut self, sound: &Sound, post: &mut Post) {
        let segmenter = &mut self.segmenter;
        self.wanted.retain(|codec| match sound.decoder(*codec) {
            None => true,
            Some(Ok(decoder)) => {
                segmenter.supply(*codec, decoder);
                false
            }
            Some(Err(reason)) => {
                post.tell(FromWorker::Fault { reason, count: 1 });
                false
            }
        });
    }

    fn drain(&mut self, cached: bool, post: &mut Post) {
        while let Some(output) = self.segmenter.poll() {
            self.output(output, cached, post);
        }
    }

    fn judge(&mut self, ts: &[u8], post: &mut Post) {
        if self.frames_without_ts > FRAMES_TO_JUDGE {
            return;
        }
        let has_ts = (0..PACKET_LEN.min(ts.len()))
            .any(|start| ts[start..].iter().step_by(PACKET_LEN).all(|byte| *byte == SYNC_BYTE));
        self.frames_without_ts = if has_ts { 0 } else { self.frames_without_ts + 1 };
        if self.frames_without_ts > FRAMES_TO_JUDGE {
            post.tell(FromWorker::NotTs);
        }
    }

    fn output(&mut self, output: Output, cached: bool, post: &mut Post) {
        match output {
            Output::Programs(programs) => {
                post.tell(FromWorker::Programs { programs: programs.iter().map(ProgramEntry::from).collect() });
            }
            Output::Program(program) => {
                let is_video = |stream: &Stream| stream.selected && stream.kind == StreamKind::Video;
                self.has_video &= program.streams.iter().any(is_video);
                post.tell(FromWorker::Program(Program::from(&program)));
            }
            Output::Schedule(schedule) => post.tell(FromWorker::Schedule(Schedule::from(&schedule))),
            // Whoever does not take its media is not buried in captions either.
            Output::Cue(cue) if !self.overflowing => post.give(FromWorker::Cue(Cue::of(&cue)), Cue::bytes(&cue)),
            Output::Cue(_) => {}
            Output::Clock(clock) => post.tell(FromWorker::Clock(Clock::from(&clock))),
            Output::DecoderWanted(codec) => self.wanted.push(codec),
            Output::Init(init) => {
                self.timescales[init.track as usize] = init.timescale;
                self.has_video |= init.track == Track::Video;
                post.give(FromWorker::Init(Init::from(&init)), &init.data);
            }
            Output::Media(media) => {
                let timescale = self.timescales[media.track as usize];
                let Some(told) = Media::of(&media, timescale, cached) else { return };
                if post.is_full() && !self.overflowing {
                    self.overflowing = true;
                    post.tell(FromWorker::Overflow);
                }
                let begins = told.key && (told.track == Track::Video || !self.has_video);
                if self.overflowing && !post.is_full() && begins {
                    self.overflowing = false;
                }
                if !self.overflowing {
                    post.give(FromWorker::Media(told), &media.data);
                }
            }
            Output::Discontinuity { track, reason } => {
                post.tell(FromWorker::Discontinuity { track, reason: reason.as_str().into() });
            }
            Output::Fault { reason, count, .. } => {
                post.tell(FromWorker::Fault { reason: reason.as_str().into(), count });
            }
        }
    }
}
