//! What is missing by the continuity counters of a transport stream's packets (ISO/IEC 13818-1, 2.4.3.3).

use amt_shared::ts::{Continuity, ContinuityTracker, NULL_PID, Packet};

/// The counters of all PIDs.
#[derive(Debug)]
pub(super) struct Counters(Box<[ContinuityTracker]>);

impl Default for Counters {
    fn default() -> Self {
        Self(vec![ContinuityTracker::default(); usize::from(NULL_PID) + 1].into())
    }
}

impl Counters {
    /// How many packets are missing before this one; `None` where its counter means nothing.
    pub(super) fn lost(&mut self, packet: &Packet<'_>) -> Option<u64> {
        if packet.pid() == NULL_PID || packet.transport_error() {
            return None;
        }
        match self.0[usize::from(packet.pid())].check(packet) {
            Continuity::Lost(lost) => Some(lost.into()),
            _ => Some(0),
        }
    }
}
