//! What H.264 means to the picture's line: where access units begin (ISO/IEC 14496-10, 7.4.1.2.3–7.4.1.2.4), which
//! pictures can be decoded, and how they are written as samples (14496-15, 5).

use std::borrow::Cow;

use super::conceal::{Concealment, Placed};
use super::decoders::Decoders;
use super::reorder::Reordering;
use super::skip::{SkipPlace, skip_picture, skip_pps};
use super::start::{RECOVERY_POINT, start};
use super::{Parity, Pps, SliceHeader, Sps, has_slice_header, nal, sei};
use crate::segmenter::fmp4;
use crate::segmenter::video::codec::{
    Configuration, Due, Facts, Form, MadeUp, NalCodec, Order, Role, StandIns, StartCodes, Started, Step, VideoCodec,
};
use crate::segmenter::video::parameter_sets::{ParameterSets, UNIT_MAX};
use crate::segmenter::video::unit::{Nal, Notes, Unit};

/// What is remembered of an H.264 stream's pictures.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct H264 {
    decoders: Decoders,
    /// Decoding began at a picture that is no IDR picture.
    began_within: bool,
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
        let nal = skip_picture(sps, self.skip_pps?, place, &[])?;
        self.concealment.given(placed, false);
        self.reordering.given(sps, place.poc_lsb, place.reference, false);
        self.decoders.made_up(place, sps);
        let mut sample = Vec::new();
        append(&nal, &mut sample);
        Some(MadeUp { sample, dts, pts })
    }
}

/// Appends a NAL unit to a sample, with its length (14496-15, 5.3.4.2).
pub(super) fn append(nal: &[u8], sample: &mut Vec<u8>) {
    sample.extend_from_slice(&(nal.len() as u32).to_be_bytes());
    sample.extend_from_slice(nal);
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

    pub(super) fn sps(&self, id: u8) -> Option<&Sps> {
        self.sps.get(id)
    }

    /// The sets that a slice with this `pic_parameter_set_id` uses.
    pub(super) fn of_slice(&self, pps_id: u8) -> Option<(&Sps, &Pps)> {
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
    /// one where both the time and `frame_num` step; or the time goes back, as in a capture that is played again and
    /// again: then the order of the pictures must go on too, as numbers may fit by chance.
    fn lacks_reference(&self, step: &Step<'_, SliceHeader>, sets: &Sets) -> bool {
        let sps = sets.sps.get(step.this.sps_id);
        let follows = sps.is_some_and(|sps| step.this.follows(step.before, sps));
        if step.lost {
            return !(step.this.idr || follows && step.gone <= self.disposable[1]);
        }
        let in_order = |sps: &Sps| {
            let order = sps.picture_order_difference(step.this.poc_lsb, step.before.poc_lsb);
            !sps.has_picture_order() || order * step.count == step.shown
        };
        let fits = follows && (step.gone >= 0 || step.this.idr || sps.is_some_and(in_order));
        step.gone != 0 && !fits
    }

    fn seen(&mut self, _unit: &Unit<'_, SliceHeader>, _header: &SliceHeader, _sets: &Sets) {}

    fn begin(&mut self, header: &SliceHeader, clean: bool) -> bool {
        self.reordering.restart();
        self.began_within = !header.idr && clean;
        self.decoders.begin(clean, self.skip_pps.is_none());
        !header.idr
    }

    fn passes(&mut self, header: &SliceHeader) -> bool {
        !header.idr
    }

    fn stand_ins(&mut self, unit: &Unit<'_, SliceHeader>, sets: &Sets, began: bool) -> StandIns {
        self.skip_pps.map(|pps| self.decoders.stand_ins(unit, sets, pps, began)).unwrap_or_default()
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
        if let Some(sps) = sets.sps.get(header.sps_id) {
            self.reordering.given(sps, header.poc_lsb, header.reference, header.idr);
        }
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
        self.concealment.astray() && self.began_within
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

    fn is_whole(header: &SliceHeader) -> bool {
        header.idr || header.intra
    }

    fn is_reference(header: &SliceHeader) -> bool {
        header.is_reference()
    }

    fn start(&self, header: &SliceHeader, sets: &Sets) -> Vec<Vec<u8>> {
        let Some((sps, pps)) = sets.sps.get(header.sps_id).zip(self.skip_pps).filter(|_| !header.idr) else {
            return Vec::new();
        };
        let sample = |nals: Vec<Vec<u8>>| {
            let mut sample = Vec::new();
            nals.iter().for_each(|nal| append(nal, &mut sample));
            sample
        };
        start(sps, pps, SkipPlace::of(header)).into_iter().map(sample).collect()
    }

    /// NAL units with their lengths, without those that only structure the byte stream, without the parameter sets
    /// that the initialisation segment holds, without what belongs to other layers and views, and without the mention of
    /// pictures that the decoder never had. A random access point says that it is one, which Chromium wants; but behind
    /// pictures with which decoding begins, those say it, and no decoder may begin without them.
    fn sample(
        &mut self,
        unit: &Unit<'_, SliceHeader>,
        sets: &Sets,
        form: Form,
        sample: &mut Vec<u8>,
    ) -> Option<Vec<u8>> {
        if form.started != Started::No
            && let Some((header, sps)) = unit.header.and_then(|header| Some((header, sets.sps(header.sps_id)?)))
        {
            self.decoders.random_access(form.started, &header, sps);
        }
        let aside = self.decoders.set_aside(form.stood_in);
        let [behind, behind_anew] = [true, false].map(|here| form.started.made_up(here));
        let mut other = behind_anew.then(|| sample.clone());
        let is_start = |kind, notes: Notes| kind == nal::IDR || notes.recovery_point;
        let mut unsaid = unit.key
            && !behind
            && unit.header.is_some_and(|header| header.intra)
            && !unit.noted().any(|(kind, _, notes)| is_start(kind, notes));
        for (kind, bytes, notes) in unit.noted() {
            let kept = match kind {
                nal::SPS | nal::PPS => form.keep_sets,
                nal::DELIMITER | nal::END_OF_SEQUENCE | nal::END_OF_STREAM | nal::FILLER => false,
                nal::PREFIX | nal::SUBSET_SPS | nal::EXTENSION | nal::DEPTH_EXTENSION => false,
                _ => !bytes.is_empty(),
            };
            if !kept {
                continue;
            }
            let said = if kind == nal::SPS { self.reordering.said(bytes) } else { Cow::Borrowed(bytes) };
            let mut slices = [None, None];
            if has_slice_header(kind) {
                if core::mem::take(&mut unsaid) {
                    append(&RECOVERY_POINT, sample);
                }
                slices = self.decoders.slice(bytes, sets);
            }
            let [here, anew] = slices;
            if self.decoders.has_another() && here != anew {
                other.get_or_insert_with(|| sample.clone());
            }
            if let Some(other) = other.as_mut().filter(|_| !(notes.recovery_point && behind_anew)) {
                append(anew.as_deref().unwrap_or(&said), other);
            }
            if !(notes.recovery_point && behind) {
                append(here.as_deref().unwrap_or(&said), sample);
            }
        }
        self.decoders.end_picture(sets);
        self.decoders.put_back(aside);
        other
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
