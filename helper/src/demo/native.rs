//! Native multicast of an interface as what the relay forwards (RFC 7450, 5.3.3.6).
//!
//! In: what gateways joined. Out: IPv4 and IPv6 packets of these groups as they came, with their own source and
//! port, fragments too, each in a Multicast Data message. A capture on a thread of its own takes them; an
//! ordinary socket for each membership makes this host ask for them (IGMPv3, MLDv2). Dropped: whatever else the
//! interface hears, and what the relay cannot take up in time.

use super::inner::complete_udp_checksum;
use crate::amt::message::MULTICAST_DATA_HEADER;
use crate::ipv6;
use crate::transport::join_source;
use anyhow::Context as _;
use pnet::datalink::{self, Channel, DataLinkReceiver, NetworkInterface};
use socket2::{Domain, InterfaceIndexOrAddress, Socket, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::mpsc;

/// Packets between capture and relay; beyond them they are lost, as in a router.
const QUEUE: usize = 1024;
/// How long the capture thread may notice nothing of the relay's end.
const CAPTURE_TIMEOUT: Duration = Duration::from_millis(200);
const ETHERNET_HEADER_LEN: usize = 14;
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xDD];
const MIN_IPV4_HEADER_LEN: usize = 20;

type Groups = Arc<RwLock<BTreeSet<IpAddr>>>;

/// A capture on an interface, and what was joined there.
pub(super) struct Native {
    interface: NetworkInterface,
    /// Dropping a socket leaves its group.
    memberships: BTreeMap<(IpAddr, Option<IpAddr>), Socket>,
    groups: Groups,
    messages: mpsc::Receiver<Vec<u8>>,
    /// The message last taken.
    current: Vec<u8>,
    lost: Arc<AtomicU64>,
    /// What the thread needs, until it is started.
    capture: Option<Capture>,
}

impl Native {
    /// Opens the capture; needs CAP_NET_RAW. [`begin`](Self::begin) starts it.
    pub(super) fn open(name: &str) -> anyhow::Result<Self> {
        let interfaces = datalink::interfaces();
        let interface = interfaces.iter().find(|interface| interface.name == name).cloned().with_context(|| {
            let names: Vec<_> = interfaces.iter().map(|interface| interface.name.as_str()).collect();
            format!("There is no interface “{name}”. Choose one of {}.", names.join(", "))
        })?;
        let config = datalink::Config {
            promiscuous: false,
            read_buffer_size: 65_536,
            read_timeout: Some(CAPTURE_TIMEOUT),
            ..datalink::Config::default()
        };
        let receiver = match datalink::channel(&interface, config) {
            Ok(Channel::Ethernet(_, receiver)) => receiver,
            Ok(_) => anyhow::bail!("Cannot capture from the interface “{name}”."),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                anyhow::bail!("Forwarding multicast from “{name}” needs root, to capture packets: start with sudo.")
            }
            Err(error) => return Err(error).with_context(|| format!("Cannot capture from the interface “{name}”.")),
        };
        let (sender, messages) = mpsc::channel(QUEUE);
        let (groups, lost) = (Groups::default(), Arc::new(AtomicU64::new(0)));
        let capture = Capture { receiver, groups: Arc::clone(&groups), lost: Arc::clone(&lost), sender };
        let capture = Some(capture);
        Ok(Self { interface, memberships: BTreeMap::new(), groups, messages, current: Vec::new(), lost, capture })
    }

    /// Starts the thread that captures; to be called once rights are given up. The C library changes the user of
    /// all threads alike, and ends the process where one of them may not any more.
    pub(super) fn begin(&mut self) -> std::io::Result<()> {
        if let Some(capture) = self.capture.take() {
            std::thread::Builder::new().name("multicast-capture".into()).spawn(move || capture.run())?;
        }
        Ok(())
    }

    /// Asks the network for what a gateway wants.
    pub(super) fn join(&mut self, group: IpAddr, source: Option<IpAddr>) -> std::io::Result<()> {
        if source.is_some_and(|source| source.is_ipv4() != group.is_ipv4()) {
            return Err(ErrorKind::InvalidInput.into());
        }
        let domain = if group.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let socket = Socket::new(domain, Type::DGRAM, None)?;
        let index = self.interface.index;
        match (group, source) {
            (_, Some(source)) => join_source(&socket, group, source, index)?,
            (IpAddr::V4(group), None) => {
                socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))?;
            }
            (IpAddr::V6(group), None) => socket.join_multicast_v6(&group, index)?,
        }
        self.memberships.insert((group, source), socket);
        self.tell_capture();
        Ok(())
    }

    /// Asks for it no longer.
    pub(super) fn leave(&mut self, group: IpAddr, source: Option<IpAddr>) {
        self.memberships.remove(&(group, source));
        self.tell_capture();
    }

    /// The next Multicast Data message; `None` when the capture has ended. Nothing is lost where it is
    /// cancelled.
    pub(super) async fn next(&mut self) -> Option<&[u8]> {
        self.current = self.messages.recv().await?;
        Some(&self.current)
    }

    /// How many packets came faster than the relay took them up.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn tell_capture(&self) {
        if let Ok(mut shared) = self.groups.write() {
            *shared = self.memberships.keys().map(|(group, _)| *group).collect();
        }
    }
}

