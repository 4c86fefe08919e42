//! Elementary streams and sections in packets.

use std::collections::BTreeMap;

use amt_shared::clock::write_pes_timestamp;
use amt_shared::section::crc32;
use amt_shared::ts::PACKET_LEN;

use super::watch::bear;

const PMT: u16 = 0x100;
const STREAM: u16 = 0x101;
/// Another stream that is always there, so that what begins with the first track begins.
const CUES: u16 = 0x102;
/// Where sections may stand: PAT, SDT, EIT, PMT and cues.
const TABLES: [u16; 5] = [0, 0x11, 0x12, PMT, CUES];

/// H.264 byte stream.
pub fn h264(data: &[u8]) {
    carried(data, 0x1B, &[], 0xE0);
}

/// HEVC byte stream.
pub fn hevc(data: &[u8]) {
    carried(data, 0x24, &[], 0xE0);
}

/// AV1 OBUs, by the AOM's registration.
pub fn av1(data: &[u8]) {
    carried(data, 0x06, b"\x05\x04AV01", 0xBD);
}

/// AAC in ADTS.
pub fn adts(data: &[u8]) {
    carried(data, 0x0F, &[], 0xC0);
}

/// AAC in LATM.
pub fn latm(data: &[u8]) {
    carried(data, 0x11, &[], 0xC0);
}

/// MPEG audio, decoded.
pub fn mpeg_audio(data: &[u8]) {
    carried(data, 0x03, &[], 0xC0);
}

/// AC-3, decoded.
pub fn ac3(data: &[u8]) {
    carried(data, 0x81, &[], 0xBD);
}

/// Enhanced AC-3, decoded.
pub fn eac3(data: &[u8]) {
    carried(data, 0x06, &[0x7A, 1, 0], 0xBD);
}

/// Opus, two channels.
pub fn opus(data: &[u8]) {
    carried(data, 0x06, b"\x05\x04Opus\x7F\x02\x80\x02", 0xBD);
}

/// A stream of which nothing is known.
pub fn private_data(data: &[u8]) {
    carried(data, 0x06, &[], 0xBD);
}

/// ID3 tags.
pub fn id3(data: &[u8]) {
    carried(data, 0x15, &[], 0xBD);
}

/// Sections: each step is a byte that chooses its PID, another for its length, and so many bytes, to which their
/// length and CRC are put right if the first byte's top bit is not set.
pub fn sections(data: &[u8]) {
    let mut mux = Mux::default();
    mux.tables(0x1B, &[]);
    let mut rest = data;
    while let [which, length, after @ ..] = rest {
        let (bytes, after) = after.split_at(usize::from(*length).min(after.len()));
        let pid = TABLES[usize::from(*which & 0x7F) % TABLES.len()];
        if which & 0x80 == 0 && bytes.len() >= 3 {
            mux.section(pid, bytes[0], &bytes[3..]);
        } else {
            mux.packets(pid, &[&[0], bytes].concat());
        }
        rest = after;
    }
    bear(&mux.ts);
}

/// A PMT that describes one stream so, and its bytes in PES packets. The first byte says how long these are, and which
/// of them have times.
fn carried(data: &[u8], stream_type: u8, descriptors: &[u8], stream_id: u8) {
    let Some((form, bytes)) = data.split_first() else { return };
    let mut mux = Mux::default();
    mux.tables(stream_type, descriptors);
    let length = 50 << (form & 7);
    for (number, piece) in bytes.chunks(length).enumerate() {
        let has_time = form & 8 == 0 || number % 3 == 0;
        mux.pes(stream_id, 90_000 + number as u64 * 3600, has_time, form & 16 != 0, piece);
    }
    bear(&mux.ts);
}

/// Writes packets.
#[derive(Default)]
struct Mux {
    ts: Vec<u8>,
    counters: BTreeMap<u16, u8>,
}

impl Mux {
    fn tables(&mut self, stream_type: u8, descriptors: &[u8]) {
        self.section(0, 0, &[0, 1, 0xC1, 0, 0, 0, 1, 0xE0 | (PMT >> 8) as u8, PMT as u8]);
        let mut pmt = vec![0, 1, 0xC1, 0, 0, 0xE1, 0x01, 0xF0, 0];
        pmt.extend([stream_type, 0xE0 | (STREAM >> 8) as u8, STREAM as u8, 0xF0, descriptors.len() as u8]);
        pmt.extend_from_slice(descriptors);
        pmt.extend([0x86, 0xE0 | (CUES >> 8) as u8, CUES as u8, 0xF0, 0]);
        self.section(PMT, 2, &pmt);
    }

    /// A section with the bytes behind its length, and its CRC.
    fn section(&mut self, pid: u16, table: u8, body: &[u8]) {
        let length = (body.len() + 4) as u16;
        let mut bytes = vec![0, table, 0xB0 | (length >> 8) as u8 & 0x0F, length as u8];
        bytes.extend_from_slice(body);
        let crc = crc32(&bytes[1..]);
        bytes.extend(crc.to_be_bytes());
        self.packets(pid, &bytes);
    }

    fn pes(&mut self, stream_id: u8, time: u64, has_time: bool, declared: bool, bytes: &[u8]) {
        let times = if has_time { write_pes_timestamp(2, time).to_vec() } else { Vec::new() };
        let length = if declared { (3 + times.len() + bytes.len()) as u16 } else { 0 };
        let mut pes = vec![0, 0, 1, stream_id];
        pes.extend(length.to_be_bytes());
        pes.extend([0x80, if has_time { 0x80 } else { 0 }, times.len() as u8]);
        pes.extend(times);
        pes.extend_from_slice(bytes);
        self.packets(STREAM, &pes);
    }

    /// Bytes that begin with a packet, the last of which is filled up with stuffing.
    fn packets(&mut self, pid: u16, bytes: &[u8]) {
        for (index, piece) in bytes.chunks(PACKET_LEN - 4).enumerate() {
            let start = if index == 0 { 0x40 } else { 0 };
            let counter = self.counters.entry(pid).or_default();
            *counter = (*counter + 1) & 15;
            let stuffing = PACKET_LEN - 4 - piece.len();
            let control = if stuffing > 0 { 0x30 } else { 0x10 };
            self.ts.extend([0x47, start | (pid >> 8) as u8, pid as u8, control | *counter]);
            if stuffing > 0 {
                self.ts.push(stuffing as u8 - 1);
                self.ts.extend([0].into_iter().chain(core::iter::repeat(0xFF)).take(stuffing - 1));
            }
            self.ts.extend_from_slice(piece);
        }
    }
}
