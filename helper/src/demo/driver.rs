//! Drives the relay's state machine with a socket, a clock and something to send.

use super::native::Native;
use super::television::Television;
use crate::amt::relay::{Config, Discard, Event, Relay};
use crate::datagram;
use crate::terminal::say;
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

/// How often gateways are to report. Shorter than RFC 3376's 125 s, so that one that vanished is forgotten
/// after a minute.
const QUERY_INTERVAL: Duration = Duration::from_secs(25);
/// How long a secret proves things (RFC 7450, 5.3.6).
const SECRET_LIFETIME: Duration = Duration::from_secs(2 * 3600);
/// Room for any datagram.
const RECEIVE_BUFFER: usize = 65_536;

/// How many datagrams are taken in one go.
const RECEIVE_BATCH: usize = 64;

/// What is sent.
pub(super) enum Source {
    Clip(Television),
    Native(Native),
}

/// A relay at work.
pub(super) struct Driver {
    socket: UdpSocket,
    relay: Relay,
    source: Source,
    gateways: usize,
    discards: BTreeMap<Discard, u64>,
    /// Messages that the system did not take.
    unsent: u64,
}

impl Driver {
    pub(super) fn new(socket: UdpSocket, address: IpAddr, source: Source) -> Self {
        let mut config = Config::new(address);
        config.query_interval = QUERY_INTERVAL;
        // Gateways in wide use (VLC, amt-play) send reports without Router Alert: here they may be tried.
        config.strict = false;
        let relay = Relay::new(config, rand::random());
        Self { socket, relay, source, gateways: 0, discards: BTreeMap::new(), unsent: 0 }
    }

    pub(super) async fn run(&mut self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        // From here on `try_send_to` knows that the socket takes something.
        self.socket.writable().await.context("The relay's socket failed.")?;
        let mut buffer = vec![0; RECEIVE_BUFFER];
        let mut shutdown = std::pin::pin!(shutdown);
        let mut secrets = tokio::time::interval_at((Instant::now() + SECRET_LIFETIME).into(), SECRET_LIFETIME);
        loop {
            let expiry = self.relay.poll_timeout();
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                ready = self.socket.readable() => {
                    ready.context("The relay's socket failed.")?;
                    self.receive(&mut buffer);
                }
                _ = secrets.tick() => self.relay.change_secret(Instant::now(), rand::random()),
                () = sleep_until(expiry) => self.relay.handle_timeout(Instant::now()),
                message = self.source.next() => {
                    let message = message.context("The capture ended: the interface was removed or is down.")?;
                    self.unsent += forward(&self.socket, &self.relay, message);
                    self.source.sent()?;
                }
            }
            self.answer();
            self.follow_events();
        }
    }

    /// Takes what has arrived, up to a number that does not hold up the programme.
    fn receive(&mut self, buffer: &mut [u8]) {
        for _ in 0..RECEIVE_BATCH {
            let Ok((len, from)) = self.socket.try_recv_from(buffer) else { return };
            if let Err(discard) = self.relay.handle_datagram(Instant::now(), from, &buffer[..len]) {
                *self.discards.entry(discard).or_default() += 1;
            }
            self.answer();
        }
    }

    fn answer(&mut self) {
        while let Some(transmit) = self.relay.poll_transmit() {
            // A lost answer is asked for again.
            self.unsent += u64::from(self.socket.try_send_to(&transmit.payload, transmit.to).is_err());
        }
    }

    fn follow_events(&mut self) {
        while let Some(event) = self.relay.poll_event() {
            match event {
                Event::EndpointAdded(gateway) => {
                    self.gateways += 1;
                    say(format_args!("Relay: gateway {gateway} joined; gateways: {}.", self.gateways));
                }
                Event::EndpointRemoved(gateway) => {
                    self.gateways -= 1;
                    say(format_args!("Relay: gateway {gateway} left; gateways: {}.", self.gateways));
                }
                Event::Joined { group, source } => self.source.join(group, source),
                Event::Left { group, source } => self.source.leave(group, source),
            }
        }
    }

    /// What went wrong on the way, if anything did.
    pub(super) fn report(&self) {
        for (discard, count) in &self.discards {
            say(format_args!("Relay: dropped {count} × {discard}."));
        }
        if self.unsent > 0 {
            say(format_args!("Relay: {} messages could not be sent.", self.unsent));
        }
        if let Source::Native(native) = &self.source
            && native.lost() > 0
        {
            say(format_args!(
                "Relay: dropped {} packets that arrived faster than they could be forwarded.",
                native.lost()
            ));
        }
    }
}

impl Source {
    async fn next(&mut self) -> Option<&[u8]> {
        match self {
            Self::Clip(television) => Some(television.next().await),
            Self::Native(native) => native.next().await,
        }
    }

    fn sent(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Clip(television) => television.sent().context("The frame log cannot be written."),
            Self::Native(_) => Ok(()),
        }
    }

    fn join(&mut self, group: IpAddr, source: Option<IpAddr>) {
        let Self::Native(native) = self else { return };
        match native.join(group, source) {
            Ok(()) => say(format_args!("Relay: joined {}.", Channel(group, source))),
            Err(error) => say(format_args!("Relay: cannot join {}: {error}.", Channel(group, source))),
        }
    }

    fn leave(&mut self, group: IpAddr, source: Option<IpAddr>) {
        if let Self::Native(native) = self {
            native.leave(group, source);
            say(format_args!("Relay: left {}.", Channel(group, source)));
        }
    }
}

struct Channel(IpAddr, Option<IpAddr>);

impl std::fmt::Display for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.1 {
            Some(source) => write!(f, "{} from {source}", self.0),
            None => write!(f, "{} from any source", self.0),
        }
    }
}

/// Sends a Multicast Data message to all who want it; returns for how many the system did not take it.
fn forward(socket: &UdpSocket, relay: &Relay, message: &[u8]) -> u64 {
    let Some((source, group)) = datagram::addresses(&message[crate::amt::message::MULTICAST_DATA_HEADER.len()..])
    else {
        return 0;
    };
    // A full socket loses the message, as a router does: waiting would hold up the others.
    relay.subscribers(source, group).map(|to| u64::from(socket.try_send_to(message, to).is_err())).sum()
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
