//! Sequence parameter sets (ISO/IEC 14496-10, 7.3.2.1 and annex E).

use super::unescape;
use crate::segmenter::bits::BitReader;
use crate::segmenter::codec::aspect::read_aspect;

/// What [`Sps::profile`] takes.
const PROFILE_BITS: usize = 24;

/// A sequence parameter set (7.3.2.1.1), as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Sps {
    pub(in crate::segmenter) id: u8,
    /// `profile_idc`, the constraint flags and `level_idc`, as they stand in the codec string.
    pub(in crate::segmenter) profile: [u8; 3],
    pub(in crate::segmenter) chroma_format_idc: u8,
    pub(in crate::segmenter) bit_depth_luma: u8,
    pub(in crate::segmenter) bit_depth_chroma: u8,
    pub(super) separate_colour_plane: bool,
    pub(super) log2_max_frame_num: u32,
    pub(super) poc_type: u32,
    pub(super) log2_max_poc_lsb: u32,
    pub(super) delta_pic_order_always_zero: bool,
    /// Frames that the decoder keeps for reference at most.
    pub(in crate::segmenter) max_num_ref_frames: u32,
    pub(super) frame_mbs_only: bool,
    /// Macroblocks of a frame are coded in pairs.
    pub(super) mb_adaptive_frame_field: bool,
    /// Macroblocks of a frame.
    pub(super) macroblocks: u32,
    /// In pixels, after cropping.
    pub(in crate::segmenter) width: u32,
    pub(in crate::segmenter) height: u32,
    /// Width to height of a pixel.
    pub(in crate::segmenter) sample_aspect: (u16, u16),
    /// How long a frame is shown, as a fraction of a second (E.2.1: two ticks), where that is told.
    pub(in crate::segmenter) frame_duration: Option<(u32, u32)>,
    pub(super) restriction: Restriction,
}

/// What a sequence parameter set says of how far the order of decoding differs from that of output (E.2.1), and where
/// that stands: bits of its RBSP, from the profile on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restriction {
    /// It has no VUI: where `vui_parameters_present_flag` stands.
    NoVui { at: usize },
    /// The VUI has none: where `bitstream_restriction_flag` stands.
    Absent { at: usize },
    /// `max_num_reorder_frames` and `max_dec_frame_buffering`, and where they begin.
    Present { reorder: u32, buffering: u32, at: usize },
    /// The VUI cannot be read to its end.
    Unread,
}

impl Sps {
    /// Reads a whole NAL unit.
    pub(in crate::segmenter) fn parse(nal_unit: &[u8]) -> Option<Self> {
        let plain = unescape(nal_unit.get(1..)?, 4096);
        let profile = *plain.first_chunk::<3>()?;
        let mut r = BitReader::new(&plain);
        r.skip(PROFILE_BITS);
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
        let max_num_ref_frames = r.ue()?;
        r.bit()?;
        let width_mbs = 1 + r.ue().filter(|mbs| *mbs < 1024)?;
        let height_map_units = 1 + r.ue().filter(|units| *units < 1024)?;
        let frame_mbs_only = r.bit()?;
        let mb_adaptive_frame_field = !frame_mbs_only && r.bit()?;
        r.bit()?;
        let macroblocks = width_mbs * height_map_units * (2 - u32::from(frame_mbs_only));
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
        let mut vui = Vui::default();
        let at = r.position();
        let restriction = if r.bit()? {
            // What a broken VUI leaves unread is not needed to decode.
            vui.read(&mut r).unwrap_or(Restriction::Unread)
        } else {
            Restriction::NoVui { at }
        };
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
            max_num_ref_frames,
            frame_mbs_only,
            mb_adaptive_frame_field,
            macroblocks,
            width,
            height,
            sample_aspect: vui.sample_aspect.unwrap_or((1, 1)),
            frame_duration: vui.frame_duration,
            restriction,
        })
    }

    /// How many values `frame_num` has (7.4.3).
    pub(super) const fn frame_numbers(&self) -> u32 {
        1 << self.log2_max_frame_num
    }

    /// Whether slices tell the picture order count itself (poc type 0).
    pub(super) const fn has_picture_order(&self) -> bool {
        self.poc_type == 0
    }

    /// From one picture order count's low bits to another's, the short way round.
    pub(super) fn picture_order_difference(&self, to: u32, from: u32) -> i64 {
        let range = 1i64 << self.log2_max_poc_lsb;
        let forward = (i64::from(to) - i64::from(from)).rem_euclid(range);
        if forward >= range / 2 { forward - range } else { forward }
    }

    /// The low bits of the picture order count that is `by` more than one with the low bits `lsb`.
    pub(super) fn picture_order_after(&self, lsb: u32, by: i64) -> u32 {
        (i64::from(lsb) + by).rem_euclid(1 << self.log2_max_poc_lsb) as u32
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

/// VUI parameters (E.1.1), as far as they could be read.
#[derive(Debug, Default)]
struct Vui {
    sample_aspect: Option<(u16, u16)>,
    frame_duration: Option<(u32, u32)>,
}

impl Vui {
    fn read(&mut self, r: &mut BitReader<'_>) -> Option<Restriction> {
        if r.bit()? {
            self.sample_aspect = read_aspect(r)?;
        }
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
        if r.bit()? {
            let (ticks, scale) = (r.bits(32)?.saturating_mul(2), r.bits(32)?);
            // Between 1 and 300 frames a second; anything else is not meant.
            self.frame_duration = (ticks > 0 && scale >= ticks && scale / ticks <= 300).then_some((ticks, scale));
            r.bit()?;
        }
        let hrds = [skip_hrd(r)?, skip_hrd(r)?];
        if hrds != [false; 2] {
            r.bit()?;
        }
        r.bit()?;
        let mut restriction = Restriction::Absent { at: r.position() };
        if r.bit()? {
            r.bit()?;
            for _ in 0..4 {
                r.ue()?;
            }
            let at = r.position();
            restriction = Restriction::Present { reorder: r.ue()?, buffering: r.ue()?, at };
        }
        // The stop bit and what fills the byte up; anything else was misread.
        r.bit()?.then_some(())?;
        while let Some(bit) = r.bit() {
            (!bit).then_some(())?;
        }
        Some(restriction)
    }
}

/// A flag and, where it is set, `hrd_parameters` (E.1.2); gives whether it is.
fn skip_hrd(r: &mut BitReader<'_>) -> Option<bool> {
    if !r.bit()? {
        return Some(false);
    }
    let count = r.ue().filter(|last| *last < 32)?;
    r.bits(8)?;
    for _ in 0..=count {
        r.ue()?;
        r.ue()?;
        r.bit()?;
    }
    r.bits(20)?;
    Some(true)
}
