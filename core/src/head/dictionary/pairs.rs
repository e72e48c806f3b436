//! Pairs: the distinct tags of some series, key and value, in one text. A series is a list of their numbers.
//!
//! A series with four tags takes 16 bytes of numbers; a text is kept once however many series have it. Numbers are
//! given in order of first use, so what the newest series brought can be taken back.
use crate::error::{Error, ErrorKind, Result};
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};
use hashbrown::HashTable;

/// The seeded hash of names; the seed keeps others from choosing names that collide.
pub(crate) type NameHasher = foldhash::fast::FixedState;

/// Where a pair's text lies: the key, and behind it the value.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    key_len: u16,
    value_len: u16,
}

/// Texts by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    text: String,
    entries: Vec<Entry>,
}

impl Pairs {
    /// Adds a pair. `LimitExceeded` when a name is longer than the format holds, or the text would pass 4 GiB.
    pub(super) fn push(&mut self, key: &str, value: &str) -> Result<u32> {
        let start = u32::try_from(self.text.len()).ok();
        let end = u32::try_from(self.text.len() + key.len() + value.len()).ok();
        let lens = (u16::try_from(key.len()), u16::try_from(value.len()));
        let (Some(start), Some(_), (Ok(key_len), Ok(value_len))) = (start, end, lens) else {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                "the distinct tags of the metric's series pass 4 GiB of text, or one name 65,535 bytes",
            ));
        };
        let number = self.entries.len() as u32;
        self.text.push_str(key);
        self.text.push_str(value);
        self.entries.push(Entry { start, key_len, value_len });
        Ok(number)
    }

    /// Key and value of a pair; empty for a number that was not given.
    pub(super) fn get(&self, number: u32) -> (&str, &str) {
        let Some(entry) = self.entries.get(number as usize) else { return ("", "") };
        let start = entry.start as usize;
        let middle = start + usize::from(entry.key_len);
        let key = self.text.get(start..middle);
        let value = self.text.get(middle..middle + usize::from(entry.value_len));
        key.zip(value).unwrap_or_default()
    }

    /// True when the pair has this key and value.
    #[inline]
    pub(super) fn is(&self, number: u32, key: &str, value: &str) -> bool {
        let Some(entry) = self.entries.get(number as usize) else { return false };
        if usize::from(entry.key_len) != key.len() || usize::from(entry.value_len) != value.len() {
            return false;
        }
        let start = entry.start as usize;
        let found = self.text.as_bytes().get(start..start + key.len() + value.len());
        found.is_some_and(|found| {
            let (found_key, found_value) = found.split_at(key.len());
            found_key == key.as_bytes() && found_value == value.as_bytes()
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Removes the newest pairs, until there are `len`.
    fn truncate(&mut self, len: usize) {
        if let Some(entry) = self.entries.get(len) {
            self.text.truncate(entry.start as usize);
            self.entries.truncate(len);
        }
    }

    fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    fn memory_bytes(&self) -> usize {
        self.text.capacity() + self.entries.capacity() * size_of::<Entry>()
    }
}

/// Pairs that are found by their text.
#[derive(Debug, Default)]
pub(super) struct PairTable {
    pairs: Pairs,
    by_text: HashTable<u32>,
}

impl PairTable {
    /// The texts.
    #[inline]
    pub(super) fn pairs(&self) -> &Pairs {
        &self.pairs
    }

    /// The number of a pair with this hash.
    pub(super) fn find(&self, hash: u64, key: &str, value: &str) -> Option<u32> {
        self.by_text.find(hash, |&number| self.pairs.is(number, key, value)).copied()
    }

    /// The number of a pair, which is added if it is new.
    pub(super) fn intern(&mut self, hasher: &NameHasher, key: &str, value: &str) -> Result<(u32, u64)> {
        let hash = pair_hash(hasher, key, value);
        if let Some(number) = self.find(hash, key, value) {
            return Ok((number, hash));
        }
        let number = self.pairs.push(key, value)?;
        let pairs = &self.pairs;
        self.by_text.insert_unique(hash, number, |&number| hash_of(hasher, pairs, number));
        Ok((number, hash))
    }

    /// Removes the newest pairs, until there are `len`.
    pub(super) fn truncate(&mut self, hasher: &NameHasher, len: usize) {
        for number in len..self.pairs.len() {
            let hash = hash_of(hasher, &self.pairs, number as u32);
            if let Ok(entry) = self.by_text.find_entry(hash, |&other| other == number as u32) {
                entry.remove();
            }
        }
        self.pairs.truncate(len);
    }

    /// Gives back room that was kept for more.
    pub(super) fn shrink(&mut self, hasher: &NameHasher) {
        self.pairs.shrink();
        let pairs = &self.pairs;
        self.by_text.shrink_to_fit(|&number| hash_of(hasher, pairs, number));
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.pairs.memory_bytes() + self.by_text.allocation_size()
    }
}

fn hash_of(hasher: &NameHasher, pairs: &Pairs, number: u32) -> u64 {
    let (key, value) = pairs.get(number);
    pair_hash(hasher, key, value)
}

/// The hash of one tag. Those of a series are added up, so that it does not depend on their order.
#[inline]
pub(super) fn pair_hash(hasher: &NameHasher, key: &str, value: &str) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(key.as_bytes());
    state.write(value.as_bytes());
    state.finish()
}
