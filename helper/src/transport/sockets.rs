//! UDP sockets as every transport wants them: a large receive buffer, IPv6 alone where IPv6 is meant, and
//! zero checksums taken over IPv6.
//!
//! A buffer past the system's limit wants CAP_NET_ADMIN, which is gone when a tunnel opens: a number of sockets
//! is made while it is there, one pool for tunnels and native joins. When it is used up, or where the
//! process never might, sockets have what the system allows.
//!
//! Closing gives them back. Linux never frees a socket of the port it was bound to, so that it serves who would
//! bind it so again: the next tunnel to that relay, the next join of that group. Until then it takes nothing in. When
//! all are bound, a tunnel takes one of another relay's, as any port will do; a group has no such choice.

use crate::resources::sockets_in_advance;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::io::{self, ErrorKind};
use std::mem::offset_of;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::debug;

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

/// Bytes of receive buffer to ask for: a quarter of a second at 1 Gbit/s.
const RECEIVE_BUFFER: usize = 32 << 20;
/// Sockets of each IP version that are made while the process may still enlarge them: many where it may have many files
/// open, else few. Each group and port that is joined natively takes one for good.
const MADE_BEFORE: usize = 256;
const FEW_MADE_BEFORE: usize = 64;
/// How many of them native joins leave to tunnels.
const FOR_TUNNELS: usize = 32;
/// More datagrams than a large buffer can hold.
const MOST_WAITING: usize = 1 << 18;

/// UDP sockets of both IP versions.
pub(super) struct UdpSockets(Arc<Mutex<Large>>);

/// Those with large buffers that nobody uses now.
struct Large {
    unbound: Vec<(Domain, Socket)>,
    returned: Vec<Returned>,
}

/// A socket that was bound and used.
struct Returned {
    socket: Socket,
    local: SocketAddr,
    peer: IpAddr,
}

/// A socket for use.
pub(super) struct Lent {
    pub(super) socket: Socket,
    /// Whether it is bound already.
    pub(super) bound: bool,
    /// `None` for one that is as anybody could make it again.
    pub(super) home: Option<Home>,
}

/// Where a socket goes when it is closed.
pub(super) struct Home {
    large: Arc<Mutex<Large>>,
    /// The relay or group it is for.
    peer: IpAddr,
}

impl UdpSockets {
    /// Makes some at once where the process may enlarge them now, and may not later; their memory is taken only
    /// when it is used.
    pub(super) fn open() -> Self {
        let mut made = Vec::new();
        let number = sockets_in_advance(MADE_BEFORE, FEW_MADE_BEFORE);
        for domain in [Domain::IPV4, Domain::IPV6] {
            made.extend((0..number).map_while(|_| {
                let socket = make(domain).ok()?;
                force_buffer(&socket).then_some((domain, socket))
            }));
        }
        Self(Arc::new(Mutex::new(Large { unbound: made, returned: Vec::new() })))
    }

    /// A socket for a relay: one that is bound already, which `fits` best by its address and whether it was for that
    /// relay, or else one that is not bound; where there is none, one that was for another relay.
    pub(super) fn for_relay<F: Ord>(
        &self,
        relay: IpAddr,
        fits: impl Fn(SocketAddr, bool) -> Option<F>,
    ) -> io::Result<Lent> {
        self.take(relay, 0, |local, of| fits(local, of == relay), |local| fits(local, true))
    }

    /// A socket for a group, bound to `local` already where there is such a one.
    pub(super) fn for_group(&self, local: SocketAddr) -> io::Result<Lent> {
        self.take(local.ip(), FOR_TUNNELS, |of, _| (of == local).then_some(()), |_| None)
    }

    /// Leaves `rest` of those that are not bound.
    fn take<F: Ord>(
        &self,
        peer: IpAddr,
        rest: usize,
        fits: impl Fn(SocketAddr, IpAddr) -> Option<F>,
        fits_at_need: impl Fn(SocketAddr) -> Option<F>,
    ) -> io::Result<Lent> {
        let domain = Domain::for_address(SocketAddr::new(peer, 0));
        let mut large = lock(&self.0);
        let home = || Some(Home { large: Arc::clone(&self.0), peer });
        let best = |returned: &[Returned], fits: &dyn Fn(&Returned) -> Option<F>| {
            let fitting = returned.iter().enumerate().filter_map(|(place, returned)| Some((fits(returned)?, place)));
            fitting.max().map(|(_, place)| place)
        };
        let mut place = best(&large.returned, &|returned| fits(returned.local, returned.peer));
        if place.is_none() {
            let mut unbound = large.unbound.iter().enumerate().filter(|(_, (of, _))| *of == domain);
            if let Some((place, _)) = unbound.nth(rest) {
                return Ok(Lent { socket: large.unbound.swap_remove(place).1, bound: false, home: home() });
            }
            place = best(&large.returned, &|returned| fits_at_need(returned.local));
        }
        if let Some(place) = place {
            let Returned { socket, .. } = large.returned.swap_remove(place);
            socket.detach_filter()?;
            return Ok(Lent { socket, bound: true, home: home() });
        }
        drop(large);
        ordinary(peer)
    }

    /// How many nobody uses now.
    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        let large = lock(&self.0);
        large.unbound.len() + large.returned.len()
    }
}

