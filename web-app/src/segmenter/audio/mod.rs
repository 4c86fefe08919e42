//! The sound: from the payloads of PES packets to access units with source times, whatever the codec.
//!
//! A frame goes out with its last byte. A frame with a hole in it is left out, and how much is missing is reckoned
//! from the bytes that are. Until the first frame, after a hole, and where a PES packet was shorter than it had
//! declared, a header counts only if another one of the same kind stands behind its frame. Where the bytes are not
//! what the tables say, or these do not say anything, several headers in a row tell what they are.

pub(in crate::segmenter) mod boundaries;
pub(in crate::segmenter) mod config;
pub(in crate::segmenter) mod decoding;
pub(in crate::segmenter) mod switch;

use std::collections::VecDeque;

use super::codec::framer::{AccessUnit, AudioCodec, FRAME_MAX, Framer, Look, recognise, stands_in};
use super::output::FaultReason;
use crate::segmenter::time::timeline::Timeline;
use crate::segmenter::transport::pes::PesStream;
use config::AudioConfig;

/// Bytes in a packet's payload, of those that are missing.
const PAYLOAD: usize = 184;
/// No more frames than this are reckoned to be missing without a time that tells.
const MISSING_MAX: usize = 64;
/// Bytes held at most: two of the longest frames, and a packet.
const BUFFER_MAX: usize = 2 * FRAME_MAX + PAYLOAD;
/// Bytes passed over before it is asked again what they are.
const PASSED_MAX: usize = 4096;
/// Bytes that are looked through to recognise a codec, and how many more there have to be before another attempt.
const RECOGNISE_MAX: usize = 2 * FRAME_MAX;
const RECOGNISE_STEP: usize = 736;
/// PES packets whose first frame has not come yet.
const MARKS_MAX: usize = 64;

/// An access unit on its way to the output.
#[derive(Clone, Copy, Debug)]
pub(super) struct AudioFrame<'a> {
    pub(super) config: &'a AudioConfig,
    /// Of the source, where the stream tells it for this frame: 90 kHz ticks, unwrapped.
    pub(super) pts: Option<i64>,
    /// Samples reckoned to be missing before this one.
    pub(super) missing: u32,
    /// Sound is missing since the last time that the stream told.
    pub(super) disturbed: bool,
    /// How long it sounds, in samples.
    pub(super) samples: u32,
    /// As it stands in MP4.
    pub(super) data: &'a [u8],
}

/// What came of the bytes.
#[derive(Debug)]
pub(super) enum FromAudio<'a> {
    Frame(AudioFrame<'a>),
    Fault(FaultReason),
}

/// An audio PID.
#[derive(Debug, Default)]
pub(super) struct AudioTrack {
    pub(super) pes: PesStream,
    pub(super) frames: AudioFrames,
}

impl AudioTrack {
    /// A track that the tables say to be of `codec`; `None` where its bytes have to tell.
    pub(super) fn new(codec: Option<AudioCodec>) -> Self {
        Self { pes: PesStream::default(), frames: AudioFrames::new(codec) }
    }
}

/// Makes access units of bytes.
#[derive(Debug, Default)]
pub(super) struct AudioFrames {
    /// What the tables say, or what the bytes were recognised as.
    likely: Option<AudioCodec>,
    framer: Option<Box<dyn Framer>>,
    /// Of two mono sounds the second is wanted.
    second: bool,
    /// The bytes have to tell what they are.
    unknown: bool,
    /// What frames in a row have in common, from the first one on.
    key: Option<u32>,
    /// Bytes not yet used; a frame begins at their start while `aligned`.
    buffer: Vec<u8>,
    aligned: bool,
    /// Where in `buffer` PES packets begin, and their times.
    marks: VecDeque<(isize, i64)>,
    /// Where in `buffer` bytes may be missing, and how many.
    doubt: Option<(usize, usize)>,
    hole: Option<Hole>,
    disturbed: bool,
    /// Mean length of a frame with its header, times 16.
    mean_len: usize,
    /// Bytes passed over since the last frame.
    passed: usize,
    /// Lengths of `buffer` at which it is looked again for what the tables say, and for anything else.
    look_at: usize,
    retry_at: usize,
}

/// Bytes that are missing or were passed over since the last whole frame.
#[derive(Clone, Copy, Debug)]
struct Hole {
    bytes: usize,
    /// Length of the frame that it begins in, where its header came.
    first: Option<usize>,
}

impl Hole {
    /// How many frames of `mean` bytes (times 16) it holds: what begins and ends with whole frames.
    fn frames(self, mean: usize) -> usize {
        let by_mean = |bytes: usize| (bytes * 16 + mean / 2).checked_div(mean).unwrap_or(0);
        let frames = match self.first {
            Some(first) if self.bytes <= first => 1,
            Some(first) => 1 + by_mean(self.bytes - first).max(1),
            None => by_mean(self.bytes),
        };
        frames.min(MISSING_MAX)
    }
}

