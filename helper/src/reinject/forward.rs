//! From an inner packet to the Ethernet frame that carries it on, as a multicast router makes it: the packet as it
//! came, one hop less, to the group's own hardware address (RFC 1112, 6.4; RFC 2464, 7).
//!
//! In goes an IP packet out of a tunnel, a fragment too, out comes a frame, or the reason why there is none. What
//! was sent before and comes back, over a relay that hears this network, is not sent again: it is told by its
//! bytes and by the hops it has lost since.

use crate::{datagram, ipv4, ipv6};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

pub(super) const ETHERNET_HEADER: usize = 14;
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xDD];
const IPV6_HEADER: usize = 40;
/// Packets that are known again: at 1,000 a second, those of four seconds.
const REMEMBERED: usize = 4096;

/// Why a packet is not sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Discard {
    /// No IP packet, or one with a wrong header.
    Malformed,
    /// Its group is none, or is not for routers to forward; or its source is no address of a sender.
    NotForwarded,
    /// Its hops are used up.
    HopLimit,
    /// Its source is of this network, so that it is here already.
    OwnNetwork,
    /// It was sent from here.
    Echo,
}

/// Makes frames for one interface.
pub(super) struct Forwarder {
    mac: [u8; 6],
    on_link: Box<dyn Fn(IpAddr) -> bool + Send>,
    sent: Sent,
}

impl Forwarder {
    /// For the interface with this hardware address; `on_link` tells the addresses of its own network.
    pub(super) fn new(mac: [u8; 6], on_link: impl Fn(IpAddr) -> bool + Send + 'static) -> Self {
        Self { mac, on_link: Box::new(on_link), sent: Sent::default() }
    }

    /// The frame that carries `inner` on.
    pub(super) fn forward(&mut self, inner: &[u8]) -> Result<Vec<u8>, Discard> {
        let (source, group) = datagram::addresses(inner).ok_or(Discard::Malformed)?;
        if !may_be_forwarded(source, group) {
            return Err(Discard::NotForwarded);
        }
        let length = match group {
            IpAddr::V4(_) => {
                ipv4::Packet::parse(inner).map_err(|_| Discard::Malformed)?;
                usize::from(u16::from_be_bytes([inner[2], inner[3]]))
            }
            IpAddr::V6(_) => IPV6_HEADER + usize::from(u16::from_be_bytes([inner[4], inner[5]])),
        };
        let inner = inner.get(..length).ok_or(Discard::Malformed)?;
        if (self.on_link)(source) {
            return Err(Discard::OwnNetwork);
        }
        let mut frame = self.frame(group, inner);
        let packet = &mut frame[ETHERNET_HEADER..];
        let hops = hops(packet);
        if *hops <= 1 {
            return Err(Discard::HopLimit);
        }
        let arrived = std::mem::take(hops);
        if group.is_ipv4() {
            // What a router changes is no part of what it is.
            packet[10..12].fill(0);
        }
        if self.sent.before(packet, arrived) {
            return Err(Discard::Echo);
        }
        *self::hops(packet) = arrived - 1;
        if group.is_ipv4() {
            let found = u16::from_be_bytes([inner[10], inner[11]]);
            let word = |hops| u16::from_be_bytes([hops, inner[9]]);
            packet[10..12].copy_from_slice(&updated(found, word(arrived), word(arrived - 1)).to_be_bytes());
        } else {
            add_missing_checksum(packet);
        }
        Ok(frame)
    }

    /// A frame around a packet to `group` as it is.
    pub(super) fn frame(&self, group: IpAddr, packet: &[u8]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(ETHERNET_HEADER + packet.len());
        match group {
            IpAddr::V4(group) => {
                let [_, a, b, c] = group.octets();
                frame.extend([0x01, 0x00, 0x5E, a & 0x7F, b, c]);
            }
            IpAddr::V6(group) => {
                frame.extend([0x33, 0x33]);
                frame.extend(&group.octets()[12..]);
            }
        }
        frame.extend(self.mac);
        frame.extend(if group.is_ipv4() { ETHERTYPE_IPV4 } else { ETHERTYPE_IPV6 });
        frame.extend(packet);
        frame
    }
}

/// Where a packet says how many hops it is good for.
fn hops(packet: &mut [u8]) -> &mut u8 {
    if packet[0] >> 4 == 4 { &mut packet[8] } else { &mut packet[7] }
}

/// A checksum after one word under it has changed (RFC 1624, 3).
fn updated(checksum: u16, before: u16, after: u16) -> u16 {
    let sum = u32::from(!checksum) + u32::from(!before) + u32::from(after);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    !((sum & 0xFFFF) + (sum >> 16)) as u16
}

