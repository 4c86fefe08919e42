//! Native multicast of an interface as what the relay forwards (RFC 7450, 5.3.3.6).
//!
//! In: what gateways joined. Out: IPv4 packets of these groups as they came, with their own source and port,
//! fragments too, each in a Multicast Data message. A capture on a thread of its own takes them; an ordinary
//! socket for each membership makes this host ask for them (IGMPv3). Dropped: whatever else the interface
//! hears, and what the relay cannot take up in time.

use super::inner::complete_udp_checksum;
use crate::amt::message::MULTICAST_DATA_HEADER;
use crate::privilege::give_up_capabilities;
use anyhow::Context as _;
use pnet::datalink::{self, Channel, DataLinkReceiver, NetworkInterface};
use socket2::{Domain, InterfaceIndexOrAddress, Socket, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
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
const MIN_IP_HEADER_LEN: usize = 20;

type Groups = Arc<RwLock<BTreeSet<Ipv4Addr>>>;

/// A capture on an interface, and what was joined there.
pub(super) struct Native {
    interface: NetworkInterface,
    address: Ipv4Addr,
    /// Dropping a socket leaves its group.
    memberships: BTreeMap<(IpAddr, Option<IpAddr>), Socket>,
    groups: Groups,
    messages: mpsc::Receiver<Vec<u8>>,
    /// The message last taken.
    current: Vec<u8>,
    lost: Arc<AtomicU64>,
}

impl Native {
    /// Opens the capture; needs CAP_NET_RAW.
    pub(super) fn open(name: &str) -> anyhow::Result<Self> {
        let interfaces = datalink::interfaces();
        let interface = interfaces.iter().find(|interface| interface.name == name).cloned().with_context(|| {
            let names: Vec<_> = interfaces.iter().map(|interface| interface.name.as_str()).collect();
            format!("There is no interface {name}; this machine has {}.", names.join(", "))
        })?;
        let address = interface.ips.iter().find_map(|network| match network.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        let address = address.with_context(|| format!("The interface {name} has no IPv4 address: give it one."))?;

        let config = datalink::Config {
            promiscuous: false,
            read_buffer_size: 65_536,
            read_timeout: Some(CAPTURE_TIMEOUT),
            ..datalink::Config::default()
        };
        let receiver = match datalink::channel(&interface, config) {
            Ok(Channel::Ethernet(_, receiver)) => receiver,
            Ok(_) => anyhow::bail!("The interface {name} cannot be captured from."),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => anyhow::bail!(
                "Forwarding the multicast of {name} needs root, to see packets as they came: start it with sudo."
            ),
            Err(error) => return Err(error).with_context(|| format!("The interface {name} cannot be captured from.")),
        };
        let (sender, messages) = mpsc::channel(QUEUE);
        let (groups, lost) = (Groups::default(), Arc::new(AtomicU64::new(0)));
        let capture = Capture { groups: Arc::clone(&groups), lost: Arc::clone(&lost), sender };
        std::thread::Builder::new().name("multicast-capture".into()).spawn(move || capture.run(receiver))?;
        Ok(Self { interface, address, memberships: BTreeMap::new(), groups, messages, current: Vec::new(), lost })
    }

    /// Asks the network for what a gateway wants.
    pub(super) fn join(&mut self, group: IpAddr, source: Option<IpAddr>) -> std::io::Result<()> {
        let IpAddr::V4(group_v4) = group else { return Err(ErrorKind::Unsupported.into()) };
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        match source {
            Some(IpAddr::V4(source)) => socket.join_ssm_v4(&source, &group_v4, &self.address)?,
            Some(IpAddr::V6(_)) => return Err(ErrorKind::InvalidInput.into()),
            None => socket.join_multicast_v4_n(&group_v4, &InterfaceIndexOrAddress::Index(self.interface.index))?,
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
        let groups = self.memberships.keys().filter_map(|(group, _)| match group {
            IpAddr::V4(group) => Some(*group),
            IpAddr::V6(_) => None,
        });
        if let Ok(mut shared) = self.groups.write() {
            *shared = groups.collect();
        }
    }
}

struct Capture {
    groups: Groups,
    lost: Arc<AtomicU64>,
    sender: mpsc::Sender<Vec<u8>>,
}

impl Capture {
    /// Takes packets until the relay is gone or the interface fails.
    fn run(self, mut receiver: Box<dyn DataLinkReceiver>) {
        // This thread may be there before the process gives up what it does not need, and has rights of its own.
        if let Err(error) = give_up_capabilities() {
            tracing::warn!("{error:#}");
        }
        while !self.sender.is_closed() {
            let frame = match receiver.next() {
                Ok(frame) => frame,
                Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => continue,
                Err(_) => return,
            };
            let Some(message) = self.message(frame) else { continue };
            if self.sender.try_send(message).is_err() {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn message(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let packet = multicast_packet(frame)?;
        let group = Ipv4Addr::from(*packet[16..].first_chunk::<4>()?);
        if !self.groups.read().ok()?.contains(&group) {
            return None;
        }
        let mut message = Vec::with_capacity(MULTICAST_DATA_HEADER.len() + packet.len());
        message.extend(MULTICAST_DATA_HEADER);
        message.extend_from_slice(packet);
        complete_udp_checksum(&mut message[MULTICAST_DATA_HEADER.len()..]);
        Some(message)
    }
}

/// The IPv4 packet to a group in an Ethernet frame, without the padding behind it.
fn multicast_packet(frame: &[u8]) -> Option<&[u8]> {
    let (header, packet) = frame.split_at_checked(ETHERNET_HEADER_LEN)?;
    if header[12..] != ETHERTYPE_IPV4 || packet.len() < MIN_IP_HEADER_LEN || packet[0] >> 4 != 4 {
        return None;
    }
    let packet = packet.get(..usize::from(u16::from_be_bytes([packet[2], packet[3]])))?;
    (packet.len() >= MIN_IP_HEADER_LEN && packet[16] & 0xF0 == 0xE0).then_some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_ipv4_packets_to_groups_are_taken() {
        let mut frame = vec![0; 60];
        frame[12..14].copy_from_slice(&ETHERTYPE_IPV4);
        frame[14] = 0x45;
        frame[16..18].copy_from_slice(&30_u16.to_be_bytes());
        frame[30] = 232;
        assert_eq!(multicast_packet(&frame).map(<[u8]>::len), Some(30));
        let without = |at: usize, byte: u8| {
            let mut changed = frame.clone();
            changed[at] = byte;
            multicast_packet(&changed).is_none()
        };
        assert!(without(30, 10), "unicast");
        assert!(without(13, 0x06), "ARP");
        assert!(without(14, 0x65), "IPv6");
        assert!(without(16, 1), "longer than the frame");
        assert!(without(17, 19), "shorter than its header");
        for len in 0..frame.len() {
            multicast_packet(&frame[..len]);
        }
    }
}
