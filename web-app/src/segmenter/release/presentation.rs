//! Places frames on the output timeline and writes them as media segments.
//!
//! Decoding times have no holes: each sample begins where the one before it ended, and ends where the next
//! is due by the source's clock. So a frame after a hole lasts as much longer as the hole is, and nobody has
//! to wait for the frame after to learn a duration. Presentation times stay the source's own. Sound goes on
//! by its frames' length; a hole is filled with silence, and frames too many are left out.

use std::collections::VecDeque;

use amt_shared::clock::TICKS_PER_SECOND;

use super::cues::Boundary;
use super::overlap::Overlap;
use super::started::{begun_anew, started};
use crate::segmenter::Takes;
use crate::segmenter::audio::boundaries::Boundaries;
use crate::segmenter::audio::config::{AudioConfig, Way};
use crate::segmenter::audio::{AudioFrame, ticks};
use crate::segmenter::fmp4;
use crate::segmenter::output::{DiscontinuityReason, Init, Media, Micros, Output, Sample, Track};
use crate::segmenter::time::jitter::{Jitter, Stamp};
use crate::segmenter::time::timeline::{Basis, Due, Timeline};
use crate::segmenter::video::VideoFrame;
use crate::segmenter::video::captions::CaptionOrder;

/// Holes longer than this are not bridged by a long frame or by silence: the decoding time steps.
const HOLE_MAX: i64 = 10 * TICKS_PER_SECOND;
/// Sound that is off by less than this is left as it is. For no known reason: 1½ frames of `length` samples. Where sound
/// is known to be missing: half a frame, which is the best that whole frames can do, and a little more. Without that,
/// sound that is off by just half a frame would be repaired to and fro for ever. Where silence can be of any length: a
/// millisecond.
fn tolerance(strict: bool, length: i64, config: &AudioConfig) -> i64 {
    match strict {
        false => length * 3 / 2,
        true if config.fills_exactly() => i64::from(config.sample_rate.div_ceil(1000)),
        true => length / 2 + length / 64,
    }
}

/// See the module.
#[derive(Debug)]
pub(in crate::segmenter) struct Presentation {
    takes: Takes,
    sequence: u32,
    video: VideoPlace,
    audio: AudioPlace,
}

/// Times in 90 kHz ticks of the output.
#[derive(Debug, Default)]
struct VideoPlace {
    pid: u16,
    /// Where the last sample ends.
    end: Option<i64>,
    /// Where the next frame is due.
    expected: i64,
    waiting: bool,
    /// Another programme begins: its times have nothing to do with those before.
    begins: bool,
    overlap: Overlap,
    captions: CaptionOrder,
}

/// Times in samples of the output.
#[derive(Debug, Default)]
struct AudioPlace {
    pid: u16,
    config: Option<AudioConfig>,
    /// Segments are the frames alone.
    bare: bool,
    /// Where the last sample ends.
    end: Option<i64>,
    /// Where the last frame ended by the source's clock.
    target: i64,
    /// The last time that the stream told, 90 kHz of the source, and the samples since; `None` before the first.
    source: Option<(i64, i64)>,
    /// What such times are worth.
    jitter: Jitter,
    /// Whether to keep to the source's clock closely.
    strict: bool,
    /// Another programme begins: its times have nothing to do with those before.
    begins: bool,
    /// Where segments begin besides.
    boundaries: Boundaries,
    /// What the next segments hold.
    data: Vec<u8>,
    samples: Vec<Sample>,
}

impl Presentation {
    /// For a browser that takes this.
    pub(in crate::segmenter) fn new(takes: Takes) -> Self {
        Self { takes, sequence: 0, video: VideoPlace::default(), audio: AudioPlace::default() }
    }

    /// Where the tracks end, 90 kHz ticks of the output: the picture as it is decoded and shown.
    pub(in crate::segmenter) fn ends(&self) -> [Option<i64>; 2] {
        let rate = self.audio.config.as_ref().map_or(1, |config| i64::from(config.sample_rate.max(1)));
        [
            self.video.end.max(self.video.overlap.end()),
            self.audio.end.map(|end| (end * TICKS_PER_SECOND + rate / 2) / rate),
        ]
    }

