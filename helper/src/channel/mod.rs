//! Channels and who watches them: one tunnel for each (S,G,port), however many pages.
//!
//! In: the TS of a tunnel. Out: the same frames to every viewer's [`Mailbox`], which is bounded and never waited
//! for. A viewer that joins gets what lies since the last random access point at once. When the last has left,
//! the tunnel ends properly a little later.

mod cache;
pub(crate) mod feed;
mod frame;
mod mailbox;
mod pace;
mod random_access;
mod tables;
#[cfg(test)]
pub(crate) mod test_packets;

pub(crate) use frame::packets;
pub use mailbox::{Mail, Mailbox};

use crate::reception::{self, Network, Plan};
use crate::reinject;
use amt_shared::AmtUrl;
use amt_shared::amt_url::RelayAddress;
use amt_shared::stats::ChannelStats;
use amt_shared::wire::{FromHelper, Phase, Status};
use cache::Cache;
use feed::Feed;
use frame::{Frame, Framer};
use pace::Pace;
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{sleep, sleep_until, timeout};

/// Channels at the same time.
const MAX_CHANNELS: usize = 64;
/// How long a channel stays without viewers: a page that is loaded again finds it running.
const GRACE: Duration = Duration::from_secs(2);
/// How long all tunnels together may take to end.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// All channels of a helper.
#[derive(Clone)]
pub struct Channels(Arc<Shared>);

struct Shared {
    network: Network,
    /// How much of a channel is kept for new viewers.
    cache: Duration,
    running: Mutex<HashMap<AmtUrl, Arc<Channel>>>,
    stop: watch::Sender<bool>,
    /// Every tunnel holds one; all are gone when the receiver says so.
    alive: Mutex<Option<mpsc::Sender<()>>>,
    ended: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

/// A channel and its tunnel.
struct Channel {
    /// Made from `wishes`.
    plan: watch::Sender<Plan>,
    /// What each of its subscriptions wants, the latest first.
    wishes: Mutex<VecDeque<(u64, Plan)>>,
    /// Who wants it: viewers, and the command line.
    holders: watch::Sender<usize>,
    outlet: Mutex<Outlet>,
    /// Something in the outlet has to wait.
    waiting: Notify,
    state: Mutex<State>,
}

/// What has come and is not yet sent to the viewers.
#[derive(Default)]
struct Outlet {
    framer: Framer,
    pace: Pace,
}

struct State {
    viewers: Vec<Arc<Mailbox>>,
    cache: Cache,
    status: Option<Status>,
    stats: ChannelStats,
    viewer_dropped: u64,
}

impl State {
    fn new(cache: Duration) -> Self {
        Self {
            viewers: Vec::new(),
            cache: Cache::new(cache),
            status: None,
            stats: ChannelStats::default(),
            viewer_dropped: 0,
        }
    }
}

/// What `/api/status` says of a channel.
#[derive(Debug, Serialize)]
pub struct ChannelReport {
    /// The channel, with the relays in use.
    pub url: String,
    /// Where the way to it stands.
    #[serde(flatten)]
    pub status: Option<Status>,
    /// Its counters.
    pub stats: ChannelStats,
}

/// Keeps a channel tuned in until it is dropped.
pub struct Subscription {
    id: u64,
    channel: Arc<Channel>,
    /// `None` for the command line, which looks at nothing.
    viewer: Option<Arc<Mailbox>>,
}

impl Channels {
    /// No channel yet. Of each channel so much is kept for new viewers as `cache` says.
    #[must_use]
    pub fn new(network: Network, cache: Duration) -> Self {
        let (alive, ended) = mpsc::channel(1);
        Self(Arc::new(Shared {
            network,
            cache,
            running: Mutex::default(),
            stop: watch::Sender::new(false),
            alive: Mutex::new(Some(alive)),
            ended: tokio::sync::Mutex::new(ended),
        }))
    }

    /// The transport that tunnels use.
    #[must_use]
    pub fn transport(&self) -> &'static str {
        self.0.network.tunnels.transports().name()
    }

