//! Tunnels: one to each relay and membership protocol (RFC 7450, 4.1), shared by all channels that come
//! through it.
//!
//! In: the channels that want something of a relay, each with a [`Line`] of its own. Out, along that line: the
//! UDP payload of each inner datagram as soon as the receive call that brought it returns, and what happens on
//! the way. A tunnel ends, properly, when the last channel has let go of it.

mod onward;
mod task;

use crate::amt::gateway::{Config, Event};
use crate::amt::message::Protocol;
use crate::discovery::pace::Pace;
use crate::membership::Membership;
use crate::reinject::{self, Reinjector};
use crate::transport::{Transports, is_own_address};
use onward::Onward;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use task::Task;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Relays that never answered which may be asked in any such time, for all channels together: whatever pages name, the
/// helper sends nobody a flood, and finds nothing out quickly.
const NEW_RELAYS: usize = 32;
const NEW_RELAYS_PERIOD: Duration = Duration::from_secs(8);
/// Relays that are remembered for having answered.
const MAX_ANSWERED: usize = 256;

/// A channel's end of a tunnel. It is called on the path of the data: it must not wait for anything.
pub trait Line: Send + Sync {
    /// The UDP payload of a datagram of the channel, and when it was received in microseconds since the Unix
    /// epoch, by the kernel's clock where it stamps.
    fn datagram(&self, now: Instant, payload: &[u8], received_micros: u64);
    /// All that had arrived has been handed over.
    fn flush(&self, now: Instant);
    /// A datagram of the channel's group and source that goes to another port.
    fn other_port(&self, port: u16);
    /// What happened on the way.
    fn news(&self, news: News);
}

/// What a tunnel tells the channels that use it.
#[derive(Clone, Debug)]
pub enum News {
    /// The tunnel was there already, and its relay has answered.
    Connected,
    /// A step of its gateway that concerns the channel.
    Event(Event),
    /// What a person should know about the tunnel's socket.
    Remark(String),
    /// The relay cannot be reached from this machine, as the system says.
    Broken(String),
    /// The tunnel itself is gone, by a mistake of the helper's own: another one has to be taken.
    Gone,
    /// What was counted since the last time, once a second.
    Tally(Tally),
}

/// What a tunnel counted within about a second, for all its channels together.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Datagrams that found no room in the socket's buffer.
    pub socket_dropped: u64,
    /// What helps against that, in a sentence.
    pub remedy: &'static str,
    /// Inner packets put together from fragments.
    pub reassembled: u64,
    /// Inner packets of which not all fragments could be used.
    pub reassembly_failed: u64,
    /// Datagrams refused, by reason.
    pub discarded: Vec<(String, u64)>,
}

/// What a channel wants of a relay.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// What to join.
    pub membership: Membership,
    /// The UDP port of its datagrams.
    pub port: u16,
    /// The relay, or the address to ask for one.
    pub relay: SocketAddr,
    /// Whether to ask there for the relay first (RFC 7450, 5.2.3.4), which an AMTRELAY record may make
    /// needless (RFC 8777, 4.2.2).
    pub discover: bool,
}

/// How all tunnels of the process are kept.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The longest time between two Requests.
    pub refresh: Duration,
    /// Whether Requests offer ECN (RFC 9601).
    pub ecn: bool,
}

/// All tunnels of the process.
#[derive(Clone)]
pub struct Tunnels(Arc<Shared>);

struct Shared {
    transports: Transports,
    settings: Settings,
    /// Takes every accepted inner packet as well.
    onward: Option<Onward>,
    reinjector: Option<Reinjector>,
    /// For relays that are asked for the first time.
    pace: Pace,
    /// Relays that have answered, the last one last.
    answered: Mutex<VecDeque<SocketAddr>>,
    open: Mutex<HashMap<Key, mpsc::UnboundedSender<Order>>>,
    /// Every tunnel holds one; all are gone when the receiver says so.
    alive: Mutex<Option<mpsc::Sender<()>>>,
    ended: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    relay: SocketAddr,
    protocol: Protocol,
}

/// A channel's wish; there are few of them, so that their queue needs no bound.
enum Order {
    /// Keep the tunnel for this channel, and join nothing for it yet.
    Take(Rider),
    /// Join what the channel wants.
    Join(u64),
    /// Leave it, and let go.
    Leave(u64),
}

