//! Which reference pictures a decoder has (ISO/IEC 14496-10, 8.2.5), and what a picture may say of them.
//!
//! A decoder that began at a picture that is no IDR picture, or that was given made-up pictures, does not have all that
//! the stream's slices name. It takes that for an error, which in Chromium ends the playback.

use super::mentions::{Modification, Operation};
use super::skip::SkipPlace;
use super::{Parity, Sps};

const TOP: u8 = 1;
const BOTTOM: u8 = 2;
const BOTH: u8 = TOP | BOTTOM;

/// A frame of which at least one field is kept for reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    frame_num: u32,
    /// Those of its fields that are kept.
    fields: u8,
    /// `LongTermFrameIdx` of a long-term picture.
    long_term: Option<u32>,
}

/// What a decoder keeps, in decoding order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct References {
    kept: Vec<Kept>,
    /// All is there that the stream may name.
    whole: bool,
}

/// Numbers of pictures as the slices of one picture count them (8.2.4.1): frames, or fields.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    /// `CurrPicNum` and `MaxPicNum`.
    current: i64,
    range: i64,
    frame_num: u32,
    max_frame_num: i64,
    field: Option<Parity>,
}

impl Numbers {
    fn of(place: SkipPlace, sps: &Sps) -> Self {
        let max_frame_num = i64::from(sps.frame_numbers());
        let (current, range) = match place.field {
            None => (place.frame_num.into(), max_frame_num),
            Some(_) => (2 * i64::from(place.frame_num) + 1, 2 * max_frame_num),
        };
        Self { current, range, frame_num: place.frame_num, max_frame_num, field: place.field }
    }

    /// `FrameNumWrap`.
    fn wrapped(self, kept: &Kept) -> i64 {
        let past = if kept.frame_num > self.frame_num { self.max_frame_num } else { 0 };
        i64::from(kept.frame_num) - past
    }

    /// The frame with this number, and which of its fields are meant: fields of the same parity have the odd numbers.
    const fn meant(self, number: i64) -> (i64, u8) {
        match self.field {
            None => (number, BOTH),
            Some(parity) if number.rem_euclid(2) == 1 => (number.div_euclid(2), bits(parity)),
            Some(parity) => (number.div_euclid(2), BOTH ^ bits(parity)),
        }
    }

    /// The number of a frame, or of its field if it is kept, of the same parity if that is there.
    fn number(self, frame: i64, fields: u8) -> Option<i64> {
        match self.field {
            None => (fields == BOTH).then_some(frame),
            Some(parity) => Some(2 * frame + i64::from(fields & bits(parity) != 0)),
        }
    }
}

/// What an entry of a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    ShortTerm(i64),
    Other(Modification),
}

const fn bits(parity: Parity) -> u8 {
    match parity {
        Parity::Top => TOP,
        Parity::Bottom => BOTTOM,
    }
}

impl References {
    /// Those of a decoder that began with these pictures.
    pub(super) fn since(places: impl IntoIterator<Item = SkipPlace>) -> Self {
        let kept = |place: SkipPlace| Kept { frame_num: place.frame_num, fields: BOTH, long_term: None };
        Self { kept: places.into_iter().map(kept).collect(), whole: false }
    }

    /// Whether all is there that the stream may name.
    pub(super) const fn is_whole(&self) -> bool {
        self.whole
    }

    /// All that is named is checked from here on.
    #[cfg(all(test, not(target_arch = "wasm32")))]
    pub(super) fn doubt(&mut self) {
        self.whole = false;
    }

    /// A picture is decoded that stands for another.
    pub(super) fn made_up(&mut self, place: SkipPlace, operations: &[Operation], sps: &Sps) {
        self.whole &= !place.reference;
        self.decoded(place, false, operations, sps);
    }

