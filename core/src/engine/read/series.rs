//! Reading series by series: the pieces of a series that overlap in time are merged, later commits win.
use super::piece::{Piece, clip, cluster, delete, overlap_points};
use super::view::ReadView;
use crate::codec::Scratch;
use crate::error::{At, Result};
use crate::head::keep_last;
use crate::ids::SeriesId;
use crate::model::TimeRange;
use crate::segment::{BlockMeta, SegmentIndex, decode_block};
use crate::source::{ByteRange, Source, Step};
use crate::statistics::Statistics;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

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
    series: usize,
    /// Pieces of the current series by start, `None` before they are listed.
    pieces: Option<Vec<Piece>>,
    /// Points of the current series before this were already given out.
    floor: i64,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
    piece_timestamps: Vec<i64>,
    piece_bits: Vec<u64>,
    merged: Vec<(i64, u64)>,
    scratch: Scratch,
}

impl SeriesReader {
    /// Of all series of `view`, limited to `range` on top of the view's own.
    pub fn new(view: Arc<ReadView>, range: TimeRange) -> Self {
        let indexes = alloc::vec![None; view.entries.len()];
        Self::with_indexes(view, range, indexes)
    }

    pub(crate) fn with_indexes(view: Arc<ReadView>, range: TimeRange, indexes: Indexes) -> Self {
        let range = range.intersection(&view.range);
        Self {
            view,
            range,
            indexes,
            series: 0,
            pieces: None,
            floor: i64::MIN,
            timestamps: Vec::new(),
            bits: Vec::new(),
            piece_timestamps: Vec::new(),
            piece_bits: Vec::new(),
            merged: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// The points of the last chunk, ascending.
    pub fn points(&self) -> (&[i64], &[u64]) {
        (&self.timestamps, &self.bits)
    }

    pub(crate) fn indexes(&self) -> &Indexes {
        &self.indexes
    }

    /// Reads what is not read yet of the indexes that the view needs.
    pub fn load_indexes(&mut self, source: &mut dyn Source) -> Result<Step<()>> {
        let mut missing = Vec::new();
        for (entry, index) in self.view.entries.iter().zip(&mut self.indexes) {
            if index.is_some() || !entry.summary.time.overlaps(&self.range) {
                continue;
            }
            let summary = &entry.summary;
            let place = || alloc::format!("segment {} at {}", summary.identity, entry.offset);
            if let Some(known) = source.cached_index(&summary.identity) {
                *index = Some(known);
                continue;
            }
            let range = ByteRange::new(entry.offset + summary.index_offset, u64::from(summary.index_len));
            match source.read(range).at(place)? {
                Some(bytes) => {
                    let parsed =
                        Arc::new(SegmentIndex::parse(None, bytes, Some(&summary.identity)).at(place)?);
                    source.keep_index(&summary.identity, &parsed);
                    *index = Some(parsed);
                }
                None => missing.push(range),
            }
        }
        Ok(if missing.is_empty() { Step::Ready(()) } else { Step::Missing(missing) })
    }

    /// The next run of points. `take` is offered the statistics of blocks that stand alone; when it says yes, the block is
    /// not read.
    pub fn next(
        &mut self,
        source: &mut dyn Source,
        take: &mut dyn FnMut(usize, &Statistics) -> bool,
    ) -> Result<Step<Chunk>> {
        if self.series == 0
            && self.pieces.is_none()
            && let Step::Missing(ranges) = self.load_indexes(source)?
        {
            return Ok(Step::Missing(ranges));
        }
        while self.series < self.view.series.len() {
            let series = self.series;
            let pieces = match self.pieces.take() {
                Some(pieces) => pieces,
                None => {
                    self.floor = self.range.min;
                    self.list_pieces(series)
                }
            };
            if pieces.is_empty() {
                self.series += 1;
                continue;
            }
            let (count, cut) = cluster(&pieces, self.floor);
            let (now, _) = pieces.split_at(count);
            if let Some(statistics) = self.lone_block(series, now, cut)
                && take(series, &statistics)
            {
                self.advance(pieces, count, cut);
                return Ok(Step::Ready(Chunk { series, by_statistics: true }));
            }
            match self.merge(source, series, now, cut) {
                Ok(true) => {}
                Ok(false) => {
                    let missing = self.missing_from(source, &pieces)?;
                    self.pieces = Some(pieces);
                    return Ok(Step::Missing(missing));
                }
                Err(error) => {
                    self.pieces = Some(pieces);
                    return Err(error);
                }
            }
            self.advance(pieces, count, cut);
            if !self.timestamps.is_empty() {
                return Ok(Step::Ready(Chunk { series, by_statistics: false }));
            }
        }
        Ok(Step::Done)
    }

    /// Points that the pieces of every series hold inside `range` at most; an estimate where pieces reach out of it.
    pub(super) fn estimate(&self, range: TimeRange) -> u64 {
        let pieces = (0..self.view.series.len()).flat_map(|series| self.list_pieces(series));
        pieces.map(|piece| overlap_points(piece.time(), piece.points(), range)).sum()
    }

    /// Smallest range that covers every piece.
    pub(crate) fn extent(&self) -> TimeRange {
        let pieces = (0..self.view.series.len()).flat_map(|series| self.list_pieces(series));
        pieces.fold(TimeRange::EMPTY, |range, piece| range.union(&piece.time())).intersection(&self.range)
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

    fn list_pieces(&self, series: usize) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let Some(view) = self.view.series.get(series) else { return pieces };
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
        pieces
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

    /// Merges the pieces, up to and including `cut`, into the points of this chunk. False when bytes are missing.
    fn merge(&mut self, source: &mut dyn Source, series: usize, pieces: &[Piece], cut: i64) -> Result<bool> {
        self.timestamps.clear();
        self.bits.clear();
        let view = Arc::clone(&self.view);
        let Some(series_view) = view.series.get(series) else { return Ok(true) };
        let id = series_view.id;
        let window = self.range.intersection(&TimeRange { min: self.floor, max: cut });
        let mut in_order: Vec<&Piece> = pieces.iter().collect();
        in_order.sort_by_key(|piece| piece.lsn_max());
        let several = pieces.len() > 1;
        self.merged.clear();
        for piece in in_order {
            match piece {
                Piece::Block { entry, block, .. } => {
                    if !self.read_block(source, &view, id, *entry, *block)? {
                        return Ok(false);
                    }
                }
                Piece::Unsealed { index, .. } => {
                    let Some(unsealed) = series_view.unsealed.get(*index) else { continue };
                    self.piece_timestamps.clear();
                    self.piece_timestamps.extend_from_slice(&unsealed.timestamps);
                    self.piece_bits.clear();
                    self.piece_bits.extend_from_slice(&unsealed.bits);
                }
            }
            clip(&mut self.piece_timestamps, &mut self.piece_bits, window);
            delete(&mut self.piece_timestamps, &mut self.piece_bits, id, piece.lsn_max(), &view.tombstones);
            if several {
                self.merged
                    .extend(self.piece_timestamps.iter().copied().zip(self.piece_bits.iter().copied()));
            } else {
                core::mem::swap(&mut self.timestamps, &mut self.piece_timestamps);
                core::mem::swap(&mut self.bits, &mut self.piece_bits);
            }
        }
        if several {
            keep_last(&mut self.merged);
            self.timestamps.extend(self.merged.iter().map(|&(timestamp, _)| timestamp));
            self.bits.extend(self.merged.iter().map(|&(_, bits)| bits));
        }
        Ok(true)
    }

    fn read_block(
        &mut self,
        source: &mut dyn Source,
        view: &ReadView,
        id: SeriesId,
        entry: usize,
        block: usize,
    ) -> Result<bool> {
        let Some((entry, meta)) = self.meta(view, entry, block) else { return Ok(true) };
        let range = ByteRange::new(entry.offset + meta.offset, u64::from(meta.len));
        let place = || {
            alloc::format!(
                "segment {} at {}, block at {} of series {}, time {}..={}",
                entry.summary.identity,
                entry.offset,
                range.offset,
                id.0,
                meta.stats.time.min,
                meta.stats.time.max
            )
        };
        let Some(bytes) = source.read(range).at(place)? else { return Ok(false) };
        decode_block(bytes, &meta, &mut self.piece_timestamps, &mut self.piece_bits, &mut self.scratch)
            .at(place)?;
        Ok(true)
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
        let following = (self.series + 1..self.view.series.len()).map(|series| self.list_pieces(series));
        for pieces in core::iter::once(pieces.to_vec()).chain(following) {
            for piece in pieces {
                let Piece::Block { entry, block, .. } = piece else { continue };
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
        }
        Ok(missing)
    }

    /// Drops the pieces that are read to their end; those that reach behind `cut` are read on from there.
    fn advance(&mut self, mut pieces: Vec<Piece>, count: usize, cut: i64) {
        let mut position = 0;
        pieces.retain(|piece| {
            position += 1;
            position > count || piece.time().max > cut
        });
        if pieces.is_empty() || cut == i64::MAX {
            self.series += 1;
            self.pieces = None;
        } else {
            self.floor = cut + 1;
            self.pieces = Some(pieces);
        }
    }
}
