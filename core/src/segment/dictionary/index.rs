//! The index of a dictionary run, in memory.
//!
//! What keeps true once parsed: blocks ascend by id without overlap, follow each other without a gap, and their counts
//! add up to that of the run.
use super::super::columns::{self, Reader};
use super::super::header::{SegmentFeatures, SegmentHeader, SegmentKind};
use super::block::{BLOCK_BYTES_MIN, DictionaryBlockMeta};
use super::{DICTIONARY_BLOCK_SERIES_MAX, DictionarySummary};
use crate::error::{Error, Result};
use crate::ids::{Hash, Hash16, SeriesId};
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

/// A parsed index of a dictionary run; about 32 bytes of memory for each block.
#[derive(Clone, Debug)]
pub struct DictionaryIndex {
    summary: DictionarySummary,
    features: SegmentFeatures,
    firsts: Vec<u64>,
    counts: Vec<u32>,
    offsets: Vec<u32>,
    hashes: Vec<Hash16>,
}

impl DictionaryIndex {
    /// Reads and checks an index; arguments and errors are those of [`super::super::SegmentIndex::parse`].
    pub fn parse(header: Option<&[u8]>, index: &[u8], identity: Option<&Hash>) -> Result<Self> {
        let found = Hash::of(index);
        if identity.is_some_and(|expected| *expected != found) {
            return Err(Error::damaged(format!("the index hashes to {found}, not to the run's identity")));
        }
        let parsed = Self::read(index, found).map_err(|error| error.at("index"))?;
        if let Some(header) = header {
            columns::check_header(header, parsed.header())?;
        }
        Ok(parsed)
    }

    fn read(index: &[u8], identity: Hash) -> Result<Self> {
        let index_len = u32::try_from(index.len()).map_err(|_| Error::damaged("the index is too long"))?;
        let mut reader = Reader::new(index);
        let features = reader.prelude(SegmentKind::Dictionary)?;
        let series = reader.varint_u32("number of series")?;
        let series_max = reader.varint("largest series id")?;
        let count = reader.block_count()?;
        let blocks = u32::try_from(count).map_err(|_| Error::damaged("too many blocks"))?;
        let firsts: Vec<u64> = reader.integers(count, "first ids")?.iter().map(|&id| id as u64).collect();
        let counts = reader.integers(count, "series counts")?;
        let offsets = reader.block_offsets(count, BLOCK_BYTES_MIN, u64::from(index_len))?;
        let hashes = reader.hashes(count)?;
        let counts = check_blocks(&firsts, &counts, series, series_max)?;
        let index_offset = offsets.last().map_or(0, |&offset| u64::from(offset));
        let summary = DictionarySummary {
            identity,
            len: index_offset + u64::from(index_len),
            index_offset,
            index_len,
            blocks,
            series,
            series_min: SeriesId(firsts.first().copied().unwrap_or_default()),
            series_max: SeriesId(series_max),
        };
        Ok(Self { summary, features, firsts, counts, offsets, hashes })
    }

    /// What the catalog keeps about this run, rebuilt from the index.
    pub fn summary(&self) -> &DictionarySummary {
        &self.summary
    }
    /// The header that the segment must start with.
    pub fn header(&self) -> SegmentHeader {
        SegmentHeader {
            kind: SegmentKind::Dictionary,
            features: self.features,
            index_offset: self.summary.index_offset,
            index_len: self.summary.index_len,
        }
    }
    /// Number of blocks, never 0.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }
    /// Never true: a run has at least one block.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
    /// Block `block`; `None` from [`DictionaryIndex::len`] on.
    pub fn meta(&self, block: usize) -> Option<DictionaryBlockMeta> {
        let offset = *self.offsets.get(block)?;
        // Ids of a block end before the next block starts.
        let bound =
            self.firsts.get(block + 1).map_or(self.summary.series_max.0, |next| next.saturating_sub(1));
        Some(DictionaryBlockMeta {
            first: SeriesId(*self.firsts.get(block)?),
            bound: SeriesId(bound),
            count: *self.counts.get(block)?,
            offset: u64::from(offset),
            len: self.offsets.get(block + 1)?.checked_sub(offset)?,
            hash: *self.hashes.get(block)?,
        })
    }
    /// All blocks, by id.
    pub fn blocks(&self) -> impl Iterator<Item = DictionaryBlockMeta> + '_ {
        (0..self.len()).filter_map(|block| self.meta(block))
    }
    /// The block that holds `series`, if any does.
    pub fn block_of(&self, series: SeriesId) -> Option<DictionaryBlockMeta> {
        let block = self.firsts.partition_point(|&first| first <= series.0).checked_sub(1)?;
        self.meta(block).filter(|meta| series <= meta.bound)
    }
    /// Numbers of the blocks that may hold series of a metric.
    pub fn blocks_of_metric(&self, metric: u32) -> Range<usize> {
        let (first, last) = (SeriesId::new(metric, 0), SeriesId::new(metric, u32::MAX));
        // The block before the first that starts inside may end inside.
        let inside = self.firsts.partition_point(|&start| start < first.0);
        let end = self.firsts.partition_point(|&start| start <= last.0);
        let start =
            inside.checked_sub(1).filter(|&before| self.meta(before).is_some_and(|meta| meta.bound >= first));
        let start = start.unwrap_or(inside);
        if self.summary.series_max < first { end..end } else { start..end }
    }
    /// Memory that this index takes, for the cache's budget.
    pub fn memory_bytes(&self) -> usize {
        let halves = self.counts.capacity() + self.offsets.capacity();
        size_of::<Self>()
            + self.firsts.capacity() * 8
            + halves * 4
            + self.hashes.capacity() * size_of::<Hash16>()
    }
}

fn check_blocks(firsts: &[u64], counts: &[i64], series: u32, series_max: u64) -> Result<Vec<u32>> {
    let mut sum = 0u64;
    let mut checked = Vec::with_capacity(counts.len());
    for (block, (&first, &count)) in firsts.iter().zip(counts).enumerate() {
        let count =
            u32::try_from(count).ok().filter(|count| (1..=DICTIONARY_BLOCK_SERIES_MAX).contains(count));
        let count =
            count.ok_or_else(|| Error::damaged(format!("block {block} cannot have so many series")))?;
        // The last id that the block could have at least, and what it must stay below.
        let least_last = first.checked_add(u64::from(count) - 1);
        let bound = match firsts.get(block + 1) {
            Some(next) => next.checked_sub(1),
            None => Some(series_max),
        };
        if !matches!((least_last, bound), (Some(last), Some(bound)) if last <= bound) {
            return Err(Error::damaged(format!("ids of block {block} do not fit between its neighbours")));
        }
        sum += u64::from(count);
        checked.push(count);
    }
    if sum != u64::from(series) {
        return Err(Error::damaged(format!("the blocks hold {sum} series, the run says {series}")));
    }
    Ok(checked)
}
