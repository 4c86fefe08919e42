//! What H.264 means to the picture's line: where access units begin (ISO/IEC 14496-10, 7.4.1.2.3–7.4.1.2.4), which
//! pictures can be decoded, and how they are written as samples (14496-15, 5).

use std::borrow::Cow;

use super::conceal::{Concealment, Placed};
use super::reorder::Reordering;
use super::skip::{SkipPlace, skip_picture, skip_pps};
use super::{Parity, Pps, Present, SliceHeader, Sps, has_slice_header, nal, sei, without_missing};
use crate::segmenter::fmp4;
use crate::segmenter::video::codec::{
    Configuration, Due, Facts, MadeUp, NalCodec, Order, Role, StartCodes, Step, VideoCodec,
};
use crate::segmenter::video::parameter_sets::{ParameterSets, UNIT_MAX};
use crate::segmenter::video::unit::{Nal, Notes, Unit};

/// What is remembered of an H.264 stream's pictures.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct H264 {
    /// After decoding began at a picture that is no IDR: what a decoder has since.
    present: Option<Present>,
    /// Pictures in a row that no other refers to: now, and at most.
    disposable: [i64; 2],
    concealment: Concealment,
    reordering: Reordering,
    /// The set that made-up pictures use, in the last initialisation segment.
    skip_pps: Option<u8>,
    /// Which of two ids it takes: another one makes another initialisation segment.
    other_id: bool,
}

impl H264 {
    /// A made-up picture at its place, which a decoder has then.
    fn make_up(&mut self, placed: Placed, sps: &Sps) -> Option<MadeUp> {
        let Placed { place, dts, pts } = placed;
        let nal = skip_picture(sps, self.skip_pps?, place)?;
        self.concealment.given(placed, false);
        self.reordering.given(sps, place.poc_lsb, place.reference, false);
        if place.reference {
            // The operations on reference pictures that it stands for were never done.
            self.present = Some(Present::since(place.frame_num));
        }
        let mut sample = (nal.len() as u32).to_be_bytes().to_vec();
        sample.extend(nal);
        Some(MadeUp { sample, dts, pts })
    }