    /// A picture is decoded that has these operations, none for the sliding window.
    #[inline(never)]
    pub(super) fn decoded(&mut self, place: SkipPlace, idr: bool, operations: &[Operation], sps: &Sps) {
        if idr {
            self.kept.clear();
            self.whole = true;
        }
        if !place.reference {
            return;
        }
        let mut new = Kept { frame_num: place.frame_num, fields: place.field.map_or(BOTH, bits), long_term: None };
        for operation in operations {
            self.operate(*operation, place, sps);
            match operation {
                (5, _) => new.frame_num = 0,
                (6, [index, _]) => new.long_term = *index,
                _ => {}
            }
        }
        if let Some(first) = self.first_field(place) {
            first.fields = BOTH;
            first.long_term = new.long_term;
            return;
        }
        while operations.is_empty() && self.kept.len() >= capacity(sps) {
            let numbers = Numbers::of(place, sps);
            let short = self.kept.iter().enumerate().filter(|(_, kept)| kept.long_term.is_none());
            let oldest = short.min_by_key(|(_, kept)| numbers.wrapped(kept)).map_or(0, |(index, _)| index);
            self.kept.remove(oldest);
        }
        self.kept.push(new);
        // Whatever the operations leave, a decoder has no more room.
        self.kept.drain(..self.kept.len().saturating_sub(capacity(sps)));
    }

    /// These operations without those on pictures that are not there, and with one for the oldest picture where they
    /// leave no room for this one, as no sliding window makes it.
    pub(super) fn operable(&self, place: SkipPlace, operations: &[Operation], sps: &Sps) -> Vec<Operation> {
        if operations.is_empty() {
            return Vec::new();
        }
        let mut after = self.clone();
        let mut kept: Vec<_> =
            operations.iter().copied().filter(|operation| after.operate(*operation, place, sps)).collect();
        if !kept.is_empty() && after.first_field(place).is_none() && after.kept.len() >= capacity(sps) {
            kept.extend(after.oldest_unmarked(place, sps));
        }
        kept
    }

    /// The modifications of a reference list with the latest picture in place of each that is not there; `None` where nothing
    /// is to be changed.
    #[inline(never)]
    pub(super) fn listable(&self, place: SkipPlace, list: &[Modification], sps: &Sps) -> Option<Vec<Modification>> {
        let numbers = Numbers::of(place, sps);
        if self.listed(list, numbers).all(|listed| listed.is_some()) {
            return None;
        }
        let latest = self.latest(numbers)?;
        let mut written = numbers.current;
        let write = |listed| {
            let number = match listed {
                Some(Listed::Other(modification)) => return modification,
                Some(Listed::ShortTerm(number)) => number,
                None => latest,
            };
            let back = (written - number).rem_euclid(numbers.range);
            written = number;
            (0, (if back == 0 { numbers.range } else { back } - 1) as u32)
        };
        Some(self.listed(list, numbers).map(write).collect())
    }

    /// What modifications name (8.2.4.3); `None` for each picture that is not there.
    fn listed(&self, list: &[Modification], numbers: Numbers) -> impl Iterator<Item = Option<Listed>> {
        let mut named = numbers.current;
        list.iter().map(move |&(kind, value)| {
            let step = i64::from(value) + 1;
            match kind {
                0 => named = (named - step).rem_euclid(numbers.range),
                1 => named = (named + step).rem_euclid(numbers.range),
                2 if self.long_term(value, numbers).is_none() => return None,
                _ => return Some(Listed::Other((kind, value))),
            }
            let number = if named > numbers.current { named - numbers.range } else { named };
            self.short_term(number, numbers).map(|_| Listed::ShortTerm(number))
        })
    }

