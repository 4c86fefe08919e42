//! How much faster one clock goes than another: the slope of what lies between them, over a sliding window.
//!
//! In: readings of the one, and how far the other is from it. Readings of a second are put together, then of two, four
//! and so on up to sixteen, so that the window is short at first and more than eight minutes long later, at the same
//! few points. Out: the median of the slopes between all pairs of points (Theil and Sen), which a third of wild points
//! does not move.

/// Points in the window.
const POINTS: usize = 32;
/// Points that a slope is told from at least.
const POINTS_MIN: usize = 8;
/// What a point may be made of at most, in seconds.
const SPAN_MAX: i64 = 16;

/// Which of the readings of a span counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum Of {
    /// Their mean: they lie to either side of what is true.
    Mean,
    /// The largest: they can only be too small, as what is delayed on its way is.
    Largest,
}

/// See the module.
#[derive(Debug)]
pub(in crate::segmenter) struct Drift {
    of: Of,
    /// Ticks a second of both.
    second: i64,
    /// Seconds that a point is made of.
    span: i64,
    points: Vec<(i64, i64)>,
    /// The span begun: where it began, how many readings, and their sums, or the largest of them.
    begun: Option<(i64, i64, i64, i64)>,
    ppb: Option<i64>,
}

impl Drift {
    /// Nothing is known yet. Readings are in ticks of which a second has so many.
    pub(in crate::segmenter) const fn new(of: Of, second: i64) -> Self {
        Self { of, second, span: 1, points: Vec::new(), begun: None, ppb: None }
    }

    /// Begins anew: what follows has nothing to do with what was before.
    pub(in crate::segmenter) fn reset(&mut self) {
        *self = Self::new(self.of, self.second);
    }

    /// At `at` of the one clock the other was `ahead` of it.
    pub(in crate::segmenter) fn add(&mut self, at: i64, ahead: i64) {
        let Some((from, count, after, sum)) = &mut self.begun else {
            self.begun = Some((at, 1, 0, ahead));
            return;
        };
        let since = at.saturating_sub(*from);
        if (0..self.span * self.second).contains(&since) {
            match self.of {
                Of::Mean => {
                    *count += 1;
                    *after += since;
                    *sum = sum.saturating_add(ahead);
                }
                Of::Largest if ahead > *sum => (*after, *sum) = (since, ahead),
                Of::Largest => {}
            }
            return;
        }
        let point = (*from + *after / *count, *sum / *count);
        self.begun = Some((at, 1, 0, ahead));
        if since < 0 {
            return self.reset();
        }
        if self.points.len() == POINTS {
            self.make_room();
        }
        self.points.push(point);
        self.ppb = self.slope();
    }

    /// How much faster the other clock goes, in parts per billion, once that is known.
    pub(in crate::segmenter) const fn ppb(&self) -> Option<i64> {
        self.ppb
    }

    fn make_room(&mut self) {
        if self.span >= SPAN_MAX {
            self.points.remove(0);
            return;
        }
        self.span *= 2;
        let together = |pair: &[(i64, i64); 2]| match self.of {
            Of::Mean => (i64::midpoint(pair[0].0, pair[1].0), i64::midpoint(pair[0].1, pair[1].1)),
            Of::Largest => pair[usize::from(pair[1].1 > pair[0].1)],
        };
        self.points = self.points.as_chunks::<2>().0.iter().map(together).collect();
    }

    fn slope(&self) -> Option<i64> {
        if self.points.len() < POINTS_MIN {
            return None;
        }
        let pairs = self.points.iter().enumerate().flat_map(|(index, before)| {
            self.points.iter().skip(index + 1).filter_map(move |after| {
                let (run, rise) = (after.0 - before.0, after.1 - before.1);
                (run > 0).then(|| (rise as f64 / run as f64 * 1e9) as i64)
            })
        });
        let mut slopes: Vec<i64> = pairs.collect();
        let middle = slopes.len() / 2;
        (!slopes.is_empty()).then(|| *slopes.select_nth_unstable(middle).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 27_000_000;

    /// Readings 40 ms apart for so many seconds.
    fn measured(of: Of, seconds: i64, ahead: impl Fn(i64) -> i64) -> Option<i64> {
        let mut drift = Drift::new(of, SECOND);
        for at in (0..seconds * SECOND).step_by(SECOND as usize / 25) {
            drift.add(at, ahead(at));
        }
        drift.ppb()
    }

    #[test]
    fn nothing_is_told_before_some_seconds_are_over() {
        assert_eq!(measured(Of::Mean, 6, |at| at / 1000), None);
        assert_eq!(measured(Of::Mean, 12, |at| at / 1000), Some(1_000_000));
    }

    #[test]
    fn a_crawl_is_measured_in_spite_of_what_goes_up_and_down_with_every_frame() {
        for ppm in [-300, -20, 0, 20, 1000] {
            for minutes in [2, 20, 40] {
                let ppb = measured(Of::Mean, minutes * 60, |at| {
                    let frame = at / (SECOND / 25);
                    at / 1_000_000 * ppm + (frame % 25) * SECOND / 100 + (frame * 7919 % 13) * SECOND / 1000
                });
                assert!((ppb.unwrap() - ppm * 1000).abs() < 15_000, "{ppm} ppm, {minutes} minutes: {ppb:?} ppb");
            }
        }
    }

    #[test]
    fn delays_on_the_way_do_not_count() {
        let ppb = measured(Of::Largest, 600, |at| {
            let late = (at / 1_080_000 * 7919 % 100) * SECOND / 1000;
            at / 1_000_000 * 50 - if late % 5 == 0 { late } else { late / 50 }
        });
        assert!((ppb.unwrap() - 50_000).abs() < 5_000, "{ppb:?}");
    }

    #[test]
    fn wild_readings_do_not_move_it() {
        let ppb = measured(Of::Mean, 300, |at| if at / SECOND % 7 == 3 { SECOND * 5 } else { 0 });
        assert!(ppb.unwrap().abs() < 1000, "{ppb:?}");
    }

    #[test]
    fn memory_does_not_grow() {
        let mut drift = Drift::new(Of::Mean, SECOND);
        for second in 0..1_000_000 {
            drift.add(second * SECOND, second % 7);
        }
        assert!(drift.points.len() <= POINTS && drift.points.capacity() <= 2 * POINTS);
    }
}
