//! Builds a segment of points in memory, series by series.
//!
//! It refuses what a reader would refuse (ids or timestamps that do not ascend), so that a mistake upstream is an error
//! here and not a segment that nobody can read. It merges and sorts nothing.
use super::block::{self, BlockMeta};
use super::header::{SegmentFeatures, SegmentHeader, SegmentKind};
use super::index_bytes::{Columns, Head};
use super::summary::BuiltSegment;
use super::{SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES};
use crate::codec::Scratch;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::format::SegmentSummary;
use crate::ids::{Hash, Hash16, Lsn, SeriesId, SeriesKey};
use crate::model::TimeRange;
use crate::statistics::Statistics;
use alloc::format;
use alloc::vec::Vec;

/// Points that a block aims at: shorter ones cost more bytes for each point, longer ones more to read one of them.
pub const BLOCK_POINTS_TARGET: usize = 4_096;
/// A run of points is cut into as few equal blocks as keep each at or below this: a quarter above the target, so that
/// 5,000 points stay one block and 8,640 (a day at 10 s) become two of 4,320.
pub const BLOCK_POINTS_SPLIT: usize = BLOCK_POINTS_TARGET + BLOCK_POINTS_TARGET / 4;

/// What a block usually takes in the index; see [`SegmentBuilder::len`].
const INDEX_BYTES_PER_BLOCK: u64 = 42;
/// What a block can take in the index: ten columns that the codec could not shrink, and the hash.
const INDEX_BYTES_PER_BLOCK_MAX: u64 = 128;
/// More than an index has besides its columns.
const INDEX_BYTES_HEAD_MAX: u64 = 4_096;

/// Builds one segment of points.
pub struct SegmentBuilder {
    bytes: Vec<u8>,
    columns: Columns,
    lsn_min: Lsn,
    lsn_max: Lsn,
    points: u64,
    series: u32,
    series_min: SeriesId,
    /// Series and last timestamp of the newest block.
    last: Option<(SeriesId, i64)>,
    time: TimeRange,
    digest: Digest,
    column: Vec<u8>,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
    scratch: Scratch,
}

