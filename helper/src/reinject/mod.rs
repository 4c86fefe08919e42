//! Sends what comes through tunnels on as native multicast into a local network (`--reinject`), so that set-top
//! boxes and players there can join it as if their network had it.
//!
//! In: the accepted inner packets as the gateways gave them, fragments as fragments. Out: the same packets with
//! their own source and one hop less, in Ethernet frames, which nobody on this machine receives: the kernel does
//! not hand to itself what is sent below IP. A thread sends them, so that the path of the data never waits: what
//! it cannot take up is dropped and counted.
//!
//! With `--reinject-only-when-asked` it listens to the reports of that network (IGMPv2, IGMPv3, MLDv1, MLDv2) and
//! sends what somebody asked for. It takes a router's part in asking, too: see [`querier`].

mod asked;
mod forward;
pub(crate) mod fuzzing;
mod listen;
mod querier;
#[cfg(test)]
mod tests;

use asked::Asked;
use forward::{Discard, ETHERNET_HEADER, Forwarder};
use listen::Listener;
use pnet::datalink::{self, Channel, DataLinkReceiver, DataLinkSender, NetworkInterface};
use pnet::ipnetwork::IpNetwork;
use serde::Serialize;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Frames between the tunnels and the network; beyond them they are dropped, as in a router.
const QUEUE: usize = 1024;
/// How long the listener may notice nothing of time passing.
const LISTEN_TIMEOUT: Duration = Duration::from_millis(250);
/// How long a network that takes nothing holds up the thread.
const SEND_TIMEOUT: Duration = Duration::from_millis(200);

/// What was opened while the process had the right (CAP_NET_RAW).
pub struct ReinjectSocket {
    interface: NetworkInterface,
    mac: [u8; 6],
    sender: Box<dyn DataLinkSender>,
    /// Where only what was asked for is sent.
    receiver: Option<Box<dyn DataLinkReceiver>>,
}

impl ReinjectSocket {
    /// Opens `name` for sending and, with `only_when_asked`, for listening to reports.
    ///
    /// # Errors
    /// A sentence: no such interface, none of Ethernet, or no right to do so.
    pub fn open(name: &str, only_when_asked: bool) -> anyhow::Result<Self> {
        crate::transport::Interface::named(name)?;
        let interface = datalink::interfaces().into_iter().find(|interface| interface.name == name);
        let interface = interface.ok_or_else(|| anyhow::anyhow!("The interface “{name}” has disappeared."))?;
        let Some(mac) = interface.mac.filter(|_| !interface.is_loopback() && interface.is_broadcast()) else {
            anyhow::bail!(
                "“{name}” is not an Ethernet interface, so multicast cannot be re-injected there: name another \
                 interface."
            );
        };
        let (sender, receiver) = open(&interface, only_when_asked).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => anyhow::anyhow!(
                "Re-injection into “{name}” needs root or CAP_NET_RAW: start with “sudo -E amt-helper”."
            ),
            _ => anyhow::anyhow!("Cannot send into “{name}”: {error}."),
        })?;
        Ok(Self { interface, mac: mac.octets(), sender, receiver: only_when_asked.then_some(receiver) })
    }

    /// The index of the interface, for [`Transports::keep_off`](crate::transport::Transports::keep_off).
    #[must_use]
    pub fn interface_index(&self) -> u32 {
        self.interface.index
    }

    /// Starts sending. Call it after rights are given up: its threads are to have none.
    ///
    /// # Errors
    /// Where there can be no thread.
    pub fn start(self) -> io::Result<Reinjector> {
        let networks: Vec<IpNetwork> = self.interface.ips.clone();
        let on_link = move |address: IpAddr| networks.iter().any(|network| network.contains(address));
        let (queue, frames) = sync_channel(QUEUE);
        let shared = Arc::new(Shared {
            name: self.interface.name.clone(),
            forwarder: Mutex::new(Forwarder::new(self.mac, on_link)),
            asked: self.receiver.is_some().then(Mutex::default),
            queue,
            counters: Arc::default(),
        });
        let (sender, counters) = (self.sender, Arc::clone(&shared.counters));
        std::thread::Builder::new().name("reinject".into()).spawn(move || send(sender, &frames, &counters))?;
        if let Some(receiver) = self.receiver {
            let listener = Listener::new(&self.interface, self.mac, Arc::downgrade(&shared));
            std::thread::Builder::new().name("reinject-listen".into()).spawn(move || listener.run(receiver))?;
        }
        Ok(Reinjector(shared))
    }
}

/// A packet socket for both directions, with a filter from the start: without it every packet of the interface
/// would be copied to it.
fn open(
    interface: &NetworkInterface,
    listening: bool,
) -> io::Result<(Box<dyn DataLinkSender>, Box<dyn DataLinkReceiver>)> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
    if listening {
        socket.attach_filter(&membership_messages())?;
    } else {
        socket.attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)])?;
    }
    let config = datalink::Config {
        socket_fd: Some(socket.into_raw_fd()),
        // Version 2 and 1 reports go to the groups they are about, whichever these are.
        promiscuous: listening,
        read_timeout: Some(LISTEN_TIMEOUT),
        write_timeout: Some(SEND_TIMEOUT),
        ..datalink::Config::default()
    };
    match datalink::channel(interface, config)? {
        Channel::Ethernet(sender, receiver) => Ok((sender, receiver)),
        _ => Err(ErrorKind::Unsupported.into()),
    }
}

