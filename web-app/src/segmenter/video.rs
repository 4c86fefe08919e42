//! The picture: from H.264 units to frames with source times, ready to be placed on the output timeline.
//!
//! Drops what cannot be shown: damaged frames, frames before the first random access point, and leading
//! pictures of an open GOP whose references are not there.

use amt_shared::clock::{TICKS_PER_SECOND, unwrap_near};

use super::Options;
use super::access_unit::{AccessUnits, Unit};
use super::codec::h264::{Present, SliceHeader, Sps, has_slice_header, nal, without_missing};
use super::content::Content;
use super::fmp4;
use super::output::{FaultReason, Init, Track};
use super::parameter_sets::ParameterSets;
use super::pes::PesStream;
use super::release::Release;
use super::timeline::Timeline;

/// How far a presentation time may stand from its decoding time.
const REORDERING_MAX: i64 = 10 * TICKS_PER_SECOND;
/// A frame's duration before anything is known: 25 frames a second.
const FIRST_STEP: i64 = 3600;

/// A frame on its way to the output; times in 90 kHz ticks of the source, unwrapped.
#[derive(Debug)]
pub(super) struct VideoFrame {
    /// The sample behind room for the header of its segment.
    pub(super) segment: Vec<u8>,
    pub(super) dts: i64,
    pub(super) pts: i64,
    /// How long a frame lasts, as far as is known.
    pub(super) step: i64,
    pub(super) key: bool,
    /// Frames before it are missing.
    pub(super) after_loss: bool,
}

/// What came of a unit.
#[derive(Debug)]
pub(super) enum FromUnit {
    Init(Init),
    Frame(VideoFrame),
    Fault(FaultReason),
    /// From here on frames are left out until the next random access point.
    Waiting,
}

/// A video PID.
#[derive(Debug)]
pub(super) struct VideoTrack {
    pub(super) pes: PesStream,
    pub(super) units: AccessUnits,
    pub(super) frames: VideoFrames,
}

impl VideoTrack {
    /// A track of `content`; `None` where that is no video that is played here.
    pub(super) fn new(pid: u16, content: Content, options: Options) -> Option<Self> {
        (content == Content::H264).then(|| Self {
            pes: PesStream::default(),
            units: AccessUnits::default(),
            frames: VideoFrames::new(pid, options),
        })
    }

    /// What it was made for.
    pub(super) const fn content(&self) -> Content {
        Content::H264
    }
}

/// Makes frames of units.
#[derive(Debug)]
pub(super) struct VideoFrames {
    pid: u16,
    options: Options,
    /// The parameter sets that the last initialisation segment holds, and the SPS that it was made for.
    init: Option<(u64, u8)>,
    /// Nothing is given out until the next random access point.
    waiting: bool,
    /// After decoding began at a picture that is no IDR: frames shown before this need what is not there.
    leading_until: Option<i64>,
    /// After decoding began at a picture that is no IDR: what a decoder has since.
    present: Option<Present>,
    /// Frames were lost since the last one that was given out.
    lost: bool,
    /// The last whole picture, and its decoding time.
    last: Option<(SliceHeader, i64)>,
    /// Pictures in a row that no other refers to: now, and at most.
    disposable: [i64; 2],
    times: Times,
}

impl VideoFrames {
    fn new(pid: u16, options: Options) -> Self {
        Self {
            pid,
            options,
            init: None,
            waiting: true,
            leading_until: None,
            present: None,
            lost: false,
            last: None,
            disposable: [0; 2],
            times: Times::default(),
        }
    }

    /// Takes the next unit.
    pub(super) fn take(&mut self, unit: &Unit<'_>, sets: &ParameterSets, release: &mut Release) {
        let sps = unit.slice.and_then(|slice| sets.sps(slice.sps_id));
        let times = self.times.of(unit, sps, &mut release.timeline);
        self.lost |= unit.after_loss || unit.damaged;
        if unit.damaged {
            return release.video(self.pid, FromUnit::Fault(FaultReason::DamagedFrame));
        }
        if self.options.wait_for_random_access && !self.waiting && self.lacks_reference(unit, sps, times) {
            self.waiting = true;
            release.video(self.pid, FromUnit::Waiting);
        }
        if self.waiting && !unit.key {
            return;
        }
        let (Some(slice), Some(sps)) = (unit.slice, sps) else {
            return release.video(self.pid, FromUnit::Fault(FaultReason::NotDecodable));
        };
        let Some((dts, pts)) = times else { return release.video(self.pid, FromUnit::Fault(FaultReason::Timestamp)) };
        // Also of pictures that are left out: they are not missing.
        self.last = Some((slice, dts));
        if unit.key {
            let begins = core::mem::take(&mut self.waiting) && !slice.idr;
            self.leading_until = begins.then_some(pts);
            if begins && self.options.wait_for_random_access {
                self.present = Some(Present::from(&slice));
            }
            if self.init != Some((sets.generation, sps.id)) {
                self.init = Some((sets.generation, sps.id));
                release.video(self.pid, FromUnit::Init(self.initialisation(sps, sets)));
            }
        } else if self.leading_until.is_some_and(|shown| pts < shown) {
            return;
        }
        let [now, most] = self.disposable;
        let now = if slice.is_reference() { 0 } else { now + 1 };
        self.disposable = [now, most.max(now)];
        let keep_sets = self.init.is_none_or(|(generation, _)| generation != sets.generation);
        self.present = self.present.and_then(|present| present.at(&slice, sps));
        let segment = segment(unit, keep_sets, sets, self.present);
        release.video(
            self.pid,
            FromUnit::Frame(VideoFrame {
                segment,
                dts,
                pts,
                step: self.times.step(),
                key: unit.key,
                after_loss: core::mem::take(&mut self.lost),
            }),
        );
    }

