//! Where all paths of a channel meet: one stream goes on to the consumer.
//!
//! Every path has a [`Path`], which tunnels and native joins call; behind all of them there is one lock, which
//! is free but for the moments when two paths bring something at once, or somebody looks at the counters.

use super::Consumer;
use super::health::Health;
use super::meter::{Meter, Verdict};
use super::said::Said;
use crate::amt::gateway::Event;
use crate::merge::{Delivery, Merge, PathId};
use crate::tunnel::{Line, News};
use amt_shared::stats::ChannelStats;
use amt_shared::wire::{Phase, Status};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// What a path of a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Joined by the operating system.
    Native,
    /// Through a tunnel from this relay.
    Tunnel(SocketAddr),
}

/// What the channel's own task is told, and by which path.
#[derive(Debug)]
pub(super) enum Told {
    /// A path has something to say, and when it happened.
    News(Way, Instant, News),
    /// A path brings data, for the first time or after a pause.
    Data(Way),
    /// Packets wait in the merge: look at it again then.
    Wake(Instant),
}

/// A path that brought nothing for this long tells when it brings something again.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// A channel's stream, where its paths meet.
pub(super) struct Flow<C> {
    state: Mutex<State<C>>,
    told: mpsc::UnboundedSender<Told>,
}

struct State<C> {
    merge: Merge,
    meter: Meter,
    /// `None` when the channel has ended.
    consumer: Option<C>,
    /// The paths there are, and when each last brought something.
    paths: Vec<(PathId, Way, Option<Instant>)>,
    next_path: u8,
    said_steps: Said,
    said_statuses: Said,
    /// What each tunnel's path loses by itself, while more than one is joined.
    healths: Vec<(PathId, Health)>,
    measuring: bool,
    /// What had come and was lost by then, of all paths together, when that was asked last.
    before: (u64, u64),
    /// The task was told to look at the merge at this time.
    wake: Option<Instant>,
}

