//! What the catalog and a backup keep about a segment of points: enough to find, fetch and prove it.
use crate::digest::Digest;
use crate::ids::{Hash, Lsn, SeriesId};
use crate::model::TimeRange;
use serde::{Deserialize, Serialize};

/// A segment of points in a hundred bytes. All of it can be rebuilt from the segment's index
/// ([`super::SegmentIndex::summary`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SegmentSummary {
    /// BLAKE3 of the index, and through it of every block.
    pub identity: Hash,
    /// Bytes of the segment, without padding.
    pub len: u64,
    /// Where the index starts, bytes from the start of the segment.
    pub index_offset: u64,
    /// Bytes of the index, which ends the segment.
    pub index_len: u32,
    /// Number of points, never 0.
    pub points: u64,
    /// Number of blocks, never 0.
    pub blocks: u32,
    /// Number of series, never 0.
    pub series: u32,
    /// First commit whose points may be inside.
    pub lsn_min: Lsn,
    /// Last commit whose points may be inside.
    pub lsn_max: Lsn,
    /// From the first to the last timestamp.
    pub time: TimeRange,
    /// Smallest series id.
    pub series_min: SeriesId,
    /// Largest series id.
    pub series_max: SeriesId,
    /// Stored digest: over all points inside, deleted and superseded ones too.
    pub digest: Digest,
}

/// A finished segment: its bytes, and what to keep about it (`S` is [`SegmentSummary`] or
/// [`super::DictionarySummary`]).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuiltSegment<S = SegmentSummary> {
    /// The segment, from its header to the end of its index.
    pub bytes: alloc::vec::Vec<u8>,
    /// What to keep about it.
    pub summary: S,
}
