//! One channel, from all its paths to one stream: looks for ways to it, takes the best, and never lets go of
//! one before the next delivers.
//!
//! In: a [`Plan`], which may be replaced while nothing comes. Out, to a [`Consumer`]: the TS of each datagram as
//! soon as the receive call that brought it returns, and every step on the way in words. `choice` says whether
//! native multicast or a tunnel, [`discovery`](crate::discovery) which relay; `flow` is where they meet.

mod changes;
mod choice;
mod consumer;
mod counters;
mod flow;
mod health;
mod meter;
mod names;
mod native;
mod network;
mod plan;
mod said;
mod search;
mod signals;
#[cfg(test)]
mod tests;
mod words;

pub use consumer::{Consumer, Happening};
pub use network::Network;
pub use plan::Plan;

use crate::options::PathChoice;
use crate::tunnel::{News, Tally};
use amt_shared::wire::Status;
use changes::Changes;
use choice::{Choice, Step};
use flow::{Flow, Told, Way};
use meter::Verdict;
use native::NativePaths;
use search::Search;
use signals::{Signal, Signals};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use words::Narrator;

/// How long native multicast may be silent, unless the URL says otherwise.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long native multicast alone may bring nothing before that is said, and said again.
const QUIET: Duration = Duration::from_secs(10);
/// Between two looks at whether data comes.
const LOOK: Duration = Duration::from_millis(100);
/// Between two hints at what helps against a full buffer.
const REMEDY: Duration = Duration::from_secs(60);
/// Between two reports of the counters, in looks.
const REPORT: u32 = 10;

/// Receives the channel of `plan` until `stop` is done, and leaves it then. Gives the consumer back.
pub async fn run<C: Consumer>(
    plan: watch::Receiver<Plan>,
    network: &Network,
    consumer: C,
    stop: impl Future<Output = ()> + Send,
) -> Option<C> {
    let stop = std::pin::pin!(stop);
    let mut signals = Signals::new(plan, stop);
    let (sender, told) = mpsc::unbounded_channel();
    let flow = Flow::new(consumer, sender);
    let mut told = told;
    loop {
        let plan = signals.plan.borrow_and_update().clone();
        let mut reception = Reception {
            narrator: Narrator::new(plan.label()),
            plan,
            network,
            flow: &flow,
            told: &mut told,
            shown: None,
            since: Instant::now(),
            remedied: None,
        };
        let ended = reception.follow(&mut signals).await;
        reception.report(Instant::now(), false);
        match ended {
            Signal::Plan => flow.restart(),
            Signal::Stop => return flow.end(),
        }
    }
}

struct Reception<'a, C: Consumer> {
    plan: Plan,
    network: &'a Network,
    flow: &'a Arc<Flow<C>>,
    told: &'a mut mpsc::UnboundedReceiver<Told>,
    narrator: Narrator,
    /// The way whose data is shown.
    shown: Option<Way>,
    /// Since when nothing has been said about native multicast alone that brings nothing.
    since: Instant,
    /// When it was said last what helps against a full buffer.
    remedied: Option<Instant>,
}