    /// Another programme goes on from here.
    pub(in crate::segmenter) fn another(&mut self) {
        self.video.begins = true;
        self.video.waiting = false;
        self.audio.begins = true;
        self.audio.source = None;
        self.audio.strict = true;
    }

    /// A new initialisation segment of the video track.
    pub(in crate::segmenter) fn video_init(&mut self, init: Init, outputs: &mut VecDeque<Output>) {
        self.video.pid = init.pid;
        outputs.push_back(Output::Init(init));
    }

    /// Places a video frame and gives its segment.
    pub(in crate::segmenter) fn video(
        &mut self,
        frame: VideoFrame,
        timeline: &mut Timeline,
        received: Micros,
        outputs: &mut VecDeque<Output>,
    ) {
        let VideoFrame { segment, anew, start, dts, pts, step, key, sync, after_loss, captions } = frame;
        let mut told = |reason| outputs.push_back(Output::Discontinuity { track: Track::Video, reason });
        let place = &mut self.video;
        let at = timeline.place(
            Track::Video,
            Due {
                source: dts,
                expected: place.end.filter(|_| !place.begins).map(|_| place.expected),
                basis: Basis::Guessed,
            },
        );
        place.begins = false;
        if at.jumped {
            told(DiscontinuityReason::ClockJump);
        } else if after_loss {
            told(DiscontinuityReason::FramesLost);
        }
        let target = at.time;
        place.expected = target + step;
        let mut begin = place.end.unwrap_or(target).max(0);
        if target - begin > HOLE_MAX {
            // Too long to hold one picture; players go on only with a key frame.
            place.waiting = true;
        }
        if place.waiting {
            if !key {
                return;
            }
            place.waiting = false;
            begin = begin.max(target);
            told(DiscontinuityReason::Gap);
        }
        // A frame that comes too early for its time is cut short, not to nothing.
        let end = (target + step).max(begin + (step / 2).max(1));
        place.end = Some(end);
        let shown = place.overlap.shown(pts - dts + target, step, key);
        let sample = Sample {
            dts: begin as u64,
            pts: shown,
            duration: (end - begin) as u32,
            source_pts: pts,
            key: sync,
            size: (segment.len() - fmp4::header_len(1)) as u32,
            offset: 0,
        };
        let (track, pid) = (Track::Video, place.pid);
        let times = (target, shown, pts);
        let mut media =
            Media { track, pid, data: segment, anew: None, gradual: key && !sync, samples: vec![sample], received };
        match anew {
            Some(data) => media.anew = Some(begun_anew(start, data, &media, self.sequence)),
            None => {
                media.gradual = false;
                started(start, &mut media);
            }
        }
        self.give(media, key, outputs);
        self.video.captions.picture(pid, times, captions, outputs);
    }

    /// No more video frames follow those that came.
    pub(in crate::segmenter) fn finish_video(&mut self, outputs: &mut VecDeque<Output>) {
        self.video.captions.finish(outputs);
    }

