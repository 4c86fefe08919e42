//! What AV1 means to the picture's line: where temporal units begin, which can be decoded, and how they are written as
//! samples (AV1 codec ISO media file format binding, 2.4).
//!
//! A temporal unit holds one frame that is shown, and may hold others that are not. Temporal delimiters say where one
//! begins; without them one ends with the frame that is shown.

use super::framing::ObuFraming;
use super::{FrameHeader, Obu, Sequence, kind, leb128, obu, sei, unescape, unescape_into};
use crate::segmenter::fmp4::{self, HdrMetadata};
use crate::segmenter::video::codec::{Configuration, Due, Facts, Form, NalCodec, Role, Step, VideoCodec};
use crate::segmenter::video::parameter_sets::UNIT_MAX;
use crate::segmenter::video::unit::{Nal, Notes, Unit};

/// `metadata_type` numbers (6.7.1).
const CONTENT_LIGHT_LEVEL: usize = 1;
const MASTERING_DISPLAY: usize = 2;
const T35: usize = 4;

/// What is remembered of an AV1 stream's pictures.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Av1 {
    /// Damaged pictures since the last one given out that no other refers to.
    spared: i64,
}

/// The sequence header of an AV1 stream, and what else is told with it.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Sets {
    /// Read, and as an OBU with its size.
    sequence: Option<(Sequence, Vec<u8>)>,
    hdr: HdrMetadata,
    /// Counts changes of any of this.
    generation: u64,
}

impl Sets {
    fn take_sequence(&mut self, unit: &[u8]) -> Option<()> {
        let plain = unescape(unit, UNIT_MAX);
        let parsed = Obu::parse(&plain)?;
        let sequence = Sequence::parse(parsed.payload)?;
        let mut written = Vec::with_capacity(plain.len() + 2);
        parsed.write(&mut written);
        if self.sequence.as_ref().is_none_or(|(_, known)| *known != written) {
            self.sequence = Some((sequence, written));
            self.generation += 1;
        }
        Some(())
    }

    fn take_metadata(&mut self, unit: &[u8]) -> Notes {
        let mut notes = Notes::default();
        let plain = unescape(unit, UNIT_MAX);
        let before = self.hdr;
        match metadata(&plain) {
            Some((CONTENT_LIGHT_LEVEL, body)) => self.hdr.content_light_level = body.first_chunk().copied(),
            Some((MASTERING_DISPLAY, body)) => self.hdr.mastering_display = mastering_display(body),
            Some((T35, body)) => notes.captions = sei::cc_data(body).is_some(),
            _ => {}
        }
        self.generation += u64::from(self.hdr != before);
        notes
    }
}

/// Type and body of a metadata OBU.
fn metadata(plain: &[u8]) -> Option<(usize, &[u8])> {
    let payload = Obu::parse(plain)?.payload;
    let (kind, length) = leb128(payload)?;
    Some((kind, payload.get(length..)?))
}

/// `metadata_hdr_mdcv` (5.8.4) in the units and the order of the box (ISO/IEC 14496-12, 12.1.7).
fn mastering_display(body: &[u8]) -> Option<[u8; 24]> {
    let (words, rest) = body.split_at_checked(16)?;
    let ([red, green, blue, white], _) = words.as_chunks::<4>().0.split_first_chunk::<4>()?;
    let chromaticity = |bytes: &[u8; 4], at: usize| {
        let value = u32::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        ((value * 50_000 + (1 << 15)) >> 16) as u16
    };
    let luminance = |bytes: &[u8; 4], bits: u32| {
        let value = u64::from(u32::from_be_bytes(*bytes)) * 10_000;
        ((value + (1 << (bits - 1))) >> bits) as u32
    };
    let ([most, least], _) = rest.as_chunks::<4>().0.split_first_chunk::<2>()?;
    let mut made = Vec::with_capacity(24);
    for point in [green, blue, red, white] {
        made.extend(chromaticity(point, 0).to_be_bytes());
        made.extend(chromaticity(point, 2).to_be_bytes());
    }
    made.extend(luminance(most, 8).to_be_bytes());
    made.extend(luminance(least, 14).to_be_bytes());
    made.first_chunk().copied()
}

impl VideoCodec for Av1 {
    type Header = FrameHeader;
    type Sets = Sets;

    fn facts(header: &FrameHeader, sets: &Sets) -> Option<Facts> {
        let (sequence, _) = sets.sequence.as_ref()?;
        Some(Facts {
            restarts: header.key,
            // Temporal units come in the order in which they are shown.
            order: None,
            frame_duration: sequence.frame_duration,
            configuration: (sets.generation, 0),
        })
    }

