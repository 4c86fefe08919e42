//! Sample entries of pictures (ISO/IEC 14496-15: `avc1`, `hvc1`) and the initialisation segments with them.

use super::{Writer, init};
use crate::segmenter::codec::av1::Sequence;
use crate::segmenter::codec::h264::Sps;
use crate::segmenter::codec::hevc::Sps as Sps265;

/// The initialisation segment of an H.264 track.
pub(in crate::segmenter) fn avc_init<'a>(
    sps: &Sps,
    sps_units: impl Iterator<Item = &'a [u8]> + Clone,
    pps_units: impl Iterator<Item = &'a [u8]> + Clone,
) -> Vec<u8> {
    let shape = Shape { width: sps.width, height: sps.height, aspect: sps.sample_aspect };
    video_init(b"avc1", shape, &mut |w| {
        w.boxed(b"avcC", |w| avc_configuration(w, sps, &sps_units, &pps_units));
    })
}

/// The initialisation segment of an HEVC track, with the NAL units of its parameter sets by type.
pub(in crate::segmenter) fn hevc_init(sps: &Sps265, sets: &[(u8, Vec<&[u8]>)], hdr: &HdrMetadata) -> Vec<u8> {
    let aspect = sps.vui.sample_aspect.unwrap_or((1, 1));
    video_init(b"hvc1", Shape { width: sps.width, height: sps.height, aspect }, &mut |w| {
        w.boxed(b"hvcC", |w| hevc_configuration(w, sps, sets));
        colour_boxes(w, sps.vui.colour, hdr);
    })
}

/// The initialisation segment of an AV1 track with its sequence header OBU.
pub(in crate::segmenter) fn av1_init(sequence: &Sequence, header: &[u8], hdr: &HdrMetadata) -> Vec<u8> {
    let shape = Shape { width: sequence.width, height: sequence.height, aspect: (1, 1) };
    video_init(b"av01", shape, &mut |w| {
        w.boxed(b"av1C", |w| {
            let colour = &sequence.colour;
            // AV1CodecConfigurationRecord (AV1 codec ISO media file format binding, 2.3).
            w.u8(0x81).u8(sequence.profile << 5 | sequence.level);
            let flags = [
                sequence.high_tier,
                colour.bit_depth > 8,
                colour.bit_depth > 10,
                colour.monochrome,
                colour.subsampling.0,
                colour.subsampling.1,
            ];
            let flags = flags.iter().fold(0, |bits, flag| bits << 1 | u8::from(*flag));
            w.u8(flags << 2 | colour.chroma_sample_position).u8(0).bytes(header);
        });
        colour_boxes(w, sequence.colour.description, hdr);
    })
}

/// What is shown of a coded picture.
#[derive(Clone, Copy, Debug)]
struct Shape {
    width: u32,
    height: u32,
    /// Width to height of a pixel.
    aspect: (u16, u16),
}

/// A colour description by the code points of ISO/IEC 23091-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Colour {
    pub(in crate::segmenter) primaries: u8,
    pub(in crate::segmenter) transfer: u8,
    pub(in crate::segmenter) matrix: u8,
    pub(in crate::segmenter) full_range: bool,
}

/// What is known of a high dynamic range's mastering, as SEI and boxes write it alike (ISO/IEC 23008-2, D.2.28 and
/// D.2.35; 14496-12, 12.1.6 and 12.1.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::segmenter) struct HdrMetadata {
    pub(in crate::segmenter) mastering_display: Option<[u8; 24]>,
    pub(in crate::segmenter) content_light_level: Option<[u8; 4]>,
}

