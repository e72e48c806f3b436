//! Pieces: runs of points of one series, each in one place, and which of them have to be read together.
use crate::format::Tombstone;
use crate::ids::{Lsn, SeriesId};
use crate::model::TimeRange;
use alloc::vec::Vec;

/// Points after which a merge of overlapping pieces is cut in time, so that memory stays bounded.
const MERGE_POINTS: usize = 1 << 18;
/// A run of points of one series that lies in one place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    Block { entry: usize, block: usize, time: TimeRange, lsn_max: Lsn, points: usize },
    Unsealed { index: usize, time: TimeRange, lsn_max: Lsn, points: usize },
}

impl Piece {
    pub(super) fn time(&self) -> TimeRange {
        match self {
            Self::Block { time, .. } | Self::Unsealed { time, .. } => *time,
        }
    }
    pub(super) fn lsn_max(&self) -> Lsn {
        match self {
            Self::Block { lsn_max, .. } | Self::Unsealed { lsn_max, .. } => *lsn_max,
        }
    }
    pub(super) fn points(&self) -> usize {
        match self {
            Self::Block { points, .. } | Self::Unsealed { points, .. } => *points,
        }
    }
}

/// How many of the pieces (ordered by start) are read together, and the last timestamp up to which they are.
pub(super) fn cluster(pieces: &[Piece], floor: i64) -> (usize, i64) {
    let (mut end, mut points, mut count) = (i64::MIN, 0usize, 0);
    for piece in pieces {
        let time = piece.time();
        if count > 0 && time.min > end {
            // Everything read ends before the next piece starts.
            return (count, end);
        }
        if count > 1 && points >= MERGE_POINTS {
            let first = pieces.first().map_or(i64::MIN, |first| first.time().min);
            if time.min > first.max(floor) {
                return (count, time.min - 1);
            }
        }
        end = end.max(time.max);
        points += piece.points();
        count += 1;
    }
    (count, end)
}

pub(super) fn clip(timestamps: &mut Vec<i64>, bits: &mut Vec<u64>, window: TimeRange) {
    let end = timestamps.partition_point(|&timestamp| timestamp <= window.max);
    timestamps.truncate(end);
    bits.truncate(end);
    let start = timestamps.partition_point(|&timestamp| timestamp < window.min);
    if start > 0 {
        timestamps.drain(..start);
        bits.drain(..start);
    }
}

/// Removes points of series `id` that were written before a deletion that names them.
pub(super) fn delete(
    timestamps: &mut Vec<i64>,
    bits: &mut Vec<u64>,
    id: SeriesId,
    lsn_max: Lsn,
    tombstones: &[Tombstone],
) {
    for tombstone in tombstones.iter().filter(|t| lsn_max < t.lsn && t.series.contains(id)) {
        let start = timestamps.partition_point(|&timestamp| timestamp < tombstone.time.min);
        let end = timestamps.partition_point(|&timestamp| timestamp <= tombstone.time.max);
        if start < end {
            timestamps.drain(start..end);
            bits.drain(start..end);
        }
    }
}

pub(super) fn overlap_points(time: TimeRange, points: usize, range: TimeRange) -> u64 {
    let common = time.intersection(&range);
    if common.is_empty() {
        return 0;
    }
    let span = |range: TimeRange| (i128::from(range.max) - i128::from(range.min) + 1).max(1);
    (points as i128 * span(common) / span(time)).max(1) as u64
}
