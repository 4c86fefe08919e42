//! The IPv6 header (RFC 8200) of the packets inside the tunnel, and the extension headers before what they carry.
//!
//! In goes a packet with whatever stands behind it, out comes a view that ends where the header says. Hop-by-hop
//! options, routing headers and destination options are passed over, and so is the Fragment header of a packet
//! that is whole all the same (an atomic fragment, RFC 6946). Nothing in them changes what the last hop does
//! with multicast. In the other direction it writes the packets of MLD.

use crate::reader::{Reader, Truncated};
use std::net::Ipv6Addr;

/// Next header of ICMPv6, which MLD is part of.
pub(crate) const ICMPV6: u8 = 58;
/// A whole hop-by-hop header with the option that tells routers to look inside, for MLD (RFC 2711), and two
/// bytes of padding; the first byte is the next header.
pub(crate) const HOP_BY_HOP_ROUTER_ALERT: [u8; 8] = [ICMPV6, 0, 5, 2, 0, 0, 1, 0];

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;
const ROUTER_ALERT_OPTION: u8 = 5;
const PAD_1: u8 = 0;

/// Length of the fixed header.
pub(crate) const HEADER_LEN: usize = 40;
/// Where the fixed header names what follows it.
const NEXT_HEADER: usize = 6;

/// A packet whose lengths are right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) hop_limit: u8,
    pub(crate) source: Ipv6Addr,
    pub(crate) destination: Ipv6Addr,
    /// One piece of a larger packet.
    pub(crate) fragment: Option<Fragment>,
    /// What the payload is; of a fragment, what the whole packet begins with.
    pub(crate) protocol: u8,
    /// A hop-by-hop header holds the Router Alert of MLD.
    pub(crate) router_alert: bool,
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
        let [mut protocol, hop_limit] = reader.take()?;
        let (source, destination) = (reader.ipv6()?, reader.ipv6()?);
        let mut reader = Reader::new(reader.slice(len)?);
        let mut named_at = NEXT_HEADER;
        let mut router_alert = false;
        let fragment = loop {
            let at = HEADER_LEN + len - reader.len();
            match protocol {
                HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
                    let [next, words] = reader.take()?;
                    let options = reader.slice(6 + 8 * usize::from(words))?;
                    router_alert |= protocol == HOP_BY_HOP && has_router_alert(options);
                    (protocol, named_at) = (next, at);
                }
                FRAGMENT => {
                    let [next, _reserved] = reader.take()?;
                    let field = reader.u16()?;
                    let identification = reader.u32()?;
                    let (offset, more) = (usize::from(field & 0xFFF8), field & 1 != 0);
                    protocol = next;
                    if offset != 0 || more {
                        break Some(Fragment { identification, offset, more, at, named_at });
                    }
                    named_at = at;
                }
                _ => break None,
            }
        };
        Ok(Self { hop_limit, source, destination, fragment, protocol, router_alert, payload: reader.rest() })
    }
}

fn has_router_alert(mut options: &[u8]) -> bool {
    loop {
        match *options {
            [PAD_1, ref rest @ ..] => options = rest,
            [ROUTER_ALERT_OPTION, 2, 0, 0, ..] => return true,
            [_, len, ref rest @ ..] => match rest.get(usize::from(len)..) {
                Some(rest) => options = rest,
                None => return false,
            },
            [] | [_] => return false,
        }
    }
}

/// Writes a header for a payload of `payload_len` bytes, extension headers among them, that begins with
/// `next`. Traffic class and flow label are zero: nobody in the tunnel looks at them.
pub(crate) fn header(
    (next, hop_limit): (u8, u8),
    source: Ipv6Addr,
    destination: Ipv6Addr,
    payload_len: usize,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(40 + payload_len);
    bytes.extend([0x60, 0, 0, 0]);
    bytes.extend((payload_len as u16).to_be_bytes());
    bytes.extend([next, hop_limit]);
    bytes.extend(source.octets());
    bytes.extend(destination.octets());
    bytes
}

/// Writes a packet whose first header is a hop-by-hop header with Router Alert for MLD, around an ICMPv6
/// message.
pub(crate) fn with_router_alert(source: Ipv6Addr, destination: Ipv6Addr, hop_limit: u8, message: &[u8]) -> Vec<u8> {
    let len = HOP_BY_HOP_ROUTER_ALERT.len() + message.len();
    let mut bytes = header((HOP_BY_HOP, hop_limit), source, destination, len);
    bytes.extend(HOP_BY_HOP_ROUTER_ALERT);
    bytes.extend(message);
    bytes
}

/// The checksum over a message and its pseudo-header (8.1); over one that already holds its checksum it is 0.
pub(crate) fn checksum(source: Ipv6Addr, destination: Ipv6Addr, protocol: u8, message: &[u8]) -> u16 {
    let len = (message.len() as u32).to_be_bytes();
    crate::ipv4::checksum(&[&source.octets(), &destination.octets(), &len, &[0, 0, 0, protocol], message])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse_with(options: &[u8]) -> Packet<'static> {
        let mut bytes = header((HOP_BY_HOP, 1), Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, 2 + options.len());
        bytes.extend([ICMPV6, (options.len() / 8) as u8]);
        bytes.extend(options);
        Packet::parse(bytes.leak()).unwrap()
    }

    #[test]
    fn router_alert_is_found_among_other_options() {
        assert!(parse_with(&[5, 2, 0, 0, 1, 0]).router_alert);
        assert!(parse_with(&[0, 0, 5, 2, 0, 0]).router_alert);
        assert!(parse_with(&[1, 4, 0, 0, 0, 0, 5, 2, 0, 0, 1, 2, 0, 0]).router_alert);
        // RSVP's, none, cut off, and one inside another option.
        assert!(!parse_with(&[5, 2, 0, 1, 1, 0]).router_alert);
        assert!(!parse_with(&[1, 4, 0, 0, 0, 0]).router_alert);
        assert!(!parse_with(&[1, 0, 1, 0, 5, 2]).router_alert);
        assert!(!parse_with(&[1, 4, 5, 2, 0, 0]).router_alert);
    }

    #[test]
    fn only_whole_packets_are_read() {
        let bytes = with_router_alert(Ipv6Addr::UNSPECIFIED, Ipv6Addr::LOCALHOST, 1, &[1, 2, 3]);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!((packet.protocol, packet.hop_limit, packet.payload), (ICMPV6, 1, &[1, 2, 3][..]));
        assert_eq!((packet.source, packet.destination), (Ipv6Addr::UNSPECIFIED, Ipv6Addr::LOCALHOST));
        assert!(packet.router_alert && packet.fragment.is_none());
        for len in 0..bytes.len() {
            assert!(Packet::parse(&bytes[..len]).is_err());
        }
        let mut behind = bytes;
        behind.extend([9; 4]);
        assert_eq!(Packet::parse(&behind).unwrap().payload, [1, 2, 3]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_packet_or_a_named_error(mut bytes: Vec<u8>, next in 0_u8..64, len in 0_u16..128) {
            if bytes.len() > 7 {
                bytes[0] = 0x60;
                bytes[4..6].copy_from_slice(&len.to_be_bytes());
                bytes[6] = next;
            }
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert!(packet.payload.len() + 40 <= bytes.len());
            }
        }
    }
}