fn lock(large: &Mutex<Large>) -> MutexGuard<'_, Large> {
    large.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Home {
    /// Takes back a socket that is in no group any more and does not block; one that cannot be kept is closed.
    pub(super) fn take_back(self, socket: Socket) {
        // BPF_RET | BPF_K: nothing of any datagram. Who still sends does not fill the buffer.
        const RETURN: u16 = 6;
        let Some(local) = socket.local_addr().ok().and_then(|local| local.as_socket()) else { return };
        if local.port() == 0 {
            // Nothing could be bound, whatever was tried.
            if socket.set_reuse_address(false).is_ok() {
                lock(&self.large).unbound.push((Domain::for_address(local), socket));
            }
            return;
        }
        if socket.attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)]).is_err() {
            return;
        }
        // What came before is none of the next tunnel's business.
        for _ in 0..MOST_WAITING {
            if socket.recv(&mut []).is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                lock(&self.large).returned.push(Returned { socket, local, peer: self.peer });
                return;
            }
        }
    }
}

/// A socket that is not bound, with the buffer that the process may have now.
pub(super) fn ordinary(address: IpAddr) -> io::Result<Lent> {
    let socket = make(Domain::for_address(SocketAddr::new(address, 0)))?;
    enlarge(&socket);
    Ok(Lent { socket, bound: false, home: None })
}

fn make(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(true)?;
        // RFC 7450, 4.2.2.3; RFC 6935. A kernel that cannot drops such datagrams, and takes the others.
        if let Err(error) = setsockopt(&socket, NoCheck6Rx, &true) {
            debug!(%error, "datagrams without a checksum are not accepted over IPv6");
        }
    }
    Ok(socket)
}

fn force_buffer(socket: &Socket) -> bool {
    setsockopt(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_ok()
}

/// Gives a socket as much receive buffer as the process may have, up to [`RECEIVE_BUFFER`].
fn enlarge(socket: &Socket) {
    if !force_buffer(socket) && (socket.set_recv_buffer_size(RECEIVE_BUFFER).is_err() || !is_large(socket)) {
        debug!("the kernel limits the receive buffer; raise net.core.rmem_max if data is lost at high rates");
    }
}

/// Whether a socket has the buffer it was meant to have. The kernel reports twice what was asked for: half of
/// it is for its own records.
pub(super) fn is_large(socket: &Socket) -> bool {
    socket.recv_buffer_size().is_ok_and(|size| size >= 2 * RECEIVE_BUFFER)
}

/// Asks for a group on an interface by its index, of one source alone: IGMPv3 or MLDv2 on the wire (RFC 3678,
/// 5.1). The kernel's filter then lets no other source through to this socket.
pub(crate) fn join_source(socket: &Socket, group: IpAddr, source: IpAddr, interface: u32) -> io::Result<()> {
    let request = source_request(group, source, interface);
    match group {
        IpAddr::V4(_) => setsockopt(socket, JoinSourceV4, &request)?,
        IpAddr::V6(_) => setsockopt(socket, JoinSourceV6, &request)?,
    }
    Ok(())
}

/// Takes that back.
pub(super) fn leave_source(socket: &Socket, group: IpAddr, source: IpAddr, interface: u32) -> io::Result<()> {
    let request = source_request(group, source, interface);
    match group {
        IpAddr::V4(_) => setsockopt(socket, LeaveSourceV4, &request)?,
        IpAddr::V6(_) => setsockopt(socket, LeaveSourceV6, &request)?,
    }
    Ok(())
}

fn source_request(group: IpAddr, source: IpAddr, interface: u32) -> GroupSourceReq {
    let mut request = [0; size_of::<libc::group_source_req>()];
    request[..4].copy_from_slice(&interface.to_ne_bytes());
    for (place, address) in [
        (offset_of!(libc::group_source_req, gsr_group), group),
        (offset_of!(libc::group_source_req, gsr_source), source),
    ] {
        let request = &mut request[place..];
        let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        request[..2].copy_from_slice(&(family as libc::sa_family_t).to_ne_bytes());
        match address {
            IpAddr::V4(address) => {
                request[offset_of!(libc::sockaddr_in, sin_addr)..][..4].copy_from_slice(&address.octets())
            }
            IpAddr::V6(address) => {
                request[offset_of!(libc::sockaddr_in6, sin6_addr)..][..16].copy_from_slice(&address.octets());
            }
        }
    }
    request
}

/// `struct group_source_req` (RFC 3678), as bytes.
type GroupSourceReq = [u8; size_of::<libc::group_source_req>()];

/// From linux/udp.h.
const UDP_NO_CHECK6_RX: libc::c_int = 102;

// No crate has these options ready; nix has the macro to add them with. The kernel only reads the bytes.
#[derive(Clone)]
struct JoinSourceV4;
nix::setsockopt_impl!(
    JoinSourceV4,
    libc::IPPROTO_IP,
    libc::MCAST_JOIN_SOURCE_GROUP,
    GroupSourceReq,
    sockopt::SetStruct<'_, GroupSourceReq>
);

#[derive(Clone)]
struct JoinSourceV6;
nix::setsockopt_impl!(
    JoinSourceV6,
    libc::IPPROTO_IPV6,
    libc::MCAST_JOIN_SOURCE_GROUP,
    GroupSourceReq,
    sockopt::SetStruct<'_, GroupSourceReq>
);

#[derive(Clone)]
struct LeaveSourceV4;
nix::setsockopt_impl!(
    LeaveSourceV4,
    libc::IPPROTO_IP,
    libc::MCAST_LEAVE_SOURCE_GROUP,
    GroupSourceReq,
    sockopt::SetStruct<'_, GroupSourceReq>
);

#[derive(Clone)]
struct LeaveSourceV6;
nix::setsockopt_impl!(
    LeaveSourceV6,
    libc::IPPROTO_IPV6,
    libc::MCAST_LEAVE_SOURCE_GROUP,
    GroupSourceReq,
    sockopt::SetStruct<'_, GroupSourceReq>
);

#[derive(Clone)]
struct NoCheck6Rx;
nix::setsockopt_impl!(NoCheck6Rx, libc::IPPROTO_UDP, UDP_NO_CHECK6_RX, bool, sockopt::SetBool);
