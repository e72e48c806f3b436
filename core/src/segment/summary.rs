//! A finished segment and what to keep about it.
use super::DictionarySummary;
use crate::digest::Digest;
use crate::format::SegmentSummary;
use crate::ids::Lsn;
use crate::model::TimeRange;

/// A finished segment: its bytes, and what to keep about it (`S` is [`SegmentSummary`] or
/// [`super::DictionarySummary`]).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuiltSegment<S = SegmentSummary> {
    /// The segment, from its header to the end of its index.
    pub bytes: alloc::vec::Vec<u8>,
    /// What to keep about it.
    pub summary: S,
}

impl BuiltSegment<DictionarySummary> {
    /// As the catalog keeps it: a segment without points, of the commits up to `lsn`.
    pub fn of_commits(self, lsn: Lsn) -> BuiltSegment {
        let summary = SegmentSummary {
            identity: self.summary.identity,
            len: self.summary.len,
            index_offset: self.summary.index_offset,
            index_len: self.summary.index_len,
            points: 0,
            blocks: self.summary.blocks,
            series: self.summary.series,
            lsn_min: lsn,
            lsn_max: lsn,
            time: TimeRange::EMPTY,
            series_min: self.summary.series_min,
            series_max: self.summary.series_max,
            digest: Digest::default(),
        };
        BuiltSegment { bytes: self.bytes, summary }
    }
}
