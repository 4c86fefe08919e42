//! The IPv6 header (RFC 8200) of the packets inside the tunnel, and the extension headers before what they carry.
//!
//! In goes a packet with whatever stands behind it, out comes a view that ends where the header says. Hop-by-hop
//! options, routing headers and destination options are passed over, and so is the Fragment header of a packet
//! that is whole all the same (an atomic fragment, RFC 6946). Nothing in them changes what the last hop does
//! with multicast.

use crate::reader::{Reader, Truncated};
use std::net::Ipv6Addr;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// Length of the fixed header.
pub(crate) const HEADER_LEN: usize = 40;
/// Where the fixed header names what follows it.
const NEXT_HEADER: usize = 6;

/// A packet whose lengths are right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) source: Ipv6Addr,
    pub(crate) destination: Ipv6Addr,
    /// One piece of a larger packet.
    pub(crate) fragment: Option<Fragment>,
    /// What the payload is; of a fragment, what the whole packet begins with.
    pub(crate) protocol: u8,
    /// Behind the extension headers; of a fragment, what stands behind its header.
    pub(crate) payload: &'a [u8],
}

/// What a Fragment header says (RFC 8200, 4.5), and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment {
    pub(crate) identification: u32,
    /// In bytes.
    pub(crate) offset: usize,
    pub(crate) more: bool,
    /// Where the header begins: the length of what every fragment repeats.
    pub(crate) at: usize,
    /// Where the header before it names it.
    pub(crate) named_at: usize,
}

impl<'a> Packet<'a> {
    /// Reads a packet whose version is known to be 6.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Truncated> {
        let mut reader = Reader::new(bytes);
        reader.take::<4>()?;
        let len = usize::from(reader.u16()?);
        let [mut protocol, _hop_limit] = reader.take()?;
        let (source, destination) = (reader.ipv6()?, reader.ipv6()?);
        let mut reader = Reader::new(reader.slice(len)?);
        let mut named_at = NEXT_HEADER;
        loop {
            let at = HEADER_LEN + len - reader.len();
            match protocol {
                HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
                    let [next, words] = reader.take()?;
                    reader.slice(6 + 8 * usize::from(words))?;
                    (protocol, named_at) = (next, at);
                }
                FRAGMENT => {
                    let [next, _reserved] = reader.take()?;
                    let field = reader.u16()?;
                    let identification = reader.u32()?;
                    let (offset, more) = (usize::from(field & 0xFFF8), field & 1 != 0);
                    protocol = next;
                    if offset != 0 || more {
                        let fragment = Some(Fragment { identification, offset, more, at, named_at });
                        return Ok(Self { source, destination, fragment, protocol, payload: reader.rest() });
                    }
                    named_at = at;
                }
                _ => return Ok(Self { source, destination, fragment: None, protocol, payload: reader.rest() }),
            }
        }
    }
}
