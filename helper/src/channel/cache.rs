//! What a new viewer is given at once: the tables, and everything since the last random access point.
//!
//! The helper does not understand media. It keeps the packets that carry the PAT and the PMTs (ISO/IEC
//! 13818-1, 2.4.4) as they came, and counts nothing in them but their length.

use super::frame::{Entry, Frame, packets};
use amt_shared::ts::{PACKET_LEN, Packet};
use amt_shared::wire::FrameHeader;
use std::collections::{BTreeMap, VecDeque};

/// Bytes kept at most; a random access point further back cannot be started from.
const MAX_BYTES: usize = 6 << 20;
/// Time kept at most, in microseconds.
const MAX_AGE_MICROS: u64 = 12_000_000;
/// Programs whose tables are kept.
const MAX_PROGRAMS: usize = 32;

/// The packets of one table: the last complete one.
#[derive(Clone, Default)]
struct Table {
    complete: Vec<u8>,
    building: Vec<u8>,
    /// Bytes still missing from the section that is being built.
    missing: usize,
}

impl Table {
    /// Takes a packet of the table's PID; whether a section is complete with it.
    fn push(&mut self, packet: &Packet<'_>) -> bool {
        let payload = packet.payload();
        if payload.is_empty() {
            // It brings the section no further, and could be repeated for ever.
            return false;
        }
        if packet.payload_unit_start() {
            let Some((section, length)) = section(payload) else { return false };
            self.building.clear();
            self.missing = length.saturating_sub(section.len());
        } else if self.missing > 0 {
            self.missing = self.missing.saturating_sub(payload.len());
        } else {
            return false;
        }
        self.building.extend_from_slice(packet.bytes());
        if self.missing == 0 {
            self.complete = std::mem::take(&mut self.building);
        }
        self.missing == 0
    }
}

/// The section that begins in a payload, behind its pointer field, and its whole length (2.4.4.1).
fn section(payload: &[u8]) -> Option<(&[u8], usize)> {
    let section = payload.get(1 + usize::from(*payload.first()?)..)?;
    let length = 3 + (usize::from(section.get(1)? & 0x0F) << 8 | usize::from(*section.get(2)?));
    Some((section, length))
}

/// The tables of a stream.
#[derive(Clone, Default)]
struct Tables {
    pat: Table,
    pmts: BTreeMap<u16, Table>,
}

impl Tables {
    fn push(&mut self, packet: &Packet<'_>) {
        if packet.transport_error() {
            return;
        }
        if packet.pid() == 0 {
            if self.pat.push(packet) {
                self.follow_pat();
            }
        } else if let Some(pmt) = self.pmts.get_mut(&packet.pid()) {
            pmt.push(packet);
        }
    }

    /// Learns which PIDs carry PMTs (2.4.4.3): entries of four bytes between an 8-byte header and the CRC.
    fn follow_pat(&mut self) {
        let mut bytes = Vec::new();
        for chunk in self.pat.complete.as_chunks::<PACKET_LEN>().0 {
            if let Ok(packet) = Packet::parse(chunk) {
                bytes.extend_from_slice(packet.payload());
            }
        }
        let Some((section, length)) = section(&bytes) else { return };
        let Some(entries) = length.checked_sub(4).and_then(|end| section.get(8..end)) else { return };
        let pids = entries.as_chunks::<4>().0.iter().filter_map(|&[a, b, c, d]| {
            // Program 0 is the network's own table.
            ((a, b) != (0, 0)).then_some(u16::from(c & 0x1F) << 8 | u16::from(d))
        });
        let pids: Vec<u16> = pids.take(MAX_PROGRAMS).collect();
        self.pmts.retain(|pid, _| pids.contains(pid));
        for pid in pids {
            self.pmts.entry(pid).or_default();
        }
    }

    fn packets(&self) -> Vec<u8> {
        let pmts = self.pmts.values().map(|pmt| pmt.complete.as_slice());
        std::iter::once(self.pat.complete.as_slice()).chain(pmts).collect::<Vec<_>>().concat()
    }
}

/// Everything since the last random access point, within bounds.
#[derive(Default)]
pub(super) struct Cache {
    tables: Tables,
    /// The tables as they were when the cached frames begin, so that their counters fit.
    tables_at_start: Vec<u8>,
    frames: VecDeque<Frame>,
    bytes: usize,
    start_micros: u64,
    /// Whether the stream has ever shown a random access point.
    has_random_access: bool,
}

/// What a new viewer is given.
pub(super) struct CatchUp {
    pub(super) frames: Vec<Frame>,
    pub(super) age_micros: u64,
}

impl Cache {
    pub(super) fn has_random_access(&self) -> bool {
        self.has_random_access
    }

    /// Takes the frame that has just been sent to everybody.
    pub(super) fn push(&mut self, frame: &Frame) {
        let Ok((header, ts)) = FrameHeader::decode(&frame.bytes) else { return };
        if frame.entry == Entry::RandomAccess {
            self.has_random_access = true;
            self.tables_at_start = self.tables.packets();
            self.start_micros = header.received_micros;
            self.clear();
        }
        let collects = frame.entry == Entry::RandomAccess || !self.frames.is_empty();
        let age = header.received_micros.saturating_sub(self.start_micros);
        if collects && self.bytes + frame.bytes.len() <= MAX_BYTES && age <= MAX_AGE_MICROS {
            self.bytes += frame.bytes.len();
            self.frames.push_back(frame.clone());
        } else {
            self.clear();
        }
        for (_, packet) in packets(ts) {
            self.tables.push(&packet);
        }
    }

    fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }

    /// The frames with which a viewer that joins at `now_micros` begins; just the tables where the last random
    /// access point lies too far back.
    pub(super) fn catch_up(&self, now_micros: u64) -> CatchUp {
        let first = self.frames.front().and_then(|frame| FrameHeader::decode(&frame.bytes).ok());
        let (tables, start) = match first {
            Some((header, _)) => (self.tables_at_start.clone(), Some(header)),
            None => (self.tables.packets(), None),
        };
        let received_micros = start.map_or(now_micros, |header| header.received_micros);
        let mut frames = Vec::with_capacity(self.frames.len() + 1);
        if !tables.is_empty() {
            // One before the first: to the page the frames follow each other.
            let sequence = start.map_or(0, |header| header.sequence).wrapping_sub(1);
            let header = FrameHeader { gap: false, sequence, received_micros };
            frames.push(Frame::new(header, &tables, Entry::UnitStart));
        }
        frames.extend(self.frames.iter().cloned());
        CatchUp { frames, age_micros: now_micros.saturating_sub(received_micros) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Framer;
    use super::super::test_packets::{pat, pmt, random_access, video};
    use super::*;

    fn feed(cache: &mut Cache, framer: &mut Framer, ts: &[u8], micros: u64) {
        framer.push(ts, micros, |frame| cache.push(&frame));
        if let Some(frame) = framer.finish() {
            cache.push(&frame);
        }
    }

    fn ts(catch_up: &CatchUp) -> Vec<u8> {
        let ts = |frame: &Frame| FrameHeader::decode(&frame.bytes).unwrap().1.to_vec();
        catch_up.frames.iter().flat_map(ts).collect()
    }

    #[test]
    fn a_new_viewer_gets_the_tables_and_all_since_the_random_access_point() {
        let (mut cache, mut framer) = (Cache::default(), Framer::default());
        feed(&mut cache, &mut framer, &[video(0), pat(0, 0x100), pmt(0, 0x100)].concat(), 1000);
        feed(&mut cache, &mut framer, &[video(1), random_access(2)].concat(), 2000);
        feed(&mut cache, &mut framer, &[pmt(1, 0x100), video(3)].concat(), 3000);
        let catch_up = cache.catch_up(5000);
        let expected = [pat(0, 0x100), pmt(0, 0x100), random_access(2), pmt(1, 0x100), video(3)].concat();
        assert_eq!(ts(&catch_up), expected);
        assert_eq!(catch_up.age_micros, 3000);
        let sequences: Vec<u32> =
            catch_up.frames.iter().map(|frame| FrameHeader::decode(&frame.bytes).unwrap().0.sequence).collect();
        assert_eq!(sequences, [1, 2, 3]);
    }

    #[test]
    fn the_cache_ends_where_it_would_grow_too_old_or_too_large() {
        let (mut cache, mut framer) = (Cache::default(), Framer::default());
        feed(&mut cache, &mut framer, &pat(0, 0x100), 0);
        feed(&mut cache, &mut framer, &random_access(0), 0);
        feed(&mut cache, &mut framer, &video(1), MAX_AGE_MICROS + 1);
        assert_eq!(ts(&cache.catch_up(MAX_AGE_MICROS + 1)), pat(0, 0x100));
        feed(&mut cache, &mut framer, &random_access(2), 0);
        let megabyte = video(3).repeat((1 << 20) / PACKET_LEN);
        for _ in 0..10 {
            feed(&mut cache, &mut framer, &megabyte, 0);
            assert!(cache.bytes <= MAX_BYTES);
        }
        assert_eq!(ts(&cache.catch_up(0)), pat(0, 0x100));
        assert!(cache.has_random_access());
    }

    #[test]
    fn packets_without_payload_do_not_make_a_table_grow() {
        let mut unfinished = pmt(0, 0x100);
        (unfinished[6], unfinished[7]) = (0xBF, 0xFD);
        let mut empty = vec![0xFF; PACKET_LEN];
        empty[..6].copy_from_slice(&[0x47, 0x01, 0x00, 0x20, 183, 0]);
        let (mut cache, mut framer) = (Cache::default(), Framer::default());
        feed(&mut cache, &mut framer, &[pat(0, 0x100), unfinished].concat(), 0);
        (0..100).for_each(|_| feed(&mut cache, &mut framer, &empty, 0));
        assert_eq!(cache.tables.pmts[&0x100].building.len(), PACKET_LEN);
    }

    #[test]
    fn a_table_over_several_packets_is_kept_whole() {
        let mut long = pmt(0, 0x100);
        // A section of 300 bytes: the rest comes in a second packet.
        (long[6], long[7]) = (0xB1, 0x29);
        let mut rest = vec![0xFF; PACKET_LEN];
        rest[..4].copy_from_slice(&[0x47, 0x01, 0x00, 0x11]);
        let (mut cache, mut framer) = (Cache::default(), Framer::default());
        feed(&mut cache, &mut framer, &[pat(0, 0x100), long.clone()].concat(), 0);
        assert_eq!(ts(&cache.catch_up(0)), pat(0, 0x100));
        feed(&mut cache, &mut framer, &rest, 0);
        assert_eq!(ts(&cache.catch_up(0)), [pat(0, 0x100), long, rest].concat());
    }
}
