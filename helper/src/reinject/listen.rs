//! Hears what the hosts of a network want, and asks them.

use super::asked::Asked;
use super::querier::{Ask, LAST_MEMBER_INTERVAL, QUERY, Querier, RESPONSE};
use super::{ETHERNET_HEADER, Frame, Shared, lock};
use crate::datagram;
use crate::membership::{Record, igmp, mld};
use pnet::datalink::{DataLinkReceiver, NetworkInterface};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Weak;
use std::time::{Duration, Instant};
use tracing::warn;

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
        let send = |to, packet: Vec<u8>| shared.enqueue(Frame::Query(lock(&shared.forwarder).frame(to, &packet)));
        while let Some(ask) = self.igmp.poll(now) {
            match ask {
                Ask::General => send(ALL_SYSTEMS, igmp::network_query(self.address, None, RESPONSE, &QUERY)),
                Ask::Group(IpAddr::V4(group)) => {
                    let query = igmp::network_query(self.address, Some(group), LAST_MEMBER_INTERVAL, &QUERY);
                    send(group.into(), query);
                }
                Ask::Group(IpAddr::V6(_)) => {}
            }
        }
        let Some((address, querier)) = &mut self.mld else { return };
        while let Some(ask) = querier.poll(now) {
            match ask {
                Ask::General => send(ALL_NODES, mld::network_query(*address, None, RESPONSE, &QUERY)),
                Ask::Group(IpAddr::V6(group)) => {
                    send(group.into(), mld::network_query(*address, Some(group), LAST_MEMBER_INTERVAL, &QUERY));
                }
                Ask::Group(IpAddr::V4(_)) => {}
            }
        }
    }

    fn frame(&mut self, shared: &Shared, now: Instant, frame: &[u8]) {
        let (Some(asked), Some(packet)) = (&shared.asked, frame.get(ETHERNET_HEADER..)) else { return };
        // This machine's own messages: it hears nothing of what is sent from here.
        if frame[6..12] == self.mac {
            return;
        }
        let Some((host, _)) = datagram::addresses(packet) else { return };
        match host {
            IpAddr::V4(_) => {
                if let Ok(query) = igmp::parse_query(packet) {
                    let older = self.igmp.heard(now, host, query.widen());
                    warn_of_older(older, host, "IGMP");
                } else if let Ok(records) = igmp::parse_report(packet, false) {
                    take(&mut lock(asked), &mut self.igmp, now, host, records);
                }
            }
            IpAddr::V6(address) => {
                let Some((_, querier)) = &mut self.mld else { return };
                // Queries from elsewhere are nobody's (RFC 3810, 5.1.14).
                if let Ok(query) = mld::parse_query(packet) {
                    let older = address.is_unicast_link_local() && querier.heard(now, host, query.widen());
                    warn_of_older(older, host, "MLD");
                } else if let Ok(records) = mld::parse_report(packet, false) {
                    take(&mut lock(asked), querier, now, host, records);
                }
            }
        }
    }
}

/// Takes a host's report.
fn take<A: Into<IpAddr>>(
    asked: &mut Asked,
    querier: &mut Querier,
    now: Instant,
    host: IpAddr,
    records: Vec<Record<A>>,
) {
    let lifetime = querier.lifetime();
    for Record { kind, group, sources } in records {
        let group = group.into();
        if asked.record(now, lifetime, host, (kind, group), sources.into_iter().map(Into::into)) {
            querier.left(now, group);
        }
    }
}

/// Somebody should know that sources cannot be chosen while such a router asks (RFC 3376, 7.3.1).
fn warn_of_older(older: bool, router: IpAddr, protocol: &str) {
    if older {
        warn!("the router {router} sends queries of an older {protocol} version; leaving the queries to it");
    }
}
