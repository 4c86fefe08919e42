//! Hears what the hosts of a network want, and asks them.

use super::querier::{QUERY, Querier};
use super::{ETHERNET_HEADER, Frame, Shared, lock};
use crate::membership::{Record, igmp, mld};
use crate::{datagram, ipv4, ipv6};
use pnet::datalink::{DataLinkReceiver, NetworkInterface};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Weak;
use std::time::{Duration, Instant};

/// Where queries go (RFC 3376, 4.1.12; RFC 3810, 5.1.15).
const ALL_SYSTEMS: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1));
const ALL_NODES: IpAddr = IpAddr::V6(Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 1));
/// Between two attempts to read from an interface that is down.
const DOWN: Duration = Duration::from_millis(500);

pub(super) struct Listener {
    shared: Weak<Shared>,
    mac: [u8; 6],
    address: Ipv4Addr,
    igmp: Querier,
    /// Hosts answer queries from link-local addresses alone (RFC 3810, 5.1.14): without one it is not asked.
    mld: Option<(Ipv6Addr, Querier)>,
}

impl Listener {
    pub(super) fn new(interface: &NetworkInterface, mac: [u8; 6], shared: Weak<Shared>) -> Self {
        let now = Instant::now();
        let mut addresses = interface.ips.iter().map(|network| network.ip());
        let address = addresses.clone().find_map(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        let link_local = addresses.find_map(|address| match address {
            IpAddr::V6(address) if address.is_unicast_link_local() => Some(address),
            _ => None,
        });
        let address = address.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let mld = link_local.map(|address| (address, Querier::new(now, address.into())));
        Self { shared, mac, address, igmp: Querier::new(now, address.into()), mld }
    }

    /// Listens until nobody reinjects any more.
    pub(super) fn run(mut self, mut receiver: Box<dyn DataLinkReceiver>) {
        while let Some(shared) = self.shared.upgrade() {
            self.ask(&shared, Instant::now());
            // Not held while waiting.
            drop(shared);
            match receiver.next() {
                Ok(frame) => {
                    if let Some(shared) = self.shared.upgrade() {
                        self.frame(&shared, Instant::now(), frame);
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
                Err(_) => std::thread::sleep(DOWN),
            }
        }
    }

    fn ask(&mut self, shared: &Shared, now: Instant) {
        if let Some(asked) = &shared.asked {
            lock(asked).expire(now);
        }
        let send = |group, packet: Vec<u8>| shared.enqueue(Frame::Query(lock(&shared.forwarder).frame(group, &packet)));
        if self.igmp.poll(now) {
            send(ALL_SYSTEMS, igmp_query(self.address));
        }
        if let Some((address, querier)) = &mut self.mld
            && querier.poll(now)
        {
            send(ALL_NODES, mld_query(*address));
        }
    }

    fn frame(&mut self, shared: &Shared, now: Instant, frame: &[u8]) {
        let (Some(asked), Some(packet)) = (&shared.asked, frame.get(ETHERNET_HEADER..)) else { return };
        // This machine's own messages: it hears nothing of what is sent from here.
        if frame[6..12] == self.mac {
            return;
        }
        let Some((host, _)) = datagram::addresses(packet) else { return };
        let mut left = false;
        match host {
            IpAddr::V4(_) => {
                if let Ok(query) = igmp::parse_general_query(packet) {
                    self.igmp.heard(now, host, query);
                } else if let Ok(records) = igmp::parse_report(packet, false) {
                    let lifetime = self.igmp.lifetime();
                    let mut asked = lock(asked);
                    for Record { kind, group, sources } in records {
                        let sources = sources.into_iter().map(IpAddr::from);
                        left |= asked.record(now, lifetime, host, (kind, group.into()), sources);
                    }
                    if left {
                        self.igmp.ask_soon(now);
                    }
                }
            }
            IpAddr::V6(_) => {
                let Some((_, querier)) = &mut self.mld else { return };
                if let Ok(query) = mld::parse_general_query(packet) {
                    querier.heard(now, host, query);
                } else if let Ok(records) = mld::parse_report(packet, false) {
                    let lifetime = querier.lifetime();
                    let mut asked = lock(asked);
                    for Record { kind, group, sources } in records {
                        let sources = sources.into_iter().map(IpAddr::from);
                        left |= asked.record(now, lifetime, host, (kind, group.into()), sources);
                    }
                    if left {
                        querier.ask_soon(now);
                    }
                }
            }
        }
    }
}

/// The General Query that a tunnel knows, from an address of the network.
fn igmp_query(from: Ipv4Addr) -> Vec<u8> {
    let mut packet = igmp::general_query(&QUERY);
    packet[12..16].copy_from_slice(&from.octets());
    packet[10..12].fill(0);
    let header = usize::from(packet[0] & 0x0F) * 4;
    let sum = ipv4::checksum(&[&packet[..header]]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet
}

fn mld_query(from: Ipv6Addr) -> Vec<u8> {
    const MESSAGE: usize = 40 + 8;
    let mut packet = mld::general_query(&QUERY);
    packet[8..24].copy_from_slice(&from.octets());
    packet[MESSAGE + 2..MESSAGE + 4].fill(0);
    let to = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 1);
    let sum = ipv6::checksum(from, to, ipv6::ICMPV6, &packet[MESSAGE..]);
    packet[MESSAGE + 2..MESSAGE + 4].copy_from_slice(&sum.to_be_bytes());
    packet
}
