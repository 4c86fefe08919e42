//! H.264 (ISO/IEC 14496-10): what is read from NAL units to cut, time and describe pictures.
//!
//! Only the fields that are needed are read, and only as far as they stand in the stream: each reader
//! stops at the end of its bytes.

use crate::segmenter::bits::BitReader;

/// NAL unit types (table 7-1).
pub(in crate::segmenter) mod nal {
    pub(in crate::segmenter) const SLICE: u8 = 1;
    pub(in crate::segmenter) const PARTITION_A: u8 = 2;
    pub(in crate::segmenter) const IDR: u8 = 5;
    pub(in crate::segmenter) const SEI: u8 = 6;
    pub(in crate::segmenter) const SPS: u8 = 7;
    pub(in crate::segmenter) const PPS: u8 = 8;
    pub(in crate::segmenter) const DELIMITER: u8 = 9;
    pub(in crate::segmenter) const END_OF_SEQUENCE: u8 = 10;
    pub(in crate::segmenter) const END_OF_STREAM: u8 = 11;
    pub(in crate::segmenter) const FILLER: u8 = 12;
}

/// Whether a NAL unit of this type begins with a slice header.
pub(in crate::segmenter) const fn has_slice_header(nal_type: u8) -> bool {
    matches!(nal_type, nal::SLICE | nal::PARTITION_A | nal::IDR)
}

/// Takes the emulation prevention bytes out (7.3.1), up to `limit` bytes.
fn unescape(bytes: &[u8], limit: usize) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len().min(limit));
    let mut zeros = 0;
    for &byte in bytes {
        if plain.len() == limit {
            break;
        }
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}

/// A sequence parameter set (7.3.2.1.1), as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Sps {
    pub(in crate::segmenter) id: u8,
    /// `profile_idc`, the constraint flags and `level_idc`, as they stand in the codec string.
    pub(in crate::segmenter) profile: [u8; 3],
    pub(in crate::segmenter) chroma_format_idc: u8,
    pub(in crate::segmenter) bit_depth_luma: u8,
    pub(in crate::segmenter) bit_depth_chroma: u8,
    separate_colour_plane: bool,
    log2_max_frame_num: u32,
    poc_type: u32,
    log2_max_poc_lsb: u32,
    delta_pic_order_always_zero: bool,
    frame_mbs_only: bool,
    /// In pixels, after cropping.
    pub(in crate::segmenter) width: u32,
    pub(in crate::segmenter) height: u32,
    /// Width to height of a pixel.
    pub(in crate::segmenter) sample_aspect: (u16, u16),
    /// How long a frame is shown, as a fraction of a second (E.2.1: two ticks), where that is told.
    pub(in crate::segmenter) frame_duration: Option<(u32, u32)>,
}

