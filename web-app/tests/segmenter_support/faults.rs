//! A clean broadcast with a clock, and the faults that are put into it.

use super::*;

/// What the broadcast is like.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// A fixture, repeated without a seam.
    pub clip: &'static str,
    /// How often; three seconds each.
    pub rounds: u64,
    /// Of the picture's PES packets; those of the sound have declared lengths.
    pub length: Length,
    /// The PID that the PMT names for the clock, and the one it comes on.
    pub clock: (u16, Option<u16>),
}

/// PCRs of their own PID.
pub const CLOCK: u16 = 300;
/// How far decoding times stand ahead of the clock.
pub const LEAD: i64 = 36_000;

impl Default for Plan {
    fn default() -> Self {
        Self { clip: "clip", rounds: 4, length: Length::Declared, clock: (VIDEO, Some(VIDEO)) }
    }
}

impl Plan {
    /// The broadcast, packet by packet.
    pub fn packets(&self) -> Vec<[u8; PACKET_LEN]> {
        let clip = pes_packets(&fixture(self.clip));
        let mut all = Vec::new();
        for (pid, period) in [(VIDEO, 3 * 90_000), (AUDIO, 142 * 1920)] {
            for round in 0..self.rounds {
                all.extend(clip.iter().filter(|pes| pes.pid == pid).cloned().map(|mut pes| {
                    pes.pts = pes.pts.map(|pts| pts + round * period);
                    pes.dts = pes.dts.map(|dts| dts + round * period);
                    pes
                }));
            }
        }
        all.sort_by_key(|pes| pes.dts.or(pes.pts));
        let mut muxer = Muxer::default();
        for (index, pes) in all.iter().enumerate() {
            if index % 10 == 0 {
                muxer.pat(&[(1, PMT)]);
                muxer.pmt_with_clock(self.clock.0, &[(0x1B, VIDEO), (0x0F, AUDIO)]);
            }
            if let Some(pid) = self.clock.1 {
                muxer.pcr(pid, pes.dts.or(pes.pts).unwrap() as i64 - LEAD);
            }
            muxer.pes(pes, if pes.pid == VIDEO { self.length } else { Length::Declared });
        }
        packets(&muxer.ts)
    }
}

impl Muxer {
    fn pmt_with_clock(&mut self, clock: u16, streams: &[(u8, u16)]) {
        let mut body = (0xE000 | clock).to_be_bytes().to_vec();
        body.extend([0xF0, 0]);
        for (stream_type, pid) in streams {
            body.push(*stream_type);
            body.extend((0xE000 | pid).to_be_bytes());
            body.extend([0xF0, 0]);
        }
        self.section(PMT, 2, 1, 0, &body);
    }

    /// A packet with a PCR and no payload; `base` is on 90 kHz.
    fn pcr(&mut self, pid: u16, base: i64) {
        let counter = *self.counters.entry(pid).or_insert(15);
        let mut packet = [0xFF; PACKET_LEN];
        packet[..6].copy_from_slice(&[0x47, (pid >> 8) as u8, pid as u8, 0x20 | counter, 183, 0x10]);
        set_pcr(&mut packet, base);
        self.ts.extend(packet);
    }
}

/// Writes another PCR where one stands; `base` is on 90 kHz.
pub fn set_pcr(packet: &mut [u8; PACKET_LEN], base: i64) {
    let base = base.rem_euclid(WRAP) as u64;
    packet[6..10].copy_from_slice(&((base >> 1) as u32).to_be_bytes());
    packet[10] = ((base & 1) as u8) << 7 | 0x7E;
    packet[11] = 0;
}

/// The PCR's base that a packet carries.
pub fn pcr_of(packet: &[u8; PACKET_LEN]) -> Option<i64> {
    Packet::parse(packet).ok()?.pcr().map(|pcr| pcr.base as i64)
}

/// Moves the PCRs alone from the packet `from` on.
pub fn move_clock(all: &mut [[u8; PACKET_LEN]], from: usize, by: impl Fn(i64) -> i64) {
    for packet in all.iter_mut().skip(from) {
        if let Some(base) = pcr_of(packet) {
            set_pcr(packet, base + by(base));
        }
    }
}

/// Moves the timestamps of PES packets alone from the packet `from` on.
pub fn move_timestamps(all: &mut [[u8; PACKET_LEN]], from: usize, by: impl Fn(i64) -> i64) {
    for packet in all.iter_mut().skip(from) {
        let Some(at) = pes_at(packet) else { continue };
        for (flag, offset) in [(0x80, 9), (0x40, 14)] {
            if packet[at + 7] & flag != 0 {
                let field: &mut [u8; 5] = packet[at + offset..].first_chunk_mut().unwrap();
                let time = pes_timestamp(field) as i64;
                *field = write_pes_timestamp(field[0] >> 4, (time + by(time)).rem_euclid(WRAP) as u64);
            }
        }
    }
}

/// Takes the times out of the PES packets of `of` for which `gone` says so; the bytes become stuffing of the header.
pub fn without_times(all: &mut [[u8; PACKET_LEN]], of: u16, mut gone: impl FnMut(usize) -> bool) {
    let starts = all.iter_mut().filter(|packet| pid(packet) == of && packet[1] & 0x40 != 0);
    for (number, packet) in starts.enumerate() {
        if gone(number)
            && let Some(at) = pes_at(packet)
        {
            packet[at + 7] &= 0x3F;
            let end = at + 9 + usize::from(packet[at + 8]);
            packet[at + 9..end].fill(0xFF);
        }
    }
}

/// Sets `discontinuity_indicator` where there is an adaptation field.
pub fn announce(packet: &mut [u8; PACKET_LEN]) {
    assert!(packet[3] & 0x20 != 0 && packet[4] > 0);
    packet[5] |= 0x80;
}

/// Bytes between the packets, or behind them: 192 and 204 bytes apart.
pub fn spaced(all: &[[u8; PACKET_LEN]], before: usize, behind: usize) -> Vec<u8> {
    all.iter().flat_map(|packet| [&vec![0x11; before], &packet[..], &vec![0x47; behind]].concat()).collect()
}

/// Null packets in between, whose counters and bytes mean nothing.
pub fn with_null_packets(all: &[[u8; PACKET_LEN]]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, packet) in all.iter().enumerate() {
        out.extend(packet);
        for number in 0..index % 4 {
            let mut null = [number as u8; PACKET_LEN];
            null[..4].copy_from_slice(&[0x47, 0x1F, 0xFF, 0x10 | (index as u8 & 15)]);
            out.extend(null);
        }
    }
    out
}
