//! Sequence parameter sets (ISO/IEC 23008-2, 7.3.2.2 and annex E).

use super::{Profile, ReferenceSet, unescape};
use crate::segmenter::bits::BitReader;
use crate::segmenter::codec::aspect::read_aspect;
use crate::segmenter::fmp4::Colour;

/// Pixels across or down at most: what the highest level allows, and more than fits no sample entry.
const SIDE_MAX: u32 = 16_888;

/// A sequence parameter set, as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Sps {
    pub(super) id: u8,
    pub(super) vps_id: u8,
    pub(in crate::segmenter) profile: Profile,
    pub(in crate::segmenter) max_sub_layers: u8,
    pub(in crate::segmenter) temporal_id_nesting: bool,
    pub(in crate::segmenter) chroma_format_idc: u8,
    pub(super) separate_colour_plane: bool,
    /// In pixels, without what lies outside the conformance window.
    pub(in crate::segmenter) width: u32,
    pub(in crate::segmenter) height: u32,
    pub(in crate::segmenter) bit_depth_luma: u8,
    pub(in crate::segmenter) bit_depth_chroma: u8,
    pub(super) log2_max_poc_lsb: u32,
    pub(super) reference_sets: Vec<ReferenceSet>,
    /// The long-term reference pictures that are listed, with whether they are used, where such are allowed.
    pub(super) long_term: Option<Vec<(u32, bool)>>,
    pub(in crate::segmenter) vui: Vui,
}

/// What the VUI says (E.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::segmenter) struct Vui {
    /// Width to height of a pixel, where it is told.
    pub(in crate::segmenter) sample_aspect: Option<(u16, u16)>,
    pub(in crate::segmenter) colour: Option<Colour>,
    /// How long a picture is shown, as a fraction of a second.
    pub(super) frame_duration: Option<(u32, u32)>,
}

impl Sps {
    /// Reads a whole NAL unit.
    pub(super) fn parse(nal_unit: &[u8]) -> Option<Self> {
        let plain = unescape(nal_unit.get(2..)?, 4096);
        let mut r = BitReader::new(&plain);
        let vps_id = r.bits(4)? as u8;
        let sub_layers = r.bits(3).filter(|below| *below < 7)?;
        let temporal_id_nesting = r.bit()?;
        let profile = Profile::read(&mut r, sub_layers)?;
        let id = u8::try_from(r.ue()?).ok().filter(|id| *id < 16)?;
        let chroma_format_idc = u8::try_from(r.ue()?).ok().filter(|idc| *idc <= 3)?;
        let separate_colour_plane = chroma_format_idc == 3 && r.bit()?;
        let side = |r: &mut BitReader<'_>| r.ue().filter(|side| (1..=SIDE_MAX).contains(side));
        let (mut width, mut height) = (side(&mut r)?, side(&mut r)?);
        if r.bit()? {
            // Table 6-1.
            let (across, down): (u64, u64) = match (separate_colour_plane, chroma_format_idc) {
                (false, 1) => (2, 2),
                (false, 2) => (2, 1),
                _ => (1, 1),
            };
            let window = [r.ue()?, r.ue()?, r.ue()?, r.ue()?].map(u64::from);
            let without = |side: u32, cut: u64| u32::try_from(u64::from(side).checked_sub(cut)?).ok();
            width = without(width, (window[0] + window[1]) * across).filter(|width| *width > 0)?;
            height = without(height, (window[2] + window[3]) * down).filter(|height| *height > 0)?;
        }
        let bit_depth_luma = 8 + u8::try_from(r.ue()?).ok().filter(|more| *more <= 8)?;
        let bit_depth_chroma = 8 + u8::try_from(r.ue()?).ok().filter(|more| *more <= 8)?;
        let log2_max_poc_lsb = 4 + r.ue().filter(|more| *more <= 12)?;
        let from = if r.bit()? { 0 } else { sub_layers };
        for _ in from..=sub_layers {
            skip_codes(&mut r, 3)?;
        }
        // Sizes of coding and transform blocks, and depths of their trees.
        skip_codes(&mut r, 6)?;
        if r.bit()? && r.bit()? {
            skip_scaling_lists(&mut r)?;
        }
        r.bits(2)?;
        if r.bit()? {
            r.bits(8)?;
            skip_codes(&mut r, 2)?;
            r.bit()?;
        }
        let mut reference_sets = Vec::new();
        for _ in 0..r.ue().filter(|count| *count <= 64)? {
            reference_sets.push(ReferenceSet::read_in_sps(&mut r, &reference_sets)?);
        }
        let long_term = if r.bit()? {
            let count = r.ue().filter(|count| *count <= 32)?;
            Some((0..count).map(|_| Some((r.bits(log2_max_poc_lsb)?, r.bit()?))).collect::<Option<Vec<_>>>()?)
        } else {
            None
        };
        r.bits(2)?;
        let mut vui = Vui::default();
        if r.bit()? {
            // What a broken VUI leaves unread is not needed to decode.
            let _ = vui.read(&mut r);
        }
        Some(Self {
            id,
            vps_id,
            profile,
            max_sub_layers: sub_layers as u8 + 1,
            temporal_id_nesting,
            chroma_format_idc,
            separate_colour_plane,
            width,
            height,
            bit_depth_luma,
            bit_depth_chroma,
            log2_max_poc_lsb,
            reference_sets,
            long_term,
            vui,
        })
    }
}

impl Vui {
    /// E.2.1 up to the timing.
    fn read(&mut self, r: &mut BitReader<'_>) -> Option<()> {
        if r.bit()? {
            self.sample_aspect = read_aspect(r)?;
        }
        if r.bit()? {
            r.bit()?;
        }
        if r.bit()? {
            r.bits(3)?;
            let full_range = r.bit()?;
            if r.bit()? {
                let [primaries, transfer, matrix] = [r.bits(8)? as u8, r.bits(8)? as u8, r.bits(8)? as u8];
                self.colour = Some(Colour { primaries, transfer, matrix, full_range });
            }
        }
        if r.bit()? {
            skip_codes(r, 2)?;
        }
        r.bits(3)?;
        if r.bit()? {
            skip_codes(r, 4)?;
        }
        if r.bit()? {
            let (ticks, scale) = (r.bits(32)?, r.bits(32)?);
            // Between 1 and 300 pictures a second; anything else is not meant.
            if ticks > 0 && scale >= ticks && scale / ticks <= 300 {
                self.frame_duration = Some((ticks, scale));
            }
        }
        Some(())
    }
}

fn skip_codes(r: &mut BitReader<'_>, count: usize) -> Option<()> {
    for _ in 0..count {
        r.ue()?;
    }
    Some(())
}

/// 7.3.4.
fn skip_scaling_lists(r: &mut BitReader<'_>) -> Option<()> {
    for size in 0..4u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !r.bit()? {
                r.ue()?;
                continue;
            }
            let coefficients = 64.min(1 << (4 + 2 * size));
            for _ in 0..coefficients + u32::from(size > 1) {
                r.se()?;
            }
        }
    }
    Some(())
}
