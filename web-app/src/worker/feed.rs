//! From the helper's frames to the page's events: one channel, one segmenter, one timeline.

use super::message::{FromWorker, Init, Media, Stream};
use super::post::Post;
use crate::segmenter::{Output, Segmenter, Track};
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
}

impl Feed {
    /// So many frames that follow come out of the helper's cache.
    pub(super) fn catch_up(&mut self, frames: u32) {
        self.cached_frames = frames;
    }

    /// Takes one binary message of the helper.
    pub(super) fn frame(&mut self, message: &[u8], post: &mut Post) {
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
        self.judge(ts, post);
        let cached = self.cached_frames > 0;
        self.cached_frames = self.cached_frames.saturating_sub(1);
        self.segmenter.push(ts, header.received_micros);
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
            Output::Programs(_)
            | Output::Schedule(_)
            | Output::Cue(_)
            | Output::Clock(_)
            | Output::DecoderWanted(_) => {}
            Output::Program(program) => {
                post.tell(FromWorker::Program { streams: program.streams.iter().map(Stream::from).collect() });
            }
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
