//! How late a track's segments come: what is usual, and what is late at the moment. Pure, in seconds.
//!
//! The *transit* of a segment is the time of its arrival less its time on the media timeline. Its differences are what
//! counts: reordered pictures, sound in bursts and jitter on the way all show in them.
//!
//! Usual is what nearly every half second holds to: the worst transit of each is remembered, and of those a few are left
//! out where they are much worse than the rest. What is late again and again is usual too, though it be rare: the large picture that begins a long group. A *hold-up* – a sender, a helper or a browser that stood still, a burst that came late – is one event however
//! much media it held back: while it lasts, what arrives counts for it and for nothing else, and so it is over as soon
//! as the media is on time again.

/// What is usual is learnt from so long a time, in buckets of so long.
const WINDOW_SECONDS: f64 = 20.0;
const BUCKET_SECONDS: f64 = 0.5;
/// One bucket in so many may be worse than what is usual, and the first one from the second number on.
const BUCKETS_FOR_A_WORSE_ONE: usize = 20;
const BUCKETS_FOR_THE_FIRST: usize = 4;
/// The most that are left out: a window's, and one.
const WORSE_MAX: usize = 3;
/// So many buckets in a row that are so much better than the rest are how things are now.
const BUCKETS_TO_FORGET: usize = 6;
const BETTER: f64 = 0.1;
/// A stream that is late and on time by turns makes no more buckets than this.
const BUCKETS_MAX: usize = 128;
/// So much later than the rest is a hold-up.
const HELD_UP: f64 = 0.05;
/// And so much later is none, but what a sender, a helper and a browser that share a machine do to each other.
const ORDINARY: f64 = 0.025;
/// So many of them within so long a time are usual while they go on coming, except for those that are longer than this.
const HELD_UP_USUALLY: usize = 4;
const HOLD_UPS_SECONDS: f64 = 120.0;
const HELD_UP_USUALLY_MAX: f64 = 1.0;
/// More are not remembered: if they are so frequent, the buckets know of them.
const HOLD_UPS_MAX: usize = 24;
/// A hold-up that drains gets shorter by a tenth of this in so long a time; one that does not is how things are now.
const JUDGED_SECONDS: f64 = 2.0;
/// What arrived within so long a time, or half of it, says how late it is now.
const NOW_SECONDS: f64 = 0.4;

/// The transits of one track.
#[derive(Debug, Default)]
pub(super) struct Transit {
    buckets: Vec<Bucket>,
    /// When hold-ups began, and their worst transits.
    hold_ups: Vec<(f64, f64)>,
    /// What all buckets but a few hold to.
    rest: Option<f64>,
    usual: Option<f64>,
    held_up: Option<HoldUp>,
    /// When each of two halves of the last moments began, and the worst in it; the newer one last.
    latest: [Option<(f64, f64)>; 2],
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    since: f64,
    min: f64,
    max: f64,
}

/// Its transit when it was last judged, and when that was.
#[derive(Clone, Copy, Debug)]
struct HoldUp {
    transit: f64,
    judged: f64,
}

impl Transit {
    /// A segment has arrived.
    pub(super) fn push(&mut self, now: f64, transit: f64) {
        self.expire(now);
        match &mut self.latest[1] {
            Some((since, worst)) if now - *since < NOW_SECONDS / 2.0 => *worst = worst.max(transit),
            newer => {
                let older = newer.replace((now, transit));
                self.latest[0] = older;
            }
        }
        if self.is_held_up(now, transit) {
            return;
        }
        match self.buckets.last_mut() {
            Some(bucket) if now - bucket.since < BUCKET_SECONDS => {
                bucket.min = bucket.min.min(transit);
                bucket.max = bucket.max.max(transit);
            }
            _ => {
                self.forget_worse();
                self.buckets.push(Bucket { since: now, min: transit, max: transit });
            }
        }
        self.learn(now);
    }

    /// Lets go of what is too old to say anything.
    pub(super) fn expire(&mut self, now: f64) {
        for half in &mut self.latest {
            half.take_if(|(since, _)| now - *since > NOW_SECONDS);
        }
        // After a silence what was usual before it is the best that is known.
        let old = |bucket: &Bucket| now - bucket.since > WINDOW_SECONDS;
        while self.buckets.len() > BUCKETS_MAX || (self.buckets.len() > 1 && self.buckets.first().is_some_and(old)) {
            self.buckets.remove(0);
        }
        let old = |&(since, _): &(f64, f64)| now - since > HOLD_UPS_SECONDS;
        while self.hold_ups.len() > HOLD_UPS_MAX || self.hold_ups.first().is_some_and(old) {
            self.hold_ups.remove(0);
        }
    }

    /// The transit that nearly everything keeps to; `None` before the first segment.
    pub(super) const fn usual(&self) -> Option<f64> {
        self.usual
    }

