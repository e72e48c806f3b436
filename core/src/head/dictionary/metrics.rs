//! Metrics by number and by name: all names in one text, for there may be a million.
use super::pairs::NameHasher;
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::BuildHasher;
use hashbrown::HashTable;

/// Names of metrics, in order of number.
#[derive(Debug, Default)]
pub(super) struct MetricNames {
    text: String,
    /// Where each name ends in the text.
    ends: Vec<usize>,
    by_name: HashTable<u32>,
}

impl MetricNames {
    /// The name of a metric.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&str> {
        let end = *self.ends.get(number as usize)?;
        self.text.get(self.start(number)..end)
    }

    #[inline]
    fn start(&self, number: u32) -> usize {
        number.checked_sub(1).and_then(|before| self.ends.get(before as usize)).copied().unwrap_or(0)
    }

    /// The number of a name.
    pub(super) fn find(&self, hasher: &NameHasher, name: &str) -> Option<u32> {
        self.by_name.find(hasher.hash_one(name), |&number| self.get(number) == Some(name)).copied()
    }

    /// Adds a name that is not there; `None` when there are 2^32 - 1.
    pub(super) fn push(&mut self, hasher: &NameHasher, name: &str) -> Option<u32> {
        let number = u32::try_from(self.ends.len()).ok().filter(|&number| number < u32::MAX)?;
        self.text.push_str(name);
        self.ends.push(self.text.len());
        let Self { text, ends, by_name } = self;
        by_name.insert_unique(hasher.hash_one(name), number, |&number| {
            let at = number as usize;
            let start = at.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
            let name = ends.get(at).and_then(|&end| text.get(start..end));
            hasher.hash_one(name.unwrap_or_default())
        });
        Some(number)
    }

    /// Removes the newest.
    pub(super) fn pop(&mut self, hasher: &NameHasher) {
        let Some(last) = self.ends.len().checked_sub(1) else { return };
        let number = last as u32;
        let hash = hasher.hash_one(self.get(number).unwrap_or_default());
        if let Ok(entry) = self.by_name.find_entry(hash, |&other| other == number) {
            entry.remove();
        }
        self.text.truncate(self.start(number));
        self.ends.pop();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<usize>() + self.by_name.allocation_size()
    }
}
