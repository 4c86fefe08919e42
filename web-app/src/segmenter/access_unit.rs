//! Cuts an H.264 byte stream into access units (ISO/IEC 14496-10, 7.4.1.2.3–7.4.1.2.4 and Annex B).
//!
//! In: the payloads of PES packets, and where they begin, end, or have a hole. Out: a [`Unit`] for each
//! frame: the NAL units of one picture, or of the two fields of a frame. A unit goes out when the next one
//! begins, or already at its PES packet's end ([`End`]) once the stream has shown that units end there.

use super::byte_stream::find_start_code;
use super::codec::h264::{self, SliceHeader, has_slice_header, nal};
use super::parameter_sets::ParameterSets;
use super::pes::PesHeader;
use super::unit_end::{End, Trust};

/// A unit longer than this is none.
const UNIT_MAX: usize = 8 << 20;
/// PES packets held at a time whose first unit is not yet known.
const MARKS_MAX: usize = 16;

/// What the PES packet says in which a unit begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PesStart {
    pub(super) times: PesHeader,
    /// The packet's `random_access_indicator`.
    pub(super) random_access: bool,
}

/// A NAL unit in the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nal {
    /// Where its start code begins.
    code: usize,
    /// Where it ends, without trailing zeros; known when it is closed.
    end: usize,
    pub(super) kind: u8,
    /// A packet is missing inside it.
    damaged: bool,
    /// An SEI with a recovery point.
    recovery_point: bool,
}

/// A frame as it came.
#[derive(Debug)]
pub(super) struct Unit<'a> {
    bytes: &'a [u8],
    nals: &'a [Nal],
    /// Of the PES packet that begins with this unit.
    pub(super) start: Option<PesStart>,
    /// The first slice's header; `None` where there is no slice that can be read.
    pub(super) slice: Option<SliceHeader>,
    /// Part of it is missing.
    pub(super) damaged: bool,
    /// Packets were lost since the unit before, with which whole units may be gone.
    pub(super) after_loss: bool,
    /// Decoding can start here: IDR, recovery point, or intra slices announced as random access.
    pub(super) key: bool,
}

impl<'a> Unit<'a> {
    /// Its NAL units, without start codes.
    pub(super) fn nals(&self) -> impl Iterator<Item = (u8, &'a [u8])> {
        let bytes = self.bytes;
        self.nals.iter().map(move |nal| (nal.kind, &bytes[nal.code + 3..nal.end]))
    }
}