impl<C: Consumer> Flow<C> {
    pub(super) fn new(consumer: C, told: mpsc::UnboundedSender<Told>) -> Arc<Self> {
        let state = State {
            merge: Merge::default(),
            meter: Meter::new(Instant::now()),
            consumer: Some(consumer),
            paths: Vec::new(),
            next_path: 0,
            said_steps: Said::default(),
            said_statuses: Said::default(),
            healths: Vec::new(),
            measuring: false,
            before: (0, 0),
            wake: None,
        };
        Arc::new(Self { state: Mutex::new(state), told })
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new path.
    pub(super) fn path(self: &Arc<Self>, way: Way) -> Arc<Path<C>> {
        self.path_of_copy(way, true)
    }

    /// The same for one copy of the channel. Copies share a tunnel: what concerns all of it is told by the first.
    pub(super) fn path_of_copy(self: &Arc<Self>, way: Way, first: bool) -> Arc<Path<C>> {
        let mut state = self.lock();
        let id = state.free_path();
        state.paths.push((id, way, None));
        drop(state);
        Arc::new(Path { id, way, first, flow: Arc::clone(self) })
    }

    /// Calls `with` with the consumer, while there is one.
    pub(super) fn consumer<R>(&self, with: impl FnOnce(&mut C) -> R) -> Option<R> {
        self.lock().consumer.as_mut().map(with)
    }

    /// Tells how things stand, unless that was told already and nothing has come since.
    pub(super) fn status(&self, status: Status) {
        let mut state = self.lock();
        if status.phase == Phase::Receiving || state.said_statuses.is_news(Instant::now(), &status.sentence) {
            state.consumer.iter_mut().for_each(|consumer| consumer.status(status.clone()));
        }
    }

    /// Tells a step, in the same way.
    pub(super) fn step(&self, sentence: &str) {
        let mut state = self.lock();
        if state.said_steps.is_news(Instant::now(), sentence) {
            state.consumer.iter_mut().for_each(|consumer| consumer.step(sentence));
        }
    }

    /// Data comes: whatever is told from now on is news.
    pub(super) fn all_is_news(&self) {
        let mut state = self.lock();
        state.said_steps.forget();
        state.said_statuses.forget();
    }

    /// Ends it; what still comes is dropped.
    pub(super) fn end(&self) -> Option<C> {
        self.lock().consumer.take()
    }

    pub(super) fn meter<R>(&self, with: impl FnOnce(&mut Meter) -> R) -> R {
        with(&mut self.lock().meter)
    }

    /// When each way last brought something.
    pub(super) fn last(&self, way: Way) -> Option<Instant> {
        self.lock().paths.iter().filter(|(_, other, _)| *other == way).filter_map(|(_, _, last)| *last).max()
    }

    /// The way that brought something last.
    pub(super) fn latest(&self) -> Option<Way> {
        let state = self.lock();
        state
            .paths
            .iter()
            .filter(|(_, _, last)| last.is_some())
            .max_by_key(|(_, _, last)| *last)
            .map(|(_, way, _)| *way)
    }

    /// The channel begins anew: what was counted and merged is of the past.
    pub(super) fn restart(&self) {
        let mut state = self.lock();
        state.merge = Merge::default();
        state.meter = Meter::new(Instant::now());
        state.said_steps.forget();
        state.said_statuses.forget();
        state.wake = None;
    }

    /// Whether each path is to be measured by itself, which costs something with every packet.
    pub(super) fn measure(&self, each: bool) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.measuring, each) != each {
            state.healths.clear();
        }
    }

    /// The share that a tunnel has lost since this was asked last. Of what is not measured by itself, the share that is
    /// missing in what all paths bring together.
    pub(super) fn losses(&self) -> impl Fn(SocketAddr) -> Option<f64> + use<C> {
        let mut state = self.lock();
        let now = state.meter.arrived_and_lost(&state.merge);
        let before = std::mem::replace(&mut state.before, now);
        let together = share((now.0.saturating_sub(before.0), now.1.saturating_sub(before.1)));
        let measuring = state.measuring;
        let mut each: Vec<(SocketAddr, (u64, u64))> = Vec::new();
        let State { paths, healths, .. } = &mut *state;
        for (id, health) in healths {
            let way = paths.iter().find(|(other, ..)| other == id).map(|(_, way, _)| *way);
            if let Some(Way::Tunnel(relay)) = way {
                each.push((relay, health.take()));
            }
        }
        move |relay| {
            if !measuring {
                return together;
            }
            let of = each.iter().filter(|(other, _)| *other == relay);
            share(of.fold((0, 0), |sum, (_, counts)| (sum.0 + counts.0, sum.1 + counts.1)))
        }
    }

    /// From now on this way is what is shown, wherever it and another overlap.
    pub(super) fn prefer(&self, way: Way) {
        let mut state = self.lock();
        let paths: Vec<PathId> =
            state.paths.iter().filter(|(_, other, _)| *other == way).map(|(id, _, _)| *id).collect();
        paths.into_iter().for_each(|id| state.merge.prefer(id));
    }

    /// What waited long enough goes on.
    pub(super) fn wake(&self, now: Instant) {
        let mut state = self.lock();
        state.wake = None;
        let State { merge, meter, consumer: Some(consumer), .. } = &mut *state else { return };
        merge.handle_timeout(now, &mut |delivery| deliver(meter, consumer, now, &delivery));
        consumer.flush();
        self.rearm(&mut state);
    }

    fn rearm(&self, state: &mut State<C>) {
        let due = state.merge.poll_timeout();
        if let Some(due) = due
            && state.wake.is_none_or(|told| due < told)
        {
            state.wake = Some(due);
            let _ = self.told.send(Told::Wake(due));
        }
    }

    /// The counters, to the consumer.
    pub(super) fn report(&self, now: Instant, way: &str) {
        let mut state = self.lock();
        let State { merge, meter, consumer: Some(consumer), .. } = &mut *state else { return };
        let stats: &ChannelStats = meter.report(now, merge, way);
        consumer.stats(stats);
    }

    /// What should be told about the data itself, where it changed.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.lock().meter.verdict()
    }
}

