//! A relay of our own with a clip of our own: live multicast television on a machine that has none.
//!
//! The clip is played for ever from the wall clock, whether or not somebody listens, as television is. The
//! relay is RFC 7450's, over a real UDP socket; any gateway can be pointed at it. In place of the clip it
//! forwards native multicast that an interface receives.
//!
//! [`Relay::bind`] opens what needs privileges and says at once what is wrong; [`Relay::run`] works until told
//! to stop.

pub mod clip;
mod driver;
mod inner;
pub mod looper;
mod native;
mod television;

use crate::privilege::create_output;
use crate::terminal::say;
use amt_shared::AmtUrl;
use amt_shared::amt_url::{Host, RelayAddress};
use anyhow::{Context as _, anyhow, bail};
use driver::{Driver, Source};
use native::Native;
use std::future::Future;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use television::Television;

/// The sender that the clip's datagrams name (TEST-NET-1, RFC 5737: never a real one).
pub const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The group of the clip, in the range of source-specific multicast (RFC 4607).
pub const GROUP: Ipv4Addr = Ipv4Addr::new(232, 0, 2, 1);
/// The UDP port of the clip, source and destination.
pub const PORT: u16 = 1234;
/// Where the relay listens unless told otherwise: AMT's port (RFC 7450, 7.2), this machine only.
pub const DEFAULT_BIND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 2268);

/// What the relay sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// The embedded clip as the channel of [`demo_url`].
    Clip,
    /// Native multicast received on the interface of this name; needs root, or CAP_NET_RAW.
    Interface(String),
}

/// How to run the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayOptions {
    /// The address and port to listen on; it is also the relay address that Advertisements name.
    pub bind: SocketAddr,
    /// What is sent.
    pub upstream: Upstream,
    /// A file that gets a line `FRAME_NUMBER UNIX_MICROS` when the last packet of a video frame of the clip
    /// was sent; the number is the one in the picture's strip.
    pub frame_log: Option<PathBuf>,
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self { bind: DEFAULT_BIND, upstream: Upstream::Clip, frame_log: None }
    }
}

/// A relay whose socket is open.
pub struct Relay {
    socket: std::net::UdpSocket,
    source: Source,
    what: String,
}

impl Relay {
    /// Opens the relay's socket and, for [`Upstream::Interface`], the capture: all that may need privileges.
    /// From now on requests wait in the socket, so a gateway may be started at once.
    ///
    /// # Errors
    /// A sentence that says what could not be opened and what to do.
    pub fn bind(options: &RelayOptions) -> anyhow::Result<Self> {
        let bind = options.bind;
        if bind.ip().is_unspecified() || bind.ip().is_multicast() || bind.ip() == IpAddr::V4(Ipv4Addr::BROADCAST) {
            // Gateways are told to come to this address (RFC 7450, 5.1.2).
            bail!(
                "A relay needs an address that gateways can send to; {} is not one. Choose another with \
                 --relay-address.",
                bind.ip()
            );
        }
        let socket = std::net::UdpSocket::bind(bind).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => anyhow!(
                "Port {} on {} is in use by another relay or gateway. Stop it, or choose another port with \
                 --relay-address {}.",
                bind.port(),
                bind.ip(),
                SocketAddr::new(bind.ip(), bind.port().checked_add(1).unwrap_or(DEFAULT_BIND.port()))
            ),
            ErrorKind::AddrNotAvailable => {
                anyhow!("{} is not an address of this machine. Choose one with --relay-address.", bind.ip())
            }
            _ => anyhow!("The relay cannot listen on {bind}: {error}."),
        })?;
        socket.set_nonblocking(true)?;
        let (source, what) = match &options.upstream {
            Upstream::Clip => {
                let log = options.frame_log.as_ref().map(|path| {
                    create_output(path).with_context(|| format!("The frame log {} cannot be written", path.display()))
                });
                let television = Television::new(log.transpose()?).context("The embedded clip is damaged.")?;
                (Source::Clip(television), "playing the test card".to_owned())
            }
            Upstream::Interface(name) => {
                (Source::Native(Native::open(name)?), format!("forwarding multicast from {name}"))
            }
        };
        Ok(Self { socket, source, what })
    }

    /// The address gateways are to ask, with the port the system chose where `bind` left it open.
    ///
    /// # Errors
    /// The socket's own.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves gateways until `shutdown` is done.
    ///
    /// # Errors
    /// Those that end the relay: its socket, its capture or its frame log fails. Nothing a gateway sends is one.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let address = self.socket.local_addr()?;
        if let Source::Native(native) = &mut self.source {
            native.begin()?;
        }
        let socket = tokio::net::UdpSocket::from_std(self.socket)?;
        say(format_args!("Relay: {}.", self.what));
        let mut driver = Driver::new(socket, address.ip(), self.source);
        let result = driver.run(shutdown).await;
        driver.report();
        say("Relay: stopped.");
        result
    }
}

/// The URL under which the clip is received from a relay at `relay`.
#[must_use]
pub fn demo_url(relay: SocketAddr) -> AmtUrl {
    AmtUrl {
        source: Some(Host::Address(SOURCE.into())),
        group: Host::Address(GROUP.into()),
        port: PORT,
        second: None,
        relays: vec![RelayAddress {
            host: Host::Address(relay.ip()),
            port: (relay.port() != DEFAULT_BIND.port()).then(|| relay.port()),
        }],
        timeout_seconds: None,
    }
}

#[cfg(test)]
mod tests;
