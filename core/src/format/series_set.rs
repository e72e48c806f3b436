//! A set of series numbers, as ranges: what a deletion applies to.
use crate::error::{Error, ErrorKind};
use crate::ids::SeriesId;
use alloc::vec::Vec;
use core::fmt;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

/// Most ranges in one set. A deletion of more has to be split, so that a tombstone always fits a catalog page.
pub const SERIES_RANGES_MAX: usize = 1 << 22;

/// Series numbers as `(start, count)` ranges, in order, with at least one absent number between two ranges. Encoded as
/// that list; reading refuses one that is not in this form.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct SeriesSet(Vec<(u64, u64)>);

impl SeriesSet {
    /// Every series. (The number 2^64 - 1 is left out; no series has it: there are at most 2^32 - 1 metrics.)
    pub fn all() -> Self {
        Self(alloc::vec![(0, u64::MAX)])
    }
    /// The set of `ids`, which come in ascending order; a repeated one counts once. An error of kind `InvalidInput`
    /// says that they did not, `LimitExceeded` that there are more than [`SERIES_RANGES_MAX`] ranges.
    pub fn from_sorted_ids(ids: impl IntoIterator<Item = SeriesId>) -> crate::error::Result<Self> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for SeriesId(id) in ids {
            let is_full = ranges.len() == SERIES_RANGES_MAX;
            match ranges.last_mut() {
                Some((start, count)) if id >= *start && id - *start < *count => {}
                Some((start, count)) if id > *start && id - *start == *count => *count += 1,
                Some((start, _)) if id < *start => {
                    return Err(Error::invalid(alloc::format!(
                        "series {id} comes after {start}: sort them first"
                    )));
                }
                _ if is_full => {
                    return Err(Error::new(
                        ErrorKind::LimitExceeded,
                        alloc::format!(
                            "more than {SERIES_RANGES_MAX} ranges of series in one deletion: split it"
                        ),
                    ));
                }
                _ => ranges.push((id, 1)),
            }
        }
        match ranges.last() {
            Some((start, count)) if start.checked_add(*count).is_none() => {
                Err(Error::invalid("no series can have the number 2^64 - 1"))
            }
            _ => Ok(Self(ranges)),
        }
    }
    /// Every series of one metric, those to come included.
    pub fn of_metric(metric: u32) -> Self {
        // The last metric's last series would have the number 2^64 - 1, which none has.
        let count = if metric == u32::MAX { (1 << 32) - 1 } else { 1 << 32 };
        Self(alloc::vec![(u64::from(metric) << 32, count)])
    }
    /// Every series but those of `metrics`, in any order.
    pub fn except_metrics(metrics: impl IntoIterator<Item = u32>) -> Self {
        let mut metrics: Vec<u32> = metrics.into_iter().collect();
        metrics.sort_unstable();
        metrics.dedup();
        let mut ranges = Vec::new();
        let mut next = 0;
        for start in metrics.into_iter().map(|metric| u64::from(metric) << 32) {
            if start > next {
                ranges.push((next, start - next));
            }
            next = start.saturating_add(1 << 32);
        }
        if next < u64::MAX {
            ranges.push((next, u64::MAX - next));
        }
        Self(ranges)
    }
    /// True when every number from `first` to `last` is in the set.
    pub fn covers(&self, first: SeriesId, last: SeriesId) -> bool {
        let before = self.0.partition_point(|&(start, _)| start <= first.0);
        before
            .checked_sub(1)
            .and_then(|at| self.0.get(at))
            .is_some_and(|&(start, count)| first.0 <= last.0 && last.0 < start.saturating_add(count))
    }
    /// True when `id` is in the set; takes time in the logarithm of the number of ranges.
    pub fn contains(&self, id: SeriesId) -> bool {
        let after = self.0.partition_point(|&(start, _)| start <= id.0);
        let range = after.checked_sub(1).and_then(|index| self.0.get(index));
        range.is_some_and(|&(start, count)| id.0 - start < count)
    }
    /// The `(start, count)` ranges, in order.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.0
    }
    /// True without any series.
    pub fn overlaps(&self, first: SeriesId, last: SeriesId) -> bool {
        let before = self.0.partition_point(|&(start, _)| start <= last.0);
        before.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|&(start, count)| {
            // The set of all series ends at the last number: its count saturates.
            start.saturating_add(count.saturating_sub(1)) >= first.0
        })
    }
    /// True without any series.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Ranges are checked one by one as they are read: a false list is refused where it turns false, not after it has
