//! What may end or change a reception from outside.

use super::Plan;
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

/// When as many as now could begin anew again.
#[derive(Debug, Default)]
pub(super) struct Restarts(Option<Instant>);

impl Restarts {
    /// Whether it may begin anew now, and if so it does.
    pub(super) fn one_more(&mut self, now: Instant) -> bool {
        let full = self.0.map_or(now, |full| full.max(now)) + RESTART;
        let may = full <= now + RESTARTS * RESTART;
        if may {
            self.0 = Some(full);
        }
        may
    }
}

pub(super) struct Signals<'a, S> {
    pub(super) plan: watch::Receiver<Plan>,
    pub(super) stop: Pin<&'a mut S>,
    pub(super) restarts: Restarts,
}

impl<S: Future<Output = ()>> Signals<'_, S> {
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
        let (mut restarts, start) = (Restarts::default(), Instant::now());
        let begun = (0..6000).filter(|n| restarts.one_more(start + Duration::from_millis(5 * n)));
        let begun: Vec<_> = begun.collect();
        assert_eq!(begun, [0, 1, 2, 800, 1600, 2400, 3200, 4000, 4800, 5600]);
    }
}
