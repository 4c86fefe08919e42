//! The programme's clock (ISO/IEC 13818-1, 2.4.2.2 and 2.4.3.5), as its PCRs tell it.
//!
//! In: PCRs of the PID that the PMT names, or, while none comes there, of the picture's; and the timestamps as they
//! come. Out: [`Clock`] about once a second, and what time it is, for streams whose packets have no times of their own.
//! A PCR that does not go on from the one before counts only once another one goes on from it, unless its packet
//! announces it: so one that is wrong changes nothing, and of a clock that is wrong altogether nothing is told.

use amt_shared::clock::{PCR_TICKS_PER_SECOND, Pcr, WRAP, unwrap_near, wrapped_difference};

use super::drift::{Drift, Of};
use crate::segmenter::output::{Clock, Micros, Track};
use crate::segmenter::transport::pes::PesHeader;

/// A clock that goes on does so in steps of 100 ms at most (2.7.2); packets may be lost.
const STEP_MAX: i64 = PCR_TICKS_PER_SECOND;
/// A longer step is none of the clock's if as much time went by where it was received, give or take this.
const PAUSE_TOLERANCE: i64 = PCR_TICKS_PER_SECOND / 2;
/// Timestamps further from the clock have nothing to do with it.
const LEAD_MAX: i64 = 60 * PCR_TICKS_PER_SECOND;
/// Timestamps that step against the clock by more have jumped, and what was measured of them ends.
const LEAD_STEP_MAX: i64 = PCR_TICKS_PER_SECOND * 3 / 4;
/// So long after the last timestamp of the picture those of the sound are told.
const PICTURE_GONE: i64 = 10 * PCR_TICKS_PER_SECOND;

/// So long a track that never had a timestamp is waited for one, and one that had some; then it is given the clock's.
const PATIENCE: [i64; 2] = [PCR_TICKS_PER_SECOND, 10 * PCR_TICKS_PER_SECOND];
/// How far timestamps are taken to stand ahead of the clock where none shows it: 0.3 s.
const LEAD_USUAL: i64 = PCR_TICKS_PER_SECOND * 3 / 10;
/// What a picture that has no times is taken to be shown behind its decoding: two frames of 25 a second.
const DELAY_USUAL: i64 = 7200;

/// See the module. Times are 27 MHz ticks.
#[derive(Debug)]
pub(in crate::segmenter) struct ProgramClock {
    /// The PID that the PMT names.
    pid: Option<u16>,
    /// Whether PCRs come there.
    comes: bool,
    /// The last PCR that counts.
    last: Option<Reading>,
    /// The last one, which does not go on from `last`.
    stray: Option<Reading>,
    /// A discontinuity was announced, and no PCR came since.
    announced: bool,
    /// How far the clock went on since it began, jumps left out.
    passed: i64,
    lead: Option<Lead>,
    /// What `passed` was at the first PES packet without a timestamp since the last one with; by track.
    bare: [Option<i64>; 2],
    /// Whether the track ever had one.
    stamped: [bool; 2],
    /// What `passed` was when the track was given one.
    given: [Option<i64>; 2],
    timestamps: Drift,
    helper: Drift,
    /// What `passed` was when the clock was told last.
    told: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    pcr: Pcr,
    received: Micros,
}

#[derive(Clone, Copy, Debug)]
struct Lead {
    of: Track,
    ahead: i64,
    /// What `passed` was then.
    at: i64,
}

impl Default for ProgramClock {
    fn default() -> Self {
        Self {
            pid: None,
            comes: false,
            last: None,
            stray: None,
            announced: false,
            passed: 0,
            lead: None,
            bare: [None; 2],
            stamped: [false; 2],
            given: [None; 2],
            timestamps: Drift::new(Of::Mean, PCR_TICKS_PER_SECOND),
            helper: Drift::new(Of::Largest, 1_000_000),
            told: None,
        }
    }
}