/// filled the memory.
impl<'de> Deserialize<'de> for SeriesSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ranges;
        impl<'de> Visitor<'de> for Ranges {
            type Value = SeriesSet;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("ranges of series")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<SeriesSet, A::Error> {
                let mut ranges: Vec<(u64, u64)> = Vec::new();
                let mut end_before = None;
                while let Some((start, count)) = list.next_element::<(u64, u64)>()? {
                    let end = start.checked_add(count).filter(|_| count > 0);
                    let follows = end_before.is_none_or(|before| start > before);
                    if end.is_none() || !follows || ranges.len() == SERIES_RANGES_MAX {
                        return Err(A::Error::custom("ranges of series are no set"));
                    }
                    end_before = end;
                    ranges.push((start, count));
                }
                Ok(SeriesSet(ranges))
            }
        }
        deserializer.deserialize_seq(Ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: &[u64]) -> crate::error::Result<SeriesSet> {
        SeriesSet::from_sorted_ids(ids.iter().map(|&id| SeriesId(id)))
    }

    #[test]
    fn neighbours_join_and_membership_is_exact() {
        let set = of(&[0, 1, 1, 2, 7, 9, 10]).unwrap();
        assert_eq!(set.ranges(), [(0, 3), (7, 1), (9, 2)]);
        let inside: Vec<u64> = (0..13).filter(|&id| set.contains(SeriesId(id))).collect();
        assert_eq!(inside, [0, 1, 2, 7, 9, 10]);
        assert!(SeriesSet::all().contains(SeriesId::new(u32::MAX - 1, u32::MAX)));
        assert!(!of(&[]).unwrap().contains(SeriesId(0)));
    }

    #[test]
    fn metrics_are_left_out_whole() {
        let set = SeriesSet::except_metrics([7, 0, 7]);
        let id = SeriesId::new;
        for (series, inside) in
            [(id(0, 9), false), (id(1, 0), true), (id(6, u32::MAX), true), (id(7, 0), false)]
        {
            assert_eq!(set.contains(series), inside, "{series:?}");
            assert!(SeriesSet::of_metric(series.metric()).covers(series, series));
        }
        assert!(set.covers(id(8, 0), id(u32::MAX - 1, u32::MAX)) && set.covers(id(1, 0), id(6, u32::MAX)));
        assert!(!set.covers(id(6, 0), id(8, 0)) && !set.covers(id(7, 0), id(7, 1)));
        assert_eq!(SeriesSet::except_metrics([]), SeriesSet::all());
        for set in [
            set,
            SeriesSet::of_metric(3),
            SeriesSet::of_metric(u32::MAX),
            SeriesSet::except_metrics([u32::MAX]),
        ] {
            let bytes = postcard::to_allocvec(&set).unwrap();
            assert_eq!(postcard::from_bytes::<SeriesSet>(&bytes).unwrap(), set);
        }
    }

    #[test]
    fn unsorted_ids_are_refused() {
        assert_eq!(of(&[3, 1]).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(of(&[1, 2, 9, 8]).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(of(&[u64::MAX]).unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn only_the_canonical_form_is_read() {
        let decode = |ranges: &[(u64, u64)]| {
            postcard::from_bytes::<SeriesSet>(&postcard::to_allocvec(ranges).unwrap())
        };
        assert_eq!(decode(&[(0, 3), (4, 1)]).unwrap().ranges(), [(0, 3), (4, 1)]);
        for ranges in
            [&[(0, 0)][..], &[(5, 1), (0, 1)], &[(0, 3), (3, 1)], &[(0, 3), (2, 9)], &[(u64::MAX, 1)]]
        {
            assert!(decode(ranges).is_err(), "{ranges:?}");
        }
    }
}
