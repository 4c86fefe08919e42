//! Picture parameter sets (ISO/IEC 23008-2, 7.3.2.3).

use super::unescape;
use crate::segmenter::bits::BitReader;

/// A picture parameter set, as far as it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Pps {
    pub(super) id: u8,
    pub(super) sps_id: u8,
    pub(super) output_flag_present: bool,
    pub(super) num_extra_slice_header_bits: u32,
}

impl Pps {
    /// Reads a whole NAL unit.
    pub(super) fn parse(nal_unit: &[u8]) -> Option<Self> {
        let plain = unescape(nal_unit.get(2..)?, 64);
        let mut r = BitReader::new(&plain);
        let id = u8::try_from(r.ue()?).ok().filter(|id| *id < 64)?;
        let sps_id = u8::try_from(r.ue()?).ok().filter(|id| *id < 16)?;
        r.bit()?;
        Some(Self { id, sps_id, output_flag_present: r.bit()?, num_extra_slice_header_bits: r.bits(3)? })
    }
}