/// Of what came and what was lost; `None` where nothing came.
fn share((came, lost): (u64, u64)) -> Option<f64> {
    (came > 0).then(|| lost as f64 / (came + lost) as f64)
}

impl<C> State<C> {
    fn health(&mut self, path: PathId) -> &mut Health {
        let place = self.healths.iter().position(|(id, _)| *id == path).unwrap_or_else(|| {
            self.healths.push((path, Health::default()));
            self.healths.len() - 1
        });
        &mut self.healths[place].1
    }

    /// A number that no path has: one that lasts keeps its own while others come and go for hours.
    fn free_path(&mut self) -> PathId {
        while self.paths.iter().any(|(id, ..)| id.0 == self.next_path) {
            self.next_path = self.next_path.wrapping_add(1);
        }
        let id = PathId(self.next_path);
        self.next_path = self.next_path.wrapping_add(1);
        id
    }
}

/// Hands on what comes out of the merge.
fn deliver<C: Consumer>(meter: &mut Meter, consumer: &mut C, now: Instant, delivery: &Delivery<'_>) {
    if delivery.gap {
        consumer.lost(delivery.missing);
    }
    meter.count(now, delivery.ts);
    consumer.datagram(delivery.ts, delivery.received_micros);
}

/// One path of a channel.
pub(super) struct Path<C: Consumer> {
    id: PathId,
    way: Way,
    /// Of those that share a tunnel.
    first: bool,
    flow: Arc<Flow<C>>,
}

impl<C: Consumer> Path<C> {
    fn tell(&self, told: Told) {
        // Where nobody listens the channel has ended.
        let _ = self.flow.told.send(told);
    }
}

impl<C: Consumer> Line for Path<C> {
    fn datagram(&self, now: Instant, payload: &[u8], received_micros: u64) {
        let mut state = self.flow.lock();
        if state.measuring {
            state.health(self.id).count(payload);
        }
        let State { merge, meter, consumer: Some(consumer), paths, .. } = &mut *state else { return };
        let Some((_, _, last)) = paths.iter_mut().find(|(id, _, _)| *id == self.id) else { return };
        let began = last.is_none_or(|last| now.saturating_duration_since(last) >= PAUSE);
        *last = Some(now);
        let taken = merge
            .push(now, self.id, payload, received_micros, &mut |delivery| deliver(meter, consumer, now, &delivery));
        if let Err(discard) = taken {
            meter.discard(discard.to_string(), 1);
        }
        if began {
            self.tell(Told::Data(self.way));
        }
    }

    fn flush(&self, now: Instant) {
        let mut state = self.flow.lock();
        if state.merge.poll_timeout().is_some_and(|due| due <= now) {
            let State { merge, meter, consumer: Some(consumer), .. } = &mut *state else { return };
            merge.handle_timeout(now, &mut |delivery| deliver(meter, consumer, now, &delivery));
        }
        if let Some(consumer) = &mut state.consumer {
            consumer.flush();
        }
        self.flow.rearm(&mut state);
    }

    fn other_port(&self, port: u16) {
        self.flow.lock().meter.other_port(port);
    }

    fn news(&self, news: News) {
        if !self.first && !is_of_one_membership(&news) {
            return;
        }
        self.tell(Told::News(self.way, Instant::now(), news));
    }
}

impl<C: Consumer> Drop for Path<C> {
    fn drop(&mut self) {
        let mut state = self.flow.lock();
        state.paths.retain(|(id, _, _)| *id != self.id);
        state.healths.retain(|(id, _)| *id != self.id);
        state.merge.path_gone(self.id);
    }
}