impl ProgramClock {
    /// PCRs of the programme come on `pid`; `None` where the programme has none.
    pub(in crate::segmenter) fn follow(&mut self, pid: Option<u16>) {
        if self.pid != pid {
            *self = Self { pid, ..Self::default() };
        }
    }

    /// The PID that the PMT names.
    pub(in crate::segmenter) const fn pid(&self) -> Option<u16> {
        self.pid
    }

    /// Takes what a packet's adaptation field says of the clock; `picture` is the PID of the picture. Gives whether
    /// the clock was read.
    #[inline]
    pub(in crate::segmenter) fn packet(
        &mut self,
        pid: u16,
        picture: Option<u16>,
        pcr: Option<Pcr>,
        announced: bool,
        received: Micros,
    ) -> bool {
        if self.pid != Some(pid) && (self.comes || picture != Some(pid)) {
            return false;
        }
        self.announced |= announced;
        let Some(pcr) = pcr else { return false };
        if self.pid == Some(pid) && !self.comes {
            *self = Self { pid: self.pid, comes: true, ..Self::default() };
        }
        self.reading(Reading { pcr, received });
        true
    }

    fn reading(&mut self, reading: Reading) {
        let announced = core::mem::take(&mut self.announced);
        let Some(last) = self.last else {
            self.last = Some(reading);
            return;
        };
        let step = step(last, reading);
        if announced {
            // Also where the clock goes on as before: then nothing is known of it all the same.
            return self.jump(reading);
        }
        if (1..=STEP_MAX).contains(&step) || paused(last, reading, step) {
            self.last = Some(reading);
            self.stray = None;
            self.passed += step;
            if reading.received != 0 && last.received != 0 {
                let received = reading.received as i64;
                self.helper.add(received, self.passed / 27 - received);
            }
        } else if step != 0 {
            match self.stray.replace(reading) {
                Some(stray) if (1..=STEP_MAX).contains(&self::step(stray, reading)) => self.jump(reading),
                _ => {}
            }
        }
    }

    fn jump(&mut self, reading: Reading) {
        self.last = Some(reading);
        self.stray = None;
        self.lead = None;
        self.given = [None; 2];
        self.timestamps.reset();
        self.helper.reset();
    }

    /// A PES packet of `track` begins. Gives its times: those that it has, or, where the track has none and had none for
    /// a while, the clock's.
    pub(in crate::segmenter) fn times(&mut self, track: Track, times: PesHeader) -> PesHeader {
        let index = track as usize;
        if times.pts.is_some() {
            self.bare[index] = None;
            self.stamped[index] = true;
            self.timestamp(track, times);
            return times;
        }
        let since = *self.bare[index].get_or_insert(self.passed);
        let patience = PATIENCE[usize::from(self.stamped[index])];
        // Sound goes on by its own length from there; pictures may last longer or shorter than they say.
        let due = self.given[index].is_none_or(|at| track == Track::Video && self.passed - at >= PCR_TICKS_PER_SECOND);
        match self.last.filter(|_| self.stray.is_none()) {
            Some(last) if due && self.passed - since >= patience => {
                self.given[index] = Some(self.passed);
                let ahead = self.lead.map_or(LEAD_USUAL, |lead| lead.ahead) / 300;
                let raw = |time: i64| time.rem_euclid(WRAP) as u64;
                let time = last.pcr.base as i64 + ahead;
                match track {
                    Track::Video => PesHeader { pts: Some(raw(time + DELAY_USUAL)), dts: Some(raw(time)) },
                    Track::Audio => PesHeader { pts: Some(raw(time)), dts: None },
                }
            }
            _ => times,
        }
    }

