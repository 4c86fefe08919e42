//! How the output begins: when, with which tracks, and at which source time.
//!
//! Browsers want to know all tracks before the first segment. So frames are held until each track that the
//! programme announces has come, or one has gone on for so long without the other that it is not waited for
//! any more. The output's time 0 is the first video frame's decoding time, or that of the little sound that
//! stands just before it.

use std::collections::VecDeque;

use amt_shared::clock::TICKS_PER_SECOND;

use crate::segmenter::audio::config::AudioConfig;
use crate::segmenter::audio::{AudioFrame, ticks};
use crate::segmenter::output::{DiscontinuityReason, Init, Micros, Track};
use crate::segmenter::time::timeline::Timeline;
use crate::segmenter::video::VideoFrame;

/// How long one track is held for another that has sent nothing.
const WAIT_SILENT: i64 = TICKS_PER_SECOND;
/// The same where bytes came: video that has no random access point yet, sound that has no whole frame yet.
const WAIT_COMING: [i64; 2] = [10 * TICKS_PER_SECOND, 2 * TICKS_PER_SECOND];
/// How long either track is held for the first pictures to show what their initialisation segment has to say: no longer
/// than Chromium waits for sound before it begins to play.
const WAIT_UNSETTLED: i64 = TICKS_PER_SECOND / 5;
/// Bytes held at most, whatever the times say.
const HELD_MAX: usize = 16 << 20;
/// Initialisation segments and discontinuities held at most before anything of the tracks: only the last ones count.
const BARE_MAX: usize = 64;
/// Sound frames held at most; older ones would be left out in any case.
const AUDIO_FRAMES_MAX: usize = 256;
/// Sound that begins no more than this before the picture is kept: 50 ms.
const AUDIO_LEAD: i64 = TICKS_PER_SECOND / 20;

/// Something held.
#[derive(Debug)]
pub(in crate::segmenter) enum Held {
    VideoInit(Init),
    Video(VideoFrame, Micros),
    Audio(HeldAudio, Micros),
    Discontinuity(Track, DiscontinuityReason),
}

impl Held {
    /// What it takes.
    fn bytes(&self) -> usize {
        let data = match self {
            Self::VideoInit(init) => init.data.len(),
            Self::Video(frame, _) => frame.segment.len(),
            Self::Audio(frame, _) => frame.data.len(),
            Self::Discontinuity(..) => 0,
        };
        size_of::<Self>() + data
    }
}

/// An [`AudioFrame`] with bytes of its own.
#[derive(Debug)]
pub(in crate::segmenter) struct HeldAudio {
    pub(in crate::segmenter) pid: u16,
    config: AudioConfig,
    pub(in crate::segmenter) pts: Option<i64>,
    missing: u32,
    disturbed: bool,
    samples: u32,
    data: Vec<u8>,
}

impl HeldAudio {
    pub(in crate::segmenter) fn new(pid: u16, frame: &AudioFrame<'_>) -> Self {
        let AudioFrame { config, pts, missing, disturbed, samples, data } = *frame;
        Self { pid, config: config.clone(), pts, missing, disturbed, samples, data: data.to_vec() }
    }

    /// How long it sounds, 90 kHz ticks.
    pub(in crate::segmenter) fn ticks(&self) -> i64 {
        ticks(self.samples.into(), &self.config)
    }

    /// Gives it the time `due`, if the stream told none; its time, if it has one now.
    pub(in crate::segmenter) fn time(&mut self, due: Option<i64>) -> Option<i64> {
        self.pts = self.pts.or_else(|| Some(due? + ticks(self.missing.into(), &self.config)));
        self.pts
    }

    pub(in crate::segmenter) fn frame(&self) -> AudioFrame<'_> {
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
pub(in crate::segmenter) struct Start {
    held: VecDeque<Held>,
    bytes: usize,
    audio_frames: usize,
    tracks: [Expected; 2],
    /// The next pictures may show that the initialisation segment held should say something else: where the tracks
    /// stood when it came.
    unsettled: Option<[Option<i64>; 2]>,
}

impl Start {
    /// The programme has these tracks.
    pub(in crate::segmenter) fn announce(&mut self, video: bool, audio: bool) {
        self.tracks[Track::Video as usize].announced = video;
        self.tracks[Track::Audio as usize].announced = audio;
    }

    /// A track will not come, whatever the programme announces.
    pub(in crate::segmenter) fn without(&mut self, track: Track) {
        self.tracks[track as usize].announced = false;
    }

    /// Bytes of a track came.
    pub(in crate::segmenter) fn coming(&mut self, track: Track) {
        self.tracks[track as usize].coming = true;
    }

