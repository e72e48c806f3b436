//! A cache that forgets what was not used for longest, bounded by weight.
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Values by key; the weights of all together stay below a bound, but for a single one that is heavier.
pub(crate) struct Lru<K, V> {
    entries: HashMap<K, (u64, u64, V)>,
    by_age: BTreeMap<u64, K>,
    clock: u64,
    weight: u64,
    weight_max: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Lru<K, V> {
    pub(crate) fn new(weight_max: u64) -> Self {
        Self { entries: HashMap::new(), by_age: BTreeMap::new(), clock: 0, weight: 0, weight_max }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        let (stamp, _, value) = self.entries.get_mut(key)?;
        self.by_age.remove(stamp);
        self.clock += 1;
        *stamp = self.clock;
        self.by_age.insert(self.clock, key.clone());
        Some(value.clone())
    }

    pub(crate) fn insert(&mut self, key: K, value: V, weight: u64) {
        self.remove(&key);
        self.clock += 1;
        self.by_age.insert(self.clock, key.clone());
        self.entries.insert(key, (self.clock, weight, value));
        self.weight += weight;
        while self.weight > self.weight_max && self.entries.len() > 1 {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.forget(&oldest);
        }
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some((stamp, ..)) = self.entries.get(key) {
            self.by_age.remove(stamp);
            self.forget(key);
        }
    }

    fn forget(&mut self, key: &K) {
        if let Some((_, weight, _)) = self.entries.remove(key) {
            self.weight -= weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_stays_and_the_weight_is_bounded() {
        let mut cache = Lru::new(10);
        for key in 0..3 {
            cache.insert(key, key * 10, 4);
            cache.get(&0);
        }
        assert_eq!((cache.get(&0), cache.get(&1), cache.get(&2)), (Some(0), None, Some(20)));
        assert_eq!(cache.weight, 8);
        cache.insert(2, 21, 1);
        assert_eq!((cache.weight, cache.get(&2)), (5, Some(21)));
    }
}