    /// The worst transit of the last moments, which may be far above what is usual.
    pub(super) fn now(&self) -> Option<f64> {
        self.latest.iter().flatten().map(|&(_, worst)| worst).reduce(f64::max)
    }

    /// The quickest transit that is remembered.
    pub(super) fn quickest(&self) -> Option<f64> {
        self.buckets.iter().map(|bucket| bucket.min).reduce(f64::min)
    }

    /// Whether this segment belongs to a hold-up, which begins with it or goes on.
    fn is_held_up(&mut self, now: f64, transit: f64) -> bool {
        let late = self.rest.is_some_and(|rest| transit > rest + HELD_UP);
        match &mut self.held_up {
            _ if !late => self.held_up = None,
            Some(held_up) if now - held_up.judged > JUDGED_SECONDS => {
                if transit > held_up.transit - 0.1 * JUDGED_SECONDS {
                    // It does not drain: the way has become longer, and this is learnt like everything else.
                    self.held_up = None;
                    self.rest = None;
                    self.buckets.clear();
                    return false;
                }
                *held_up = HoldUp { transit, judged: now };
            }
            Some(held_up) => {
                held_up.transit = held_up.transit.max(transit);
                if let Some(bucket) = self.buckets.last_mut() {
                    bucket.max = bucket.max.max(transit);
                }
                if let Some((_, worst)) = self.hold_ups.last_mut() {
                    *worst = worst.max(transit);
                }
            }
            None if self.buckets.len() < BUCKETS_FOR_THE_FIRST => return false,
            None => {
                // As a bucket of its own: what happens again and again becomes usual.
                self.buckets.push(Bucket { since: now - BUCKET_SECONDS, min: transit, max: transit });
                self.hold_ups.push((now, transit));
                self.held_up = Some(HoldUp { transit, judged: now });
                self.learn(now);
            }
        }
        self.held_up.is_some()
    }

    /// Where all of the last seconds were better than what is usual, what was before them counts no more; but single ones
    /// of it may come again.
    fn forget_worse(&mut self) {
        let (Some(rest), Some(before)) = (self.rest, self.buckets.len().checked_sub(BUCKETS_TO_FORGET)) else { return };
        let best = self.buckets[before..].iter().map(|bucket| bucket.max).fold(f64::NEG_INFINITY, f64::max);
        if best > rest - BETTER {
            return;
        }
        let late = |index: usize| self.buckets.get(index).is_some_and(|bucket| bucket.max > best + HELD_UP);
        for index in 0..before {
            if late(index) && !late(index + 1) && !index.checked_sub(1).is_some_and(late) {
                let bucket = self.buckets[index];
                self.hold_ups.push((bucket.since, bucket.max));
            }
        }
        self.buckets.drain(..before);
    }

    fn learn(&mut self, now: f64) {
        let count = self.buckets.len();
        let worse =
            if count < BUCKETS_FOR_THE_FIRST { 0 } else { (1 + count / BUCKETS_FOR_A_WORSE_ONE).min(WORSE_MAX) };
        let rest = nth_worst(self.buckets.iter().map(|bucket| bucket.max), worse.min(count.saturating_sub(1)));
        // They go on while the next one is not overdue: twice as late as those before it came one after the other.
        let often = self.hold_ups.len().checked_sub(HELD_UP_USUALLY).is_some_and(|first| {
            let (first, last) = (self.hold_ups[first].0, self.hold_ups[self.hold_ups.len() - 1].0);
            now - last < 2.0 * (last - first) / (HELD_UP_USUALLY - 1) as f64 + 1.0
        });
        let bearable = |&(_, worst): &(f64, f64)| rest.is_none_or(|rest| worst < rest + HELD_UP_USUALLY_MAX);
        let hold_ups = self.hold_ups.iter().filter(|hold_up| bearable(hold_up)).map(|&(_, worst)| worst);
        self.rest = rest;
        let held_up = nth_worst(hold_ups, HELD_UP_USUALLY - 1).filter(|_| often);
        // What was worse by little costs less delay than the stalls that it would make.
        self.usual = rest.map(|rest| {
            let ordinary = self.buckets.iter().map(|bucket| bucket.max).filter(|max| *max <= rest + ORDINARY);
            ordinary.chain(held_up).fold(rest, f64::max)
        });
    }
}

/// The worst of these for 0, and so on to the fourth; `None` where there are not so many.
fn nth_worst(values: impl Iterator<Item = f64>, n: usize) -> Option<f64> {
    // The worst ones, the worst first.
    let mut worst = [f64::NEG_INFINITY; WORSE_MAX + 1];
    for mut value in values {
        for place in &mut worst {
            if value > *place {
                std::mem::swap(place, &mut value);
            }
        }
    }
    worst.get(n).copied().filter(|value| value.is_finite())
}