    /// Holds something.
    pub(in crate::segmenter) fn hold(&mut self, item: Held) {
        self.bytes += item.bytes();
        match &item {
            Held::Video(frame, _) => {
                self.seen(Track::Video, frame.dts);
            }
            Held::Audio(frame, _) => {
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
        let [video, audio] = self.tracks;
        if video.span.is_none() && audio.span.is_none() && self.held.len() >= BARE_MAX + self.audio_frames {
            // An initialisation segment may be that of the frames to come.
            let told = self.held.iter().position(|item| matches!(item, Held::Discontinuity(..)));
            let oldest = told.or_else(|| self.held.iter().position(|item| matches!(item, Held::VideoInit(_))));
            if let Some(oldest) = oldest.and_then(|index| self.held.remove(index)) {
                self.bytes -= oldest.bytes();
            }
        }
        self.held.push_back(item);
    }

    /// The next pictures may show that the initialisation segment held should say something else.
    pub(in crate::segmenter) fn unsettle(&mut self) {
        self.unsettled = Some(self.tracks.map(|track| track.span.map(|(_, last)| last)));
    }

    /// They did: `settled` takes its place, if there is such.
    pub(in crate::segmenter) fn settle(&mut self, settled: Option<Init>) {
        self.unsettled = None;
        let held = self.held.iter_mut().rev().find_map(|item| match item {
            Held::VideoInit(init) => Some(init),
            _ => None,
        });
        if let (Some(held), Some(settled)) = (held, settled) {
            *held = settled;
        }
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
            self.bytes -= size_of::<Held>() + frame.data.len();
        }
    }

    /// Whether the output can begin.
    pub(in crate::segmenter) fn ready(&self) -> bool {
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
        let gone = |(track, stood): (Expected, Option<i64>)| {
            let waited = |(first, last): (i64, i64)| (last - stood.unwrap_or(first)).abs() >= WAIT_UNSETTLED;
            track.span.is_some_and(waited)
        };
        let settled = self.unsettled.is_none_or(|stood| [video, audio].into_iter().zip(stood).any(gone));
        self.bytes > HELD_MAX || settled && !waits_for(Track::Video) && !waits_for(Track::Audio)
    }

    /// Another sound track is the one: what is held of others is left out.
    pub(in crate::segmenter) fn keep_audio(&mut self, pid: u16) {
        let (bytes, frames) = (&mut self.bytes, &mut self.audio_frames);
        let before = *frames;
        self.held.retain(|item| match item {
            Held::Audio(frame, _) if frame.pid != pid => {
                *bytes -= size_of::<Held>() + frame.data.len();
                *frames -= 1;
                false
            }
            _ => true,
        });
        if self.audio_frames != before {
            self.tracks[Track::Audio as usize].span = None;
        }
    }

    /// Begins the timeline and gives what was held. Where another programme was played before, its tracks end at
    /// `ends`: what is held goes on behind both.
    pub(in crate::segmenter) fn release(&mut self, timeline: &mut Timeline, ends: [Option<i64>; 2]) -> VecDeque<Held> {
        let [video, audio] = self.tracks;
        let mut held = core::mem::take(&mut self.held);
        *self = Self::default();
        let sound_from = |from: i64| {
            let times = held.iter().filter_map(|item| match item {
                Held::Audio(frame, _) => frame.pts.filter(|pts| *pts >= from),
                _ => None,
            });
            times.min()
        };
        let (track, origin, sound) = match (video.span, audio.span) {
            (Some((first, _)), _) => {
                let sound = sound_from(first - AUDIO_LEAD);
                (Track::Video, sound.map_or(first, |sound| sound.min(first)), sound)
            }
            (None, Some((first, _))) => {
                // The oldest may have been dropped.
                let oldest = held.iter().find_map(|item| match item {
                    Held::Audio(frame, _) => frame.pts,
                    _ => None,
                });
                (Track::Audio, oldest.unwrap_or(first), oldest)
            }
            (None, None) => return held,
        };
        let last = ends.into_iter().flatten().max();
        let begins = [video.span.map(|(first, _)| first), sound];
        let behind = |(end, begin): (Option<i64>, Option<i64>)| Some(end.or(last)? - (begin? - origin));
        let at = ends.into_iter().zip(begins).filter_map(behind).max().unwrap_or(0);
        timeline.start(track, origin, at);
        if last.is_some() {
            // Sound from before the beginning is not missing.
            let mut begun = false;
            held.retain(|item| match item {
                Held::Audio(frame, _) => {
                    begun |= frame.pts.is_some_and(|pts| pts >= origin);
                    begun
                }
                _ => true,
            });
        }
        held
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn what_comes_before_any_frame_does_not_pile_up() {
        let mut start = Start::default();
        start.announce(true, true);
        for _ in 0..10_000 {
            start.hold(Held::Discontinuity(Track::Video, DiscontinuityReason::WaitingForRandomAccess));
        }
        assert!(start.held.len() <= BARE_MAX && !start.ready());
        assert_eq!(start.bytes, start.held.len() * size_of::<Held>());
    }
}
