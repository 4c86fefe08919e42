//! What H.264 means to the picture's line: where access units begin (ISO/IEC 14496-10, 7.4.1.2.3–7.4.1.2.4), which
//! pictures can be decoded, and how they are written as samples (14496-15, 5).

use super::{Parity, Pps, Present, SliceHeader, Sps, has_slice_header, nal, sei, without_missing};
use crate::segmenter::fmp4;
use crate::segmenter::parameter_sets::{ParameterSets, UNIT_MAX};
use crate::segmenter::unit::{Nal, Notes, Unit};
use crate::segmenter::video::codec::{Configuration, Facts, NalCodec, Order, Role, Step, VideoCodec};

/// What is remembered of an H.264 stream's pictures.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct H264 {
    /// After decoding began at a picture that is no IDR: what a decoder has since.
    present: Option<Present>,
    /// Pictures in a row that no other refers to: now, and at most.
    disposable: [i64; 2],
}

/// The parameter sets of an H.264 stream.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Sets {
    sps: ParameterSets<Sps>,
    pps: ParameterSets<Pps>,
    /// Counts changes of any byte of any set.
    generation: u64,
}

impl Sets {
    /// Takes an SPS NAL unit; `None` where it cannot be used.
    fn take_sps(&mut self, unit: &[u8]) -> Option<()> {
        let sps = Sps::parse(unit)?;
        let id = sps.id;
        if self.sps.take(id, sps, unit) {
            self.generation += 1;
            self.pps.outdate(|pps| pps.sps_id == id);
        }
        Some(())
    }

    /// Takes a PPS NAL unit; `None` where it cannot be used.
    fn take_pps(&mut self, unit: &[u8]) -> Option<()> {
        let pps = Pps::parse(unit)?;
        self.generation += u64::from(self.pps.take(pps.id, pps, unit));
        Some(())
    }

    /// The sets that a slice with this `pic_parameter_set_id` uses.
    fn of_slice(&self, pps_id: u8) -> Option<(&Sps, &Pps)> {
        let pps = self.pps.get(pps_id)?;
        Some((self.sps.get(pps.sps_id)?, pps))
    }
}

impl VideoCodec for H264 {
    type Header = SliceHeader;
    type Sets = Sets;

    fn facts(header: &SliceHeader, sets: &Sets) -> Option<Facts> {
        let sps = sets.sps.get(header.sps_id)?;
        Some(Facts {
            restarts: header.idr,
            order: header.picture_order(sps).map(|(low, bits)| Order {
                low,
                bits,
                anchors: header.is_reference(),
                single: header.field.is_none() && low % 2 != 0,
            }),
            frame_duration: sps.frame_duration,
            configuration: (sets.generation, sps.id),
        })
    }

    /// Losses of pictures that no other refers to need no waiting: then `frame_num` goes on, and no more are gone than
    /// come in a row. (With an IDR picture gone it may seem to.) A loss that the continuity counters did not show is
    /// one where both the time and `frame_num` step.
    fn lacks_reference(&self, step: &Step<'_, SliceHeader>, sets: &Sets) -> bool {
        let follows = sets.sps.get(step.this.sps_id).is_some_and(|sps| step.this.follows(step.before, sps));
        if step.lost {
            !(step.this.idr || follows && step.gone <= self.disposable[1])
        } else {
            !follows && step.gone > 0
        }
    }

