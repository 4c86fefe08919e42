//! The IPv4 header (RFC 791) of the packets inside the tunnel, and the checksum of the internet (RFC 1071).
//!
//! In goes a packet with whatever stands behind it, out comes a view that ends where the header says.

use crate::reader::{Reader, Truncated};
use std::net::Ipv4Addr;

/// Protocol number of IGMP.
pub(crate) const IGMP: u8 = 2;
/// Protocol number of UDP.
pub(crate) const UDP: u8 = 17;
/// The option that tells routers to look inside (RFC 2113).
pub(crate) const ROUTER_ALERT: [u8; 4] = [0x94, 4, 0, 0];

const HEADER_LEN: usize = 20;

/// A packet whose header checksum and lengths are right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) ttl: u8,
    pub(crate) protocol: u8,
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    /// One piece of a larger packet.
    pub(crate) fragment: bool,
    pub(crate) options: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// Why bytes are no IPv4 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Malformed {
    /// The version field is not 4.
    #[error("not IPv4")]
    Version,
    /// The lengths in the header do not fit what is there.
    #[error("truncated IPv4 packet")]
    Length,
    /// The header's checksum is wrong.
    #[error("IPv4 header with a bad checksum")]
    Checksum,
}

impl From<Truncated> for Malformed {
    fn from(Truncated: Truncated) -> Self {
        Self::Length
    }
}

impl<'a> Packet<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let [version_ihl, _tos] = reader.take()?;
        if version_ihl >> 4 != 4 {
            return Err(Malformed::Version);
        }
        let header_len = usize::from(version_ihl & 0x0F) * 4;
        let total_len = usize::from(reader.u16()?);
        reader.u16()?;
        // The reserved and the Don't Fragment bit tell nothing here.
        let fragment = reader.u16()? & 0x3FFF != 0;
        let [ttl, protocol] = reader.take()?;
        reader.u16()?;
        let (source, destination) = (reader.ipv4()?, reader.ipv4()?);
        let options = reader.slice(header_len.checked_sub(HEADER_LEN).ok_or(Malformed::Length)?)?;
        let payload = reader.slice(total_len.checked_sub(header_len).ok_or(Malformed::Length)?)?;
        if checksum(&[&bytes[..header_len]]) != 0 {
            return Err(Malformed::Checksum);
        }
        Ok(Self { ttl, protocol, source, destination, fragment, options, payload })
    }

    pub(crate) fn has_router_alert(&self) -> bool {
        let mut options = self.options;
        loop {
            match *options {
                // End of the list, or a length that leads nowhere.
                [] | [0, ..] | [_] => return false,
                [1, ref rest @ ..] => options = rest,
                _ if options.starts_with(&ROUTER_ALERT) => return true,
                [_, len, ..] => match options.get(usize::from(len).max(2)..) {
                    Some(rest) => options = rest,
                    None => return false,
                },
            }
        }
    }
}

/// Writes a header for a payload of `payload_len` bytes. The packet may not be fragmented, so that its
/// identification means nothing (RFC 6864).
///
/// `options` must be whole 32-bit words, and the packet no longer than 65,535 bytes.
pub(crate) fn header(
    (tos, ttl, protocol): (u8, u8, u8),
    source: Ipv4Addr,
    destination: Ipv4Addr,
    options: &[u8],
    payload_len: usize,
) -> Vec<u8> {
    const DONT_FRAGMENT: [u8; 2] = [0x40, 0];
    let len = HEADER_LEN + options.len();
    let mut bytes = Vec::with_capacity(len + payload_len);
    bytes.extend([0x40 | (len / 4) as u8, tos]);
    bytes.extend(((len + payload_len) as u16).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(DONT_FRAGMENT);
    bytes.extend([ttl, protocol, 0, 0]);
    bytes.extend(source.octets());
    bytes.extend(destination.octets());
    bytes.extend(options);
    let sum = checksum(&[&bytes]);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// The checksum over pieces of which all but the last have an even length; over bytes that already hold
/// their checksum it is 0.
pub(crate) fn checksum(pieces: &[&[u8]]) -> u16 {
    let mut sum = 0_u64;
    for piece in pieces {
        // Four bytes at a time: the sum of 32-bit words folds to the same (RFC 1071, 2).
        let (words, rest) = piece.as_chunks::<4>();
        sum += words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum::<u64>();
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        sum += u64::from(u32::from_be_bytes(last));
    }
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn router_alert_is_found_among_other_options() {
        let found = |options: &[u8]| {
            let bytes = header((0, 1, IGMP), Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED, options, 0);
            Packet::parse(&bytes).unwrap().has_router_alert()
        };
        assert!(found(&[0x94, 4, 0, 0]));
        assert!(found(&[1, 1, 1, 1, 0x94, 4, 0, 0]));
        assert!(found(&[0x44, 4, 5, 0, 0x94, 4, 0, 0]));
        assert!(!found(&[]));
        assert!(!found(&[0, 0, 0, 0, 0x94, 4, 0, 0]));
        assert!(!found(&[0x44, 8, 5, 0, 0x94, 4, 0, 0]));
        assert!(!found(&[0x44, 0, 0x94, 200]));
    }

    proptest! {
        #[test]
        fn the_checksum_is_the_one_of_etherparse(mut bytes: Vec<u8>, tail: Vec<u8>) {
            bytes.truncate(bytes.len() & !1);
            let expected = etherparse::checksum::Sum16BitWords::new().add_slice(&bytes).add_slice(&tail);
            prop_assert_eq!(checksum(&[&bytes, &tail]), expected.ones_complement().to_be());
        }

        #[test]
        fn any_bytes_are_a_packet_or_a_named_error(mut bytes: Vec<u8>, ihl in 0_u8..16) {
            if let Some(first) = bytes.first_mut() {
                *first = 0x40 | ihl;
            }
            if let Ok(packet) = Packet::parse(&bytes) {
                packet.has_router_alert();
                prop_assert!(packet.payload.len() + 20 <= bytes.len());
            }
        }

        #[test]
        fn a_header_reads_back_and_etherparse_agrees(
            source: [u8; 4], destination: [u8; 4], ttl: u8, tos: u8, words in 0_usize..=10, payload: Vec<u8>,
        ) {
            let options = vec![1; words * 4];
            let (source, destination) = (Ipv4Addr::from(source), Ipv4Addr::from(destination));
            let mut bytes = header((tos, ttl, UDP), source, destination, &options, payload.len());
            bytes.extend(&payload);
            let packet = Packet::parse(&bytes).unwrap();
            prop_assert_eq!((packet.source, packet.destination, packet.ttl), (source, destination, ttl));
            prop_assert_eq!((packet.options, packet.payload, packet.fragment), (&options[..], &payload[..], false));
            let (oracle, rest) = etherparse::Ipv4Header::from_slice(&bytes).unwrap();
            prop_assert_eq!(oracle.calc_header_checksum(), oracle.header_checksum);
            prop_assert_eq!(rest, &payload[..]);
        }
    }
}
