//! Slice segment headers (ISO/IEC 23008-2, 7.3.6.1).

use super::{LongReferences, Pps, ReferenceSet, Sps, nal, unescape_into};
use crate::segmenter::bits::BitReader;

/// A slice segment header up to the reference pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct SliceHeader {
    /// The first of its picture: of any other, only this and the parameter sets are read.
    pub(super) first: bool,
    /// `nal_unit_type`.
    pub(super) kind: u8,
    pub(super) temporal_id: u8,
    pub(super) pps_id: u8,
    pub(super) sps_id: u8,
    pub(super) poc_lsb: u32,
    pub(super) short_term: ReferenceSet,
    pub(super) long_term: LongReferences,
}

impl SliceHeader {
    /// Bytes after which a header can be read whole up to here.
    pub(super) const ENOUGH: usize = 192;

    /// Reads the header of a slice segment whose parameter sets `sets` knows; `None` where they are not known or the
    /// header is cut.
    pub(super) fn parse<'a>(nal_unit: &[u8], sets: impl Fn(u8) -> Option<(&'a Sps, &'a Pps)>) -> Option<Self> {
        let ([high, low], rest) = nal_unit.split_first_chunk::<2>()?;
        let mut plain = [0; Self::ENOUGH];
        let length = unescape_into(rest, &mut plain);
        let mut r = BitReader::new(plain.get(..length)?);
        let kind = high >> 1 & 0x3F;
        let first = r.bit()?;
        if is_irap(kind) {
            r.bit()?;
        }
        let pps_id = u8::try_from(r.ue()?).ok()?;
        let (sps, pps) = sets(pps_id)?;
        let mut header = Self {
            first,
            kind,
            temporal_id: (low & 7).saturating_sub(1),
            pps_id,
            sps_id: pps.sps_id,
            poc_lsb: 0,
            short_term: ReferenceSet::default(),
            long_term: LongReferences::default(),
        };
        if !first {
            return Some(header);
        }
        r.bits(pps.num_extra_slice_header_bits)?;
        r.ue().filter(|slice_type| *slice_type <= 2)?;
        if pps.output_flag_present {
            r.bit()?;
        }
        if sps.separate_colour_plane {
            r.bits(2)?;
        }
        if matches!(kind, nal::IDR_W_RADL | nal::IDR_N_LP) {
            return Some(header);
        }
        header.poc_lsb = r.bits(sps.log2_max_poc_lsb)?;
        let sets = &sps.reference_sets;
        header.short_term = if !r.bit()? {
            ReferenceSet::read_in_slice(&mut r, sets)?
        } else {
            let bits = usize::BITS - sets.len().checked_sub(1)?.leading_zeros();
            *sets.get(r.bits(bits)? as usize)?
        };
        if let Some(listed) = &sps.long_term {
            header.long_term = LongReferences::read(&mut r, sps.log2_max_poc_lsb, listed)?;
        }
        Some(header)
    }

    /// An IRAP picture: decoding can start here.
    pub(super) const fn is_irap(&self) -> bool {
        is_irap(self.kind)
    }

    /// IDR or BLA: nothing from before is referred to by what follows.
    pub(super) const fn is_clean(&self) -> bool {
        matches!(self.kind, nal::BLA_W_LP..=nal::IDR_N_LP)
    }

    /// RADL or RASL: shown before the random access point that it stands behind.
    pub(super) const fn is_leading(&self) -> bool {
        matches!(self.kind, nal::RADL_N..=nal::RASL_R)
    }

    /// RASL: leads its random access point and refers to what stands before that.
    pub(super) const fn is_skipped_leading(&self) -> bool {
        matches!(self.kind, nal::RASL_N | nal::RASL_R)
    }

    /// Whether the order counts of later pictures go on from this one's (8.3.1).
    pub(super) const fn anchors_order(&self) -> bool {
        let not_referred_to = self.kind < nal::RSV_VCL_R15 && self.kind.is_multiple_of(2);
        self.temporal_id == 0 && !not_referred_to && !self.is_leading()
    }
}

const fn is_irap(kind: u8) -> bool {
    matches!(kind, nal::BLA_W_LP..=23)
}
