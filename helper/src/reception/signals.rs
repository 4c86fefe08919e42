//! What may end or change a reception from outside.

use super::Plan;
use crate::budget::Budget;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::sync::watch;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Stop,
    Plan,
}

/// How many times at once a channel may begin anew for another plan, and after which time once more: pages that name one
/// relay after another would keep it from ever coming for the others.
const RESTARTS: u32 = 3;
const RESTART: Duration = Duration::from_secs(4);

pub(super) struct Signals<'a, S> {
    pub(super) plan: watch::Receiver<Plan>,
    pub(super) stop: Pin<&'a mut S>,
    restarts: Budget,
}

impl<'a, S: Future<Output = ()>> Signals<'a, S> {
    pub(super) const fn new(plan: watch::Receiver<Plan>, stop: Pin<&'a mut S>) -> Self {
        Self { plan, stop, restarts: Budget::new(RESTARTS, RESTART) }
    }

    /// Whether the channel may begin anew now, and if so it does.
    pub(super) fn restart(&mut self, now: Instant) -> bool {
        self.restarts.take(now, 1)
    }

    /// Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            () = self.stop.as_mut() => Signal::Stop,
            Ok(()) = self.plan.changed() => Signal::Plan,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_plans_leaves_time_for_what_is_there() {
        let (_sender, plan) = watch::channel(Plan::new("amt://232.0.0.1".parse().unwrap(), &[]));
        let stop = std::pin::pin!(std::future::pending());
        let (mut signals, start) = (Signals::new(plan, stop), Instant::now());
        let begun = (0..6000).filter(|n| signals.restart(start + Duration::from_millis(5 * n)));
        let begun: Vec<_> = begun.collect();
        assert_eq!(begun, [0, 1, 2, 800, 1600, 2400, 3200, 4000, 4800, 5600]);
    }
}
