//! The series of one metric, by ordinal and by name, without an object of their own: numbers of pairs in one list.
use super::index::TagIndex;
use super::names::list;
use super::pairs::{NameHasher, PairTable, Pairs, pair_hash};
use super::set::OrdinalSet;
use crate::error::{Error, ErrorKind, Result};
use crate::model::PointSource;
use alloc::boxed::Box;
use alloc::vec::Vec;
use hashbrown::HashTable;

/// A slot that was not given.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// Series of a metric.
#[derive(Debug, Default)]
pub(crate) struct SeriesTable {
    pairs: PairTable,
    /// Where the numbers of a series end; those of one ascend by key.
    ends: Vec<u32>,
    numbers: Vec<u32>,
    by_name: HashTable<u32>,
    /// Slots of the series that had points since opening; the rest has [`NO_SLOT`] or none yet.
    slots: Vec<u32>,
    index: Option<Box<TagIndex>>,
}

impl SeriesTable {
    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    /// Distinct tags.
    #[inline]
    pub(super) fn pairs(&self) -> &Pairs {
        self.pairs.pairs()
    }

    /// Numbers of the pairs of a series.
    #[inline]
    pub(super) fn list(&self, ordinal: u32) -> &[u32] {
        list(&self.ends, &self.numbers, ordinal)
    }

    /// Tags of a series, in order of key.
    pub(crate) fn tags(&self, ordinal: u32) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        self.list(ordinal).iter().map(|&number| self.pairs().get(number))
    }

    /// The value of a tag of a series; empty when it is absent.
    pub(crate) fn tag(&self, ordinal: u32, key: &str) -> &str {
        self.tags(ordinal).find(|(found, _)| *found == key).map_or("", |(_, value)| value)
    }

    /// The slot of a series, if it has one.
    #[inline]
    pub(crate) fn slot(&self, ordinal: u32) -> Option<u32> {
        self.slots.get(ordinal as usize).copied().filter(|&slot| slot != NO_SLOT)
    }

    /// Gives a series its slot.
    pub(super) fn set_slot(&mut self, ordinal: u32, slot: u32) {
        let place = ordinal as usize;
        if place >= self.slots.len() {
            self.slots.resize(place + 1, NO_SLOT);
        }
        if let Some(known) = self.slots.get_mut(place) {
            *known = slot;
        }
    }

    /// The series of a point, which has `tags` tags and this hash.
    #[inline]
    pub(super) fn find(&self, hash: u64, point: &impl PointSource, tags: usize) -> Option<u32> {
        self.by_name.find(hash, |&ordinal| self.is(ordinal, point, tags)).copied()
    }

    /// True when a series has exactly the tags of a point, given in order of key.
    #[inline]
    pub(super) fn is_in_order(&self, ordinal: u32, point: &impl PointSource) -> bool {
        let mut list = self.list(ordinal).iter();
        for index in 0..point.tag_count() {
            let (key, value) = point.tag_at(index);
            if !value.is_empty() && !list.next().is_some_and(|&number| self.pairs().is(number, key, value)) {
                return false;
            }
        }
        list.next().is_none()
    }

    fn is(&self, ordinal: u32, point: &impl PointSource, tags: usize) -> bool {
        self.list(ordinal).len() == tags
            // Usually the caller gives tags in the same order every time, often sorted: compare side by side first.
            && (self.is_in_order(ordinal, point) || self.is_in_another_order(ordinal, point))
    }

    fn is_in_another_order(&self, ordinal: u32, point: &impl PointSource) -> bool {
        let given =
            || (0..point.tag_count()).map(|index| point.tag_at(index)).filter(|(_, value)| !value.is_empty());
        // Every stored tag is given, and there are as many: then nothing else is given, and no key twice.
        given().all(|(key, value)| self.tag(ordinal, key) == value)
            && self.tags(ordinal).all(|(key, _)| given().filter(|(k, _)| *k == key).count() == 1)
    }

    /// Adds a series with these tags, which are in canonical form and of no other series. When it is refused, nothing is added.
    pub(super) fn add<'a>(
        &mut self,
        hasher: &NameHasher,
        tags: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<u32> {
        let (pairs, numbers) = (self.pairs().len(), self.numbers.len());
        let mut hash = 0u64;
        for (key, value) in tags {
            match self.pairs.intern(hasher, key, value) {
                Ok((number, pair_hash)) => {
                    self.numbers.push(number);
                    hash = hash.wrapping_add(pair_hash);
                }
                Err(error) => {
                    self.numbers.truncate(numbers);
                    self.pairs.truncate(hasher, pairs);
                    return Err(error);
                }
            }
        }
        let ordinal = match self.end_list() {
            Ok(ordinal) => ordinal,
            Err(error) => {
                self.numbers.truncate(numbers);
                self.pairs.truncate(hasher, pairs);
                return Err(error);
            }
        };
        let Self { pairs, ends, numbers, by_name, .. } = self;
        by_name.insert_unique(hash, ordinal, |&ordinal| {
            list(ends, numbers, ordinal)
                .iter()
                .map(|&number| pairs.pairs().get(number))
                .fold(0, |hash: u64, (key, value)| hash.wrapping_add(pair_hash(hasher, key, value)))
        });
        Ok(ordinal)
    }

    fn end_list(&mut self) -> Result<u32> {
        let end = u32::try_from(self.numbers.len()).ok();
        let ordinal = u32::try_from(self.ends.len()).ok().filter(|&ordinal| ordinal < u32::MAX);
        let (end, ordinal) = end.zip(ordinal).ok_or_else(|| {
            Error::new(
                ErrorKind::LimitExceeded,
                "a metric holds at most 2^32 - 1 series, and tags of all its series",
            )
        })?;
        self.ends.push(end);
        Ok(ordinal)
    }

    /// Takes the newest series back, and the pairs above `pairs`, which it brought. Returns its slot.
    pub(super) fn pop(&mut self, hasher: &NameHasher, pairs: usize) -> Option<u32> {
        let ordinal = self.len().checked_sub(1)?;
        let hash = self
            .tags(ordinal)
            .fold(0u64, |hash, (key, value)| hash.wrapping_add(pair_hash(hasher, key, value)));
        if let Ok(entry) = self.by_name.find_entry(hash, |&other| other == ordinal) {
            entry.remove();
        }
        let slot = self.slot(ordinal);
        let kept = self.numbers.len() - self.list(ordinal).len();
        self.ends.pop();
        self.numbers.truncate(kept);
        self.slots.truncate(ordinal as usize);
        self.pairs.truncate(hasher, pairs);
        self.index.take_if(|index| index.covered() > ordinal);
        slot
    }

    /// The index of its tags, built or brought up to date if it is worth it.
    pub(crate) fn index(&mut self) -> &TagIndex {
        let len = self.len();
        if self.index.as_ref().is_some_and(|index| index.is_behind(len)) {
            self.index = None;
        }
        if self.index.is_none() {
            let built = TagIndex::build(self);
            self.index = Some(Box::new(built));
        }
        self.index.get_or_insert_default()
    }

    /// The series in the index that have this tag; the value is not empty.
    pub(crate) fn with_pair(&self, hasher: &NameHasher, key: &str, value: &str) -> OrdinalSet {
        let number = self.pairs.find(pair_hash(hasher, key, value), key, value);
        let postings = self.index.as_ref().zip(number).map(|(index, number)| index.postings(number));
        OrdinalSet::only(postings.unwrap_or_default().to_vec())
    }

    /// The series in the index whose tag `key` has a value that `test` takes; see [`TagIndex::with_value`].
    pub(crate) fn with_value(&self, key: &str, test: &mut dyn FnMut(&str) -> bool) -> OrdinalSet {
        let index = self.index.as_ref();
        index.map_or(OrdinalSet::only(Vec::new()), |index| index.with_value(self.pairs(), key, test))
    }

    /// Bytes that it takes; the tag index, if there is one, included.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.pairs.memory_bytes()
            + 4 * (self.ends.capacity() + self.numbers.capacity() + self.slots.capacity())
            + self.by_name.allocation_size()
            + self.index.as_ref().map_or(0, |index| index.memory_bytes())
    }
}

