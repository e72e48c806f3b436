//! What answering a query took.
use super::piece::Piece;
use super::series::{Indexes, SeriesReader};
use super::view::ReadView;
use alloc::vec::Vec;

/// Numbers of one run of a query: what EXPLAIN shows. A host adds the time.
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
    /// Blocks whose points were in memory, decoded already.
    pub blocks_cached: u64,
    /// Blocks that were read and decoded. One that lies across two slices of time counts for each, here and above.
    pub blocks_decoded: u64,
    /// Blocks, of the segments looked at, of other series or times.
    pub blocks_skipped: u64,
    /// Points in the blocks that were decoded.
    pub points_decoded: u64,
    /// Bytes of blocks that were decoded, and of indexes that were not at hand.
    pub bytes_read: u64,
    /// Points in the time range that are not in a segment yet, those included that a later write or deletion hides.
    pub points_unsealed: u64,
    /// Rows that were handed out.
    pub rows: u64,
}

/// What a reader counts while it reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadCounts {
    pub(super) blocks_by_statistics: u64,
    pub(super) blocks_cached: u64,
    pub(super) bytes_read: u64,
    blocks_decoded: u64,
    points_decoded: u64,
    /// Blocks that concern the query.
    blocks_named: u64,
}

/// What the readers of a query counted together.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    counts: ReadCounts,
    /// Blocks of each segment of the view; 0 of those that were not looked at.
    blocks: Vec<usize>,
}

impl ReadCounts {
    /// Takes note of a block that was decoded.
    pub(super) fn decoded(&mut self, bytes: u64, points: u64) {
        self.blocks_decoded += 1;
        self.bytes_read += bytes;
        self.points_decoded += points;
    }

    /// Takes note of the pieces of a series.
    pub(super) fn listed(&mut self, pieces: &[Piece]) {
        self.blocks_named +=
            pieces.iter().filter(|piece| matches!(piece, Piece::Block { .. })).count() as u64;
    }
}

impl Tally {
    /// Adds a reader that looked at these indexes.
    pub(super) fn add(&mut self, counts: ReadCounts, indexes: &Indexes) {
        let sum = &mut self.counts;
        sum.blocks_by_statistics += counts.blocks_by_statistics;
        sum.blocks_cached += counts.blocks_cached;
        sum.bytes_read += counts.bytes_read;
        sum.blocks_decoded += counts.blocks_decoded;
        sum.points_decoded += counts.points_decoded;
        sum.blocks_named += counts.blocks_named;
        self.blocks.resize(self.blocks.len().max(indexes.len()), 0);
        for (blocks, index) in self.blocks.iter_mut().zip(indexes) {
            *blocks = index.as_ref().map_or(*blocks, |index| index.len());
        }
    }

    /// Says how many blocks concern the query, where readers could not count them.
    pub(super) fn set_named(&mut self, blocks: u64) {
        self.counts.blocks_named = blocks;
    }
}

impl SeriesReader {
    /// Adds what it took up to here.
    pub(super) fn tally(&self, tally: &mut Tally) {
        tally.add(self.counts, self.indexes());
    }

    /// Blocks of its series in the whole range of the view, as far as indexes are loaded.
    pub(super) fn blocks_in_view(&self) -> u64 {
        let view = self.view();
        let series = view.series.get(self.all.clone()).unwrap_or_default();
        let loaded = || self.indexes().iter().flatten();
        let blocks = series
            .iter()
            .flat_map(|series| loaded().map(|index| index.blocks_in(series.id, view.range).count()));
        blocks.sum::<usize>() as u64
    }
}

impl QueryStats {
    /// Of a view, and what readers counted.
    pub(super) fn of(view: &ReadView, tally: &Tally, rows: u64) -> Self {
        let counts = tally.counts;
        let unsealed = view.series.iter().flat_map(|series| &series.unsealed);
        let segments = tally.blocks.iter().filter(|&&blocks| blocks > 0).count();
        let blocks = tally.blocks.iter().sum::<usize>() as u64;
        Self {
            series: view.series.len() as u64,
            segments: segments as u64,
            segments_skipped: view.segments_total.saturating_sub(segments) as u64,
            blocks_by_statistics: counts.blocks_by_statistics,
            blocks_cached: counts.blocks_cached,
            blocks_decoded: counts.blocks_decoded,
            blocks_skipped: blocks.saturating_sub(counts.blocks_named),
            points_decoded: counts.points_decoded,
            bytes_read: counts.bytes_read,
            points_unsealed: unsealed.map(|unsealed| unsealed.timestamps.len() as u64).sum(),
            rows,
        }
    }
}
