//! Buffer: one series' recent points, as they arrived.
//!
//! Points are only appended; order and duplicates are settled when the buffer is read or sealed. Of points with one
//! timestamp the one appended last wins.
use crate::model::TimeRange;
use alloc::vec::Vec;

/// Points of one series in order of arrival.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffer {
    timestamps: Vec<i64>,
    bits: Vec<u64>,
    /// True while every timestamp is above the one before it.
    ascending: bool,
}

impl Buffer {
    /// Appends points; both slices have the same length.
    pub(crate) fn append(&mut self, timestamps: &[i64], bits: &[u64]) {
        if timestamps.is_empty() {
            return;
        }
        let ordered = timestamps.array_windows().all(|[a, b]| a < b);
        let follows = match (self.timestamps.last(), timestamps.first()) {
            (Some(last), Some(first)) => self.ascending && last < first,
            _ => true,
        };
        self.ascending = ordered && follows;
        self.timestamps.extend_from_slice(timestamps);
        self.bits.extend_from_slice(bits);
    }

    /// Points in it, later doubles included.
    pub(crate) fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Appends the points inside `range` to `timestamps` and `bits`, ascending, without duplicates.
    pub(crate) fn read(&self, range: TimeRange, timestamps: &mut Vec<i64>, bits: &mut Vec<u64>) {
        if self.ascending {
            let start = self.timestamps.partition_point(|&timestamp| timestamp < range.min);
            let end = self.timestamps.partition_point(|&timestamp| timestamp <= range.max).max(start);
            timestamps.extend_from_slice(self.timestamps.get(start..end).unwrap_or_default());
            bits.extend_from_slice(self.bits.get(start..end).unwrap_or_default());
            return;
        }
        let mut points: Vec<(i64, u64)> = self
            .timestamps
            .iter()
            .copied()
            .zip(self.bits.iter().copied())
            .filter(|&(t, _)| range.contains(t))
            .collect();
        keep_last(&mut points);
        timestamps.extend(points.iter().map(|&(timestamp, _)| timestamp));
        bits.extend(points.iter().map(|&(_, bits)| bits));
    }

    /// The earliest timestamp inside `range`.
    pub(crate) fn first_in(&self, range: TimeRange) -> Option<i64> {
        let inside = |&&timestamp: &&i64| range.contains(timestamp);
        if self.ascending {
            let start = self.timestamps.partition_point(|&timestamp| timestamp < range.min);
            return self.timestamps.get(start).filter(inside).copied();
        }
        self.timestamps.iter().filter(inside).min().copied()
    }

    /// Removes the points inside `range`; how many there were, later doubles included.
    pub(crate) fn delete(&mut self, range: TimeRange) -> usize {
        let before = self.len();
        let keep = |&(timestamp, _): &(i64, u64)| !range.contains(timestamp);
        (self.timestamps, self.bits) =
            self.timestamps.iter().copied().zip(self.bits.iter().copied()).filter(keep).unzip();
        before - self.len()
    }
}

/// Sorts by timestamp and keeps, of equal timestamps, the last in the order given.
pub(crate) fn keep_last(points: &mut Vec<(i64, u64)>) {
    points.sort_by_key(|&(timestamp, _)| timestamp);
    points.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            *earlier = *later;
        }
        same
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn late_points_are_put_in_place_and_the_later_double_wins() {
        let mut buffer = Buffer::default();
        buffer.append(&[10, 20], &[1, 2]);
        buffer.append(&[20, 5], &[3, 4]);
        let (mut timestamps, mut bits) = (vec![], vec![]);
        buffer.read(TimeRange::ALL, &mut timestamps, &mut bits);
        assert_eq!((timestamps, bits), (vec![5, 10, 20], vec![4, 1, 3]));
    }

    #[test]
    fn a_deleted_range_is_gone_and_can_be_written_again() {
        let mut buffer = Buffer::default();
        buffer.append(&[1, 2, 3], &[1, 2, 3]);
        assert_eq!(buffer.delete(TimeRange { min: 2, max: 3 }), 2);
        buffer.append(&[2], &[9]);
        let (mut timestamps, mut bits) = (vec![], vec![]);
        buffer.read(TimeRange { min: 2, max: 2 }, &mut timestamps, &mut bits);
        assert_eq!((timestamps, bits), (vec![2], vec![9]));
    }
}
