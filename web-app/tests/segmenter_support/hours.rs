//! Hours of television in simulated time: small packets, exact times, as long as one likes.

use super::*;

/// Of a second of the source: key frame, P and B pictures.
const GOP: usize = 25;
/// Samples of an AAC frame.
const FRAME: u64 = 1024;
/// Frames of sound in a PES packet.
const GROUP: u64 = 4;
/// How far decoding times stand ahead of the clock.
const LEAD: i64 = 30_000;

/// A programme of H.264 and AAC whose pictures last `step` ticks and whose sound has `rate` samples a second. Its
/// decoding times begin at `begin`, 33 bits; sound begins with the first picture that is shown.
pub struct Hours {
    pub step: u64,
    pub rate: u64,
    pub begin: u64,
    video: Vec<[u8; PACKET_LEN]>,
    /// How far presentation is behind decoding.
    delays: Vec<u64>,
    audio: [u8; PACKET_LEN],
    tables: [[u8; PACKET_LEN]; 2],
    frames: u64,
    groups: u64,
    counters: [u8; 4],
}

impl Hours {
    pub fn new(step: u64, rate: u64, begin: u64) -> Self {
        let mut muxer = Muxer::default();
        muxer.pat(&[(1, PMT)]);
        muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (0x0F, AUDIO)]);
        let all = packets(&std::mem::take(&mut muxer.ts));
        let tables = [all[0], all[1]];
        let clip: Vec<Pes> = pes_packets(&fixture("clip")).into_iter().filter(|pes| pes.pid == VIDEO).collect();
        let mut delays = Vec::new();
        for pes in &clip[GOP..2 * GOP] {
            let (pts, dts) = (pes.pts.unwrap(), pes.dts.or(pes.pts).unwrap());
            delays.push((pts - dts) / 3600);
            let pes = Pes { pid: VIDEO, pts: Some(0), dts: Some(0), payload: cut_short(&pes.payload) };
            muxer.pes_with_clock(&pes);
        }
        let video = packets(&std::mem::take(&mut muxer.ts));
        assert_eq!(video.len(), GOP, "a packet for each picture");
        muxer.pes(
            &Pes { pid: AUDIO, pts: Some(0), dts: None, payload: adts(rate).repeat(GROUP as usize) },
            Length::Declared,
        );
        let audio = packets(&muxer.ts)[0];
        Self { step, rate, begin, video, delays, audio, tables, frames: 0, groups: 0, counters: [0; 4] }
    }

    fn counted(&mut self, which: usize, mut packet: [u8; PACKET_LEN], out: &mut Vec<u8>) {
        packet[3] = packet[3] & 0xF0 | self.counters[which];
        self.counters[which] = (self.counters[which] + 1) & 15;
        out.extend(packet);
    }

    /// The next picture and the sound that is due before it.
    pub fn next(&mut self, out: &mut Vec<u8>) {
        let index = (self.frames % GOP as u64) as usize;
        if index == 0 {
            for (which, table) in self.tables.into_iter().enumerate() {
                self.counted(which, table, out);
            }
        }
        let due = self.frames * self.step;
        let rate = self.rate;
        let sound = move |groups: u64| groups * GROUP * FRAME * 90_000 / rate;
        while sound(self.groups) <= due {
            let mut packet = self.audio;
            // The first picture is shown two later.
            let pts = (self.begin + 2 * self.step + sound(self.groups)) % WRAP as u64;
            let at = pes_at(&packet).unwrap() + 9;
            packet[at..at + 5].copy_from_slice(&write_pes_timestamp(2, pts));
            self.counted(3, packet, out);
            self.groups += 1;
        }
        let mut packet = self.video[index];
        let dts = (self.begin + due) % WRAP as u64;
        let pts = (dts + self.delays[index] * self.step) % WRAP as u64;
        let base = (dts as i64 - LEAD).rem_euclid(WRAP) as u64;
        packet[6..10].copy_from_slice(&((base >> 1) as u32).to_be_bytes());
        packet[10] = ((base & 1) as u8) << 7 | 0x7E;
        let at = pes_at(&packet).unwrap() + 9;
        packet[at..at + 5].copy_from_slice(&write_pes_timestamp(3, pts));
        packet[at + 5..at + 10].copy_from_slice(&write_pes_timestamp(1, dts));
        self.counted(2, packet, out);
        self.frames += 1;
    }

    /// Decoding time and delay of the picture with this number, from the first on.
    pub fn picture(&self, number: u64) -> (u64, u64) {
        (number * self.step, self.delays[(number % GOP as u64) as usize] * self.step)
    }
}

/// Parameter sets, and so much of a slice as its header takes.
fn cut_short(unit: &[u8]) -> Vec<u8> {
    let starts: Vec<usize> = (0..unit.len() - 3).filter(|at| unit[*at..].starts_with(&[0, 0, 1])).collect();
    let mut kept = Vec::new();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(unit.len());
        match unit[start + 3] & 0x1F {
            7..=9 => kept.extend_from_slice(&unit[*start..end]),
            1 | 5 => kept.extend_from_slice(&unit[*start..end.min(start + 60)]),
            _ => {}
        }
    }
    kept
}

/// An ADTS frame of a few bytes.
fn adts(rate: u64) -> Vec<u8> {
    let index = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000].iter().position(|known| *known == rate).unwrap() as u8;
    let length = 7 + 8u16;
    let mut frame = vec![0xFF, 0xF1, 0x40 | index << 2, 0x80, (length >> 3) as u8, (length << 5) as u8 | 0x1F, 0xFC];
    frame.extend([0x21, 0x10, 0x04, 0x60, 0x8C, 0x1C, 0, 0]);
    frame
}

impl Muxer {
    /// A PES packet of one transport packet, behind a PCR.
    fn pes_with_clock(&mut self, pes: &Pes) {
        let mut other = Self::default();
        other.pes(pes, Length::Unbounded);
        let packet = packets(&other.ts)[0];
        let payload = Packet::parse(&packet).unwrap().payload().to_vec();
        self.packet(pes.pid, true, &[0x10, 0, 0, 0, 0, 0, 0], &payload);
    }
}
