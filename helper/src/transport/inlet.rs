//! A socket that is read in batches (recvmmsg), with the kernel's time of arrival and its ICMP errors.

use super::Received;
use super::sockets::{Home, Lent, is_large};
use quinn_udp::{BATCH_SIZE, RecvMeta, TransportErrorPayload, UdpSocketState};
use socket2::SockRef;
use std::fs::File;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// The longest that the kernel hands over at once: one IP packet, or datagrams it has put together.
const SLOT: usize = 1 << 16;

/// From one slot to the next. A power of two would put the beginnings of all of them into the same few lines of the processor's caches.
const STRIDE: usize = SLOT + 33 * 64;

/// Room for batches that nobody uses at the moment: what waits for data needs none, and there may be thousands.
static SPARE: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());
/// So much room is kept: as much as threads are likely to use at the same time.
const SPARE_MAX: usize = 4;

/// The datagrams that one system call returned.
#[derive(Default)]
pub struct Batch {
    /// Borrowed while there is something in it.
    memory: Option<Box<[u8]>>,
    metas: [RecvMeta; BATCH_SIZE],
    filled: usize,
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Batch {
    fn fill(&mut self, socket: &UdpSocket, state: &UdpSocketState) -> io::Result<()> {
        self.filled = 0;
        let spare = || SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let memory = self
            .memory
            .get_or_insert_with(|| spare().unwrap_or_else(|| vec![0; BATCH_SIZE * STRIDE].into_boxed_slice()));
        let mut slots = memory.chunks_exact_mut(STRIDE).filter_map(|slot| slot.get_mut(..SLOT));
        let mut slots: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(slots.next().unwrap_or_default()));
        match state.recv(socket.into(), &mut slots, &mut self.metas) {
            Ok(filled) => self.filled = filled,
            Err(error) => {
                self.give_back();
                return Err(error);
            }
        }
        Ok(())
    }

    fn give_back(&mut self) {
        self.filled = 0;
        if let Some(memory) = self.memory.take() {
            let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.len() < SPARE_MAX {
                spare.push(memory);
            }
        }
    }

    /// Calls `each` with sender, bytes and time of arrival in microseconds since the Unix epoch. Once for each that came.
    pub(super) fn for_each(&mut self, mut each: impl FnMut(SocketAddr, &[u8], u64)) {
        let mut now = None;
        for (meta, slot) in
            self.metas.iter().zip(self.memory.iter().flat_map(|memory| memory.chunks_exact(STRIDE))).take(self.filled)
        {
            let stamp = meta
                .timestamp
                .unwrap_or_else(|| *now.get_or_insert_with(|| SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()));
            let micros = u64::try_from(stamp.as_micros()).unwrap_or(u64::MAX);
            // The kernel may have joined datagrams of one sender (GRO): `stride` is the length of each.
            for datagram in slot[..meta.len.min(SLOT)].chunks(meta.stride.max(1)) {
                each(meta.addr, datagram, micros);
            }
        }
        self.give_back();
    }
}

/// A UDP socket on the runtime.
pub(super) struct Inlet {
    io: UdpSocket,
    state: UdpSocketState,
    /// How the kernel's tables of sockets name this one.
    inode: Option<u64>,
    /// Whether its buffer is as large as one may wish.
    large: bool,
    /// What the kernel had dropped before.
    dropped_before: u64,
    /// Where the socket goes at the end.
    home: Option<Home>,
}

impl Inlet {
    /// Takes a bound socket.
    pub(super) fn new(lent: Lent) -> io::Result<Self> {
        let Lent { socket, bound, home } = lent;
        let state = UdpSocketState::new((&socket).into())?;
        state.enable_transport_errors((&socket).into())?;
        let file = File::from(OwnedFd::from(socket.try_clone()?));
        let inode = file.metadata().map(|metadata| metadata.ino()).ok();
        let large = is_large(&socket);
        let io = UdpSocket::from_std(socket.into())?;
        let mut inlet = Self { io, state, inode, large, dropped_before: 0, home };
        if bound {
            inlet.dropped_before = inlet.dropped().unwrap_or(0);
        }
        Ok(inlet)
    }