struct Capture {
    receiver: Box<dyn DataLinkReceiver>,
    groups: Groups,
    lost: Arc<AtomicU64>,
    sender: mpsc::Sender<Vec<u8>>,
}

impl Capture {
    /// Takes packets until the relay is gone or the interface fails.
    fn run(mut self) {
        while !self.sender.is_closed() {
            let frame = match self.receiver.next() {
                Ok(frame) => frame,
                Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => continue,
                Err(_) => return,
            };
            let Some(message) = message(&self.groups, frame) else { continue };
            if self.sender.try_send(message).is_err() {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The Multicast Data message around the packet in a frame, where that is of one of the groups.
fn message(groups: &Groups, frame: &[u8]) -> Option<Vec<u8>> {
    let (packet, group) = multicast_packet(frame)?;
    if !groups.read().ok()?.contains(&group) {
        return None;
    }
    let mut message = Vec::with_capacity(MULTICAST_DATA_HEADER.len() + packet.len());
    message.extend(MULTICAST_DATA_HEADER);
    message.extend_from_slice(packet);
    complete_udp_checksum(&mut message[MULTICAST_DATA_HEADER.len()..]);
    Some(message)
}

/// The packet to a group in an Ethernet frame, without the padding behind it, and the group.
fn multicast_packet(frame: &[u8]) -> Option<(&[u8], IpAddr)> {
    let (header, packet) = frame.split_at_checked(ETHERNET_HEADER_LEN)?;
    let length_at = |at: usize| Some(usize::from(u16::from_be_bytes(*packet.get(at..)?.first_chunk()?)));
    let (packet, group) = match (*header.last_chunk()?, packet.first()? >> 4) {
        (ETHERTYPE_IPV4, 4) => {
            let packet = packet.get(..length_at(2)?).filter(|packet| packet.len() >= MIN_IPV4_HEADER_LEN)?;
            (packet, IpAddr::from(Ipv4Addr::from(*packet[16..].first_chunk()?)))
        }
        (ETHERTYPE_IPV6, 6) => {
            let packet = packet.get(..ipv6::HEADER_LEN + length_at(4)?)?;
            (packet, IpAddr::from(Ipv6Addr::from(*packet[24..].first_chunk()?)))
        }
        _ => return None,
    };
    group.is_multicast().then_some((packet, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_packets_to_groups_are_taken() {
        let mut ipv4 = vec![0; 60];
        ipv4[12..14].copy_from_slice(&ETHERTYPE_IPV4);
        ipv4[14] = 0x45;
        ipv4[16..18].copy_from_slice(&30_u16.to_be_bytes());
        ipv4[30..34].copy_from_slice(&[232, 0, 0, 1]);
        let mut ipv6 = vec![0; 64];
        ipv6[12..14].copy_from_slice(&ETHERTYPE_IPV6);
        ipv6[14] = 0x60;
        ipv6[18..20].copy_from_slice(&8_u16.to_be_bytes());
        ipv6[38] = 0xFF;
        ipv6[53] = 1;
        for (frame, len, group, of_group, other, too_long) in
            [(ipv4, 30, "232.0.0.1", 30, 0x65, 16), (ipv6, 48, "ff00::1", 38, 0x45, 18)]
        {
            let taken = multicast_packet(&frame).map(|(packet, group)| (packet.len(), group));
            assert_eq!(taken, Some((len, group.parse().unwrap())));
            let without = |at: usize, byte: u8| {
                let mut changed = frame.clone();
                changed[at] = byte;
                multicast_packet(&changed).is_none()
            };
            assert!(without(of_group, 10), "unicast");
            assert!(without(13, 0x06), "ARP");
            assert!(without(14, other), "another version");
            assert!(without(too_long, 1), "longer than the frame");
            assert!(len != 30 || without(17, 19), "shorter than its header");
            for len in 0..frame.len() {
                multicast_packet(&frame[..len]);
            }
        }
    }
}
