//! Where the next packet of plain TS begins in a datagram that is cut elsewhere than at packets (ffmpeg's default is 1,472
//! bytes): such a datagram may begin with any byte, one that looks like RTP among them.

use super::PathId;
use amt_shared::ts::{PACKET_LEN, SYNC_BYTE};

/// For each path, how many bytes of its next datagram belong to the packet before.
#[derive(Debug, Default)]
pub(super) struct Phase(Vec<(PathId, usize)>);

impl Phase {
    /// Whether a payload goes on with the packets of the one before it.
    pub(super) fn goes_on(&self, path: PathId, payload: &[u8]) -> bool {
        let due = self.0.iter().find(|(of, _)| *of == path).map(|(_, due)| *due);
        due.is_some_and(|due| is_in_phase(payload, due))
    }

    /// This payload is plain TS.
    #[inline]
    pub(super) fn follow(&mut self, path: PathId, payload: &[u8]) {
        let whole = payload.len().is_multiple_of(PACKET_LEN);
        if whole && self.0.iter().all(|(of, due)| *of != path || *due == 0) && payload.first() == Some(&SYNC_BYTE) {
            // As nearly all of it.
            return;
        }
        let due = self.0.iter().find(|(of, _)| *of == path).map(|(_, due)| *due);
        let phase = due.into_iter().chain(0..PACKET_LEN).find(|phase| is_in_phase(payload, *phase));
        self.0.retain(|(of, _)| *of != path);
        if let Some(phase) = phase {
            self.0.push((path, (PACKET_LEN - (payload.len() - phase) % PACKET_LEN) % PACKET_LEN));
        }
    }

    /// Nothing more comes by this path, or it is not plain TS any more.
    pub(super) fn forget(&mut self, path: PathId) {
        self.0.retain(|(of, _)| *of != path);
    }
}

/// Whether packets begin at `phase` and so on; two of them, as one byte alone proves nothing.
fn is_in_phase(payload: &[u8], phase: usize) -> bool {
    payload.len() > phase + PACKET_LEN && payload[phase..].iter().step_by(PACKET_LEN).all(|first| *first == SYNC_BYTE)
}
