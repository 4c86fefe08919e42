//! Cuts a byte stream of NAL units into access units (ISO/IEC 14496-10, 7.4.1.2.3–7.4.1.2.4 and Annex B; 23008-2,
//! 7.4.2.4.4 and Annex B).
//!
//! In: the payloads of PES packets, and where they begin, end, or have a hole. Out: a [`Unit`] for each
//! frame: the NAL units of one picture, or of the two fields of a frame. A unit goes out when the next one
//! begins, or already at its PES packet's end ([`End`]) once the stream has shown that units end there.

use super::byte_stream::{begins_unit, find_start_code};
use super::codec::{NalCodec, Role};
use super::unit::{Nal, Notes, PesStart, Unit, UnitSink};
use super::unit_end::{End, Trust};

/// A unit longer than this is none.
const UNIT_MAX: usize = 8 << 20;
/// And one of more NAL units: more than a picture has macroblocks.
const NALS_MAX: usize = 1 << 16;
/// PES packets held at a time whose first unit is not yet known.
const MARKS_MAX: usize = 16;

/// See the module.
#[derive(Debug)]
pub(in crate::segmenter) struct AccessUnits<C: NalCodec> {
    sets: C::Sets,
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
    /// Where it is cut by a loss: what follows there is not its own.
    cut: Option<usize>,
    first: Option<C::Header>,
    last: Option<C::Header>,
    /// There are slices that cannot be read.
    opaque: bool,
    second_field: bool,
    /// Where the next unit begins if the next slice begins one: it may be of the second field, or another one of the
    /// same picture.
    boundary: Option<usize>,
    after_loss: bool,
    trust: Trust,
}

impl<C: NalCodec> Default for AccessUnits<C> {
    fn default() -> Self {
        Self {
            sets: C::Sets::default(),
            buffer: Vec::new(),
            nals: Vec::new(),
            open: false,
            scan: 0,
            marks: Vec::new(),
            start: None,
            undecided: false,
            cut: None,
            first: None,
            last: None,
            opaque: false,
            second_field: false,
            boundary: None,
            after_loss: false,
            trust: Trust::default(),
        }
    }
}

impl<C: NalCodec> AccessUnits<C> {
    /// A PES packet begins with the next bytes.
    pub(in crate::segmenter) fn begin(&mut self, start: PesStart) {
        if self.marks.len() == MARKS_MAX {
            self.marks.remove(0);
        }
        self.marks.push((self.buffer.len(), start));
        self.trust.begin();
    }