    fn timestamp(&mut self, track: Track, times: PesHeader) {
        let Some(last) = self.last.filter(|_| self.stray.is_none()) else { return };
        let Some(raw) = times.dts.or(times.pts) else { return };
        if let Some(lead) = self.lead
            && lead.of == Track::Video
            && track == Track::Audio
            && self.passed - lead.at < PICTURE_GONE
        {
            return;
        }
        let ahead = wrapped_difference(raw, last.pcr.base) * 300 - i64::from(last.pcr.extension);
        if ahead.abs() > LEAD_MAX {
            self.lead = None;
            self.timestamps.reset();
            return;
        }
        if self.lead.is_none_or(|lead| lead.of != track || (lead.ahead - ahead).abs() > LEAD_STEP_MAX) {
            self.timestamps.reset();
        }
        self.lead = Some(Lead { of: track, ahead, at: self.passed });
        self.timestamps.add(self.passed, ahead);
    }

    /// What is to be told now, if anything is; `reference` is a time of the programme, unwrapped, 90 kHz.
    pub(in crate::segmenter) fn told(&mut self, reference: Option<i64>) -> Option<Clock> {
        // One reading alone proves no clock.
        let due = self.told.map_or(self.passed > 0, |told| self.passed - told >= PCR_TICKS_PER_SECOND);
        let (last, lead, reference) = (self.last?, self.lead.filter(|_| due)?, reference?);
        self.told = Some(self.passed);
        Some(Clock {
            pcr: unwrap_near(last.pcr.base, reference) * 300 + i64::from(last.pcr.extension),
            lead: lead.ahead.div_euclid(300),
            timestamps_ppb: self.timestamps.ppb().unwrap_or(0),
            helper_ppb: self.helper.ppb(),
        })
    }
}

/// From one reading to another, the short way round the wrap.
fn step(from: Reading, to: Reading) -> i64 {
    let step = wrapped_difference(to.pcr.base, from.pcr.base) * 300;
    step + i64::from(to.pcr.extension) - i64::from(from.pcr.extension)
}

