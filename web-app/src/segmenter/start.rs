//! How the output begins: when, with which tracks, and at which source time.
//!
//! Browsers want to know all tracks before the first segment. So frames are held until each track that the
//! programme announces has come, or one has gone on for so long without the other that it is not waited for
//! any more. The output's time 0 is the first video frame's decoding time, or that of the little sound that
//! stands just before it.

use std::collections::VecDeque;

use amt_shared::clock::TICKS_PER_SECOND;

use super::audio::AudioFrame;
use super::audio_config::AudioConfig;
use super::output::{DiscontinuityReason, Init, Micros, Track};
use super::timeline::Timeline;
use super::video::VideoFrame;

/// How long one track is held for another that has sent nothing.
const WAIT_SILENT: i64 = TICKS_PER_SECOND;
/// The same where bytes came: video that has no random access point yet, sound that has no whole frame yet.
const WAIT_COMING: [i64; 2] = [10 * TICKS_PER_SECOND, 2 * TICKS_PER_SECOND];
/// Bytes held at most, whatever the times say.
const HELD_MAX: usize = 16 << 20;
/// Sound frames held at most; older ones would be left out in any case.
const AUDIO_FRAMES_MAX: usize = 256;
/// Sound that begins no more than this before the picture is kept: 50 ms.
const AUDIO_LEAD: i64 = TICKS_PER_SECOND / 20;

/// Something held.
#[derive(Debug)]
pub(super) enum Held {
    VideoInit(Init),
    Video(VideoFrame, Micros),
    Audio(HeldAudio, Micros),
    Discontinuity(Track, DiscontinuityReason),
}

/// An [`AudioFrame`] with bytes of its own.
#[derive(Debug)]
pub(super) struct HeldAudio {
    pub(super) pid: u16,
    config: AudioConfig,
    pts: Option<i64>,
    missing: u32,
    disturbed: bool,
    samples: u32,
    data: Vec<u8>,
}

impl HeldAudio {
    pub(super) fn new(pid: u16, frame: &AudioFrame<'_>) -> Self {
        let AudioFrame { config, pts, missing, disturbed, samples, data } = *frame;
        Self { pid, config: config.clone(), pts, missing, disturbed, samples, data: data.to_vec() }
    }

    pub(super) fn frame(&self) -> AudioFrame<'_> {
        let Self { pid: _, ref config, pts, missing, disturbed, samples, ref data } = *self;
        AudioFrame { config, pts, missing, disturbed, samples, data }
    }
}

/// What is known of a track before the output begins.
#[derive(Clone, Copy, Debug, Default)]
struct Expected {
    /// The programme announces it.
    announced: bool,
    /// Bytes of it came.
    coming: bool,
    /// First and last time of its frames, once there are some.
    span: Option<(i64, i64)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Start {
    held: VecDeque<Held>,
    bytes: usize,
    audio_frames: usize,
    tracks: [Expected; 2],
}

impl Start {
    /// The programme has these tracks.
    pub(super) fn announce(&mut self, video: bool, audio: bool) {
        self.tracks[Track::Video as usize].announced = video;
        self.tracks[Track::Audio as usize].announced = audio;
    }

    /// Bytes of a track came.
    pub(super) fn coming(&mut self, track: Track) {
        self.tracks[track as usize].coming = true;
    }

    /// Holds something.
    pub(super) fn hold(&mut self, item: Held) {
        match &item {
            Held::Video(frame, _) => {
                self.bytes += frame.segment.len();
                self.seen(Track::Video, frame.dts);
            }
            Held::Audio(frame, _) => {
                self.bytes += frame.data.len();
                self.audio_frames += 1;
                if let Some(pts) = frame.pts {
                    self.seen(Track::Audio, pts);
                }
                if self.audio_frames > AUDIO_FRAMES_MAX {
                    self.drop_oldest_audio();
                }
            }
            Held::VideoInit(_) | Held::Discontinuity(..) => {}
        }
        self.held.push_back(item);
    }

    fn seen(&mut self, track: Track, time: i64) {
        let (_, last) = self.tracks[track as usize].span.get_or_insert((time, time));
        *last = time;
    }

    fn drop_oldest_audio(&mut self) {
        if let Some(index) = self.held.iter().position(|item| matches!(item, Held::Audio(..)))
            && let Some(Held::Audio(frame, _)) = self.held.remove(index)
        {
            self.audio_frames -= 1;
            self.bytes -= frame.data.len();
        }
    }

    /// Whether the output can begin.
    pub(super) fn ready(&self) -> bool {
        let [video, audio] = self.tracks;
        if video.span.is_none() && audio.span.is_none() {
            return false;
        }
        let waits_for = |kind: Track| {
            let (track, other) = (self.tracks[kind as usize], self.tracks[1 - kind as usize]);
            let patience = if track.coming { WAIT_COMING[kind as usize] } else { WAIT_SILENT };
            // Times that jump count as time gone by.
            track.announced
                && track.span.is_none()
                && other.span.is_none_or(|(first, last)| (last - first).abs() < patience)
        };
        self.bytes > HELD_MAX || !waits_for(Track::Video) && !waits_for(Track::Audio)
    }

    /// Begins the timeline and gives what was held.
    pub(super) fn release(&mut self, timeline: &mut Timeline) -> VecDeque<Held> {
        let [video, audio] = self.tracks;
        let held = core::mem::take(&mut self.held);
        if let Some((first, _)) = video.span {
            let before = held.iter().filter_map(|item| match item {
                Held::Audio(frame, _) => frame.pts.filter(|pts| (first - AUDIO_LEAD..first).contains(pts)),
                _ => None,
            });
            timeline.start(Track::Video, before.min().unwrap_or(first));
        } else if let Some((first, _)) = audio.span {
            // The oldest may have been dropped.
            let oldest = held.iter().find_map(|item| match item {
                Held::Audio(frame, _) => frame.pts,
                _ => None,
            });
            timeline.start(Track::Audio, oldest.unwrap_or(first));
        }
        *self = Self::default();
        held
    }
}