/// An initialisation segment with a VisualSampleEntry (14496-12, 12.1.3) of the type `name`, its boxes by `boxes`.
fn video_init(name: &[u8; 4], shape: Shape, boxes: &mut dyn FnMut(&mut Writer)) -> Vec<u8> {
    let Shape { width, height, aspect: (across, down) } = shape;
    let shown = u64::from(width) * u64::from(across) / u64::from(down).max(1);
    let shown = u32::try_from(shown).ok().filter(|width| (1..=0xFFFF).contains(width)).unwrap_or(width);
    init(90_000, b"vide", (shown, height), &mut |w| {
        w.boxed(name, |w| {
            w.zeros(6).u16(1).zeros(16).u16(width as u16).u16(height as u16);
            // 72 dpi, one frame a sample, no name, 24 bits deep.
            w.u32(0x48_0000).u32(0x48_0000).zeros(4).u16(1).zeros(32).u16(24).u16(0xFFFF);
            boxes(w);
            if across != down {
                w.boxed(b"pasp", |w| {
                    w.u32(across.into()).u32(down.into());
                });
            }
        });
    })
}

fn colour_boxes(w: &mut Writer, colour: Option<Colour>, hdr: &HdrMetadata) {
    if let Some(Colour { primaries, transfer, matrix, full_range }) = colour {
        w.boxed(b"colr", |w| {
            w.bytes(b"nclx").u16(primaries.into()).u16(transfer.into()).u16(matrix.into());
            w.u8(u8::from(full_range) << 7);
        });
    }
    for (name, body) in [
        (b"mdcv", hdr.mastering_display.as_ref().map(|bytes| &bytes[..])),
        (b"clli", hdr.content_light_level.as_ref().map(|bytes| &bytes[..])),
    ] {
        if let Some(body) = body {
            w.boxed(name, |w| {
                w.bytes(body);
            });
        }
    }
}

/// HEVCDecoderConfigurationRecord (14496-15, 8.3.3.1).
fn hevc_configuration(w: &mut Writer, sps: &Sps265, sets: &[(u8, Vec<&[u8]>)]) {
    let profile = &sps.profile;
    w.u8(1).u8(profile.space_tier_idc).u32(profile.compatibility).bytes(&profile.constraints).u8(profile.level);
    // No segmentation and no way of parallel decoding is promised.
    w.u16(0xF000).u8(0xFC).u8(0xFC | sps.chroma_format_idc);
    w.u8(0xF8 | (sps.bit_depth_luma - 8)).u8(0xF8 | (sps.bit_depth_chroma - 8));
    // Frame rates are not told; NAL units have lengths of four bytes.
    w.u16(0).u8(sps.max_sub_layers << 3 | u8::from(sps.temporal_id_nesting) << 2 | 3);
    let sets = sets.iter().filter(|(_, units)| !units.is_empty());
    w.u8(sets.clone().count() as u8);
    for (kind, units) in sets {
        // All there are stand here.
        w.u8(0x80 | kind).u16(units.len() as u16);
        for unit in units {
            w.u16(unit.len() as u16).bytes(unit);
        }
    }
}

/// AVCDecoderConfigurationRecord (14496-15, 5.3.3.1).
fn avc_configuration<'a>(
    w: &mut Writer,
    sps: &Sps,
    sps_units: &(impl Iterator<Item = &'a [u8]> + Clone),
    pps_units: &(impl Iterator<Item = &'a [u8]> + Clone),
) {
    // The counts have five and eight bits; more parameter sets than that do not exist.
    let (sps_count, pps_count) = (sps_units.clone().take(31).count(), pps_units.clone().take(255).count());
    w.u8(1).bytes(&sps.profile).u8(0xFC | 3).u8(0xE0 | sps_count as u8);
    for unit in sps_units.clone().take(31) {
        w.u16(unit.len() as u16).bytes(unit);
    }
    w.u8(pps_count as u8);
    for unit in pps_units.clone().take(255) {
        w.u16(unit.len() as u16).bytes(unit);
    }
    if !matches!(sps.profile[0], 66 | 77 | 88) {
        w.u8(0xFC | sps.chroma_format_idc);
        w.u8(0xF8 | (sps.bit_depth_luma - 8)).u8(0xF8 | (sps.bit_depth_chroma - 8)).u8(0);
    }
}