/// Whether it concerns one membership, and not the tunnel that others share.
fn is_of_one_membership(news: &News) -> bool {
    matches!(
        news,
        News::Event(Event::Receiving { .. } | Event::Silent { .. } | Event::Report { membership: Some(_), .. })
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amt::gateway::Cause;
    use crate::channel::test_packets::video;
    use crate::membership::Membership;
    use crate::tunnel::Tally;
    use amt_shared::wire::Status;

    /// Counts datagrams.
    struct Count(u32);

    impl Consumer for Count {
        fn datagram(&mut self, _: &[u8], _: u64) {
            self.0 += 1;
        }
        fn lost(&mut self, _missing: u16) {}
        fn flush(&mut self) {}
        fn status(&mut self, _: Status) {}
        fn step(&mut self, _: &str) {}
        fn stats(&mut self, _: &ChannelStats) {}
    }

    #[test]
    fn what_two_copies_share_is_told_once_and_what_concerns_one_by_itself() {
        let (sender, mut told) = mpsc::unbounded_channel();
        let flow = Flow::new(Count(0), sender);
        let relay = SocketAddr::from(([192, 0, 2, 1], 2268));
        let copies = [true, false].map(|first| flow.path_of_copy(Way::Tunnel(relay), first));
        let tell = |news: News| copies.iter().for_each(|copy| copy.news(news.clone()));
        tell(News::Tally(Tally { socket_dropped: 7, ..Tally::default() }));
        tell(News::Broken("no route".into()));
        tell(News::Event(Event::Discovery { to: relay, attempt: 1, cause: Cause::Start }));
        assert_eq!(std::iter::from_fn(|| told.try_recv().ok()).count(), 3);
        for (copy, last) in copies.iter().zip([1, 2]) {
            let membership = Membership::new([232, 0, 0, last].into(), None).unwrap();
            copy.news(News::Event(Event::Receiving { relay, membership }));
        }
        assert_eq!(std::iter::from_fn(|| told.try_recv().ok()).count(), 2);
    }

    #[test]
    fn what_one_relay_loses_is_known_also_while_another_one_brings_it() {
        let (sender, _told) = mpsc::unbounded_channel();
        let flow = Flow::new(Count(0), sender);
        let relays = [1, 2].map(|last| SocketAddr::from(([192, 0, 2, last], 2268)));
        let [lossy, whole] = relays.map(|relay| flow.path(Way::Tunnel(relay)));
        let start = Instant::now();
        let send = |path: &Path<Count>, range: std::ops::Range<u32>, kept: fn(u32) -> bool| {
            for number in range.filter(|number| kept(*number)) {
                let rtp = [&[0x80, 33][..], &(number as u16).to_be_bytes(), &[0; 8], &video(number as u8)].concat();
                path.datagram(start + Duration::from_millis(u64::from(number)), &rtp, 0);
            }
        };
        let nine_in_ten = |number| number % 10 != 5;
        send(&lossy, 0..1000, nine_in_ten);
        flow.wake(start + Duration::from_secs(2));
        let alone = flow.losses()(relays[0]).unwrap();
        assert!((0.09..0.11).contains(&alone), "{alone}");
        flow.measure(true);
        for ten in 300..400 {
            send(&whole, ten * 10..ten * 10 + 10, |_| true);
            send(&lossy, ten * 10..ten * 10 + 10, nine_in_ten);
        }
        let losses = flow.losses();
        let shares = relays.map(|relay| losses(relay).unwrap());
        assert!((0.09..0.11).contains(&shares[0]) && shares[1] == 0.0, "{shares:?}");
    }

    #[test]
    fn a_path_that_lasts_goes_on_however_many_others_come_and_go() {
        let (sender, _told) = mpsc::unbounded_channel();
        let flow = Flow::new(Count(0), sender);
        let native = flow.path(Way::Native);
        let relay = SocketAddr::from(([192, 0, 2, 1], 2268));
        for _ in 0..1000 {
            drop(flow.path(Way::Tunnel(relay)));
        }
        let packet = [&[0x47, 0x01, 0x01, 0x10][..], &[0xFF; 184]].concat();
        native.datagram(Instant::now(), &packet, 0);
        native.flush(Instant::now());
        assert_eq!(flow.end().unwrap().0, 1);
    }
}
