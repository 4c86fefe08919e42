//! A small map: pairs in a vector, sorted by their keys.
//!
//! What is kept by PID, programme or id here has some entries, a few hundred at most, and changes seldom. Each map of the
//! standard library would add some kilobytes of code to what the page loads. Whoever keeps one bounds it.

/// See the module.
#[derive(Debug)]
pub(super) struct Map<K, V>(Vec<(K, V)>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Copy + Ord, V> Map<K, V> {
    /// Where a key is, or where it would have to be.
    fn find(&self, key: K) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(&key))
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains_key(&self, key: K) -> bool {
        self.find(key).is_ok()
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        let at = self.find(key).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let at = self.find(key).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// The value of a key, put there first if it has none.
    pub(super) fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let at = self.find(key).unwrap_or_else(|at| {
            self.0.insert(at, (key, V::default()));
            at
        });
        &mut self.0[at].1
    }

    /// Sets the value of a key; gives the one it had.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(key) {
            Ok(at) => Some(core::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let at = self.find(key).ok()?;
        Some(self.0.remove(at).1)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Keeps the entries of which `which` holds.
    pub(super) fn retain(&mut self, mut which: impl FnMut(K) -> bool) {
        self.0.retain(|(key, _)| which(*key));
    }

    /// The keys, lowest first.
    pub(super) fn keys(&self) -> impl Iterator<Item = K> {
        self.0.iter().map(|(key, _)| *key)
    }

    /// The values, in the order of their keys.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> + Clone {
        self.0.iter().map(|(_, value)| value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

impl<K: Copy + Ord, V> FromIterator<(K, V)> for Map<K, V> {
    /// Of pairs with the same key the last counts.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut map = Self::default();
        for (key, value) in pairs {
            map.insert(key, value);
        }
        map
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_map_of_the_standard_library_holds(
            steps in proptest::collection::vec((0..5u8, 0..12u8, any::<u16>()), 0..80),
        ) {
            let (mut map, mut known) = (Map::default(), BTreeMap::new());
            for (step, key, value) in steps {
                match step {
                    0 | 1 => prop_assert_eq!(map.insert(key, value), known.insert(key, value)),
                    2 => prop_assert_eq!(map.remove(key), known.remove(&key)),
                    3 => prop_assert_eq!(map.get_or_default(key), known.entry(key).or_default()),
                    _ => {
                        map.retain(|other| other != key);
                        known.retain(|other, _| *other != key);
                    }
                }
                prop_assert_eq!(map.get(key), known.get(&key));
                prop_assert_eq!(map.get_mut(key), known.get_mut(&key));
                prop_assert_eq!(map.contains_key(key), known.contains_key(&key));
                prop_assert_eq!(map.len(), known.len());
                prop_assert!(map.keys().eq(known.keys().copied()));
                prop_assert!(map.values().eq(known.values()));
            }
            prop_assert!(known.into_iter().collect::<Map<_, _>>().values().eq(map.values()));
        }
    }
}
