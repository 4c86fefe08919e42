//! Frames as all viewers of a channel get them, and where decoding can start among them.

use super::random_access::RandomAccess;
use super::tables::Tables;
use amt_shared::ts::{PACKET_LEN, Packet, SYNC_BYTE};
use amt_shared::wire::FrameHeader;
use bytes::{Bytes, BytesMut};

/// Bytes of TS in one frame at most; one receive call may bring more, in more frames.
const MAX_TS: usize = 1 << 16;

/// Whether a viewer may begin with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    /// It begins in the middle of something.
    None,
    /// Some PES packet or section begins in it.
    UnitStart,
    /// It begins where decoding can start (see [`random_access`](super::random_access)).
    RandomAccess,
}

/// A [`FrameHeader`] and TS, built once for all viewers.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) bytes: Bytes,
    pub(super) entry: Entry,
    /// The stream's tables as they are after it, where it holds one.
    pub(super) tables: Option<Bytes>,
}

impl Frame {
    pub(super) fn new(header: FrameHeader, ts: &[u8], entry: Entry) -> Self {
        let mut bytes = BytesMut::with_capacity(FrameHeader::LEN + ts.len());
        bytes.extend_from_slice(&header.encode());
        bytes.extend_from_slice(ts);
        Self { bytes: bytes.freeze(), entry, tables: None }
    }
}

/// Joins what arrived together into frames. A random access point always begins one.
#[derive(Default)]
pub(super) struct Framer {
    tables: Tables,
    /// A table was completed since the last frame.
    tables_came: bool,
    random_access: RandomAccess,
    ts: Vec<u8>,
    received_micros: u64,
    gap: bool,
    missing: u16,
    entry: Option<Entry>,
    sequence: u32,
}

impl Framer {
    /// Notes that something was lost on the way to the helper, so many TS packets at most, or 0 where that is not known;
    /// gives the frame of what came before that.
    pub(super) fn lost(&mut self, missing: u16) -> Option<Frame> {
        let before = self.finish();
        self.missing = match (self.gap, self.missing, missing) {
            (false, ..) => missing,
            (true, 0, _) | (true, _, 0) => 0,
            (true, before, more) => before.saturating_add(more),
        };
        self.gap = true;
        before
    }

    /// Takes the TS of one datagram; frames that are complete by it go to `each`.
    pub(super) fn push(&mut self, ts: &[u8], received_micros: u64, mut each: impl FnMut(Frame)) {
        let mut start = 0;
        for (index, packet) in packets(ts) {
            if self.random_access.begins(&packet, &self.tables, received_micros) {
                self.append(&ts[start..index], received_micros);
                self.finish().into_iter().for_each(&mut each);
                self.entry = Some(Entry::RandomAccess);
                start = index;
            } else if packet.payload_unit_start() && self.entry.is_none() {
                self.entry = Some(Entry::UnitStart);
            }
            self.tables_came |= self.tables.push(&packet);
        }
        self.append(&ts[start..], received_micros);
        if self.ts.len() >= MAX_TS {
            self.finish().into_iter().for_each(each);
        }
    }

    fn append(&mut self, ts: &[u8], received_micros: u64) {
        if self.ts.is_empty() {
            self.received_micros = received_micros;
        }
        self.ts.extend_from_slice(ts);
    }

    /// Whether nothing was pushed since the last frame.
    pub(super) fn is_empty(&self) -> bool {
        self.ts.is_empty()
    }

    /// The frame of what was pushed since the last, if anything was.
    pub(super) fn finish(&mut self) -> Option<Frame> {
        let entry = self.entry.take().unwrap_or(Entry::None);
        if self.ts.is_empty() {
            return None;
        }
        let header = FrameHeader {
            gap: std::mem::take(&mut self.gap),
            missing: std::mem::take(&mut self.missing),
            sequence: self.sequence,
            received_micros: self.received_micros,
        };
        self.sequence = self.sequence.wrapping_add(1);
        let mut frame = Frame::new(header, &self.ts, entry);
        self.ts.clear();
        frame.tables = std::mem::take(&mut self.tables_came).then(|| self.tables.packets());
        Some(frame)
    }
}

