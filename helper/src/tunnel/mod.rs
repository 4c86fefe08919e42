//! Drives a gateway with a transport and a clock: from an AMT URL to the TS of its channel.
//!
//! In: a [`Plan`], which may be replaced while nothing comes. Out, to a [`Consumer`]: the TS of each datagram as
//! soon as the receive call that brought it returns, and every step on the way in words. Names are looked up,
//! relays tried in their order, round and round, and what is joined is left when the tunnel ends.

mod meter;
mod plan;
mod resolve;
mod words;

pub use plan::Plan;

use crate::amt::gateway::{Config, Event, Gateway};
use crate::datagram;
use crate::rtp::Rtp;
use crate::transport::{Batch, Received, Transport, Transports};
use amt_shared::stats::ChannelStats;
use amt_shared::wire::Status;
use meter::{Meter, Verdict};
use resolve::Target;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};
use tracing::debug;
use words::Narrator;

/// How long a relay may bring no data before the next one is tried, unless the URL says otherwise.
const PATIENCE: Duration = Duration::from_secs(6);
/// The same where ICMP says that it is not there.
const UNREACHABLE: Duration = Duration::from_secs(2);
/// How long the only relay may stay without an answer before its name is looked up again.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(60);
/// How long to wait after something that only the user can put right, before it is tried again all the same.
const RETRY: Duration = Duration::from_secs(10);
/// How long the leave may take: it is repeated once, in case the first is lost.
const GOODBYE: Duration = Duration::from_millis(1200);
const REPORT: Duration = Duration::from_secs(1);

/// What a tunnel feeds. It is called on the path of the data: it must not wait for anything.
pub trait Consumer: Send {
    /// The TS of one datagram, and when it was received in microseconds since the Unix epoch.
    fn datagram(&mut self, ts: &[u8], received_micros: u64);
    /// Something was lost before the next datagram.
    fn lost(&mut self);
    /// All that had arrived has been handed over.
    fn flush(&mut self);
    /// A step that changes how things stand.
    fn status(&mut self, status: Status);
    /// A step that does not, for the terminal alone.
    fn step(&mut self, sentence: &str);
    /// The counters, once a second.
    fn stats(&mut self, stats: &ChannelStats);
}

/// Receives the channel of `plan` until `stop` is done, and leaves it then.
pub async fn run(
    plan: watch::Receiver<Plan>,
    transports: &Transports,
    consumer: &mut impl Consumer,
    stop: impl Future<Output = ()> + Send,
) {
    let stop = std::pin::pin!(stop);
    let mut signals = Signals { plan, stop };
    let mut meter = Meter::new(Instant::now());
    loop {
        let current = signals.plan.borrow_and_update().clone();
        let mut tunnel = Tunnel {
            narrator: Narrator::new(current.label()),
            plan: current,
            transports,
            consumer,
            meter: &mut meter,
            rtp: Rtp::default(),
            batch: Batch::default(),
        };
        match tunnel.follow(&mut signals).await {
            Signal::Plan => meter = Meter::new(Instant::now()),
            Signal::Stop => return,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Signal {
    Stop,
    Plan,
}

struct Signals<'a, S> {
    plan: watch::Receiver<Plan>,
    stop: Pin<&'a mut S>,
}

impl<S: Future<Output = ()>> Signals<'_, S> {
    /// Cancelling it loses nothing.
    async fn next(&mut self) -> Signal {
        tokio::select! {
            () = self.stop.as_mut() => Signal::Stop,
            Ok(()) = self.plan.changed() => Signal::Plan,
        }
    }

    async fn pause(&mut self, duration: Duration) -> Option<Signal> {
        tokio::select! {
            signal = self.next() => Some(signal),
            () = sleep(duration) => None,
        }
    }
}

/// Why one relay was given up.
enum Ended {
    Signal(Signal),
    /// Too long without data, or without an answer.
    Silent,
    /// The socket failed.
    Broken(io::Error),
}

struct Tunnel<'a, C> {
    plan: Plan,
    narrator: Narrator,
    transports: &'a Transports,
    consumer: &'a mut C,
    meter: &'a mut Meter,
    /// Follows the sender, whichever relay its packets come through.
    rtp: Rtp,
    batch: Batch,
}

