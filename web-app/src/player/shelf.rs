//! What a source buffer may be told to remove. Pure.
//!
//! `remove(0, end)` takes more than it says: everything up to the next random access point behind `end`, and where there
//! is none everything at all (Media Source Extensions, coded frame removal). So nothing is removed but what lies before
//! a random access point at or before the position: the group of pictures that plays stays whole, however long it is.

/// Behind the position so much is kept, and it is removed in steps of `TRIM_STEP` at least, in seconds.
const KEEP_SECONDS: f64 = 10.0;
const TRIM_STEP: f64 = 5.0;
/// The same where the browser says that its memory is full.
const KEEP_WHEN_FULL: f64 = 0.0;
const STEP_WHEN_FULL: f64 = 0.1;
/// The end of a removal lies so far before the random access point that stays: browsers count in microseconds.
const JUST_BEFORE: f64 = 0.001;
/// A pause in a stream of nothing but random access points reaches half of this.
const POINTS_MAX: usize = 4096;

/// The random access points of what was appended, by their presentation times in seconds.
#[derive(Debug, Default)]
pub struct Shelf {
    points: Vec<f64>,
    removed: Option<f64>,
}

impl Shelf {
    /// Was appended, in this order.
    pub fn push(&mut self, point: f64) {
        if self.points.len() == POINTS_MAX {
            self.points.remove(0);
        }
        self.points.push(point);
    }

    /// The last random access point that was appended.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.points.last().copied()
    }

    /// Where a removal may end that leaves some seconds behind the position, if the buffer begins at `start` and it is
    /// worth it.
    pub fn trim(&mut self, start: f64, position: f64) -> Option<f64> {
        self.remove(start + TRIM_STEP, position - KEEP_SECONDS)
    }

    /// Where a removal may end that leaves what plays and nothing more; `None` where nothing can be spared.
    pub fn spare(&mut self, start: f64, position: f64) -> Option<f64> {
        self.remove(start + STEP_WHEN_FULL, position - KEEP_WHEN_FULL)
    }

    fn remove(&mut self, from: f64, before: f64) -> Option<f64> {
        let kept = self.points.iter().copied().filter(|point| *point <= before).reduce(f64::max)?;
        // What a browser did not remove when it was told to, it will not remove when told again.
        if kept < from || self.removed.is_some_and(|removed| kept <= removed) {
            return None;
        }
        self.points.retain(|point| *point >= kept);
        self.removed = Some(kept);
        Some(kept - JUST_BEFORE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source buffer of frames as the standard has it; a frame is its time in milliseconds and whether it is key.
    struct Buffer(Vec<(u32, bool)>);

    impl Buffer {
        fn start(&self) -> f64 {
            f64::from(self.0[0].0) / 1000.0
        }

        fn remove(&mut self, end: f64) {
            let end = (end * 1000.0) as u32;
            let next = self.0.iter().find(|(time, key)| *key && *time >= end).map(|&(time, _)| time);
            self.0.retain(|&(time, _)| next.is_some_and(|next| time >= next));
        }

        fn plays(&self, position: f64) -> bool {
            let position = (position * 1000.0) as u32;
            self.0.first().is_some_and(|&(start, key)| key && start <= position)
        }
    }

    /// Plays so many seconds with key frames so far apart, trimming all the time; the most seconds that were held.
    fn play(seconds: u32, group_ms: u32) -> f64 {
        let (mut shelf, mut buffer, mut most) = (Shelf::default(), Buffer(Vec::new()), 0.0_f64);
        for time in (0..seconds * 1000).step_by(40) {
            let key = time % group_ms == 0;
            buffer.0.push((time, key));
            let now = f64::from(time) / 1000.0;
            if key {
                shelf.push(now);
            }
            let position = (now - 0.2).max(0.0);
            if let Some(end) = shelf.trim(buffer.start(), position) {
                buffer.remove(end);
            }
            assert!(buffer.plays(position), "what plays was removed at {position}, key frames {group_ms} ms apart");
            most = most.max(now - buffer.start());
        }
        most
    }

    #[test]
    fn the_group_of_pictures_that_plays_stays_whole_however_long_it_is() {
        assert!(play(600, 1000) < 17.0);
        assert!(play(600, 15_000) < 41.0);
        assert!(play(600, 60_000) < 131.0);
        assert!((play(90, 1_000_000) - 89.96).abs() < 0.1, "there is nothing to spare");
    }

    #[test]
    fn when_it_is_full_everything_goes_but_what_plays() {
        let mut shelf = Shelf::default();
        for point in [0.0, 4.0, 8.0, 12.0] {
            shelf.push(point);
        }
        assert_eq!(shelf.spare(0.0, 9.0), Some(8.0 - JUST_BEFORE));
        assert_eq!(shelf.spare(0.0, 9.1), None, "not the same again: it was no help");
        assert_eq!(shelf.spare(8.0, 9.1), None);
        assert_eq!(shelf.spare(8.0, 12.5), Some(12.0 - JUST_BEFORE));
    }

    #[test]
    fn trimming_is_done_in_steps() {
        let mut shelf = Shelf::default();
        for point in 0..40 {
            shelf.push(f64::from(point));
        }
        assert_eq!(shelf.trim(0.0, 14.9), None);
        assert_eq!(shelf.trim(0.0, 15.0), Some(5.0 - JUST_BEFORE));
        assert_eq!(shelf.trim(5.0, 19.0), None);
    }

    #[test]
    fn it_has_a_bound() {
        let mut shelf = Shelf::default();
        for point in 0..2 * POINTS_MAX {
            shelf.push(point as f64);
        }
        assert_eq!((shelf.points.len(), shelf.last()), (POINTS_MAX, Some((2 * POINTS_MAX - 1) as f64)));
    }
}