/// Whether nothing came for so long as the clock says.
fn paused(from: Reading, to: Reading, step: i64) -> bool {
    if from.received == 0 || to.received < from.received || !(1..WRAP * 150).contains(&step) {
        return false;
    }
    let away = (to.received - from.received).min(1 << 40) as i64 * 27;
    (step - away).abs() < PAUSE_TOLERANCE + away / 1000
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PICTURE: Option<u16> = Some(256);
    const INTERVAL: i64 = PCR_TICKS_PER_SECOND / 25;

    fn pcr(ticks: i64) -> Pcr {
        let ticks = ticks.rem_euclid(WRAP * 300);
        Pcr { base: (ticks / 300) as u64, extension: (ticks % 300) as u16 }
    }

    /// A programme of 25 frames a second whose clock is at `at(frame)`, and its decoding time at `dts(frame)`.
    fn told(
        frames: i64,
        at: impl Fn(i64) -> i64,
        dts: impl Fn(i64) -> i64,
        received: impl Fn(i64) -> u64,
    ) -> Vec<Clock> {
        let mut clock = ProgramClock::default();
        let mut all = Vec::new();
        for frame in 0..frames {
            clock.packet(256, PICTURE, Some(pcr(at(frame))), false, received(frame));
            let dts = dts(frame);
            let raw = dts.rem_euclid(WRAP) as u64;
            clock.times(Track::Video, PesHeader { pts: Some(raw), dts: None });
            all.extend(clock.told(Some(dts)));
        }
        all
    }

    #[test]
    fn the_clock_is_told_once_a_second_with_the_lead_of_the_timestamps() {
        // Over both wraps.
        let begin = WRAP - 90_000 * 5;
        let all = told(500, |frame| begin * 300 + frame * INTERVAL, |frame| begin + 45_000 + frame * 3600, |_| 0);
        assert_eq!(all.len(), 20);
        for (second, clock) in all.iter().enumerate() {
            let pcr = begin * 300 + INTERVAL + second as i64 * PCR_TICKS_PER_SECOND;
            assert_eq!(*clock, Clock { pcr, lead: 45_000, timestamps_ppb: 0, helper_ppb: None });
        }
    }

    #[test]
    fn timestamps_that_crawl_are_measured() {
        for ppm in [-200, 50] {
            let dts = |frame: i64| 90_000 + frame * 3600 + frame * 3600 * ppm / 1_000_000;
            let all = told(25 * 120, |frame| frame * INTERVAL, dts, |_| 0);
            let ppb = all.last().unwrap().timestamps_ppb;
            assert!((ppb - ppm * 1000).abs() < 2000, "{ppm} ppm: {ppb} ppb");
        }
    }

    #[test]
    fn the_clock_is_measured_against_the_helpers() {
        // The programme's clock is 40 ppm slow: a second of it takes 1.00004 s.
        let received =
            |frame: i64| 1_700_000_000_000_000 + (frame * 40_000 + frame * 40_000 / 25_000 + frame % 7 * 900) as u64;
        let all = told(25 * 300, |frame| frame * INTERVAL, |frame| frame * 3600, received);
        let ppb = all.last().unwrap().helper_ppb.unwrap();
        assert!((ppb + 40_000).abs() < 3000, "{ppb}");
    }

    #[test]
    fn wrong_pcrs_are_passed_over_and_a_wrong_clock_tells_nothing() {
        let at = |frame: i64| frame * INTERVAL + if frame % 9 == 4 { 1 << 40 } else { 0 };
        let all = told(500, at, |frame| 9000 + frame * 3600, |_| 0);
        assert!(all.len() >= 19 && all.iter().all(|clock| clock.lead == 9000 && clock.timestamps_ppb == 0), "{all:?}");
        assert_eq!(told(500, |frame| (frame * frame % 77) << 33, |frame| frame * 3600, |_| 0), []);
        assert_eq!(told(500, |_| 5, |frame| (1 << 32) + frame * 3600, |_| 0), []);
    }

    #[test]
    fn a_jump_of_the_clock_begins_the_measuring_anew_and_nothing_is_told_of_one_clock_by_the_other() {
        let jump = |frame: i64| if frame >= 400 { 77_000_000 } else { 0 };
        let at = |frame: i64| (frame * 3600 + jump(frame)) * 300;
        let all = told(1000, at, |frame| 9000 + frame * 3600 + jump(frame), |_| 0);
        assert!(all.iter().all(|clock| clock.lead == 9000 && clock.timestamps_ppb == 0), "{all:?}");
        assert!(all.len() >= 38);
    }

    #[test]
    fn timestamps_that_jump_alone_are_no_drift() {
        let jump = |frame: i64| if frame >= 700 { 400_000 } else { 0 };
        let all = told(1500, |frame| frame * INTERVAL, |frame| frame * 3600 + jump(frame), |_| 0);
        assert!(all.iter().all(|clock| clock.timestamps_ppb == 0));
        assert_eq!(all.last().unwrap().lead, 400_000);
    }

    #[test]
    fn the_pid_that_the_pmt_names_counts_and_the_pictures_only_while_none_comes_there() {
        let mut clock = ProgramClock::default();
        clock.follow(Some(100));
        assert!(clock.packet(256, PICTURE, Some(pcr(0)), false, 0));
        assert!(clock.packet(100, PICTURE, Some(pcr(500)), false, 0));
        assert!(!clock.packet(256, PICTURE, Some(pcr(0)), false, 0));
        assert!(!clock.packet(77, PICTURE, Some(pcr(0)), false, 0));
    }

    proptest! {
        #[test]
        fn any_clock_is_borne(
            steps in proptest::collection::vec((any::<u64>(), any::<u16>(), any::<bool>(), any::<u64>(), any::<u64>()), 0..200),
        ) {
            let mut clock = ProgramClock::default();
            for (base, extension, announced, received, dts) in steps {
                let pcr = Pcr { base: base % WRAP as u64, extension: extension & 511 };
                clock.packet(256, PICTURE, Some(pcr), announced, received);
                clock.times(Track::Video, PesHeader { pts: Some(dts % WRAP as u64), dts: None });
                clock.told(Some((dts % WRAP as u64) as i64));
            }
        }
    }
}
