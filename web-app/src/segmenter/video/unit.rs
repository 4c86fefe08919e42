//! A frame as it came: the NAL units or OBUs of one sample, and what was seen of them on the way.

use crate::segmenter::transport::pes::PesHeader;

/// What the PES packet says in which a unit begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct PesStart {
    pub(in crate::segmenter) times: PesHeader,
    /// The packet's `random_access_indicator`.
    pub(in crate::segmenter) random_access: bool,
}

/// What is of interest in a NAL unit or OBU besides pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::segmenter) struct Notes {
    /// An SEI with a recovery point.
    pub(in crate::segmenter) recovery_point: bool,
    /// Closed captions.
    pub(in crate::segmenter) captions: bool,
}

/// A NAL unit in the buffer.
#[derive(Clone, Copy, Debug)]
pub(in crate::segmenter) struct Nal {
    /// Where its start code begins.
    pub(in crate::segmenter) code: usize,
    /// Where it ends, without trailing zeros; known when it is closed.
    pub(in crate::segmenter) end: usize,
    pub(in crate::segmenter) kind: u8,
    /// A packet is missing inside it.
    pub(in crate::segmenter) damaged: bool,
    pub(in crate::segmenter) notes: Notes,
}

/// A frame as it came; `H` is what its first slice says.
#[derive(Debug)]
pub(in crate::segmenter) struct Unit<'a, H> {
    pub(in crate::segmenter) bytes: &'a [u8],
    pub(in crate::segmenter) nals: &'a [Nal],
    /// Of the PES packet that begins with this unit.
    pub(in crate::segmenter) start: Option<PesStart>,
    /// The first slice's header; `None` where there is no slice that can be read.
    pub(in crate::segmenter) header: Option<H>,
    /// Part of it is missing.
    pub(in crate::segmenter) damaged: bool,
    /// Packets were lost since the unit before, with which whole units may be gone.
    pub(in crate::segmenter) after_loss: bool,
    /// Decoding can start here.
    pub(in crate::segmenter) key: bool,
}

impl<'a, H> Unit<'a, H> {
    /// Its NAL units, without start codes.
    pub(in crate::segmenter) fn nals(&self) -> impl Iterator<Item = (u8, &'a [u8])> {
        self.noted().map(|(kind, bytes, _)| (kind, bytes))
    }

    /// Bytes of it, more than a sample of it takes.
    pub(in crate::segmenter) fn size(&self) -> usize {
        self.nals.iter().map(|nal| 8 + nal.end.saturating_sub(nal.code)).sum()
    }

    /// The same with what was seen in them.
    pub(in crate::segmenter) fn noted(&self) -> impl Iterator<Item = (u8, &'a [u8], Notes)> {
        let bytes = self.bytes;
        self.nals.iter().map(move |nal| (nal.kind, bytes.get(nal.code + 3..nal.end).unwrap_or_default(), nal.notes))
    }
}

/// What comes out: units, and faults by the way. `H` is a slice's header, `S` the parameter sets.
pub(in crate::segmenter) trait UnitSink<H, S> {
    fn unit(&mut self, unit: &Unit<'_, H>, sets: &S);
    fn bad_parameter_set(&mut self);
    fn oversize(&mut self);
    fn early_end_refuted(&mut self);
}
