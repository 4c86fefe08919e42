//! Sample entries of pictures (ISO/IEC 14496-15: `avc1`) and the initialisation segments with them.

use super::{Writer, init};
use crate::segmenter::codec::h264::Sps;

/// The initialisation segment of an H.264 track.
pub(in crate::segmenter) fn avc_init<'a>(
    sps: &Sps,
    sps_units: impl Iterator<Item = &'a [u8]> + Clone,
    pps_units: impl Iterator<Item = &'a [u8]> + Clone,
) -> Vec<u8> {
    let (across, down) = sps.sample_aspect;
    let shown = u64::from(sps.width) * u64::from(across) / u64::from(down);
    let shown = u32::try_from(shown).ok().filter(|width| (1..=0xFFFF).contains(width)).unwrap_or(sps.width);
    init(90_000, b"vide", (shown, sps.height), |w| {
        w.boxed(b"avc1", |w| {
            w.zeros(6).u16(1).zeros(16).u16(sps.width as u16).u16(sps.height as u16);
            // 72 dpi, one frame a sample, no name, 24 bits deep.
            w.u32(0x48_0000).u32(0x48_0000).zeros(4).u16(1).zeros(32).u16(24).u16(0xFFFF);
            w.boxed(b"avcC", |w| avc_configuration(w, sps, sps_units, pps_units));
            if across != down {
                w.boxed(b"pasp", |w| {
                    w.u32(across.into()).u32(down.into());
                });
            }
        });
    })
}

/// AVCDecoderConfigurationRecord (14496-15, 5.3.3.1).
fn avc_configuration<'a>(
    w: &mut Writer,
    sps: &Sps,
    sps_units: impl Iterator<Item = &'a [u8]> + Clone,
    pps_units: impl Iterator<Item = &'a [u8]> + Clone,
) {
    // The counts have five and eight bits; more parameter sets than that do not exist.
    let (sps_count, pps_count) = (sps_units.clone().take(31).count(), pps_units.clone().take(255).count());
    w.u8(1).bytes(&sps.profile).u8(0xFC | 3).u8(0xE0 | sps_count as u8);
    for unit in sps_units.take(31) {
        w.u16(unit.len() as u16).bytes(unit);
    }
    w.u8(pps_count as u8);
    for unit in pps_units.take(255) {
        w.u16(unit.len() as u16).bytes(unit);
    }
    if !matches!(sps.profile[0], 66 | 77 | 88) {
        w.u8(0xFC | sps.chroma_format_idc);
        w.u8(0xF8 | (sps.bit_depth_luma - 8)).u8(0xF8 | (sps.bit_depth_chroma - 8)).u8(0);
    }
}