    /// A slice without the mention of pictures that the decoder never had; `None` where it has none.
    fn without_missing(&self, kind: u8, bytes: &[u8], sets: &Sets) -> Option<Vec<u8>> {
        let present = self.present.filter(|_| has_slice_header(kind))?;
        let slice = SliceHeader::parse(bytes, |pps| sets.of_slice(pps))?;
        let (sps, pps) = sets.of_slice(slice.pps_id)?;
        without_missing(bytes, sps, pps, present)
    }
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
        self.reordering.restart();
        if !header.idr && clean {
            self.present = Some(Present::from(header));
        }
        !header.idr
    }

    fn leaves_out(&self, _header: &SliceHeader) -> bool {
        false
    }

    fn given(&mut self, due: &Due<'_, SliceHeader>, sets: &Sets) {
        let header = due.header;
        let (place, key) = (SkipPlace::of(header), due.key);
        self.concealment.given(Placed { place, dts: due.dts, pts: due.pts }, key);
        let [now, most] = self.disposable;
        let now = if header.is_reference() { 0 } else { now + 1 };
        self.disposable = [now, most.max(now)];
        let sps = sets.sps.get(header.sps_id);
        if let Some(sps) = sps {
            self.reordering.given(sps, header.poc_lsb, header.reference, header.idr);
        }
        self.present = self.present.zip(sps).and_then(|(present, sps)| present.at(header, sps));
    }

    fn configuration(&mut self, header: &SliceHeader, sets: &Sets, make_up: bool) -> Option<Configuration> {
        let sps = sets.sps.get(header.sps_id)?;
        if self.begins_anew() {
            self.other_id = !self.other_id;
        }
        self.skip_pps = sets.pps.free_ids().nth(self.other_id.into()).filter(|_| make_up);
        let skip_pps = self.skip_pps.map(|id| skip_pps(id, sps.id));
        let sps_units: Vec<_> = sets.sps.units().map(|unit| self.reordering.said(unit)).collect();
        let sps_units = sps_units.iter().map(|unit| &unit[..]);
        Some(Configuration {
            codec: sps.codec(),
            width: sps.width,
            height: sps.height,
            data: fmp4::avc_init(sps, sps_units, sets.pps.units().chain(skip_pps.iter().map(Vec::as_slice))),
        })
    }

    /// Where made-up pictures have numbers of their own, these may be the numbers of what follows as well. An IDR picture
    /// begins anew by itself.
    fn begins_anew(&self) -> bool {
        self.concealment.astray() && self.present.is_some()
    }

    fn outdated(&mut self, due: &Due<'_, SliceHeader>, sets: &Sets) -> bool {
        let alone = due.header.idr || self.begins_anew();
        let sps = sets.sps.get(due.header.sps_id);
        sps.is_some_and(|sps| self.reordering.begins(sps, due.pts - due.dts, due.step, alone))
    }

    fn unsettled(&self) -> bool {
        self.reordering.unsettled()
    }

    fn settled(&mut self, step: i64) -> Option<bool> {
        self.reordering.settled(step)
    }

    const MAKES_UP: bool = true;

    fn missing(&mut self, due: &Due<'_, SliceHeader>, sets: &Sets) -> Option<Vec<MadeUp>> {
        let sps = sets.sps.get(due.header.sps_id)?;
        let placed = self.concealment.missing(due, sps)?;
        placed.into_iter().map(|placed| self.make_up(placed, sps)).collect()
    }

    fn instead(&mut self, due: &Due<'_, SliceHeader>, sets: &Sets) -> Option<MadeUp> {
        let sps = sets.sps.get(due.header.sps_id)?;
        let placed = self.concealment.instead(due, sps)?;
        self.make_up(placed, sps)
    }

    /// NAL units with their lengths, without those that only structure the byte stream, without the parameter sets
    /// that the initialisation segment holds, without what belongs to other layers and views, and without the mention of
    /// pictures that the decoder never had.
    fn sample(&self, unit: &Unit<'_, SliceHeader>, sets: &Sets, keep_sets: bool, sample: &mut Vec<u8>) {
        for (kind, bytes) in unit.nals() {
            let kept = match kind {
                nal::SPS | nal::PPS => keep_sets,
                nal::DELIMITER | nal::END_OF_SEQUENCE | nal::END_OF_STREAM | nal::FILLER => false,
                nal::PREFIX | nal::SUBSET_SPS | nal::EXTENSION | nal::DEPTH_EXTENSION => false,
                _ => !bytes.is_empty(),
            };
            if !kept {
                continue;
            }
            let bytes = match kind {
                nal::SPS => self.reordering.said(bytes),
                _ => self.without_missing(kind, bytes, sets).map_or(Cow::Borrowed(bytes), Cow::Owned),
            };
            sample.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            sample.extend_from_slice(&bytes);
        }
    }

    fn captions(nal_unit: &[u8], captions: &mut Vec<u8>) {
        sei::captions(nal_unit.get(Self::HEADER..).unwrap_or_default(), captions);
    }
}

impl NalCodec for H264 {
    type Framing = StartCodes;

    const HEADER: usize = 1;
    const ENOUGH: usize = SliceHeader::ENOUGH;

    fn kind(header: &[u8]) -> u8 {
        header.first().map_or(0, |byte| byte & 0x1F)
    }

    fn role(kind: u8) -> Role {
        match kind {
            _ if has_slice_header(kind) => Role::Slice,
            nal::DELIMITER => Role::Delimiter,
            nal::PREFIX => Role::OfNextSlice,
            nal::SEI..=nal::PPS | nal::SUBSET_SPS..=18 => Role::Prefix,
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
