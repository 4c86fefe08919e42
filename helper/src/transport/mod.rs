//! How AMT messages leave this machine and come in: an ordinary UDP socket ([`udp`]) or raw packets
//! ([`raw`]), behind one seam.
//!
//! In: messages and where to send them. Out: batches of datagrams as one system call returned them, each with
//! its sender and its time of arrival, and the word that a relay cannot be reached (ICMP). What needs root is
//! opened once, in [`Transports::open`], and serves every tunnel of the process from then on.

mod inlet;
pub mod raw;
pub mod udp;

pub use inlet::Batch;

use crate::options::TransportChoice;
use anyhow::bail;
use raw::{Raw, RawSockets};
use std::io;
use std::net::SocketAddr;
use udp::{LargeSockets, Udp};

/// Bytes of receive buffer to ask for: a quarter of a second at 1 Gbit/s.
pub(crate) const RECEIVE_BUFFER: usize = 32 << 20;

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
    /// Its UDP payload, or the reason why it cannot be used.
    pub payload: Result<&'a [u8], raw::Malformed>,
    /// When it arrived, in microseconds since the Unix epoch, by the kernel's clock where it stamps.
    pub micros: u64,
}

/// What was opened while root may have been there; every tunnel's socket comes from here.
pub struct Transports {
    raw: Option<RawSockets>,
    large: LargeSockets,
    choice: TransportChoice,
}

impl Transports {
    /// Opens all that needs rights the process will give up.
    ///
    /// # Errors
    /// A sentence, where `choice` is raw and the process may not.
    pub fn open(choice: TransportChoice) -> anyhow::Result<Self> {
        let raw = match choice {
            TransportChoice::Udp => None,
            TransportChoice::Auto => RawSockets::open().ok(),
            TransportChoice::Raw => match RawSockets::open() {
                Ok(raw) => Some(raw),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => bail!(
                    "The raw transport needs root, or CAP_NET_RAW. Start with “sudo -E amt-helper”, or leave \
                     “--transport raw” out: an ordinary UDP socket serves as well."
                ),
                Err(error) => bail!("Raw sockets cannot be opened here: {error}. Leave “--transport raw” out."),
            },
        };
        // Where raw sockets may be had they will be used; the others then serve IPv6 relays only.
        Ok(Self { raw, large: LargeSockets::open(), choice })
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
            (TransportChoice::Auto, true) => "Transport: raw packets from port 2268, as this process may send them.",
            (TransportChoice::Auto, false) => "Transport: udp (raw packets would need root, or CAP_NET_RAW).",
            (_, true) => "Transport: raw packets from port 2268, as asked.",
            (_, false) => "Transport: udp, as asked.",
        }
    }

    /// Opens a transport to a relay. `say` is told what a person should know about it.
    ///
    /// # Errors
    /// The system's; or a sentence where the raw transport was asked for and cannot go there.
    pub fn connect(&self, relay: SocketAddr, mut say: impl FnMut(String)) -> io::Result<Transport> {
        if let Some(raw) = &self.raw {
            match raw.connect(relay, &mut say) {
                Ok(raw) => return Ok(Transport::Raw(raw)),
                Err(error) if self.choice == TransportChoice::Raw => return Err(error),
                Err(error) => say(format!("Raw packets cannot be used here ({error}); using an ordinary UDP socket.")),
            }
        }
        Udp::open(self.large.take(relay)?).map(Transport::Udp)
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

    /// Calls `each` with every datagram of the batch that is for this tunnel, in the order of arrival.
    pub fn for_each(&self, batch: &Batch, mut each: impl FnMut(Arrival<'_>)) {
        match self {
            Self::Udp(_) => {
                batch.for_each(|from, payload, micros| each(Arrival { from, payload: Ok(payload), micros }))
            }
            Self::Raw(raw) => batch.for_each(|_, packet, micros| {
                if let Some((from, payload)) = raw.open(packet) {
                    each(Arrival { from, payload, micros });
                }
            }),
        }
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
        match self {
            Self::Udp(udp) => udp.dropped(),
            Self::Raw(raw) => raw.dropped(),
        }
    }
}
