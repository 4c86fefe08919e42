//! The ordinary transport: one UDP socket with a large receive buffer, no rights needed.

use super::inlet::{Batch, Inlet};
use super::{RECEIVE_BUFFER, Received};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use tracing::debug;

/// Sockets a process that is root makes while it may still enlarge their buffers past the system's limit.
const MADE_AS_ROOT: usize = 16;

/// UDP sockets with large receive buffers, not yet bound; of both IP versions.
pub(super) struct LargeSockets {
    made_as_root: Mutex<Vec<(Domain, Socket)>>,
}

impl LargeSockets {
    /// Makes some at once where the process is root; the memory is taken only when it is used.
    pub(super) fn open() -> Self {
        let mut made = Vec::new();
        if crate::privilege::is_root() {
            for domain in [Domain::IPV4, Domain::IPV6] {
                made.extend((0..MADE_AS_ROOT).map_while(|_| Some((domain, large(domain).ok()?))));
            }
        }
        Self { made_as_root: Mutex::new(made) }
    }

    /// A socket bound to a port of the system's choice, to reach `relay` from.
    pub(super) fn take(&self, relay: SocketAddr) -> io::Result<Socket> {
        let domain = Domain::for_address(relay);
        let socket = {
            let mut made = self.made_as_root.lock().unwrap_or_else(PoisonError::into_inner);
            let position = made.iter().position(|(of, _)| *of == domain);
            position.map(|position| made.swap_remove(position).1)
        };
        let socket = socket.map_or_else(|| large(domain), Ok)?;
        let any = match relay {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        socket.bind(&SocketAddr::new(any, 0).into())?;
        Ok(socket)
    }
}

fn large(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    enlarge(&socket);
    Ok(socket)
}

/// Gives a socket as much receive buffer as the process may have, up to [`RECEIVE_BUFFER`].
pub(super) fn enlarge(socket: &Socket) {
    use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
    if setsockopt(socket, RcvBufForce, &RECEIVE_BUFFER).is_ok() {
        return;
    }
    let set = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    // The kernel reports twice what was asked for: half of it is for its own records.
    match (set, socket.recv_buffer_size()) {
        (Ok(()), Ok(size)) if size >= 2 * RECEIVE_BUFFER => {}
        (_, size) => debug!(
            ?size,
            wanted = 2 * RECEIVE_BUFFER,
            "the kernel limits the receive buffer; raise net.core.rmem_max if data is lost at high rates"
        ),
    }
}

/// The transport.
pub struct Udp {
    inlet: Inlet,
}

impl Udp {
    pub(super) fn open(socket: Socket) -> io::Result<Self> {
        Ok(Self { inlet: Inlet::new(socket)? })
    }

    pub(super) async fn receive(&self, batch: &mut Batch) -> io::Result<Received> {
        self.inlet.receive(batch).await
    }

    pub(super) async fn send(&self, to: SocketAddr, message: &[u8]) -> io::Result<()> {
        self.inlet.send(to, message).await
    }

    pub(super) fn dropped(&self) -> Option<u64> {
        self.inlet.dropped()
    }
}
