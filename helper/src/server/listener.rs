//! The server's socket and certificate: all that can be wrong with them is told before anything else starts.

use super::Admission;
use super::tls::Tls;
use crate::options::Listen;
use anyhow::bail;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};

/// Bytes that wait in the kernel for a peer to take them; Linux doubles it. Enough for 20 Mbit/s over 100 ms.
const SEND_BUFFER: usize = 256 << 10;

/// Where the server listens, and how it speaks there.
pub struct Listening {
    pub(super) socket: TcpListener,
    pub(super) tls: Option<Tls>,
}

impl Listening {
    /// The address and port in use.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Who is let in there.
    ///
    /// # Errors
    /// The system's.
    pub fn admission(&self, options: &Listen) -> io::Result<Admission> {
        Ok(Admission::new(options, self.local_addr()?, self.tls.clone()))
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// Opens the socket, and reads the certificate.
///
/// # Errors
/// A sentence with what to do.
pub fn listen(options: &Listen) -> anyhow::Result<Listening> {
    let address = options.listen;
    if !address.ip().is_loopback() && options.token.is_none() {
        bail!(
            "{address} can be reached from other machines: choose a secret with --token SECRET and open the page \
             with ?token=SECRET, or listen on 127.0.0.1."
        );
    }
    let tls = Tls::read(options)?;
    let socket = match TcpListener::bind(address) {
        Ok(socket) => socket,
        Err(error) => bail!(match error.kind() {
            ErrorKind::AddrInUse => format!(
                "Port {} is in use, perhaps by another amt-helper. Stop that one, or choose another port with \
                 --listen {}.",
                address.port(),
                SocketAddr::new(address.ip(), address.port().checked_add(1).unwrap_or(8081))
            ),
            ErrorKind::PermissionDenied => {
                format!("Port {} is reserved for root. Choose one above 1023 with --listen.", address.port())
            }
            ErrorKind::AddrNotAvailable => {
                format!("{} is not an address of this machine. Choose another with --listen.", address.ip())
            }
            _ => format!("Cannot listen on {address}: {error}. Choose another with --listen."),
        }),
    };
    socket.set_nonblocking(true)?;
    // Every connection takes these from here. A frame that waits for the page's word on the one before is 40 ms late; and what
    // somebody asks for and does not read stays in the kernel, which would grow the buffer to 4 MB each.
    let of_all = socket2::SockRef::from(&socket);
    of_all.set_tcp_nodelay(true)?;
    of_all.set_send_buffer_size(SEND_BUFFER)?;
    Ok(Listening { socket, tls })
}
