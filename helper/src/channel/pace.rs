//! How often frames go out. Pure: times come in.
//!
//! A frame costs one write to a socket for every viewer, whatever is in it. Few viewers get what one receive call
//! brought at once. With many, frames keep a distance, so that a channel makes no more than [`WRITES`] writes a
//! second; what comes in between goes out together. A stream that comes more slowly than that never waits.

use std::time::{Duration, Instant};

/// Writes a second for one channel: about a fifth of a processor.
const WRITES: u32 = 20_000;
/// The longest distance, however many viewers there are.
const LONGEST: Duration = Duration::from_millis(10);
/// Shorter ones are none: timers are no more exact than that.
const SHORTEST: Duration = Duration::from_millis(1);

/// When the next frame may go out.
#[derive(Debug, Default)]
pub(super) struct Pace {
    next: Option<Instant>,
}

impl Pace {
    /// The time to wait for; `None` where a frame may go out at once.
    pub(super) fn turn(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|next| now < *next)
    }

    /// A frame went out to so many viewers.
    pub(super) fn sent(&mut self, now: Instant, viewers: usize) {
        let viewers = u32::try_from(viewers).unwrap_or(u32::MAX);
        let distance = (Duration::from_secs(1) / WRITES).saturating_mul(viewers).min(LONGEST);
        self.next = (distance >= SHORTEST).then(|| now + distance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(viewers: usize, later: Duration) -> Option<Duration> {
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert_eq!(pace.turn(now), None, "the first goes out at once");
        pace.sent(now, viewers);
        pace.turn(now + later).map(|turn| turn - now)
    }

    #[test]
    fn few_viewers_never_wait() {
        assert_eq!(wait(0, Duration::ZERO), None);
        assert_eq!(wait(19, Duration::ZERO), None);
    }

    #[test]
    fn many_wait_for_each_other_and_never_longer_than_ten_milliseconds() {
        assert_eq!(wait(100, Duration::ZERO), Some(Duration::from_millis(5)));
        assert_eq!(wait(100, Duration::from_millis(4)), Some(Duration::from_millis(5)));
        assert_eq!(wait(10_000, Duration::ZERO), Some(LONGEST));
    }

    #[test]
    fn what_comes_late_enough_goes_out_at_once() {
        assert_eq!(wait(100, Duration::from_millis(5)), None);
    }
}
