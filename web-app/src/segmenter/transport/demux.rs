//! Finds transport packets in bytes (ISO/IEC 13818-1, 2.4.3.2; Annex G.1 for resynchronisation).
//!
//! In: bytes in pieces of any size. Out: packets of 188 bytes, borrowed where they lie whole in a piece.
//! Packets may stand 188, 192 (with a time stamp before each) or 204 bytes apart (with parity after each).
//! While the sync byte is where it is due, a packet goes out with its last byte. Where it is not, the bytes
//! since the last packet's start are searched for three sync bytes in step: bytes that slipped out of the
//! last packet cost that packet only.

use amt_shared::ts::{PACKET_LEN, SYNC_BYTE};

/// How far apart packets may stand.
const STRIDES: [usize; 3] = [PACKET_LEN, 192, 204];
/// Bytes that must follow a place before it can be judged.
const LOOKAHEAD: usize = 2 * 204;
/// Bytes searched at a time.
const HUNT_PIECE: usize = 16 * 1024;

/// What was found.
pub(in crate::segmenter) enum Found<'a> {
    /// A packet.
    Packet(&'a [u8; PACKET_LEN]),
    /// The sync byte was missing where it was due; packets go on after this.
    SyncLost {
        /// Bytes were lost from, or put into, what was taken for the packet before.
        previous_damaged: bool,
    },
}

#[derive(Debug)]
enum State {
    /// Looking for packets; `grid` is where in `pending` a packet was due.
    Hunting { grid: Option<usize> },
    /// The next packet is due after `skip` bytes.
    Locked { skip: usize },
}

/// See the module.
#[derive(Debug)]
pub(in crate::segmenter) struct Demux {
    state: State,
    stride: usize,
    /// Bytes not yet used.
    pending: Vec<u8>,
    /// The last packet, in case that bytes slipped out of it.
    last: [u8; PACKET_LEN],
}

impl Default for Demux {
    fn default() -> Self {
        Self { state: State::Hunting { grid: None }, stride: PACKET_LEN, pending: Vec::new(), last: [0; PACKET_LEN] }
    }
}

