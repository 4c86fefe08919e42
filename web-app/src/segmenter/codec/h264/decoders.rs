//! The decoders that are given a stream: the one that plays, and one that begins anew at the last random access point in
//! mid-stream. Each is given slices that name no picture that it does not have.

use super::mentions::{Mentions, Operation};
use super::references::References;
use super::skip::{SkipPlace, skip_picture};
use super::{Sets, SliceHeader, Sps, append, has_slice_header, start};
use crate::segmenter::video::codec::{StandIns, Started};
use crate::segmenter::video::unit::Unit;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Decoders {
    here: References,
    /// None where the last random access point was an IDR picture, or the other decoder began there.
    anew: Option<References>,
    /// Whether they bear no picture that is missing; else nothing is changed.
    strict: bool,
    picture: Option<Picture>,
}

/// The picture whose slices are being written.
#[derive(Debug)]
struct Picture {
    place: SkipPlace,
    sps_id: u8,
    idr: bool,
    /// What it does in each of the two.
    operations: [Vec<Operation>; 2],
}

impl Decoders {
    /// Decoding begins, or goes on behind a loss; `forgets` where numbers were skipped and nothing made up for them.
    pub(super) fn begin(&mut self, strict: bool, forgets: bool) {
        self.strict = strict;
        self.anew = None;
        if forgets {
            self.here = References::default();
        }
    }

    /// The next picture is a random access point.
    pub(super) fn random_access(&mut self, started: Started, header: &SliceHeader, sps: &Sps) {
        self.anew = None;
        if header.idr {
            return;
        }
        let since = |made_up: bool| {
            let place = SkipPlace::of(header);
            References::since(made_up.then(|| start::places(sps, place)).into_iter().flatten())
        };
        match started {
            Started::No => {}
            Started::Here { made_up } => self.here = since(made_up),
            Started::Anew { made_up } => self.anew = Some(since(made_up)),
        }
    }

    /// Whether there is one that begins anew.
    pub(super) const fn has_another(&self) -> bool {
        self.anew.is_some()
    }

    /// Both are given a made-up picture: the operations that it stands for were never done.
    pub(super) fn made_up(&mut self, place: SkipPlace, sps: &Sps) {
        for references in [Some(&mut self.here), self.anew.as_mut()].into_iter().flatten() {
            references.made_up(place, &[], sps);
        }
    }

    /// Both are given a slice: how it is written for each, if not as it is.
    pub(super) fn slice(&mut self, nal_unit: &[u8], sets: &Sets) -> [Option<Vec<u8>>; 2] {
        let all_there = self.here.is_whole() && self.anew.is_none();
        if !self.strict || all_there && !marks(nal_unit) {
            return [None, None];
        }
        let Some(mentions) = Mentions::read(nal_unit, sets) else { return [None, None] };
        let slice = mentions.slice();
        let Some((sps, pps)) = sets.of_slice(slice.pps_id) else { return [None, None] };
        let place = SkipPlace::of(slice);
        if self.picture.as_ref().is_none_or(|picture| picture.place != place) {
            self.end_picture(sets);
            let operable = |references: Option<&References>| {
                references.map(|references| mentions.operable(references, sps)).unwrap_or_default()
            };
            let operations = [operable(Some(&self.here)), operable(self.anew.as_ref())];
            self.picture = Some(Picture { place, sps_id: sps.id, idr: slice.idr, operations });
        }
        [Some(&self.here), self.anew.as_ref()].map(|references| mentions.rewritten(nal_unit, sps, pps, references?))
    }

    /// All slices of the picture are written.
    pub(super) fn end_picture(&mut self, sets: &Sets) {
        let Some(Picture { place, sps_id, idr, operations }) = self.picture.take() else { return };
        let Some(sps) = sets.sps(sps_id) else { return };
        for (references, operations) in [Some(&mut self.here), self.anew.as_mut()].into_iter().zip(&operations) {
            if let Some(references) = references {
                references.decoded(place, idr, operations, sps);
            }
        }
    }

    /// One repetition of the picture before for each picture in the unit, with the operations on reference pictures that
    /// this has: others follow that count on them, and on its `frame_num`.
    pub(super) fn stand_ins(&mut self, unit: &Unit<'_, SliceHeader>, sets: &Sets, pps: u8, began: bool) -> StandIns {
        let stand_in = |references: &mut References| stand_in(references, unit, sets, pps, began);
        let here = if began { stand_in(&mut self.here) } else { None };
        let anew = self.anew.as_mut().and_then(stand_in).filter(|anew| here.as_ref() != Some(anew));
        StandIns { here, anew }
    }