/// A channel in a tunnel.
struct Rider {
    id: u64,
    membership: Membership,
    port: u16,
    line: Arc<dyn Line>,
    joined: bool,
    /// Got something of the batch at work.
    touched: bool,
}

/// Keeps a tunnel for a channel, and what it joined there, until it is dropped.
pub struct Lease {
    id: u64,
    orders: mpsc::UnboundedSender<Order>,
}

impl Tunnels {
    /// No tunnel yet.
    #[must_use]
    pub fn new(transports: Transports, settings: Settings, reinjector: Option<Reinjector>) -> Self {
        let (alive, ended) = mpsc::channel(1);
        Self(Arc::new(Shared {
            transports,
            settings,
            onward: reinjector.clone().map(Onward::new),
            reinjector,
            pace: Pace::new(NEW_RELAYS, NEW_RELAYS_PERIOD),
            answered: Mutex::default(),
            open: Mutex::default(),
            alive: Mutex::new(Some(alive)),
            ended: tokio::sync::Mutex::new(ended),
        }))
    }

    /// What opens the tunnels' sockets.
    #[must_use]
    pub fn transports(&self) -> &Transports {
        &self.0.transports
    }

    /// What became of the packets that were sent on to a local network; `None` where none are.
    #[must_use]
    pub fn reinjected(&self) -> Option<reinject::Figures> {
        self.0.reinjector.as_ref().map(Reinjector::figures)
    }

    /// Takes a tunnel for a channel: the one that is there, or a new one, which begins at once. Nothing is
    /// joined until [`Lease::join`]. Must be called on the runtime. `None` where the process stops.
    pub fn take(&self, wanted: &Wanted, line: Arc<dyn Line>) -> Option<Lease> {
        let key = Key { relay: wanted.relay, protocol: wanted.membership.protocol() };
        let alive = lock(&self.0.alive).clone()?;
        let id = rand::random();
        let Wanted { membership, port, .. } = *wanted;
        let mut order = Order::Take(Rider { id, membership, port, line, joined: false, touched: false });
        let mut open = lock(&self.0.open);
        if let Some(orders) = open.get(&key) {
            match orders.send(order) {
                Ok(()) => return Some(Lease { id, orders: orders.clone() }),
                // Its task came to grief: another takes its place.
                Err(mpsc::error::SendError(refused)) => order = refused,
            }
        }
        let (orders, received) = mpsc::unbounded_channel();
        let _ = orders.send(order);
        open.insert(key, orders.clone());
        let settings = self.0.settings;
        let config = Config {
            discover: wanted.discover,
            refresh: settings.refresh,
            ecn: settings.ecn,
            is_own: is_own_address,
            ..Config::new(key.protocol)
        };
        tokio::spawn(Task::new(key, config, received, Arc::clone(&self.0)).run(alive));
        Some(Lease { id, orders })
    }

    /// Waits until all tunnels have ended, at most for `patience`; no new one begins from now on. They end when
    /// their channels let go of them.
    pub async fn ended(&self, patience: Duration) {
        lock(&self.0.alive).take();
        let mut ended = self.0.ended.lock().await;
        let _ = timeout(patience, ended.recv()).await;
    }
}

impl Shared {
    /// Returns when a relay may be asked: at once where it has answered before.
    async fn turn(&self, relay: SocketAddr) {
        if !lock(&self.answered).contains(&relay) {
            self.pace.wait(1).await;
        }
    }

    /// A relay has spoken AMT.
    fn has_answered(&self, relay: SocketAddr) {
        let mut answered = lock(&self.answered);
        answered.retain(|other| *other != relay);
        if answered.len() >= MAX_ANSWERED {
            answered.pop_front();
        }
        answered.push_back(relay);
    }

    /// Takes a tunnel that has no riders off the list; false where one came in between.
    fn close(&self, key: &Key, orders: &mpsc::UnboundedReceiver<Order>) -> bool {
        // Riders come under this lock.
        let mut open = lock(&self.open);
        let unwanted = orders.is_empty();
        if unwanted {
            open.remove(key);
        }
        unwanted
    }
}

impl Lease {
    /// Joins what the channel wants, as soon as the relay lets us.
    pub fn join(&self) {
        let _ = self.orders.send(Order::Join(self.id));
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Leave(self.id));
    }
}

/// A panic elsewhere leaves these values whole: each is changed in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