    /// Whether pictures are gone that `unit` or a later one may need. Losses of others need no waiting: then
    /// `frame_num` goes on, and no more are gone than come in a row. (With an IDR picture gone it may seem to.)
    /// A loss that the continuity counters did not show is one where both the time and `frame_num` step.
    fn lacks_reference(&self, unit: &Unit<'_>, sps: Option<&Sps>, times: Option<(i64, i64)>) -> bool {
        match (self.last, unit.slice, sps, times) {
            (Some((last, before)), Some(slice), Some(sps), Some((dts, _))) => {
                let step = self.times.step().max(1);
                let gone = (dts - before + step / 2) / step - 1;
                let follows = slice.follows(&last, sps);
                if self.lost { !(slice.idr || follows && gone <= self.disposable[1]) } else { !follows && gone > 0 }
            }
            _ => self.lost,
        }
    }

    fn initialisation(&self, sps: &Sps, sets: &ParameterSets) -> Init {
        Init {
            track: Track::Video,
            pid: self.pid,
            codec: sps.codec(),
            timescale: TICKS_PER_SECOND as u32,
            width: sps.width,
            height: sps.height,
            sample_rate: 0,
            channels: 0,
            data: fmp4::video_init(sps, sets.sps_units(), sets.pps_units()),
        }
    }
}

/// The sample with its header's room before it: NAL units with their lengths, without those that only
/// structure the byte stream, without the parameter sets that the initialisation segment holds, and without
/// the mention of pictures that the decoder never had.
fn segment(unit: &Unit<'_>, keep_sets: bool, sets: &ParameterSets, present: Option<Present>) -> Vec<u8> {
    let kept = |kind: u8| match kind {
        nal::SPS | nal::PPS => keep_sets,
        nal::DELIMITER | nal::END_OF_SEQUENCE | nal::END_OF_STREAM | nal::FILLER => false,
        _ => true,
    };
    let nals = || unit.nals().filter(|(kind, bytes)| kept(*kind) && !bytes.is_empty());
    let header = fmp4::header_len(1);
    let mut segment = Vec::with_capacity(header + nals().map(|(_, bytes)| 4 + bytes.len()).sum::<usize>());
    segment.resize(header, 0);
    for (kind, bytes) in nals() {
        let rewritten = present.filter(|_| has_slice_header(kind)).and_then(|present| {
            let slice = SliceHeader::parse(bytes, |pps| sets.of_slice(pps))?;
            let (sps, pps) = sets.of_slice(slice.pps_id)?;
            without_missing(bytes, sps, pps, present)
        });
        let bytes = rewritten.as_deref().unwrap_or(bytes);
        segment.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        segment.extend_from_slice(bytes);
    }
    segment
}

/// Gives each unit its source times: those of its PES packet, or, where it has none, the next by duration
/// and picture order.
#[derive(Debug, Default)]
struct Times {
    last_dts: Option<i64>,
    /// Whether `last_dts` is the stream's own and of the unit before.
    chained: bool,
    step: Option<i64>,
    /// The last duration measured, and whether any was.
    measured: Option<i64>,
    /// How far the last picture with times was shown after its decoding.
    delay: i64,
    /// The same of the last IDR picture.
    idr_delay: Option<i64>,
    order: PictureOrder,
}

impl Times {
    fn step(&self) -> i64 {
        self.step.unwrap_or(FIRST_STEP)
    }

