//! Tag index: which series of a metric have a tag, for those that ask for few of many.
//!
//! It is built in one go when a selection first needs it, over the series that there are by then; newer ones are looked
//! at one by one, until they are so many that it is built anew. Nothing of it is stored.
use super::pairs::Pairs;
use super::set::OrdinalSet;
use super::table::SeriesTable;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Series behind the index at which it is built anew, at least; and as a part of those in it.
const BEHIND_MIN: u32 = 1_024;
const BEHIND_PART: u32 = 8;

/// Postings of every tag.
#[derive(Debug, Default)]
pub(crate) struct TagIndex {
    covered: u32,
    /// Keys in order, each with the numbers of its pairs.
    keys: Vec<(Box<str>, Vec<u32>)>,
    /// By number of a pair: where its ordinals end. They lie one after the other, ascending.
    ends: Vec<u32>,
    ordinals: Vec<u32>,
}

impl TagIndex {
    pub(super) fn build(table: &SeriesTable) -> Self {
        let pairs = table.pairs();
        let mut keys: Vec<(Box<str>, Vec<u32>)> = Vec::new();
        for number in 0..pairs.len() as u32 {
            let (key, _) = pairs.get(number);
            let at = match keys.binary_search_by(|(known, _)| (**known).cmp(key)) {
                Ok(at) => at,
                Err(at) => {
                    keys.insert(at, (key.into(), Vec::new()));
                    at
                }
            };
            if let Some((_, numbers)) = keys.get_mut(at) {
                numbers.push(number);
            }
        }
        keys.iter_mut().for_each(|(_, numbers)| numbers.shrink_to_fit());

        // A counting sort: first how many each has, then where each ends, then backwards into place.
        let mut ends = alloc::vec![0u32; pairs.len()];
        let each = |with: &mut dyn FnMut(u32, u32)| {
            for ordinal in (0..table.len()).rev() {
                table.list(ordinal).iter().for_each(|&number| with(number, ordinal));
            }
        };
        each(&mut |number, _| {
            if let Some(count) = ends.get_mut(number as usize) {
                *count += 1;
            }
        });
        let mut sum = 0;
        for count in &mut ends {
            sum += *count;
            *count = sum;
        }
        let mut ordinals = alloc::vec![0u32; sum as usize];
        let mut places = ends.clone();
        each(&mut |number, ordinal| {
            if let Some(place) = places.get_mut(number as usize) {
                *place -= 1;
                if let Some(to) = ordinals.get_mut(*place as usize) {
                    *to = ordinal;
                }
            }
        });
        Self { covered: table.len(), keys, ends, ordinals }
    }

    /// The ordinals below this are in it.
    pub(crate) fn covered(&self) -> u32 {
        self.covered
    }

    /// True when so many of `len` series are not in it that it should be built anew.
    pub(super) fn is_behind(&self, len: u32) -> bool {
        len.saturating_sub(self.covered) > BEHIND_MIN.max(self.covered / BEHIND_PART)
    }

    /// The series that have this pair.
    pub(super) fn postings(&self, number: u32) -> &[u32] {
        super::names::list(&self.ends, &self.ordinals, number)
    }

    /// The covered series whose tag `key` has a value that `test` takes. It is asked once for each value, and with the
    /// empty value for the series without the tag.
    pub(super) fn with_value(
        &self,
        pairs: &Pairs,
        key: &str,
        test: &mut dyn FnMut(&str) -> bool,
    ) -> OrdinalSet {
        let takes_absent = test("");
        let numbers = match self.keys.binary_search_by(|(known, _)| (**known).cmp(key)) {
            Ok(at) => self.keys.get(at).map_or(&[][..], |(_, numbers)| numbers),
            Err(_) => &[],
        };
        // Where the absent are taken the others are those to be left out.
        let listed = numbers.iter().filter(|&&number| test(pairs.get(number).1) != takes_absent);
        let ordinals = self.union(listed.copied());
        if takes_absent { OrdinalSet::all_but(ordinals) } else { OrdinalSet::only(ordinals) }
    }

    /// Ordinals of pairs of one key, of which no series has two.
    fn union(&self, numbers: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut ordinals = Vec::new();
        let mut lists = 0;
        for number in numbers {
            ordinals.extend_from_slice(self.postings(number));
            lists += 1;
        }
        if lists > 1 {
            ordinals.sort_unstable();
        }
        ordinals
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let keys: usize =
            self.keys.iter().map(|(key, numbers)| key.len() + 4 * numbers.capacity() + 40).sum();
        size_of::<Self>() + keys + 4 * (self.ends.capacity() + self.ordinals.capacity())
    }
}