const RETURN: u16 = 0x06;

/// A classic BPF program over a frame: IPv4 with IGMP, or IPv6 with hop-by-hop options, as MLD has.
fn membership_messages() -> [SockFilter; 9] {
    const HALF_WORD_AT: u16 = 0x28;
    const BYTE_AT: u16 = 0x30;
    const IF_EQUAL: u16 = 0x15;
    [
        SockFilter::new(HALF_WORD_AT, 0, 0, 12),
        SockFilter::new(IF_EQUAL, 0, 2, 0x0800),
        SockFilter::new(BYTE_AT, 0, 0, 14 + 9),
        SockFilter::new(IF_EQUAL, 3, 4, u32::from(crate::ipv4::IGMP)),
        SockFilter::new(IF_EQUAL, 0, 3, 0x86DD),
        SockFilter::new(BYTE_AT, 0, 0, 14 + 6),
        SockFilter::new(IF_EQUAL, 0, 1, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// Sends packets on into one network. Clones are the same.
#[derive(Clone)]
pub struct Reinjector(Arc<Shared>);

struct Shared {
    name: String,
    forwarder: Mutex<Forwarder>,
    /// What the network wants; `None` where that does not matter.
    asked: Option<Mutex<Asked>>,
    queue: SyncSender<Frame>,
    counters: Arc<Counters>,
}

/// What the thread sends.
enum Frame {
    /// A packet of a channel.
    Packet(Vec<u8>),
    /// A query of our own.
    Query(Vec<u8>),
}

#[derive(Default)]
struct Counters {
    sent: AtomicU64,
    not_asked: AtomicU64,
    hop_limit: AtomicU64,
    not_forwarded: AtomicU64,
    own: AtomicU64,
    overflowed: AtomicU64,
    failed: AtomicU64,
}

/// What became of the packets, for the status; each counted once, in packets since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Sent into the network.
    pub sent: u64,
    /// Nobody there had asked for.
    pub not_asked: u64,
    /// Whose hops were used up.
    pub hop_limit: u64,
    /// No packets that routers forward: damaged, or of one link alone.
    pub not_forwarded: u64,
    /// From the network itself, or sent into it before: they are there already.
    pub own: u64,
    /// That came faster than the network took them.
    pub overflowed: u64,
    /// That the system refused: the interface is down, or they are too long for it.
    pub failed: u64,
    /// How many groups the network asks for now; `None` where that does not matter.
    pub groups_asked: Option<usize>,
}

impl Reinjector {
    /// Sends on one inner packet, or a fragment, as it came out of a tunnel. It never waits.
    pub fn packet(&self, inner: &[u8]) {
        let counters = &self.0.counters;
        let wanted = self.0.asked.as_ref().is_none_or(|asked| {
            let addresses = crate::datagram::addresses(inner);
            // What has no addresses is named below.
            addresses.is_none_or(|(source, group)| lock(asked).wants(source, group))
        });
        if !wanted {
            count(&counters.not_asked);
            return;
        }
        let forwarded = lock(&self.0.forwarder).forward(inner);
        match forwarded {
            Ok(frame) => self.0.enqueue(Frame::Packet(frame)),
            Err(Discard::HopLimit) => count(&counters.hop_limit),
            Err(Discard::Malformed | Discard::NotForwarded) => count(&counters.not_forwarded),
            Err(Discard::OwnNetwork | Discard::Echo) => count(&counters.own),
        }
    }

    /// What it does, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let when = if self.0.asked.is_some() { ", while a receiver there has joined it" } else { "" };
        format!("Re-injecting what arrives through tunnels into the network on {}{when}.", self.0.name)
    }

    /// What became of the packets.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.0.counters;
        Figures {
            sent: read(&counters.sent),
            not_asked: read(&counters.not_asked),
            hop_limit: read(&counters.hop_limit),
            not_forwarded: read(&counters.not_forwarded),
            own: read(&counters.own),
            overflowed: read(&counters.overflowed),
            failed: read(&counters.failed),
            groups_asked: self.0.asked.as_ref().map(|asked| lock(asked).groups()),
        }
    }
}

impl Shared {
    fn enqueue(&self, frame: Frame) {
        match self.queue.try_send(frame) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => count(&self.counters.overflowed),
            Err(TrySendError::Disconnected(_)) => count(&self.counters.failed),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends until nobody has frames any more.
fn send(mut sender: Box<dyn DataLinkSender>, frames: &Receiver<Frame>, counters: &Counters) {
    for frame in frames {
        let (Frame::Packet(bytes) | Frame::Query(bytes)) = &frame;
        match (sender.send_to(bytes, None), &frame) {
            (Some(Ok(())), Frame::Packet(_)) => count(&counters.sent),
            (Some(Ok(())), Frame::Query(_)) => {}
            _ => count(&counters.failed),
        }
    }
}