impl SegmentBuilder {
    /// A segment for points of the commits `lsn_min..=lsn_max`.
    pub fn new(lsn_min: Lsn, lsn_max: Lsn) -> Self {
        Self {
            bytes: alloc::vec![0; SEGMENT_HEADER_BYTES],
            columns: Columns::default(),
            lsn_min,
            lsn_max: lsn_max.max(lsn_min),
            points: 0,
            series: 0,
            series_min: SeriesId(0),
            last: None,
            time: TimeRange::EMPTY,
            digest: Digest::default(),
            column: Vec::new(),
            timestamps: Vec::new(),
            bits: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Adds points of a series, cut into blocks ([`BLOCK_POINTS_SPLIT`]). Ids ascend from call to call; the same id may
    /// come again with later points. Timestamps ascend strictly; both slices have the same length; without points
    /// nothing happens.
    ///
    /// `InvalidInput` when one of that does not hold, `LimitExceeded` when the segment would pass
    /// [`super::SEGMENT_BYTES_MAX`]; the builder then still holds what it held before.
    pub fn push_series(
        &mut self,
        id: SeriesId,
        key: SeriesKey,
        timestamps: &[i64],
        bits: &[u64],
    ) -> Result<()> {
        let Some(&first) = timestamps.first() else { return Ok(()) };
        if timestamps.len() != bits.len() || !block::is_ascending(timestamps) {
            return Err(Error::invalid("points of a series must be pairs in strictly ascending time"));
        }
        self.check_order(id, first)?;
        let (points, blocks) = (timestamps.len(), timestamps.len().div_ceil(BLOCK_POINTS_SPLIT));
        self.check_room(16 * points as u64 + 1_024 * blocks as u64, blocks)?;
        let mut start = 0;
        for block in 1..=blocks {
            let end = split_point(points, block, blocks);
            if let (Some(timestamps), Some(bits)) = (timestamps.get(start..end), bits.get(start..end)) {
                self.push_block(id, timestamps, bits);
            }
            start = end;
        }
        self.digest.add(key, timestamps, bits);
        Ok(())
    }

    /// Adds a block as it lies in another segment, checksum included; `meta` is its entry in that segment's index. The
    /// id may be another one: a block does not name its series. Order is as for [`SegmentBuilder::push_series`].
    ///
    /// The bytes go in unchanged, but are proved against the hash and decoded first: damage is not carried into a
    /// segment whose hashes would then vouch for it, and the stored digest is summed from the points. Errors as for
    /// [`SegmentBuilder::push_series`], and `Damaged`.
    pub fn push_encoded_block(
        &mut self,
        id: SeriesId,
        key: SeriesKey,
        block: &[u8],
        meta: &BlockMeta,
    ) -> Result<()> {
        self.check_order(id, meta.stats.time.min)?;
        self.check_room(block.len() as u64, 1)?;
        block::check_block_hash(block, meta)?;
        block::decode_block(block, meta, &mut self.timestamps, &mut self.bits, &mut self.scratch)?;
        self.digest.add(key, &self.timestamps, &self.bits);
        self.bytes.extend_from_slice(block);
        self.note_block(id, meta.len, &meta.stats, meta.hash);
        Ok(())
    }

    /// About how long the segment would be if it ended here, in bytes: exact for the header and the blocks, an estimate
    /// for the index.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64 + INDEX_BYTES_PER_BLOCK * self.columns.blocks() as u64
    }
    /// True before the first point.
    pub fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Writes the index and the header; `None` without a point.
    pub fn finish(mut self) -> Option<BuiltSegment> {
        let (series_max, _) = self.last?;
        let index_offset = self.bytes.len() as u64;
        let head = Head {
            points: self.points,
            series: self.series,
            lsn_min: self.lsn_min,
            lsn_max: self.lsn_max,
            time_min: self.time.min,
            time_span: self.time.max.wrapping_sub(self.time.min) as u64,
            lanes: self.digest.lanes,
        };
        self.columns.write(&head, &mut self.bytes, &mut self.scratch);
        let index = self.bytes.get(usize::try_from(index_offset).ok()?..)?;
        let identity = Hash::of(index);
        let index_len = u32::try_from(index.len()).ok()?;
        let features = SegmentFeatures::default();
        let header = SegmentHeader { kind: SegmentKind::Points, features, index_offset, index_len };
        self.bytes.get_mut(..SEGMENT_HEADER_BYTES)?.copy_from_slice(&header.to_bytes());
        let summary = SegmentSummary {
            identity,
            len: header.segment_len(),
            index_offset,
            index_len,
            points: self.points,
            blocks: u32::try_from(self.columns.blocks()).ok()?,
            series: self.series,
            lsn_min: self.lsn_min,
            lsn_max: self.lsn_max,
            time: self.time,
            series_min: self.series_min,
            series_max,
            digest: self.digest,
        };
        Some(BuiltSegment { bytes: self.bytes, summary })
    }

    fn check_order(&self, id: SeriesId, first: i64) -> Result<()> {
        match self.last {
            Some((last_id, last_time)) if id < last_id || (id == last_id && first <= last_time) => {
                Err(Error::invalid(format!(
                    "series {:#x} at time {first} comes after series {:#x} at time {last_time}; a segment is sorted",
                    id.0, last_id.0
                )))
            }
            _ => Ok(()),
        }
    }

    fn check_room(&self, bytes: u64, blocks: usize) -> Result<()> {
        let blocks = (self.columns.blocks() + blocks) as u64;
        let index = INDEX_BYTES_HEAD_MAX + INDEX_BYTES_PER_BLOCK_MAX * blocks;
        if self.bytes.len() as u64 + bytes + index > SEGMENT_BYTES_MAX {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                "a segment would pass 4 GiB; finish it earlier and start another",
            ));
        }
        Ok(())
    }

    fn push_block(&mut self, id: SeriesId, timestamps: &[i64], bits: &[u64]) {
        let Some(stats) = Statistics::of(timestamps, bits) else { return };
        let start = self.bytes.len();
        block::encode_block(timestamps, bits, &mut self.bytes, &mut self.column, &mut self.scratch);
        let block = self.bytes.get(start..).unwrap_or_default();
        let hash = block::hash_of(block);
        // Fits: `check_room` left no way past 4 GiB.
        let len = block.len() as u32;
        self.note_block(id, len, &stats, hash);
    }

    fn note_block(&mut self, id: SeriesId, len: u32, stats: &Statistics, hash: Hash16) {
        match self.last {
            None => (self.series, self.series_min) = (1, id),
            Some((last_id, _)) => self.series += u32::from(last_id != id),
        }
        self.last = Some((id, stats.time.max));
        self.time = self.time.union(&stats.time);
        self.points += stats.count;
        self.columns.push(id, len, stats, hash);
    }
}

/// Where block `block` (from 1) of `blocks` ends: equal blocks, the longer ones not all at one end.
fn split_point(points: usize, block: usize, blocks: usize) -> usize {
    let end = points as u64 * block as u64 / blocks as u64;
    usize::try_from(end).unwrap_or(points)
}
