//! Profile, tier and level (ISO/IEC 23008-2, 7.3.3), and the codec string of them (14496-15, annex E).

use std::fmt::Write as _;

use crate::segmenter::bits::BitReader;

/// The general part of `profile_tier_level`, as it stands in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Profile {
    /// `general_profile_space`, `general_tier_flag` and `general_profile_idc` in one byte.
    pub(in crate::segmenter) space_tier_idc: u8,
    /// `general_profile_compatibility_flag`, the first of them in the highest bit.
    pub(in crate::segmenter) compatibility: u32,
    /// The 48 bits from `general_progressive_source_flag` on.
    pub(in crate::segmenter) constraints: [u8; 6],
    /// `general_level_idc`.
    pub(in crate::segmenter) level: u8,
}

impl Profile {
    /// Reads `profile_tier_level` with `sub_layers` sub-layers below the highest.
    pub(super) fn read(r: &mut BitReader<'_>, sub_layers: u32) -> Option<Self> {
        let profile = Self {
            space_tier_idc: r.bits(8)? as u8,
            compatibility: r.bits(32)?,
            constraints: {
                let mut bytes = [0; 6];
                for byte in &mut bytes {
                    *byte = r.bits(8)? as u8;
                }
                bytes
            },
            level: r.bits(8)? as u8,
        };
        let mut bits = 0;
        for _ in 0..sub_layers {
            bits += if r.bit()? { 88 } else { 0 };
            bits += if r.bit()? { 8 } else { 0 };
        }
        if sub_layers > 0 {
            r.skip(2 * (8usize.checked_sub(sub_layers as usize)?));
        }
        r.skip(bits);
        Some(profile)
    }

    /// RFC 6381 codec string.
    pub(super) fn codec(&self) -> String {
        let mut codec = String::from("hvc1.");
        codec.push_str(["", "A", "B", "C"][usize::from(self.space_tier_idc >> 6)]);
        let tier = if self.space_tier_idc & 0x20 != 0 { 'H' } else { 'L' };
        // The flags in reverse order, so that usual ones make small numbers.
        let (idc, flags, level) = (self.space_tier_idc & 0x1F, self.compatibility.reverse_bits(), self.level);
        let _ = write!(codec, "{idc}.{flags:X}.{tier}{level}");
        let used = self.constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for byte in self.constraints.iter().take(used) {
            let _ = write!(codec, ".{byte:X}");
        }
        codec
    }
}
