//! What a channel feeds, and what it tells on the way.

use amt_shared::stats::ChannelStats;
use amt_shared::wire::Status;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// What a channel feeds. It is called on the path of the data: it must not wait for anything.
pub trait Consumer: Send + 'static {
    /// The TS of one datagram, and when it was received in microseconds since the Unix epoch.
    fn datagram(&mut self, ts: &[u8], received_micros: u64);
    /// Something was lost before the next datagram: so many TS packets at most, or 0 where that is not known.
    fn lost(&mut self, missing: u16);
    /// All that had arrived has been handed over.
    fn flush(&mut self);
    /// A step that changes how things stand.
    fn status(&mut self, status: Status);
    /// A step that does not, for the terminal alone.
    fn step(&mut self, sentence: &str);
    /// The counters, once a second.
    fn stats(&mut self, stats: &ChannelStats);
    /// Each step by itself, for who measures the way.
    fn happened(&mut self, _now: Instant, _happening: &Happening) {}
}

/// A step on the way to a channel.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A name was looked up, or was not found.
    LookedUp {
        /// The name and what it is: the source, the group, a relay; nothing where the error says it.
        what: String,
        /// How long it took.
        took: Duration,
        /// Its addresses.
        found: Vec<IpAddr>,
        /// Why there is none.
        error: Option<String>,
    },
    /// A relay was found.
    Candidate {
        /// The relay, or the address to ask for one.
        relay: SocketAddr,
        /// How it was found.
        why: String,
    },
    /// A step of a tunnel's gateway.
    Tunnel {
        /// The address the tunnel was opened to.
        relay: SocketAddr,
        /// What happened.
        event: crate::amt::gateway::Event,
    },
    /// Data comes by this path now.
    Path {
        /// `native` or `amt`.
        path: &'static str,
        /// The address the tunnel was opened to.
        relay: Option<SocketAddr>,
        /// Why this one.
        why: String,
    },
}
