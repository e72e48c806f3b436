//! Reading series by series: the pieces of a series that overlap in time are merged, later commits win.
mod merge;

use super::indexes::load_index;
use super::piece::{Piece, cluster, overlap_points};
use super::stats::ReadCounts;
use super::view::ReadView;
use crate::codec::Scratch;
use crate::error::Result;
use crate::model::TimeRange;
use crate::segment::{BlockMeta, SegmentIndex};
use crate::source::{ByteRange, Source, Step};
use crate::statistics::Statistics;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

/// Bytes of blocks that a reader asks for ahead when the ones it needs are missing.
const LOOK_AHEAD_BYTES: u64 = 8 << 20;

/// What a step came to: points (in [`SeriesReader::points`]) or a block whose statistics were enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Position of the series in the view.
    pub series: usize,
    /// True when the caller took the block's statistics; there are no points then.
    pub by_statistics: bool,
}

/// Indexes of the segments of a view, as far as they were read.
pub(crate) type Indexes = Vec<Option<Arc<SegmentIndex>>>;

/// Reads the series of a view one after the other, each in ascending time, without duplicates or deleted points.
pub struct SeriesReader {
    view: Arc<ReadView>,
    range: TimeRange,
    indexes: Indexes,
    indexes_loaded: bool,
    /// Positions in the view of the series that it reads.
    pub(super) all: Range<usize>,
    series: usize,
    /// Pieces of the current series by start, once `listed`.
    pieces: Vec<Piece>,
    listed: bool,
    /// Points of the current series before this were already given out.
    floor: i64,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
    piece_timestamps: Vec<i64>,
    piece_bits: Vec<u64>,
    merged: Vec<(i64, u64)>,
    scratch: Scratch,
    pub(super) counts: ReadCounts,
}

impl SeriesReader {
    /// Of all series of `view`, limited to `range` on top of the view's own.
    pub fn new(view: Arc<ReadView>, range: TimeRange) -> Self {
        let indexes = alloc::vec![None; view.entries.len()];
        Self::with_indexes(view, range, indexes)
    }

    /// Of the series at these positions of the view.
    pub(super) fn of_series(view: Arc<ReadView>, range: TimeRange, series: Range<usize>) -> Self {
        let mut reader = Self::new(view, range);
        reader.series = series.start;
        reader.all = series;
        reader
    }

    pub(crate) fn with_indexes(view: Arc<ReadView>, range: TimeRange, indexes: Indexes) -> Self {
        let range = range.intersection(&view.range);
        Self {
            all: 0..view.series.len(),
            view,
            range,
            indexes,
            indexes_loaded: false,
            series: 0,
            pieces: Vec::new(),
            listed: false,
            floor: i64::MIN,
            timestamps: Vec::new(),
            bits: Vec::new(),
            piece_timestamps: Vec::new(),
            piece_bits: Vec::new(),
            merged: Vec::new(),
            scratch: Scratch::default(),
            counts: ReadCounts::default(),
        }
    }

    /// The points of the last chunk, ascending.
    pub fn points(&self) -> (&[i64], &[u64]) {
        (&self.timestamps, &self.bits)
    }

    pub(crate) fn view(&self) -> &ReadView {
        &self.view
    }

    pub(crate) fn indexes(&self) -> &Indexes {
        &self.indexes
    }

    /// Starts over, in a range of which the indexes are loaded.
    pub(super) fn restart(&mut self, range: TimeRange) {
        self.range = range.intersection(&self.view.range);
        self.series = self.all.start;
        self.listed = false;
    }

