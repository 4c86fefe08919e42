//! The raw transport: IPv4 and UDP headers built and sent with pnet from AMT's own port (RFC 7450, 7.2).
//!
//! Out: packets through a pnet channel, whose calls block and so run off the async threads. In: a raw socket
//! that sees every UDP packet of the machine, read in batches like the ordinary one behind a filter in the
//! kernel that lets pass what is for our port. For each tunnel an ordinary socket is bound to the source
//! port as well and receives nothing: with no socket there the kernel would answer the relay with ICMP port
//! unreachable, another program could take the port, and nobody would hear the relay's ICMP errors.

use super::inlet::{Batch, Inlet};
use super::{Received, udp::enlarge};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv4::{self, Ipv4Packet, MutableIpv4Packet};
use pnet::packet::udp::{self, MutableUdpPacket, UdpPacket};
use pnet::transport::{TransportChannelType, TransportSender, transport_channel};
use pnet::util;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

/// AMT's port, from which raw packets leave.
pub const PORT: u16 = 2268;
/// Tunnels that can be raw at the same time; each takes two sockets from the start.
const TUNNELS: usize = 16;
const IPV4_HEADER: usize = 20;
const UDP_HEADER: usize = 8;

/// Why a raw packet for our port cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The IPv4 or UDP length does not fit the packet.
    #[error("outer length")]
    Length,
    /// The UDP checksum is neither right nor zero.
    #[error("outer checksum")]
    Checksum,
}

/// Raw sockets, opened while the process may.
pub(super) struct RawSockets {
    sender: Arc<Mutex<TransportSender>>,
    idle: Arc<Mutex<Vec<Socket>>>,
}

impl RawSockets {
    pub(super) fn open() -> io::Result<Self> {
        // Nothing is read through pnet, so its receiver, the same socket, needs no buffer and no packets.
        let (sender, _) = transport_channel(0, TransportChannelType::Layer3(IpNextHeaderProtocols::Udp))?;
        let idle = (0..TUNNELS).map(|_| raw_receiver()).collect::<io::Result<Vec<_>>>()?;
        Ok(Self { sender: Arc::new(Mutex::new(sender)), idle: Arc::new(Mutex::new(idle)) })
    }

    pub(super) fn connect(&self, relay: SocketAddr, say: &mut impl FnMut(String)) -> io::Result<Raw> {
        let SocketAddr::V4(relay) = relay else {
            return Err(io::Error::new(ErrorKind::Unsupported, "the raw transport reaches IPv4 relays only"));
        };
        // Connecting sends nothing: it asks the kernel which of our addresses faces the relay.
        let probe = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        probe.connect(relay)?;
        let IpAddr::V4(address) = probe.local_addr()?.ip() else {
            return Err(io::Error::from(ErrorKind::AddrNotAvailable));
        };
        let keeper = match keep_port(address, PORT) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                let keeper = keep_port(address, 0)?;
                let port = keeper.local_addr()?.as_socket().map_or(0, |local| local.port());
                say(format!("Port {PORT} of {address} is taken; raw packets leave from port {port} instead."));
                keeper
            }
            keeper => keeper?,
        };
        let port = keeper.local_addr()?.as_socket().map_or(0, |local| local.port());
        let socket = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(socket) = socket else {
            return Err(io::Error::new(ErrorKind::ResourceBusy, "all raw sockets are in use"));
        };
        socket.attach_filter(&only_port(port))?;
        let mut raw = Raw {
            local: SocketAddrV4::new(address, port),
            peers: Vec::new(),
            inlet: Some(Inlet::new(socket)?),
            keeper: Inlet::new(keeper)?,
            sender: Arc::clone(&self.sender),
            idle: Arc::clone(&self.idle),
            dropped_before: 0,
        };
        raw.dropped_before = raw.dropped().unwrap_or(0);
        Ok(raw)
    }
}

/// A raw socket that receives nothing until a tunnel takes it.
fn raw_receiver() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP))?;
    socket.attach_filter(&nothing())?;
    enlarge(&socket);
    Ok(socket)
}

/// An ordinary socket on the port, so that it is ours.
fn keep_port(address: Ipv4Addr, port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.attach_filter(&nothing())?;
    socket.bind(&SocketAddr::from((address, port)).into())?;
    Ok(socket)
}

/// A classic BPF program: refuse.
fn nothing() -> [SockFilter; 1] {
    [SockFilter::new(0x06, 0, 0, 0)]
}

