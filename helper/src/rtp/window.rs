//! Which of the last positions of a stream were there.

/// A bit for each of the last `64 * WORDS` positions.
#[derive(Clone, Debug)]
pub(crate) struct Window<const WORDS: usize> {
    bits: Box<[u64]>,
    /// One behind the highest position.
    end: u64,
}

impl<const WORDS: usize> Window<WORDS> {
    const LEN: u64 = 64 * WORDS as u64;

    /// A window in which nothing was there yet.
    pub(crate) fn new() -> Self {
        Self { bits: vec![0; WORDS].into(), end: 0 }
    }

    /// Notes a position. Whether it is new; what lies too far back to be known is not.
    pub(crate) fn insert(&mut self, position: u64) -> bool {
        if position >= self.end {
            // What the new positions push out lies in their places.
            let first = self.end.max((position + 1).saturating_sub(Self::LEN));
            for pushed_out in first..=position {
                let (word, bit) = Self::place(pushed_out);
                self.bits[word] &= !bit;
            }
            self.end = position + 1;
        }
        let (word, bit) = Self::place(position);
        let new = self.reaches(position) && self.bits[word] & bit == 0;
        if new {
            self.bits[word] |= bit;
        }
        new
    }

    /// Whether a position is known to have been there.
    pub(crate) fn contains(&self, position: u64) -> bool {
        let (word, bit) = Self::place(position);
        position < self.end && self.reaches(position) && self.bits[word] & bit != 0
    }

    fn reaches(&self, position: u64) -> bool {
        position + Self::LEN >= self.end
    }

    fn place(position: u64) -> (usize, u64) {
        let place = position % Self::LEN;
        ((place / 64) as usize, 1 << (place % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_knows_what_a_set_knows_of_the_last_positions(positions in proptest::collection::vec(0_u64..1000, 1..100)) {
            let mut window = Window::<2>::new();
            let mut set = BTreeSet::new();
            for position in positions {
                let far = set.last().is_some_and(|last: &u64| position + 128 <= *last);
                prop_assert_eq!(window.insert(position), !far && set.insert(position));
                let end = set.last().copied().unwrap_or(0) + 1;
                for other in end.saturating_sub(128)..end + 5 {
                    prop_assert_eq!(window.contains(other), set.contains(&other));
                }
            }
        }
    }
}