impl AudioFrames {
    fn new(likely: Option<AudioCodec>) -> Self {
        Self { likely, framer: likely.map(AudioCodec::framer), unknown: true, ..Self::default() }
    }

    /// Where there are two mono sounds in one stream, from here on the second is wanted, or the first.
    pub(super) fn choose(&mut self, second: bool) {
        self.second = second;
        if let Some(framer) = &mut self.framer {
            framer.choose(second);
        }
    }

    /// A PES packet begins with the next bytes.
    pub(super) fn begin(&mut self, pts: Option<u64>, timeline: &mut Timeline) {
        if let Some(pts) = pts.map(|pts| timeline.unwrap(pts)) {
            let at = self.buffer.len() as isize;
            // Of two that begin at one place the first had no bytes.
            self.marks.pop_back_if(|(mark, _)| *mark == at);
            self.marks.push_back((at, pts));
            if self.marks.len() > MARKS_MAX {
                self.marks.pop_front();
            }
        }
    }

    /// The PES packet that ends here was so many bytes shorter than it had declared: they are missing, or the
    /// declaration was wrong.
    pub(super) fn doubt(&mut self, bytes: usize) {
        if !self.buffer.is_empty() && self.doubt.is_none() {
            self.doubt = Some((self.buffer.len(), bytes));
        }
    }

