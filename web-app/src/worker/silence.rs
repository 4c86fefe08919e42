//! How long nothing has been heard from the other side, by a clock that looks now and then.
//!
//! Whoever hears something only notes that it did, which costs nothing; the time is taken at the ticks. While the
//! thread itself stood still (a computer that slept, a page that was frozen) it could not hear, so that time does not
//! count.

/// Ticks that are further apart show that the thread stood still. Browsers slow the timers of hidden tabs to one a second.
const STOOD_STILL_MS: f64 = 1500.0;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence {
    heard: bool,
    quiet_ms: f64,
    ticked_ms: Option<f64>,
}

impl Silence {
    /// Something was heard.
    pub const fn heard(&mut self) {
        self.heard = true;
    }

    /// For how many milliseconds nothing has been heard, as of the last tick before something was.
    pub fn tick(&mut self, now_ms: f64) -> f64 {
        let passed = now_ms - self.ticked_ms.replace(now_ms).unwrap_or(now_ms);
        if std::mem::take(&mut self.heard) {
            self.quiet_ms = 0.0;
        } else if (0.0..STOOD_STILL_MS).contains(&passed) {
            self.quiet_ms += passed;
        }
        self.quiet_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_grows_until_something_is_heard() {
        let mut silence = Silence::default();
        let quiet: Vec<_> = (0..5).map(|tick| silence.tick(f64::from(tick) * 250.0)).collect();
        assert_eq!(quiet, [0.0, 250.0, 500.0, 750.0, 1000.0]);
        silence.heard();
        assert_eq!(silence.tick(1250.0), 0.0);
        assert_eq!(silence.tick(1500.0), 250.0);
    }

    #[test]
    fn time_in_which_nobody_could_listen_is_no_silence() {
        let mut silence = Silence::default();
        silence.tick(0.0);
        assert_eq!(silence.tick(1000.0), 1000.0, "the timers of a hidden tab");
        assert_eq!(silence.tick(3_600_000.0), 1000.0, "the computer slept for an hour");
        assert_eq!(silence.tick(3_600_250.0), 1250.0);
    }
}
