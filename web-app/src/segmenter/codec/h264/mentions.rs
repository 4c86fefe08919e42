//! What a slice says of reference pictures: the order in which it lists them (ISO/IEC 14496-10, 7.3.3.1) and which of
//! them are to be kept (7.3.3.3); and how it is written to say something else.

use super::references::References;
use super::skip::SkipPlace;
use super::{Pps, Sets, SliceHeader, Sps, nal, unescape, unescape_into};
use crate::segmenter::bits::{BitReader, BitWriter};
use crate::segmenter::codec::escape;

/// Bytes in which nearly all slice headers end, and in which all do.
const HEADER_USUAL: usize = 48;
const HEADER_MAX: usize = 1024;
/// Operations in one header at most: one for each field that can be kept, and the bounds.
const OPERATIONS_MAX: usize = 70;
/// Modifications of one list at most (7.4.3.1).
const MODIFICATIONS_MAX: usize = 66;

/// `memory_management_control_operation` and its operands.
pub(super) type Operation = (u32, [Option<u32>; 2]);
/// `modification_of_pic_nums_idc` and its operand.
pub(super) type Modification = (u32, u32);

/// What one slice says; see the module.
#[derive(Debug)]
pub(in crate::segmenter) struct Mentions {
    slice: SliceHeader,
    slice_type: u32,
    /// Of each list that the slice has; none where it is as it begins.
    lists: Part<[Vec<Modification>; 2]>,
    /// `dec_ref_pic_marking`, of a picture that others may refer to: none for the sliding window.
    operations: Option<Part<Vec<Operation>>>,
    /// Bits of the plain bytes up to there.
    end: usize,
}

/// A part of a slice header, and the bits of the plain bytes before it, and up to its end.
#[derive(Debug)]
struct Part<T> {
    says: T,
    from: usize,
    to: usize,
}

impl Mentions {
    /// Reads it; `None` where it cannot be read.
    pub(super) fn read(nal_unit: &[u8], sets: &Sets) -> Option<Self> {
        Self::read_within(&mut [0; HEADER_USUAL], nal_unit, sets)
            .or_else(|| Self::read_within(&mut [0; HEADER_MAX], nal_unit, sets))
    }

    #[inline(never)]
    fn read_within(start: &mut [u8], nal_unit: &[u8], sets: &Sets) -> Option<Self> {
        let (&header, rest) = nal_unit.split_first()?;
        let length = unescape_into(&rest[..rest.len().min(start.len())], start);
        let mut r = BitReader::new(&start[..length]);
        let (slice, slice_type) = SliceHeader::read(header, &mut r, |pps| sets.of_slice(pps))?;
        let (sps, pps) = sets.of_slice(slice.pps_id)?;
        let active = skip_to_lists(&mut r, slice_type, pps)?;
        let lists = Part::read(&mut r, |r| read_lists(r, lists_of(slice_type)))?;
        skip_to_marking(&mut r, slice_type, active, sps, pps)?;
        // What an IDR picture says there is of no use.
        let marks = header & 0x1F == nal::SLICE && slice.reference;
        let operations = if marks { Some(Part::read(&mut r, read_operations)?) } else { None };
        Some(Self { slice, slice_type, lists, operations, end: r.position() })
    }

    /// The slice that says it.
    pub(super) const fn slice(&self) -> &SliceHeader {
        &self.slice
    }

    const fn place(&self) -> SkipPlace {
        SkipPlace::of(&self.slice)
    }

    /// The operations that a decoder with these pictures can do.
    #[inline(never)]
    pub(super) fn operable(&self, references: &References, sps: &Sps) -> Vec<Operation> {
        let operations = self.operations.as_ref().map_or(&[][..], |operations| &operations.says);
        if references.is_whole() { operations.to_vec() } else { references.operable(self.place(), operations, sps) }
    }