    /// Reads what is not read yet of the indexes that it needs.
    pub fn load_indexes(&mut self, source: &mut dyn Source) -> Result<Step<()>> {
        let series = self.view.series.get(self.all.clone()).unwrap_or_default();
        // Not always in order: a view may be put beside another one's series.
        let ids = || series.iter().map(|series| series.id);
        let (Some(first), Some(last)) = (ids().min(), ids().max()) else { return Ok(Step::Ready(())) };
        let mut missing = Vec::new();
        for (entry, index) in self.view.entries.iter().zip(&mut self.indexes) {
            let summary = &entry.summary;
            let concerned = summary.time.overlaps(&self.range)
                && summary.series_min <= last
                && first <= summary.series_max;
            if index.is_some() || !concerned {
                continue;
            }
            match load_index(entry, source)? {
                Ok((parsed, bytes)) => {
                    self.counts.bytes_read += bytes;
                    *index = Some(parsed);
                }
                Err(range) => missing.push(range),
            }
        }
        self.indexes_loaded = missing.is_empty();
        Ok(if missing.is_empty() { Step::Ready(()) } else { Step::Missing(missing) })
    }

    /// The next run of points. `take` is offered the statistics of blocks that stand alone; when it says yes, the block is
    /// not read.
    pub fn next(
        &mut self,
        source: &mut dyn Source,
        take: &mut dyn FnMut(usize, &Statistics) -> bool,
    ) -> Result<Step<Chunk>> {
        if !self.indexes_loaded
            && let Step::Missing(ranges) = self.load_indexes(source)?
        {
            return Ok(Step::Missing(ranges));
        }
        // Taken out, so that one list serves all series.
        let mut pieces = core::mem::take(&mut self.pieces);
        let step = self.next_of(&mut pieces, source, take);
        self.pieces = pieces;
        step
    }

    fn next_of(
        &mut self,
        pieces: &mut Vec<Piece>,
        source: &mut dyn Source,
        take: &mut dyn FnMut(usize, &Statistics) -> bool,
    ) -> Result<Step<Chunk>> {
        while self.series < self.all.end {
            let series = self.series;
            if !self.listed {
                self.floor = self.range.min;
                self.list_pieces(series, pieces);
                self.listed = true;
                self.counts.listed(pieces);
            }
            if pieces.is_empty() {
                self.series += 1;
                self.listed = false;
                continue;
            }
            let (count, cut) = cluster(pieces, self.floor);
            let (now, _) = pieces.split_at(count);
            if let Some(statistics) = self.lone_block(series, now, cut)
                && take(series, &statistics)
            {
                self.counts.blocks_by_statistics += 1;
                self.advance(pieces, count, cut);
                return Ok(Step::Ready(Chunk { series, by_statistics: true }));
            }
            if !self.merge(source, series, now, cut)? {
                return Ok(Step::Missing(self.missing_from(source, pieces)?));
            }
            self.advance(pieces, count, cut);
            if !self.timestamps.is_empty() {
                return Ok(Step::Ready(Chunk { series, by_statistics: false }));
            }
        }
        Ok(Step::Done)
    }

    /// Points that the pieces of every series hold inside `range` at most; an estimate where pieces reach out of it.
    pub(crate) fn estimate(&self, range: TimeRange) -> u64 {
        self.fold_pieces(0, |points, piece| points + overlap_points(piece.time(), piece.points(), range))
    }

    /// Smallest range that covers every piece.
    pub(crate) fn extent(&self) -> TimeRange {
        self.fold_pieces(TimeRange::EMPTY, |range, piece| range.union(&piece.time()))
            .intersection(&self.range)
    }

    /// Points of the view's segments by the start that `start_of` gives their block's first timestamp.
    pub(crate) fn points_by(&self, start_of: impl Fn(i64) -> i64) -> Vec<(i64, u64)> {
        let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
        for index in self.indexes.iter().flatten() {
            for (time, points) in (0..index.len()).filter_map(|block| index.time_and_count(block)) {
                *counts.entry(start_of(time.min)).or_default() += points as u64;
            }
        }
        counts.into_iter().collect()
    }

