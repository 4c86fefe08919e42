//! Inner packets to be sent on, and reports of the network they are sent to, as any bytes (see [`crate::fuzzing`]).

use super::asked::Asked;
use super::forward::{ETHERNET_HEADER, Forwarder};
use crate::fuzzing::{repaired, steps};
use crate::membership::{Record, parse_report};
use crate::{datagram, ipv4};
use std::net::IpAddr;
use std::time::{Duration, Instant};

const LIFETIME: Duration = Duration::from_secs(260);

/// A step's lowest bit says that checksums are put right, the next one that it is a report of a host and no inner
/// packet; the others are seconds that go by.
pub fn reinject(data: &[u8]) {
    let mut forwarder = Forwarder::new([2, 0, 0, 0, 0, 9], |_| false);
    let mut asked = Asked::default();
    let mut now = Instant::now();
    let host = IpAddr::from([192, 0, 2, 9]);
    for (what, bytes) in steps(data) {
        now += Duration::from_secs((what >> 2).into());
        asked.expire(now);
        let packet = if what & 1 == 0 { bytes.to_vec() } else { repaired(bytes) };
        if what & 2 == 0 {
            forward(&mut forwarder, &packet);
            continue;
        }
        for Record { kind, group, sources } in parse_report(&packet, false).unwrap_or_default() {
            let source = sources.first().copied();
            asked.record(now, LIFETIME, host, (kind, group), sources);
            let _ = asked.wants(source.unwrap_or(host), group);
        }
    }
    asked.expire(now + LIFETIME);
    assert_eq!(asked.groups(), 0, "asked for without being asked for again");
}

fn forward(forwarder: &mut Forwarder, inner: &[u8]) {
    let Ok(frame) = forwarder.forward(inner) else { return };
    let packet = &frame[ETHERNET_HEADER..];
    assert!(packet.len() <= inner.len());
    assert_eq!(datagram::addresses(packet), datagram::addresses(inner));
    let hops = if inner[0] >> 4 == 4 { 8 } else { 7 };
    assert_eq!(Some(packet[hops]), inner[hops].checked_sub(1));
    assert!(inner[0] >> 4 != 4 || ipv4::Packet::parse(packet).is_ok(), "the header's checksum is wrong now");
    if let Ok(datagram) = datagram::parse(inner) {
        assert_eq!(datagram::parse(packet), Ok(datagram));
    }
}
