//! Whether access units end where PES packets do, as the stream itself shows it.

/// How often an end has to prove right before a unit is given out by it.
const PROOFS: u8 = 3;

/// How the end of a PES packet shows before the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum End {
    /// Its declared length is reached.
    Declared,
    /// A packet is filled up with stuffing, which only the last of an unbounded PES packet needs.
    Stuffed,
}

/// What the stream has shown about its PES packets' ends.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Trust {
    proven: [u8; 2],
    refuted: [bool; 2],
    /// Units run over PES packets' ends.
    spans: bool,
    /// What was taken for the end of the last PES packet.
    candidate: Option<End>,
    pes_begins: bool,
}

impl Trust {
    pub(in crate::segmenter) fn holds(&self, end: End) -> bool {
        !self.spans && !self.refuted[end as usize] && self.proven[end as usize] >= PROOFS
    }

    /// A PES packet begins with the next bytes.
    pub(in crate::segmenter) fn begin(&mut self) {
        self.pes_begins = true;
    }

    /// The PES packet seems to end here; gives whether that is believed.
    pub(in crate::segmenter) fn end(&mut self, end: End) -> bool {
        self.candidate = Some(end);
        self.holds(end)
    }

    /// Packets are missing: what comes next proves nothing.
    pub(in crate::segmenter) fn lost(&mut self) {
        self.candidate = None;
    }

    /// Compares what was taken for a PES packet's end with what came next; gives whether an end that was believed
    /// was none. `begins_unit` says whether what came is what units begin with.
    pub(in crate::segmenter) fn judge(&mut self, begins_unit: impl FnOnce() -> bool, after_loss: bool) -> bool {
        let begins = core::mem::take(&mut self.pes_begins);
        if begins && !after_loss && !begins_unit() {
            self.spans = true;
        }
        let Some(end) = self.candidate.take() else { return false };
        if begins {
            let proven = &mut self.proven[end as usize];
            *proven = proven.saturating_add(1);
            return false;
        }
        let believed = self.holds(end);
        self.refuted[end as usize] = true;
        believed
    }
}
