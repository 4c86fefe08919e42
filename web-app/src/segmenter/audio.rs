//! The sound: from the payloads of PES packets to ADTS frames (ISO/IEC 14496-3, 1.A.2.2) with source times.
//!
//! A frame goes out with its last byte. A frame with a hole in it is left out, and how many are missing is
//! reckoned from the bytes that are. Until the first frame, and after a hole, a header counts only if
//! another one of the same configuration stands behind its frame.

use super::codec::aac::{AacConfig, AdtsHeader, FRAME_SAMPLES, HEADER_MIN};
use super::output::FaultReason;
use super::pes::PesStream;
use super::timeline::Timeline;

/// Bytes in a packet's payload, of those that are missing.
const PAYLOAD: usize = 184;
/// No more frames than this are reckoned to be missing without a time that tells.
const MISSING_MAX: usize = 64;
/// Frames searched for at a time hold no more than this: two of the longest, and a packet.
const BUFFER_MAX: usize = 3 * 8192;

/// A frame on its way to the output.
#[derive(Clone, Copy, Debug)]
pub(super) struct AudioFrame<'a> {
    pub(super) config: AacConfig,
    /// Of the source, where the stream tells it for this frame: 90 kHz ticks, unwrapped.
    pub(super) pts: Option<i64>,
    /// Frames reckoned to be missing before this one.
    pub(super) missing: u32,
    /// Sound is missing since the last time that the stream told.
    pub(super) disturbed: bool,
    /// Without the ADTS header.
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

/// Makes frames of bytes.
#[derive(Debug, Default)]
pub(super) struct AudioFrames {
    config: Option<AacConfig>,
    /// Bytes not yet used; a frame begins at their start while `aligned`.
    buffer: Vec<u8>,
    aligned: bool,
    /// Where in `buffer` the last PES packet begins, and its time.
    mark: Option<(usize, i64)>,
    hole: Option<Hole>,
    disturbed: bool,
    /// Mean length of a frame with its header, times 16.
    mean_len: usize,
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
    /// A PES packet begins with the next bytes.
    pub(super) fn begin(&mut self, pts: Option<u64>, timeline: &mut Timeline) {
        self.mark = pts.map(|pts| (self.buffer.len(), timeline.unwrap(pts)));
    }

    /// Packets are missing here.
    pub(super) fn lost(&mut self, packets: usize, give: &mut impl FnMut(FromAudio<'_>)) {
        if !self.buffer.is_empty() && self.config.is_some() {
            give(FromAudio::Fault(FaultReason::DamagedAudio));
        }
        let first = self.buffer.first_chunk::<HEADER_MIN>().filter(|_| self.aligned).and_then(AdtsHeader::parse);
        let hole = self.hole.get_or_insert(Hole { bytes: 0, first: first.map(|header| header.frame_len) });
        hole.bytes += self.buffer.len() + packets * PAYLOAD;
        self.disturbed = true;
        self.aligned = false;
        self.mark = None;
        self.buffer.clear();
    }

    /// Takes bytes of the stream.
    pub(super) fn push(&mut self, data: &[u8], give: &mut impl FnMut(FromAudio<'_>)) {
        if data.is_empty() {
            return;
        }
        self.buffer.extend_from_slice(data);
        let mut at = 0;
        while let Some(next) = self.frame_at(at, give) {
            at = next;
        }
        self.buffer.drain(..at);
        self.mark = self.mark.map(|(mark, pts)| (mark.saturating_sub(at), pts));
        debug_assert!(self.buffer.len() <= BUFFER_MAX);
    }

    /// Gives the frame at `at`, or looks for one from there on; tells where to go on, `None` when more bytes are needed.
    fn frame_at(&mut self, at: usize, give: &mut impl FnMut(FromAudio<'_>)) -> Option<usize> {
        let rest = &self.buffer[at..];
        let header = AdtsHeader::parse(rest.first_chunk::<HEADER_MIN>()?);
        if self.aligned {
            match header {
                // Right behind a frame another one is due: this needs no proof.
                Some(header) if Some(header.config) == self.config => {
                    if rest.len() < header.frame_len {
                        return None;
                    }
                    self.give(at, header, give);
                    return Some(at + header.frame_len);
                }
                // A change of configuration is proven like a start.
                Some(_) => {}
                None => give(FromAudio::Fault(FaultReason::DamagedAudio)),
            }
            self.aligned = false;
        }
        let proven = match header {
            None => false,
            Some(header) => match rest.get(header.frame_len..).and_then(|rest| rest.first_chunk::<HEADER_MIN>()) {
                Some(next) => AdtsHeader::parse(next).is_some_and(|next| next.config == header.config),
                None => return None,
            },
        };
        if !proven {
            let next = rest[1..].iter().position(|byte| *byte == 0xFF).map_or(rest.len(), |skip| skip + 1);
            let hole = self.hole.get_or_insert(Hole { bytes: 0, first: None });
            hole.bytes += next;
            self.disturbed |= self.config.is_some();
            return Some(at + next);
        }
        self.aligned = true;
        let header = header?;
        self.config = Some(header.config);
        self.give(at, header, give);
        Some(at + header.frame_len)
    }

    fn give(&mut self, at: usize, header: AdtsHeader, give: &mut impl FnMut(FromAudio<'_>)) {
        let pts = self.mark.filter(|(mark, _)| *mark <= at).map(|(_, pts)| pts);
        if pts.is_some() {
            self.mark = None;
        }
        let missing = self.hole.take().map_or(0, |hole| hole.frames(self.mean_len));
        let length = header.frame_len * 16;
        self.mean_len = if self.mean_len == 0 { length } else { (self.mean_len * 7 + length) / 8 };
        give(FromAudio::Frame(AudioFrame {
            config: header.config,
            pts,
            missing: missing as u32,
            disturbed: self.disturbed,
            data: &self.buffer[at + header.header_len..at + header.frame_len],
        }));
        if pts.is_some() {
            self.disturbed = false;
        }
    }

    /// No more bytes follow: a frame that only lacked proof is one if it ends where the bytes do.
    pub(super) fn finish(&mut self, give: &mut impl FnMut(FromAudio<'_>)) {
        if let Some(header) = self.buffer.first_chunk::<HEADER_MIN>().and_then(AdtsHeader::parse)
            && self.config.is_none_or(|config| config == header.config)
            && self.buffer.len() == header.frame_len
        {
            self.config = Some(header.config);
            self.give(0, header, give);
            self.buffer.clear();
        }
    }
}

/// How long a frame lasts in 90 kHz ticks, `frames` of them.
pub(super) fn ticks(frames: i64, config: AacConfig) -> i64 {
    frames * i64::from(FRAME_SAMPLES) * 90_000 / i64::from(config.sample_rate())
}