    /// Places an audio frame; [`Self::flush_audio`] gives it.
    pub(in crate::segmenter) fn audio(
        &mut self,
        pid: u16,
        frame: &AudioFrame<'_>,
        timeline: &mut Timeline,
        received: Micros,
        outputs: &mut VecDeque<Output>,
    ) {
        if self.audio.config.as_ref() != Some(frame.config) || self.audio.pid != pid {
            self.flush_audio(received, outputs);
            self.audio.configure(pid, frame.config);
            self.audio.bare = frame.config.way(self.takes) == Way::Bare;
            outputs.push_back(Output::Init(audio_init(pid, frame.config, self.audio.bare)));
        }
        let place = &mut self.audio;
        let mut told = |reason| outputs.push_back(Output::Discontinuity { track: Track::Audio, reason });
        if !place.locate(frame, timeline, &mut told) {
            return;
        }
        let Some(mut end) = place.end else { return };
        let length = i64::from(frame.samples);
        let off = place.target - end;
        let tolerance = tolerance(place.strict, length, frame.config);
        if off <= -tolerance {
            told(DiscontinuityReason::AudioDropped);
            place.advance(length);
            // A repair goes all the way.
            place.strict = true;
            return;
        }
        if off >= tolerance {
            place.strict = true;
            match frame.config.silence(off) {
                Some(_) if ticks(off, frame.config) <= HOLE_MAX => {
                    told(DiscontinuityReason::SilenceInserted);
                    end = place.fill(end, off, frame.config);
                }
                _ => {
                    // A segment has one decoding time: what stands behind the step is another one.
                    end = place.target;
                    self.flush_audio(received, outputs);
                    // Behind what comes before it.
                    let (track, reason) = (Track::Audio, DiscontinuityReason::Gap);
                    outputs.push_back(Output::Discontinuity { track, reason });
                }
            }
        }
        let place = &mut self.audio;
        place.append(end, place.source_time(0, frame.config), frame.samples, frame.data);
        place.end = Some(end + length);
        place.advance(length);
    }

    /// Lets segments of the sound begin there; those of the picture begin with every frame.
    pub(in crate::segmenter) fn segments_begin(&mut self, boundaries: impl Iterator<Item = Boundary>) {
        for boundary in boundaries {
            self.audio.boundaries.add(boundary, self.audio.end);
        }
    }

    /// Gives the audio frames placed since the last call as one segment, or as several where one is to begin in between.
    pub(in crate::segmenter) fn flush_audio(&mut self, received: Micros, outputs: &mut VecDeque<Output>) {
        while let Some(count) = self.audio.boundaries.cut() {
            let place = &mut self.audio;
            let samples = place.samples.split_off(count.min(place.samples.len()));
            let length = place.samples.iter().map(|sample| sample.size as usize).sum::<usize>();
            let data = place.data.split_off(length.min(place.data.len()));
            self.give_audio(received, outputs);
            (self.audio.samples, self.audio.data) = (samples, data);
        }
        self.give_audio(received, outputs);
    }

    fn give_audio(&mut self, received: Micros, outputs: &mut VecDeque<Output>) {
        let place = &mut self.audio;
        if place.samples.is_empty() {
            return;
        }
        let mut samples = core::mem::take(&mut place.samples);
        let (track, pid) = (Track::Audio, place.pid);
        if place.bare {
            let data = core::mem::take(&mut place.data);
            let mut offset = 0;
            for sample in &mut samples {
                sample.offset = offset;
                offset += sample.size;
            }
            outputs.push_back(Output::Media(Media { track, pid, data, anew: None, gradual: false, samples, received }));
            return;
        }
        let header = fmp4::header_len(samples.len());
        let mut segment = Vec::with_capacity(header + place.data.len());
        segment.resize(header, 0);
        segment.extend_from_slice(&place.data);
        place.data.clear();
        self.give(Media { track, pid, data: segment, anew: None, gradual: false, samples, received }, true, outputs);
    }

    /// Gives a segment whose data has room for its header; with `key` decoding can begin with it, if not as it is.
    fn give(&mut self, mut media: Media, key: bool, outputs: &mut VecDeque<Output>) {
        self.sequence = self.sequence.wrapping_add(1);
        fmp4::write_header(&mut media.data, self.sequence, &mut media.samples);
        if let Some(first) = media.samples.first_mut() {
            first.key = key;
        }
        outputs.push_back(Output::Media(media));
    }
}

impl AudioPlace {
    fn configure(&mut self, pid: u16, config: &AudioConfig) {
        let rescale = |time: i64| match &self.config {
            Some(before) => {
                let (to, from) = (i64::from(config.sample_rate), i64::from(before.sample_rate.max(1)));
                (time * to + from / 2) / from
            }
            None => time,
        };
        self.end = self.end.map(rescale);
        self.target = rescale(self.target);
        self.source = self.source.map(|(pts, since)| (pts, rescale(since)));
        self.config = Some(config.clone());
        self.pid = pid;
        self.strict = true;
        self.jitter = Jitter::default();
    }

