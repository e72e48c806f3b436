//! The index of a segment of points, in memory: which blocks it has, where they lie, and what they hold.
//!
//! What keeps true once parsed: blocks ascend by series and, inside a series, by time without overlap; their bytes
//! follow each other without a gap from the header to the index; the counts and times add up to those of the segment.
//! A valid identity does not replace these checks: anyone can hash a lie.
use super::block::BlockMeta;
use super::columns;
use super::header::{SegmentFeatures, SegmentHeader, SegmentKind};
use super::index_bytes::{Head, RawIndex};
use crate::codec::BLOCK_POINTS_MAX;
use crate::error::{Error, Result};
use crate::format::SegmentSummary;
use crate::ids::{Hash, Hash16, SeriesId};
use crate::model::TimeRange;
use crate::statistics::Statistics;
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

/// A parsed index; about 88 bytes of memory for each block.
#[derive(Clone, Debug)]
pub struct SegmentIndex {
    summary: SegmentSummary,
    features: SegmentFeatures,
    series: Vec<u64>,
    counts: Vec<u32>,
    time_min: Vec<i64>,
    time_max: Vec<i64>,
    offsets: Vec<u32>,
    /// first, last, min, max, sum.
    values: [Vec<u64>; 5],
    hashes: Vec<Hash16>,
}

impl SegmentIndex {
    /// Reads and checks an index. `header` is the start of the segment where that was read too: it must be exactly
    /// the one that the index implies. `identity` is what the catalog or a record says; a salvage that has neither
    /// passes `None` and compares [`SegmentSummary::identity`] with what it finds elsewhere.
    ///
    /// `Damaged` when anything is not as this module promises, `Unsupported` when a newer Chronicle wrote it. Memory
    /// is at most a small multiple of `index.len()`.
    pub fn parse(header: Option<&[u8]>, index: &[u8], identity: Option<&Hash>) -> Result<Self> {
        let found = Hash::of(index);
        if identity.is_some_and(|expected| *expected != found) {
            return Err(Error::damaged(format!(
                "the index hashes to {found}, not to the segment's identity"
            )));
        }
        let parsed = RawIndex::read(index).and_then(|raw| Self::check(raw, found, index.len()));
        let parsed = parsed.map_err(|error| error.at("index"))?;
        if let Some(header) = header {
            columns::check_header(header, parsed.header())?;
        }
        Ok(parsed)
    }

    fn check(raw: RawIndex, identity: Hash, index_len: usize) -> Result<Self> {
        let index_len = u32::try_from(index_len).map_err(|_| Error::damaged("the index is too long"))?;
        let blocks = u32::try_from(raw.hashes.len()).map_err(|_| Error::damaged("too many blocks"))?;
        let index_offset = raw.offsets.last().map_or(0, |&offset| u64::from(offset));
        let counts = check_counts(&raw.counts, raw.head.points)?;
        let series: Vec<u64> = raw.series.iter().map(|&id| id as u64).collect();
        check_series(&series, raw.head.series)?;
        let time_max = check_times(&series, &counts, &raw.time_min, &raw.time_span)?;
        let time = check_range(&raw.head, &raw.time_min, &time_max)?;
        let Head { points, series: series_count, lsn_min, lsn_max, .. } = raw.head;
        let summary = SegmentSummary {
            identity,
            len: index_offset + u64::from(index_len),
            index_offset,
            index_len,
            points,
            blocks,
            series: series_count,
            lsn_min,
            lsn_max,
            time,
            series_min: SeriesId(series.first().copied().unwrap_or_default()),
            series_max: SeriesId(series.last().copied().unwrap_or_default()),
            digest: raw.head.digest(),
        };
        let RawIndex { features, time_min, offsets, values, hashes, .. } = raw;
        Ok(Self { summary, features, series, counts, time_min, time_max, offsets, values, hashes })
    }

