//! Merging: the points of a few pieces that overlap in time, each read from where it lies.
use super::super::piece::{Piece, clip, delete};
use super::super::view::ReadView;
use super::SeriesReader;
use crate::error::{At, Result};
use crate::head::keep_last;
use crate::ids::SeriesId;
use crate::model::TimeRange;
use crate::segment::{DecodedBlock, decode_block};
use crate::source::{BlockKey, ByteRange, CachedBlock, Source};
use alloc::sync::Arc;
use alloc::vec::Vec;

impl SeriesReader {
    /// Merges the pieces, up to and including `cut`, into the points of this chunk. False when bytes are missing.
    pub(super) fn merge(
        &mut self,
        source: &mut dyn Source,
        series: usize,
        pieces: &[Piece],
        cut: i64,
    ) -> Result<bool> {
        self.timestamps.clear();
        self.bits.clear();
        let window = self.range.intersection(&TimeRange { min: self.floor, max: cut });
        if let [piece] = pieces {
            let read = self.read_piece(source, series, piece, window)?;
            core::mem::swap(&mut self.timestamps, &mut self.piece_timestamps);
            core::mem::swap(&mut self.bits, &mut self.piece_bits);
            return Ok(read);
        }
        let mut in_order: Vec<&Piece> = pieces.iter().collect();
        in_order.sort_by_key(|piece| piece.lsn_max());
        self.merged.clear();
        for piece in in_order {
            if !self.read_piece(source, series, piece, window)? {
                return Ok(false);
            }
            self.merged.extend(self.piece_timestamps.iter().copied().zip(self.piece_bits.iter().copied()));
        }
        keep_last(&mut self.merged);
        self.timestamps.extend(self.merged.iter().map(|&(timestamp, _)| timestamp));
        self.bits.extend(self.merged.iter().map(|&(_, bits)| bits));
        Ok(true)
    }

    /// Reads the points of a piece that lie in `window` and were not deleted. False when bytes are missing; there are no
    /// points then.
    fn read_piece(
        &mut self,
        source: &mut dyn Source,
        series: usize,
        piece: &Piece,
        window: TimeRange,
    ) -> Result<bool> {
        let view = Arc::clone(&self.view);
        let Some(series) = view.series.get(series) else { return Ok(self.no_points(true)) };
        let id = series.id;
        match piece {
            Piece::Block { entry, block, .. } => {
                if !self.read_block(source, &view, id, (*entry, *block), window)? {
                    return Ok(self.no_points(false));
                }
            }
            Piece::Unsealed { index, .. } => {
                self.no_points(true);
                if let Some(unsealed) = series.unsealed.get(*index) {
                    let start = unsealed.timestamps.partition_point(|&timestamp| timestamp < window.min);
                    let end = unsealed.timestamps.partition_point(|&timestamp| timestamp <= window.max);
                    let inside = start..end.max(start);
                    let timestamps = unsealed.timestamps.get(inside.clone()).unwrap_or_default();
                    self.piece_timestamps.extend_from_slice(timestamps);
                    self.piece_bits.extend_from_slice(unsealed.bits.get(inside).unwrap_or_default());
                }
            }
        }
        delete(&mut self.piece_timestamps, &mut self.piece_bits, id, piece.lsn_max(), &view.tombstones);
        Ok(true)
    }

    /// Empties the piece. Decoding does not, as it would fill what grows again with zeros first.
    fn no_points(&mut self, read: bool) -> bool {
        self.piece_timestamps.clear();
        self.piece_bits.clear();
        read
    }

    fn read_block(
        &mut self,
        source: &mut dyn Source,
        view: &ReadView,
        id: SeriesId,
        (entry, block): (usize, usize),
        window: TimeRange,
    ) -> Result<bool> {
        let Some((entry, meta)) = self.meta(view, entry, block) else { return Ok(self.no_points(true)) };
        // A segment has fewer blocks than bytes, and those fit 32 bits.
        let key = BlockKey { segment: entry.summary.identity, block: block as u32 };
        let partly = !window.covers(&meta.stats.time);
        let cached = source.cached_block(&key, partly);
        if let CachedBlock::Found(known) = &cached {
            self.counts.blocks_cached += 1;
            known.read(window, &mut self.piece_timestamps, &mut self.piece_bits);
            return Ok(true);
        }
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
        self.counts.decoded(range.len, meta.stats.count);
        if let CachedBlock::Wanted = cached {
            let block = DecodedBlock::decode(bytes, &meta, &mut self.piece_timestamps, &mut self.scratch)
                .at(place)?;
            block.read(window, &mut self.piece_timestamps, &mut self.piece_bits);
            source.keep_block(&key, &Arc::new(block));
            return Ok(true);
        }
        decode_block(bytes, &meta, &mut self.piece_timestamps, &mut self.piece_bits, &mut self.scratch)
            .at(place)?;
        if partly {
            clip(&mut self.piece_timestamps, &mut self.piece_bits, window);
        }
        Ok(true)
    }
}
