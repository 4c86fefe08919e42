//! The raw transport: IP and UDP headers built and sent with pnet, from AMT's own port (RFC 7450, 7.2).
//!
//! Out: packets through pnet channels, whose calls block and so run off the async threads. In: an ordinary
//! socket bound to the address and port that the packets leave from. It is there in any case: with no socket
//! the kernel would answer the relay with ICMP port unreachable, another program could take the port, and
//! nobody would hear the relay's ICMP errors. A raw socket for receiving would be shown every UDP packet of
//! the machine, would have to check sums itself, and could not be had again once root is gone.

use super::inlet::{Batch, Inlet};
use super::interface::local_address;
use super::sockets::UdpSockets;
use super::{Received, source_port};
use pnet::packet::ip::{IpNextHeaderProtocols, IpNextHeaderProtocols::Reserved as WHOLE_PACKETS};
use pnet::packet::ipv4::{self, Ipv4Flags, Ipv4Packet, MutableIpv4Packet};
use pnet::packet::ipv6::{Ipv6Packet, MutableIpv6Packet};
use pnet::packet::udp::{self, MutableUdpPacket};
use pnet::transport::TransportChannelType::{Layer3, Layer4};
use pnet::transport::{TransportProtocol, TransportSender, transport_channel};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

/// AMT's port, from which raw packets leave.
pub const PORT: u16 = crate::amt::PORT;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;
const TTL: u8 = 64;

/// Raw sockets for sending, opened while the process may; every tunnel uses them.
pub(super) struct RawSenders {
    senders: Senders,
    /// Shared with the tunnels that have [`PORT`].
    port: Arc<()>,
}

#[derive(Clone)]
struct Senders {
    v4: Arc<Mutex<TransportSender>>,
    /// `None` where the machine has no IPv6.
    v6: Option<Arc<Mutex<TransportSender>>>,
}

impl RawSenders {
    pub(super) fn open() -> io::Result<Self> {
        // Sockets of this protocol take whole packets to send, headers and all, and receive none.
        let (v4, _) = transport_channel(0, Layer3(WHOLE_PACKETS))?;
        let v6 = transport_channel(0, Layer4(TransportProtocol::Ipv6(WHOLE_PACKETS)));
        let senders = Senders { v4: Arc::new(Mutex::new(v4)), v6: v6.ok().map(|(v6, _)| Arc::new(Mutex::new(v6))) };
        Ok(Self { senders, port: Arc::new(()) })
    }

    /// Sends packets to `relay` with headers built here. One of `sockets` will receive.
    pub(super) fn connect(&self, relay: SocketAddr, sockets: &UdpSockets) -> io::Result<Raw> {
        if relay.is_ipv6() && self.senders.v6.is_none() {
            return Err(io::Error::new(ErrorKind::Unsupported, "this machine has no raw IPv6 sockets"));
        }
        if let SocketAddr::V6(relay) = relay
            && relay.scope_id() != 0
        {
            return Err(io::Error::new(ErrorKind::Unsupported, "raw packets cannot be sent to link-local addresses"));
        }
        let address = local_address(relay.ip())?;
        let lent = sockets.for_relay(relay.ip(), |local, again| {
            let first = local.port() == PORT;
            (local.ip() == address && (first || again)).then_some(first)
        })?;
        let bound = lent.bound;
        let inlet = Inlet::new(lent)?;
        if !bound {
            source_port::bind(relay.ip(), Some(PORT), |port| {
                inlet.socket().bind(&SocketAddr::new(address, port).into())
            })?;
        }
        let local = inlet.socket().local_addr()?.as_socket().ok_or(ErrorKind::AddrNotAvailable)?;
        let port = (local.port() == PORT).then(|| Arc::clone(&self.port));
        if port.is_none() && Arc::strong_count(&self.port) == 1 {
            tracing::info!(%address, instead = local.port(), "port {PORT} is in use; raw packets use another");
        }
        Ok(Raw { local, relay: relay.ip(), inlet, senders: self.senders.clone(), _port: port })
    }
}

impl Senders {
    fn send(&self, packet: &[u8], to: IpAddr) -> io::Result<()> {
        let lock = |sender: &Mutex<TransportSender>, send: &dyn Fn(&mut TransportSender) -> io::Result<usize>| {
            send(&mut sender.lock().unwrap_or_else(PoisonError::into_inner)).map(drop)
        };
        match (to, &self.v6) {
            (IpAddr::V4(_), _) => {
                lock(&self.v4, &|sender| sender.send_to(Ipv4Packet::new(packet).ok_or(ErrorKind::InvalidInput)?, to))
            }
            (IpAddr::V6(_), Some(v6)) => {
                lock(v6, &|sender| sender.send_to(Ipv6Packet::new(packet).ok_or(ErrorKind::InvalidInput)?, to))
            }
            (IpAddr::V6(_), None) => Err(ErrorKind::Unsupported.into()),
        }
    }
}

/// The transport.
pub struct Raw {
    local: SocketAddr,
    relay: IpAddr,
    inlet: Inlet,
    senders: Senders,
    _port: Option<Arc<()>>,
}