    /// Finds where the frame is due; `false` where that is not known, or before the output begins.
    fn locate(
        &mut self,
        frame: &AudioFrame<'_>,
        timeline: &mut Timeline,
        told: &mut impl FnMut(DiscontinuityReason),
    ) -> bool {
        let rate = i64::from(frame.config.sample_rate);
        let mut sure = false;
        match frame.pts {
            Some(pts) => {
                let basis = if frame.disturbed { Basis::Disturbed } else { Basis::Counted };
                let known = self.end.filter(|_| !core::mem::take(&mut self.begins));
                let expected = known.map(|_| (self.target * TICKS_PER_SECOND + rate / 2) / rate);
                let at = timeline.place(Track::Audio, Due { source: pts, expected, basis });
                let judged = self.jitter.judge(Stamp {
                    told: (at.time * rate + TICKS_PER_SECOND / 2).div_euclid(TICKS_PER_SECOND),
                    due: self.target + i64::from(frame.missing),
                    passed: self.source.map_or(0, |(_, since)| since),
                    excused: known.is_none() || at.jumped || frame.disturbed,
                    rate,
                });
                (self.target, sure) = (judged.at, judged.sure);
                self.source = Some((pts, 0));
                if at.jumped {
                    told(DiscontinuityReason::ClockJump);
                }
                self.strict |= at.jumped;
            }
            None if self.source.is_none() => return false,
            None => self.advance(i64::from(frame.missing)),
        }
        self.strict |= frame.disturbed;
        if self.end.is_none() {
            if self.target < 0 {
                self.advance(frame.samples.into());
                return false;
            }
            self.end = Some(self.target);
        }
        let off = (self.target - self.end.unwrap_or_default()).abs();
        // Only another time of the stream shows that the last one was not false itself.
        if off < tolerance(true, frame.samples.into(), frame.config) && !frame.disturbed && sure {
            self.strict = false;
        }
        true
    }

    /// The source's clock goes on by `samples`.
    fn advance(&mut self, samples: i64) {
        self.target += samples;
        if let Some((_, since)) = &mut self.source {
            *since += samples;
        }
    }

    /// The source's time `samples` from where its clock stands.
    fn source_time(&self, samples: i64, config: &AudioConfig) -> i64 {
        self.source.map_or(0, |(told, since)| told + ticks(since + samples, config))
    }

    /// Fills the `hole` samples from `end` on with silence, as nearly as its frames allow; tells where that ends.
    fn fill(&mut self, mut end: i64, hole: i64, config: &AudioConfig) -> i64 {
        let mut left = hole;
        // Silence is counted back from what follows it.
        let whole = config.silence(hole).map_or(0, |silence| i64::from(silence.samples));
        let over = if config.fills_exactly() || whole == 0 { 0 } else { (hole + whole / 2) / whole * whole - hole };
        while let Some(silence) = config.silence(left) {
            let length = i64::from(silence.samples);
            self.append(end, self.source_time(-(left + over), config), silence.samples, &silence.data);
            end += length;
            left -= length;
        }
        end
    }

    fn append(&mut self, dts: i64, source_pts: i64, samples: u32, data: &[u8]) {
        let rate = self.config.as_ref().map_or(1, |config| config.sample_rate);
        self.boundaries.frame(dts, samples, rate, self.samples.len());
        self.samples.push(Sample {
            dts: dts as u64,
            pts: dts,
            duration: samples,
            source_pts,
            key: true,
            size: data.len() as u32,
            offset: 0,
        });
        self.data.extend_from_slice(data);
    }
}

fn audio_init(pid: u16, config: &AudioConfig, bare: bool) -> Init {
    Init {
        track: Track::Audio,
        pid,
        codec: config.codec(),
        timescale: config.sample_rate,
        width: 0,
        height: 0,
        sample_rate: config.sample_rate,
        channels: config.channels,
        data: if bare { Vec::new() } else { fmp4::audio_init(config) },
    }
}
