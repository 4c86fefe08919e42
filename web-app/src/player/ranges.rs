//! Buffered time ranges as values: what all tracks have, where the holes are.

/// Positions closer than this are the same: browsers join ranges with about one frame between them, and the
/// element's clock comes in doubles.
const SAME: f64 = 0.002;

/// Time ranges in seconds, in order, apart from each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranges(Vec<(f64, f64)>);

impl Ranges {
    /// From pairs of start and end, in order.
    #[must_use]
    pub fn new(ranges: Vec<(f64, f64)>) -> Self {
        Self(ranges)
    }

    /// What both have.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut common = Vec::new();
        for &(start, end) in &self.0 {
            for &(from, to) in &other.0 {
                let both = (start.max(from), end.min(to));
                if both.1 - both.0 > SAME {
                    common.push(both);
                }
            }
        }
        Self(common)
    }

    /// The range in which this position lies.
    #[must_use]
    pub fn containing(&self, position: f64) -> Option<(f64, f64)> {
        self.0.iter().copied().find(|&(start, end)| position >= start - SAME && position <= end + SAME)
    }

    /// Seconds that can be played from here without a hole.
    #[must_use]
    pub fn ahead(&self, position: f64) -> f64 {
        self.containing(position).map_or(0.0, |(_, end)| (end - position).max(0.0))
    }

    /// Where playing can go on when it cannot go on here: the start of the next range.
    #[must_use]
    pub fn next_start(&self, position: f64) -> Option<f64> {
        self.0.iter().map(|&(start, _)| start).find(|&start| start > position + SAME)
    }

    /// The first moment of all.
    #[must_use]
    pub fn start(&self) -> Option<f64> {
        self.0.first().map(|&(start, _)| start)
    }

    /// The last range.
    #[must_use]
    pub fn last(&self) -> Option<(f64, f64)> {
        self.0.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(pairs: &[(f64, f64)]) -> Ranges {
        Ranges::new(pairs.to_vec())
    }

    #[test]
    fn both_tracks_are_needed_to_play() {
        let video = ranges(&[(0.0, 2.0), (3.0, 6.0)]);
        let audio = ranges(&[(0.5, 4.0), (5.0, 7.0)]);
        assert_eq!(video.intersection(&audio), ranges(&[(0.5, 2.0), (3.0, 4.0), (5.0, 6.0)]));
        assert_eq!(video.intersection(&Ranges::default()), Ranges::default());
    }

    #[test]
    fn a_hole_is_jumped_to_the_next_range() {
        let holed = ranges(&[(10.0, 12.0), (12.5, 20.0)]);
        assert_eq!(holed.next_start(0.0), Some(10.0), "a hole at the start");
        assert_eq!(holed.next_start(12.0), Some(12.5));
        assert_eq!(holed.next_start(13.0), None);
    }

    #[test]
    fn what_can_be_played_ends_at_the_hole() {
        let holed = ranges(&[(10.0, 12.0), (12.5, 20.0)]);
        assert_eq!(holed.ahead(11.0), 1.0);
        assert_eq!(holed.ahead(12.2), 0.0);
        assert_eq!(holed.containing(12.5), Some((12.5, 20.0)));
    }
}