    /// Takes bytes of the stream.
    pub(in crate::segmenter) fn push(&mut self, data: &[u8], sink: &mut impl UnitSink<C::Header, C::Sets>) {
        if data.is_empty() {
            return;
        }
        if self.trust.judge(|| begins_unit::<C>(data), self.after_loss) {
            self.lost();
            sink.early_end_refuted();
        }
        if self.buffer.len() + data.len() > UNIT_MAX || self.nals.len() > NALS_MAX {
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
    pub(in crate::segmenter) fn end(&mut self, end: End, sink: &mut impl UnitSink<C::Header, C::Sets>) {
        if self.trust.end(end) {
            self.flush(false, sink);
        }
    }

    /// Packets are missing here.
    pub(in crate::segmenter) fn lost(&mut self) {
        self.after_loss = true;
        self.trust.lost();
        // No start code may be read across the hole.
        self.scan = self.buffer.len();
        if self.undecided {
            self.cut.get_or_insert(self.scan);
        }
        if let Some(nal) = self.nals.last_mut() {
            nal.damaged = true;
        }
    }

    /// Gives out what is there, as no more follows.
    pub(in crate::segmenter) fn finish(&mut self, short: bool, sink: &mut impl UnitSink<C::Header, C::Sets>) {
        self.missing_if(short);
        self.flush(true, sink);
    }

    /// A PES packet is short of its length, where lengths are right otherwise: sixteen packets are lost, or a multiple.
    pub(in crate::segmenter) fn missing_if(&mut self, short: bool) {
        if short && self.trust.holds(End::Declared) {
            self.lost();
        }
    }

    /// A PES packet has more than its length. The same, where lengths are right otherwise.
    pub(in crate::segmenter) fn exceeded(&mut self) {
        if self.trust.exceeded() {
            self.lost();
        }
    }

    /// Whether what came last looks like a PES packet's end.
    pub(in crate::segmenter) const fn seems_ended(&self) -> bool {
        self.trust.seems_ended()
    }

    /// The length of the last PES packet had gone round.
    pub(in crate::segmenter) fn wrapped(&mut self) {
        self.trust.wrapped();
    }

    fn scan_buffer(&mut self, sink: &mut impl UnitSink<C::Header, C::Sets>) {
        loop {
            if self.undecided && self.open_len() > C::ENOUGH {
                self.decide(sink);
            }
            let Some(code) = find_start_code(&self.buffer, self.scan) else {
                self.scan = self.scan.max(self.buffer.len().saturating_sub(3));
                return;
            };
            if self.buffer.len() < code + 3 + C::HEADER {
                self.scan = code;
                return;
            }
            let code = code - self.close(code, sink);
            let kind = C::kind(&self.buffer[code + 3..]);
            self.scan = code + 4;
            self.open(code, kind, sink);
        }
    }

    /// Bytes of the last NAL unit so far.
    fn open_len(&self) -> usize {
        self.nals.last().map_or(0, |nal| self.buffer.len() - (nal.code + 3))
    }

    fn open(&mut self, code: usize, kind: u8, sink: &mut impl UnitSink<C::Header, C::Sets>) {
        if self.nals.is_empty() {
            self.take_start(code);
        }
        self.nals.push(Nal { code, end: code + 3, kind, damaged: false, notes: Notes::default() });
        self.open = true;
        let index = self.nals.len() - 1;
        let role = C::role(kind);
        match role {
            Role::Slice => self.undecided = true,
            Role::Border if index > 0 => {
                self.split(index, sink);
            }
            Role::Delimiter | Role::Prefix => {
                let has_slices = self.last.is_some() || self.opaque;
                if self.awaits_second_field() {
                    self.boundary.get_or_insert(index);
                } else if has_slices {
                    self.split(index, sink);
                } else if role == Role::Delimiter && index > 0 {
                    // Not in its place, or of the next unit, as the slices of this one are lost.
                    if self.nals[..index].iter().any(|nal| nal.damaged) {
                        self.split(index, sink);
                    } else {
                        self.take_start(code);
                    }
                }
            }
            Role::OfNextSlice => {
                self.boundary.get_or_insert(index);
            }
            Role::Border | Role::Other => {}
        }
    }

    fn awaits_second_field(&self) -> bool {
        self.last.is_some_and(|last| C::is_half(&last)) && !self.second_field
    }

    /// Ends the open NAL unit at `end`; gives how many bytes went out of the buffer's front by that.
    fn close(&mut self, end: usize, sink: &mut impl UnitSink<C::Header, C::Sets>) -> usize {
        if !core::mem::take(&mut self.open) {
            return 0;
        }
        let Some(nal) = self.nals.last_mut() else { return 0 };
        let unit = &self.buffer[nal.code + 3..end];
        let length = unit.len() - unit.iter().rev().take_while(|byte| **byte == 0).count();
        nal.end = nal.code + 3 + length;
        let unit = &unit[..length];
        if !nal.damaged {
            match C::take(&mut self.sets, nal.kind, unit) {
                Some(notes) => nal.notes = notes,
                None => sink.bad_parameter_set(),
            }
        }
        if self.undecided { self.decide(sink) } else { 0 }
    }

    /// Reads the header of the last NAL unit, a slice, and cuts before it where a picture begins. Gives how
    /// many bytes went out of the buffer's front.
    fn decide(&mut self, sink: &mut impl UnitSink<C::Header, C::Sets>) -> usize {
        self.undecided = false;
        let Some((index, nal)) = self.nals.len().checked_sub(1).map(|index| (index, self.nals[index])) else {
            return 0;
        };
        let boundary = self.boundary.take().unwrap_or(index);
        let end = if self.open { self.buffer.len() } else { nal.end };
        let end = self.cut.take().map_or(end, |cut| cut.min(end));
        let unit = self.buffer.get(nal.code + 3..end).unwrap_or_default();
        let Some(slice) = C::header(unit, &self.sets) else {
            // Its parameter sets are not known.
            let drained =
                if C::is_first(unit) && (self.opaque || self.last.is_some()) { self.split(boundary, sink) } else { 0 };
            self.opaque = true;
            return drained;
        };
        let mut drained = 0;
        if self.last.is_some_and(|last| C::begins_after(&slice, &last)) || self.opaque && C::begins(&slice) {
            if self.awaits_second_field() && self.first.is_some_and(|first| C::completes(&slice, &first)) {
                self.second_field = true;
            } else {
                drained = self.split(boundary, sink);
            }
        }
        self.first.get_or_insert(slice);
        self.last = Some(slice);
        drained
    }

    /// Gives out the NAL units before `index` as a unit.
    fn split(&mut self, index: usize, sink: &mut impl UnitSink<C::Header, C::Sets>) -> usize {
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

    /// A unit begins at `code`: its times are those of the PES packet that it is the first to begin in. What stood before
    /// its delimiter may have been in another one.
    fn take_start(&mut self, code: usize) {
        let before = self.marks.iter().take_while(|mark| mark.0 <= code).count();
        let Some((_, mut start)) = self.marks.drain(..before).next_back() else { return };
        if let Some(earlier) = self.start {
            start.random_access |= earlier.random_access;
            if start.times.pts.is_none() {
                start.times = earlier.times;
            }
        }
        self.start = Some(start);
    }

    /// Gives out all that is there, unless half of a frame is missing that may follow.
    fn flush(&mut self, at_end: bool, sink: &mut impl UnitSink<C::Header, C::Sets>) {
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
        self.cut = None;
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

    fn emit(&mut self, count: usize, sink: &mut impl UnitSink<C::Header, C::Sets>) {
        let nals = &self.nals[..count];
        let mut start = self.start.take();
        if C::TIMED_BY_LAST
            && let Some(last) = nals.iter().rfind(|nal| C::role(nal.kind) == Role::Slice)
        {
            let before = self.marks.iter().take_while(|mark| mark.0 <= last.code).count();
            if let Some((_, shown)) = self.marks.drain(..before).next_back() {
                start = Some(shown);
            }
            if let Some(start) = &mut start {
                // Nothing is shown before what is decoded earlier.
                start.times.dts = None;
            }
        }
        if self.first.is_some() || self.opaque {
            let announced = start.is_some_and(|start| start.random_access);
            let headless = self.first.is_some_and(|first| !C::begins(&first));
            let unit = Unit {
                bytes: &self.buffer,
                nals,
                start,
                header: self.first,
                damaged: nals.iter().any(|nal| nal.damaged)
                    || headless
                    || self.after_loss && self.awaits_second_field(),
                after_loss: self.after_loss,
                key: C::is_key(self.first.as_ref(), nals, announced),
            };
            sink.unit(&unit, &self.sets);
            self.after_loss = false;
        }
        self.forget_slices();
    }
}
