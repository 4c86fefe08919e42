//! What goes into a race besides time, and what comes out.

use super::SECOND;
use crate::discovery::candidate::Candidate;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How patiently.
#[derive(Clone, Debug)]
pub struct Config {
    /// What relays are held down for: the source, or the group where any source will do.
    pub what: IpAddr,
    /// Between the openings of two relays. 250 ms (RFC 8305, 8).
    pub stagger: Duration,
    /// How long a connected relay waits for a better one that is opening. 100 ms.
    pub grace: Duration,
    /// How long relays that are not local wait for lookups that might find a local one. 250 ms; none where
    /// there is no DNS-SD.
    pub head_start: Duration,
    /// How long the first relay may bring no traffic after the join. 4 s (RFC 8777, 3.3.4.1).
    pub traffic: Duration,
    /// The longest such time, when relay after relay brings none. 120 s (the same).
    pub longest_traffic: Duration,
    /// How long data that had flowed may stop before the other relays are opened. 1.75 s.
    pub silence: Duration,
}

impl Config {
    /// The defaults, for a source, or for a group where any source will do.
    #[must_use]
    pub fn new(what: IpAddr) -> Self {
        Self {
            what,
            stagger: Duration::from_millis(250),
            grace: Duration::from_millis(100),
            head_start: Duration::from_millis(250),
            traffic: 4 * SECOND,
            longest_traffic: 120 * SECOND,
            silence: Duration::from_millis(1750),
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Start a tunnel, without a membership. [`Race::connected`](super::Race::connected) or
    /// [`Race::refused`](super::Race::refused) is to follow.
    Open(Candidate),
    /// Report the membership to this relay, which is connected.
    Join(SocketAddr),
    /// Take the data from this relay, as soon as it is known where it goes on from the one before, which is left next.
    Prefer {
        /// The better one, which is joined.
        relay: SocketAddr,
        /// The one that is left.
        before: SocketAddr,
    },
    /// Take the membership back if there is one, and give the tunnel up.
    Close(SocketAddr),
    /// Look everything up anew, also where relays are named but did not do.
    /// [`Race::candidates`](super::Race::candidates) and [`Race::complete`](super::Race::complete) are to follow.
    Again,
}

/// Why a relay will not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// A Query with the L flag (RFC 7450, 5.1.4.4).
    #[error("the relay accepts no new gateways")]
    Limit,
    /// ICMP, or the machine itself, says that nothing gets there.
    #[error("the relay is unreachable")]
    Unreachable,
    /// It no longer answers Requests.
    #[error("the relay does not answer")]
    Silent,
    /// There is no socket to it, or the one there was failed: its tunnel is gone.
    #[error("no socket to the relay")]
    Broken,
}
