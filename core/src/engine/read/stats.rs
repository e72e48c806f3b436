//! What answering a query took.
use super::query::QueryRun;
use super::series::{Indexes, SeriesReader};
use super::view::ReadView;
use crate::model::TimeRange;

/// Numbers of one run of a query, up to where it is: what EXPLAIN shows. A host adds the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct QueryStats {
    /// Series that were selected.
    pub series: u64,
    /// Segments that may hold points of theirs in the time range: their indexes were looked at.
    pub segments: u64,
    /// Segments that were left out by their range of time or series alone.
    pub segments_skipped: u64,
    /// Blocks that were answered by their statistics, without reading them.
    pub blocks_by_statistics: u64,
    /// Blocks that were read and decoded; one that lies across two slices of time counts for each.
    pub blocks_decoded: u64,
    /// Blocks, of the segments looked at, of other series or times.
    pub blocks_skipped: u64,
    /// Points in the blocks that were decoded.
    pub points_decoded: u64,
    /// Bytes of blocks that were decoded, and of indexes that were not at hand.
    pub bytes_read: u64,
    /// Points in the time range that are not in a segment yet.
    pub points_unsealed: u64,
    /// Rows that were handed out.
    pub rows: u64,
}

/// What a reader counts while it reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadCounts {
    pub(super) blocks_by_statistics: u64,
    pub(super) blocks_decoded: u64,
    pub(super) points_decoded: u64,
    pub(super) bytes_read: u64,
}

impl ReadCounts {
    pub(super) fn add(&mut self, other: Self) {
        self.blocks_by_statistics += other.blocks_by_statistics;
        self.blocks_decoded += other.blocks_decoded;
        self.points_decoded += other.points_decoded;
        self.bytes_read += other.bytes_read;
    }

    /// Takes note of a block that was decoded.
    pub(super) fn decoded(&mut self, bytes: u64, points: usize) {
        self.blocks_decoded += 1;
        self.bytes_read += bytes;
        self.points_decoded += points as u64;
    }
}

impl QueryStats {
    /// Of a view with these indexes, of which a reader counted so much.
    pub(super) fn of(
        view: &ReadView,
        range: TimeRange,
        indexes: &Indexes,
        counts: ReadCounts,
        rows: u64,
    ) -> Self {
        let looked_at = indexes.iter().flatten().count();
        let blocks: usize = indexes.iter().flatten().map(|index| index.len()).sum();
        let named = |id| indexes.iter().flatten().map(move |index| index.blocks_in(id, range).count());
        let named: usize = view.series.iter().flat_map(|series| named(series.info.id)).sum();
        let unsealed = view.series.iter().flat_map(|series| &series.unsealed);
        Self {
            series: view.series.len() as u64,
            segments: looked_at as u64,
            segments_skipped: view.segments_total.saturating_sub(looked_at) as u64,
            blocks_by_statistics: counts.blocks_by_statistics,
            blocks_decoded: counts.blocks_decoded,
            blocks_skipped: blocks.saturating_sub(named) as u64,
            points_decoded: counts.points_decoded,
            bytes_read: counts.bytes_read,
            points_unsealed: unsealed.map(|unsealed| unsealed.timestamps.len() as u64).sum(),
            rows,
        }
    }
}

impl SeriesReader {
    /// What it took up to here.
    pub(super) fn stats(&self, counts: ReadCounts, rows: u64) -> QueryStats {
        QueryStats::of(self.view(), self.range(), self.indexes(), counts, rows)
    }
}

impl QueryRun {
    /// What the query took up to here; all of it once the run is done. Costs a look at each series selected.
    pub fn stats(&self) -> QueryStats {
        self.read_stats(self.rows)
    }
}
