//! Reference picture sets (ISO/IEC 23008-2, 7.3.7 and 7.4.8; 7.3.6.1 for long-term pictures): which pictures a
//! decoder still has to have.

use crate::segmenter::bits::BitReader;

/// Pictures in a set at most: `sps_max_dec_pic_buffering_minus1` is no larger.
const PICTURES_MAX: usize = 16;

/// A short-term reference picture set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReferenceSet {
    /// How far each picture's order count stands from the current one's: the `negatives` that are shown before, the
    /// nearest first, then those that are shown after.
    deltas: [i32; PICTURES_MAX],
    length: usize,
    negatives: usize,
    /// By place: whether the current picture itself may refer to it.
    used: u16,
}

impl ReferenceSet {
    /// Reads the next set of an SPS behind those in `before`.
    pub(super) fn read_in_sps(r: &mut BitReader<'_>, before: &[Self]) -> Option<Self> {
        match before.last() {
            Some(last) if r.bit()? => Self::read_predicted(r, last),
            _ => Self::read_plain(r),
        }
    }

    /// Reads a slice's own set; `listed` are those of the SPS.
    pub(super) fn read_in_slice(r: &mut BitReader<'_>, listed: &[Self]) -> Option<Self> {
        if listed.is_empty() || !r.bit()? {
            return Self::read_plain(r);
        }
        let back = 1 + r.ue()? as usize;
        Self::read_predicted(r, listed.get(listed.len().checked_sub(back)?)?)
    }

    fn read_plain(r: &mut BitReader<'_>) -> Option<Self> {
        let (negatives, positives) = (r.ue()? as usize, r.ue()? as usize);
        let mut set = Self::default();
        for (count, sign) in [(negatives, -1), (positives, 1)] {
            let mut delta = 0i32;
            for _ in 0..count {
                delta += i32::try_from(r.ue()?).ok().filter(|step| *step < 1 << 15)? + 1;
                set.push(sign * delta, r.bit()?)?;
            }
        }
        Some(set)
    }

    /// A set told by how it differs from another: (7-61) and (7-62).
    fn read_predicted(r: &mut BitReader<'_>, from: &Self) -> Option<Self> {
        let negative = r.bit()?;
        let step = i32::try_from(r.ue()?).ok().filter(|step| *step < 1 << 15)? + 1;
        let step = if negative { -step } else { step };
        // Of each picture and, last, of the one that the other set was of: whether it is used, and kept at all.
        let mut flags = [(false, false); PICTURES_MAX + 1];
        for flag in flags.get_mut(..=from.length)? {
            let used = r.bit()?;
            *flag = (used, used || r.bit()?);
        }
        let (before, after) = (0..from.negatives, from.negatives..from.length);
        let own = core::iter::once((step, from.length));
        let moved = |place: usize| from.deltas.get(place).map(|delta| (delta + step, place));
        let mut set = Self::default();
        let earlier = after.clone().rev().filter_map(moved).chain(own.clone()).chain(before.clone().filter_map(moved));
        for (delta, place) in earlier.filter(|(delta, _)| *delta < 0) {
            let (used, kept) = *flags.get(place)?;
            if kept {
                set.push(delta, used)?;
            }
        }
        let later = before.rev().filter_map(moved).chain(own).chain(after.filter_map(moved));
        for (delta, place) in later.filter(|(delta, _)| *delta > 0) {
            let (used, kept) = *flags.get(place)?;
            if kept {
                set.push(delta, used)?;
            }
        }
        Some(set)
    }

    fn push(&mut self, delta: i32, used: bool) -> Option<()> {
        *self.deltas.get_mut(self.length)? = delta;
        self.used |= u16::from(used) << self.length;
        self.length += 1;
        self.negatives += usize::from(delta < 0);
        Some(())
    }

    /// How far each picture's order count stands from the current one's, and whether that refers to it.
    pub(super) fn pictures(&self) -> impl Iterator<Item = (i64, bool)> {
        let used = self.used;
        self.deltas
            .iter()
            .take(self.length)
            .enumerate()
            .map(move |(at, delta)| (i64::from(*delta), used >> at & 1 == 1))
    }
}

/// A long-term reference picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LongReference {
    /// The low bits of its order count.
    pub(super) low: u32,
    /// How many rounds of the low bits it lies behind the current picture, where that is told.
    pub(super) rounds: Option<u32>,
    pub(super) used: bool,
}

impl LongReference {
    /// Whether it is the picture with the order count `other`, named by the one with `order`; low bits go up to
    /// `range` (8.3.2).
    pub(super) fn is(&self, other: i64, order: i64, range: i64) -> bool {
        let low = i64::from(self.low);
        match self.rounds {
            Some(rounds) => other == order - order.rem_euclid(range) - i64::from(rounds) * range + low,
            None => other.rem_euclid(range) == low,
        }
    }
}

/// The long-term reference pictures of a slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LongReferences {
    pictures: [LongReference; PICTURES_MAX],
    length: usize,
}

impl LongReferences {
    /// Reads them from a slice header; `listed` are those of the SPS, with whether they are used.
    pub(super) fn read(r: &mut BitReader<'_>, bits: u32, listed: &[(u32, bool)]) -> Option<Self> {
        let from_list = if listed.is_empty() { 0 } else { r.ue()? as usize };
        let count = from_list.checked_add(r.ue()? as usize)?;
        let mut all = Self::default();
        let mut rounds_before = 0;
        for place in 0..count {
            let (low, used) = if place < from_list {
                let bits = usize::BITS - (listed.len() - 1).leading_zeros();
                *listed.get(r.bits(bits)? as usize)?
            } else {
                (r.bits(bits)?, r.bit()?)
            };
            let told = r.bit()?;
            let mut rounds = if told { r.ue()? } else { 0 };
            if place != 0 && place != from_list {
                rounds = rounds.checked_add(rounds_before)?;
            }
            rounds_before = rounds;
            *all.pictures.get_mut(place)? = LongReference { low, rounds: told.then_some(rounds), used };
            all.length = place + 1;
        }
        Some(all)
    }

    pub(super) fn pictures(&self) -> impl Iterator<Item = &LongReference> {
        self.pictures.iter().take(self.length)
    }
}
