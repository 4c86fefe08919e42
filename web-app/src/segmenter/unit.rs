//! A frame as it came: the NAL units or OBUs of one sample, and what was seen of them on the way.

use super::pes::PesHeader;

/// What the PES packet says in which a unit begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PesStart {
    pub(super) times: PesHeader,
    /// The packet's `random_access_indicator`.
    pub(super) random_access: bool,
}

/// What is of interest in a NAL unit or OBU besides pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// An SEI with a recovery point.
    pub(super) recovery_point: bool,
    /// Closed captions.
    pub(super) captions: bool,
}

/// A NAL unit in the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nal {
    /// Where its start code begins.
    pub(super) code: usize,
    /// Where it ends, without trailing zeros; known when it is closed.
    pub(super) end: usize,
    pub(super) kind: u8,
    /// A packet is missing inside it.
    pub(super) damaged: bool,
    pub(super) notes: Notes,
}

/// A frame as it came; `H` is what its first slice says.
#[derive(Debug)]
pub(super) struct Unit<'a, H> {
    pub(super) bytes: &'a [u8],
    pub(super) nals: &'a [Nal],
    /// Of the PES packet that begins with this unit.
    pub(super) start: Option<PesStart>,
    /// The first slice's header; `None` where there is no slice that can be read.
    pub(super) header: Option<H>,
    /// Part of it is missing.
    pub(super) damaged: bool,
    /// Packets were lost since the unit before, with which whole units may be gone.
    pub(super) after_loss: bool,
    /// Decoding can start here.
    pub(super) key: bool,
}

impl<'a, H> Unit<'a, H> {
    /// Its NAL units, without start codes.
    pub(super) fn nals(&self) -> impl Iterator<Item = (u8, &'a [u8])> {
        self.noted().map(|(kind, bytes, _)| (kind, bytes))
    }

    /// Bytes of it, more than a sample of it takes.
    pub(super) fn size(&self) -> usize {
        self.nals.iter().map(|nal| 8 + nal.end.saturating_sub(nal.code)).sum()
    }

    /// The same with what was seen in them.
    pub(super) fn noted(&self) -> impl Iterator<Item = (u8, &'a [u8], Notes)> {
        let bytes = self.bytes;
        self.nals.iter().map(move |nal| (nal.kind, bytes.get(nal.code + 3..nal.end).unwrap_or_default(), nal.notes))
    }
}

/// What comes out: units, and faults by the way. `H` is a slice's header, `S` the parameter sets.
pub(super) trait UnitSink<H, S> {
    fn unit(&mut self, unit: &Unit<'_, H>, sets: &S);
    fn bad_parameter_set(&mut self);
    fn oversize(&mut self);
    fn early_end_refuted(&mut self);
}