impl<C: Consumer> Tunnel<'_, C> {
    /// Looks up the names, and tries the relays round and round.
    async fn follow<S: Future<Output = ()>>(&mut self, signals: &mut Signals<'_, S>) -> Signal {
        loop {
            if let Some(status) = self.narrator.resolving(&self.plan) {
                self.consumer.status(status);
            }
            let target = tokio::select! {
                target = resolve::resolve(&self.plan) => target,
                signal = signals.next() => return signal,
            };
            let target = match target {
                Ok(target) => target,
                Err(status) => {
                    self.consumer.status(status);
                    if let Some(signal) = signals.pause(RETRY).await {
                        return signal;
                    }
                    continue;
                }
            };
            target.remarks.iter().for_each(|remark| self.consumer.step(remark));
            if let Some(signal) = self.try_relays(&target, signals).await {
                return signal;
            }
        }
    }

    /// Tries each relay once.
    async fn try_relays<S: Future<Output = ()>>(
        &mut self,
        target: &Target,
        signals: &mut Signals<'_, S>,
    ) -> Option<Signal> {
        for (index, &relay) in target.relays.iter().enumerate() {
            let transport = self.transports.connect(relay, |sentence| self.consumer.step(&sentence));
            let ended = match transport {
                Ok(transport) => self.drive(target, relay, transport, signals).await,
                Err(error) => Ended::Broken(error),
            };
            let next = target.relays.get(index + 1).or(target.relays.first()).filter(|next| **next != relay);
            match ended {
                Ended::Signal(signal) => return Some(signal),
                Ended::Silent => self.consumer.status(self.narrator.next_relay(relay, next.copied())),
                Ended::Broken(error) => {
                    self.consumer.status(self.narrator.broken(relay, &error));
                    if let Some(signal) = signals.pause(Duration::from_secs(1)).await {
                        return Some(signal);
                    }
                }
            }
        }
        None
    }

    /// One relay, from discovery to the end.
    async fn drive<S: Future<Output = ()>>(
        &mut self,
        target: &Target,
        relay: SocketAddr,
        mut transport: Transport,
        signals: &mut Signals<'_, S>,
    ) -> Ended {
        let began = Instant::now();
        let protocol = target.membership.protocol();
        let mut gateway = Gateway::new(began, Config::new(protocol), relay, rand::random());
        gateway.join(began, target.membership);
        self.meter.other_relay();
        let mut report = tokio::time::interval_at((began + REPORT).into(), REPORT);
        report.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut answered = began;
        let mut other_plan = false;
        let ended = loop {
            if self.pump(&mut gateway, &mut transport).await {
                answered = Instant::now();
            }
            let timeout = gateway.poll_timeout();
            tokio::select! {
                received = transport.receive(&mut self.batch) => match received {
                    Ok(Received::Datagrams) => self.take(&mut gateway, &transport),
                    Ok(Received::Unreachable) => gateway.handle_unreachable(Instant::now()),
                    Err(error) => break Ended::Broken(error),
                },
                () = sleep_until(timeout.unwrap_or(began).into()), if timeout.is_some() => {
                    gateway.handle_timeout(Instant::now());
                }
                _ = report.tick() => {
                    self.report(&transport);
                    if other_plan && !self.flows() {
                        break Ended::Signal(Signal::Plan);
                    }
                    let quiet = self.meter.last().map_or(began, |last| last.max(began)).elapsed();
                    let silent = if target.relays.len() > 1 {
                        quiet >= if self.narrator.unreachable() { UNREACHABLE } else { self.patience() }
                    } else {
                        quiet >= LOOK_UP_AGAIN && answered.elapsed() >= LOOK_UP_AGAIN
                    };
                    if silent {
                        break Ended::Silent;
                    }
                }
                signal = signals.next() => {
                    // Pages may name other relays for a channel that comes already: they are kept for when it stops.
                    if signal == Signal::Stop || !self.flows() {
                        break Ended::Signal(signal);
                    }
                    other_plan = true;
                }
            }
        };
        self.report(&transport);
        gateway.stop(Instant::now());
        self.pump(&mut gateway, &mut transport).await;
        if matches!(ended, Ended::Signal(Signal::Stop)) {
            self.say_goodbye(&mut gateway, &mut transport).await;
        }
        ended
    }

    fn flows(&self) -> bool {
        self.meter.last().is_some_and(|last| last.elapsed() < 2 * REPORT)
    }

    fn patience(&self) -> Duration {
        self.plan.url.timeout_seconds.map_or(PATIENCE, |seconds| Duration::from_secs(seconds.into()))
    }

    /// Sends what the gateway has to send, and tells what it has to tell. Whether the relay answered.
    async fn pump(&mut self, gateway: &mut Gateway, transport: &mut Transport) -> bool {
        let mut unsent = None;
        while let Some(transmit) = gateway.poll_transmit() {
            if let Err(error) = transport.send(transmit.to, &transmit.payload).await {
                gateway.handle_unreachable(Instant::now());
                unsent = Some((transmit.to, error));
            }
        }
        let mut answered = false;
        while let Some(event) = gateway.poll_event() {
            if unsent.is_some() && matches!(event, Event::Unreachable { .. }) {
                // It is not the relay's side that says so: see below.
                continue;
            }
            let told = self.narrator.event(&event);
            match (told.status, told.routine) {
                (Some(status), _) => self.consumer.status(status),
                (None, false) => self.consumer.step(&format!("{event}.")),
                (None, true) => debug!("{event}"),
            }
            answered |= matches!(event, Event::Query { .. });
        }
        if let Some((to, error)) = unsent {
            self.consumer.status(self.narrator.broken(to, &error));
        }
        answered
    }

    /// What one receive call brought, on its way to the consumer.
    fn take(&mut self, gateway: &mut Gateway, transport: &Transport) {
        let now = Instant::now();
        let (meter, consumer, rtp) = (&mut *self.meter, &mut *self.consumer, &mut self.rtp);
        let port = self.plan.url.port;
        let first = meter.last().is_none();
        transport.for_each(&self.batch, |arrival| {
            let handled =
                gateway.handle_datagram(now, arrival.from, arrival.payload).map_err(|discard| discard.to_string());
            let handled = handled.and_then(|packet| {
                let Some(packet) = packet else { return Ok(None) };
                let inner = datagram::parse(packet).map_err(|discard| discard.to_string())?;
                if inner.destination.port() != port {
                    meter.other_port(inner.destination.port());
                    return Err("inner datagram for another port".to_owned());
                }
                let lost = rtp.lost();
                let ts = rtp.strip(inner.payload).map_err(|discard| discard.to_string())?;
                Ok(Some((ts, rtp.lost() > lost)))
            });
            match handled {
                Ok(Some((ts, lost))) => {
                    if lost {
                        consumer.lost();
                    }
                    meter.count(now, ts);
                    consumer.datagram(ts, arrival.micros);
                }
                Ok(None) => {}
                Err(reason) => meter.discard(reason),
            }
        });
        self.consumer.flush();
        if first && self.meter.last().is_some() {
            self.consumer.status(self.narrator.receiving(self.meter.join()));
        }
        match self.meter.verdict() {
            None => {}
            // The first data of all is told already.
            Some(Verdict::Fine) if first => {}
            Some(Verdict::Fine) => self.consumer.status(self.narrator.comes_again()),
            Some(Verdict::NotTs) => self.consumer.status(self.narrator.not_ts()),
            Some(Verdict::OtherPort(port)) => self.consumer.status(self.narrator.other_port(port)),
        }
    }

    fn report(&mut self, transport: &Transport) {
        let dropped = transport.dropped();
        if self.meter.socket_dropped(dropped.unwrap_or(0)) {
            self.consumer.lost();
        }
        let stats = self.meter.report(Instant::now(), &self.rtp);
        self.consumer.stats(stats);
    }

    /// Sends the leave again, as nobody confirms it.
    async fn say_goodbye(&mut self, gateway: &mut Gateway, transport: &mut Transport) {
        let _ = tokio::time::timeout(GOODBYE, async {
            while !gateway.is_stopped() {
                let Some(timeout) = gateway.poll_timeout() else { break };
                sleep_until(timeout.into()).await;
                gateway.handle_timeout(Instant::now());
                self.pump(gateway, transport).await;
            }
        })
        .await;
    }
}
