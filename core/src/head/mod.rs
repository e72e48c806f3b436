//! Head: recent points in memory, every one of them covered by the log.
//!
//! A head takes the points of settled commits. Freezing it is a swap: the frozen head never changes again (later
//! deletions are applied when it is read), is written as segments, and is then dropped.
mod buffer;
mod dictionary;

pub(crate) use buffer::{Buffer, keep_last};
pub use dictionary::SeriesInfo;
pub(crate) use dictionary::{
    Counts, Dictionary, NO_SLOT, NameHasher, OrdinalSet, Scope, SeriesNames, SeriesTable, TableBuilder,
};

use crate::format::Tombstone;
use crate::ids::{Chain, Lsn, SeriesId};
use crate::model::TimeRange;
use alloc::vec::Vec;

/// Points by slot of their series.
#[derive(Debug, Default)]
pub(crate) struct Head {
    /// Position in `buffers` by slot, plus one; 0 for none.
    index: Vec<u32>,
    buffers: Vec<(u32, Buffer)>,
    points: usize,
    lsn_min: Lsn,
}

impl Head {
    /// Appends points of the series in `slot`.
    pub(crate) fn append(&mut self, slot: u32, lsn: Lsn, timestamps: &[i64], bits: &[u64]) {
        if self.points == 0 && self.buffers.is_empty() {
            self.lsn_min = lsn;
        }
        let place = slot as usize;
        if place >= self.index.len() {
            self.index.resize(place + 1, 0);
        }
        let Some(position) = self.index.get_mut(place) else { return };
        if *position == 0 {
            self.buffers.push((slot, Buffer::default()));
            *position = self.buffers.len() as u32;
        }
        if let Some((_, buffer)) = self.buffers.get_mut(*position as usize - 1) {
            buffer.append(timestamps, bits);
            self.points += timestamps.len();
        }
    }

    /// The buffer of a slot.
    pub(crate) fn get(&self, slot: u32) -> Option<&Buffer> {
        let position = *self.index.get(slot as usize)?;
        self.buffers.get((position as usize).checked_sub(1)?).map(|(_, buffer)| buffer)
    }

    /// Removes what a deletion names. Everything in a head that takes a deletion is older than it.
    pub(crate) fn delete(&mut self, tombstone: &Tombstone, dictionary: &Dictionary) {
        for (slot, buffer) in &mut self.buffers {
            if dictionary.id(*slot).is_some_and(|id| tombstone.series.contains(id)) {
                self.points -= buffer.delete(tombstone.time);
            }
        }
    }

    /// Series with points, in order of number, each with its slot.
    pub(crate) fn series(&self, dictionary: &Dictionary) -> Vec<(SeriesId, u32)> {
        let filled = self.buffers.iter().filter(|(_, buffer)| buffer.len() > 0);
        let mut series: Vec<(SeriesId, u32)> =
            filled.filter_map(|&(slot, _)| dictionary.id(slot).map(|id| (id, slot))).collect();
        series.sort_unstable();
        series
    }

    /// True when a series in one of the `wanted` slots has points in `range`.
    pub(crate) fn holds(&self, range: TimeRange, wanted: impl Fn(u32) -> bool) -> bool {
        self.buffers.iter().any(|(slot, buffer)| buffer.first_in(range).is_some() && wanted(*slot))
    }

    /// Points in it, later doubles included.
    pub(crate) fn points(&self) -> usize {
        self.points
    }
}

/// A head that will not change any more, with the position in history that it reaches.
#[derive(Debug)]
pub(crate) struct FrozenHead {
    head: Head,
    /// The commits it stands for end here; deletions after it still have to be applied when it is read.
    pub(crate) end: Position,
    /// Series and metrics there were at that commit.
    pub(crate) counts: Counts,
}

/// A place in a database's history: the last commit before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// LSN of the last commit; 0 before the first.
    pub lsn: Lsn,
    /// Its commit time, Unix ns.
    pub commit_time_ns: i64,
    /// The chain after it.
    pub chain: Chain,
}

impl FrozenHead {
    pub(crate) fn new(head: Head, end: Position, counts: Counts) -> Self {
        Self { head, end, counts }
    }

    /// The points of a slot.
    pub(crate) fn get(&self, slot: u32) -> Option<&Buffer> {
        self.head.get(slot)
    }

    /// LSN range of its points.
    pub(crate) fn lsn_range(&self) -> (Lsn, Lsn) {
        (self.head.lsn_min.max(1), self.end.lsn.max(1))
    }

    /// Points in it, later doubles included.
    pub(crate) fn points(&self) -> usize {
        self.head.points
    }
}

/// Points of one series that are not in a segment, copied out for a reader: ascending, without duplicates.
#[derive(Clone, Debug)]
pub(crate) struct Unsealed {
    /// Deletions above this LSN apply; later commits win over it by this LSN.
    pub(crate) lsn_max: Lsn,
    pub(crate) timestamps: Vec<i64>,
    pub(crate) bits: Vec<u64>,
}

impl Unsealed {
    /// The points of `buffer` inside `range`; `None` when there are none.
    pub(crate) fn read(buffer: &Buffer, lsn_max: Lsn, range: TimeRange) -> Option<Self> {
        let mut it = Self { lsn_max, timestamps: Vec::new(), bits: Vec::new() };
        buffer.read(range, &mut it.timestamps, &mut it.bits);
        (!it.timestamps.is_empty()).then_some(it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Limits, Point};

    #[test]
    fn series_come_out_in_order_of_number() {
        let mut dictionary = Dictionary::new(0, 0);
        let mut head = Head::default();
        for (metric, tag) in [("b", "1"), ("a", "1"), ("b", "2")] {
            let point = Point::new(metric, 0, 0.0).tag("t", tag);
            let found = dictionary.resolve(&point, &Limits::default(), &mut Vec::new()).unwrap();
            let (slot, _) = found.unwrap();
            head.append(slot, 1, &[1], &[1]);
        }
        let ids: Vec<SeriesId> = head.series(&dictionary).iter().map(|&(id, _)| id).collect();
        assert_eq!(ids, [SeriesId::new(0, 0), SeriesId::new(0, 1), SeriesId::new(1, 0)]);
    }
}