/// A classic BPF program over an IPv4 packet: take it when its UDP destination port is `port`.
fn only_port(port: u16) -> [SockFilter; 5] {
    [
        SockFilter::new(0xB1, 0, 0, 0),               // X = length of the IPv4 header
        SockFilter::new(0x48, 0, 0, 2),               // A = 16 bits at X + 2
        SockFilter::new(0x15, 0, 1, u32::from(port)), // equal?
        SockFilter::new(0x06, 0, 0, u32::MAX),        // take all of it
        SockFilter::new(0x06, 0, 0, 0),
    ]
}

/// The transport.
pub struct Raw {
    local: SocketAddrV4,
    /// Whom we wrote to: what others send to our port is not handed on.
    peers: Vec<SocketAddrV4>,
    /// `None` only while it is dropped.
    inlet: Option<Inlet>,
    keeper: Inlet,
    sender: Arc<Mutex<TransportSender>>,
    idle: Arc<Mutex<Vec<Socket>>>,
    dropped_before: u64,
}

impl Raw {
    pub(super) async fn receive(&self, batch: &mut Batch) -> io::Result<Received> {
        let inlet = self.inlet.as_ref().ok_or(ErrorKind::NotConnected)?;
        tokio::select! {
            received = inlet.receive(batch) => received,
            unreachable = self.keeper.unreachable() => unreachable.map(|()| Received::Unreachable),
        }
    }

    /// Sender and message of a packet, where it is from somebody this tunnel wrote to and for its port.
    pub(super) fn open<'a>(&self, packet: &'a [u8]) -> Option<(SocketAddr, Result<&'a [u8], Malformed>)> {
        let (from, to, message) = open(packet)?;
        (to == self.local && self.peers.contains(&from)).then_some((from.into(), message))
    }

    pub(super) async fn send(&mut self, to: SocketAddr, message: &[u8]) -> io::Result<()> {
        let SocketAddr::V4(to) = to else { return Err(io::Error::from(ErrorKind::Unsupported)) };
        if !self.peers.contains(&to) {
            self.peers.push(to);
        }
        let packet = build(self.local, to, message).ok_or(ErrorKind::InvalidInput)?;
        let sender = Arc::clone(&self.sender);
        let sent = tokio::task::spawn_blocking(move || {
            let packet = Ipv4Packet::new(&packet).ok_or(ErrorKind::InvalidInput)?;
            let mut sender = sender.lock().unwrap_or_else(PoisonError::into_inner);
            sender.send_to(packet, IpAddr::V4(*to.ip())).map(drop)
        });
        sent.await.map_err(io::Error::other)?
    }

    pub(super) fn dropped(&self) -> Option<u64> {
        Some(self.inlet.as_ref()?.dropped()?.saturating_sub(self.dropped_before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Root is gone, so the socket goes back for the next tunnel.
        if let Some(Ok(socket)) = self.inlet.take().map(Inlet::into_socket)
            && socket.attach_filter(&nothing()).is_ok()
        {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
        }
    }
}

/// An IPv4 packet with one UDP datagram; `None` where the message is too long for one.
fn build(from: SocketAddrV4, to: SocketAddrV4, message: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(IPV4_HEADER + UDP_HEADER + message.len()).ok()?;
    let mut packet = vec![0; usize::from(length)];
    let (header, datagram) = packet.split_at_mut(IPV4_HEADER);

    let mut udp = MutableUdpPacket::new(datagram)?;
    udp.set_source(from.port());
    udp.set_destination(to.port());
    udp.set_length(length - IPV4_HEADER as u16);
    udp.set_payload(message);
    // Zero would mean that there is none (RFC 768).
    let checksum = match udp::ipv4_checksum(&udp.to_immutable(), from.ip(), to.ip()) {
        0 => 0xFFFF,
        checksum => checksum,
    };
    udp.set_checksum(checksum);

    let mut ip = MutableIpv4Packet::new(header)?;
    ip.set_version(4);
    ip.set_header_length((IPV4_HEADER / 4) as u8);
    ip.set_total_length(length);
    ip.set_flags(ipv4::Ipv4Flags::DontFragment);
    ip.set_ttl(64);
    ip.set_next_level_protocol(IpNextHeaderProtocols::Udp);
    ip.set_source(*from.ip());
    ip.set_destination(*to.ip());
    ip.set_checksum(ipv4::checksum(&ip.to_immutable()));
    Some(packet)
}

/// Sender, receiver and message.
type Opened<'a> = (SocketAddrV4, SocketAddrV4, Result<&'a [u8], Malformed>);