    /// The relays that take the place of those of every address; none where addresses name their own.
    #[must_use]
    pub fn relays(&self) -> &[RelayAddress] {
        &self.0.network.relays
    }

    /// Tunes a page's mailbox, in which no frame of another channel may wait, to a channel.
    ///
    /// # Errors
    /// What to tell the user: the helper stops, or has too many channels.
    pub fn tune(&self, url: &AmtUrl, viewer: Arc<Mailbox>) -> Result<Subscription, Status> {
        self.subscribe(url, Some(viewer))
    }

    /// Keeps a channel tuned in without anybody watching.
    ///
    /// # Errors
    /// As [`tune`](Self::tune).
    pub fn hold(&self, url: &AmtUrl) -> Result<Subscription, Status> {
        self.subscribe(url, None)
    }

    fn subscribe(&self, url: &AmtUrl, viewer: Option<Arc<Mailbox>>) -> Result<Subscription, Status> {
        let plan = Plan::new(url.clone(), &self.0.network.relays);
        let mut running = lock(&self.0.running);
        let channel = match running.get(&url.channel()) {
            Some(channel) => Arc::clone(channel),
            None if running.len() >= MAX_CHANNELS => {
                return Err(refused("The helper has reached its channel limit.", "Stop another channel first."));
            }
            None => {
                let Some(alive) = lock(&self.0.alive).clone() else {
                    return Err(refused("The helper is stopping.", "Start it again."));
                };
                let channel = Arc::new(Channel {
                    plan: watch::Sender::new(plan.clone()),
                    wishes: Mutex::default(),
                    holders: watch::Sender::new(0),
                    outlet: Mutex::default(),
                    waiting: Notify::new(),
                    state: Mutex::new(State::new(self.0.cache)),
                });
                running.insert(url.channel(), Arc::clone(&channel));
                tokio::spawn(self.clone().receive(url.channel(), Arc::clone(&channel), alive));
                channel
            }
        };
        channel.holders.send_modify(|holders| *holders += 1);
        let id = channel.want(plan);
        drop(running);
        if let Some(viewer) = &viewer {
            channel.admit(viewer);
        }
        Ok(Subscription { id, channel, viewer })
    }

    /// Runs a channel's tunnel until nobody wants it.
    async fn receive(self, key: AmtUrl, channel: Arc<Channel>, alive: mpsc::Sender<()>) {
        let feed = Feed::new(Arc::clone(&channel));
        let plan = channel.plan.subscribe();
        let _listed = Listed { channels: &self, key: &key, channel: &channel };
        tokio::select! {
            _ = reception::run(plan, &self.0.network, feed, self.unwanted(&key, &channel)) => {}
            () = channel.send_what_waited() => {}
        }
        drop(alive);
    }

    /// Done when the helper stops, or nobody has wanted the channel for a while; who comes then finds another.
    async fn unwanted(&self, key: &AmtUrl, channel: &Arc<Channel>) {
        let mut stop = self.0.stop.subscribe();
        let mut holders = channel.holders.subscribe();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = holders.wait_for(|holders| *holders == 0) => {}
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = holders.wait_for(|holders| *holders > 0) => continue,
                () = sleep(GRACE) => {}
            }
            // Under the lock nobody can come in between.
            let mut running = lock(&self.0.running);
            if *channel.holders.borrow() == 0 {
                running.remove(key);
                return;
            }
        }
    }

    /// What every channel does.
    #[must_use]
    pub fn report(&self) -> Vec<ChannelReport> {
        let channels: Vec<_> = lock(&self.0.running).values().cloned().collect();
        channels.iter().map(|channel| channel.report()).collect()
    }

    /// What became of the packets that were sent on to a local network; `None` where none are.
    #[must_use]
    pub fn reinjected(&self) -> Option<reinject::Figures> {
        self.0.network.tunnels.reinjected()
    }

    /// Ends all tunnels properly; nothing can be tuned in from now on.
    pub async fn shut_down(&self) {
        self.0.stop.send_replace(true);
        lock(&self.0.alive).take();
        let ended = timeout(SHUTDOWN, async {
            self.0.ended.lock().await.recv().await;
            // Nobody wants the tunnels any more: they leave.
            self.0.network.tunnels.ended(SHUTDOWN).await;
        });
        let _ = ended.await;
    }
}

