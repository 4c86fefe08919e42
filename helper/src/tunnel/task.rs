//! One tunnel's task: drives a gateway with a transport and a clock.

use super::{Key, News, Order, Rider, Shared, Tally};
use crate::amt::gateway::{self, Config, Event, Gateway};
use crate::datagram;
use crate::membership::Membership;
use crate::reassembly::{self, Reassembly};
use crate::transport::{Batch, Received, Transport};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval_at, sleep, sleep_until};

/// Between two looks at the socket's own counters and at the way to the relay.
const REPORT: Duration = Duration::from_secs(1);
/// Before a socket that failed is opened anew.
const REOPEN: Duration = Duration::from_secs(1);
/// How long the leave may take: it is repeated once, in case the first is lost.
const GOODBYE: Duration = Duration::from_millis(1200);

/// Why a datagram of a tunnel goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
enum Discard {
    #[error(transparent)]
    Amt(#[from] gateway::Discard),
    #[error(transparent)]
    Fragment(#[from] reassembly::Discard),
    #[error(transparent)]
    Inner(#[from] datagram::Discard),
    #[error("inner datagram for another port")]
    OtherPort,
}

pub(super) struct Task {
    key: Key,
    config: Config,
    orders: mpsc::UnboundedReceiver<Order>,
    shared: Arc<Shared>,
    riders: Vec<Rider>,
    /// What the last channel left joined, as its leave goes out with the tunnel's own end; where another channel
    /// came before that, it is left once that one has joined, so that the same channel is not interrupted.
    owed: Option<Membership>,
    reassembly: Reassembly,
    /// What was made of fragments when it was looked at last.
    fragments: reassembly::Figures,
    batch: Batch,
    discarded: BTreeMap<Discard, u64>,
    /// The socket's own count when it was looked at last.
    dropped_before: u64,
}

/// Why a transport is given up.
enum Ended {
    /// Nobody wants the tunnel.
    Unwanted,
    /// The machine's address changed under it.
    Moved,
    /// The socket failed.
    Broken(io::Error),
}

impl Task {
    pub(super) fn new(key: Key, config: Config, orders: mpsc::UnboundedReceiver<Order>, shared: Arc<Shared>) -> Self {
        Self {
            key,
            config,
            orders,
            shared,
            riders: Vec::new(),
            owed: None,
            reassembly: Reassembly::default(),
            fragments: reassembly::Figures::default(),
            batch: Batch::default(),
            discarded: BTreeMap::new(),
            dropped_before: 0,
        }
    }

    /// Runs until nobody wants the tunnel, and leaves properly. `alive` is held as long.
    pub(super) async fn run(mut self, alive: mpsc::Sender<()>) {
        let Some(orders) = self.turn().await else { return };
        let mut gateway = Gateway::new(Instant::now(), self.config.clone(), self.key.relay, rand::random());
        orders.into_iter().for_each(|order| self.obey(&mut gateway, order));
        loop {
            self.obey_all(&mut gateway);
            if self.riders.is_empty() && self.shared.close(&self.key, &self.orders) {
                break;
            }
            let opened = self.shared.transports.connect(self.key.relay, |sentence| {
                self.riders.iter().for_each(|rider| rider.line.news(News::Remark(sentence.clone())));
            });
            let ended = match opened {
                Ok(transport) => self.drive(&mut gateway, transport).await,
                Err(error) => Ended::Broken(error),
            };
            match ended {
                Ended::Unwanted => break,
                Ended::Moved => gateway.handle_path_change(Instant::now()),
                Ended::Broken(error) => {
                    self.tell(&News::Broken(error.to_string()));
                    self.pause(&mut gateway).await;
                    gateway.handle_path_change(Instant::now());
                }
            }
            self.dropped_before = 0;
        }
        drop(alive);
    }

    /// Waits until the relay may be asked. What was ordered meanwhile, or `None` where nobody waits any more.
    async fn turn(&mut self) -> Option<Vec<Order>> {
        let (shared, relay) = (Arc::clone(&self.shared), self.key.relay);
        let turn = shared.turn(relay);
        tokio::pin!(turn);
        let mut orders: Vec<Order> = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = &mut turn => return Some(orders),
                Some(order) = self.orders.recv() => match order {
                    Order::Leave(id) => {
                        orders.retain(|order| !matches!(order, Order::Take(Rider { id: of, .. }) | Order::Join(of) if *of == id));
                        if orders.is_empty() && self.shared.close(&self.key, &self.orders) {
                            return None;
                        }
                    }
                    order => orders.push(order),
                },
            }
        }
    }

    /// Waits before the socket is opened anew; orders are taken meanwhile.
    async fn pause(&mut self, gateway: &mut Gateway) {
        let over = sleep(REOPEN);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return,
                Some(order) = self.orders.recv() => self.obey(gateway, order),
            }
        }
    }

    async fn drive(&mut self, gateway: &mut Gateway, mut transport: Transport) -> Ended {
        let began = Instant::now();
        let mut report = interval_at((began + REPORT).into(), REPORT);
        report.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.pump(gateway, &mut transport).await;
            let due = gateway.poll_timeout();
            tokio::select! {
                received = transport.receive(&mut self.batch) => match received {
                    Ok(Received::Datagrams) => self.take(gateway, &transport),
                    Ok(Received::Unreachable) => gateway.handle_unreachable(Instant::now()),
                    Err(error) => return Ended::Broken(error),
                },
                () = sleep_until(due.unwrap_or(began).into()), if due.is_some() => {
                    gateway.handle_timeout(Instant::now());
                }
                Some(order) = self.orders.recv() => {
                    self.obey(gateway, order);
                    self.obey_all(gateway);
                    if self.riders.is_empty() && self.shared.close(&self.key, &self.orders) {
                        self.say_goodbye(gateway, &mut transport).await;
                        return Ended::Unwanted;
                    }
                }
                _ = report.tick() => {
                    self.report(&transport);
                    if transport.moved() {
                        return Ended::Moved;
                    }
                }
            }
        }
    }

    fn obey_all(&mut self, gateway: &mut Gateway) {
        while let Ok(order) = self.orders.try_recv() {
            self.obey(gateway, order);
        }
    }

    fn obey(&mut self, gateway: &mut Gateway, order: Order) {
        let now = Instant::now();
        match order {
            Order::Take(rider) => {
                if gateway.is_connected() {
                    rider.line.news(News::Connected);
                }
                self.riders.push(rider);
            }
            Order::Join(id) => {
                let rider = self.riders.iter_mut().find(|rider| rider.id == id && !rider.joined);
                if let Some(rider) = rider {
                    rider.joined = true;
                    gateway.join(now, rider.membership);
                    if let Some(membership) = self.owed.take() {
                        gateway.leave(now, membership);
                    }
                }
            }
            Order::Leave(id) => {
                let Some(index) = self.riders.iter().position(|rider| rider.id == id) else { return };
                let rider = self.riders.swap_remove(index);
                if rider.joined && self.riders.is_empty() {
                    self.owed = Some(rider.membership);
                } else if rider.joined {
                    gateway.leave(now, rider.membership);
                }
            }
        }
    }

    /// Sends what the gateway has to send, and tells what it has to tell.
    async fn pump(&mut self, gateway: &mut Gateway, transport: &mut Transport) {
        let mut unsent = None;
        while let Some(transmit) = gateway.poll_transmit() {
            if let Err(error) = transport.send(transmit.to, &transmit.payload).await {
                gateway.handle_unreachable(Instant::now());
                // That says something of the relay's side, as ICMP does, and nothing of this machine.
                let of_the_relay = matches!(error.kind(), ErrorKind::HostUnreachable | ErrorKind::ConnectionRefused);
                unsent = (!of_the_relay).then_some(error).or(unsent);
            }
        }
        while let Some(event) = gateway.poll_event() {
            match event {
                // It is not the relay's side that says so: see below.
                Event::Unreachable { .. } if unsent.is_some() => continue,
                _ => {}
            }
            if matches!(event, Event::Advertisement { .. } | Event::Query { .. }) {
                self.shared.has_answered(self.key.relay);
            }
            let concerned = match event {
                Event::Receiving { membership, .. } | Event::Silent { membership, .. } => Some(membership),
                Event::Report { membership, .. } => membership,
                _ => None,
            };
            for rider in &self.riders {
                if concerned.is_none_or(|membership| rider.joined && membership == rider.membership) {
                    rider.line.news(News::Event(event));
                }
            }
        }
        if let Some(error) = unsent {
            self.tell(&News::Broken(error.to_string()));
        }
    }

    /// What one receive call brought, on its way to the channels.
    fn take(&mut self, gateway: &mut Gateway, transport: &Transport) {
        let now = Instant::now();
        let Self { riders, key, shared, reassembly, discarded, batch, .. } = self;
        transport.for_each(batch, |arrival| {
            let mut hand_on = || {
                let handled = gateway.handle_datagram(now, arrival.from, arrival.payload)?;
                let Some(packet) = handled else { return Ok(()) };
                if let Some(onward) = &shared.onward {
                    onward.packet(now, key, packet);
                }
                let Some(whole) = reassembly.push(now, packet)? else { return Ok(()) };
                let inner = datagram::parse(whole)?;
                deliver(riders, now, &inner, arrival.micros)
            };
            if let Err(reason) = hand_on() {
                *discarded.entry(reason).or_default() += 1;
            }
        });
        for rider in riders.iter_mut().filter(|rider| rider.touched) {
            rider.touched = false;
            rider.line.flush(now);
        }
    }

    /// Tells what was counted since the last time.
    fn report(&mut self, transport: &Transport) {
        self.reassembly.expire(Instant::now());
        let dropped = transport.dropped().unwrap_or(0);
        let discarded = std::mem::take(&mut self.discarded);
        let before = std::mem::replace(&mut self.fragments, self.reassembly.figures());
        let failed = |figures: reassembly::Figures| figures.timed_out + figures.evicted + figures.refused;
        let tally = Tally {
            reassembled: self.fragments.reassembled - before.reassembled,
            reassembly_failed: failed(self.fragments) - failed(before),
            socket_dropped: dropped.saturating_sub(self.dropped_before),
            remedy: transport.remedy(),
            discarded: discarded.into_iter().map(|(reason, count)| (reason.to_string(), count)).collect(),
        };
        self.dropped_before = dropped;
        self.tell(&News::Tally(tally));
    }

    fn tell(&self, news: &News) {
        self.riders.iter().for_each(|rider| rider.line.news(news.clone()));
    }

    /// Leaves; sends that again, as nobody confirms it.
    async fn say_goodbye(&mut self, gateway: &mut Gateway, transport: &mut Transport) {
        gateway.stop(Instant::now());
        self.pump(gateway, transport).await;
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

/// A task that panics takes the tunnel with it. Its channels take another, also those that came in meanwhile.
impl Drop for Task {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Take(rider) = order {
                self.riders.push(rider);
            }
        }
        self.tell(&News::Gone);
    }
}

/// Hands a datagram to the channels it belongs to.
fn deliver(
    riders: &mut [Rider],
    now: Instant,
    inner: &datagram::Datagram<'_>,
    received_micros: u64,
) -> Result<(), Discard> {
    let (source, group) = (inner.source.ip(), inner.destination);
    let mut found = false;
    let of_group = |rider: &Rider| rider.joined && rider.membership.covers(source, group.ip());
    for rider in riders.iter_mut().filter(|rider| rider.port == group.port() && of_group(rider)) {
        found = true;
        rider.touched = true;
        rider.line.datagram(now, inner.payload, received_micros);
    }
    if found {
        return Ok(());
    }
    riders.iter().filter(|rider| of_group(rider)).for_each(|rider| rider.line.other_port(group.port()));
    Err(Discard::OtherPort)
}
