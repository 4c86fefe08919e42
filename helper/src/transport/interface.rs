//! Which interface leads where.
//!
//! In: a name, or an address to reach. Out: the interface, and the address this machine has towards it. Nothing
//! is sent: connecting a UDP socket only asks the kernel for its route.

use nix::net::if_::if_nametoindex;
use pnet::datalink::{self, NetworkInterface};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// A network interface of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    name: String,
    index: u32,
}

impl Interface {
    /// The interface of this name.
    ///
    /// # Errors
    /// A sentence that names those there are.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        let interfaces = datalink::interfaces();
        interfaces.iter().find(|interface| interface.name == name).map(Self::from).ok_or_else(|| {
            let names: Vec<_> = interfaces.iter().map(|interface| interface.name.as_str()).collect();
            anyhow::anyhow!("There is no interface “{name}”. Choose one of {}.", names.join(", "))
        })
    }

    /// The interface by which `address` is reached; `None` where there is no way there.
    #[must_use]
    pub fn towards(address: IpAddr) -> Option<Self> {
        let local = local_address(address).ok()?;
        let interfaces = datalink::interfaces();
        interfaces.iter().find(|interface| interface.ips.iter().any(|network| network.ip() == local)).map(Self::from)
    }

    /// One that is not there, or no more.
    #[cfg(test)]
    pub(super) fn nowhere() -> Self {
        Self { name: "gone".into(), index: 0x7FFF_FFFF }
    }

    /// The index of whatever has its name now.
    pub(super) fn index_now(&self) -> Option<u32> {
        if_nametoindex(self.name.as_str()).ok()
    }

    /// Its name, like `eth0`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its index, by which the kernel knows it.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }
}

impl From<&NetworkInterface> for Interface {
    fn from(interface: &NetworkInterface) -> Self {
        Self { name: interface.name.clone(), index: interface.index }
    }
}

/// Whether an address says nothing without its link (RFC 3927; RFC 4291, 2.5.6).
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// The address that packets to `remote` leave from. Any port but 0 will do.
pub(super) fn local_address(remote: IpAddr) -> io::Result<IpAddr> {
    local_address_to(SocketAddr::new(remote, super::raw::PORT))
}

/// The same for an endpoint, which may name the link that it is on.
pub(super) fn local_address_to(remote: SocketAddr) -> io::Result<IpAddr> {
    let any = match remote {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let probe = UdpSocket::bind(SocketAddr::new(any, 0))?;
    probe.connect(remote)?;
    Ok(probe.local_addr()?.ip())
}

/// Whether an address is one of this machine's own: the kernel then has packets to it leave from itself.
pub(crate) fn is_own_address(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || local_address(address).is_ok_and(|local| local == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_leads_to_itself() {
        let interface = Interface::towards(Ipv4Addr::LOCALHOST.into()).unwrap();
        assert_eq!(interface, Interface::named(interface.name()).unwrap());
        assert_eq!(local_address(Ipv4Addr::LOCALHOST.into()).unwrap(), Ipv4Addr::LOCALHOST);
    }

    #[test]
    fn the_machines_own_addresses_are_known_for_what_they_are() {
        for own in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(is_own_address(own.parse().unwrap()), "{own}");
        }
        for network in datalink::interfaces().iter().flat_map(|interface| &interface.ips) {
            let unscoped = !matches!(network.ip(), IpAddr::V6(address) if address.is_unicast_link_local());
            assert_eq!(is_own_address(network.ip()), unscoped, "{network}");
        }
        for other in ["192.0.2.1", "203.0.113.9", "2001:db8::1"] {
            assert!(!is_own_address(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        let lo = Interface::towards(Ipv4Addr::LOCALHOST.into()).unwrap();
        let sentence = Interface::named("no-such-one").unwrap_err().to_string();
        assert!(sentence.contains("“no-such-one”") && sentence.contains(lo.name()), "{sentence}");
    }
}
