//! Decoded reference picture marking (ISO/IEC 14496-10, 7.3.3.3 and 8.2.5) after decoding began at a picture
//! that is no IDR picture.
//!
//! Such a stream's slices go on naming pictures from before, in order to discard them. A decoder that never had
//! them takes that for an error, which in Chromium ends the playback. So these operations are taken out; those
//! on pictures that are there stay, and where none is left the sliding window does its work.

use super::{Pps, SliceHeader, Sps, nal, unescape, unescape_into};
use crate::segmenter::bits::{BitReader, BitWriter};
use crate::segmenter::codec::escape;

/// Bytes in which a slice header ends.
const HEADER_MAX: usize = 1024;
/// Operations in one header at most: one for each field that can be kept, and the bounds.
const OPERATIONS_MAX: usize = 70;

/// Which pictures a decoder has had since it began.
#[derive(Clone, Copy, Debug)]
pub(in crate::segmenter) struct Present {
    /// Reference frames from the first to the last, by `frame_num`, which goes up by one for each of them (7.4.3).
    frames: u32,
    frame_num: u32,
}

impl Present {
    /// Decoding begins with the picture of `slice`.
    pub(in crate::segmenter) const fn from(slice: &SliceHeader) -> Self {
        Self::since(slice.frame_num)
    }

    /// What can be named begins with the reference picture of this `frame_num`.
    pub(in crate::segmenter) const fn since(frame_num: u32) -> Self {
        Self { frames: 0, frame_num }
    }

    /// The same when the picture of `slice` is decoded; `None` where no picture of before can be named any more.
    pub(in crate::segmenter) fn at(self, slice: &SliceHeader, sps: &Sps) -> Option<Self> {
        let numbers = 1 << sps.log2_max_frame_num;
        let frames = self.frames + slice.frame_num.wrapping_sub(self.frame_num) % numbers;
        (!slice.idr && frames < numbers).then_some(Self { frames, frame_num: slice.frame_num })
    }

    /// Whether `slice`, of the last picture, may name the one whose number is `back` less than its own (8.2.4.1:
    /// numbers go by frames, or by fields).
    const fn has(self, back: u32, slice: &SliceHeader) -> bool {
        (if slice.field.is_some() { back / 2 } else { back }) <= self.frames
    }
}

/// `memory_management_control_operation` and its operands.
pub(super) type Operation = (u32, [Option<u32>; 2]);

/// What a slice of a reference picture says of those to keep, and where that stands.
#[derive(Debug)]
pub(in crate::segmenter) struct Marking {
    slice: SliceHeader,
    slice_type: u32,
    /// Bits of the plain bytes before `dec_ref_pic_marking`, and up to its end.
    from: usize,
    to: usize,
    /// None where the sliding window is used.
    operations: Vec<Operation>,
}

impl Marking {
    /// Reads it; `None` of an IDR picture, of one that no other refers to, and where it cannot be read.
    pub(super) fn read(nal_unit: &[u8], sps: &Sps, pps: &Pps) -> Option<Self> {
        let (&header, rest) = nal_unit.split_first()?;
        if header & 0x1F != nal::SLICE || header & 0x60 == 0 {
            return None;
        }
        let mut start = [0; HEADER_MAX];
        let length = unescape_into(&rest[..rest.len().min(HEADER_MAX)], &mut start);
        let mut r = BitReader::new(&start[..length]);
        let (slice, slice_type) = SliceHeader::read(header, &mut r, |_| Some((sps, pps)))?;
        skip_to_marking(&mut r, slice_type, sps, pps)?;
        let from = r.position();
        let operations = read_operations(&mut r)?;
        Some(Self { slice, slice_type, from, to: r.position(), operations })
    }

    /// The operations on pictures that are there.
    pub(super) fn on(&self, present: Present) -> Vec<Operation> {
        let there = |operation: &&Operation| match operation {
            (1 | 3, [Some(back), _]) => present.has(back.saturating_add(1), &self.slice),
            // A long-term picture: streams with those begin with them.
            (2, _) => false,
            _ => true,
        };
        self.operations.iter().filter(there).copied().collect()
    }