/// Sees to it that a channel whose tunnel came to grief does not stay listed: who tunes in again gets another.
struct Listed<'a> {
    channels: &'a Channels,
    key: &'a AmtUrl,
    channel: &'a Arc<Channel>,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        let mut running = lock(&self.channels.0.running);
        let listed = running.get(self.key).is_some_and(|listed| Arc::ptr_eq(listed, self.channel));
        if listed {
            running.remove(self.key);
        }
        drop(running);
        if std::thread::panicking() {
            self.channel.tell(refused(
                "The helper hit an internal error on this channel.",
                "Play it again, and please report what the helper printed.",
            ));
        }
    }
}

impl Channel {
    /// Somebody wants it in this way. The tunnel follows another plan only while nothing comes.
    fn want(&self, plan: Plan) -> u64 {
        let id = rand::random();
        let mut wishes = lock(&self.wishes);
        wishes.push_front((id, plan));
        self.follow(&wishes);
        id
    }

    /// That one does not want it any more. Without anybody the plan stays, as nobody has another.
    fn want_no_more(&self, id: u64) {
        let mut wishes = lock(&self.wishes);
        wishes.retain(|(other, _)| *other != id);
        self.follow(&wishes);
    }

    fn follow(&self, wishes: &VecDeque<(u64, Plan)>) {
        if let Some(plan) = Plan::of_all(wishes.iter().map(|(_, plan)| plan)) {
            self.plan.send_if_modified(|current| {
                let another = *current != plan;
                *current = plan;
                another
            });
        }
    }

    /// Lets a viewer in, with how things stand and what it needs to start at once.
    fn admit(&self, viewer: &Arc<Mailbox>) {
        let mut state = lock(&self.state);
        if let Some(status) = &state.status {
            viewer.send(&FromHelper::Status(status.clone()));
        }
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let catch_up = state.cache.catch_up(u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
        if !catch_up.frames.is_empty() {
            let frames = u32::try_from(catch_up.frames.len()).unwrap_or(u32::MAX);
            viewer.send(&FromHelper::CatchUp { age_micros: catch_up.age_micros, frames });
            for frame in &catch_up.frames {
                viewer.deliver(frame, Instant::now(), true);
            }
        }
        state.viewers.push(Arc::clone(viewer));
    }

    /// Sends what has come, or sees to it that it is sent when its time has come.
    fn flush(&self) {
        let mut outlet = lock(&self.outlet);
        if outlet.framer.is_empty() {
            return;
        }
        match outlet.pace.turn(Instant::now()) {
            None => self.send(&mut outlet),
            Some(_) => self.waiting.notify_one(),
        }
    }

    fn send(&self, outlet: &mut Outlet) {
        if let Some(frame) = outlet.framer.finish() {
            let viewers = self.publish(&frame);
            outlet.pace.sent(Instant::now(), viewers);
        }
    }

    /// For as long as the channel runs.
    async fn send_what_waited(&self) {
        loop {
            self.waiting.notified().await;
            let turn = lock(&self.outlet).pace.turn(Instant::now());
            if let Some(turn) = turn {
                sleep_until(turn.into()).await;
            }
            self.send(&mut lock(&self.outlet));
        }
    }

    /// Hands a frame to all viewers; how many they are.
    fn publish(&self, frame: &Frame) -> usize {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let has_random_access = state.cache.has_random_access();
        let lost: u64 = state.viewers.iter().map(|viewer| viewer.deliver(frame, now, has_random_access)).sum();
        state.viewer_dropped += lost;
        state.cache.push(frame);
        state.viewers.len()
    }

    fn tell(&self, status: Status) {
        let mut state = lock(&self.state);
        let message = FromHelper::Status(status.clone());
        state.viewers.iter().for_each(|viewer| viewer.send(&message));
        state.status = Some(status);
    }

    fn count(&self, stats: &ChannelStats) -> ChannelStats {
        let mut state = lock(&self.state);
        state.stats = ChannelStats {
            viewers: u32::try_from(state.viewers.len()).unwrap_or(u32::MAX),
            viewer_dropped: state.viewer_dropped,
            ..stats.clone()
        };
        let message = FromHelper::Stats(state.stats.clone());
        state.viewers.iter().for_each(|viewer| viewer.send(&message));
        state.stats.clone()
    }

    fn report(&self) -> ChannelReport {
        let plan = self.plan.borrow();
        let url = AmtUrl { relays: plan.relays.clone(), ..plan.url.clone() }.to_string();
        let state = lock(&self.state);
        let viewers = u32::try_from(state.viewers.len()).unwrap_or(u32::MAX);
        ChannelReport { url, status: state.status.clone(), stats: ChannelStats { viewers, ..state.stats.clone() } }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(viewer) = &self.viewer {
            lock(&self.channel.state).viewers.retain(|other| !Arc::ptr_eq(other, viewer));
        }
        self.channel.want_no_more(self.id);
        self.channel.holders.send_modify(|holders| *holders -= 1);
    }
}

fn refused(sentence: &str, advice: &str) -> Status {
    Status { phase: Phase::Failed, sentence: sentence.to_owned(), advice: Some(advice.to_owned()), relay: None }
}

/// A panic elsewhere leaves these values whole: each is changed in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::TransportChoice;
    use crate::transport::Transports;

