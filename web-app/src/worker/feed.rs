//! From the helper's frames to the page's events: one channel, one segmenter, one timeline.

use super::decoders::Decoders;
use super::message::{Choice, Clock, Cue, FromWorker, Init, Media, Program, ProgramEntry, Schedule};
use super::post::Post;
use crate::segmenter::{self, Options, Output, Segmenter, Stream, StreamKind, Takes, Track};
use amt_shared::ts::PACKET_LEN;
use amt_shared::wire::FrameHeader;

/// So many frames together are judged, whether they are a transport stream.
const FRAMES_TO_JUDGE: u32 = 50;
/// At least one byte in so many belongs to a packet there. Sync bytes stand in step by accident, too: in random bytes
/// one in about a hundred seems to.
const BYTES_A_PACKET_BYTE: u64 = 8;

/// A channel that is being received.
#[derive(Debug, Default)]
pub struct Feed {
    segmenter: Segmenter,
    timescales: [u32; 2],
    next_sequence: Option<u32>,
    cached_frames: u32,
    judged: Judged,
    /// The page did not take its media: left out until it does and decoding can begin again.
    overflowing: bool,
    /// Media before the last random access point was left out.
    begins_anew: bool,
    has_video: bool,
}

/// Whether what comes is a transport stream; see [`Feed::judge`].
#[derive(Debug, Default)]
struct Judged {
    frames: u32,
    bytes: u64,
    /// The demultiplexer's packets before these frames.
    packets_before: u64,
    is_other: bool,
}

impl Feed {
    /// A channel that begins, for a browser that takes this and a viewer who chose that.
    #[must_use]
    pub fn new(takes: Takes, choice: Choice) -> Self {
        // Chromium bears no picture whose references are missing, and stops the sound where pictures do not come.
        let options = Options { wait_for_random_access: !choice.damaged, make_up_pictures: true, takes };
        let mut segmenter = Segmenter::new(options);
        segmenter.choose_program(choice.program);
        segmenter.choose_audio(choice.audio);
        Self { segmenter, ..Self::default() }
    }

    /// Plays another programme of the same stream. The sound that was chosen in the one before stays until it ends.
    pub fn choose_program(&mut self, number: Option<u16>, decoders: &mut Decoders, post: &mut Post) {
        self.segmenter.choose_program(number);
        self.drain(false, decoders, post);
    }

    /// Plays another sound track of the programme.
    pub fn choose_audio(&mut self, pid: Option<u16>, decoders: &mut Decoders, post: &mut Post) {
        self.segmenter.choose_audio(pid);
        self.drain(false, decoders, post);
    }

    /// So many frames that follow come out of the helper's cache.
    pub fn catch_up(&mut self, frames: u32) {
        self.cached_frames = frames;
    }

    /// Takes one binary message of the helper.
    pub fn frame(&mut self, message: &[u8], decoders: &mut Decoders, post: &mut Post) {
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
            // How much a viewer did not get is not known.
            self.segmenter.lost(if skipped == 0 { header.missing } else { 0 });
        }
        let cached = self.cached_frames > 0;
        self.cached_frames = self.cached_frames.saturating_sub(1);
        self.segmenter.push(ts, header.received_micros);
        self.judge(ts.len(), post);
        self.drain(cached, decoders, post);
        let segmenter = &mut self.segmenter;
        if let Some(missing) = decoders.supply(|codec, decoder| segmenter.supply(codec, decoder)) {
            if missing.is_some() {
                post.tell(FromWorker::Fault { reason: "sound_decoder_missing".into(), count: 1 });
            }
            post.tell(FromWorker::Sound { missing });
            self.drain(cached, decoders, post);
        }
    }

    fn drain(&mut self, cached: bool, decoders: &mut Decoders, post: &mut Post) {
        while let Some(output) = self.segmenter.poll() {
            self.output(output, cached, decoders, post);
        }
    }

    /// Tells whether what comes is a transport stream, whenever that changes. The demultiplexer alone knows: packets
    /// may stand further apart than they are long, and other bytes may look like some.
    fn judge(&mut self, bytes: usize, post: &mut Post) {
        let judged = &mut self.judged;
        judged.frames += 1;
        judged.bytes += bytes as u64;
        if judged.frames < FRAMES_TO_JUDGE {
            return;
        }
        let packets = self.segmenter.packets();
        let in_packets = (packets - judged.packets_before) * PACKET_LEN as u64;
        let found = self.segmenter.recognised() && in_packets * BYTES_A_PACKET_BYTE >= judged.bytes;
        if found == judged.is_other {
            post.tell(FromWorker::TransportStream { found });
        }
        *judged = Judged { packets_before: packets, is_other: !found, ..Judged::default() };
    }

    fn output(&mut self, output: Output, cached: bool, decoders: &mut Decoders, post: &mut Post) {
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
            Output::Cue(cue) if !self.overflowing => {
                post.give(FromWorker::Cue(Cue::of(&cue)), Cue::bytes(&cue).to_vec())
            }
            Output::Cue(_) => {}
            Output::Clock(clock) => post.tell(FromWorker::Clock(Clock::from(&clock))),
            Output::DecoderWanted(codec) => decoders.want(codec),
            Output::Init(init) => {
                self.timescales[init.track as usize] = init.timescale;
                self.has_video |= init.track == Track::Video;
                post.give(FromWorker::Init(Init::from(&init)), init.data);
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
                    self.begins_anew = true;
                } else if told.key && told.track == Track::Video {
                    self.begins_anew = false;
                }
                if !self.overflowing {
                    let (event, data) = both_forms(told, media, self.begins_anew);
                    post.give(FromWorker::Media(event), data);
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

/// A segment, with what a decoder needs in place of it that began at the last random access point behind it; or that
/// alone where `begins_anew`: there media before that point was left out.
fn both_forms(mut told: Media, media: segmenter::Media, begins_anew: bool) -> (Media, Vec<u8>) {
    let mut data = media.data;
    match media.anew {
        Some(anew) if begins_anew => {
            (told.anew, told.gradual) = (0, false);
            (told, anew)
        }
        anew => {
            data.extend(anew.unwrap_or_default());
            (told, data)
        }
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
