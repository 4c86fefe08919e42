//! Multicast without a tunnel: the operating system joins a group (IGMPv3, MLDv2) where the network brings it.
//!
//! In: a group, the source to hear or any, and a port. Out: the UDP payloads of the datagrams that come, with
//! their sender and time of arrival. Dropped: other sources, by the kernel's filter and once more here. Several
//! programs of a machine may listen to the same group and port.

use super::inlet::{Batch, Inlet};
use super::interface::{Interface, local_address};
use super::sockets::Lent;
use super::{Arrival, Received, sockets};
use socket2::InterfaceIndexOrAddress;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

/// A group that was joined; dropping it leaves.
pub struct Native {
    inlet: Inlet,
    group: IpAddr,
    source: Option<IpAddr>,
    /// The interface that was joined on; 0 where the kernel chose.
    index: u32,
    /// How the interface was chosen.
    chosen: Chosen,
}

/// How the interface of a join was chosen.
enum Chosen {
    Named(Interface),
    /// By the way to an address, and what packets left from there then.
    Route {
        towards: IpAddr,
        local: Option<IpAddr>,
    },
}

impl Native {
    /// Joins on `interface`, or else where the source is reached, with the buffer the process may have now.
    /// [`Transports::join`](super::Transports::join) has larger ones.
    ///
    /// # Errors
    /// The system's: no such interface, too many groups; or addresses of two versions of IP.
    pub fn join(group: IpAddr, source: Option<IpAddr>, port: u16, interface: Option<&Interface>) -> io::Result<Self> {
        Self::join_with(|_| sockets::ordinary(group), group, source, port, (interface, None))
    }

    pub(super) fn join_with(
        lend: impl FnOnce(SocketAddr) -> io::Result<Lent>,
        group: IpAddr,
        source: Option<IpAddr>,
        port: u16,
        (interface, keep_off): (Option<&Interface>, Option<u32>),
    ) -> io::Result<Self> {
        if source.is_some_and(|source| source.is_ipv4() != group.is_ipv4()) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "group and source use different IP versions"));
        }
        // Where no source is known, the kernel's route for the group itself decides.
        let towards = source.unwrap_or(group);
        let chosen = match interface {
            Some(interface) => Chosen::Named(interface.clone()),
            None => Chosen::Route { towards, local: local_address(towards).ok() },
        };
        let found = if interface.is_none() { Interface::towards(towards) } else { None };
        // 0 leaves the choice to the kernel.
        let index = interface.or(found.as_ref()).map_or(0, Interface::index);

        if keep_off == Some(index) {
            return Err(io::Error::new(ErrorKind::Unsupported, "its interface is used for re-injection"));
        }
        let address = match group {
            IpAddr::V4(_) => SocketAddr::new(group, port),
            IpAddr::V6(group) => SocketAddrV6::new(group, port, 0, if of_one_link(group) { index } else { 0 }).into(),
        };
        let lent = lend(address)?;
        let bound = lent.bound;
        // Whatever fails from here on gives the socket back.
        let inlet = Inlet::new(lent)?;
        let socket = inlet.socket();
        if !bound {
            // Not SO_REUSEPORT: Linux gives a datagram that one socket of such a set is to hear, by its source or its
            // interface, to any of the set (seen with 6.18).
            socket.set_reuse_address(true)?;
            match group {
                IpAddr::V4(_) => socket.set_multicast_all_v4(false)?,
                IpAddr::V6(_) => socket.set_multicast_all_v6(false)?,
            }
            // Bound to the group, so that other datagrams for the port never come here.
            socket.bind(&address.into())?;
        }
        match (group, source) {
            (_, Some(source)) => sockets::join_source(&socket, group, source, index)?,
            (IpAddr::V4(group), None) => {
                socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))?;
            }
            (IpAddr::V6(group), None) => socket.join_multicast_v6(&group, index)?,
        }
        Ok(Self { inlet, group, source, index, chosen })
    }

    /// Waits for datagrams and puts what one system call returns into `batch`. Cancelling it loses nothing.
    ///
    /// # Errors
    /// Those that end the socket.
    pub async fn receive(&self, batch: &mut Batch) -> io::Result<Received> {
        self.inlet.receive(batch).await
    }

    /// Calls `each` with every datagram of the batch that was joined, in the order of arrival; its payload is
    /// what the UDP datagram carries.
    pub fn for_each(&self, batch: &mut Batch, mut each: impl FnMut(Arrival<'_>)) {
        batch.for_each(|from, payload, micros| {
            if self.source.is_none_or(|source| source == from.ip()) {
                each(Arrival { from, payload, micros });
            }
        });
    }

    /// Datagrams that the kernel had no room for since the join; `None` where it does not say.
    #[must_use]
    pub fn dropped(&self) -> Option<u64> {
        self.inlet.dropped()
    }

    #[cfg(test)]
    pub(super) fn is_large(&self) -> bool {
        self.inlet.is_large()
    }

    /// What helps where [`dropped`](Self::dropped) grows, in a sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        self.inlet.remedy()
    }

    /// Whether the way to the source has changed since the join, so that it should be joined anew. Asks the kernel
    /// for a route: once a second is often enough. Where the interface was named, whether another one has its name now.
    #[must_use]
    pub fn moved(&self) -> bool {
        match &self.chosen {
            Chosen::Named(interface) => interface.index_now().is_some_and(|now| now != interface.index()),
            Chosen::Route { towards, local } => local_address(*towards).is_ok_and(|now| *local != Some(now)),
        }
    }
}

/// Leaves, so that another may have the socket.
impl Drop for Native {
    fn drop(&mut self) {
        let (socket, index) = (self.inlet.socket(), self.index);
        let left = match (self.group, self.source) {
            (group, Some(source)) => sockets::leave_source(&socket, group, source, index),
            (IpAddr::V4(group), None) => socket.leave_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index)),
            (IpAddr::V6(group), None) => socket.leave_multicast_v6(&group, index),
        };
        if left.is_err() {
            // The interface may have gone. Closing the socket leaves in any case.
            self.inlet.let_go();
        }
    }
}

/// Interface-local and link-local groups (RFC 4291, 2.7) mean nothing without their link.
fn of_one_link(group: std::net::Ipv6Addr) -> bool {
    matches!(group.octets()[1] & 0x0F, 1 | 2)
}