impl<C: Consumer> Reception<'_, C> {
    async fn follow<S: Future<Output = ()>>(&mut self, signals: &mut Signals<'_, S>) -> Signal {
        let mut changes = Changes::new(&self.network.attachment);
        let channel = match self.look_up(signals, &mut changes).await {
            Ok(channel) => channel,
            Err(signal) => return signal,
        };
        let mut choice = Choice::new(self.network.path, self.plan.timeout().unwrap_or(PATIENCE));
        let _native = choice.wants_native().then(|| NativePaths::join(&channel, self.network, self.flow));
        let mut search: Option<Search<'_, C>> = None;
        let mut wake = None;
        let mut other_plan = false;
        let mut looks = 0;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = Instant::now();
            match choice.step(now) {
                Some(Step::OpenTunnel) => {
                    let status = self.narrator.searching(&self.plan);
                    self.status(status);
                    search = Some(Search::new(now, self.network, self.flow, &channel, &self.plan));
                }
                Some(Step::CloseTunnel) => {
                    self.step("Native multicast is delivering: leaving the relay.");
                    search = None;
                }
                None => {}
            }
            if let Some(search) = &mut search {
                search.steps(now, &mut self.narrator);
            }
            let due = search.as_ref().and_then(Search::due).into_iter().chain(wake).min();
            tokio::select! {
                biased;
                signal = signals.next() => {
                    if signal == Signal::Stop || !self.flows() && signals.restart(now) {
                        return signal;
                    }
                    // Pages may name other relays for a channel that comes already: they are kept for when it stops.
                    let plan = signals.plan.borrow().clone();
                    choice.wait_for(plan.timeout().unwrap_or(PATIENCE));
                    other_plan |= plan.relays != self.plan.relays || !self.flows();
                }
                Some(told) = self.told.recv() => match told {
                    Told::Wake(at) => wake = Some(at),
                    Told::Data(way) => {
                        if let (Way::Tunnel(relay), Some(search)) = (way, &mut search) {
                            search.data(Instant::now(), relay);
                        }
                        self.data(way);
                    }
                    Told::News(way, at, news) => self.news(way, at, &news, &mut choice, search.as_mut()),
                },
                Some(found) = Search::found(&mut search) => {
                    if let Some(search) = &mut search {
                        search.take(Instant::now(), found, &mut self.narrator);
                    }
                }
                () = sleep_until(due.unwrap_or(now).into()), if due.is_some() => {
                    let now = Instant::now();
                    if wake.is_some_and(|at| at <= now) {
                        wake = None;
                        self.flow.wake(now);
                    }
                }
                () = changes.next() => {
                    if let Some(search) = &mut search {
                        search.network_changed(Instant::now());
                    }
                }
                _ = look.tick() => {
                    let now = Instant::now();
                    self.look(now, &mut choice, search.as_mut());
                    looks += 1;
                    if looks % REPORT == 0 {
                        self.report(now, search.is_none());
                        if other_plan && !self.flows() && signals.restart(now) {
                            return Signal::Plan;
                        }
                    }
                }
            }
        }
    }

    /// Data comes by a path, for the first time or after a pause.
    fn data(&mut self, way: Way) {
        self.flow.all_is_news();
        let first = !self.narrator.had_data();
        let status = if first {
            Some(self.narrator.receiving(way, self.flow.meter(|meter| meter.join())))
        } else if self.shown.is_some_and(|shown| shown != way && self.comes(shown)) {
            // What is shown goes on; whether this takes its place is decided elsewhere.
            return;
        } else if self.shown == Some(way) {
            self.narrator.flows_again()
        } else {
            Some(self.narrator.other_path(way))
        };
        self.show(way, status);
    }

    fn show(&mut self, way: Way, status: Option<Status>) {
        if self.shown != Some(way) {
            let (path, relay) = match way {
                Way::Native => ("native", None),
                Way::Tunnel(relay) => ("amt", Some(relay)),
            };
            let why = match self.shown {
                None => "delivered first",
                Some(Way::Native) => "native multicast stopped delivering",
                Some(Way::Tunnel(_)) if way == Way::Native => "native multicast delivers, so no relay is needed",
                Some(Way::Tunnel(_)) => "the previous relay stopped delivering",
            };
            self.shown = Some(way);
            let happening = Happening::Path { path, relay, why: why.to_owned() };
            self.flow.consumer(|consumer| consumer.happened(Instant::now(), &happening));
        }
        self.status(status);
    }

    fn news(&mut self, way: Way, at: Instant, news: &News, choice: &mut Choice, search: Option<&mut Search<'_, C>>) {
        let now = Instant::now();
        match (news, way) {
            (News::Tally(Tally { socket_dropped, remedy, discarded, reassembled, reassembly_failed }), _) => {
                self.flow.meter(|meter| meter.fragments(*reassembled, *reassembly_failed));
                for (reason, count) in discarded {
                    self.flow.meter(|meter| meter.discard(reason.clone(), *count));
                }
                if *socket_dropped > 0 {
                    self.flow.meter(|meter| meter.socket_dropped(*socket_dropped));
                    self.flow.consumer(|consumer| consumer.lost(0));
                    if self.remedied.is_none_or(|at| now.saturating_duration_since(at) >= REMEDY) {
                        self.remedied = Some(now);
                        self.step(&format!(
                            "{socket_dropped} datagrams dropped by the socket: its buffer was full. {remedy}"
                        ));
                    }
                }
            }
            (News::Remark(sentence), _) => self.step(sentence),
            (News::Broken(error), Way::Native) => {
                choice.native_failed();
                if self.network.path == PathChoice::Native {
                    let status = self.narrator.native_broken(error);
                    self.status(Some(status));
                } else {
                    self.step(&format!("Cannot join native multicast: {error}."));
                }
            }
            (News::Broken(error), Way::Tunnel(relay)) => {
                let status = self.narrator.broken(relay, error);
                self.unless_data_comes(status);
            }
            (News::Event(event), Way::Tunnel(relay)) => {
                self.flow.consumer(|consumer| {
                    consumer.happened(at, &Happening::Tunnel { relay, event: *event });
                });
                let told = self.narrator.event(relay, event);
                told.step.iter().for_each(|step| self.step(step));
                match (told.status, told.routine) {
                    (Some(status), _) => self.unless_data_comes(status),
                    (None, false) => self.step(&format!("{event}.")),
                    (None, true) => tracing::debug!("{event}"),
                }
            }
            (News::Gone, Way::Tunnel(relay)) => {
                self.step(&format!("Internal error in the tunnel to {relay}; opening another one."));
            }
            (News::Gone, Way::Native) => {
                self.step("Internal error with native multicast; joining again.");
            }
            (News::Connected, _) | (News::Event(_), Way::Native) => {}
        }
        if let (Way::Tunnel(relay), Some(search)) = (way, search) {
            search.news(now, relay, news);
        }
    }

    /// How a tunnel stands is how the channel stands only while no data comes: a relay may send what it was asked for
    /// before while a question to it is still open.
    fn unless_data_comes(&mut self, status: Status) {
        if self.data_comes() {
            self.step(&status.sentence);
        } else {
            self.status(Some(status));
        }
    }

    fn data_comes(&self) -> bool {
        self.shown.is_some_and(|shown| self.comes(shown))
    }

    fn look(&mut self, now: Instant, choice: &mut Choice, search: Option<&mut Search<'_, C>>) {
        if let Some(last) = self.flow.last(Way::Native) {
            choice.native_data(last);
        }
        if let Some(search) = search {
            search.look(now);
        }
        self.compare(now, choice);
        if self.data_comes() {
            let status = self.narrator.flows_again();
            self.status(status);
        }
        match self.flow.verdict() {
            None => {}
            Some(Verdict::Fine) => {
                let status = self.narrator.comes_again();
                self.status(Some(status));
            }
            Some(Verdict::NotTs) => {
                let status = self.narrator.not_ts();
                self.status(Some(status));
            }
            Some(Verdict::OtherPort(port)) => {
                let status = self.narrator.other_port(port);
                self.status(Some(status));
            }
        }
    }

    /// Which of the ways is to be shown.
    fn compare(&mut self, now: Instant, choice: &Choice) {
        let Some(shown) = self.shown else { return };
        if shown != Way::Native && choice.prefers_native(now) {
            self.flow.prefer(Way::Native);
            let status = self.narrator.other_path(Way::Native);
            self.show(Way::Native, Some(status));
        } else if !self.comes(shown)
            && let Some(way) = self.flow.latest()
            && way != shown
            && self.comes(way)
        {
            let status = self.narrator.other_path(way);
            self.show(way, Some(status));
        }
    }

    fn report(&mut self, now: Instant, native_alone: bool) {
        let path = match self.shown {
            None => "",
            Some(Way::Native) => "native",
            Some(Way::Tunnel(_)) => "amt",
        };
        self.flow.report(now, path);
        let last = self.flow.last(Way::Native).unwrap_or(self.since);
        let quiet = now.saturating_duration_since(last.max(self.since));
        if native_alone && self.network.path == PathChoice::Native && quiet >= QUIET {
            self.since = now;
            let status = self.narrator.native_silent(now.saturating_duration_since(last));
            self.status(Some(status));
        }
    }

    fn comes(&self, way: Way) -> bool {
        self.flow.last(way).is_some_and(|last| last.elapsed() < flow::PAUSE)
    }

    fn flows(&self) -> bool {
        self.flow.meter(|meter| meter.last().is_some_and(|last| last.elapsed() < PATIENCE))
    }

    fn status(&mut self, status: Option<Status>) {
        if let Some(status) = status {
            self.narrator.told(&status);
            self.flow.status(status);
        }
    }

    fn step(&self, sentence: &str) {
        self.flow.step(sentence);
    }
}