    fn fold_pieces<T>(&self, start: T, mut fold: impl FnMut(T, &Piece) -> T) -> T {
        let mut pieces = Vec::new();
        self.all.clone().fold(start, |folded, series| {
            self.list_pieces(series, &mut pieces);
            pieces.iter().fold(folded, &mut fold)
        })
    }

    /// Replaces what is in `pieces` by those of a series, by start.
    fn list_pieces(&self, series: usize, pieces: &mut Vec<Piece>) {
        pieces.clear();
        let Some(view) = self.view.series.get(series) else { return };
        for (number, (entry, index)) in self.view.entries.iter().zip(&self.indexes).enumerate() {
            let Some(index) = index else { continue };
            for block in index.blocks_in(view.id, self.range) {
                let Some((time, points)) = index.time_and_count(block) else { continue };
                pieces.push(Piece::Block {
                    entry: number,
                    block,
                    time,
                    lsn_max: entry.summary.lsn_max,
                    points,
                });
            }
        }
        for (index, unsealed) in view.unsealed.iter().enumerate() {
            if let (Some(&min), Some(&max)) = (unsealed.timestamps.first(), unsealed.timestamps.last()) {
                let time = TimeRange { min, max };
                if time.overlaps(&self.range) {
                    pieces.push(Piece::Unsealed {
                        index,
                        time,
                        lsn_max: unsealed.lsn_max,
                        points: unsealed.timestamps.len(),
                    });
                }
            }
        }
        pieces.sort_by_key(|piece| (piece.time().min, piece.lsn_max()));
    }

    /// Statistics of a piece that is a block and that nothing cuts, overwrites or deletes from.
    fn lone_block(&self, series: usize, now: &[Piece], cut: i64) -> Option<Statistics> {
        let [Piece::Block { entry, block, time, lsn_max, .. }] = now else { return None };
        let id = self.view.series.get(series)?.id;
        let whole = self.range.covers(time) && self.floor <= time.min && time.max <= cut;
        let deleted = self
            .view
            .tombstones
            .iter()
            .any(|t| *lsn_max < t.lsn && t.time.overlaps(time) && t.series.contains(id));
        (whole && !deleted)
            .then(|| self.indexes.get(*entry)?.as_ref()?.meta(*block).map(|meta| meta.stats))
            .flatten()
    }

    fn meta<'v>(
        &self,
        view: &'v ReadView,
        entry: usize,
        block: usize,
    ) -> Option<(&'v crate::format::SegmentEntry, BlockMeta)> {
        Some((view.entries.get(entry)?, self.indexes.get(entry)?.as_ref()?.meta(block)?))
    }

    /// Blocks that are not at hand, from the current pieces on, within the look-ahead.
    fn missing_from(&self, source: &mut dyn Source, pieces: &[Piece]) -> Result<Vec<ByteRange>> {
        let mut missing = Vec::new();
        let mut bytes = 0;
        let mut pieces = pieces.to_vec();
        for series in self.series + 1..=self.all.end {
            for piece in &pieces {
                let Piece::Block { entry, block, .. } = *piece else { continue };
                let Some((entry, meta)) = self.meta(&self.view, entry, block) else { continue };
                let range = ByteRange::new(entry.offset + meta.offset, u64::from(meta.len));
                if source.read(range)?.is_none() {
                    missing.push(range);
                    bytes += range.len;
                }
                if bytes >= LOOK_AHEAD_BYTES {
                    return Ok(missing);
                }
            }
            self.list_pieces(series, &mut pieces);
        }
        Ok(missing)
    }

    /// Drops the pieces that are read to their end; those that reach behind `cut` are read on from there.
    fn advance(&mut self, pieces: &mut Vec<Piece>, count: usize, cut: i64) {
        let mut position = 0;
        pieces.retain(|piece| {
            position += 1;
            position > count || piece.time().max > cut
        });
        if pieces.is_empty() || cut == i64::MAX {
            self.series += 1;
            self.listed = false;
        } else {
            self.floor = cut + 1;
        }
    }
}