    fn lacks_reference(&self, step: &Step<'_, FrameHeader>, _sets: &Sets) -> bool {
        step.lost && !step.this.key && !(self.spared > 0 && step.gone <= self.spared)
    }

    fn damaged(&mut self, header: Option<&FrameHeader>) {
        self.spared += i64::from(header.is_some_and(|header| header.shows && !header.kept));
    }

    fn seen(&mut self, _unit: &Unit<'_, FrameHeader>, _header: &FrameHeader, _sets: &Sets) {
        self.spared = 0;
    }

    fn begin(&mut self, _header: &FrameHeader, _clean: bool) -> bool {
        false
    }

    fn leaves_out(&self, _header: &FrameHeader) -> bool {
        false
    }

    fn given(&mut self, _due: &Due<'_, FrameHeader>, _sets: &Sets) {}

    fn configuration(&mut self, _header: &FrameHeader, sets: &Sets, _make_up: bool) -> Option<Configuration> {
        let (sequence, written) = sets.sequence.as_ref()?;
        Some(Configuration {
            codec: sequence.codec(),
            width: sequence.width,
            height: sequence.height,
            data: fmp4::av1_init(sequence, written, &sets.hdr),
        })
    }

    /// OBUs with their sizes, without those that only structure the stream. Where decoding can start, the sequence
    /// header stands first.
    fn sample(
        &mut self,
        unit: &Unit<'_, FrameHeader>,
        sets: &Sets,
        _form: Form,
        sample: &mut Vec<u8>,
    ) -> Option<Vec<u8>> {
        if unit.key
            && unit.nals().all(|(kind, _)| kind != obu::SEQUENCE_HEADER)
            && let Some((_, written)) = &sets.sequence
        {
            sample.extend_from_slice(written);
        }
        for (kind, bytes) in unit.nals() {
            let kept = matches!(
                kind,
                obu::SEQUENCE_HEADER
                    | obu::FRAME_HEADER
                    | obu::TILE_GROUP
                    | obu::METADATA
                    | obu::FRAME
                    | obu::REDUNDANT_FRAME_HEADER
            );
            if !kept {
                continue;
            }
            let plain = unescape(bytes, usize::MAX);
            if let Some(parsed) = Obu::parse(&plain) {
                parsed.write(sample);
            }
        }
        None
    }

    fn captions(nal_unit: &[u8], captions: &mut Vec<u8>) {
        let plain = unescape(nal_unit, UNIT_MAX);
        if let Some((T35, body)) = metadata(&plain) {
            captions.extend_from_slice(sei::cc_data(body).unwrap_or_default());
        }
    }
}

impl NalCodec for Av1 {
    type Framing = ObuFraming;

    const HEADER: usize = 1;
    const ENOUGH: usize = 64;
    const TIMED_BY_LAST: bool = true;

    fn kind(header: &[u8]) -> u8 {
        header.first().map_or(0, |byte| kind(*byte))
    }

    fn role(kind: u8) -> Role {
        match kind {
            obu::FRAME_HEADER | obu::FRAME => Role::Slice,
            obu::TEMPORAL_DELIMITER => Role::Border,
            obu::SEQUENCE_HEADER => Role::Prefix,
            _ => Role::Other,
        }
    }

    fn header(nal_unit: &[u8], sets: &Sets) -> Option<FrameHeader> {
        let (sequence, _) = sets.sequence.as_ref()?;
        let mut plain = [0; Self::ENOUGH];
        let length = unescape_into(nal_unit, &mut plain);
        FrameHeader::parse(&Obu::parse(plain.get(..length)?)?, sequence)
    }

    fn is_first(_nal_unit: &[u8]) -> bool {
        true
    }

    fn begins(_header: &FrameHeader) -> bool {
        true
    }

    /// Layers above the first are of the same unit.
    fn begins_after(header: &FrameHeader, before: &FrameHeader) -> bool {
        before.shows && header.spatial_id == 0
    }

    /// A unit ends with a frame that is shown.
    fn is_half(header: &FrameHeader) -> bool {
        !header.shows
    }

    fn completes(_header: &FrameHeader, _first: &FrameHeader) -> bool {
        false
    }

    fn is_key(first: Option<&FrameHeader>, _nals: &[Nal], _announced: bool) -> bool {
        first.is_some_and(|first| first.key)
    }

    fn take(sets: &mut Sets, kind: u8, nal_unit: &[u8]) -> Option<Notes> {
        match kind {
            obu::SEQUENCE_HEADER if nal_unit.len() > UNIT_MAX => return None,
            obu::SEQUENCE_HEADER => sets.take_sequence(nal_unit)?,
            obu::METADATA => return Some(sets.take_metadata(nal_unit)),
            _ => {}
        }
        Some(Notes::default())
    }
}
