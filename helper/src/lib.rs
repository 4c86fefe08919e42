//! The helper: an AMT gateway (RFC 7450) that hands MPEG-TS to a page.
//!
//! The helper moves packets; the page understands media. `amt`, `membership`, `datagram` and `rtp` are pure:
//! no socket, no runtime, no clock. See ARCHITECTURE.md.

pub mod amt;
mod budget;
pub mod channel;
pub mod datagram;
pub mod demo;
pub mod discovery;
#[doc(hidden)]
pub mod fuzzing;
mod ipv4;
mod ipv6;
pub mod membership;
pub mod merge;
pub mod options;
#[cfg(test)]
mod own_network;
pub mod privilege;
pub mod probe;
mod reader;
pub mod reassembly;
pub mod receive;
pub mod reception;
pub mod reinject;
pub mod resources;
pub mod rtp;
pub mod server;
pub mod terminal;
pub mod transport;
pub mod tunnel;
