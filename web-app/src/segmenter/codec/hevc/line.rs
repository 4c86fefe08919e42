//! What HEVC means to the picture's line: where access units begin (ISO/IEC 23008-2, 7.4.2.4.4), which pictures can be
//! decoded, and how they are written as samples (14496-15, 8).

use super::{Pps, SliceHeader, Sps, nal, sei};
use crate::segmenter::fmp4::{self, HdrMetadata};
use crate::segmenter::video::codec::{
    Configuration, Due, Facts, Form, NalCodec, Order, Role, StartCodes, Step, VideoCodec,
};
use crate::segmenter::video::parameter_sets::{ParameterSets, UNIT_MAX};
use crate::segmenter::video::unit::{Nal, Notes, Unit};

/// SEI `payloadType` numbers.
const MASTERING_DISPLAY: usize = 137;
const CONTENT_LIGHT_LEVEL: usize = 144;
/// Pictures that a decoder has: no set names more than 16, and the current one comes on top.
const PRESENT_MAX: usize = 17;

/// What is remembered of an HEVC stream's pictures.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Hevc {
    /// Order count of the last picture that others go on from, and of the last one seen.
    anchor: i64,
    order: i64,
    /// Order counts of the pictures that a decoder still has; `None` while that is not known, after decoding began at a
    /// recovery point.
    present: Option<Vec<i64>>,
    /// RASL pictures refer to what is not there.
    skips_leading: bool,
    /// The sequence ended with the last picture.
    ended: bool,
}

/// The parameter sets of an HEVC stream, and what else is told with them.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Sets {
    vps: ParameterSets<()>,
    sps: ParameterSets<Sps>,
    pps: ParameterSets<Pps>,
    hdr: HdrMetadata,
    /// Counts changes of any of this.
    generation: u64,
}

impl Sets {
    /// Takes a parameter set; `None` where it cannot be used.
    fn take(&mut self, kind: u8, unit: &[u8]) -> Option<()> {
        if unit.len() > UNIT_MAX {
            return None;
        }
        let changed = match kind {
            nal::VPS => self.vps.take(unit.get(2)? >> 4, (), unit),
            nal::SPS => {
                let sps = Sps::parse(unit)?;
                let id = sps.id;
                let changed = self.sps.take(id, sps, unit);
                if changed {
                    self.pps.outdate(|pps| pps.sps_id == id);
                }
                changed
            }
            _ => {
                let pps = Pps::parse(unit)?;
                self.pps.take(pps.id, pps, unit)
            }
        };
        self.generation += u64::from(changed);
        Some(())
    }

    /// Takes an SEI.
    fn take_sei(&mut self, sei: &[u8]) {
        let before = self.hdr;
        sei::each(sei, |kind, payload| match kind {
            MASTERING_DISPLAY => self.hdr.mastering_display = payload.first_chunk().copied(),
            CONTENT_LIGHT_LEVEL => self.hdr.content_light_level = payload.first_chunk().copied(),
            _ => {}
        });
        self.generation += u64::from(self.hdr != before);
    }

    /// The sets that a slice with this `slice_pic_parameter_set_id` uses.
    fn of_slice(&self, pps_id: u8) -> Option<(&Sps, &Pps)> {
        let pps = self.pps.get(pps_id)?;
        Some((self.sps.get(pps.sps_id)?, pps))
    }
}

impl Hevc {
    /// The picture order count of a picture (8.3.1).
    fn order_of(&self, header: &SliceHeader, sps: &Sps) -> i64 {
        let low = i64::from(header.poc_lsb);
        if header.is_clean() || header.is_irap() && self.ended {
            return low;
        }
        let range = 1i64 << sps.log2_max_poc_lsb;
        let forward = (low - self.anchor).rem_euclid(range);
        self.anchor + if forward >= range / 2 { forward - range } else { forward }
    }

    /// Whether one of the pictures that `header`'s picture may refer to is not there.
    fn lacks_any(&self, header: &SliceHeader, sps: &Sps, present: &[i64]) -> bool {
        let order = self.order_of(header, sps);
        let range = 1i64 << sps.log2_max_poc_lsb;
        let short = header.short_term.pictures().any(|(delta, used)| used && !present.contains(&(order + delta)));
        let long = header
            .long_term
            .pictures()
            .any(|picture| picture.used && !present.iter().any(|other| picture.is(*other, order, range)));
        short || long
    }
}

impl VideoCodec for Hevc {
    type Header = SliceHeader;
    type Sets = Sets;

    fn facts(header: &SliceHeader, sets: &Sets) -> Option<Facts> {
        let sps = sets.sps.get(header.sps_id)?;
        Some(Facts {
            restarts: header.is_clean(),
            order: Some(Order {
                low: header.poc_lsb,
                bits: sps.log2_max_poc_lsb,
                anchors: header.anchors_order(),
                single: true,
            }),
            frame_duration: sps.vui.frame_duration,
            configuration: (sets.generation, sps.id),
        })
    }

    /// The stream names the pictures that it refers to: those that a decoder does not have were lost.
    fn lacks_reference(&self, step: &Step<'_, SliceHeader>, sets: &Sets) -> bool {
        if step.this.is_irap() || self.leaves_out(step.this) {
            return false;
        }
        match (&self.present, sets.sps.get(step.this.sps_id)) {
            (Some(present), Some(sps)) => self.lacks_any(step.this, sps, present),
            _ => step.lost,
        }
    }