    /// One of the two is passed over by what follows, and comes back then.
    pub(super) const fn set_aside(&mut self, aside: bool) -> Option<References> {
        if aside { self.anew.take() } else { None }
    }

    pub(super) fn put_back(&mut self, aside: Option<References>) {
        self.anew = aside.or(self.anew.take());
    }
}

/// Whether a slice is the first of a picture that others may refer to: only those change what a decoder has.
fn marks(nal_unit: &[u8]) -> bool {
    nal_unit.first_chunk().is_some_and(|[header, first]| header & 0x60 != 0 && first & 0x80 != 0)
}

#[inline(never)]
fn stand_in(
    references: &mut References,
    unit: &Unit<'_, SliceHeader>,
    sets: &Sets,
    pps_id: u8,
    began: bool,
) -> Option<Vec<u8>> {
    let (mut after, mut sample, mut before) = (references.clone(), Vec::new(), None);
    for (_, bytes) in unit.nals().filter(|(kind, _)| has_slice_header(*kind)) {
        let Some(mentions) = Mentions::read(bytes, sets) else { continue };
        let slice = mentions.slice();
        if before.replace(slice.field) == Some(slice.field) || began && !slice.is_reference() {
            continue;
        }
        let Some(sps) = sets.sps(slice.sps_id) else { continue };
        let (place, operations) = (SkipPlace::of(slice), mentions.operable(&after, sps));
        append(&skip_picture(sps, pps_id, place, &operations)?, &mut sample);
        after.made_up(place, &operations, sps);
    }
    (!sample.is_empty()).then(|| {
        *references = after;
        sample
    })
}

// The fixtures are files.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use amt_shared::ts::Packet;

    use super::*;
    use crate::segmenter::codec::h264::{H264, nal};
    use crate::segmenter::video::codec::NalCodec;

    const VIDEO: u16 = 256;
    const OTHER: SkipPlace = SkipPlace { frame_num: 0, poc_lsb: 0, reference: true, field: None };

    /// The NAL units of a fixture's picture.
    fn nal_units(name: &str) -> Vec<Vec<u8>> {
        let ts = std::fs::read(format!("tests/fixtures/{name}.ts")).unwrap();
        let mut bytes = Vec::new();
        for packet in ts.as_chunks::<188>().0 {
            let packet = Packet::parse(packet).unwrap();
            if packet.pid() == VIDEO {
                let header = if packet.payload_unit_start() { 9 + usize::from(packet.payload()[8]) } else { 0 };
                bytes.extend_from_slice(&packet.payload()[header..]);
            }
        }
        let codes = (0..bytes.len() - 3).filter(|at| bytes[*at..*at + 3] == [0, 0, 1]).map(|at| at + 3);
        let codes: Vec<usize> = codes.chain([bytes.len() + 3]).collect();
        let units = codes.windows(2).map(|pair| {
            let unit = &bytes[pair[0]..pair[1] - 3];
            unit[..unit.len() - unit.iter().rev().take_while(|byte| **byte == 0).count()].to_vec()
        });
        units.collect()
    }

    #[test]
    fn of_a_whole_stream_all_that_is_named_is_there() {
        for name in ["clip", "open_gop", "open_gop_cavlc", "sliced", "pyramid", "mbaff", "programmes"] {
            let (mut sets, mut decoders) = (Sets::default(), Decoders::default());
            decoders.begin(true, true);
            let mut named = 0;
            for unit in nal_units(name) {
                let kind = H264::kind(&unit);
                if !has_slice_header(kind) {
                    H264::take(&mut sets, kind, &unit);
                    continue;
                }
                assert_eq!(decoders.slice(&unit, &sets), [None, None], "{name}");
                // For a decoder that has but one other picture this would be changed.
                let mentions = Mentions::read(&unit, &sets).unwrap();
                let (sps, pps) = sets.of_slice(mentions.slice().pps_id).unwrap();
                named += usize::from(mentions.rewritten(&unit, sps, pps, &References::since([OTHER])).is_some());
                if kind == nal::IDR {
                    decoders.end_picture(&sets);
                    decoders.here.doubt();
                }
            }
            let names = matches!(name, "open_gop_cavlc" | "pyramid" | "mbaff");
            assert!(!names || named > 10, "{name}: {named}");
        }
    }
}
