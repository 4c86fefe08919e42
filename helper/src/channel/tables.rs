//! The tables of a stream as packets (ISO/IEC 13818-1, 2.4.4): what a new viewer needs before anything else.
//!
//! PAT and PMTs are kept as they came. Of what is in them only the coding of video is looked at, for where decoding
//! can start ([`random_access`](super::random_access)).

use super::random_access::Coding;
use amt_shared::ts::{PACKET_LEN, Packet};
use bytes::Bytes;
use std::collections::BTreeMap;

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

/// What a programme has, as far as anybody here wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Program {
    /// Its PMT has come.
    known: bool,
    /// The PID and coding of its first video stream.
    video: Option<(u16, Coding)>,
}

/// The tables of a stream.
#[derive(Default)]
pub(super) struct Tables {
    pat: Table,
    /// The PIDs of the PMTs, in the PAT's order.
    programs: Vec<(u16, Program)>,
    pmts: BTreeMap<u16, Table>,
}

impl Tables {
    /// Takes a packet of any PID; whether a table is complete with it.
    pub(super) fn push(&mut self, packet: &Packet<'_>) -> bool {
        let pid = packet.pid();
        if packet.transport_error() {
            return false;
        }
        if pid == 0 {
            let complete = self.pat.push(packet);
            if complete {
                self.follow_pat();
            }
            return complete;
        }
        let Some(pmt) = self.pmts.get_mut(&pid) else { return false };
        let complete = pmt.push(packet);
        if complete {
            let program = program(&payloads(&pmt.complete));
            self.programs.iter_mut().filter(|(of, _)| *of == pid).for_each(|(_, known)| *known = program);
        }
        complete
    }

    /// The video stream that a page plays: of the first programme that has one.
    pub(super) fn video(&self) -> Option<(u16, Coding)> {
        self.programs.iter().find_map(|(_, program)| program.video)
    }

    /// Whether all programmes are known, and none has video.
    pub(super) fn sound_alone(&self) -> bool {
        !self.programs.is_empty() && self.programs.iter().all(|(_, program)| program.known && program.video.is_none())
    }

    /// Learns which PIDs carry PMTs (2.4.4.3): entries of four bytes between an 8-byte header and the CRC.
    fn follow_pat(&mut self) {
        let bytes = payloads(&self.pat.complete);
        let Some((section, length)) = section(&bytes) else { return };
        let Some(entries) = length.checked_sub(4).and_then(|end| section.get(8..end)) else { return };
        let pids = entries.as_chunks::<4>().0.iter().filter_map(|&[a, b, c, d]| {
            // Program 0 is the network's own table.
            ((a, b) != (0, 0)).then_some(u16::from(c & 0x1F) << 8 | u16::from(d))
        });
        let pids: Vec<u16> = pids.take(MAX_PROGRAMS).collect();
        self.pmts.retain(|pid, _| pids.contains(pid));
        let before = std::mem::take(&mut self.programs);
        let known = |pid| before.iter().find(|(of, _)| *of == pid).map_or_else(Program::default, |(_, known)| *known);
        self.programs = pids.iter().map(|pid| (*pid, known(*pid))).collect();
        for pid in pids {
            self.pmts.entry(pid).or_default();
        }
    }

    /// All of them, as packets.
    pub(super) fn packets(&self) -> Bytes {
        let pmts = self.pmts.values().map(|pmt| pmt.complete.as_slice());
        std::iter::once(self.pat.complete.as_slice()).chain(pmts).collect::<Vec<_>>().concat().into()
    }
}

fn payloads(packets: &[u8]) -> Vec<u8> {
    let packets = packets.as_chunks::<PACKET_LEN>().0.iter().filter_map(|bytes| Packet::parse(bytes).ok());
    packets.flat_map(|packet| packet.payload().iter().copied()).collect()
}

