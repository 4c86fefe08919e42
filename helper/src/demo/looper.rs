//! A clip as a stream without end (ISO/IEC 13818-1, 2.4.2.2 and 2.4.3.3).
//!
//! In: a clip, and nothing else: no clock. Out: datagrams of seven packets, and when each is due. PCR, PTS and
//! DTS run on over the seam and round their 33 bits, the continuity counter of every PID too: no receiver can
//! tell where the clip begins.

use super::clip::{Clip, PCR_PER_TICK, read_timestamp};
use amt_shared::clock::{PCR_TICKS_PER_SECOND, WRAP, write_pes_timestamp};
use amt_shared::ts::{self, PACKET_LEN, Packet};
use std::collections::BTreeMap;
use std::time::Duration;

/// Packets in a datagram: as many as an Ethernet frame takes.
pub const PACKETS_PER_DATAGRAM: usize = 7;
/// Bytes in a datagram.
pub const DATAGRAM_LEN: usize = PACKETS_PER_DATAGRAM * PACKET_LEN;

/// Plays a clip for ever.
pub struct Looper<'a> {
    clip: Clip<'a>,
    /// Rounds played.
    round: u64,
    /// The packet of the clip that is next.
    next: usize,
    /// Added to every clock of the first round, in 90 kHz ticks.
    origin: u64,
    /// The continuity counter of the next packet with payload, by PID.
    counters: BTreeMap<u16, u8>,
}

impl<'a> Looper<'a> {
    /// Starts at the beginning of the clip, with its own timestamps.
    #[must_use]
    pub const fn new(clip: Clip<'a>) -> Self {
        Self::with_origin(clip, 0)
    }

    /// Starts at the beginning of the clip, with `origin` 90 kHz ticks added to its timestamps.
    #[must_use]
    pub const fn with_origin(clip: Clip<'a>, origin: u64) -> Self {
        Self { clip, round: 0, next: 0, origin, counters: BTreeMap::new() }
    }

    /// When the next datagram is due, counted from the due time of the first packet of all: when its last packet
    /// is, as a sender that fills datagrams from a live stream has it.
    #[must_use]
    pub fn next_due(&self) -> Duration {
        let last = self.next + PACKETS_PER_DATAGRAM - 1;
        let len = self.clip.packets.len();
        let round = self.round + (last / len) as u64;
        let ticks = u128::from(round * self.clip.period * PCR_PER_TICK + self.clip.packets[last % len].due);
        Duration::from_nanos_u128(ticks * 1_000_000_000 / PCR_TICKS_PER_SECOND as u128)
    }

    /// Appends the next datagram to `out`, and to `frames` the numbers of the video frames that end in it.
    pub fn next_datagram(&mut self, out: &mut Vec<u8>, frames: &mut Vec<u32>) {
        for _ in 0..PACKETS_PER_DATAGRAM {
            out.extend_from_slice(&self.next_packet(frames));
        }
    }

    fn next_packet(&mut self, frames: &mut Vec<u32>) -> [u8; PACKET_LEN] {
        let packet = &self.clip.packets[self.next];
        let offset = self.origin + self.round * self.clip.period;
        let mut bytes = *packet.bytes;
        if packet.has_pcr {
            shift_pcr(&mut bytes, offset);
        }
        if let Some(at) = packet.timestamps {
            for at in [Some(at.pts), at.dts].into_iter().flatten() {
                shift_timestamp(&mut bytes, at, offset);
            }
        }
        frames.extend(packet.frame_end);

        let counter = self.counters.entry(ts::pid(&bytes)).or_default();
        if bytes[3] & 0x10 == 0 {
            // Without payload the counter stays that of the packet before.
            bytes[3] = bytes[3] & 0xF0 | counter.wrapping_sub(1) & 0x0F;
        } else {
            bytes[3] = bytes[3] & 0xF0 | *counter;
            *counter = (*counter + 1) & 0x0F;
        }

        self.next += 1;
        if self.next == self.clip.packets.len() {
            self.next = 0;
            self.round += 1;
        }
        bytes
    }
}

const fn shifted(value: u64, offset: u64) -> u64 {
    (value + offset) & (WRAP as u64 - 1)
}

/// Adds 90 kHz ticks to the base of a PCR; the 27 MHz extension stays (2.4.3.5).
fn shift_pcr(bytes: &mut [u8; PACKET_LEN], offset: u64) {
    let Some(pcr) = Packet::parse(bytes).ok().and_then(|packet| packet.pcr()) else { return };
    let field = shifted(pcr.base, offset) << 15 | 0x3F << 9 | u64::from(pcr.extension);
    bytes[6..12].copy_from_slice(&field.to_be_bytes()[2..]);
}

fn shift_timestamp(bytes: &mut [u8; PACKET_LEN], at: usize, offset: u64) {
    let value = shifted(read_timestamp(bytes, at), offset);
    let prefix = bytes[at] >> 4;
    bytes[at..at + 5].copy_from_slice(&write_pes_timestamp(prefix, value));
}

#[cfg(test)]
mod tests;
