//! A bounded map that forgets what has not been asked for lately.

use std::collections::HashMap;
use std::hash::Hash;

/// A map of at most `capacity` entries that keeps the recently used ones.
///
/// Two generations instead of a linked list: entries go into the young one, a hit in the old one
/// moves the entry back, and when the young one is full it becomes the old one, whose entries are
/// forgotten. So at least the last `capacity / 2` keys in use are held, everything is O(1), and
/// twenty safe lines do what would otherwise take a crate with unsafe code of its own. Nothing
/// is allocated after [`Recent::new`] but what the values hold.
#[derive(Debug)]
pub struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    /// An empty map that will hold at most `capacity` entries (at least two).
    #[must_use]
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
        if !self.young.contains_key(&key) {
            let value = self.old.remove(&key)?;
            self.put(key, value);
        }
        self.young.get(&key)
    }

    /// Whether `key` is held, which does not count as a use.
    #[must_use]
    pub fn contains(&self, key: K) -> bool {
        self.young.contains_key(&key) || self.old.contains_key(&key)
    }

    /// Holds `value` under `key` in place of what was there.
    pub fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        self.put(key, value);
    }

    /// Forgets `key` and gives back what was there.
    pub fn remove(&mut self, key: K) -> Option<V> {
        self.young.remove(&key).or_else(|| self.old.remove(&key))
    }

    /// How many entries are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a key that is not in the old generation into the young one.
    fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            std::mem::swap(&mut self.young, &mut self.old);
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
