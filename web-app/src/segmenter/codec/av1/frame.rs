//! Frame headers (5.9) up to what tells which frames others may need.

use super::sequence::DecoderModel;
use super::{Obu, Sequence};
use crate::segmenter::bits::BitReader;

/// `frame_type` numbers.
const KEY: u32 = 0;
const INTRA_ONLY: u32 = 2;
const SWITCH: u32 = 3;

/// What a frame header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct FrameHeader {
    /// A frame is shown: this one, or one that was decoded before.
    pub(super) shows: bool,
    /// A key frame that is shown: decoding can start here.
    pub(super) key: bool,
    /// Others may refer to it.
    pub(super) kept: bool,
    /// The spatial layer that it is of.
    pub(super) spatial_id: u8,
}

impl FrameHeader {
    /// Reads the header at the beginning of a frame header OBU or a frame OBU.
    pub(super) fn parse(obu: &Obu<'_>, sequence: &Sequence) -> Option<Self> {
        let (temporal_id, spatial_id) = obu.layers();
        let shown = Self { shows: true, key: true, kept: true, spatial_id };
        if sequence.reduced_still_picture {
            return Some(shown);
        }
        let mut r = BitReader::new(obu.payload);
        let none = DecoderModel::default();
        let model = sequence.decoder_model.as_ref().unwrap_or(&none);
        if r.bit()? {
            return Some(Self { key: false, kept: false, ..shown });
        }
        let frame_type = r.bits(2)?;
        let shows = r.bit()?;
        if shows {
            r.bits(model.presentation_time_bits)?;
        } else {
            r.bit()?;
        }
        let key = frame_type == KEY && shows;
        let resilient = frame_type == SWITCH || key || r.bit()?;
        if key || frame_type == SWITCH {
            return Some(Self { shows, key, ..shown });
        }
        let intra = matches!(frame_type, KEY | INTRA_ONLY);
        r.bit()?;
        let screen_content = match sequence.screen_content_tools {
            Some(forced) => forced,
            None => r.bit()?,
        };
        if screen_content && sequence.integer_mv.is_none() {
            r.bit()?;
        }
        if let Some((bits, _)) = sequence.frame_id_bits {
            r.bits(bits)?;
        }
        r.bit()?;
        r.bits(sequence.order_hint_bits)?;
        if !intra && !resilient {
            r.bits(3)?;
        }
        if sequence.decoder_model.is_some() && r.bit()? {
            for idc in &model.operating_points {
                let within = idc >> temporal_id & 1 == 1 && idc >> (spatial_id + 8) & 1 == 1;
                if *idc == 0 || within {
                    r.bits(model.buffer_removal_time_bits)?;
                }
            }
        }
        Some(Self { shows, key, kept: r.bits(8)? != 0, spatial_id })
    }
}
