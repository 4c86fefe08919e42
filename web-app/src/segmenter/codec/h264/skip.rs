//! Made-up pictures that repeat the reference picture before them: P pictures in which every macroblock is skipped
//! (ISO/IEC 14496-10, 7.3.4 and 8.4.1.1), a few bytes long.
//!
//! They stand where a picture is lost or left out, so that neither the picture's timeline nor the decoder's reference
//! pictures have a hole: Chromium ends playback on frames whose references are missing, and stops the sound where the
//! picture starves. They use a picture parameter set of their own, with CAVLC, whatever the stream's is.

use super::{SliceHeader, Sps, nal};
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
}

impl SkipPlace {
    /// The place of the picture that `slice` is of.
    pub(super) const fn of(slice: &SliceHeader) -> Self {
        Self { frame_num: slice.frame_num, poc_lsb: slice.poc_lsb, reference: slice.reference }
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

/// A made-up picture as one slice that uses the set of [`skip_pps`]; `None` where the sequence has no reference
/// pictures, or more colour planes than one slice holds.
pub(super) fn skip_picture(sps: &Sps, pps: u8, place: SkipPlace) -> Option<Vec<u8>> {
    if sps.max_num_ref_frames == 0 || sps.separate_colour_plane {
        return None;
    }
    let mut w = BitWriter::default();
    // first_mb_in_slice; P, as all slices of this picture.
    w.ue(0).ue(5).ue(pps.into());
    w.put(place.frame_num, sps.log2_max_frame_num);
    if !sps.frame_mbs_only {
        w.put(0, 1);
    }
    match sps.poc_type {
        0 => drop(w.put(place.poc_lsb, sps.log2_max_poc_lsb)),
        1 if !sps.delta_pic_order_always_zero => drop(w.se(0)),
        _ => {}
    }
    // Neither another number of references nor another order of them.
    w.put(0, 2);
    if place.reference {
        // The sliding window.
        w.put(0, 1);
    }
    w.se(0).ue(1);
    // mb_skip_run
    w.ue(sps.macroblocks);
    let header = if place.reference { 0x40 } else { 0 } | nal::SLICE;
    Some(escape(header, &w.finish_rbsp()))
}
