//! When the helper received what is on the screen: from a media time to a wall-clock time.

use std::collections::VecDeque;

/// Covers some ten seconds of video frames; the picture is never further behind for long.
const CAPACITY: usize = 1024;

/// Media times of one track with the times at which the helper received them.
#[derive(Debug, Default)]
pub struct Capture {
    received: VecDeque<(f64, f64)>,
}

impl Capture {
    /// A segment that begins at `start` seconds was received at `received_ms` since the Unix epoch.
    pub fn push(&mut self, start: f64, received_ms: f64) {
        if self.received.len() == CAPACITY {
            self.received.pop_front();
        }
        self.received.push_back((start, received_ms));
    }

    /// When the segment that is played at this position was received: the one with the latest start that is
    /// not after it. Frames that are reordered need no order here.
    #[must_use]
    pub fn received_ms(&self, position: f64) -> Option<f64> {
        // Media times are written in units of 1/90000; half a millisecond takes up the rounding.
        let newest_first = self.received.iter().rev();
        let begun = newest_first.filter(|(start, _)| *start <= position + 0.0005);
        begun.max_by(|a, b| a.0.total_cmp(&b.0)).map(|&(_, received_ms)| received_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_on_the_screen_is_found_among_reordered_ones() {
        let mut capture = Capture::default();
        for (start, received) in [(1.0, 100.0), (1.12, 140.0), (1.04, 180.0), (1.08, 220.0)] {
            capture.push(start, received);
        }
        assert_eq!(capture.received_ms(0.9), None);
        assert_eq!(capture.received_ms(1.05), Some(180.0));
        assert_eq!(capture.received_ms(1.08), Some(220.0));
        assert_eq!(capture.received_ms(1.5), Some(140.0));
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let mut capture = Capture::default();
        for frame in 0..10 * CAPACITY {
            capture.push(frame as f64, 0.0);
        }
        assert_eq!(capture.received.len(), CAPACITY);
    }
}
