//! The packets inside the tunnel: IPv4 (RFC 791) with UDP (RFC 768), in Multicast Data messages (RFC 7450,
//! 5.1.6).

use crate::amt::message::MULTICAST_DATA_HEADER;
use crate::{ipv4, ipv6};
use std::net::SocketAddrV4;
use std::ops::Range;

const UDP_HEADER_LEN: usize = 8;
const IP_HEADER_LEN: usize = 20;
/// Hops the inner packet is good for; nobody in the tunnel counts them.
const TTL: u8 = 64;

/// A Multicast Data message whose payload is written anew for each datagram.
pub(super) struct DataMessage {
    message: Vec<u8>,
    source: SocketAddrV4,
    group: SocketAddrV4,
}

impl DataMessage {
    pub(super) const fn new(source: SocketAddrV4, group: SocketAddrV4) -> Self {
        Self { message: Vec::new(), source, group }
    }

    /// The message around the payload of `payload_len` bytes that `write` appends.
    pub(super) fn fill(&mut self, payload_len: usize, write: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
        let udp_len = UDP_HEADER_LEN + payload_len;
        self.message.clear();
        self.message.extend(MULTICAST_DATA_HEADER);
        self.message.extend(ipv4::header((0, TTL, ipv4::UDP), *self.source.ip(), *self.group.ip(), &[], udp_len));
        self.message.extend(self.source.port().to_be_bytes());
        self.message.extend(self.group.port().to_be_bytes());
        self.message.extend((udp_len as u16).to_be_bytes());
        self.message.extend([0, 0]);
        write(&mut self.message);
        let packet = &mut self.message[MULTICAST_DATA_HEADER.len()..];
        debug_assert_eq!(packet.len(), IP_HEADER_LEN + udp_len);
        set_udp_checksum(packet, 12..20, IP_HEADER_LEN..IP_HEADER_LEN + udp_len);
        &self.message
    }
}

/// Computes the checksum of a captured packet where its sender left that to the hardware: a sender on this
/// machine, or behind a virtual link. Then only the sum of the pseudo-header stands there.
pub(super) fn complete_udp_checksum(packet: &mut [u8]) {
    let Some((addresses, datagram)) = udp_in(packet) else { return };
    let pseudo = pseudo_header(&packet[addresses.clone()], datagram.len());
    let stands = u16::from_be_bytes([packet[datagram.start + 6], packet[datagram.start + 7]]);
    if stands == !ipv4::checksum(&[&pseudo]) {
        set_udp_checksum(packet, addresses, datagram);
    }
}

/// Where the addresses and the UDP datagram of a packet stand that holds a whole one.
fn udp_in(packet: &[u8]) -> Option<(Range<usize>, Range<usize>)> {
    let (addresses, protocol, is_fragment, payload, end) = if packet.first()? >> 4 == 6 {
        let ip = ipv6::Packet::parse(packet).ok()?;
        (8..40, ip.protocol, ip.fragment.is_some(), ip.payload.len(), packet.len())
    } else {
        let ip = ipv4::Packet::parse(packet).ok()?;
        let end = IP_HEADER_LEN + ip.options.len() + ip.payload.len();
        (12..20, ip.protocol, ip.fragment, ip.payload.len(), end)
    };
    let is_udp = protocol == ipv4::UDP && !is_fragment && payload >= UDP_HEADER_LEN;
    is_udp.then(|| (addresses, end - payload..end))
}

/// What is summed before the datagram (RFC 768; RFC 8200, 8.1): for the sum it is the same whether a zero more
/// stands there, and in which order.
fn pseudo_header(addresses: &[u8], udp_len: usize) -> [u8; 40] {
    let mut pseudo = [0; 40];
    pseudo[..addresses.len()].copy_from_slice(addresses);
    pseudo[32..36].copy_from_slice(&(udp_len as u32).to_be_bytes());
    pseudo[39] = ipv4::UDP;
    pseudo
}

fn set_udp_checksum(packet: &mut [u8], addresses: Range<usize>, datagram: Range<usize>) {
    let pseudo = pseudo_header(&packet[addresses], datagram.len());
    let at = datagram.start + 6;
    packet[at..at + 2].fill(0);
    let sum = ipv4::checksum(&[&pseudo, &packet[datagram]]);
    // 0 would say that there is none (RFC 768).
    let sum = if sum == 0 { 0xFFFF } else { sum };
    packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::{GROUP, PORT, SOURCE};
    use super::*;
    use crate::datagram;

    fn filled(payload: &[u8]) -> Vec<u8> {
        let mut data = DataMessage::new(SocketAddrV4::new(SOURCE, PORT), SocketAddrV4::new(GROUP, PORT));
        data.fill(payload.len(), |out| out.extend(payload)).to_vec()
    }

    #[test]
    fn a_message_holds_a_right_datagram_of_the_channel() {
        for len in [0, 1, 1316, 1317] {
            let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let message = filled(&payload);
            assert_eq!(message[..2], MULTICAST_DATA_HEADER);
            let datagram = datagram::parse(&message[2..]).unwrap();
            assert_eq!(datagram.payload, payload);
            assert_eq!(datagram.source, SocketAddrV4::new(SOURCE, PORT).into());
            assert_eq!(datagram.destination, SocketAddrV4::new(GROUP, PORT).into());
            let etherparse = etherparse::SlicedPacket::from_ip(&message[2..]).unwrap();
            let Some(etherparse::TransportSlice::Udp(udp)) = etherparse.transport else { panic!("no UDP") };
            let header = etherparse::Ipv4HeaderSlice::from_slice(&message[2..22]).unwrap().to_header();
            let expected = udp.to_header().calc_checksum_ipv4(&header, &payload).unwrap();
            assert_eq!(udp.checksum(), expected);
        }
    }

    #[test]
    fn a_checksum_left_to_hardware_is_completed_and_a_wrong_one_kept() {
        let ipv4 = filled(b"multicast")[2..].to_vec();
        let ipv6 = etherparse::PacketBuilder::ipv6([1; 16], [0xFF; 16], 4).udp(PORT, PORT);
        let mut written = Vec::new();
        ipv6.write(&mut written, b"multicast").unwrap();
        for right in [ipv4, written] {
            let (addresses, datagram) = udp_in(&right).unwrap();
            let at = datagram.start + 6;
            let mut partial = right.clone();
            let sum = !ipv4::checksum(&[&pseudo_header(&right[addresses], datagram.len())]);
            partial[at..at + 2].copy_from_slice(&sum.to_be_bytes());
            complete_udp_checksum(&mut partial);
            assert_eq!(partial, right);

            let mut wrong = right.clone();
            wrong[at + 4] ^= 1;
            let kept = wrong.clone();
            complete_udp_checksum(&mut wrong);
            assert_eq!(wrong, kept);
        }
    }
}
