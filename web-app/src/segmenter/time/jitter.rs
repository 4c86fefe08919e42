//! What the PTS of a track of sound are worth (ISO/IEC 13818-1, 2.4.3.7), beside the lengths of its frames.
//!
//! In: where a frame is due by the lengths of those before it, and where its time stamp puts it. Out: where the source's
//! clock puts it. Steady stamps are believed; one alone that disagrees waits for another that confirms it, where that
//! comes soon. Where stamps jitter, the lengths count, and what the stamps say on average.

/// Nearer to each other than this, stamps agree: 8 ms. In parts of a second, as all here.
const AGREE: i64 = 125;
/// A stamp further away than this is no jitter: 100 ms.
const FAR: i64 = 10;
/// Stamps that come more seldom than this are not waited for, neither to confirm another nor for an average: 100 ms.
const SELDOM: i64 = 10;
/// Stamps whose average is taken at least.
const COUNT_MIN: i64 = 8;
/// Their average is good enough where they are scattered over this many times the root of their number: 12 ms. Its
/// standard deviation is 3.4 ms then.
const SCATTER: i64 = 86;

/// See the module. Times are samples.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Jitter {
    /// A stamp was taken.
    begun: bool,
    /// Where the source's clock stands is known by more than one stamp.
    sure: bool,
    /// One was followed for a reason of its own, and is not confirmed yet.
    in_doubt: bool,
    /// Over how much the stamps of the last average were scattered; `None` before the first.
    scatter: Option<i64>,
    /// Stamps are steady, and the last one was this far from where it was due. What it said is not followed yet.
    lone: Option<i64>,
    /// The stamps whose average is being taken: how far they are from where they are due.
    count: i64,
    sum: i64,
    least: i64,
    most: i64,
    /// They are others than those before: the first was out of the way.
    apart: bool,
}

/// A stamp, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(in crate::segmenter) struct Stamp {
    /// Where it puts its frame.
    pub(in crate::segmenter) told: i64,
    /// Where the lengths of the frames put that, those that are missing counted in.
    pub(in crate::segmenter) due: i64,
    /// Since the stamp before.
    pub(in crate::segmenter) passed: i64,
    /// There is a reason to believe that it is another one than was due: a loss, a jump.
    pub(in crate::segmenter) excused: bool,
    /// Samples a second.
    pub(in crate::segmenter) rate: i64,
}

/// What is made of a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Judged {
    /// Where the source's clock puts the frame.
    pub(in crate::segmenter) at: i64,
    /// Whether that is known well: by more than this stamp.
    pub(in crate::segmenter) sure: bool,
}

impl Jitter {
    /// Takes the next stamp.
    pub(in crate::segmenter) fn judge(&mut self, stamp: Stamp) -> Judged {
        let Stamp { told, due, passed, excused, rate } = stamp;
        let off = told - due;
        let agree = rate / AGREE;
        let jitters = self.scatter.is_some_and(|scatter| scatter > agree);
        // What was scattered before is not followed any nearer for a reason.
        let expected = self.scatter.filter(|_| jitters).map_or(-1, |scatter| scatter / 2 + agree);
        if !self.begun || off.abs() > rate / FAR || excused && off.abs() > expected {
            *self = Self { begun: true, in_doubt: self.begun, scatter: self.scatter, ..Self::default() };
            return Judged { at: told, sure: false };
        }
        let seldom = passed > rate / SELDOM;
        if jitters || self.scatter.is_none() && !seldom {
            if jitters && off.abs() > expected && !self.apart {
                (self.count, self.sum, self.apart) = (0, 0, true);
            }
            return self.average(due, off, rate);
        }
        let lone = self.lone.take();
        let in_doubt = core::mem::take(&mut self.in_doubt);
        self.sure = off.abs() <= agree || lone.is_some_and(|lone| (off - lone).abs() <= agree);
        match lone {
            _ if self.sure => Judged { at: told, sure: true },
            // Neither where it was due nor where the one before was: that is no way for steady stamps.
            Some(lone) => {
                self.scatter = Some((off - lone).abs());
                self.average(due, off, rate)
            }
            // The one before may have been false, or the next one comes late: this one is followed at once.
            None if in_doubt || seldom => {
                self.lone = Some(0);
                Judged { at: told, sure: false }
            }
            None => {
                self.lone = Some(off);
                Judged { at: due, sure: false }
            }
        }
    }

    fn average(&mut self, due: i64, off: i64, rate: i64) -> Judged {
        if self.count == 0 {
            (self.least, self.most) = (off, off);
        }
        self.count += 1;
        self.sum += off;
        self.least = self.least.min(off);
        self.most = self.most.max(off);
        let scatter = self.most - self.least;
        let good = rate / SCATTER;
        if self.count < COUNT_MIN || self.count * good * good < scatter * scatter {
            return Judged { at: due, sure: self.sure };
        }
        let mean = self.sum / self.count;
        (self.count, self.sum, self.apart) = (0, 0, false);
        self.scatter = Some(scatter);
        self.sure = true;
        Judged { at: due + mean, sure: true }
    }
}
