//! What is known about a segment without opening it: its identity, its size and what it covers.
//!
//! The same value stands in the catalog, in frames that attach segments and in backup records, so that any of them
//! can prove the segment's bytes: `identity` is the BLAKE3 of the segment's index, and the index holds a hash of every
//! block. Making a segment, and comparing it with its summary, is the business of the `segment` module.
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::ids::{Hash, Lsn, SeriesId};
use crate::model::TimeRange;
use serde::{Deserialize, Serialize};

/// Summary of one segment. Offsets are relative to the segment's first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SegmentSummary {
    /// BLAKE3 of the segment's index, which holds a hash of every block.
    pub identity: Hash,
    /// Bytes of the whole segment, without padding.
    pub len: u64,
    /// Where the index starts.
    pub index_offset: u64,
    /// Bytes of the index.
    pub index_len: u32,
    /// Points in all blocks; 0 in a dictionary segment.
    pub points: u64,
    /// Number of blocks.
    pub blocks: u32,
    /// Number of series.
    pub series: u32,
    /// LSN of the oldest commit in it.
    pub lsn_min: Lsn,
    /// LSN of the newest commit in it.
    pub lsn_max: Lsn,
    /// First and last timestamp; empty exactly when there are no points.
    pub time: TimeRange,
    /// Smallest series number in it.
    pub series_min: SeriesId,
    /// Largest series number in it.
    pub series_max: SeriesId,
    /// Digest of its points.
    pub digest: Digest,
}

impl SegmentSummary {
    /// What must hold of every summary, wherever it was read. Says nothing about the segment's bytes.
    pub fn check(&self) -> Result<()> {
        let index_end = self.index_offset.checked_add(u64::from(self.index_len));
        let wrong = if self.index_len == 0 || index_end.is_none_or(|end| end > self.len) {
            "its index is not inside it"
        } else if self.lsn_min == 0 || self.lsn_min > self.lsn_max {
            "its LSN range is empty or starts at 0"
        } else if self.series_min > self.series_max {
            "its range of series is empty"
        } else if self.time.is_empty() != (self.points == 0) {
            "its time range and its number of points contradict each other"
        } else if self.digest.points != self.points {
            "its digest counts other points than it holds"
        } else if self.points > 0 && (self.series == 0 || self.blocks < self.series) {
            "it has fewer blocks than series"
        } else {
            return Ok(());
        };
        Err(Error::damaged(alloc::format!(
            "the summary of segment {} does not hold together: {wrong}",
            self.identity
        )))
    }
}