impl Raw {
    pub(super) async fn receive(&self, batch: &mut Batch) -> io::Result<Received> {
        self.inlet.receive(batch).await
    }

    pub(super) async fn send(&self, to: SocketAddr, message: &[u8]) -> io::Result<()> {
        let packet = build(self.local, to, message).ok_or(ErrorKind::InvalidInput)?;
        let senders = self.senders.clone();
        tokio::task::spawn_blocking(move || senders.send(&packet, to.ip())).await.map_err(io::Error::other)?
    }

    /// The source address of the packets is fixed, so that they would be sent in vain.
    pub(super) fn moved(&self) -> bool {
        local_address(self.relay).is_ok_and(|now| now != self.local.ip())
    }

    pub(super) fn inlet(&self) -> &Inlet {
        &self.inlet
    }
}

/// An IP packet with one UDP datagram; `None` where the message is too long for one, or the addresses are not
/// of one version of IP.
fn build(from: SocketAddr, to: SocketAddr, message: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(UDP_HEADER + message.len()).ok()?;
    let header = if from.is_ipv4() { IPV4_HEADER } else { IPV6_HEADER };
    let total = u16::try_from(header + usize::from(length)).ok()?;
    let mut packet = vec![0; usize::from(total)];
    let (header, datagram) = packet.split_at_mut(header);

    let mut udp = MutableUdpPacket::new(datagram)?;
    udp.set_source(from.port());
    udp.set_destination(to.port());
    udp.set_length(length);
    udp.set_payload(message);
    let checksum = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => udp::ipv4_checksum(&udp.to_immutable(), &from, &to),
        (IpAddr::V6(from), IpAddr::V6(to)) => udp::ipv6_checksum(&udp.to_immutable(), &from, &to),
        _ => return None,
    };
    // Zero would mean that there is none (RFC 768).
    udp.set_checksum(if checksum == 0 { 0xFFFF } else { checksum });

    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut ip = MutableIpv4Packet::new(header)?;
            ip.set_version(4);
            ip.set_header_length((IPV4_HEADER / 4) as u8);
            ip.set_total_length(total);
            ip.set_flags(Ipv4Flags::DontFragment);
            ip.set_ttl(TTL);
            ip.set_next_level_protocol(IpNextHeaderProtocols::Udp);
            ip.set_source(from);
            ip.set_destination(to);
            ip.set_checksum(ipv4::checksum(&ip.to_immutable()));
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut ip = MutableIpv6Packet::new(header)?;
            ip.set_version(6);
            ip.set_payload_length(length);
            ip.set_next_header(IpNextHeaderProtocols::Udp);
            ip.set_hop_limit(TTL);
            ip.set_source(from);
            ip.set_destination(to);
        }
        _ => return None,
    }
    Some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{NetHeaders, PacketHeaders, TransportHeader};
    use proptest::prelude::*;

    fn addresses(v6: bool) -> (SocketAddr, SocketAddr) {
        let (us, relay) = if v6 { ("2001:db8::7", "2001:db8:1::1") } else { ("192.0.2.7", "198.51.100.1") };
        (SocketAddr::new(us.parse().unwrap(), 61_000), SocketAddr::new(relay.parse().unwrap(), PORT))
    }

    proptest! {
        #[test]
        fn another_implementation_finds_lengths_and_checksums_right(
            v6: bool, message in proptest::collection::vec(any::<u8>(), 0..1500),
        ) {
            let (us, relay) = addresses(v6);
            let packet = build(us, relay, &message).unwrap();
            let headers = PacketHeaders::from_ip_slice(&packet).unwrap();
            let Some(TransportHeader::Udp(udp)) = headers.transport else { panic!("not UDP") };
            prop_assert_eq!((udp.source_port, udp.destination_port), (61_000, PORT));
            prop_assert_eq!(usize::from(udp.length), 8 + message.len());
            prop_assert_eq!(headers.payload.slice(), &message[..]);
            match headers.net.unwrap() {
                NetHeaders::Ipv4(ip, _) => {
                    prop_assert_eq!(ip.calc_header_checksum(), ip.header_checksum);
                    prop_assert_eq!(udp.calc_checksum_ipv4(&ip, &message), Ok(udp.checksum));
                    prop_assert_eq!((IpAddr::from(ip.source), IpAddr::from(ip.destination)), (us.ip(), relay.ip()));
                }
                NetHeaders::Ipv6(ip, _) => {
                    prop_assert_eq!(udp.calc_checksum_ipv6(&ip, &message), Ok(udp.checksum));
                    prop_assert_eq!((IpAddr::from(ip.source), IpAddr::from(ip.destination)), (us.ip(), relay.ip()));
                }
                NetHeaders::Arp(_) => panic!("not IP"),
            }
        }
    }

    #[test]
    fn what_fits_in_no_packet_is_not_built() {
        let (us, relay) = addresses(false);
        assert!(build(us, relay, &vec![0; 65_508]).is_none());
        assert!(build(us, relay, &vec![0; 65_507]).is_some());
        assert!(build(us, addresses(true).1, b"").is_none());
    }
}
