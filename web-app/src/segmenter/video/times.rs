//! When pictures are decoded and shown, by the source's clock.

use amt_shared::clock::{TICKS_PER_SECOND, unwrap_near};

use super::codec::{Facts, Order};
use super::undated::Undated;
use super::unit::Unit;
use crate::segmenter::time::timeline::Timeline;
use crate::segmenter::transport::pes::PesHeader;

/// How far a presentation time may stand from its decoding time.
const REORDERING_MAX: i64 = 10 * TICKS_PER_SECOND;
/// A frame's duration before anything is known: 25 frames a second.
const FIRST_STEP: i64 = 3600;

/// Gives each unit its source times: those of its PES packet, or, where it has none, the next by duration
/// and picture order.
#[derive(Debug, Default)]
pub(super) struct Times {
    last_dts: Option<i64>,
    /// What the last PES header with times said.
    last_told: PesHeader,
    /// Where presentation times alone are told, and run back.
    undated: Option<Undated>,
    /// Whether `last_dts` is the stream's own and of the unit before.
    chained: bool,
    step: Option<i64>,
    /// What the stream's parameter sets say of it.
    told_step: Option<i64>,
    /// The last duration measured, and whether any was.
    measured: Option<i64>,
    /// How far the last picture with times was shown after its decoding.
    delay: i64,
    /// The same of the last picture at which the order begins anew.
    idr_delay: Option<i64>,
    order: PictureOrder,
}

impl Times {
    /// How long a frame lasts, as far as is known.
    pub(super) fn step(&self) -> i64 {
        self.step.unwrap_or(FIRST_STEP)
    }

    /// How long one picture order count lasts, as far as is known.
    pub(super) fn count(&self) -> i64 {
        self.order.ticks(self.step())
    }

    /// Whether the last decoding time was the stream's own.
    pub(super) const fn own(&self) -> bool {
        self.chained && self.undated.is_none()
    }

    /// Decoding and presentation time of `unit`.
    pub(super) fn of<H>(
        &mut self,
        unit: &Unit<'_, H>,
        facts: Option<&Facts>,
        timeline: &mut Timeline,
    ) -> Option<(i64, i64)> {
        if self.step.is_none() {
            self.told_step = facts
                .and_then(|facts| facts.frame_duration)
                .map(|(ticks, scale)| (TICKS_PER_SECOND * i64::from(ticks) + i64::from(scale) / 2) / i64::from(scale));
            self.step = self.told_step;
        }
        let restarts = facts.is_some_and(|facts| facts.restarts);
        let poc = facts.and_then(|facts| facts.order).map(|order| self.order.follow(order, restarts));
        let before = self.last_told;
        // The same times once more are nobody's.
        let told = unit.start.map(|start| start.times).filter(|times| times.pts.is_some() && *times != before);
        self.last_told = told.unwrap_or(before);
        let declared = told.and_then(|times| Some((times.pts?, times.dts)));
        let next = self.last_dts.map(|last| last + self.step());
        let (dts, pts) = match declared {
            Some((pts, dts)) => self.declared(pts, dts, before.dts.is_none(), unit, restarts, timeline),
            None => {
                self.chained = false;
                let dts = next?;
                let pts = self.presentation(dts, poc, restarts);
                if let Some(undated) = &mut self.undated {
                    undated.decoded(pts, self.step.unwrap_or(FIRST_STEP));
                }
                (dts, pts)
            }
        };
        self.last_dts = Some(dts);
        if let Some(poc) = poc {
            self.order.anchor(poc, pts, declared.is_some());
        }
        Some((dts, pts))
    }

    fn declared<H>(
        &mut self,
        pts: u64,
        dts: Option<u64>,
        undated_before: bool,
        unit: &Unit<'_, H>,
        restarts: bool,
        timeline: &mut Timeline,
    ) -> (i64, i64) {
        let has_dts = dts.is_some();
        let mut dts = timeline.unwrap(dts.unwrap_or(pts));
        let mut pts = unwrap_near(pts, dts);
        if (pts - dts).abs() > REORDERING_MAX {
            pts = dts + self.delay;
        }
        let mut made_up = false;
        if let Some(last) = self.last_dts {
            let mut delta = dts - last;
            if has_dts {
                self.undated = None;
            } else if undated_before && self.undated.is_none() && (-TICKS_PER_SECOND..0).contains(&delta) {
                // Presentation times alone, in decoding order: they run back. Frames were measured by the wrong ones.
                self.undated = Some(Undated::new(last));
                (self.step, self.measured) = (self.told_step, None);
            }
            let step = self.step();
            if let Some(undated) = &mut self.undated {
                let reset = undated.is_far(pts);
                dts = undated.decoded(pts, step);
                delta = dts - last;
                let least = (step / 4).max(1);
                if !reset && delta < least {
                    // Until what was taken for decoding times is made up for.
                    dts = last + least;
                    made_up = true;
                }
            } else if !has_dts && (-TICKS_PER_SECOND..=0).contains(&delta) {
                dts = last + step;
                made_up = true;
            }
            if !made_up && self.chained && !unit.after_loss && (1..=TICKS_PER_SECOND).contains(&delta) {
                self.measure(delta);
            }
        }
        // What was taken for one damaged unit may have been several.
        self.chained = !unit.damaged && !made_up;
        self.delay = pts - dts;
        if restarts {
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
    fn presentation(&self, dts: i64, poc: Option<i64>, restarts: bool) -> i64 {
        if restarts {
            return dts + self.idr_delay.unwrap_or(self.delay);
        }
        let by_order = poc.and_then(|poc| self.order.time_of(poc, self.step()));
        by_order.filter(|pts| (pts - dts).abs() <= REORDERING_MAX).unwrap_or(dts + self.delay)
    }
}

/// Picture order counts, unwrapped (ISO/IEC 14496-10, 8.2.1.1; 23008-2, 8.3.1), and what they are in time.
#[derive(Debug, Default)]
struct PictureOrder {
    last: Option<i64>,
    /// Count and time of the last picture since the order began whose time the stream told.
    known: Option<(i64, i64)>,
    /// Ticks for one count, where pictures with declared times showed it.
    scale: Option<i64>,
    /// Counts go up by one a frame, not by two.
    odd: bool,
}

impl PictureOrder {
    fn follow(&mut self, order: Order, restarts: bool) -> i64 {
        let Order { low, bits, anchors, single } = order;
        if restarts {
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
        self.odd |= single;
        if anchors {
            self.last = Some(poc);
        }
        poc
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
        Some(time + (poc - before) * self.ticks(step))
    }

    /// Ticks for one count, where a frame lasts `step`.
    fn ticks(&self, step: i64) -> i64 {
        self.scale.unwrap_or(if self.odd { step } else { step / 2 })
    }
}
