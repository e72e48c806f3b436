//! A dictionary run as it is read: its index, and the blocks that are wanted of it.
use crate::error::{At, Error, Result};
use crate::format::SegmentEntry;
use crate::ids::SeriesId;
use crate::segment::{DictionaryBlockMeta, DictionaryIndex};
use crate::source::{ByteRange, Source};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Runs up to this size are read at once, index and blocks: another round costs more than the bytes.
const WHOLE_RUN_MAX: u64 = 64 << 10;

/// A dictionary run.
#[derive(Debug)]
pub(in crate::engine) struct Run {
    pub(in crate::engine) entry: SegmentEntry,
    /// Once it is read.
    pub(in crate::engine) index: Option<Arc<DictionaryIndex>>,
    /// The blocks to read, ascending.
    pub(in crate::engine) blocks: Vec<usize>,
}

impl Run {
    /// Where it is, for errors.
    pub(in crate::engine) fn place(&self) -> String {
        alloc::format!("dictionary run {} at {}", self.entry.summary.identity, self.entry.offset)
    }

    /// A block's entry in the index, which is read.
    pub(in crate::engine) fn meta(&self, block: usize) -> Option<DictionaryBlockMeta> {
        self.index.as_ref()?.meta(block)
    }

    pub(in crate::engine) fn may_hold(&self, metric: u32) -> bool {
        let summary = &self.entry.summary;
        summary.series_min <= SeriesId::new(metric, u32::MAX)
            && SeriesId::new(metric, 0) <= summary.series_max
    }

    /// True when all blocks that hold series of a metric are among those to read.
    pub(in crate::engine) fn is_read_whole(&self, metric: u32) -> bool {
        match &self.index {
            _ if !self.may_hold(metric) => true,
            None => false,
            Some(index) => {
                let needed = index.blocks_of_metric(metric);
                let first = self.blocks.partition_point(|&block| block < needed.start);
                self.blocks.get(first..).unwrap_or_default().iter().copied().take(needed.len()).eq(needed)
            }
        }
    }

    /// Reads the index; what is missing for that.
    pub(in crate::engine) fn load_index(&mut self, source: &mut dyn Source) -> Result<Option<ByteRange>> {
        if self.index.is_some() {
            return Ok(None);
        }
        let summary = self.entry.summary;
        let place = || self.place();
        let bytes = match self.read(source, summary.index_offset, u64::from(summary.index_len)).at(place)? {
            Ok(bytes) => bytes,
            Err(missing) => return Ok(Some(missing)),
        };
        let index = DictionaryIndex::parse(None, bytes, Some(&summary.identity)).at(place)?;
        if (index.summary().len, index.summary().index_offset) != (summary.len, summary.index_offset) {
            return Err(Error::damaged("its index says another length than the catalog")).at(place);
        }
        self.index = Some(Arc::new(index));
        Ok(None)
    }

    pub(in crate::engine) fn choose_blocks(&mut self, metrics: &[u32]) {
        self.blocks.clear();
        let Some(index) = &self.index else { return };
        for &metric in metrics {
            // Metrics ascend, and so do their blocks; neighbours share one.
            let next = self.blocks.last().map_or(0, |last| last + 1);
            let blocks = index.blocks_of_metric(metric);
            self.blocks.extend(blocks.start.max(next)..blocks.end.max(next));
        }
    }

    pub(in crate::engine) fn missing_blocks(&self, source: &mut dyn Source) -> Result<Vec<ByteRange>> {
        let mut missing = Vec::new();
        for meta in self.blocks.iter().filter_map(|&block| self.meta(block)) {
            missing.extend(self.read(source, meta.offset, u64::from(meta.len))?.err());
        }
        Ok(missing)
    }

    /// Bytes of the segment, or the range that has to be fetched for them.
    pub(in crate::engine) fn read<'s>(
        &self,
        source: &'s mut dyn Source,
        start: u64,
        len: u64,
    ) -> Result<core::result::Result<&'s [u8], ByteRange>> {
        let summary = &self.entry.summary;
        let (range, start) = match summary.len <= WHOLE_RUN_MAX {
            true => (ByteRange::new(self.entry.offset, summary.len), start),
            false => (ByteRange::new(self.entry.offset + start, len), 0),
        };
        let Some(bytes) = source.read(range)? else { return Ok(Err(range)) };
        let bounds = usize::try_from(start).ok().zip(usize::try_from(start + len).ok());
        let bytes = bounds.and_then(|(start, end)| bytes.get(start..end));
        bytes.map(Ok).ok_or_else(|| Error::damaged("the dictionary run is shorter than its index says"))
    }
}
