//! UDP sockets as every transport wants them: a large receive buffer, IPv6 alone where IPv6 is meant, and
//! zero checksums taken over IPv6.
//!
//! A buffer past the system's limit wants CAP_NET_ADMIN, which is gone when a tunnel opens: a number of sockets
//! is made while it is there, one pool for tunnels and native joins. When it is used up, or where the
//! process never might, sockets have what the system allows.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::mem::offset_of;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use tracing::debug;

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

/// Bytes of receive buffer to ask for: a quarter of a second at 1 Gbit/s.
const RECEIVE_BUFFER: usize = 32 << 20;
/// Sockets of each IP version that are made while the process may still enlarge them.
const MADE_BEFORE: usize = 64;

/// UDP sockets, not yet bound; of both IP versions.
pub(super) struct UdpSockets {
    large: Mutex<Vec<(Domain, Socket)>>,
}

impl UdpSockets {
    /// Makes some at once where the process may enlarge them now, and may not later; their memory is taken only
    /// when it is used.
    pub(super) fn open() -> Self {
        let mut made = Vec::new();
        for domain in [Domain::IPV4, Domain::IPV6] {
            made.extend((0..MADE_BEFORE).map_while(|_| {
                let socket = make(domain).ok()?;
                force_buffer(&socket).then_some((domain, socket))
            }));
        }
        Self { large: Mutex::new(made) }
    }

    /// A socket that is not bound, for the IP version of `address`.
    pub(super) fn take(&self, address: IpAddr) -> io::Result<Socket> {
        let domain = Domain::for_address(SocketAddr::new(address, 0));
        let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = large.iter().position(|(of, _)| *of == domain) {
            return Ok(large.swap_remove(position).1);
        }
        drop(large);
        ordinary(address)
    }
}

/// A socket that is not bound, with the buffer that the process may have now.
pub(super) fn ordinary(address: IpAddr) -> io::Result<Socket> {
    let socket = make(Domain::for_address(SocketAddr::new(address, 0)))?;
    enlarge(&socket);
    Ok(socket)
}

fn make(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(true)?;
        // RFC 7450, 4.2.2.3; RFC 6935. A kernel that cannot drops such datagrams, and takes the others.
        if let Err(error) = setsockopt(&socket, NoCheck6Rx, &true) {
            debug!(%error, "datagrams without a checksum are not taken over IPv6");
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
    match group {
        IpAddr::V4(_) => setsockopt(socket, JoinSourceV4, &request)?,
        IpAddr::V6(_) => setsockopt(socket, JoinSourceV6, &request)?,
    }
    Ok(())
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
struct NoCheck6Rx;
nix::setsockopt_impl!(NoCheck6Rx, libc::IPPROTO_UDP, UDP_NO_CHECK6_RX, bool, sockopt::SetBool);