impl Sps {
    /// Reads a whole NAL unit.
    pub(in crate::segmenter) fn parse(nal_unit: &[u8]) -> Option<Self> {
        let plain = unescape(nal_unit.get(1..)?, 4096);
        let profile = *plain.first_chunk::<3>()?;
        let mut r = BitReader::new(&plain[3..]);
        let id = u8::try_from(r.ue()?).ok().filter(|id| *id < 32)?;
        let (mut chroma_format_idc, mut bit_depth_luma, mut bit_depth_chroma) = (1, 8, 8);
        let mut separate_colour_plane = false;
        if matches!(profile[0], 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
            chroma_format_idc = u8::try_from(r.ue()?).ok().filter(|idc| *idc <= 3)?;
            if chroma_format_idc == 3 {
                separate_colour_plane = r.bit()?;
            }
            bit_depth_luma = 8 + u8::try_from(r.ue()?).ok().filter(|more| *more <= 6)?;
            bit_depth_chroma = 8 + u8::try_from(r.ue()?).ok().filter(|more| *more <= 6)?;
            r.bit()?;
            if r.bit()? {
                skip_scaling_lists(&mut r, if chroma_format_idc == 3 { 12 } else { 8 })?;
            }
        }
        let log2_max_frame_num = 4 + r.ue().filter(|more| *more <= 12)?;
        let poc_type = r.ue().filter(|poc_type| *poc_type <= 2)?;
        let (mut log2_max_poc_lsb, mut delta_pic_order_always_zero) = (0, false);
        if poc_type == 0 {
            log2_max_poc_lsb = 4 + r.ue().filter(|more| *more <= 12)?;
        } else if poc_type == 1 {
            delta_pic_order_always_zero = r.bit()?;
            r.se()?;
            r.se()?;
            for _ in 0..r.ue().filter(|count| *count <= 255)? {
                r.se()?;
            }
        }
        r.ue()?;
        r.bit()?;
        let width_mbs = 1 + r.ue().filter(|mbs| *mbs < 1024)?;
        let height_map_units = 1 + r.ue().filter(|units| *units < 1024)?;
        let frame_mbs_only = r.bit()?;
        if !frame_mbs_only {
            r.bit()?;
        }
        r.bit()?;
        let (mut width, mut height) = (width_mbs * 16, height_map_units * 16 * (2 - u32::from(frame_mbs_only)));
        if r.bit()? {
            // Table 6-1 and (7-19)–(7-22).
            let (sub_width, sub_height): (u64, u64) = match (separate_colour_plane, chroma_format_idc) {
                (false, 1) => (2, 2),
                (false, 2) => (2, 1),
                _ => (1, 1),
            };
            let rows = 2 - u64::from(frame_mbs_only);
            let crop = [r.ue()?, r.ue()?, r.ue()?, r.ue()?].map(u64::from);
            let across = (crop[0] + crop[1]) * sub_width;
            let down = (crop[2] + crop[3]) * sub_height * rows;
            width = u32::try_from(u64::from(width).checked_sub(across)?).ok().filter(|width| *width > 0)?;
            height = u32::try_from(u64::from(height).checked_sub(down)?).ok().filter(|height| *height > 0)?;
        }
        // What a broken VUI leaves unread is not needed to decode.
        let (sample_aspect, frame_duration) =
            if r.bit()? { read_vui(&mut r).unwrap_or(((1, 1), None)) } else { ((1, 1), None) };
        Some(Self {
            id,
            profile,
            chroma_format_idc,
            bit_depth_luma,
            bit_depth_chroma,
            separate_colour_plane,
            log2_max_frame_num,
            poc_type,
            log2_max_poc_lsb,
            delta_pic_order_always_zero,
            frame_mbs_only,
            width,
            height,
            sample_aspect,
            frame_duration,
        })
    }

    /// RFC 6381 codec string.
    pub(in crate::segmenter) fn codec(&self) -> String {
        let [profile, constraints, level] = self.profile;
        format!("avc1.{profile:02x}{constraints:02x}{level:02x}")
    }
}

/// 7.3.2.1.1.1.
fn skip_scaling_lists(r: &mut BitReader<'_>, lists: usize) -> Option<()> {
    for list in 0..lists {
        if !r.bit()? {
            continue;
        }
        let (mut last, mut next) = (8i32, 8);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = last.wrapping_add(r.se()?).rem_euclid(256);
            }
            if next != 0 {
                last = next;
            }
        }
    }
    Some(())
}

/// E.1.1 up to the timing: the shape of a pixel, and how long a frame is shown.
type Vui = ((u16, u16), Option<(u32, u32)>);
fn read_vui(r: &mut BitReader<'_>) -> Option<Vui> {
    /// Table E-1.
    const ASPECTS: [(u16, u16); 17] = [
        (1, 1),
        (1, 1),
        (12, 11),
        (10, 11),
        (16, 11),
        (40, 33),
        (24, 11),
        (20, 11),
        (32, 11),
        (80, 33),
        (18, 11),
        (15, 11),
        (64, 33),
        (160, 99),
        (4, 3),
        (3, 2),
        (2, 1),
    ];
    let mut aspect = (1, 1);
    if r.bit()? {
        aspect = match r.bits(8)? {
            255 => (r.bits(16)? as u16, r.bits(16)? as u16),
            listed => ASPECTS.get(listed as usize).copied().unwrap_or((1, 1)),
        };
        if aspect.0 == 0 || aspect.1 == 0 {
            aspect = (1, 1);
        }
    }
    let timing = (|| {
        if r.bit()? {
            r.bit()?;
        }
        if r.bit()? {
            r.bits(4)?;
            if r.bit()? {
                r.bits(24)?;
            }
        }
        if r.bit()? {
            r.ue()?;
            r.ue()?;
        }
        if !r.bit()? {
            return None;
        }
        let (ticks, scale) = (r.bits(32)?.checked_mul(2)?, r.bits(32)?);
        // Between 1 and 300 frames a second; anything else is not meant.
        (ticks > 0 && scale >= ticks && scale / ticks <= 300).then_some((ticks, scale))
    })();
    Some((aspect, timing))
}

