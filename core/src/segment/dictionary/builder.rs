//! Builds a dictionary run in memory.
use super::super::columns;
use super::super::header::{SegmentFeatures, SegmentHeader, SegmentKind};
use super::super::{BuiltSegment, SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES, block};
use super::block::BlockDraft;
use super::{DICTIONARY_BLOCK_SERIES_MAX, DictionarySummary, NAME_BYTES_MAX, TAGS_MAX};
use crate::codec::{Scratch, varint};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Hash, Hash16, SeriesId};
use alloc::format;
use alloc::vec::Vec;

/// A block ends once it has as many bytes, so that looking up one series stays a small read.
const BLOCK_BYTES_TARGET: usize = 128 << 10;

/// Builds one dictionary run.
#[derive(Debug, Default)]
pub struct DictionaryBuilder {
    blocks: Vec<u8>,
    draft: BlockDraft,
    firsts: Vec<i64>,
    counts: Vec<i64>,
    lens: Vec<i64>,
    hashes: Vec<Hash16>,
    series: u32,
    last: Option<SeriesId>,
}

impl DictionaryBuilder {
    /// An empty run.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a series with its tags in canonical form. `InvalidInput` when its id is not above the one before, `LimitExceeded` when its tags pass the
    /// maxima of the format or the run would pass [`super::super::SEGMENT_BYTES_MAX`]; nothing is added then.
    pub fn push<'a>(
        &mut self,
        id: SeriesId,
        tags: impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<()> {
        if self.last.is_some_and(|last| id <= last) {
            return Err(Error::invalid(format!(
                "series {:#x} does not ascend; a dictionary is sorted",
                id.0
            )));
        }
        let limit = |what: &str| Err(Error::new(ErrorKind::LimitExceeded, what));
        if tags.len() > TAGS_MAX {
            return limit("a series has more tags than the format holds (1,024)");
        }
        if tags.clone().any(|(key, value)| key.len().max(value.len()) > NAME_BYTES_MAX) {
            return limit("a tag key or value is longer than the format holds (65,535 bytes)");
        }
        let text: usize = tags.clone().map(|(key, value)| key.len() + value.len() + 20).sum();
        if self.len() + text as u64 + 4_096 > SEGMENT_BYTES_MAX {
            return limit("a dictionary run would pass 4 GiB; finish it earlier and start another");
        }
        self.draft.push(id, tags);
        self.series += 1;
        self.last = Some(id);
        if self.draft.count >= DICTIONARY_BLOCK_SERIES_MAX || self.draft.bytes_len() >= BLOCK_BYTES_TARGET {
            self.end_block();
        }
        Ok(())
    }

    /// About how long the run would be if it ended here, in bytes; never too little.
    pub fn len(&self) -> u64 {
        let content = SEGMENT_HEADER_BYTES + self.blocks.len() + self.draft.bytes_len();
        content as u64 + 64 * (self.hashes.len() as u64 + 2)
    }
    /// True before the first series.
    pub fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Writes the index and the header; `None` without a series.
    pub fn finish(mut self) -> Option<BuiltSegment<DictionarySummary>> {
        let series_max = self.last?;
        self.end_block();
        let mut index = Vec::new();
        columns::put_prelude(&mut index, SegmentKind::Dictionary);
        varint::put(&mut index, u64::from(self.series));
        varint::put(&mut index, series_max.0);
        varint::put(&mut index, self.hashes.len() as u64);
        let mut scratch = Scratch::default();
        for column in [&self.firsts, &self.counts, &self.lens] {
            columns::put_integers(&mut index, column, &mut scratch);
        }
        self.hashes.iter().for_each(|hash| index.extend_from_slice(&hash.0));

        let summary = DictionarySummary {
            identity: Hash::of(&index),
            len: (SEGMENT_HEADER_BYTES + self.blocks.len() + index.len()) as u64,
            index_offset: (SEGMENT_HEADER_BYTES + self.blocks.len()) as u64,
            index_len: u32::try_from(index.len()).ok()?,
            blocks: u32::try_from(self.hashes.len()).ok()?,
            series: self.series,
            series_min: SeriesId(*self.firsts.first()? as u64),
            series_max,
        };
        let header = SegmentHeader {
            kind: SegmentKind::Dictionary,
            features: SegmentFeatures::default(),
            index_offset: summary.index_offset,
            index_len: summary.index_len,
        };
        let mut bytes = Vec::with_capacity(usize::try_from(summary.len).ok()?);
        bytes.extend_from_slice(&header.to_bytes());
        bytes.append(&mut self.blocks);
        bytes.append(&mut index);
        Some(BuiltSegment { bytes, summary })
    }

    fn end_block(&mut self) {
        if self.draft.count == 0 {
            return;
        }
        let start = self.blocks.len();
        self.firsts.push(self.draft.first as i64);
        self.counts.push(i64::from(self.draft.count));
        self.draft.write(&mut self.blocks);
        let block = self.blocks.get(start..).unwrap_or_default();
        self.lens.push(block.len() as i64);
        self.hashes.push(block::hash_of(block));
    }
}
