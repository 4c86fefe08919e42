//! The least that receiving can cost: one socket, one `recvmmsg` after the other, nothing done with what comes.

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt, sockopt};
use serde::{Deserialize, Serialize};
use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// As many as the helper's own batches.
const TOGETHER: usize = 32;
/// The end is known by silence: the kernel's receive timeout.
const SILENCE: Duration = Duration::from_millis(700);

/// What came.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Came {
    /// Datagrams.
    pub datagrams: u64,
    /// System calls that brought them.
    pub calls: u64,
}

/// Receives on `bind` with `buffer` bytes of receive buffer, from the first datagram to the first silence.
///
/// # Errors
/// Where the socket cannot be had, or fails.
pub fn run(bind: SocketAddr, buffer: usize, bound: impl FnOnce()) -> Result<Came> {
    let socket = UdpSocket::bind(bind).with_context(|| format!("cannot bind {bind}"))?;
    // As the helper does: past the system's limit as root, else as far as it allows.
    if setsockopt(&socket, sockopt::RcvBufForce, &buffer).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &buffer)?;
    }
    bound();
    let mut memory = vec![0; TOGETHER << 11];
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(TOGETHER, None);
    let mut came = Came::default();
    loop {
        let mut slots: Vec<[IoSliceMut<'_>; 1]> =
            memory.chunks_exact_mut(1 << 11).map(|slot| [IoSliceMut::new(slot)]).collect();
        match recvmmsg(socket.as_raw_fd(), &mut headers, slots.iter_mut(), MsgFlags::MSG_WAITFORONE, None) {
            Ok(results) => {
                came.datagrams += results.count() as u64;
                came.calls += 1;
            }
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Ok(came),
            Err(error) => return Err(error.into()),
        }
        if came.calls == 1 {
            socket.set_read_timeout(Some(SILENCE))?;
        }
    }
}