/// The packets of a datagram and where they begin. Datagrams carry whole packets (ISO/IEC 13818-1 over UDP, as
/// in RFC 2250); what stands elsewhere is the page's to find, so other packets are passed over.
pub(crate) fn packets(ts: &[u8]) -> impl Iterator<Item = (usize, Packet<'_>)> {
    // Some senders put a few bytes first; the first sync byte that another one follows counts.
    let start = (0..PACKET_LEN.min(ts.len())).find(|&at| is_sync(ts, at)).unwrap_or(0);
    ts[start..]
        .as_chunks::<PACKET_LEN>()
        .0
        .iter()
        .enumerate()
        .filter_map(move |(index, bytes)| Packet::parse(bytes).ok().map(|packet| (start + index * PACKET_LEN, packet)))
}

fn is_sync(ts: &[u8], at: usize) -> bool {
    ts[at] == SYNC_BYTE && ts.get(at + PACKET_LEN).is_none_or(|byte| *byte == SYNC_BYTE)
}

#[cfg(test)]
mod tests {
    use super::super::test_packets::{random_access, video};
    use super::*;

    fn collect(framer: &mut Framer, datagrams: &[Vec<u8>]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for (index, datagram) in datagrams.iter().enumerate() {
            framer.push(datagram, index as u64, |frame| frames.push(frame));
        }
        frames.extend(framer.finish());
        frames
    }

    #[test]
    fn what_arrives_together_is_one_frame_with_the_time_of_the_first() {
        let frames = collect(&mut Framer::default(), &[video(0), video(1)]);
        assert_eq!(frames.len(), 1);
        let (header, ts) = FrameHeader::decode(&frames[0].bytes).unwrap();
        assert_eq!((header.sequence, header.received_micros, ts.len()), (0, 0, 376));
    }

    #[test]
    fn a_random_access_point_begins_a_frame() {
        let datagram = [video(0), random_access(1), video(2)].concat();
        let mut framer = Framer::default();
        assert!(framer.lost(0).is_none());
        let frames = collect(&mut framer, std::slice::from_ref(&datagram));
        let entries: Vec<_> = frames.iter().map(|frame| frame.entry).collect();
        assert_eq!(entries, [Entry::None, Entry::RandomAccess]);
        let decoded: Vec<_> = frames.iter().map(|frame| FrameHeader::decode(&frame.bytes).unwrap()).collect();
        assert_eq!([decoded[0].1, decoded[1].1].concat(), datagram);
        assert_eq!((decoded[0].0.gap, decoded[1].0.gap, decoded[1].0.sequence), (true, false, 1));
    }

    #[test]
    fn what_came_before_a_loss_and_what_came_after_it_are_two_frames() {
        let mut framer = Framer::default();
        framer.push(&video(0), 0, |_| panic!("a frame"));
        let before = framer.lost(7).expect("a frame");
        assert!(framer.lost(14).is_none());
        let after = collect(&mut framer, &[video(2)]);
        let decoded = [&before, &after[0]].map(|frame| FrameHeader::decode(&frame.bytes).unwrap());
        assert_eq!(
            decoded.map(|(header, ts)| (header.gap, header.missing, header.sequence, ts)),
            [(false, 0, 0, &video(0)[..]), (true, 21, 1, &video(2)[..])]
        );
    }

    #[test]
    fn packets_are_found_behind_a_few_strange_bytes() {
        let datagram = [vec![0xAA; 4], video(0), random_access(1)].concat();
        let found: Vec<_> = packets(&datagram).map(|(at, packet)| (at, packet.random_access())).collect();
        assert_eq!(found, [(4, false), (192, true)]);
        assert_eq!(packets(&[0x48; 1316]).count(), 0);
        assert_eq!(packets(&[]).count(), 0);
    }
}
