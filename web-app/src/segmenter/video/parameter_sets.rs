//! Parameter sets of one kind (ISO/IEC 14496-10, 7.4.1.2.1; 23008-2, 7.4.2.4.2): the last of each id.

use crate::segmenter::map::Map;

/// A parameter set longer than this is none.
pub(in crate::segmenter) const UNIT_MAX: usize = 4096;

#[derive(Debug)]
struct Entry<T> {
    set: T,
    unit: Vec<u8>,
    /// What it refers to has changed since it came.
    stale: bool,
}

/// See the module.
#[derive(Debug)]
pub(in crate::segmenter) struct ParameterSets<T>(Map<u8, Entry<T>>);

impl<T> Default for ParameterSets<T> {
    fn default() -> Self {
        Self(Map::default())
    }
}

impl<T> ParameterSets<T> {
    /// Takes a set and the NAL unit that it was read from; gives whether any byte of it is new.
    pub(in crate::segmenter) fn take(&mut self, id: u8, set: T, unit: &[u8]) -> bool {
        match self.0.get_mut(id) {
            Some(known) if known.unit == unit => {
                known.stale = false;
                false
            }
            _ => {
                self.0.insert(id, Entry { set, unit: unit.to_vec(), stale: false });
                true
            }
        }
    }

    /// What these refer to has changed: they hold only if they come again.
    pub(in crate::segmenter) fn outdate(&mut self, which: impl Fn(&T) -> bool) {
        for entry in self.0.values_mut().filter(|entry| which(&entry.set)) {
            entry.stale = true;
        }
    }

    /// The set with this id.
    pub(in crate::segmenter) fn get(&self, id: u8) -> Option<&T> {
        Some(&self.0.get(id)?.set)
    }

    /// The ids that no set has; the highest first, as encoders begin with the lowest.
    pub(in crate::segmenter) fn free_ids(&self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).rev().filter(|id| !self.0.contains_key(*id))
    }

    /// The NAL units of all sets, but those left over from what has changed, where there are others.
    pub(in crate::segmenter) fn units(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let any_fresh = self.0.values().any(|entry| !entry.stale);
        self.0.values().filter(move |entry| !(entry.stale && any_fresh)).map(|entry| &entry.unit[..])
    }
}
