//! Which port a tunnel leaves from.
//!
//! A gateway may use any (RFC 7450, 7.2), but should come back from the same one: a relay that knows tunnels
//! by the gateway's address alone, as the Linux kernel's does, gives no Query to one that returns from another
//! port until the old entry expires, minutes later. So the port follows from the relay's address. It is mixed
//! with this machine's identity, so that strangers cannot tell it.

use siphasher::sip::SipHasher;
use std::hash::Hasher;
use std::io::{self, ErrorKind};
use std::net::IpAddr;

/// Above what Linux gives out by itself (32768–60999), so that it is rarely taken.
const FIRST: u16 = 61_000;
/// How many to try, before any will do: other tunnels to the same relay hold the first of them.
const TRIES: u16 = 8;

/// Calls `bind` with ports in the order of preference, the last of them 0 for any, until one is not taken.
/// Each is told of as `(port)`; `first` stands before the derived ones.
pub(super) fn bind<T>(relay: IpAddr, first: Option<u16>, mut bind: impl FnMut(u16) -> io::Result<T>) -> io::Result<T> {
    for port in first.into_iter().chain(derived(relay, &machine())) {
        match bind(port) {
            Err(error) if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {}
            bound => return bound,
        }
    }
    bind(0)
}

fn derived(relay: IpAddr, machine: &[u8]) -> impl Iterator<Item = u16> + use<> {
    const COUNT: u16 = u16::MAX - FIRST + 1;
    let mut hasher = SipHasher::new();
    hasher.write(machine);
    match relay {
        IpAddr::V4(relay) => hasher.write(&relay.octets()),
        IpAddr::V6(relay) => hasher.write(&relay.octets()),
    }
    let start = (hasher.finish() % u64::from(COUNT)) as u16;
    (0..TRIES).map(move |step| FIRST + (start + step) % COUNT)
}

/// What stays the same on this machine and is told to nobody: machine-id(5). Without it ports are the same on
/// every machine.
fn machine() -> Vec<u8> {
    std::fs::read("/etc/machine-id").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_kept_for_a_relay_and_differ_among_relays_and_machines() {
        let ports = |relay: &str, machine: &[u8]| derived(relay.parse().unwrap(), machine).collect::<Vec<_>>();
        let here = ports("192.0.2.1", b"here");
        assert_eq!(here, ports("192.0.2.1", b"here"));
        assert_ne!(here, ports("192.0.2.2", b"here"));
        assert_ne!(here, ports("192.0.2.1", b"there"));
        assert_ne!(here, ports("2001:db8::1", b"here"));
        for last in 0..=255 {
            assert!(derived([192, 0, 2, last].into(), b"").all(|port| port >= FIRST));
        }
    }

    #[test]
    fn a_port_that_is_taken_is_passed_over() {
        let relay = IpAddr::from([192, 0, 2, 1]);
        let mut tried = Vec::new();
        let port = bind(relay, Some(2268), |port| {
            tried.push(port);
            if tried.len() < 4 { Err(ErrorKind::AddrInUse.into()) } else { Ok(port) }
        });
        assert_eq!(port.unwrap(), tried[3]);
        assert_eq!(tried[..2], [2268, derived(relay, &machine()).next().unwrap()]);
        assert_eq!(
            bind(relay, None, |port| if port == 0 { Ok(port) } else { Err(ErrorKind::AddrInUse.into()) }).unwrap(),
            0
        );
        assert!(bind(relay, None, |_| Err::<(), _>(ErrorKind::AddrNotAvailable.into())).is_err());
    }
}