    fn seen(&mut self, unit: &Unit<'_, SliceHeader>, header: &SliceHeader, sets: &Sets) {
        let Some(sps) = sets.sps.get(header.sps_id) else { return };
        self.order = self.order_of(header, sps);
        if header.anchors_order() {
            self.anchor = self.order;
        }
        if header.is_irap() {
            self.skips_leading = header.is_clean() || self.ended;
        } else if !header.is_leading() {
            // Leading pictures stand directly behind their random access point: others have lost it.
            self.skips_leading = false;
        }
        self.ended = unit.nals().any(|(kind, _)| matches!(kind, nal::END_OF_SEQUENCE | nal::END_OF_BITSTREAM));
    }

    fn begin(&mut self, header: &SliceHeader, _clean: bool) -> bool {
        self.skips_leading = true;
        self.present = header.is_irap().then(Vec::new);
        !header.is_irap()
    }

    fn leaves_out(&self, header: &SliceHeader) -> bool {
        self.skips_leading && header.is_skipped_leading()
    }

    fn given(&mut self, due: &Due<'_, SliceHeader>, sets: &Sets) {
        let header = due.header;
        let order = self.order;
        if header.is_clean() {
            // Also where it was not known before.
            self.present = Some(Vec::new());
        }
        let (Some(present), Some(sps)) = (&mut self.present, sets.sps.get(header.sps_id)) else { return };
        let range = 1i64 << sps.log2_max_poc_lsb;
        present.retain(|other| {
            header.short_term.pictures().any(|(delta, _)| order + delta == *other)
                || header.long_term.pictures().any(|picture| picture.is(*other, order, range))
        });
        present.push(order);
        if present.len() > PRESENT_MAX {
            present.remove(0);
        }
    }

    fn configuration(&mut self, header: &SliceHeader, sets: &Sets, _make_up: bool) -> Option<Configuration> {
        let sps = sets.sps.get(header.sps_id)?;
        let arrays = [
            (nal::VPS, sets.vps.units().collect()),
            (nal::SPS, sets.sps.units().collect()),
            (nal::PPS, sets.pps.units().collect()),
        ];
        Some(Configuration {
            codec: sps.profile.codec(),
            width: sps.width,
            height: sps.height,
            data: fmp4::hevc_init(sps, &arrays, &sets.hdr),
        })
    }

    /// NAL units with their lengths, without those that only structure the byte stream, those of other layers, and the
    /// parameter sets that the initialisation segment holds. The end of a sequence stays: what follows is decoded
    /// otherwise.
    fn sample(
        &mut self,
        unit: &Unit<'_, SliceHeader>,
        _sets: &Sets,
        form: Form,
        sample: &mut Vec<u8>,
    ) -> Option<Vec<u8>> {
        for (kind, bytes) in unit.nals() {
            let kept = match kind {
                nal::VPS..=nal::PPS => form.keep_sets,
                nal::END_OF_SEQUENCE | nal::END_OF_BITSTREAM | nal::PREFIX_SEI | nal::SUFFIX_SEI => true,
                _ => Self::role(kind) == Role::Slice,
            };
            if kept && bytes.len() >= Self::HEADER {
                sample.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
                sample.extend_from_slice(bytes);
            }
        }
        None
    }

    fn captions(nal_unit: &[u8], captions: &mut Vec<u8>) {
        sei::captions(nal_unit.get(Self::HEADER..).unwrap_or_default(), captions);
    }
}

impl NalCodec for Hevc {
    type Framing = StartCodes;

    const HEADER: usize = 2;
    const ENOUGH: usize = SliceHeader::ENOUGH;

    fn kind(header: &[u8]) -> u8 {
        match header {
            [high, low, ..] if high & 1 == 0 && low >> 3 == 0 => high >> 1 & 0x3F,
            _ => nal::OTHER_LAYER,
        }
    }

    fn role(kind: u8) -> Role {
        match kind {
            0..=9 | nal::BLA_W_LP..=nal::CRA => Role::Slice,
            nal::DELIMITER => Role::Delimiter,
            nal::VPS..=nal::PPS | nal::PREFIX_SEI | 41..=44 | 48..=55 => Role::Prefix,
            _ => Role::Other,
        }
    }

    fn header(nal_unit: &[u8], sets: &Sets) -> Option<SliceHeader> {
        SliceHeader::parse(nal_unit, |pps| sets.of_slice(pps))
    }

    fn is_first(nal_unit: &[u8]) -> bool {
        nal_unit.get(2).is_some_and(|byte| byte & 0x80 != 0)
    }

    fn begins(header: &SliceHeader) -> bool {
        header.first
    }

    fn begins_after(header: &SliceHeader, _before: &SliceHeader) -> bool {
        header.first
    }

    /// Fields are pictures of their own here.
    fn is_half(_header: &SliceHeader) -> bool {
        false
    }

    fn completes(_header: &SliceHeader, _first: &SliceHeader) -> bool {
        false
    }

    /// An IRAP picture or a recovery point.
    fn is_key(first: Option<&SliceHeader>, nals: &[Nal], _announced: bool) -> bool {
        first.is_some_and(SliceHeader::is_irap) || nals.iter().any(|nal| nal.notes.recovery_point)
    }

    fn take(sets: &mut Sets, kind: u8, nal_unit: &[u8]) -> Option<Notes> {
        match kind {
            nal::VPS..=nal::PPS => sets.take(kind, nal_unit)?,
            nal::PREFIX_SEI => {
                let sei = nal_unit.get(Self::HEADER..).unwrap_or_default();
                sets.take_sei(sei);
                return Some(sei::notes(sei));
            }
            _ => {}
        }
        Some(Notes::default())
    }
}
