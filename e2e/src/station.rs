//! A station with a relay of its own: plays a transport stream round and round, at the pace of its own clock, for
//! whoever joins through AMT.

use crate::load::sender::{PORT, SOURCE, headers};
use crate::load::stream::PAYLOAD;
use amt_helper::amt::relay::{Config, Relay};
use amt_shared::ts::{PACKET_LEN, Packet};
use anyhow::{Context, Result, ensure};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it looks at its socket and at the clock.
const TICK: Duration = Duration::from_millis(1);

/// Each station has a group of its own, as nearly as the process's number tells it from others: a helper keeps to the channel
/// that it has as long as it can.
static STATIONS: AtomicU8 = AtomicU8::new(0);

/// A station on the air until it is dropped.
pub struct Station {
    address: SocketAddr,
    group: Ipv4Addr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Station {
    /// Goes on the air with this stream; it begins when the first gateway joins.
    ///
    /// # Errors
    /// Where no socket can be had, or the stream has no clock to play it by.
    pub fn start(ts: Vec<u8>) -> Result<Self> {
        let datagrams = schedule(&ts)?;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let ended = over.clone();
        let group = Ipv4Addr::new(232, 9, std::process::id() as u8, STATIONS.fetch_add(1, Ordering::Relaxed));
        let thread = std::thread::spawn(move || play(&socket, group, &ts, &datagrams, &ended));
        Ok(Self { address, group, over, thread: Some(thread) })
    }

    /// The address of its channel.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amt://{SOURCE}@{}:{PORT}?relay={}", self.group, self.address)
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it panicked with was printed by then.
            let _ = thread.join();
        }
    }
}

/// The longest step from one clock to the next that is one, in 27 MHz ticks: ISO/IEC 13818-1 wants 100 ms at most, but with one
/// picture a second there may be one clock a second.
const CLOCK_STEP_MAX: f64 = 2.5 * 27e6;

/// When each datagram of whole packets is due, by the clock of the first PID that carries one; the last entry is when
/// the stream begins again. Where the clock jumps, as at a splice, it goes on at the pace from before.
fn schedule(ts: &[u8]) -> Result<Vec<Duration>> {
    // Where a clock stands, and the time by then, in 27 MHz ticks.
    let mut clocks: Vec<(usize, f64)> = Vec::new();
    let (mut clock_pid, mut before, mut pace) = (None, 0.0, 0.0);
    for (index, packet) in ts.as_chunks::<PACKET_LEN>().0.iter().enumerate() {
        let Ok(packet) = Packet::parse(packet) else { continue };
        if let Some(pcr) = packet.pcr()
            && *clock_pid.get_or_insert(packet.pid()) == packet.pid()
        {
            let (offset, pcr) = (index * PACKET_LEN, pcr.ticks_27mhz() as f64);
            let at = clocks.last().map_or(0.0, |&(last, time)| {
                let (bytes, step) = ((offset - last) as f64, pcr - before);
                if (0.0..CLOCK_STEP_MAX).contains(&step) {
                    pace = step / bytes;
                }
                time + pace * bytes
            });
            before = pcr;
            clocks.push((offset, at));
        }
    }
    let (&(first, _), &(last, all)) = clocks.first().zip(clocks.last()).context("the stream has no clock")?;
    ensure!(all > 0.0, "the stream's clock stands still");
    let spread = all / (last - first).max(1) as f64;
    let at = |offset: usize| {
        let next = clocks.partition_point(|&(position, _)| position <= offset);
        let ticks = match (next.checked_sub(1).map(|before| clocks[before]), clocks.get(next)) {
            (Some((from, before)), Some(&(to, after))) => {
                before + (after - before) * (offset - from) as f64 / (to - from) as f64
            }
            // Before the first and behind the last it goes on at the average pace.
            (Some((from, before)), None) => before + (offset - from) as f64 * spread,
            (None, _) => 0.0,
        };
        Duration::from_secs_f64(ticks / 27e6)
    };
    Ok((0..=ts.len() / PAYLOAD).map(|index| at(index * PAYLOAD)).collect())
}

fn play(socket: &UdpSocket, group: Ipv4Addr, ts: &[u8], datagrams: &[Duration], over: &AtomicBool) {
    let mut relay = Relay::new(Config::new(Ipv4Addr::LOCALHOST.into()), std::array::from_fn(|index| index as u8));
    let (mut buffer, mut message) = ([0; 2048], headers(group));
    let header = message.len();
    let (mut begun, mut next) = (None, 0);
    while !over.load(Ordering::Relaxed) {
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            // What is refused shows as a gateway that never joins.
            let _ = relay.handle_datagram(Instant::now(), from, &buffer[..length]);
            while let Some(transmit) = relay.poll_transmit() {
                let _ = socket.send_to(&transmit.payload, transmit.to);
            }
        }
        let listeners: Vec<_> = relay.subscribers(SOURCE.into(), group.into()).collect();
        if !listeners.is_empty() {
            let mut start = *begun.get_or_insert_with(Instant::now);
            while start.elapsed() >= datagrams[next] {
                if next + 1 == datagrams.len() {
                    // What is left behind the last whole datagram is not sent: less than seven packets.
                    start += datagrams[next];
                    (begun, next) = (Some(start), 0);
                    continue;
                }
                message.truncate(header);
                message.extend(&ts[next * PAYLOAD..(next + 1) * PAYLOAD]);
                for to in &listeners {
                    let _ = socket.send_to(&message, to);
                }
                next += 1;
            }
        }
        std::thread::sleep(TICK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_clip_takes_its_own_time() {
        let clip = std::fs::read(crate::stage::clip()).unwrap();
        let datagrams = schedule(&clip).unwrap();
        assert_eq!(datagrams.len(), clip.len() / PAYLOAD + 1);
        assert!(datagrams.is_sorted());
        let all = datagrams.last().unwrap().as_secs_f64();
        assert!((20.3..20.6).contains(&all), "{all}");
    }
}
