//! Values by key in order of last use, with a weight each. Knows nothing of what the values are.
//!
//! A doubly linked list through a slab, so a use costs a look-up and a few index writes, whatever the size.
use std::collections::HashMap;
use std::hash::Hash;

/// No entry.
const NONE: usize = usize::MAX;

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    weight: u64,
    newer: usize,
    older: usize,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Lru<K, V> {
    slots: HashMap<K, usize>,
    slab: Vec<Option<Entry<K, V>>>,
    free: Vec<usize>,
    newest: usize,
    oldest: usize,
    weight: u64,
}

impl<K: Copy + Eq + Hash, V> Default for Lru<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Copy + Eq + Hash, V> Lru<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            slots: HashMap::new(),
            slab: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            weight: 0,
        }
    }

    /// The sum of all weights.
    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Finds a value and makes it the newest.
    pub(crate) fn get(&mut self, key: &K) -> Option<&V> {
        let slot = *self.slots.get(key)?;
        if slot != self.newest {
            self.unlink(slot);
            self.link_newest(slot);
        }
        self.slab[slot].as_ref().map(|entry| &entry.value)
    }

    /// Adds a value as the newest; one that was there under this key is dropped.
    pub(crate) fn insert(&mut self, key: K, value: V, weight: u64) {
        self.remove(&key);
        let entry = Some(Entry { key, value, weight, newer: NONE, older: NONE });
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slab[slot] = entry;
                slot
            }
            None => {
                self.slab.push(entry);
                self.slab.len() - 1
            }
        };
        self.weight += weight;
        self.slots.insert(key, slot);
        self.link_newest(slot);
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.slots.remove(key)?;
        self.unlink(slot);
        let entry = self.slab[slot].take()?;
        self.free.push(slot);
        self.weight -= entry.weight;
        Some(entry.value)
    }

    /// Takes the value out that was not used for the longest time.
    pub(crate) fn pop_oldest(&mut self) -> Option<V> {
        let key = self.slab.get(self.oldest)?.as_ref()?.key;
        self.remove(&key)
    }

    /// Takes out the values whose keys do not satisfy `keep`.
    pub(crate) fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        let dropped: Vec<K> = self.slots.keys().filter(|key| !keep(key)).copied().collect();
        for key in dropped {
            self.remove(&key);
        }
    }

    fn entry(&mut self, slot: usize) -> Option<&mut Entry<K, V>> {
        self.slab.get_mut(slot)?.as_mut()
    }

    fn unlink(&mut self, slot: usize) {
        let Some((newer, older)) = self.entry(slot).map(|entry| (entry.newer, entry.older)) else { return };
        match self.entry(newer) {
            Some(neighbour) => neighbour.older = older,
            None => self.newest = older,
        }
        match self.entry(older) {
            Some(neighbour) => neighbour.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_newest(&mut self, slot: usize) {
        let second = self.newest;
        match self.entry(second) {
            Some(neighbour) => neighbour.newer = slot,
            None => self.oldest = slot,
        }
        if let Some(entry) = self.entry(slot) {
            entry.newer = NONE;
            entry.older = second;
        }
        self.newest = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first_and_a_use_makes_new() {
        let mut lru = Lru::new();
        for key in [1, 2, 3] {
            lru.insert(key, key * 10, 1);
        }
        assert_eq!(lru.get(&1), Some(&10));
        assert_eq!(
            [lru.pop_oldest(), lru.pop_oldest(), lru.pop_oldest(), lru.pop_oldest()],
            [Some(20), Some(30), Some(10), None]
        );
        assert_eq!((lru.weight(), lru.len()), (0, 0));
    }

    #[test]
    fn it_agrees_with_a_plain_list_whatever_is_done() {
        let mut lru = Lru::new();
        let mut list: Vec<(u64, u64)> = Vec::new();
        let mut state = 1u64;
        for step in 0..20_000u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = (state >> 40) % 24;
            let at = list.iter().position(|entry| entry.0 == key);
            match (state >> 33) % 8 {
                0..=2 => {
                    if let Some(at) = at {
                        list.remove(at);
                    }
                    list.push((key, step));
                    lru.insert(key, step, key + 1);
                }
                3 => assert_eq!(lru.remove(&key), at.map(|at| list.remove(at).1)),
                4 => assert_eq!(lru.pop_oldest(), (!list.is_empty()).then(|| list.remove(0).1)),
                5 if step % 50 == 0 => {
                    list.retain(|entry| entry.0 % 2 == 0);
                    lru.retain(|key| key % 2 == 0);
                }
                _ => {
                    let found = at.map(|at| list.remove(at));
                    list.extend(found);
                    assert_eq!(lru.get(&key).copied(), found.map(|entry| entry.1));
                }
            }
            assert_eq!(lru.weight(), list.iter().map(|entry| entry.0 + 1).sum::<u64>());
            assert_eq!(lru.len(), list.len());
        }
    }
}