    /// What the catalog keeps about this segment, rebuilt from the index. The digest is the stored one, as written: only
    /// decoding every block proves it.
    pub fn summary(&self) -> &SegmentSummary {
        &self.summary
    }
    /// The header that the segment must start with.
    pub fn header(&self) -> SegmentHeader {
        SegmentHeader {
            kind: SegmentKind::Points,
            features: self.features,
            index_offset: self.summary.index_offset,
            index_len: self.summary.index_len,
        }
    }
    /// Number of blocks, never 0.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }
    /// Never true: a segment has at least one block.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
    /// Block `block`; `None` from [`SegmentIndex::len`] on.
    pub fn meta(&self, block: usize) -> Option<BlockMeta> {
        let offset = *self.offsets.get(block)?;
        let value = |column: &Vec<u64>| column.get(block).copied().map(f64::from_bits);
        let [first, last, min, max, sum] = &self.values;
        Some(BlockMeta {
            series: SeriesId(*self.series.get(block)?),
            offset: u64::from(offset),
            len: self.offsets.get(block + 1)?.checked_sub(offset)?,
            stats: Statistics {
                count: u64::from(*self.counts.get(block)?),
                time: TimeRange { min: *self.time_min.get(block)?, max: *self.time_max.get(block)? },
                first: value(first)?,
                last: value(last)?,
                min: value(min)?,
                max: value(max)?,
                sum: value(sum)?,
            },
            hash: *self.hashes.get(block)?,
        })
    }
    /// All blocks, by series and time.
    pub fn blocks(&self) -> impl Iterator<Item = BlockMeta> + '_ {
        (0..self.len()).filter_map(|block| self.meta(block))
    }
    /// The blocks of a series, in order of time; empty when it has none here.
    pub fn blocks_of(&self, series: SeriesId) -> Range<usize> {
        let start = self.series.partition_point(|&id| id < series.0);
        let rest = self.series.get(start..).unwrap_or_default();
        start..start + rest.partition_point(|&id| id == series.0)
    }
    /// The blocks of a series whose range of time meets `time`; points outside `time` may be in the first and last one.
    pub fn blocks_in(&self, series: SeriesId, time: TimeRange) -> Range<usize> {
        let all = self.blocks_of(series);
        if time.is_empty() {
            return all.start..all.start;
        }
        let before = |column: &[i64], is_before: &dyn Fn(&i64) -> bool| {
            column.get(all.clone()).unwrap_or_default().partition_point(is_before)
        };
        let start = all.start + before(&self.time_max, &|max| *max < time.min);
        let end = all.start + before(&self.time_min, &|min| *min <= time.max);
        start..end
    }
    /// First and last timestamp of a block, and its number of points.
    pub fn time_and_count(&self, block: usize) -> Option<(TimeRange, usize)> {
        let time = TimeRange { min: *self.time_min.get(block)?, max: *self.time_max.get(block)? };
        Some((time, *self.counts.get(block)? as usize))
    }
    /// Each series and its blocks, ascending.
    pub fn series(&self) -> impl Iterator<Item = (SeriesId, Range<usize>)> + '_ {
        let mut start = 0;
        self.series.chunk_by(|a, b| a == b).filter_map(move |run| {
            let range = start..start + run.len();
            start = range.end;
            Some((SeriesId(*run.first()?), range))
        })
    }
    /// Memory that this index takes, for the cache's budget.
    pub fn memory_bytes(&self) -> usize {
        let words = self.series.capacity()
            + self.time_min.capacity()
            + self.time_max.capacity()
            + self.values.iter().map(Vec::capacity).sum::<usize>();
        let halves = self.counts.capacity() + self.offsets.capacity();
        size_of::<Self>() + words * 8 + halves * 4 + self.hashes.capacity() * size_of::<Hash16>()
    }
}

fn check_counts(counts: &[i64], points: u64) -> Result<Vec<u32>> {
    let mut sum = 0u64;
    let counts: Result<Vec<u32>> = counts
        .iter()
        .map(|&count| match u32::try_from(count) {
            Ok(short) if 1 <= short && short as usize <= BLOCK_POINTS_MAX => {
                sum += u64::from(short);
                Ok(short)
            }
            _ => Err(Error::damaged(format!("a block cannot have {count} points"))),
        })
        .collect();
    let counts = counts?;
    if sum != points {
        return Err(Error::damaged(format!("the blocks hold {sum} points, the segment says {points}")));
    }
    Ok(counts)
}

fn check_series(ids: &[u64], series: u32) -> Result<()> {
    if !ids.is_sorted() {
        return Err(Error::damaged("series ids do not ascend"));
    }
    let distinct = ids.chunk_by(|a, b| a == b).count();
    if distinct as u64 != u64::from(series) {
        return Err(Error::damaged(format!(
            "the blocks are of {distinct} series, the segment says {series}"
        )));
    }
    Ok(())
}

/// The last timestamp of each block. A block of n points spans at least n - 1 ns, and starts after the end of the block
/// before it when both are of one series.
fn check_times(series: &[u64], counts: &[u32], time_min: &[i64], time_span: &[i64]) -> Result<Vec<i64>> {
    let mut before: Option<(u64, i64)> = None;
    let mut time_max = Vec::with_capacity(series.len());
    for (((&id, &count), &min), &span) in series.iter().zip(counts).zip(time_min).zip(time_span) {
        let span = span as u64;
        let max = min
            .checked_add_unsigned(span)
            .filter(|_| span >= u64::from(count) - 1 && (count > 1) == (span > 0));
        let max = max.ok_or_else(|| {
            Error::damaged(format!("{count} points of series {id:#x} cannot span {span} ns from {min}"))
        })?;
        if before.is_some_and(|(last_id, last_max)| last_id == id && last_max >= min) {
            return Err(Error::damaged(format!("blocks of series {id:#x} overlap at time {min}")));
        }
        before = Some((id, max));
        time_max.push(max);
    }
    Ok(time_max)
}

fn check_range(head: &Head, time_min: &[i64], time_max: &[i64]) -> Result<TimeRange> {
    let min = time_min.iter().copied().min();
    let max = time_max.iter().copied().max();
    match (min, max, head.time_min.checked_add_unsigned(head.time_span)) {
        (Some(min), Some(max), Some(head_max)) if min == head.time_min && max == head_max => {
            Ok(TimeRange { min, max })
        }
        _ => Err(Error::damaged("the segment's range of time is not that of its blocks")),
    }
}