    #[test]
    fn a_channel_whose_tunnel_came_to_grief_says_so_and_can_be_tuned_in_again() {
        let network = Network::of_the_demo(Transports::open(TransportChoice::Udp).unwrap(), None);
        let channels = Channels::new(network, GRACE);
        let key: AmtUrl = "amt://232.9.9.9".parse().unwrap();
        let channel = Arc::new(Channel {
            plan: watch::Sender::new(Plan::new(key.clone(), &[])),
            wishes: Mutex::default(),
            holders: watch::Sender::new(1),
            outlet: Mutex::default(),
            waiting: Notify::new(),
            state: Mutex::new(State::new(GRACE)),
        });
        lock(&channels.0.running).insert(key.clone(), Arc::clone(&channel));
        let grief = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _listed = Listed { channels: &channels, key: &key, channel: &channel };
            panic!("on purpose");
        }));
        assert!(grief.is_err());
        assert!(lock(&channels.0.running).is_empty());
        assert_eq!(lock(&channel.state).status.as_ref().map(|status| status.phase), Some(Phase::Failed));
    }

    #[tokio::test]
    async fn a_channel_is_looked_for_where_those_who_want_it_now_say() {
        let network = Network::of_the_demo(Transports::open(TransportChoice::Udp).unwrap(), None);
        let channels = Channels::new(network, GRACE);
        let hold = |query: &str| channels.hold(&format!("amt://192.0.2.1@232.9.9.9?{query}").parse().unwrap()).unwrap();
        let url = || channels.report().remove(0).url;
        let relays = || url().parse::<AmtUrl>().unwrap().relays.iter().map(ToString::to_string).collect::<Vec<_>>();
        let first = hold("relay=127.7.7.1");
        let second = hold("timeout=9&relay=127.7.7.2");
        assert_eq!(relays(), ["127.7.7.2", "127.7.7.1"]);
        assert!(url().contains("timeout=9"));
        drop(second);
        assert_eq!(relays(), ["127.7.7.1"]);
        assert!(!url().contains("timeout"));
        // Who leaves as the last one and comes again wants nothing of what was before.
        drop(first);
        let _again = hold("relay=127.7.7.3");
        assert_eq!(relays(), ["127.7.7.3"]);
    }
}