/// The one thing that is changed besides: UDP without a checksum, as some relays send it, is taken out of tunnels
/// (RFC 6935) and by no host that gets it over IPv6 itself (RFC 8200, 8.1).
fn add_missing_checksum(packet: &mut [u8]) {
    let Ok(ip) = ipv6::Packet::parse(packet) else { return };
    if ip.fragment.is_some() || ip.protocol != ipv4::UDP {
        return;
    }
    let [_, _, _, _, high, low, 0, 0, ..] = *ip.payload else { return };
    // Octets behind the datagram's own length are no part of it.
    let Some(udp) = ip.payload.get(..u16::from_be_bytes([high, low]).into()) else { return };
    let sum = match ipv6::checksum(ip.source, ip.destination, ip.protocol, udp) {
        0 => 0xFFFF,
        sum => sum,
    };
    let at = packet.len() - ip.payload.len() + 6;
    packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// Groups of one link or one host stay where they are (RFC 5771, 4; RFC 4291, 2.7).
pub(super) fn is_forwarded(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => group.is_multicast() && group.octets()[..3] != [224, 0, 0],
        IpAddr::V6(group) => group.is_multicast() && group.octets()[1] & 0x0F > 2,
    }
}

/// The same of packets of senders without an address that others could know.
fn may_be_forwarded(source: IpAddr, group: IpAddr) -> bool {
    let source = match source {
        IpAddr::V4(source) => !source.is_link_local() && !source.is_broadcast(),
        IpAddr::V6(source) => !source.is_unicast_link_local(),
    } && !(source.is_loopback() || source.is_multicast() || source.is_unspecified());
    is_forwarded(group) && source
}

/// What was sent lately, and the hops it was good for when it came.
#[derive(Default)]
struct Sent {
    hasher: RandomState,
    hops: HashMap<u64, u8>,
    order: VecDeque<u64>,
}

