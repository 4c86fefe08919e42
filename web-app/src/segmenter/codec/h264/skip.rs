//! Made-up pictures that repeat the reference picture before them: P pictures in which every macroblock is skipped
//! (ISO/IEC 14496-10, 7.3.4 and 8.4.1.1), a few bytes long.
//!
//! They stand where a picture is lost or left out, so that neither the picture's timeline nor the decoder's reference
//! pictures have a hole: Chromium ends playback on frames whose references are missing, and stops the sound where the
//! picture starves. They use a picture parameter set of their own, with CAVLC, whatever the stream's is.

use super::mentions::{Operation, write_operations};
use super::{Parity, SliceHeader, Sps, nal};
use crate::segmenter::bits::BitWriter;
use crate::segmenter::codec::escape;

/// Where a made-up picture stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SkipPlace {
    /// `frame_num` (7.4.3), and the picture order count's low bits, where the stream has them.
    pub(super) frame_num: u32,
    pub(super) poc_lsb: u32,
    /// Others may refer to it.
    pub(super) reference: bool,
    /// Which field of a frame it is, if it is one.
    pub(super) field: Option<Parity>,
}

impl SkipPlace {
    /// The place of the picture that `slice` is of.
    pub(super) const fn of(slice: &SliceHeader) -> Self {
        let SliceHeader { frame_num, poc_lsb, reference, field, .. } = *slice;
        Self { frame_num, poc_lsb, reference, field }
    }

    /// The part of a slice header that says it (7.3.3).
    pub(super) fn write(self, sps: &Sps, w: &mut BitWriter) {
        w.put(self.frame_num, sps.log2_max_frame_num);
        match self.field {
            Some(parity) => drop(w.put(2 + u32::from(parity == Parity::Bottom), 2)),
            None if !sps.frame_mbs_only => drop(w.put(0, 1)),
            None => {}
        }
        match sps.poc_type {
            0 => drop(w.put(self.poc_lsb, sps.log2_max_poc_lsb)),
            1 if !sps.delta_pic_order_always_zero => drop(w.se(0)),
            _ => {}
        }
    }
}

/// The picture parameter set of made-up pictures of the sequence `sps_id` (7.3.2.2).
pub(super) fn skip_pps(id: u8, sps_id: u8) -> Vec<u8> {
    let mut w = BitWriter::default();
    w.ue(id.into()).ue(sps_id.into());
    // CAVLC; no order of the bottom field; one slice group; one reference; no weights.
    w.put(0, 2).ue(0).ue(0).ue(0).put(0, 3);
    // The quantisers do not matter: nothing is coded.
    w.se(0).se(0).se(0);
    // The slice says that nothing is deblocked; no constrained intra prediction, no redundant pictures.
    w.put(0b100, 3);
    escape(0x60 | nal::PPS, &w.finish_rbsp())
}

/// A made-up picture as one slice that uses the set of [`skip_pps`], with these operations on reference pictures;
/// `None` where the sequence has no reference pictures, or more colour planes than one slice holds.
pub(super) fn skip_picture(sps: &Sps, pps: u8, place: SkipPlace, marking: &[Operation]) -> Option<Vec<u8>> {
    if sps.max_num_ref_frames == 0 || sps.separate_colour_plane {
        return None;
    }
    let mut w = BitWriter::default();
    // first_mb_in_slice; P, as all slices of this picture.
    w.ue(0).ue(5).ue(pps.into());
    place.write(sps, &mut w);
    // Neither another number of references nor another order of them.
    w.put(0, 2);
    if place.reference {
        write_operations(&mut w, marking);
    }
    w.se(0).ue(1);
    // mb_skip_run
    w.ue(if place.field.is_some() { sps.macroblocks / 2 } else { sps.macroblocks });
    let header = if place.reference { 0x40 } else { 0 } | nal::SLICE;
    Some(escape(header, &w.finish_rbsp()))
}
