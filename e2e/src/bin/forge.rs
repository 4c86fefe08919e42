//! Somebody in the same network who would like to disturb a gateway: sends it forged AMT messages.
//!
//! It knows the gateway's and the relay's addresses and ports and what is joined, and neither nonces nor MACs.
//! With the relay's address as its own it sends all that a nonce protects, and data of other channels; with its
//! own address the data of the joined channel as well. (Data of the joined channel from the relay's own address
//! is not to be told from the relay's: RFC 7450, 6.) Its host must have both addresses.

use anyhow::{Context, Result};
use clap::Parser;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

/// Sends forged AMT messages to a gateway.
#[derive(Parser)]
struct Options {
    /// Source address and port of the messages.
    #[arg(long)]
    from: SocketAddrV4,
    /// Address and port of the gateway.
    #[arg(long)]
    to: SocketAddrV4,
    /// The relay that the gateway uses.
    #[arg(long)]
    relay: SocketAddrV4,
    /// The source of the joined channel.
    #[arg(long)]
    source: Ipv4Addr,
    /// Group and port of the joined channel.
    #[arg(long)]
    group: SocketAddrV4,
    /// Number of messages.
    #[arg(long)]
    count: u32,
    /// Messages per second.
    #[arg(long)]
    per_second: u32,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let socket = UdpSocket::bind(options.from).with_context(|| format!("cannot send from {}", options.from))?;
    let begun = Instant::now();
    for number in 0..options.count {
        socket.send_to(&options.message(number), options.to).context("cannot send")?;
        let due = begun + Duration::from_secs(1) * number / options.per_second;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    println!("sent {} forged messages in {:?}", options.count, begun.elapsed());
    Ok(())
}

impl Options {
    fn message(&self, number: u32) -> Vec<u8> {
        // Spread over all values, and never twice the same.
        let nonce = number.wrapping_mul(0x9E37_79B9);
        let noise = u64::from(nonce).wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes();
        let is_relay = self.from == self.relay;
        match number % 8 {
            // Relay Advertisement: to a relay of our own.
            0 => [&[2, 0, 0, 0][..], &nonce.to_be_bytes(), &self.from.ip().octets()].concat(),
            // Membership Query: nothing is taken here (L), another endpoint (G), come again in a second.
            1 => {
                let endpoint = [&[0x12, 0x34][..], &[0; 12], &[10, 0, 0, 1]].concat();
                [&[4, 3][..], &noise[..6], &nonce.to_be_bytes(), &GENERAL_QUERY, &endpoint].concat()
            }
            // The same without either.
            2 => [&[4, 0][..], &noise[..6], &nonce.to_be_bytes(), &GENERAL_QUERY].concat(),
            // Teardown, which is not for gateways.
            3 => [&[7, 0][..], &noise[..6], &nonce.to_be_bytes(), &noise[..2], &[0; 12], &[10, 0, 0, 1]].concat(),
            // Multicast Data of another channel, of another source, and cut short.
            4 => data(self.source, Ipv4Addr::new(232, 99, 99, 99), self.group.port()),
            5 => data(Ipv4Addr::new(198, 51, 100, 9), *self.group.ip(), self.group.port()),
            6 if is_relay => data(self.source, *self.group.ip(), self.group.port())[..nonce as usize % 18].to_vec(),
            6 => data(self.source, *self.group.ip(), self.group.port()),
            // Nothing at all.
            _ => noise[..nonce as usize % 9].to_vec(),
        }
    }
}

/// An IGMPv3 General Query from 10.0.0.1 with Router Alert, an interval of one second and right checksums.
const GENERAL_QUERY: [u8; 36] = [
    0x46, 0xC0, 0, 36, 0, 0, 0, 0, 1, 2, 0x3A, 0x12, 10, 0, 0, 1, 224, 0, 0, 1, 0x94, 4, 0, 0, // IPv4
    0x11, 1, 0xEC, 0xFD, 0, 0, 0, 0, 2, 1, 0, 0, // IGMPv3
];

/// A Multicast Data message with seven transport packets of one PID, each with the same counter.
fn data(source: Ipv4Addr, group: Ipv4Addr, port: u16) -> Vec<u8> {
    let mut packet = [0; 188];
    packet[..4].copy_from_slice(&[0x47, 0x01, 0x00, 0x15]);
    let payload = packet.repeat(7);
    let udp_len = 8 + payload.len() as u16;
    let mut header = [0x45, 0, 0, 0, 0, 0, 0, 0, 16, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    header[2..4].copy_from_slice(&(20 + udp_len).to_be_bytes());
    header[12..16].copy_from_slice(&source.octets());
    header[16..20].copy_from_slice(&group.octets());
    let sum: u32 = header.chunks_exact(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
    let checksum = !((sum & 0xFFFF) + (sum >> 16)) as u16;
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    let mut message = vec![6, 0];
    message.extend(header);
    message.extend([5000u16, port, udp_len, 0].iter().flat_map(|field| field.to_be_bytes()));
    message.extend(payload);
    message
}