    #[cfg(test)]
    pub(super) fn is_large(&self) -> bool {
        self.large
    }

    /// Lets the socket be closed at the end, as nobody else could use it.
    pub(super) fn let_go(&mut self) {
        self.home = None;
    }

    /// The socket, for its options.
    pub(super) fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.io)
    }

    /// Waits for datagrams, or for the word that something sent could not be delivered.
    pub(super) async fn receive(&self, batch: &mut Batch) -> io::Result<Received> {
        loop {
            let ready = self.io.ready(Interest::READABLE | Interest::ERROR).await?;
            if ready.is_error() && self.take_errors()? {
                return Ok(Received::Unreachable);
            }
            let mut emptied = false;
            let filled = self.io.try_io(Interest::READABLE, || {
                batch.fill(&self.io, &self.state)?;
                // With room left there were no more: what comes now wakes us again, and it need not be asked for.
                emptied = batch.filled < BATCH_SIZE;
                if emptied { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match filled {
                Ok(()) => return Ok(Received::Datagrams),
                Err(_) if emptied => return Ok(Received::Datagrams),
                Err(error) if is_unreachable(&error) => return Ok(Received::Unreachable),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Empties the error queue; whether it said that a destination cannot be reached.
    fn take_errors(&self) -> io::Result<bool> {
        let mut unreachable = false;
        let emptied = self.io.try_io(Interest::ERROR, || {
            while let Some(error) = self.state.recv_transport_error((&self.io).into())? {
                unreachable |= matches!(error.payload, TransportErrorPayload::Unreachable);
            }
            // Also what no queue holds, so that it does not fail the next call.
            unreachable |= SockRef::from(&self.io).take_error()?.is_some_and(|error| is_unreachable(&error));
            Err::<(), _>(ErrorKind::WouldBlock.into())
        });
        match emptied {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(unreachable),
        }
    }

    pub(super) async fn send(&self, to: SocketAddr, message: &[u8]) -> io::Result<()> {
        let transmit =
            quinn_udp::Transmit { destination: to, ecn: None, contents: message, segment_size: None, src_ip: None };
        let mut reported = false;
        loop {
            self.io.writable().await?;
            match self.io.try_io(Interest::WRITABLE, || self.state.try_send((&self.io).into(), &transmit)) {
                // What is reported here may belong to a message sent before, and this one was not sent yet.
                Err(error) if is_unreachable(&error) && !reported => reported = true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

    #[cfg(test)]
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// What the kernel dropped for want of room, by its own table.
    pub(super) fn dropped(&self) -> Option<u64> {
        let table = match self.io.local_addr().ok()?.ip() {
            IpAddr::V4(_) => "/proc/net/udp",
            IpAddr::V6(_) => "/proc/net/udp6",
        };
        let inode = self.inode?.to_string();
        let table = std::fs::read_to_string(table).ok()?;
        // Columns: 0 slot, 1 local, 2 remote, …, 9 inode, 10 references, 11 pointer, 12 drops.
        let line = table.lines().find(|line| line.split_whitespace().nth(9) == Some(&inode))?;
        let dropped: u64 = line.split_whitespace().nth(12)?.parse().ok()?;
        Some(dropped.saturating_sub(self.dropped_before))
    }

    /// What helps against that, in a sentence.
    pub(super) fn remedy(&self) -> &'static str {
        if self.large {
            "This machine is too busy to read datagrams in time, even with a large receive buffer."
        } else {
            "The kernel limits the receive buffer: raise it with “sysctl -w net.core.rmem_max=33554432”, or start the \
             helper with CAP_NET_ADMIN or as root."
        }
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        while let Ok(Some(_)) = self.state.recv_transport_error((&self.io).into()) {}
        if let Ok(socket) = self.socket().try_clone() {
            home.take_back(socket);
        }
    }
}

fn is_unreachable(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable)
}
