//! How AMT messages leave this machine and come in: an ordinary UDP socket ([`udp`]) or raw packets
//! ([`raw`]), behind one seam; and how multicast comes in without a tunnel ([`native`]).
//!
//! In: messages and where to send them. Out: batches of datagrams as one system call returned them, each with
//! its sender and its time of arrival, and the word that a relay cannot be reached (ICMP). What needs root is
//! opened once, in [`Transports::open`], and serves every tunnel of the process from then on.

mod attachment;
mod inlet;
mod interface;
pub mod native;
pub mod raw;
mod sockets;
mod source_port;
pub mod udp;

pub use attachment::Attachment;
pub use inlet::Batch;
pub use interface::Interface;
pub(crate) use interface::is_own_address;
pub(crate) use sockets::join_source;

use crate::options::TransportChoice;
use anyhow::bail;
use inlet::Inlet;
use native::Native;
use raw::{Raw, RawSenders};
use sockets::UdpSockets;
use std::io;
use std::net::{IpAddr, SocketAddr};
use udp::Udp;

/// What one call of [`Transport::receive`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// The batch holds datagrams.
    Datagrams,
    /// ICMP says that a message could not be delivered.
    Unreachable,
}

/// A datagram of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Who sent it.
    pub from: SocketAddr,
    /// Its UDP payload.
    pub payload: &'a [u8],
    /// When it arrived, in microseconds since the Unix epoch, by the kernel's clock where it stamps.
    pub micros: u64,
}

/// What was opened while root may have been there; every tunnel's socket comes from here.
pub struct Transports {
    raw: Option<RawSenders>,
    sockets: UdpSockets,
    choice: TransportChoice,
    keep_off: Option<u32>,
}

impl Transports {
    /// Opens all that needs rights the process will give up.
    ///
    /// # Errors
    /// A sentence, where `choice` is raw and the process may not.
    pub fn open(choice: TransportChoice) -> anyhow::Result<Self> {
        let raw = match choice {
            TransportChoice::Udp => None,
            TransportChoice::Auto => RawSenders::open().ok(),
            TransportChoice::Raw => match RawSenders::open() {
                Ok(raw) => Some(raw),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => bail!(
                    "The raw transport needs root or CAP_NET_RAW. Start with “sudo -E amt-helper”; or grant the \
                     capabilities once with “sudo setcap cap_net_raw,cap_net_admin+ep {}”; or remove “--transport \
                     raw”: an ordinary UDP socket works as well.",
                    std::env::current_exe().map_or_else(|_| "amt-helper".into(), |path| path.display().to_string())
                ),
                Err(error) => bail!("Cannot open raw sockets: {error}. Remove “--transport raw”."),
            },
        };
        Ok(Self { raw, sockets: UdpSockets::open(), choice, keep_off: None })
    }

    /// The transport that tunnels will use, for the status and for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        if self.raw.is_some() { "raw" } else { "udp" }
    }

    /// Why this transport, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        match (self.choice, self.raw.is_some()) {
            (TransportChoice::Auto, true) => "Transport: raw packets from port 2268 (this process may send them).",
            (TransportChoice::Auto, false) => "Transport: udp (raw packets would need root or CAP_NET_RAW).",
            (_, true) => "Transport: raw packets from port 2268, as requested.",
            (_, false) => "Transport: udp, as requested.",
        }
    }

    /// Opens a transport to a relay. `say` is told what a person should know about it.
    ///
    /// # Errors
    /// The system's; or a sentence where the raw transport was asked for and cannot go there.
    pub fn connect(&self, relay: SocketAddr, mut say: impl FnMut(String)) -> io::Result<Transport> {
        if let Some(raw) = &self.raw {
            match raw.connect(relay, &self.sockets) {
                Ok(raw) => return Ok(Transport::Raw(raw)),
                Err(error) if self.choice == TransportChoice::Raw => return Err(error),
                Err(error) => say(format!("Raw packets cannot be used here ({error}); using an ordinary UDP socket.")),
            }
        }
        Udp::open(&self.sockets, relay).map(Transport::Udp)
    }

    /// Lets nothing be joined natively on the interface of this index, because tunnels' packets are sent on into
    /// its network: where two machines do so, each would take the other's for the channel itself, stop its own
    /// tunnel, and both would be silent.
    pub fn keep_off(&mut self, index: u32) {
        self.keep_off = Some(index);
    }

    /// Joins a group without a tunnel, on `interface` or else where the source is reached.
    ///
    /// # Errors
    /// The system's: no such interface, too many groups; or addresses of two versions of IP.
    pub fn join(
        &self,
        group: IpAddr,
        source: Option<IpAddr>,
        port: u16,
        interface: Option<&Interface>,
    ) -> io::Result<Native> {
        Native::join_with(|local| self.sockets.for_group(local), group, source, port, (interface, self.keep_off))
    }
}

/// One tunnel's way to its relay.
pub enum Transport {
    /// An ordinary socket.
    Udp(Udp),
    /// Packets built here.
    Raw(Raw),
}

impl Transport {
    /// Waits for datagrams and puts what one system call returns into `batch`. Cancelling it loses nothing.
    ///
    /// # Errors
    /// Those that end the socket.
    pub async fn receive(&self, batch: &mut Batch) -> io::Result<Received> {
        match self {
            Self::Udp(udp) => udp.receive(batch).await,
            Self::Raw(raw) => raw.receive(batch).await,
        }
    }

    /// Calls `each` with every datagram of the batch, in the order of arrival.
    pub fn for_each(&self, batch: &mut Batch, mut each: impl FnMut(Arrival<'_>)) {
        batch.for_each(|from, payload, micros| each(Arrival { from, payload, micros }));
    }

    /// Sends one message.
    ///
    /// # Errors
    /// The system's: no route, no network, a message that is too long.
    pub async fn send(&mut self, to: SocketAddr, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(udp) => udp.send(to, message).await,
            Self::Raw(raw) => raw.send(to, message).await,
        }
    }

    /// Datagrams that the kernel had no room for since the transport was opened; `None` where it does not say.
    #[must_use]
    pub fn dropped(&self) -> Option<u64> {
        self.inlet().dropped()
    }

    /// What helps where [`dropped`](Self::dropped) grows, in a sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        self.inlet().remedy()
    }

    /// Whether packets to the relay would now leave from another address than when this was opened: another
    /// transport should take its place. Asks the kernel for a route: once a second is often enough. Without a
    /// way to the relay nothing has moved.
    #[must_use]
    pub fn moved(&self) -> bool {
        match self {
            Self::Udp(udp) => udp.moved(),
            Self::Raw(raw) => raw.moved(),
        }
    }

    fn inlet(&self) -> &Inlet {
        match self {
            Self::Udp(udp) => udp.inlet(),
            Self::Raw(raw) => raw.inlet(),
        }
    }
}

#[cfg(test)]
mod tests;
