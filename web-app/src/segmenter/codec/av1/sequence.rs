//! Sequence headers (5.5 and 6.4).

use crate::segmenter::bits::BitReader;
use crate::segmenter::fmp4::Colour;

/// A sequence header, as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Sequence {
    pub(in crate::segmenter) profile: u8,
    /// `seq_level_idx` and `seq_tier` of the first operating point.
    pub(in crate::segmenter) level: u8,
    pub(in crate::segmenter) high_tier: bool,
    pub(in crate::segmenter) width: u32,
    pub(in crate::segmenter) height: u32,
    pub(in crate::segmenter) colour: ColourConfig,
    /// How long a frame is shown, as a fraction of a second, where that is told.
    pub(super) frame_duration: Option<(u32, u32)>,
    pub(super) reduced_still_picture: bool,
    /// Lengths of times in frame headers, where there are such.
    pub(super) decoder_model: Option<DecoderModel>,
    /// Lengths of frame numbers, where frames have such: of the number itself and of a difference.
    pub(super) frame_id_bits: Option<(u32, u32)>,
    /// `seq_force_screen_content_tools` and `seq_force_integer_mv`; `None` where each frame chooses.
    pub(super) screen_content_tools: Option<bool>,
    pub(super) integer_mv: Option<bool>,
    pub(super) order_hint_bits: u32,
}

/// How pixels are written (5.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct ColourConfig {
    pub(in crate::segmenter) bit_depth: u8,
    pub(in crate::segmenter) monochrome: bool,
    pub(in crate::segmenter) subsampling: (bool, bool),
    pub(in crate::segmenter) chroma_sample_position: u8,
    pub(in crate::segmenter) description: Option<Colour>,
}

/// What `decoder_model_info` and the timing say of frame headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DecoderModel {
    pub(super) buffer_removal_time_bits: u32,
    /// 0 where frames are evenly spaced: then they do not tell.
    pub(super) presentation_time_bits: u32,
    /// `operating_point_idc` of the operating points that have a decoder model.
    pub(super) operating_points: Vec<u32>,
}

impl Sequence {
    /// Reads the payload of a sequence header OBU.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let mut r = BitReader::new(payload);
        let profile = r.bits(3)? as u8;
        r.bit()?;
        let reduced_still_picture = r.bit()?;
        let (mut level, mut high_tier) = (0, false);
        let (mut frame_duration, mut decoder_model) = (None, None);
        if reduced_still_picture {
            level = r.bits(5)? as u8;
        } else {
            let mut model_bits = None;
            if r.bit()? {
                let (ticks, scale) = (r.bits(32)?, r.bits(32)?);
                let even = r.bit()?;
                if even {
                    let ticks = ticks.checked_mul(r.ue()?.checked_add(1)?);
                    // Between 1 and 300 frames a second; anything else is not meant.
                    frame_duration = ticks
                        .map(|ticks| (ticks, scale))
                        .filter(|(ticks, scale)| *ticks > 0 && scale >= ticks && scale / ticks <= 300);
                }
                if r.bit()? {
                    let delay_bits = 1 + r.bits(5)?;
                    r.bits(32)?;
                    let model = DecoderModel {
                        buffer_removal_time_bits: 1 + r.bits(5)?,
                        presentation_time_bits: 1 + r.bits(5)?,
                        operating_points: Vec::new(),
                    };
                    let presentation_time_bits = if even { 0 } else { model.presentation_time_bits };
                    decoder_model = Some(DecoderModel { presentation_time_bits, ..model });
                    model_bits = Some(delay_bits);
                }
            }
            let display_delay = r.bit()?;
            for point in 0..=r.bits(5)? {
                let idc = r.bits(12)?;
                let point_level = r.bits(5)? as u8;
                let tier = point_level > 7 && r.bit()?;
                if point == 0 {
                    (level, high_tier) = (point_level, tier);
                }
                if let (Some(bits), Some(model)) = (model_bits, &mut decoder_model)
                    && r.bit()?
                {
                    model.operating_points.push(idc);
                    r.bits(bits)?;
                    r.bits(bits)?;
                    r.bit()?;
                }
                if display_delay && r.bit()? {
                    r.bits(4)?;
                }
            }
        }
        let (width_bits, height_bits) = (1 + r.bits(4)?, 1 + r.bits(4)?);
        let (width, height) = (1 + r.bits(width_bits)?, 1 + r.bits(height_bits)?);
        let frame_id_bits = if !reduced_still_picture && r.bit()? {
            let difference = 2 + r.bits(4)?;
            Some((difference + 1 + r.bits(3)?, difference))
        } else {
            None
        };
        r.bits(3)?;
        let (mut screen_content_tools, mut integer_mv, mut order_hint_bits) = (None, None, 0);
        if !reduced_still_picture {
            r.bits(4)?;
            let order_hint = r.bit()?;
            if order_hint {
                r.bits(2)?;
            }
            if !r.bit()? {
                screen_content_tools = Some(r.bit()?);
            }
            if screen_content_tools != Some(false) && !r.bit()? {
                integer_mv = Some(r.bit()?);
            }
            if order_hint {
                order_hint_bits = 1 + r.bits(3)?;
            }
        }
        r.bits(3)?;
        let colour = ColourConfig::read(&mut r, profile)?;
        Some(Self {
            profile,
            level,
            high_tier,
            width,
            height,
            colour,
            frame_duration,
            reduced_still_picture,
            decoder_model,
            frame_id_bits,
            screen_content_tools,
            integer_mv,
            order_hint_bits,
        })
    }

    /// RFC 6381 codec string (AV1 codec ISO media file format binding, 5).
    pub(super) fn codec(&self) -> String {
        let tier = if self.high_tier { 'H' } else { 'M' };
        format!("av01.{}.{:02}{tier}.{:02}", self.profile, self.level, self.colour.bit_depth)
    }
}

impl ColourConfig {
    fn read(r: &mut BitReader<'_>, profile: u8) -> Option<Self> {
        let high = r.bit()?;
        let twelve = profile == 2 && high && r.bit()?;
        let bit_depth = if twelve { 12 } else { 8 + 2 * u8::from(high) };
        let monochrome = profile != 1 && r.bit()?;
        let mut points = None;
        if r.bit()? {
            points = Some((r.bits(8)? as u8, r.bits(8)? as u8, r.bits(8)? as u8));
        }
        let (mut subsampling, mut chroma_sample_position, full_range) = ((true, true), 0, true);
        let full_range = if !monochrome && points == Some((1, 13, 0)) {
            subsampling = (false, false);
            full_range
        } else {
            let full_range = r.bit()?;
            if !monochrome {
                subsampling = match profile {
                    0 => (true, true),
                    1 => (false, false),
                    _ if bit_depth == 12 => {
                        let across = r.bit()?;
                        (across, across && r.bit()?)
                    }
                    _ => (true, false),
                };
                if subsampling == (true, true) {
                    chroma_sample_position = r.bits(2)? as u8;
                }
            }
            full_range
        };
        let description =
            points.map(|(primaries, transfer, matrix)| Colour { primaries, transfer, matrix, full_range });
        Some(Self { bit_depth, monochrome, subsampling, chroma_sample_position, description })
    }
}
