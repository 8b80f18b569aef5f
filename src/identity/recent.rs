//! A bounded map that forgets what was not used recently.

use std::{collections::HashMap, hash::Hash, mem};

/// A map of at most `capacity` entries, which keeps the recently used ones.
///
/// It has two generations instead of a linked list. New entries go into the
/// young one, and so does an old entry that is used. When the young generation
/// is full it becomes the old one, and the entries of the old one are
/// forgotten. So at least the last `capacity / 2` keys are kept, and each
/// operation is O(1). An LRU list would need a crate with unsafe code. After
/// [`Recent::new`] the map itself allocates nothing.
#[derive(Debug)]
pub struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    /// An empty map for `capacity` entries, at least two.
    pub fn new(capacity: usize) -> Self {
        let half = (capacity / 2).max(1);
        Self {
            young: HashMap::with_capacity(half),
            old: HashMap::with_capacity(half),
            half,
        }
    }

    /// The value of `key`, which counts as a use.
    pub fn get(&mut self, key: K) -> Option<&V> {
        self.get_mut(&key).map(|value| &*value)
    }

    /// As [`Self::get`], to change it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if !self.young.contains_key(key) {
            let value = self.old.remove(key)?;
            self.put(key.clone(), value);
        }
        self.young.get_mut(key)
    }

    /// Whether there is a value of `key`. Does not count as a use.
    pub fn contains(&self, key: K) -> bool {
        self.young.contains_key(&key) || self.old.contains_key(&key)
    }

    /// Sets the value of `key`.
    pub fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        self.put(key, value);
    }

    /// Forgets `key` and returns its value.
    pub fn remove(&mut self, key: K) -> Option<V> {
        self.young.remove(&key).or_else(|| self.old.remove(&key))
    }

    /// How many entries are kept.
    pub fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }

    /// Puts a key that is not in the old generation into the young one.
    fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_forgotten() {
        let mut recent = Recent::new(8);
        recent.insert(0, "wanted");
        for key in 1..1000 {
            recent.insert(key, "passing");
            assert_eq!(recent.get(0), Some(&"wanted"));
            assert!(recent.len() <= 8);
        }
        assert!(!recent.contains(500));
    }

    #[test]
    fn a_later_value_replaces_an_earlier_one_in_either_generation() {
        let mut recent = Recent::new(4);
        recent.insert(1, 'a');
        recent.insert(2, 'b');
        recent.insert(3, 'c');
        recent.insert(1, 'd');
        assert_eq!(recent.get(1), Some(&'d'));
        assert_eq!(recent.remove(1), Some('d'));
        assert_eq!(recent.get(1), None);
        assert_eq!(recent.len(), 2);
    }

    proptest! {
        #[test]
        fn it_never_outgrows_its_capacity_and_never_lies(
            capacity in 2usize..20,
            keys in prop::collection::vec(0u8..40, 0..400)
        ) {
            let mut recent = Recent::new(capacity);
            let mut last = HashMap::new();
            for (turn, key) in keys.into_iter().enumerate() {
                if turn % 3 == 0 {
                    if let Some(value) = recent.get(key) {
                        prop_assert_eq!(Some(value), last.get(&key));
                    }
                } else {
                    recent.insert(key, turn);
                    last.insert(key, turn);
                    prop_assert_eq!(recent.get(key), Some(&turn));
                }
                prop_assert!(recent.len() <= capacity);
            }
        }
    }
}
