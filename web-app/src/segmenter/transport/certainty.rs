//! What tells a transport stream from bytes that happen to look like packets.

use amt_shared::ts::{PACKET_LEN, Packet};

/// So many packets in a row are no accident: in random bytes, that many sync bytes stand in step once in a TB.
const RECOGNISED_AFTER: u32 = 5;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Certainty {
    bytes: u64,
    /// Packets in a row that can be some, and since the beginning.
    row: u32,
    possible: u64,
    certain: bool,
}

impl Certainty {
    /// So many bytes came.
    pub(in crate::segmenter) const fn bytes(&mut self, count: usize) {
        self.bytes += count as u64;
    }

    /// Judges a packet by whether it can be one.
    pub(in crate::segmenter) fn packet(&mut self, bytes: &[u8; PACKET_LEN]) {
        if self.certain {
            return;
        }
        if Packet::parse(bytes).is_err() {
            self.row = 0;
        } else {
            self.possible += 1;
            self.row += 1;
            self.certain |= self.row >= RECOGNISED_AFTER;
        }
    }

    /// What follows does not stand in step with what was before.
    pub(in crate::segmenter) const fn sync_lost(&mut self) {
        self.row = 0;
    }

    /// A table with a right CRC came.
    pub(in crate::segmenter) const fn table(&mut self) {
        self.certain = true;
    }

    /// See [`crate::segmenter::Segmenter::recognised`].
    pub(in crate::segmenter) const fn recognised(&self) -> bool {
        self.certain || self.possible > 0 && self.possible * PACKET_LEN as u64 == self.bytes
    }
}
