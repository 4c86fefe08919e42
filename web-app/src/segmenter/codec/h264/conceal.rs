//! Where made-up pictures ([`super::skip`]) stand in a decoder's order, so that no reference picture is missing and no
//! number is skipped (ISO/IEC 14496-10, 7.4.3 and 8.2.1).
//!
//! In: the pictures that are given, and those that are not. Out: places and times for made-up ones. Where a loss
//! cannot be followed, an IDR picture gone for one, nothing real can be given before the next random access point, and
//! the made-up pictures are numbered on from the last real one.

use super::skip::SkipPlace;
use super::{SliceHeader, Sps};
use crate::segmenter::video::codec::Due;
use amt_shared::clock::TICKS_PER_SECOND;

/// No more pictures than this are made up for one loss.
const GAP_MAX: i64 = 250;

/// A picture that is made up, and when; 90 kHz ticks of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) place: SkipPlace,
    pub(super) dts: i64,
    pub(super) pts: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Concealment {
    /// The last reference picture; `None` before the first random access point.
    reference: Option<Placed>,
    /// The last decoding time, and the latest presentation time since the last random access point.
    last_dts: i64,
    shown: i64,
    /// Something was lost since the last random access point: packets may come out of order as well.
    disturbed: bool,
    /// The loss could not be followed: made-up pictures have numbers of their own.
    astray: bool,
}

impl Concealment {
    /// A picture is given, real or made up.
    pub(super) fn given(&mut self, picture: Placed, key: bool) {
        if key || self.is_after_jump(picture.dts) {
            self.shown = picture.pts;
        }
        self.astray &= !key;
        self.disturbed &= !key;
        self.shown = self.shown.max(picture.pts);
        self.last_dts = picture.dts;
        if picture.place.reference || key {
            self.reference = Some(picture);
        }
    }

    /// Whether a loss could not be followed, and no random access point was given since.
    pub(super) const fn astray(&self) -> bool {
        self.astray
    }

    /// The reference pictures that are missing before this one. `None` where they cannot be told: then nothing that
    /// follows can be decoded before the next random access point.
    pub(super) fn missing(&mut self, due: &Due<'_, SliceHeader>, sps: &Sps) -> Option<Vec<Placed>> {
        let before = self.reference?;
        let numbers = i64::from(sps.frame_numbers());
        let place = SkipPlace::of(due.header);
        let gap = (i64::from(place.frame_num) - i64::from(before.place.frame_num) - 1).rem_euclid(numbers);
        self.disturbed |= due.lost;
        if !due.lost && !self.astray && (!self.disturbed || gap == 0) {
            return Some(Vec::new());
        }
        let gone = (due.dts - self.last_dts + due.step / 2) / due.step.max(1) - 1;
        let order = sps.picture_order_difference(place.poc_lsb, before.place.poc_lsb);
        // Numbers may fit by chance where an IDR picture is gone, with which both counts begin anew.
        let in_order = !sps.has_picture_order() || (due.pts - before.pts - order * due.count).abs() < due.step;
        self.astray |= due.header.idr || gap > gone.max(0) || gap > GAP_MAX || !in_order;
        if self.astray {
            return None;
        }
        let count = gap + 1;
        let between = |from: i64, to: i64, number: i64| from + (to - from) * number / count;
        let made_up = (1..count).map(|number| Placed {
            place: SkipPlace {
                frame_num: ((i64::from(before.place.frame_num) + number) % numbers) as u32,
                poc_lsb: sps.picture_order_after(before.place.poc_lsb, between(0, order, number)),
                reference: true,
                field: None,
            },
            dts: due.dts - (count - number) * due.step,
            pts: between(before.pts, due.pts, number),
        });
        Some(made_up.collect())
    }

    /// What stands in for a picture that is left out; after [`Self::missing`].
    pub(super) fn instead(&self, due: &Due<'_, SliceHeader>, sps: &Sps) -> Option<Placed> {
        let before = self.reference?;
        let Due { dts, pts, .. } = *due;
        if !self.astray {
            return Some(Placed { place: SkipPlace { field: None, ..SkipPlace::of(due.header) }, dts, pts });
        }
        let place = SkipPlace {
            frame_num: (before.place.frame_num + 1) % sps.frame_numbers(),
            poc_lsb: sps.picture_order_after(before.place.poc_lsb, 2),
            reference: true,
            field: None,
        };
        // In decoding order, as their picture order is.
        let pts = dts + before.pts - before.dts;
        let pts = if self.is_after_jump(dts) { pts } else { pts.max(self.shown + due.step / 2) };
        Some(Placed { place, dts, pts })
    }

    /// Whether the clock has jumped since the last picture, so that what was shown before says nothing.
    const fn is_after_jump(&self, dts: i64) -> bool {
        (dts - self.last_dts).abs() > TICKS_PER_SECOND
    }
}
