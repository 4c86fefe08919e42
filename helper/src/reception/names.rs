//! The addresses of a channel whose source or group is given by name.

use super::changes::Changes;
use super::search::Channel;
use super::signals::{Signal, Signals};
use super::{Consumer, Happening, Reception};
use amt_shared::amt_url::Host;
use amt_shared::wire::Status;
use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long to wait after something that only the user can put right, before it is tried again all the same.
const RETRY: Duration = Duration::from_secs(4);
/// The shortest such pause.
const SOON: Duration = Duration::from_secs(1);

impl<C: Consumer> Reception<'_, C> {
    /// The addresses of source and group.
    pub(super) async fn look_up<S: Future<Output = ()>>(
        &mut self,
        signals: &mut Signals<'_, S>,
        changes: &mut Changes,
    ) -> Result<Channel, Signal> {
        loop {
            let status = self.narrator.resolving(&self.plan);
            self.status(status);
            let asked = Instant::now();
            let plan = self.plan.clone();
            let lookup = pin!(Channel::look_up(&plan, &self.network.discovery));
            let channel = tokio::select! {
                channel = lookup => channel,
                // What is asked in the network before waits for answers that no longer come.
                () = changes.next() => continue,
                stop = self.stopped(signals) => return Err(stop),
            };
            self.looked_up(asked, &channel);
            match channel {
                Ok(channel) => {
                    channel.remarks.iter().for_each(|remark| self.step(remark));
                    return Ok(channel);
                }
                Err(status) => {
                    self.status(Some(status));
                    // A lookup takes as long as that where nobody answers; then it has been waited for already.
                    let pause = RETRY.saturating_sub(asked.elapsed()).max(SOON);
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = changes.next() => {}
                        stop = self.stopped(signals) => return Err(stop),
                    }
                }
            }
        }
    }

    /// Returns when the channel is not wanted any more. Which relays are wanted changes nothing for its names.
    async fn stopped<S: Future<Output = ()>>(&mut self, signals: &mut Signals<'_, S>) -> Signal {
        loop {
            match signals.next().await {
                Signal::Stop => return Signal::Stop,
                Signal::Plan => self.plan = signals.plan.borrow().clone(),
            }
        }
    }

    /// Tells what was looked up for the channel itself, where it is given by name.
    fn looked_up(&self, asked: Instant, channel: &Result<Channel, Status>) {
        let url = &self.plan.url;
        let names = url.source.iter().chain([&url.group]).filter(|host| matches!(host, Host::Name(_)));
        let names: Vec<_> = names.map(|name| format!("“{name}”")).collect();
        if names.is_empty() {
            return;
        }
        let found = channel
            .as_ref()
            .ok()
            .into_iter()
            .flat_map(Channel::copies)
            .flat_map(|copy| copy.membership.source().into_iter().chain([copy.membership.group()]));
        let happening = Happening::LookedUp {
            what: names.join(" and "),
            took: asked.elapsed(),
            found: found.collect(),
            error: channel.as_ref().err().map(|status| status.sentence.clone()),
        };
        self.flow.consumer(|consumer| consumer.happened(Instant::now(), &happening));
    }
}