/// Reads a PMT's streams (2.4.4.8): behind 12 bytes and the programme's descriptors, five bytes and descriptors each.
fn program(payloads: &[u8]) -> Program {
    let mut program = Program { known: true, video: None };
    let Some((section, length)) = section(payloads) else { return program };
    let Some(section) = length.checked_sub(4).and_then(|end| section.get(..end)) else { return program };
    let length = |bytes: &[u8]| usize::from(bytes[0] & 0x0F) << 8 | usize::from(bytes[1]);
    let mut streams = section.get(10..12).and_then(|field| section.get(12 + length(field)..)).unwrap_or_default();
    while let [stream_type, high, low, rest @ ..] = streams
        && program.video.is_none()
    {
        program.video = Coding::of(*stream_type).map(|coding| (u16::from(high & 0x1F) << 8 | u16::from(*low), coding));
        streams = rest.get(..2).and_then(|field| rest.get(2 + length(field)..)).unwrap_or_default();
    }
    program
}

#[cfg(test)]
mod tests {
    use super::super::test_packets::{pat, pmt, pmt_of};
    use super::*;
    use proptest::prelude::*;

    fn push(tables: &mut Tables, packets: &[u8]) {
        for packet in packets.as_chunks::<PACKET_LEN>().0 {
            tables.push(&Packet::parse(packet).unwrap());
        }
    }

    #[test]
    fn packets_without_payload_do_not_make_a_table_grow() {
        let mut unfinished = pmt(0, 0x100);
        (unfinished[6], unfinished[7]) = (0xBF, 0xFD);
        let mut empty = vec![0xFF; PACKET_LEN];
        empty[..6].copy_from_slice(&[0x47, 0x01, 0x00, 0x20, 183, 0]);
        let mut tables = Tables::default();
        push(&mut tables, &[pat(0, 0x100), unfinished].concat());
        (0..100).for_each(|_| push(&mut tables, &empty));
        assert_eq!(tables.pmts[&0x100].building.len(), PACKET_LEN);
    }

    #[test]
    fn a_table_over_several_packets_is_kept_whole() {
        let mut long = pmt(0, 0x100);
        // A section of 300 bytes: the rest comes in a second packet.
        (long[6], long[7]) = (0xB1, 0x29);
        let mut rest = vec![0xFF; PACKET_LEN];
        rest[..4].copy_from_slice(&[0x47, 0x01, 0x00, 0x11]);
        let mut tables = Tables::default();
        push(&mut tables, &[pat(0, 0x100), long.clone()].concat());
        assert_eq!(tables.packets(), pat(0, 0x100));
        push(&mut tables, &rest);
        assert_eq!(tables.packets(), [pat(0, 0x100), long, rest].concat());
    }

    #[test]
    fn the_first_video_stream_of_a_programme_is_known_and_so_is_that_there_is_none() {
        let mut tables = Tables::default();
        push(&mut tables, &pat(0, 0x100));
        assert_eq!((tables.video(), tables.sound_alone()), (None, false));
        push(&mut tables, &pmt_of(0, 0x100, &[(0x0F, 0x102), (0x1B, 0x101), (0x24, 0x103)]));
        assert_eq!((tables.video(), tables.sound_alone()), (Some((0x101, Coding::H264)), false));
        // The same PAT again changes nothing.
        push(&mut tables, &pat(1, 0x100));
        assert_eq!(tables.video(), Some((0x101, Coding::H264)));
        push(&mut tables, &pmt_of(1, 0x100, &[(0x0F, 0x102), (0x06, 0x104)]));
        assert_eq!((tables.video(), tables.sound_alone()), (None, true));
    }

    proptest! {
        #[test]
        fn any_tables_are_read_without_harm(sections in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..184), 1..8)) {
            let mut tables = Tables::default();
            push(&mut tables, &pat(0, 0x100));
            for (index, section) in sections.iter().enumerate() {
                let mut packet = vec![0x47, 0x40 | (index & 1) as u8, 0x00, 0x10];
                packet.extend(section);
                packet.resize(PACKET_LEN, 0xFF);
                push(&mut tables, &packet);
                let _ = (tables.video(), tables.sound_alone(), tables.packets());
            }
        }
    }
}
