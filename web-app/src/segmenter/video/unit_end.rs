//! Whether access units end where PES packets do, as the stream itself shows it.

/// How often an end has to prove right before a unit is given out by it; a unit that is cut by a wrong one ends playback
/// in Chromium.
const PROOFS: u16 = 4;
/// The same at most, after any number of declared lengths that were too small.
const PROOFS_MAX: u16 = 10_000;

/// How the end of a PES packet shows before the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum End {
    /// Its declared length is reached.
    Declared,
    /// A packet of an unbounded PES packet is filled up with stuffing, which only the last one needs; `field` is the
    /// length of its adaptation field.
    Stuffed { field: usize },
}

/// Some multiplexers write no adaptation field shorter than this: where less room is left, they write this one, and send
/// the few bytes over in another packet.
const SHORTEST_FIELD: usize = 8;

/// Ends that are proven apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Declared,
    Stuffed,
    /// With the field that may not be at the end.
    StuffedByShortest,
}

impl End {
    const fn kind(self) -> Kind {
        match self {
            Self::Declared => Kind::Declared,
            Self::Stuffed { field: SHORTEST_FIELD } => Kind::StuffedByShortest,
            Self::Stuffed { .. } => Kind::Stuffed,
        }
    }
}

/// What the stream has shown about its PES packets' ends.
#[derive(Debug)]
pub(in crate::segmenter) struct Trust {
    proven: [u16; 3],
    refuted: [bool; 3],
    /// Proofs of a declared length that are enough.
    enough: u16,
    /// Units run over PES packets' ends.
    spans: bool,
    /// What was taken for the end of the last PES packet.
    candidate: Option<End>,
    pes_begins: bool,
}

impl Default for Trust {
    fn default() -> Self {
        Self { proven: [0; 3], refuted: [false; 3], enough: PROOFS, spans: false, candidate: None, pes_begins: false }
    }
}

impl Trust {
    pub(in crate::segmenter) fn holds(&self, end: End) -> bool {
        let enough = if end == End::Declared { self.enough } else { PROOFS };
        let kind = end.kind() as usize;
        !self.spans && !self.refuted[kind] && self.proven[kind] >= enough
    }

    /// A PES packet has more bytes than it declared, as by a loss; gives whether it is one. If lengths are wrong, they
    /// are again before they are trusted again.
    pub(in crate::segmenter) fn exceeded(&mut self) -> bool {
        let believed = self.holds(End::Declared);
        self.proven[Kind::Declared as usize] = 0;
        self.enough = (self.enough * 2).min(PROOFS_MAX);
        believed
    }

    /// What a PES packet declared has gone round at 65,536.
    pub(in crate::segmenter) fn wrapped(&mut self) {
        self.refuted[Kind::Declared as usize] = true;
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

    /// Whether something was taken for the end of the last PES packet, and nothing came since.
    pub(in crate::segmenter) const fn seems_ended(&self) -> bool {
        self.candidate.is_some()
    }

    /// Packets are missing: what comes next proves nothing.
    pub(in crate::segmenter) fn lost(&mut self) {
        self.candidate = None;
    }

    /// Compares what was taken for a PES packet's end with what came next; gives whether an end that was believed
    /// was none. `begins_unit` says whether what came is what units begin with.
    pub(in crate::segmenter) fn judge(&mut self, begins_unit: impl FnOnce() -> bool, after_loss: bool) -> bool {
        // Nearly all bytes are in the middle of a PES packet.
        if !self.pes_begins && self.candidate.is_none() {
            return false;
        }
        let begins = core::mem::take(&mut self.pes_begins);
        if begins && !after_loss && !begins_unit() {
            self.spans = true;
        }
        let Some(end) = self.candidate.take() else { return false };
        if begins {
            let proven = &mut self.proven[end.kind() as usize];
            *proven = proven.saturating_add(1);
            if let End::Stuffed { field: ..SHORTEST_FIELD } = end {
                // Not one of those.
                self.proven[Kind::StuffedByShortest as usize] = PROOFS;
            }
            return false;
        }
        let believed = self.holds(end);
        self.refuted[end.kind() as usize] = true;
        believed
    }
}
