//! Automatic Multicast Tunneling (RFC 7450), pure: bytes and times in, bytes and times out; no socket, no
//! runtime, no clock.
//!
//! [`gateway`] is the receiving end, [`relay`] the sending one, [`message`] what crosses between them. Both
//! machines are driven alike: after any `handle_…` call take what `poll_transmit` and `poll_event` hold until
//! they hold nothing, then sleep until `poll_timeout` and call `handle_timeout`.

pub mod gateway;
pub mod message;
pub mod relay;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

/// The UDP port of relays (RFC 7450, 7.2).
pub const PORT: u16 = amt_shared::amt_url::RELAY_PORT;

/// A datagram to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// The UDP payload.
    pub payload: Vec<u8>,
}

/// Whether two endpoints are the same one on the wire: an IPv4 address that a dual-stack socket wrote as
/// IPv6 is still itself, and scope and flow label are no part of an endpoint.
fn same_endpoint(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && a.ip().to_canonical() == b.ip().to_canonical()
}