/// A table while it is read from dictionary runs. Names are hashed once for each text of a block, not for each series.
#[derive(Debug, Default)]
pub(crate) struct TableBuilder {
    table: SeriesTable,
    hashes: Vec<u64>,
}

impl TableBuilder {
    /// How many series there are.
    pub(crate) fn len(&self) -> u32 {
        self.table.len()
    }

    /// What is there so far.
    pub(crate) fn table(&self) -> &SeriesTable {
        &self.table
    }

    /// The number of a tag and its hash, for [`TableBuilder::push`].
    pub(crate) fn pair(&mut self, hasher: &NameHasher, key: &str, value: &str) -> Result<(u32, u64)> {
        self.table.pairs.intern(hasher, key, value)
    }

    /// Adds a tag to the next series, in order of key.
    pub(crate) fn push_tag(&mut self, number: u32) {
        self.table.numbers.push(number);
    }

    /// Ends the next series: the sum of the hashes of its tags.
    pub(crate) fn push(&mut self, hash: u64) -> Result<()> {
        self.table.end_list()?;
        self.hashes.push(hash);
        Ok(())
    }

    /// The table, without room for more.
    pub(crate) fn finish(self, hasher: &NameHasher) -> SeriesTable {
        let Self { mut table, hashes } = self;
        table.pairs.shrink(hasher);
        table.ends.shrink_to_fit();
        table.numbers.shrink_to_fit();
        table.by_name.reserve(hashes.len(), |_| 0);
        for (ordinal, &hash) in (0u32..).zip(&hashes) {
            let hash_of = |&ordinal: &u32| hashes.get(ordinal as usize).copied().unwrap_or_default();
            table.by_name.insert_unique(hash, ordinal, hash_of);
        }
        table
    }
}
