//! Which way a channel comes: as native multicast, which the network itself carries, or through a tunnel.
//!
//! In: when native data came, and the time. Out: when to open the tunnel, and when it may go. Both begin at
//! once; native is preferred as soon as it delivers; the tunnel is opened again when native has been silent
//! for a while, and let go when native has been there again for a moment. Where one takes over from the
//! other, both are held for that long, so that nothing is missed in between.

use crate::options::PathChoice;
use std::time::{Duration, Instant};

/// How long native data must have come before the tunnel is let go.
const STEADY: Duration = Duration::from_secs(1);
/// A pause within data that is no silence yet.
const PAUSE: Duration = Duration::from_millis(500);

/// What to do about the tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Look for a relay and receive through it.
    OpenTunnel,
    /// Native multicast delivers: leave the relay.
    CloseTunnel,
}

/// Follows one channel.
#[derive(Debug)]
pub(super) struct Choice {
    path: PathChoice,
    /// How long native multicast may be silent.
    patience: Duration,
    tunnel: bool,
    /// The first and the last of the native data that comes without a pause.
    native: Option<(Instant, Instant)>,
}

impl Choice {
    /// Nothing has come yet, and no tunnel is open.
    pub(super) fn new(path: PathChoice, patience: Duration) -> Self {
        Self { path, patience, tunnel: false, native: None }
    }

    /// From now on native multicast may be silent for so long.
    pub(super) fn wait_for(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Whether the channel is joined natively at all.
    pub(super) fn wants_native(&self) -> bool {
        self.path != PathChoice::Amt
    }

    /// Native data came, the last of it at `at`.
    pub(super) fn native_data(&mut self, at: Instant) {
        let first = match self.native {
            Some((first, last)) if at.saturating_duration_since(last) < PAUSE => first,
            _ => at,
        };
        self.native = Some((first, at));
    }

    /// Native multicast cannot be had on this machine.
    pub(super) fn native_failed(&mut self) {
        self.native = None;
    }

    /// Whether native data is what to show, where the tunnel brings the same.
    pub(super) fn prefers_native(&self, now: Instant) -> bool {
        self.native.is_some_and(|(first, last)| {
            now.saturating_duration_since(last) < PAUSE && last.saturating_duration_since(first) >= STEADY
        })
    }

    /// What is to be done now; to be asked a few times a second.
    pub(super) fn step(&mut self, now: Instant) -> Option<Step> {
        let wanted = match (self.path, self.native) {
            (PathChoice::Native, _) => false,
            (PathChoice::Amt, _) | (PathChoice::Auto, None) => true,
            // In between all stays as it is.
            (PathChoice::Auto, Some((_, last))) => {
                now.saturating_duration_since(last) >= self.patience || (self.tunnel && !self.prefers_native(now))
            }
        };
        if wanted == self.tunnel {
            return None;
        }
        self.tunnel = wanted;
        Some(if wanted { Step::OpenTunnel } else { Step::CloseTunnel })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    /// What is done when native data comes in these spans of milliseconds, looked at every 100 ms.
    fn steps(path: PathChoice, native: &[(u64, u64)]) -> Vec<(u64, Step)> {
        let start = Instant::now();
        let mut choice = Choice::new(path, PATIENCE);
        let mut steps = Vec::new();
        for millis in (0..20_000).step_by(100) {
            let now = start + Duration::from_millis(millis);
            if native.iter().any(|(from, to)| (*from..*to).contains(&millis)) {
                choice.native_data(now);
            }
            steps.extend(choice.step(now).map(|step| (millis, step)));
        }
        steps
    }

    #[test]
    fn both_begin_at_once_and_the_tunnel_goes_when_native_is_steady() {
        assert_eq!(steps(PathChoice::Auto, &[(300, 20_000)]), [(0, Step::OpenTunnel), (1300, Step::CloseTunnel)]);
    }

    #[test]
    fn the_tunnel_comes_back_when_native_is_silent_and_goes_when_it_returns() {
        assert_eq!(
            steps(PathChoice::Auto, &[(100, 5000), (12_000, 20_000)]),
            [
                (0, Step::OpenTunnel),
                (1100, Step::CloseTunnel),
                (4900 + 2000, Step::OpenTunnel),
                (13_000, Step::CloseTunnel)
            ]
        );
    }

    #[test]
    fn where_native_never_comes_the_tunnel_stays() {
        assert_eq!(steps(PathChoice::Auto, &[]), [(0, Step::OpenTunnel)]);
    }

    #[test]
    fn a_native_path_that_stutters_does_not_take_over() {
        let stutter: Vec<_> = (0..20).map(|second| (second * 1000, second * 1000 + 300)).collect();
        let steps = steps(PathChoice::Auto, &stutter);
        assert!(!steps.iter().any(|(_, step)| *step == Step::CloseTunnel), "{steps:?}");
    }

    #[test]
    fn only_one_way_where_one_is_asked_for() {
        assert_eq!(steps(PathChoice::Native, &[(5000, 20_000)]), []);
        assert_eq!(steps(PathChoice::Amt, &[(0, 20_000)]), [(0, Step::OpenTunnel)]);
    }
}
