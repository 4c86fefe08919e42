//! The datagrams inside the tunnel: IPv4 (RFC 791) or IPv6 (RFC 8200) with UDP (RFC 768).
//!
//! In goes one whole packet (fragments are put together before, in [`crate::reassembly`]), out comes the UDP
//! payload, as long as the UDP header says. IPv6 extension headers are passed over; fragments and everything
//! but UDP are dropped by name. A checksum of zero is taken in both versions of IP: relays zero it (RFC 7450,
//! 4.2.2.3; RFC 6935).

use crate::reader::{Reader, Truncated};
use crate::{ipv4, ipv6};
use std::net::{IpAddr, SocketAddr, SocketAddrV4};

pub use crate::ipv4::Malformed as Ipv4Malformed;

const UDP_HEADER_LEN: usize = 8;

/// A UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The sender.
    pub source: SocketAddr,
    /// The group and the port.
    pub destination: SocketAddr,
    /// What it carries.
    pub payload: &'a [u8],
}

/// Why a packet is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Discard {
    /// The IPv4 header is wrong.
    #[error(transparent)]
    Ipv4(#[from] ipv4::Malformed),
    /// Neither IPv4 nor IPv6.
    #[error("inner packet is not IP")]
    NotIp,
    /// The lengths in the IPv6 header do not fit what is there.
    #[error("truncated inner IPv6 packet")]
    Ipv6Length,
    /// One piece of a larger packet.
    #[error("inner packet is a fragment")]
    Fragment,
    /// Another protocol, or an IPv6 extension header that is not passed over (RFC 8200, 4).
    #[error("inner packet is not UDP")]
    NotUdp,
    /// The UDP length does not fit what is there.
    #[error("inner UDP length does not match the packet")]
    UdpLength,
    /// The UDP checksum is there and wrong.
    #[error("inner UDP packet with a bad checksum")]
    UdpChecksum,
}

impl From<Truncated> for Discard {
    fn from(Truncated: Truncated) -> Self {
        Self::Ipv6Length
    }
}

/// Source and destination of an IP packet, and nothing else of it checked: enough to know whose it is.
#[must_use]
pub fn addresses(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let mut reader = Reader::new(packet);
    match packet.first()? >> 4 {
        4 => {
            reader.slice(12).ok()?;
            Some((reader.ipv4().ok()?.into(), reader.ipv4().ok()?.into()))
        }
        6 => {
            reader.slice(8).ok()?;
            Some((reader.ipv6().ok()?.into(), reader.ipv6().ok()?.into()))
        }
        _ => None,
    }
}

/// Takes the UDP datagram out of an IP packet.
///
/// # Errors
/// The reason to drop the packet.
pub fn parse(packet: &[u8]) -> Result<Datagram<'_>, Discard> {
    match packet.first().map(|first| first >> 4) {
        Some(4) => {
            let ip = ipv4::Packet::parse(packet)?;
            if ip.fragment {
                return Err(Discard::Fragment);
            }
            if ip.protocol != ipv4::UDP {
                return Err(Discard::NotUdp);
            }
            udp(ip.source.into(), ip.destination.into(), &packet[12..20], ip.payload)
        }
        Some(6) => {
            let ip = ipv6::Packet::parse(packet)?;
            if ip.fragment.is_some() {
                return Err(Discard::Fragment);
            }
            if ip.protocol != ipv4::UDP {
                return Err(Discard::NotUdp);
            }
            udp(ip.source.into(), ip.destination.into(), &packet[8..ipv6::HEADER_LEN], ip.payload)
        }
        _ => Err(Discard::NotIp),
    }
}

fn udp<'a>(source: IpAddr, destination: IpAddr, addresses: &[u8], bytes: &'a [u8]) -> Result<Datagram<'a>, Discard> {
    let short = |Truncated: Truncated| Discard::UdpLength;
    let mut reader = Reader::new(bytes);
    let source_port = reader.u16().map_err(short)?;
    let destination_port = reader.u16().map_err(short)?;
    let len = usize::from(reader.u16().map_err(short)?);
    let sum = reader.u16().map_err(short)?;
    let payload = reader.slice(len.checked_sub(UDP_HEADER_LEN).ok_or(Discard::UdpLength)?).map_err(short)?;
    let (header, _) = bytes.split_at(UDP_HEADER_LEN);
    if sum != 0 && checksum(addresses, header, payload) != 0 {
        return Err(Discard::UdpChecksum);
    }
    Ok(Datagram {
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
        payload,
    })
}

/// The checksum over UDP and a pseudo-header, whose order does not matter to a sum: the addresses, the
/// protocol and the length (RFC 768; RFC 8200, 8.1).
fn checksum(addresses: &[u8], header: &[u8], payload: &[u8]) -> u16 {
    let len = (header.len() + payload.len()) as u32;
    ipv4::checksum(&[addresses, &len.to_be_bytes(), &[0, ipv4::UDP], header, payload])
}

/// Builds an IPv4 packet around a UDP payload of at most 65,507 bytes, with its checksum, as a sender of
/// multicast does.
#[must_use]
pub fn build(source: SocketAddrV4, destination: SocketAddrV4, ttl: u8, payload: &[u8]) -> Vec<u8> {
    let len = UDP_HEADER_LEN + payload.len();
    let mut bytes = ipv4::header((0, ttl, ipv4::UDP), *source.ip(), *destination.ip(), &[], len);
    let mut header = [0; UDP_HEADER_LEN];
    header[..2].copy_from_slice(&source.port().to_be_bytes());
    header[2..4].copy_from_slice(&destination.port().to_be_bytes());
    header[4..6].copy_from_slice(&(len as u16).to_be_bytes());
    // A sum of zero is sent as its other form: zero means that there is none (RFC 768).
    let sum = match checksum(&bytes[12..20], &header, payload) {
        0 => 0xFFFF,
        sum => sum,
    };
    header[6..].copy_from_slice(&sum.to_be_bytes());
    bytes.extend(header);
    bytes.extend(payload);
    bytes
}

#[cfg(test)]
#[path = "datagram_tests.rs"]
mod tests;
