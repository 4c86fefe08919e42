//! The shape of a pixel, which H.264 and HEVC write in the same way (ISO/IEC 14496-10, table E-1; 23008-2, table E-1).

use crate::segmenter::bits::BitReader;

/// Reads `aspect_ratio_idc` and what belongs to it: width to height of a pixel. The outer `None` where the bytes end,
/// the inner one where nothing of use is told.
#[expect(clippy::option_option, reason = "the end of the bytes is another thing than a shape that is not told")]
pub(super) fn read_aspect(r: &mut BitReader<'_>) -> Option<Option<(u16, u16)>> {
    const ASPECTS: [(u16, u16); 17] = [
        (0, 0),
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
    let aspect = match r.bits(8)? {
        255 => (r.bits(16)? as u16, r.bits(16)? as u16),
        listed => ASPECTS.get(listed as usize).copied().unwrap_or_default(),
    };
    Some(Some(aspect).filter(|(across, down)| *across != 0 && *down != 0))
}
