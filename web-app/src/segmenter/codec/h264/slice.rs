//! Slice headers (ISO/IEC 14496-10, 7.3.3), and which picture a slice is of.

use super::{Pps, Sps, nal, unescape_into};
use crate::segmenter::bits::BitReader;

/// A slice header (7.3.3) up to the picture order count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct SliceHeader {
    pub(in crate::segmenter) first_mb: u32,
    /// I or SI.
    pub(in crate::segmenter) intra: bool,
    pub(in crate::segmenter) idr: bool,
    pub(in crate::segmenter) pps_id: u8,
    pub(in crate::segmenter) sps_id: u8,
    pub(in crate::segmenter) field: Option<Parity>,
    pub(super) reference: bool,
    pub(super) frame_num: u32,
    idr_pic_id: u32,
    pub(super) poc_lsb: u32,
    delta_poc: [i32; 2],
}

/// Which field of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum Parity {
    Top,
    Bottom,
}

impl SliceHeader {
    /// Bytes after which a header can be read whole: more than the longest one up to here.
    pub(in crate::segmenter) const ENOUGH: usize = 48;

    /// Reads the header of a slice whose parameter sets `sets` knows; `None` where they are not known or the
    /// header is cut.
    pub(in crate::segmenter) fn parse<'a>(
        nal_unit: &[u8],
        sets: impl Fn(u8) -> Option<(&'a Sps, &'a Pps)>,
    ) -> Option<Self> {
        let (&header, rest) = nal_unit.split_first()?;
        let mut plain = [0; Self::ENOUGH];
        let length = unescape_into(rest, &mut plain);
        Self::read(header, &mut BitReader::new(&plain[..length]), sets).map(|(slice, _)| slice)
    }

    /// Reads the header from the bits behind the NAL unit's first byte; gives `slice_type` (modulo 5) as well.
    pub(super) fn read<'a>(
        header: u8,
        r: &mut BitReader<'_>,
        sets: impl Fn(u8) -> Option<(&'a Sps, &'a Pps)>,
    ) -> Option<(Self, u32)> {
        let idr = header & 0x1F == nal::IDR;
        let first_mb = r.ue()?;
        let slice_type = r.ue()?;
        let pps_id = u8::try_from(r.ue()?).ok()?;
        let (sps, pps) = sets(pps_id)?;
        if sps.separate_colour_plane {
            r.bits(2)?;
        }
        let frame_num = r.bits(sps.log2_max_frame_num)?;
        let field = if !sps.frame_mbs_only && r.bit()? {
            Some(if r.bit()? { Parity::Bottom } else { Parity::Top })
        } else {
            None
        };
        let idr_pic_id = if idr { r.ue()? } else { 0 };
        let (mut poc_lsb, mut delta_poc) = (0, [0; 2]);
        if sps.poc_type == 0 {
            poc_lsb = r.bits(sps.log2_max_poc_lsb)?;
            if pps.bottom_field_pic_order && field.is_none() {
                delta_poc[0] = r.se()?;
            }
        } else if sps.poc_type == 1 && !sps.delta_pic_order_always_zero {
            delta_poc[0] = r.se()?;
            if pps.bottom_field_pic_order && field.is_none() {
                delta_poc[1] = r.se()?;
            }
        }
        let slice = Self {
            first_mb,
            intra: matches!(slice_type % 5, 2 | 4),
            idr,
            pps_id,
            sps_id: sps.id,
            field,
            reference: header & 0x60 != 0,
            frame_num,
            idr_pic_id,
            poc_lsb,
            delta_poc,
        };
        Some((slice, slice_type % 5))
    }

    /// Whether this slice is of another primary coded picture than `before` (7.4.1.2.4).
    pub(in crate::segmenter) fn begins_picture_after(&self, before: &Self) -> bool {
        self.frame_num != before.frame_num
            || self.sps_id != before.sps_id
            || self.field != before.field
            || self.reference != before.reference
            || self.idr != before.idr
            || self.idr_pic_id != before.idr_pic_id
            || self.poc_lsb != before.poc_lsb
            || self.delta_poc != before.delta_poc
            // Pictures that cannot be told apart otherwise: encoders repeat idr_pic_id, for one. (Slices in
            // arbitrary order, which this cuts wrong, exist in Baseline alone, and in no broadcast.)
            || self.first_mb == 0
    }

    /// Whether other pictures may need this one (`nal_ref_idc`).
    pub(in crate::segmenter) const fn is_reference(&self) -> bool {
        self.reference
    }

    /// Whether no reference picture is missing between `before` and this one, by `frame_num` (7.4.3).
    pub(in crate::segmenter) fn follows(&self, before: &Self, sps: &Sps) -> bool {
        let due = before.frame_num + u32::from(before.reference);
        self.idr || self.sps_id == before.sps_id && self.frame_num == due % (1 << sps.log2_max_frame_num)
    }

    /// Whether this slice is of the second field of the frame whose first field is `first` (3.30).
    pub(in crate::segmenter) fn completes_frame_of(&self, first: &Self) -> bool {
        matches!((self.field, first.field), (Some(this), Some(other)) if this != other)
            && self.frame_num == first.frame_num
            && self.sps_id == first.sps_id
            && !self.idr
            && self.reference == first.reference
    }

    /// The picture order count's low bits and how many they are, where the stream gives them (poc type 0).
    pub(in crate::segmenter) fn picture_order(&self, sps: &Sps) -> Option<(u32, u32)> {
        (sps.poc_type == 0).then_some((self.poc_lsb, sps.log2_max_poc_lsb))
    }
}