/// Opens an IPv4 packet with a UDP datagram; `None` where it is none.
fn open(packet: &[u8]) -> Option<Opened<'_>> {
    let ip = Ipv4Packet::new(packet)?;
    let header = usize::from(ip.get_header_length()) * 4;
    if ip.get_version() != 4 || header < IPV4_HEADER || ip.get_next_level_protocol() != IpNextHeaderProtocols::Udp {
        return None;
    }
    let datagram = packet.get(header..)?;
    let udp = UdpPacket::new(datagram)?;
    let from = SocketAddrV4::new(ip.get_source(), udp.get_source());
    let to = SocketAddrV4::new(ip.get_destination(), udp.get_destination());
    let Some(datagram) = datagram.get(..usize::from(udp.get_length())).filter(|whole| whole.len() >= UDP_HEADER) else {
        return Some((from, to, Err(Malformed::Length)));
    };
    let message = if checksum_holds(datagram, *from.ip(), *to.ip()) {
        Ok(&datagram[UDP_HEADER..])
    } else {
        Err(Malformed::Checksum)
    };
    Some((from, to, message))
}

/// Whether the UDP checksum is right, absent, or still to be made: a sender on this machine leaves it to the
/// network card, which never sees it, and a raw socket is shown the sum over the pseudo-header alone.
fn checksum_holds(datagram: &[u8], from: Ipv4Addr, to: Ipv4Addr) -> bool {
    let Some(udp) = UdpPacket::new(datagram) else { return false };
    let found = udp.get_checksum();
    if found == 0 {
        return true;
    }
    let right = match udp::ipv4_checksum(&udp, &from, &to) {
        0 => 0xFFFF,
        right => right,
    };
    if found == right {
        return true;
    }
    let mut pseudo = Vec::with_capacity(12);
    pseudo.extend(from.octets());
    pseudo.extend(to.octets());
    pseudo.extend([0, IpNextHeaderProtocols::Udp.0]);
    pseudo.extend(udp.get_length().to_be_bytes());
    found == !util::checksum(&pseudo, usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const US: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 7), PORT);
    const RELAY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 1), PORT);

    #[test]
    fn another_implementation_finds_lengths_and_checksums_right() {
        let packet = build(US, RELAY, b"\x01\0\0\0\xDE\xAD\xBE\xEF").unwrap();
        let sliced = etherparse::SlicedPacket::from_ip(&packet).unwrap();
        let etherparse::NetHeaders::Ipv4(ip, _) =
            etherparse::PacketHeaders::from_ip_slice(&packet).unwrap().net.unwrap()
        else {
            panic!("not IPv4");
        };
        assert_eq!(ip.calc_header_checksum(), ip.header_checksum);
        let Some(etherparse::TransportSlice::Udp(udp)) = sliced.transport else { panic!("not UDP") };
        assert_eq!((udp.source_port(), udp.destination_port(), udp.payload().len()), (PORT, PORT, 8));
        assert_eq!(udp.to_header().calc_checksum_ipv4(&ip, udp.payload()), Ok(udp.checksum()));
    }

    #[test]
    fn a_wrong_checksum_is_refused_and_an_absent_one_is_not() {
        let mut packet = build(US, RELAY, b"data").unwrap();
        packet[30] ^= 1;
        assert_eq!(open(&packet).unwrap().2, Err(Malformed::Checksum));
        packet[26..28].fill(0);
        assert_eq!(open(&packet).unwrap().2, Ok(&packet[28..]));
    }

    #[test]
    fn a_checksum_left_to_the_card_is_taken() {
        let mut packet = build(US, RELAY, b"data").unwrap();
        let pseudo = [192, 0, 2, 7, 198, 51, 100, 1, 0, 17, 0, 12];
        packet[26..28].copy_from_slice(&(!util::checksum(&pseudo, usize::MAX)).to_be_bytes());
        assert_eq!(open(&packet).unwrap().2, Ok(&b"data"[..]));
    }

    proptest! {
        #[test]
        fn what_is_built_is_opened_again(message in proptest::collection::vec(any::<u8>(), 0..1500)) {
            let packet = build(US, RELAY, &message).unwrap();
            prop_assert_eq!(open(&packet), Some((US, RELAY, Ok(&message[..]))));
        }

        #[test]
        fn any_bytes_are_a_packet_or_none(mut bytes in proptest::collection::vec(any::<u8>(), 0..100), udp: bool) {
            if let (true, Some(protocol)) = (udp, bytes.get_mut(9)) {
                *protocol = 17;
            }
            let _ = open(&bytes);
        }
    }
}