impl Demux {
    /// Takes the next bytes.
    pub(in crate::segmenter) fn push(&mut self, mut data: &[u8], found: &mut impl FnMut(Found<'_>)) {
        while !data.is_empty() {
            match self.state {
                State::Locked { skip } if skip > 0 && self.pending.is_empty() => {
                    let skipped = skip.min(data.len());
                    data = &data[skipped..];
                    self.state = State::Locked { skip: skip - skipped };
                }
                State::Locked { .. } if self.pending.is_empty() => data = self.run(data, found),
                State::Locked { .. } => {
                    let taken = (PACKET_LEN - self.pending.len().min(PACKET_LEN)).min(data.len());
                    self.pending.extend_from_slice(&data[..taken]);
                    data = &data[taken..];
                    if self.pending.len() >= PACKET_LEN {
                        self.run_pending(found);
                    }
                }
                State::Hunting { .. } => {
                    let taken = data.len().min(HUNT_PIECE);
                    self.pending.extend_from_slice(&data[..taken]);
                    data = &data[taken..];
                    self.hunt(false, found);
                }
            }
        }
    }

    /// No more bytes follow: what can only be judged by less than three sync bytes is judged by those.
    pub(in crate::segmenter) fn finish(&mut self, found: &mut impl FnMut(Found<'_>)) {
        if matches!(self.state, State::Hunting { .. }) {
            self.hunt(true, found);
        }
    }

    /// Bytes are missing here: what is there of a packet does not go on with those that follow.
    pub(in crate::segmenter) fn lost(&mut self, found: &mut impl FnMut(Found<'_>)) {
        self.finish(found);
        if !self.pending.is_empty() {
            self.pending.clear();
            self.state = State::Hunting { grid: None };
        }
    }

    /// Takes all whole packets from `data`; gives back what is left when the lock is lost.
    fn run<'a>(&mut self, data: &'a [u8], found: &mut impl FnMut(Found<'_>)) -> &'a [u8] {
        let mut at = 0;
        let mut previous: Option<&[u8; PACKET_LEN]> = None;
        while let Some(packet) = data.get(at..).and_then(|rest| rest.first_chunk::<PACKET_LEN>()) {
            if packet[0] != SYNC_BYTE {
                if let Some(previous) = previous {
                    self.last = *previous;
                }
                self.lose_lock();
                return &data[at..];
            }
            found(Found::Packet(packet));
            previous = Some(packet);
            at += self.stride;
        }
        if let Some(previous) = previous {
            self.last = *previous;
        }
        self.state = State::Locked { skip: at.saturating_sub(data.len()) };
        if at < data.len() {
            // A packet that is cut by the end of the piece. Whether it is one shows with its last byte.
            self.pending.extend_from_slice(&data[at..]);
        }
        &[]
    }

    /// As [`Self::run`], from `pending`.
    fn run_pending(&mut self, found: &mut impl FnMut(Found<'_>)) {
        let pending = core::mem::take(&mut self.pending);
        let rest = self.run(&pending, found);
        if rest.is_empty() && self.pending.is_empty() {
            // Nothing is left: keep the allocation.
            self.pending = pending;
            self.pending.clear();
        } else if !rest.is_empty() {
            self.pending.extend_from_slice(rest);
            self.hunt(false, found);
        }
    }

    fn lose_lock(&mut self) {
        self.pending.clear();
        let grid = if self.stride == PACKET_LEN {
            self.pending.extend_from_slice(&self.last[1..]);
            PACKET_LEN - 1
        } else {
            0
        };
        self.state = State::Hunting { grid: Some(grid) };
    }

    fn hunt(&mut self, at_end: bool, found: &mut impl FnMut(Found<'_>)) {
        let State::Hunting { grid } = self.state else { return };
        let hit = match self.search(grid, at_end) {
            Search::Found(at, stride) => {
                self.stride = stride;
                at
            }
            Search::Undecided => return,
            Search::Nothing => {
                let kept = self.pending.len().saturating_sub(LOOKAHEAD);
                self.pending.drain(..kept);
                // The place where a packet was due lies behind.
                if let Some(grid) = grid {
                    self.state = State::Hunting { grid: Some(grid.wrapping_sub(kept)) };
                }
                return;
            }
        };
        if let Some(grid) = grid {
            let off = (hit.wrapping_sub(grid) as isize).rem_euclid(self.stride as isize);
            found(Found::SyncLost { previous_damaged: off != 0 });
        }
        self.state = State::Locked { skip: 0 };
        self.pending.drain(..hit);
        self.run_pending(found);
    }

    /// Looks for a place from which packets stand in step.
    fn search(&self, grid: Option<usize>, at_end: bool) -> Search {
        let bytes = &self.pending;
        // One packet with a broken sync byte: those after it are where they are due.
        if let Some(due) = grid.filter(|grid| *grid < bytes.len()).map(|grid| grid + self.stride) {
            if due + LOOKAHEAD >= bytes.len() && !at_end {
                return Search::Undecided;
            }
            if in_step(bytes, due, self.stride, at_end) {
                return Search::Found(due, self.stride);
            }
        }
        let last = if at_end { bytes.len() } else { bytes.len().saturating_sub(LOOKAHEAD) };
        for at in 0..last {
            if bytes[at] == SYNC_BYTE
                && let Some(stride) = STRIDES.into_iter().find(|stride| in_step(bytes, at, *stride, at_end))
            {
                return Search::Found(at, stride);
            }
        }
        Search::Nothing
    }
}

enum Search {
    Found(usize, usize),
    Undecided,
    Nothing,
}

/// Whether three sync bytes stand `stride` apart from `at` on. At the end of the input fewer do, but a whole
/// packet must be there.
fn in_step(bytes: &[u8], at: usize, stride: usize, at_end: bool) -> bool {
    let sync = |at: usize| match bytes.get(at) {
        Some(byte) => *byte == SYNC_BYTE,
        None => at_end,
    };
    at + PACKET_LEN <= bytes.len() && sync(at) && sync(at + stride) && sync(at + 2 * stride)
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Packets numbered in their second byte, without a sync byte in the payload.
    fn packets(count: u8) -> Vec<u8> {
        (0..count)
            .flat_map(|number| {
                let mut packet = [number & 0x3F; PACKET_LEN];
                packet[0] = SYNC_BYTE;
                packet
            })
            .collect()
    }

    fn numbers(data: &[u8], chunk: usize) -> (Vec<u8>, Vec<bool>) {
        let (mut seen, mut lost) = (Vec::new(), Vec::new());
        let mut demux = Demux::default();
        let mut found = |found: Found<'_>| match found {
            Found::Packet(packet) => seen.push(packet[1]),
            Found::SyncLost { previous_damaged } => lost.push(previous_damaged),
        };
        for piece in data.chunks(chunk) {
            demux.push(piece, &mut found);
        }
        demux.finish(&mut found);
        (seen, lost)
    }

    #[test]
    fn packets_are_found_from_any_byte_on() {
        let data = packets(10);
        assert_eq!(numbers(&data[77..], 13), ((1..10).collect(), vec![]));
        assert_eq!(numbers(&data, 1316), ((0..10).collect(), vec![]));
    }

    #[test]
    fn junk_between_packets_costs_no_packet() {
        let mut data = packets(10);
        data.splice(4 * 188..4 * 188, [0x11; 50]);
        assert_eq!(numbers(&data, 1316), ((0..10).collect(), vec![true]));
    }

    #[test]
    fn bytes_missing_inside_a_packet_cost_that_packet_only() {
        let mut data = packets(10);
        data.drain(4 * 188 + 20..4 * 188 + 120);
        assert_eq!(numbers(&data, 1316), ((0..10).collect(), vec![true]));
    }

    #[test]
    fn a_broken_sync_byte_costs_one_packet_and_harms_no_other() {
        let mut data = packets(10);
        data[4 * 188] = 0x46;
        assert_eq!(numbers(&data, 188), (vec![0, 1, 2, 3, 5, 6, 7, 8, 9], vec![false]));
    }

    #[test]
    fn packets_of_192_and_204_bytes_are_unwrapped() {
        for (before, after) in [(4, 0), (0, 16)] {
            let data: Vec<u8> = packets(10)
                .chunks(188)
                .flat_map(|packet| [&vec![9; before], packet, &vec![9; after]].concat())
                .collect();
            for chunk in [1, 100, 5000] {
                assert_eq!(numbers(&data, chunk), ((0..10).collect(), vec![]));
            }
        }
    }

    #[test]
    fn a_packet_that_is_cut_by_a_loss_does_not_go_on_behind_it() {
        let data = packets(10);
        for (end, again, seen) in [(4 * 188 + 50, 6 * 188, 4), (4 * 188 + 50, 5 * 188 + 50, 4), (4 * 188, 6 * 188, 4)] {
            let mut found = Vec::new();
            let mut demux = Demux::default();
            let mut take = |item: Found<'_>| match item {
                Found::Packet(packet) => found.push(packet[1]),
                Found::SyncLost { .. } => panic!("the lock was not lost"),
            };
            demux.push(&data[..end], &mut take);
            demux.lost(&mut take);
            demux.push(&data[again..], &mut take);
            demux.finish(&mut take);
            assert_eq!(found, (0..seen).chain(6..10).collect::<Vec<u8>>());
        }
    }

    #[test]
    fn what_is_no_transport_stream_gives_nothing_and_holds_little() {
        let mut demux = Demux::default();
        for _ in 0..100 {
            demux.push(&[0x46; 100_000], &mut |_| panic!("a packet"));
        }
        assert!(demux.pending.capacity() < 64 * 1024);
    }

    proptest! {
        #[test]
        fn cutting_changes_nothing(
            mut data in Just(packets(60)),
            edits in proptest::collection::vec((0usize..60 * 188, 0usize..300, any::<u8>()), 0..4),
            chunk in 1usize..3000,
        ) {
            for (at, length, byte) in edits {
                let at = at.min(data.len());
                if byte & 1 == 0 {
                    let end = (at + length).min(data.len());
                    data.drain(at..end);
                } else {
                    data.splice(at..at, std::iter::repeat_n(byte, length));
                }
            }
            prop_assert_eq!(numbers(&data, chunk), numbers(&data, usize::MAX));
        }
    }
}
