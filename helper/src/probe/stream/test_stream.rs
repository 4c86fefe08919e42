//! A transport stream in simulated time, right by every check unless a test takes something away.

use amt_shared::clock::write_pes_timestamp;
use amt_shared::section::crc32;
use amt_shared::ts::PACKET_LEN;
use std::collections::BTreeMap;

pub(super) const PMT_PID: u16 = 0x1000;
pub(super) const VIDEO: u16 = 0x100;
pub(super) const AUDIO: u16 = 0x101;
/// Datagrams leave in even steps of so many microseconds: 1316 bytes in 2 ms are 5.264 Mbit/s.
const STEP: u64 = 2000;
const PACKETS: usize = 7;

/// A section with the long header, version 0, and its CRC.
pub(super) fn section(table_id: u8, extension: u16, body: &[u8]) -> Vec<u8> {
    versioned(table_id, extension, 0, body)
}

pub(super) fn versioned(table_id: u8, extension: u16, version: u8, body: &[u8]) -> Vec<u8> {
    let [length_high, length_low] = (body.len() as u16 + 9).to_be_bytes();
    let [high, low] = extension.to_be_bytes();
    let mut bytes = vec![table_id, 0xB0 | length_high, length_low, high, low, 0xC1 | version << 1, 0, 0];
    bytes.extend_from_slice(body);
    bytes.extend(crc32(&bytes).to_be_bytes());
    bytes
}

/// The header of a PES packet with its times.
pub(super) fn pes(stream_id: u8, pts: u64, dts: Option<u64>) -> Vec<u8> {
    let mut bytes = vec![0, 0, 1, stream_id, 0, 0, 0x80];
    match dts {
        None => {
            bytes.extend([0x80, 5]);
            bytes.extend(write_pes_timestamp(2, pts));
        }
        Some(dts) => {
            bytes.extend([0xC0, 10]);
            bytes.extend(write_pes_timestamp(3, pts));
            bytes.extend(write_pes_timestamp(1, dts));
        }
    }
    bytes
}

/// What is to go into a packet.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) pid: u16,
    pub(super) start: bool,
    /// Flags of the adaptation field, and the PCR in 27 MHz ticks.
    pub(super) adaptation: Option<(u8, Option<u64>)>,
    pub(super) payload: Vec<u8>,
}

impl Content {
    pub(super) fn section(pid: u16, section: &[u8]) -> Self {
        Self { pid, start: true, adaptation: None, payload: [&[0][..], section].concat() }
    }
}

/// Makes the stream.
pub(super) struct Sender {
    /// Microseconds since it began.
    pub(super) now: u64,
    pub(super) counters: BTreeMap<u16, u8>,
    /// Packets that wait for their place.
    pub(super) queue: Vec<Content>,
    /// Of these PIDs nothing is sent.
    pub(super) silent: Vec<u16>,
    pub(super) tables_every: u64,
    pub(super) pcr_every: u64,
    /// Added to the clock and to all times.
    pub(super) clock_offset: u64,
    pub(super) mark_key_frames: bool,
}

impl Default for Sender {
    fn default() -> Self {
        Self {
            now: 0,
            counters: BTreeMap::new(),
            queue: Vec::new(),
            silent: Vec::new(),
            tables_every: 100_000,
            pcr_every: 20_000,
            clock_offset: 0,
            mark_key_frames: true,
        }
    }
}

impl Sender {
    /// Puts a packet before those that are due.
    pub(super) fn insert(&mut self, content: Content) {
        self.queue.push(content);
    }

    /// The datagrams of so many milliseconds, with the time each is sent.
    pub(super) fn send(&mut self, millis: u64) -> Vec<(u64, Vec<u8>)> {
        let end = self.now + millis * 1000;
        let mut datagrams = Vec::new();
        while self.now < end {
            datagrams.push((self.now, self.datagram()));
            self.now += STEP;
        }
        datagrams
    }

    fn datagram(&mut self) -> Vec<u8> {
        self.schedule();
        let mut bytes = Vec::new();
        while bytes.len() < PACKETS * PACKET_LEN {
            let content = if self.queue.is_empty() {
                Content { pid: VIDEO, payload: vec![0xAB; 184], ..Content::default() }
            } else {
                self.queue.remove(0)
            };
            if self.silent.contains(&content.pid) {
                bytes.extend(self.packet(&Content { pid: 0x1FFF, payload: vec![0xFF; 184], ..Content::default() }));
            } else {
                bytes.extend(self.packet(&content));
            }
        }
        bytes
    }

    /// What is due at this time.
    fn schedule(&mut self) {
        let now = self.now;
        let due = |every: u64| now.is_multiple_of(every);
        if due(self.tables_every) {
            self.queue.push(Content::section(0, &section(0, 1, &pat_entry(1, PMT_PID))));
            self.queue.push(Content::section(PMT_PID, &section(2, 1, &pmt_body())));
        }
        let ticks = now * 27 + self.clock_offset * 300;
        let stamp = now * 9 / 100 + self.clock_offset + 45_000;
        if due(self.pcr_every) {
            self.queue.push(Content {
                pid: VIDEO,
                adaptation: Some((0x10, Some(ticks))),
                payload: vec![0xAB; 176],
                ..Content::default()
            });
        }
        if due(40_000) {
            let key = due(1_000_000);
            let unit = [0, 0, 0, 1, 9, 0xF0, 0, 0, 0, 1, if key { 0x67 } else { 0x41 }];
            let marked = key && self.mark_key_frames;
            self.queue.push(Content {
                pid: VIDEO,
                start: true,
                adaptation: marked.then_some((0x40, None)),
                payload: [pes(0xE0, stamp + 3600, Some(stamp)), unit.to_vec()].concat(),
            });
        }
        if due(24_000) {
            self.queue.push(Content { pid: AUDIO, start: true, adaptation: None, payload: pes(0xC0, stamp, None) });
        }
    }

    /// A packet with the counter that is due.
    pub(super) fn packet(&mut self, content: &Content) -> [u8; PACKET_LEN] {
        let counter = self.counters.entry(content.pid).or_insert(0xF);
        *counter = (*counter + 1) & 0xF;
        let [high, low] = content.pid.to_be_bytes();
        let start = if content.start { 0x40 } else { 0 };
        let mut bytes = vec![0x47, start | high, low, 0x10 | *counter];
        if let Some((flags, pcr)) = content.adaptation {
            bytes[3] |= 0x20;
            bytes.extend([if pcr.is_some() { 7 } else { 1 }, flags]);
            if let Some(ticks) = pcr {
                let (base, extension) = (ticks / 300, ticks % 300);
                let field = base << 15 | 0x3F << 9 | extension;
                bytes.extend(&field.to_be_bytes()[2..]);
            }
        }
        bytes.extend(&content.payload);
        bytes.resize(PACKET_LEN, 0xFF);
        bytes.try_into().unwrap()
    }
}

pub(super) fn pat_entry(program: u16, pmt_pid: u16) -> Vec<u8> {
    [program.to_be_bytes(), (0xE000 | pmt_pid).to_be_bytes()].concat()
}

/// H.264 with the PCR, and AAC in German.
pub(super) fn pmt_body() -> Vec<u8> {
    [&[0xE1, 0, 0xF0, 0, 0x1B, 0xE1, 0, 0xF0, 0, 0x0F, 0xE1, 1, 0xF0, 6][..], b"\x0A\x04deu\x00"].concat()
}