    /// Decoding and presentation time of `unit`.
    fn of(&mut self, unit: &Unit<'_>, sps: Option<&Sps>, timeline: &mut Timeline) -> Option<(i64, i64)> {
        if self.step.is_none() {
            self.step = sps
                .and_then(|sps| sps.frame_duration)
                .map(|(ticks, scale)| (TICKS_PER_SECOND * i64::from(ticks) + i64::from(scale) / 2) / i64::from(scale));
        }
        let poc = unit.slice.zip(sps).and_then(|(slice, sps)| self.order.follow(&slice, sps));
        let declared = unit.start.and_then(|start| Some((start.times.pts?, start.times.dts)));
        let next = self.last_dts.map(|last| last + self.step());
        let (dts, pts) = match declared {
            Some((pts, dts)) => self.declared(pts, dts, unit, timeline),
            None => {
                self.chained = false;
                let dts = next?;
                (dts, self.presentation(dts, poc, unit))
            }
        };
        self.last_dts = Some(dts);
        if let Some(poc) = poc {
            self.order.anchor(poc, pts, declared.is_some());
        }
        Some((dts, pts))
    }

    fn declared(&mut self, pts: u64, dts: Option<u64>, unit: &Unit<'_>, timeline: &mut Timeline) -> (i64, i64) {
        let has_dts = dts.is_some();
        let mut dts = timeline.unwrap(dts.unwrap_or(pts));
        let mut pts = unwrap_near(pts, dts);
        if (pts - dts).abs() > REORDERING_MAX {
            pts = dts + self.delay;
        }
        if let Some(last) = self.last_dts {
            let delta = dts - last;
            if !has_dts && (-TICKS_PER_SECOND..=0).contains(&delta) {
                // Presentation times alone, in decoding order: they run back.
                dts = last + self.step();
                self.chained = false;
            } else if self.chained && !unit.after_loss && (1..=TICKS_PER_SECOND).contains(&delta) {
                self.measure(delta);
            }
        }
        // What was taken for one damaged unit may have been several.
        self.chained = !unit.damaged;
        self.delay = pts - dts;
        if unit.slice.is_some_and(|slice| slice.idr) {
            self.idr_delay = Some(self.delay);
        }
        (dts, pts)
    }

    /// The first duration is taken as it is, another one once it has come twice.
    fn measure(&mut self, delta: i64) {
        if self.measured.is_none_or(|before| (before - delta).abs() <= 2) {
            self.step = Some(delta);
        }
        self.measured = Some(delta);
    }

    /// When a picture without times is shown.
    fn presentation(&self, dts: i64, poc: Option<i64>, unit: &Unit<'_>) -> i64 {
        if unit.slice.is_some_and(|slice| slice.idr) {
            return dts + self.idr_delay.unwrap_or(self.delay);
        }
        let by_order = poc.and_then(|poc| self.order.time_of(poc, self.step()));
        by_order.filter(|pts| (pts - dts).abs() <= REORDERING_MAX).unwrap_or(dts + self.delay)
    }
}

/// Picture order counts, unwrapped (ISO/IEC 14496-10, 8.2.1.1), and what they are in time.
#[derive(Debug, Default)]
struct PictureOrder {
    last: Option<i64>,
    /// Count and time of the last picture since the IDR whose time the stream told.
    known: Option<(i64, i64)>,
    /// Ticks for one count, where pictures with declared times showed it.
    scale: Option<i64>,
    /// Counts go up by one a frame, not by two.
    odd: bool,
}

impl PictureOrder {
    fn follow(&mut self, slice: &SliceHeader, sps: &Sps) -> Option<i64> {
        let (low, bits) = slice.picture_order(sps)?;
        if slice.idr {
            self.last = None;
            self.known = None;
        }
        let range = 1i64 << bits;
        let poc = match self.last {
            None => i64::from(low),
            Some(last) => {
                let forward = (i64::from(low) - last).rem_euclid(range);
                last + if forward >= range / 2 { forward - range } else { forward }
            }
        };
        self.odd |= slice.field.is_none() && poc % 2 != 0;
        if slice.is_reference() {
            self.last = Some(poc);
        }
        Some(poc)
    }

    fn anchor(&mut self, poc: i64, pts: i64, declared: bool) {
        if let (true, Some((before, time))) = (declared, self.known) {
            let (counts, ticks) = (poc - before, pts - time);
            if counts > 0 && ticks > 0 && ticks % counts == 0 && ticks / counts < TICKS_PER_SECOND {
                self.scale = Some(ticks / counts);
            }
        }
        if declared || self.known.is_none() {
            self.known = Some((poc, pts));
        }
    }

    fn time_of(&self, poc: i64, step: i64) -> Option<i64> {
        let (before, time) = self.known?;
        let scale = self.scale.unwrap_or(if self.odd { step } else { step / 2 });
        Some(time + (poc - before) * scale)
    }
}