    fn seen(&mut self, _unit: &Unit<'_, SliceHeader>, _header: &SliceHeader, _sets: &Sets) {}

    fn begin(&mut self, header: &SliceHeader, clean: bool) -> bool {
        if !header.idr && clean {
            self.present = Some(Present::from(header));
        }
        !header.idr
    }

    fn leaves_out(&self, _header: &SliceHeader) -> bool {
        false
    }

    fn given(&mut self, header: &SliceHeader, sets: &Sets) {
        let [now, most] = self.disposable;
        let now = if header.is_reference() { 0 } else { now + 1 };
        self.disposable = [now, most.max(now)];
        let sps = sets.sps.get(header.sps_id);
        self.present = self.present.zip(sps).and_then(|(present, sps)| present.at(header, sps));
    }

    fn configuration(header: &SliceHeader, sets: &Sets) -> Option<Configuration> {
        let sps = sets.sps.get(header.sps_id)?;
        Some(Configuration {
            codec: sps.codec(),
            width: sps.width,
            height: sps.height,
            data: fmp4::avc_init(sps, sets.sps.units(), sets.pps.units()),
        })
    }

    /// NAL units with their lengths, without those that only structure the byte stream, without the parameter sets
    /// that the initialisation segment holds, and without the mention of pictures that the decoder never had.
    fn sample(&self, unit: &Unit<'_, SliceHeader>, sets: &Sets, keep_sets: bool, sample: &mut Vec<u8>) {
        for (kind, bytes) in unit.nals() {
            let kept = match kind {
                nal::SPS | nal::PPS => keep_sets,
                nal::DELIMITER | nal::END_OF_SEQUENCE | nal::END_OF_STREAM | nal::FILLER => false,
                _ => !bytes.is_empty(),
            };
            if !kept {
                continue;
            }
            let rewritten = self.present.filter(|_| has_slice_header(kind)).and_then(|present| {
                let slice = SliceHeader::parse(bytes, |pps| sets.of_slice(pps))?;
                let (sps, pps) = sets.of_slice(slice.pps_id)?;
                without_missing(bytes, sps, pps, present)
            });
            let bytes = rewritten.as_deref().unwrap_or(bytes);
            sample.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            sample.extend_from_slice(bytes);
        }
    }

    fn captions(nal_unit: &[u8], captions: &mut Vec<u8>) {
        sei::captions(nal_unit.get(Self::HEADER..).unwrap_or_default(), captions);
    }
}

impl NalCodec for H264 {
    const HEADER: usize = 1;
    const ENOUGH: usize = SliceHeader::ENOUGH;

    fn kind(header: &[u8]) -> u8 {
        header.first().map_or(0, |byte| byte & 0x1F)
    }

    fn role(kind: u8) -> Role {
        match kind {
            _ if has_slice_header(kind) => Role::Slice,
            nal::DELIMITER => Role::Delimiter,
            nal::SEI..=nal::PPS | 14..=18 => Role::Prefix,
            _ => Role::Other,
        }
    }

    fn header(nal_unit: &[u8], sets: &Sets) -> Option<SliceHeader> {
        SliceHeader::parse(nal_unit, |pps| sets.of_slice(pps))
    }

    /// A first macroblock of 0 is the one bit that needs no parameter sets.
    fn is_first(nal_unit: &[u8]) -> bool {
        nal_unit.get(1).is_some_and(|byte| byte & 0x80 != 0)
    }

    fn begins(header: &SliceHeader) -> bool {
        header.first_mb == 0
    }

    fn begins_after(header: &SliceHeader, before: &SliceHeader) -> bool {
        header.begins_picture_after(before)
    }

    fn is_half(header: &SliceHeader) -> bool {
        matches!(header.field, Some(Parity::Top | Parity::Bottom))
    }

    fn completes(header: &SliceHeader, first: &SliceHeader) -> bool {
        header.completes_frame_of(first)
    }

    /// IDR, recovery point, or intra slices announced as random access.
    fn is_key(first: Option<&SliceHeader>, nals: &[Nal], announced: bool) -> bool {
        let announced = announced || nals.iter().any(|nal| nal.kind == nal::SPS);
        nals.iter().any(|nal| nal.kind == nal::IDR || nal.notes.recovery_point)
            || first.is_some_and(|first| first.intra) && announced
    }

    fn take(sets: &mut Sets, kind: u8, nal_unit: &[u8]) -> Option<Notes> {
        match kind {
            nal::SPS | nal::PPS if nal_unit.len() > UNIT_MAX => return None,
            nal::SPS => sets.take_sps(nal_unit)?,
            nal::PPS => sets.take_pps(nal_unit)?,
            nal::SEI => return Some(sei::notes(nal_unit.get(Self::HEADER..).unwrap_or_default())),
            _ => {}
        }
        Some(Notes::default())
    }
}