impl Sent {
    /// Whether these bytes, without their hops, were sent before when they were good for more. The same packet
    /// with the same hops is the sender's own repetition.
    fn before(&mut self, packet: &[u8], hops: u8) -> bool {
        let name = self.hasher.hash_one(packet);
        if let Some(known) = self.hops.get_mut(&name) {
            let echo = hops < *known;
            *known = hops.max(*known);
            return echo;
        }
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.hops.remove(&oldest);
        }
        self.order.push_back(name);
        self.hops.insert(name, hops);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datagram::build;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, SocketAddrV4};

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];

    fn forwarder() -> Forwarder {
        Forwarder::new(MAC, |address| matches!(address, IpAddr::V4(v4) if v4.octets()[..3] == [10, 0, 0]))
    }

    fn v4(source: [u8; 4], group: [u8; 4], ttl: u8) -> Vec<u8> {
        let at = |address: [u8; 4]| SocketAddrV4::new(Ipv4Addr::from(address), 5004);
        build(at(source), at(group), ttl, b"payload")
    }

    fn v6(source: &str, group: &str, hops: u8) -> Vec<u8> {
        let address = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
        let builder = etherparse::PacketBuilder::ipv6(address(source), address(group), hops).udp(5004, 5004);
        let mut packet = Vec::new();
        builder.write(&mut packet, b"payload").unwrap();
        packet
    }

    #[test]
    fn a_packet_goes_on_unchanged_with_one_hop_less_to_the_groups_hardware_address() {
        let mut inner = v4([192, 0, 2, 1], [232, 129, 2, 3], 9);
        let expected = v4([192, 0, 2, 1], [232, 129, 2, 3], 8);
        // Octets behind the packet are no part of it.
        inner.extend(b"more");
        let frame = forwarder().forward(&inner).unwrap();
        assert_eq!(frame[..14], [0x01, 0x00, 0x5E, 1, 2, 3, 2, 0, 0, 0, 0, 9, 0x08, 0x00]);
        assert_eq!(frame[14..], expected);

        let frame = forwarder().forward(&v6("2001:db8::1", "ff3e::8077:1", 9)).unwrap();
        assert_eq!(frame[..14], [0x33, 0x33, 0x80, 0x77, 0, 1, 2, 0, 0, 0, 0, 9, 0x86, 0xDD]);
        assert_eq!(frame[14..], v6("2001:db8::1", "ff3e::8077:1", 8));
    }

    #[test]
    fn a_checksum_that_hosts_want_over_ipv6_is_there() {
        let mut inner = v6("2001:db8::1", "ff3e::8077:1", 9);
        inner[46..48].fill(0);
        assert_eq!(forwarder().forward(&inner).unwrap()[14..], v6("2001:db8::1", "ff3e::8077:1", 8));
        let mut inner = v4([192, 0, 2, 1], [232, 0, 0, 1], 9);
        inner[26..28].fill(0);
        assert_eq!(forwarder().forward(&inner).unwrap()[14 + 20..], inner[20..], "over IPv4 none is right as well");
    }

    #[test]
    fn an_added_checksum_covers_as_much_as_udp_says_is_its_own() {
        let mut inner = v6("2001:db8::1", "ff3e::8077:1", 9);
        inner[46..48].fill(0);
        inner.extend(b"behind");
        inner[5] += 6;
        let frame = forwarder().forward(&inner).unwrap();
        assert_eq!(crate::datagram::parse(&frame[14..]).unwrap().payload, b"payload");
    }

    #[test]
    fn what_a_router_keeps_is_kept() {
        let forward = |inner: &[u8]| forwarder().forward(inner).map(|_| ());
        let source = [192, 0, 2, 1];
        assert_eq!(forward(&v4(source, [232, 0, 0, 1], 2)), Ok(()));
        assert_eq!(forward(&v4(source, [232, 0, 0, 1], 1)), Err(Discard::HopLimit));
        assert_eq!(forward(&v4(source, [232, 0, 0, 1], 0)), Err(Discard::HopLimit));
        assert_eq!(forward(&v4([10, 0, 0, 7], [232, 0, 0, 1], 9)), Err(Discard::OwnNetwork));
        for (source, group) in [
            (source, [224, 0, 0, 251]),
            (source, [192, 0, 2, 9]),
            ([127, 0, 0, 1], [232, 0, 0, 1]),
            ([0, 0, 0, 0], [232, 0, 0, 1]),
            ([169, 254, 0, 1], [232, 0, 0, 1]),
        ] {
            assert_eq!(forward(&v4(source, group, 9)), Err(Discard::NotForwarded), "{source:?} {group:?}");
        }
        assert_eq!(forward(&v6("fe80::1", "ff3e::1", 9)), Err(Discard::NotForwarded));
        assert_eq!(forward(&v6("2001:db8::1", "ff12::1", 9)), Err(Discard::NotForwarded));
        let mut damaged = v4(source, [232, 0, 0, 1], 9);
        damaged[4] ^= 1;
        assert_eq!(forward(&damaged), Err(Discard::Malformed));
        assert_eq!(forward(&v6("2001:db8::1", "ff3e::1", 9)[..50]), Err(Discard::Malformed));
    }

    #[test]
    fn what_comes_back_is_not_sent_again_and_what_the_sender_repeats_is() {
        let mut forwarder = forwarder();
        let at = |ttl| v4([192, 0, 2, 1], [232, 0, 0, 1], ttl);
        assert!(forwarder.forward(&at(60)).is_ok());
        assert!(forwarder.forward(&at(60)).is_ok());
        assert_eq!(forwarder.forward(&at(59)), Err(Discard::Echo));
        assert_eq!(forwarder.forward(&at(57)), Err(Discard::Echo));
        for other in 0..REMEMBERED {
            let group = (other as u32 | 0xE900_0000).to_be_bytes();
            assert!(forwarder.forward(&v4([192, 0, 2, 1], group, 60)).is_ok());
        }
        assert_eq!((forwarder.sent.hops.len(), forwarder.sent.order.len()), (REMEMBERED, REMEMBERED));
        assert!(forwarder.forward(&at(59)).is_ok(), "it is forgotten");
    }

    proptest! {
        #[test]
        fn the_updated_checksum_is_right(
            source in 1_u32..0x0A00_0000, group in 0xE100_0000_u32..0xEFFF_FFFF, ttl in 2_u8.., payload: Vec<u8>,
        ) {
            let at = |address: u32| SocketAddrV4::new(Ipv4Addr::from(address), 5004);
            let inner = build(at(source), at(group), ttl, &payload);
            match forwarder().forward(&inner) {
                Ok(frame) => prop_assert_eq!(&frame[14..], &build(at(source), at(group), ttl - 1, &payload)[..]),
                Err(discard) => prop_assert_eq!(discard, Discard::NotForwarded),
            }
        }

        #[test]
        fn any_bytes_are_a_frame_or_a_named_reason(mut bytes: Vec<u8>, v6: bool) {
            if let Some(first) = bytes.first_mut() {
                *first = if v6 { 0x60 } else { 0x45 };
            }
            let _ = forwarder().forward(&bytes);
        }
    }
}
