//! Whether this machine has changed networks (RFC 8777, 3.3.2): its addresses and its default routes, looked at once a
//! second.
//!
//! Links that have nothing but link-local addresses do not count: every container that comes and goes makes one.

use super::interface::is_link_local;
use pnet::datalink::{self, NetworkInterface};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Of routes of IPv6, from linux/route.h: packets are refused.
const RTF_REJECT: u32 = 0x200;

/// Counts changes, for all who ask: whoever does so first within a second looks for the others too.
#[derive(Debug, Default)]
pub struct Attachment(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    at: Option<Instant>,
    fingerprint: Vec<String>,
    changes: u64,
}

impl Attachment {
    /// How often the machine has changed networks since anybody asked first.
    pub fn changes(&self, now: Instant) -> u64 {
        self.look(now, fingerprint)
    }

    fn look(&self, now: Instant, fingerprint: impl FnOnce() -> Vec<String>) -> u64 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.at.is_none_or(|at| now.saturating_duration_since(at) >= LOOK) {
            let before = std::mem::replace(&mut seen.fingerprint, fingerprint());
            if seen.at.is_some() && before != seen.fingerprint {
                seen.changes += 1;
            }
            seen.at = Some(now);
        }
        seen.changes
    }
}

/// What a change of networks changes.
fn fingerprint() -> Vec<String> {
    let interfaces = datalink::interfaces();
    let up = interfaces.iter().filter(|interface| interface.is_up() && !interface.is_loopback());
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let (v4, v6) = (read("/proc/net/route"), read("/proc/net/ipv6_route"));
    let mut all: Vec<_> = up.flat_map(addresses).chain(default_routes_v4(&v4)).chain(default_routes_v6(&v6)).collect();
    all.sort_unstable();
    all
}

fn addresses(interface: &NetworkInterface) -> impl Iterator<Item = String> {
    let routable = interface.ips.iter().filter(|network| !is_link_local(network.ip()));
    routable.map(|network| format!("{} {network}", interface.index))
}

/// Columns: 0 interface, 1 destination, 2 gateway, …, 7 mask.
fn default_routes_v4(table: &str) -> impl Iterator<Item = String> {
    table.lines().filter_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        match columns[..] {
            [interface, "00000000", gateway, _, _, _, _, "00000000", ..] => Some(format!("{interface} {gateway}")),
            _ => None,
        }
    })
}

/// Columns: 0 destination, 1 its length, …, 4 next hop, …, 8 flags, 9 interface.
fn default_routes_v6(table: &str) -> impl Iterator<Item = String> {
    table.lines().filter_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let &[_, "00", _, _, next, _, _, _, flags, interface] = &columns[..] else { return None };
        let refuses = u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & RTF_REJECT != 0);
        (!refuses).then(|| format!("{interface} {next}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_noticed_within_a_second_by_everybody_and_the_first_look_is_none() {
        let (attachment, start) = (Attachment::default(), Instant::now());
        let look = |millis, what: &str| {
            attachment.look(start + Duration::from_millis(millis), || what.lines().map(str::to_owned).collect())
        };
        assert_eq!([look(0, "a"), look(10, "b"), look(999, "b")], [0, 0, 0]);
        assert_eq!([look(1000, "b"), look(1001, "a"), look(2000, "b"), look(3000, "a")], [1, 1, 1, 2]);
    }

    #[test]
    fn default_routes_are_read_and_what_refuses_is_none() {
        let v4 = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                  eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                  eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(default_routes_v4(v4).collect::<Vec<_>>(), ["eth0 010200C0"]);
        let nothing = "00000000000000000000000000000000";
        let next = "fe800000000000000000000000000001";
        let line = |next: &str, length: &str, flags: &str, interface: &str| {
            format!("{nothing} {length} {nothing} 00 {next} 00000400 00000001 00000000 {flags}     {interface}\n")
        };
        let v6 = [
            line(next, "00", "00000003", "eth0"),
            line(nothing, "40", "00000001", "eth0"),
            line(nothing, "00", "00200200", "lo"),
        ];
        assert_eq!(default_routes_v6(&v6.concat()).collect::<Vec<_>>(), [format!("eth0 {next}")]);
    }

    #[test]
    fn the_machine_s_own_network_stays_the_same_while_nothing_happens() {
        let name = "transport::attachment::tests::the_machine_s_own_network_stays_the_same_while_nothing_happens";
        if crate::own_network::enter(name, "true") {
            let empty = fingerprint();
            assert_eq!(empty, fingerprint());
            crate::own_network::ip("address add fe80::7/64 dev one nodad");
            assert_eq!(empty, fingerprint(), "a link alone");
            crate::own_network::ip("address add 192.0.2.1/24 dev one");
            let address = fingerprint();
            assert_ne!(empty, address);
            crate::own_network::ip("route add default via 192.0.2.2 dev one");
            assert_ne!(address, fingerprint());
        }
    }
}
