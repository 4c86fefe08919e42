//! What may end or change a reception from outside.

use super::Plan;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Stop,
    Plan,
}

pub(super) struct Signals<'a, S> {
    pub(super) plan: watch::Receiver<Plan>,
    pub(super) stop: Pin<&'a mut S>,
}

impl<S: Future<Output = ()>> Signals<'_, S> {
    /// Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            () = self.stop.as_mut() => Signal::Stop,
            Ok(()) = self.plan.changed() => Signal::Plan,
        }
    }

    pub(super) async fn pause(&mut self, duration: Duration) -> Option<Signal> {
        tokio::select! {
            signal = self.next() => Some(signal),
            () = sleep(duration) => None,
        }
    }
}