    /// `nal_unit`, which this is of, without operations on pictures that are not there; `None` where it has no such.
    pub(super) fn without_missing(&self, nal_unit: &[u8], pps: &Pps, present: Present) -> Option<Vec<u8>> {
        let kept = self.on(present);
        if kept.len() == self.operations.len() {
            return None;
        }
        let (&header, rest) = nal_unit.split_first()?;
        let plain = unescape(rest, usize::MAX);
        let mut w = BitWriter::default();
        w.copy(&mut BitReader::new(&plain), self.from)?;
        write_operations(&mut w, &kept);
        let mut from = BitReader::new(&plain);
        from.skip(self.to);
        let more = pps.more?;
        if more.cabac {
            let mut r = from.clone();
            skip_to_data(&mut r, self.slice_type, more.deblocking_filter_control_present)?;
            w.copy(&mut from, r.position() - self.to)?;
            // cabac_alignment_one_bit, then the data as it is.
            w.align_with_ones();
            w.bytes(plain.get(r.position().div_ceil(8)..)?);
        } else {
            w.copy(&mut from, plain.len() * 8 - self.to)?;
        }
        let mut bytes = w.finish();
        // Bits that moved forward may leave the last byte empty.
        bytes.truncate(bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count());
        Some(escape(header, &bytes))
    }
}

/// `dec_ref_pic_marking` of a picture that is no IDR picture: these operations, or the sliding window (7.3.3.3).
pub(super) fn write_operations(w: &mut BitWriter, operations: &[Operation]) {
    w.put(u32::from(!operations.is_empty()), 1);
    for (operation, operands) in operations {
        w.ue(*operation);
        for operand in operands.iter().flatten() {
            w.ue(*operand);
        }
    }
    if !operations.is_empty() {
        w.ue(0);
    }
}

/// From the picture order count to `dec_ref_pic_marking` (7.3.3).
fn skip_to_marking(r: &mut BitReader<'_>, slice_type: u32, sps: &Sps, pps: &Pps) -> Option<()> {
    let more = pps.more?;
    if more.redundant_pic_cnt_present {
        r.ue()?;
    }
    let lists = match slice_type {
        0 | 3 => 1,
        1 => 2,
        _ => 0,
    };
    if slice_type == 1 {
        r.bit()?;
    }
    let mut active = more.num_ref_idx_default_active;
    if lists > 0 && r.bit()? {
        for active in &mut active[..lists] {
            *active = 1 + r.ue().filter(|last| *last < 32)?;
        }
    }
    for _ in 0..lists {
        if r.bit()? {
            while r.ue()? != 3 {
                r.ue()?;
            }
        }
    }
    if lists == 1 && more.weighted_pred || lists == 2 && more.weighted_bipred_idc == 1 {
        let chroma = sps.chroma_format_idc != 0 && !sps.separate_colour_plane;
        r.ue()?;
        if chroma {
            r.ue()?;
        }
        for active in &active[..lists] {
            for _ in 0..*active {
                if r.bit()? {
                    r.se()?;
                    r.se()?;
                }
                if chroma && r.bit()? {
                    for _ in 0..4 {
                        r.se()?;
                    }
                }
            }
        }
    }
    Some(())
}

/// The operations of `dec_ref_pic_marking`, none where the sliding window is used.
fn read_operations(r: &mut BitReader<'_>) -> Option<Vec<Operation>> {
    let mut all = Vec::new();
    if !r.bit()? {
        return Some(all);
    }
    while all.len() <= OPERATIONS_MAX {
        let operation = r.ue()?;
        let operands = match operation {
            0 => return Some(all),
            1 | 2 | 4 | 6 => [Some(r.ue()?), None],
            3 => [Some(r.ue()?), Some(r.ue()?)],
            5 => [None, None],
            _ => return None,
        };
        all.push((operation, operands));
    }
    None
}

/// From `dec_ref_pic_marking` to the slice data, where entropy coding is CABAC.
fn skip_to_data(r: &mut BitReader<'_>, slice_type: u32, deblocking_filter_control_present: bool) -> Option<()> {
    if !matches!(slice_type, 2 | 4) {
        r.ue()?;
    }
    r.se()?;
    if slice_type == 3 {
        r.bit()?;
    }
    if slice_type >= 3 {
        r.se()?;
    }
    if deblocking_filter_control_present && r.ue()? != 1 {
        r.se()?;
        r.se()?;
    }
    Some(())
}