    /// `nal_unit`, which this is of, for a decoder with these pictures: it names no other. `None` where it does not anyway.
    #[inline(never)]
    pub(super) fn rewritten(&self, nal_unit: &[u8], sps: &Sps, pps: &Pps, references: &References) -> Option<Vec<u8>> {
        if references.is_whole() {
            return None;
        }
        let lists = self.lists.says.each_ref().map(|list| references.listable(self.place(), list, sps));
        let operable = self.operable(references, sps);
        let operations = self.operations.as_ref().filter(|operations| operations.says != operable);
        if operations.is_none() && lists.iter().all(Option::is_none) {
            return None;
        }
        let (&header, rest) = nal_unit.split_first()?;
        let plain = unescape(rest, usize::MAX);
        let mut from = BitReader::new(&plain);
        let mut w = BitWriter::default();
        w.copy(&mut from, self.lists.from)?;
        for (list, other) in self.lists.says.iter().zip(&lists).take(lists_of(self.slice_type)) {
            write_list(&mut w, other.as_ref().unwrap_or(list));
        }
        from.skip(self.lists.to - self.lists.from);
        if let Some(operations) = operations {
            w.copy(&mut from, operations.from - self.lists.to)?;
            write_operations(&mut w, &operable);
            from.skip(operations.to - operations.from);
        }
        let more = pps.more?;
        if more.cabac {
            let mut r = BitReader::new(&plain);
            r.skip(self.end);
            skip_to_data(&mut r, self.slice_type, more.deblocking_filter_control_present)?;
            let left = r.position() - from.position();
            w.copy(&mut from, left)?;
            // cabac_alignment_one_bit, then the data as it is.
            w.align_with_ones();
            w.bytes(plain.get(r.position().div_ceil(8)..)?);
        } else {
            let left = plain.len() * 8 - from.position();
            w.copy(&mut from, left)?;
        }
        let mut bytes = w.finish();
        // Bits that moved forward may leave the last byte empty.
        bytes.truncate(bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count());
        Some(escape(header, &bytes))
    }
}

impl<T> Part<T> {
    fn read(r: &mut BitReader<'_>, read: impl FnOnce(&mut BitReader<'_>) -> Option<T>) -> Option<Self> {
        let from = r.position();
        let says = read(r)?;
        Some(Self { says, from, to: r.position() })
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

/// `ref_pic_list_modification` of one list (7.3.3.1).
fn write_list(w: &mut BitWriter, list: &[Modification]) {
    w.put(u32::from(!list.is_empty()), 1);
    for (kind, value) in list {
        w.ue(*kind).ue(*value);
    }
    if !list.is_empty() {
        w.ue(3);
    }
}

/// How many lists of references a slice of this type has.
const fn lists_of(slice_type: u32) -> usize {
    match slice_type {
        0 | 3 => 1,
        1 => 2,
        _ => 0,
    }
}

/// From the picture order count to `ref_pic_list_modification` (7.3.3). Gives how many entries of each list are used.
fn skip_to_lists(r: &mut BitReader<'_>, slice_type: u32, pps: &Pps) -> Option<[u32; 2]> {
    let more = pps.more?;
    if more.redundant_pic_cnt_present {
        r.ue()?;
    }
    if slice_type == 1 {
        r.bit()?;
    }
    let mut active = more.num_ref_idx_default_active;
    let lists = lists_of(slice_type);
    if lists > 0 && r.bit()? {
        for active in &mut active[..lists] {
            *active = 1 + r.ue().filter(|last| *last < 32)?;
        }
    }
    Some(active)
}

/// The modifications of each list.
fn read_lists(r: &mut BitReader<'_>, count: usize) -> Option<[Vec<Modification>; 2]> {
    let mut lists = [const { Vec::new() }; 2];
    for list in &mut lists[..count] {
        let mut more = r.bit()?;
        while more {
            match r.ue()? {
                3 => more = false,
                _ if list.len() == MODIFICATIONS_MAX => return None,
                kind => list.push((kind, r.ue()?)),
            }
        }
    }
    Some(lists)
}

/// From there to `dec_ref_pic_marking`.
#[inline(never)]
fn skip_to_marking(r: &mut BitReader<'_>, slice_type: u32, active: [u32; 2], sps: &Sps, pps: &Pps) -> Option<()> {
    let more = pps.more?;
    if matches!(slice_type, 0 | 3) && more.weighted_pred || slice_type == 1 && more.weighted_bipred_idc == 1 {
        let chroma = sps.chroma_format_idc != 0 && !sps.separate_colour_plane;
        r.ue()?;
        if chroma {
            r.ue()?;
        }
        for active in &active[..lists_of(slice_type)] {
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