    /// Does an operation (8.2.5.4); gives whether the picture that it names is there.
    #[inline(never)]
    fn operate(&mut self, operation: Operation, place: SkipPlace, sps: &Sps) -> bool {
        let numbers = Numbers::of(place, sps);
        let short = |value: u32| numbers.current - i64::from(value) - 1;
        match operation {
            (1, [Some(back), _]) => self.unmark(self.short_term(short(back), numbers)),
            (2, [Some(number), _]) => self.unmark(self.long_term(number, numbers)),
            (3, [Some(back), index]) => {
                let Some((named, _)) = self.short_term(short(back), numbers).or_else(|| {
                    // The other field of a frame of which one is a long-term picture by now.
                    let (frame, fields) = numbers.meant(short(back));
                    let is_other = |kept: &Kept| kept.long_term == index && numbers.wrapped(kept) == frame;
                    self.kept.iter().position(is_other).map(|named| (named, fields))
                }) else {
                    return false;
                };
                let frame_num = self.kept[named].frame_num;
                self.kept[named].long_term = index;
                self.kept.retain(|kept| kept.long_term != index || kept.frame_num == frame_num);
                true
            }
            (4, [Some(count), _]) => {
                self.kept.retain(|kept| kept.long_term.is_none_or(|index| index < count));
                true
            }
            (5, _) => {
                self.kept.clear();
                true
            }
            (6, [index, _]) => {
                self.kept.retain(|kept| kept.long_term != index || kept.frame_num == place.frame_num);
                true
            }
            _ => true,
        }
    }

    /// The first field of the frame whose second field stands here.
    fn first_field(&mut self, place: SkipPlace) -> Option<&mut Kept> {
        let own = bits(place.field?);
        self.kept.last_mut().filter(|last| last.frame_num == place.frame_num && last.fields & own == 0)
    }

    /// Where a short-term picture is kept, and which of its fields this number means.
    #[inline(never)]
    fn short_term(&self, number: i64, numbers: Numbers) -> Option<(usize, u8)> {
        let (frame, fields) = numbers.meant(number);
        let is_it =
            |kept: &Kept| kept.long_term.is_none() && kept.fields & fields == fields && numbers.wrapped(kept) == frame;
        self.kept.iter().position(is_it).map(|index| (index, fields))
    }

    /// The same of a long-term picture.
    #[inline(never)]
    fn long_term(&self, number: u32, numbers: Numbers) -> Option<(usize, u8)> {
        let (frame, fields) = numbers.meant(number.into());
        let is_it = |kept: &Kept| kept.long_term.map(i64::from) == Some(frame) && kept.fields & fields == fields;
        self.kept.iter().position(is_it).map(|index| (index, fields))
    }

    /// The number of the short-term picture that was decoded last.
    fn latest(&self, numbers: Numbers) -> Option<i64> {
        let short = self.kept.iter().filter(|kept| kept.long_term.is_none());
        let numbered = short.filter_map(|kept| numbers.number(numbers.wrapped(kept), kept.fields));
        numbered.max()
    }

    fn unmark(&mut self, named: Option<(usize, u8)>) -> bool {
        if let Some((index, fields)) = named {
            self.kept[index].fields &= !fields;
            self.kept.retain(|kept| kept.fields != 0);
        }
        named.is_some()
    }

    /// The operations that take away the oldest short-term picture.
    fn oldest_unmarked(&self, place: SkipPlace, sps: &Sps) -> Vec<Operation> {
        let numbers = Numbers::of(place, sps);
        let short = self.kept.iter().filter(|kept| kept.long_term.is_none());
        let Some(oldest) = short.min_by_key(|kept| numbers.wrapped(kept)) else { return Vec::new() };
        let frame = numbers.wrapped(oldest);
        let named = match place.field {
            None => vec![frame],
            Some(own) => [BOTH ^ bits(own), bits(own)]
                .into_iter()
                .filter(|field| oldest.fields & field != 0)
                .filter_map(|field| numbers.number(frame, field))
                .collect(),
        };
        named.into_iter().map(|number| (1, [Some((numbers.current - number - 1) as u32), None])).collect()
    }
}

/// Frames that a decoder keeps at most (8.2.5.3).
fn capacity(sps: &Sps) -> usize {
    sps.max_num_ref_frames.clamp(1, 16) as usize
}