    /// Packets are missing here.
    pub(super) fn lost(&mut self, packets: usize, give: &mut impl FnMut(FromAudio<'_>)) {
        if !self.buffer.is_empty() && self.key.is_some() {
            give(FromAudio::Fault(FaultReason::DamagedAudio));
        }
        let first = match self.look(0) {
            Look::Frame { len, .. } if self.aligned => Some(len),
            _ => None,
        };
        let hole = self.hole.get_or_insert(Hole { bytes: 0, first });
        hole.bytes += self.buffer.len() + packets * PAYLOAD;
        self.disturbed = true;
        self.aligned = false;
        self.doubt = None;
        self.marks.clear();
        self.buffer.clear();
    }

    /// Takes bytes of the stream.
    pub(super) fn push(&mut self, data: &[u8], give: &mut impl FnMut(FromAudio<'_>)) {
        if data.is_empty() {
            return;
        }
        self.buffer.extend_from_slice(data);
        if self.unknown {
            self.recognise(give);
        }
        let mut at = 0;
        while let Some(next) = self.frame_at(at, give) {
            at = next;
        }
        self.discard(at);
        if self.passed > PASSED_MAX {
            // Not what it is taken for, or not any more.
            self.unknown = true;
            self.disturbed = true;
            self.passed = 0;
            (self.look_at, self.retry_at) = (0, 0);
        }
        debug_assert!(self.buffer.len() <= BUFFER_MAX);
    }

    /// The first `count` bytes of the buffer are done with.
    fn discard(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        self.buffer.drain(..count);
        self.look_at = self.look_at.saturating_sub(count);
        self.retry_at = self.retry_at.saturating_sub(count);
        for (mark, _) in &mut self.marks {
            *mark -= count as isize;
        }
        self.doubt = self.doubt.and_then(|(at, bytes)| Some((at.checked_sub(count)?, bytes)));
    }

    /// Finds out what the bytes are.
    fn recognise(&mut self, give: &mut impl FnMut(FromAudio<'_>)) {
        // A look goes over all there is: the more that is, the more has to come before the next one.
        let (length, enough) = (self.buffer.len(), self.buffer.len() > RECOGNISE_MAX);
        if length < self.look_at && !enough {
            return;
        }
        self.look_at = length + length / 8;
        if let Some(framer) = &self.framer
            && stands_in(&**framer, &self.buffer, 2)
        {
            self.unknown = false;
            return;
        }
        if length < self.retry_at && !enough {
            return;
        }
        self.retry_at = length + RECOGNISE_STEP.max(length / 4);
        if let Some(codec) = recognise(&self.buffer, self.likely) {
            self.unknown = false;
            self.likely = Some(codec);
            let mut framer = codec.framer();
            framer.choose(self.second);
            self.framer = Some(framer);
            (self.mean_len, self.key) = (0, None);
            return;
        }
        // What is known by name, but not played.
        let begun = self.marks.iter().filter_map(|(at, _)| self.buffer.get(usize::try_from(*at).ok()?..));
        let refused = begun.zip(self.framer.as_ref()).find_map(|(bytes, framer)| match framer.look(bytes) {
            Look::Refused(reason) => Some(reason),
            _ => None,
        });
        if let Some(reason) = refused {
            give(FromAudio::Fault(reason));
        }
        if self.buffer.len() > RECOGNISE_MAX {
            self.discard(self.buffer.len() - RECOGNISE_MAX / 2);
            self.disturbed = true;
        }
    }

    fn look(&self, at: usize) -> Look {
        match (&self.framer, self.buffer.get(at..)) {
            (Some(framer), Some(bytes)) if !self.unknown => framer.look(bytes),
            _ => Look::Short,
        }
    }

    /// Gives the frame at `at`, or looks for one from there on; tells where to go on, `None` when more bytes are needed.
    fn frame_at(&mut self, at: usize, give: &mut impl FnMut(FromAudio<'_>)) -> Option<usize> {
        let sync = self.framer.as_ref()?.sync();
        let look = self.look(at);
        if look == Look::Short {
            return None;
        }
        let rest = self.buffer.len() - at;
        if self.aligned {
            match look {
                // Right behind a frame another one is due: this needs no proof.
                Look::Frame { len, key } if Some(key) == self.key && !self.doubtful(at, len) => {
                    if rest < len {
                        return None;
                    }
                    self.give(at, len, give);
                    return Some(at + len);
                }
                // A change is proven like a start.
                Look::Frame { .. } => {}
                _ => give(FromAudio::Fault(FaultReason::DamagedAudio)),
            }
            self.aligned = false;
            if let Some(framer) = &mut self.framer {
                framer.misled();
            }
        }
        let Look::Frame { len, key } = look else { return Some(self.pass(at, None, sync)) };
        match self.look(at + len) {
            Look::Short => None,
            Look::Frame { key: next, .. } if next == key => {
                self.aligned = true;
                // Another encoder, whose frames begin elsewhere: their times are to be kept to closely.
                self.disturbed |= self.key.is_some_and(|before| before != key);
                self.key = Some(key);
                self.doubt = self.doubt.filter(|(place, _)| *place >= at + len);
                self.give(at, len, give);
                Some(at + len)
            }
            _ => Some(self.pass(at, Some(len), sync)),
        }
    }

    /// Whether bytes may be missing within the frame.
    fn doubtful(&self, at: usize, len: usize) -> bool {
        self.doubt.is_some_and(|(place, _)| (at + 1..at + len).contains(&place))
    }

    /// No frame begins at `at`, where one of `len` bytes seemed to; tells where the next may.
    fn pass(&mut self, at: usize, len: Option<usize>, sync: u8) -> usize {
        let rest = &self.buffer[at..];
        let skip = rest[1..].iter().position(|byte| *byte == sync).map_or(rest.len(), |skip| skip + 1);
        let missing = match (len, self.doubt) {
            (Some(len), Some((place, bytes))) if self.doubtful(at, len) || place == at => bytes,
            _ => 0,
        };
        let hole = self.hole.get_or_insert(Hole { bytes: 0, first: len.filter(|_| missing > 0) });
        hole.bytes += skip + missing;
        if missing > 0 {
            self.doubt = None;
        }
        self.passed += skip;
        self.disturbed |= self.key.is_some();
        at + skip
    }

    fn give(&mut self, at: usize, len: usize, give: &mut impl FnMut(FromAudio<'_>)) {
        let mut pts = None;
        while let Some((mark, time)) = self.marks.pop_front_if(|(mark, _)| *mark <= at as isize) {
            // Between them may stand the end of a frame from the PES packet before, no more.
            pts = (at as isize - mark <= len.max(self.mean_len / 16) as isize).then_some(time);
        }
        let hole = self.hole.take();
        let missing = hole.map_or(0, |hole| hole.frames(self.mean_len)) as u32;
        let length = len * 16;
        self.mean_len = if self.mean_len == 0 { length } else { (self.mean_len * 7 + length) / 8 };
        self.passed = 0;
        let (Some(framer), Some(frame)) = (&mut self.framer, self.buffer.get(at..at + len)) else { return };
        let (disturbed, mut first) = (self.disturbed, true);
        let taken = framer.take(frame, &mut |unit: AccessUnit<'_>| {
            let AccessUnit { config, samples, data } = unit;
            let (pts, missing) = if first { (pts, missing * samples) } else { (None, 0) };
            first = false;
            give(FromAudio::Frame(AudioFrame { config, pts, missing, disturbed, samples, data }));
        });
        match taken {
            Ok(()) if pts.is_some() => self.disturbed = false,
            Ok(()) => {}
            Err(reason) => {
                give(FromAudio::Fault(reason));
                self.disturbed = true;
                let before = hole.map_or(0, |hole| hole.bytes);
                self.hole = Some(Hole { bytes: before + len, first: None });
            }
        }
    }

    /// No more bytes follow: a frame that only lacked proof is one if it ends where the bytes do.
    pub(super) fn finish(&mut self, give: &mut impl FnMut(FromAudio<'_>)) {
        self.unknown &= self.framer.is_none();
        if let Look::Frame { len, key } = self.look(0)
            && self.key.is_none_or(|known| known == key)
            && self.buffer.len() == len
        {
            self.key = Some(key);
            self.give(0, len, give);
            self.buffer.clear();
        }
    }
}

/// How long `samples` last in 90 kHz ticks.
pub(super) fn ticks(samples: i64, config: &AudioConfig) -> i64 {
    samples * 90_000 / i64::from(config.sample_rate.max(1))
}
