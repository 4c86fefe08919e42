//! Made-up pictures with which decoding begins, before a random access point that is no IDR picture (ISO/IEC 14496-10,
//! 8.2.1 and D.2.8): one of grey intra macroblocks, and repetitions of it, as many as a decoder keeps for reference.
//!
//! Behind such a point pictures may still list others from before it, though nothing that is shown is taken from them.
//! A list with a hole is an error that ends playback in Chromium. And where a stream has no intra pictures, but
//! refreshes a part with each picture, it completes over the grey one.

use super::mentions::write_operations;
use super::skip::{SkipPlace, skip_picture};
use super::{Sps, nal};
use crate::segmenter::bits::BitWriter;
use crate::segmenter::codec::escape;

/// A message that says that decoding can begin here (D.1.8): at once, and exactly.
pub(super) const RECOVERY_POINT: [u8; 5] = [nal::SEI, 6, 1, 0xC4, 0x80];
/// So far the picture order counts stay below those of leading pictures, where the counts' range allows it.
const ORDER_BELOW: i64 = 64;

/// Where the pictures before the one at `place` stand. None where the sequence has no reference pictures.
pub(super) fn places(sps: &Sps, place: SkipPlace) -> impl Iterator<Item = SkipPlace> {
    let numbers = sps.frame_numbers();
    let orders = if sps.has_picture_order() { 1 << sps.log2_max_poc_lsb } else { 1 << 16 };
    let count = sps.max_num_ref_frames.min(16).min(numbers - 2).min(orders / 4);
    let below = ORDER_BELOW.min(i64::from(orders) / 4);
    (1..=count).rev().map(move |back| SkipPlace {
        frame_num: place.frame_num.wrapping_sub(back) % numbers,
        poc_lsb: sps.picture_order_after(place.poc_lsb, 1 - below - i64::from(back)),
        reference: true,
        field: None,
    })
}

/// The pictures before the one at `place`, each as the NAL units of a sample. None where pictures cannot be made up in the
/// sequence.
pub(super) fn start(sps: &Sps, pps: u8, place: SkipPlace) -> Vec<Vec<Vec<u8>>> {
    let pictures = places(sps, place).enumerate().map(|(number, place)| {
        if number == 0 {
            Some(vec![RECOVERY_POINT.to_vec(), grey_picture(sps, pps, place)?])
        } else {
            Some(vec![skip_picture(sps, pps, place, &[])?])
        }
    });
    pictures.collect::<Option<_>>().unwrap_or_default()
}

/// An intra picture without any detail, as one slice: each macroblock is predicted from those before it, and the first
/// from nothing, which is grey (7.3.5, 8.3.3.3).
fn grey_picture(sps: &Sps, pps: u8, place: SkipPlace) -> Option<Vec<u8>> {
    if sps.separate_colour_plane {
        return None;
    }
    let mut w = BitWriter::default();
    // first_mb_in_slice; I, as all slices of this picture.
    w.ue(0).ue(7).ue(pps.into());
    place.write(sps, &mut w);
    write_operations(&mut w, &[]);
    // The quantiser, and no deblocking.
    w.se(0).ue(1);
    for macroblock in 0..sps.macroblocks {
        if sps.mb_adaptive_frame_field && macroblock % 2 == 0 {
            w.put(0, 1);
        }
        // I_16x16, predicted by the mean, without coefficients but those for the mean (table 7-11).
        w.ue(3);
        if matches!(sps.chroma_format_idc, 1 | 2) {
            w.ue(0);
        }
        // The same quantiser, and no coefficient of the mean either, of each component that is coded as luma is.
        w.se(0).put(1, 1);
        if sps.chroma_format_idc == 3 {
            w.put(0b11, 2);
        }
    }
    Some(escape(0x60 | nal::SLICE, &w.finish_rbsp()))
}
