//! The ordinary transport: one UDP socket with a large receive buffer, no rights needed.

use super::inlet::{Batch, Inlet};
use super::interface::local_address_to;
use super::sockets::UdpSockets;
use super::{Received, source_port};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The transport.
pub struct Udp {
    inlet: Inlet,
    relay: SocketAddr,
    /// The address packets to the relay left from at first; `None` where there was no way to it.
    local: Option<IpAddr>,
}

impl Udp {
    /// Binds a socket to a port of this relay's own, or to any if that is taken.
    pub(super) fn open(sockets: &UdpSockets, relay: SocketAddr) -> io::Result<Self> {
        let any = match relay {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let lent = sockets.for_relay(relay.ip(), |local, own| (own && local.ip() == any).then_some(()))?;
        let bound = lent.bound;
        let inlet = Inlet::new(lent)?;
        if !bound {
            source_port::bind(relay.ip(), None, |port| inlet.socket().bind(&SocketAddr::new(any, port).into()))?;
        }
        Ok(Self { inlet, relay, local: local_address_to(relay).ok() })
    }

    pub(super) async fn receive(&self, batch: &mut Batch) -> io::Result<Received> {
        self.inlet.receive(batch).await
    }

    pub(super) async fn send(&self, to: SocketAddr, message: &[u8]) -> io::Result<()> {
        self.inlet.send(to, message).await
    }

    pub(super) fn moved(&self) -> bool {
        local_address_to(self.relay).is_ok_and(|now| self.local != Some(now))
    }

    pub(super) fn inlet(&self) -> &Inlet {
        &self.inlet
    }
}