/// What comes out: units, and faults by the way.
pub(super) trait UnitSink {
    fn unit(&mut self, unit: &Unit<'_>, sets: &ParameterSets);
    fn bad_parameter_set(&mut self);
    fn oversize(&mut self);
    fn early_end_refuted(&mut self);
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct AccessUnits {
    pub(super) sets: ParameterSets,
    buffer: Vec<u8>,
    nals: Vec<Nal>,
    /// Whether the last of `nals` goes on.
    open: bool,
    /// From where start codes are looked for.
    scan: usize,
    /// Where PES packets begin whose first unit is not known yet.
    marks: Vec<(usize, PesStart)>,
    start: Option<PesStart>,
    /// A slice, the last of `nals`, whose header is not read yet.
    undecided: bool,
    first: Option<SliceHeader>,
    last: Option<SliceHeader>,
    /// There are slices that cannot be read.
    opaque: bool,
    second_field: bool,
    /// Where the next unit begins if what follows is not the second field.
    boundary: Option<usize>,
    after_loss: bool,
    trust: Trust,
}

impl AccessUnits {
    /// A PES packet begins with the next bytes.
    pub(super) fn begin(&mut self, start: PesStart, short: bool) {
        self.missing_if(short);
        if self.marks.len() == MARKS_MAX {
            self.marks.remove(0);
        }
        self.marks.push((self.buffer.len(), start));
        self.trust.begin();
    }

    /// Takes bytes of the stream.
    pub(super) fn push(&mut self, data: &[u8], sink: &mut impl UnitSink) {
        if data.is_empty() {
            return;
        }
        if self.trust.judge(data, self.after_loss) {
            sink.early_end_refuted();
        }
        if self.buffer.len() + data.len() > UNIT_MAX {
            sink.oversize();
            self.clear();
            self.marks.clear();
            self.after_loss = true;
            return;
        }
        self.buffer.extend_from_slice(data);
        self.scan_buffer(sink);
        if self.nals.is_empty() {
            // Nothing begins in these bytes but, perhaps, a start code at their end.
            let useless = self.buffer.len().saturating_sub(3);
            self.drain(useless);
        }
    }

    /// The PES packet seems to end here.
    pub(super) fn end(&mut self, end: End, sink: &mut impl UnitSink) {
        if self.trust.end(end) {
            self.flush(false, sink);
        }
    }

    /// Packets are missing here.
    pub(super) fn lost(&mut self) {
        self.after_loss = true;
        self.trust.lost();
        // No start code may be read across the hole.
        self.scan = self.buffer.len();
        if let Some(nal) = self.nals.last_mut() {
            nal.damaged = true;
        }
    }

    /// Gives out what is there, as no more follows.
    pub(super) fn finish(&mut self, short: bool, sink: &mut impl UnitSink) {
        self.missing_if(short);
        self.flush(true, sink);
    }

    /// A PES packet short of its length, where lengths are right otherwise: sixteen packets lost, or a multiple.
    fn missing_if(&mut self, short: bool) {
        if short && self.trust.holds(End::Declared) {
            self.lost();
        }
    }

    fn scan_buffer(&mut self, sink: &mut impl UnitSink) {
        loop {
            if self.undecided && self.open_len() > SliceHeader::ENOUGH {
                self.decide(sink);
            }
            let Some(code) = find_start_code(&self.buffer, self.scan) else {
                self.scan = self.scan.max(self.buffer.len().saturating_sub(3));
                return;
            };
            let code = code - self.close(code, sink);
            let kind = self.buffer[code + 3] & 0x1F;
            self.scan = code + 4;
            self.open(code, kind, sink);
        }
    }

    /// Bytes of the last NAL unit so far.
    fn open_len(&self) -> usize {
        self.nals.last().map_or(0, |nal| self.buffer.len() - (nal.code + 3))
    }

    fn open(&mut self, code: usize, kind: u8, sink: &mut impl UnitSink) {
        if self.nals.is_empty() {
            self.take_start(code);
        }
        self.nals.push(Nal { code, end: code + 3, kind, damaged: false, recovery_point: false });
        self.open = true;
        let index = self.nals.len() - 1;
        if has_slice_header(kind) {
            self.undecided = true;
        } else if matches!(kind, nal::SEI..=nal::DELIMITER | 14..=18) {
            let has_slices = self.last.is_some() || self.opaque;
            if self.awaits_second_field() {
                self.boundary.get_or_insert(index);
            } else if has_slices || kind == nal::DELIMITER && index > 0 {
                self.split(index, sink);
            }
        }
    }

    fn awaits_second_field(&self) -> bool {
        self.first.is_some_and(|first| first.field.is_some()) && !self.second_field
    }

    /// Ends the open NAL unit at `end`; gives how many bytes went out of the buffer's front by that.
    fn close(&mut self, end: usize, sink: &mut impl UnitSink) -> usize {
        if !core::mem::take(&mut self.open) {
            return 0;
        }
        let Some(nal) = self.nals.last_mut() else { return 0 };
        let unit = &self.buffer[nal.code + 3..end];
        let length = unit.len() - unit.iter().rev().take_while(|byte| **byte == 0).count();
        nal.end = nal.code + 3 + length;
        let unit = &unit[..length];
        let usable = match nal.kind {
            _ if nal.damaged => true,
            nal::SPS => self.sets.take_sps(unit),
            nal::PPS => self.sets.take_pps(unit),
            nal::SEI => {
                nal.recovery_point = h264::has_recovery_point(unit);
                true
            }
            _ => true,
        };
        if !usable {
            sink.bad_parameter_set();
        }
        if self.undecided { self.decide(sink) } else { 0 }
    }

    /// Reads the header of the last NAL unit, a slice, and cuts before it where a picture begins. Gives how
    /// many bytes went out of the buffer's front.
    fn decide(&mut self, sink: &mut impl UnitSink) -> usize {
        self.undecided = false;
        let Some((index, nal)) = self.nals.len().checked_sub(1).map(|index| (index, self.nals[index])) else {
            return 0;
        };
        let end = if self.open { self.buffer.len() } else { nal.end };
        let unit = self.buffer.get(nal.code + 3..end).unwrap_or_default();
        let Some(slice) = SliceHeader::parse(unit, |pps| self.sets.of_slice(pps)) else {
            // Its parameter sets are not known. A first macroblock of 0 is the one bit that needs none.
            let first = unit.get(1).is_some_and(|byte| byte & 0x80 != 0);
            let drained = if first && (self.opaque || self.last.is_some()) {
                self.split(self.boundary.unwrap_or(index), sink)
            } else {
                0
            };
            self.opaque = true;
            return drained;
        };
        let mut drained = 0;
        if self.last.is_some_and(|last| slice.begins_picture_after(&last)) || self.opaque && slice.first_mb == 0 {
            if self.awaits_second_field() && self.first.is_some_and(|first| slice.completes_frame_of(&first)) {
                self.second_field = true;
            } else {
                drained = self.split(self.boundary.unwrap_or(index), sink);
            }
        }
        self.boundary = None;
        self.first.get_or_insert(slice);
        self.last = Some(slice);
        drained
    }

    /// Gives out the NAL units before `index` as a unit.
    fn split(&mut self, index: usize, sink: &mut impl UnitSink) -> usize {
        self.emit(index, sink);
        let code = self.nals[index].code;
        self.nals.drain(..index);
        self.drain(code);
        self.take_start(0);
        code
    }

    /// Takes the oldest bytes out of the buffer.
    fn drain(&mut self, count: usize) {
        self.buffer.copy_within(count.., 0);
        self.buffer.truncate(self.buffer.len() - count);
        self.scan = self.scan.saturating_sub(count);
        for nal in &mut self.nals {
            nal.code -= count;
            nal.end -= count.min(nal.end);
        }
        for mark in &mut self.marks {
            mark.0 = mark.0.saturating_sub(count);
        }
    }

    /// A unit begins at `code`: its times are those of the PES packet that it is the first to begin in.
    fn take_start(&mut self, code: usize) {
        let before = self.marks.iter().take_while(|mark| mark.0 <= code).count();
        if let Some((_, start)) = self.marks.drain(..before).next_back() {
            self.start = Some(start);
        }
    }

    /// Gives out all that is there, unless half of a frame is missing that may follow.
    fn flush(&mut self, at_end: bool, sink: &mut impl UnitSink) {
        self.close(self.buffer.len(), sink);
        let whole = self.first.is_some() && !self.awaits_second_field();
        if !whole && !at_end {
            return;
        }
        self.emit(self.nals.len(), sink);
        self.clear();
    }

    fn clear(&mut self) {
        self.buffer.clear();
        self.nals.clear();
        self.open = false;
        self.undecided = false;
        self.scan = 0;
        // A unit that begins later in this PES packet has no time of its own.
        self.marks.clear();
        self.start = None;
        self.forget_slices();
    }

    fn forget_slices(&mut self) {
        self.first = None;
        self.last = None;
        self.opaque = false;
        self.second_field = false;
        self.boundary = None;
    }

    fn emit(&mut self, count: usize, sink: &mut impl UnitSink) {
        let nals = &self.nals[..count];
        let start = self.start.take();
        if self.first.is_some() || self.opaque {
            let idr = nals.iter().any(|nal| nal.kind == nal::IDR);
            let recovery_point = nals.iter().any(|nal| nal.recovery_point);
            let announced =
                start.is_some_and(|start| start.random_access) || nals.iter().any(|nal| nal.kind == nal::SPS);
            let intra = self.first.is_some_and(|first| first.intra);
            let unit = Unit {
                bytes: &self.buffer,
                nals,
                start,
                slice: self.first,
                damaged: nals.iter().any(|nal| nal.damaged) || self.first.is_some_and(|first| first.first_mb != 0),
                after_loss: core::mem::take(&mut self.after_loss),
                key: idr || recovery_point || intra && announced,
            };
            sink.unit(&unit, &self.sets);
        }
        self.forget_slices();
    }
}
