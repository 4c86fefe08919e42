//! A relay that has nothing to relay: it admits a gateway as every relay does and then sends it a stream at the
//! rate that is asked for, in one system call for many datagrams.

use super::stream::{PAYLOAD, Stream};
use amt_helper::amt::message::MULTICAST_DATA_HEADER;
use amt_helper::amt::relay::{Config, Relay};
use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};
use serde::{Deserialize, Serialize};
use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// The source of the channel that it sends.
pub const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The group of it.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(232, 9, 9, 9);
/// The port of it.
pub const PORT: u16 = 1234;

/// Datagrams in one system call at most.
const TOGETHER: usize = 64;
/// How often it looks at the clock.
const TICK: Duration = Duration::from_micros(500);
/// What has not been sent for so long is not sent any more: it would come in a flood.
const LATEST: Duration = Duration::from_millis(100);

/// What it was asked for and what it did.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Sent {
    /// Datagrams that the rate and the time ask for.
    pub asked: u64,
    /// Datagrams that the system took.
    pub sent: u64,
    /// From the first datagram to the last, in seconds.
    pub seconds: f64,
}

/// Sends for `seconds`, `rate` datagrams a second: to `to` at once where it is given, else to the first gateway that
/// joins (and to nobody else). `began` is called before the first and `ended` after the last; from then on it only
/// answers, until it is killed.
///
/// # Errors
/// Where the socket fails, or no gateway comes.
pub fn run(
    bind: SocketAddrV4,
    to: Option<SocketAddrV4>,
    rate: u32,
    seconds: f64,
    began: impl FnOnce(),
    ended: impl FnOnce(Sent),
) -> Result<()> {
    let socket = UdpSocket::bind(bind).with_context(|| format!("cannot bind {bind}"))?;
    socket.set_nonblocking(true)?;
    let mut relay = Relay::new(Config::new((*bind.ip()).into()), std::array::from_fn(|index| index as u8));
    let to = match to {
        Some(to) => to,
        None => wait_for_gateway(&socket, &mut relay)?,
    };
    began();
    let (start, wanted) = (Instant::now(), Duration::from_secs_f64(seconds));
    // Two random access points a second, as broadcasters have them.
    let mut stream = Stream::new(headers(GROUP), u64::from(rate / 2));
    let mut messages: Vec<Vec<u8>> = (0..TOGETHER).map(|_| stream.message()).collect();
    let (mut sent, mut given_up) = (0_u64, 0_u64);
    let due = |elapsed: Duration| (elapsed.as_secs_f64() * f64::from(rate)) as u64;
    let mut over = false;
    while !over {
        serve(&socket, &mut relay)?;
        over = start.elapsed() >= wanted;
        loop {
            let missing = due(start.elapsed().min(wanted)).saturating_sub(sent + given_up);
            if missing == 0 {
                break;
            }
            let late = missing.saturating_sub(due(LATEST).max(1));
            given_up += late;
            let count = usize::try_from(missing - late).map_or(TOGETHER, |missing| missing.min(TOGETHER));
            messages[..count].iter_mut().for_each(|message| stream.fill(message));
            sent += send(&socket, to, &messages[..count])? as u64;
        }
        std::thread::sleep(TICK);
    }
    ended(Sent { asked: due(wanted), sent, seconds: start.elapsed().as_secs_f64() });
    loop {
        serve(&socket, &mut relay)?;
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn wait_for_gateway(socket: &UdpSocket, relay: &mut Relay) -> Result<SocketAddrV4> {
    let start = Instant::now();
    loop {
        serve(socket, relay)?;
        if let Some(SocketAddr::V4(gateway)) = relay.subscribers(SOURCE.into(), GROUP.into()).next() {
            return Ok(gateway);
        }
        if start.elapsed() > Duration::from_secs(30) {
            bail!("no gateway joined within 30 s");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn serve(socket: &UdpSocket, relay: &mut Relay) -> Result<()> {
    let mut buffer = [0; 2048];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        // What is refused shows as a gateway that never joins.
        let _ = relay.handle_datagram(Instant::now(), from, &buffer[..length]);
        while let Some(transmit) = relay.poll_transmit() {
            socket.send_to(&transmit.payload, transmit.to)?;
        }
    }
    Ok(())
}

/// Sends all of them; how many the system took.
fn send(socket: &UdpSocket, to: SocketAddrV4, messages: &[Vec<u8>]) -> Result<usize> {
    let to = vec![Some(SockaddrIn::from(to)); messages.len()];
    let slices: Vec<[IoSlice<'_>; 1]> = messages.iter().map(|message| [IoSlice::new(message)]).collect();
    let mut headers = MultiHeaders::preallocate(messages.len(), None);
    let result = sendmmsg(socket.as_raw_fd(), &mut headers, &slices, &to, [], MsgFlags::empty());
    match result {
        Ok(results) => Ok(results.count()),
        // The queue towards the cable is full: what did not fit is lost here.
        Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::ECONNREFUSED) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// AMT, IPv4 and UDP header of every datagram to a group; the UDP checksum is left out, as some relays leave it out.
pub(crate) fn headers(group: Ipv4Addr) -> Vec<u8> {
    let [length, udp_length] = [20 + 8 + PAYLOAD, 8 + PAYLOAD].map(|length| (length as u16).to_be_bytes());
    let mut ip = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 16, 17, 0, 0];
    ip.extend(SOURCE.octets());
    ip.extend(group.octets());
    let sum: u32 = ip.as_chunks::<2>().0.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum();
    let checksum = !((sum & 0xFFFF) + (sum >> 16)) as u16;
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    let [source_port, port] = [5000, PORT].map(u16::to_be_bytes);
    [&MULTICAST_DATA_HEADER[..], &ip, &source_port, &port, &udp_length, &[0, 0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_packets_are_taken_by_the_gateways_own_reader() {
        let mut message = headers(GROUP);
        message.resize(message.len() + PAYLOAD, 0);
        let inner = amt_helper::datagram::parse(&message[MULTICAST_DATA_HEADER.len()..]).unwrap();
        assert_eq!(inner.destination, SocketAddr::from((GROUP, PORT)));
        assert_eq!(inner.payload.len(), PAYLOAD);
    }
}