/// A picture parameter set (7.3.2.2), as far as it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Pps {
    pub(in crate::segmenter) id: u8,
    pub(in crate::segmenter) sps_id: u8,
    bottom_field_pic_order: bool,
}

impl Pps {
    /// Reads a whole NAL unit.
    pub(in crate::segmenter) fn parse(nal_unit: &[u8]) -> Option<Self> {
        let plain = unescape(nal_unit.get(1..)?, 16);
        let mut r = BitReader::new(&plain);
        let id = u8::try_from(r.ue()?).ok()?;
        let sps_id = u8::try_from(r.ue()?).ok().filter(|id| *id < 32)?;
        r.bit()?;
        Some(Self { id, sps_id, bottom_field_pic_order: r.bit()? })
    }
}

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
    reference: bool,
    frame_num: u32,
    idr_pic_id: u32,
    poc_lsb: u32,
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
        let mut r = BitReader::new(&plain[..length]);
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
        Some(Self {
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
        })
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
            && (self.reference || !first.reference)
    }

    /// The picture order count's low bits and how many they are, where the stream gives them (poc type 0).
    pub(in crate::segmenter) fn picture_order(&self, sps: &Sps) -> Option<(u32, u32)> {
        (sps.poc_type == 0).then_some((self.poc_lsb, sps.log2_max_poc_lsb))
    }
}

/// [`unescape`] without an allocation; gives the length written.
fn unescape_into(bytes: &[u8], plain: &mut [u8; SliceHeader::ENOUGH]) -> usize {
    let (mut length, mut zeros) = (0, 0);
    for &byte in bytes {
        if length == plain.len() {
            break;
        }
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain[length] = byte;
        length += 1;
    }
    length
}

/// Whether an SEI NAL unit holds a recovery point (D.1.8): decoding can start at its picture.
pub(in crate::segmenter) fn has_recovery_point(nal_unit: &[u8]) -> bool {
    let plain = unescape(nal_unit.get(1..).unwrap_or_default(), 4096);
    let mut rest = &plain[..];
    // A message is two bytes at least; the last byte is the trailing bits.
    while rest.len() > 2 {
        let (Some(kind), Some(size)) = (sei_number(&mut rest), sei_number(&mut rest)) else { return false };
        if kind == 6 {
            return true;
        }
        rest = rest.get(size..).unwrap_or_default();
    }
    false
}

/// A number of 0xFF bytes and a last one (7.3.2.3.1).
fn sei_number(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    loop {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number += usize::from(byte);
        if byte != 0xFF {
            return Some(number);
        }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of a 160×90 stream of x264, High profile.
    const SPS: [u8; 25] = [
        0x67, 0x64, 0x00, 0x0B, 0xAC, 0xD3, 0x0A, 0x37, 0xE4, 0xC0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00,
        0x03, 0x00, 0xC8, 0x3C, 0x50, 0xA4, 0xE0,
    ];

    #[test]
    fn a_cropped_picture_has_the_size_that_is_shown() {
        let sps = Sps::parse(&SPS).unwrap();
        assert_eq!((sps.width, sps.height), (160, 90));
        assert_eq!((sps.codec().as_str(), sps.frame_duration), ("avc1.64000b", Some((2, 50))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn changed_and_random_units_read_without_panic(
            edits in proptest::collection::vec((0usize..25, any::<u8>()), 0..6),
            random in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut changed = SPS.to_vec();
            for (at, byte) in edits {
                changed[at] = byte;
            }
            let pps = Pps { id: 0, sps_id: 0, bottom_field_pic_order: true };
            for unit in [&changed, &random] {
                let _ = (Sps::parse(unit), Pps::parse(unit), has_recovery_point(unit));
                if let Some(sps) = Sps::parse(&changed) {
                    let _ = SliceHeader::parse(unit, |_| Some((&sps, &pps)));
                }
            }
        }
    }
}
