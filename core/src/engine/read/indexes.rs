//! Indexes of segments: from the host's cache or from the bytes.
use crate::error::{At, Result};
use crate::format::SegmentEntry;
use crate::segment::SegmentIndex;
use crate::source::{ByteRange, Source};
use alloc::sync::Arc;

/// The index of a segment and how many bytes were read for it, or the range that has to be fetched for it.
pub(crate) fn load_index(
    entry: &SegmentEntry,
    source: &mut dyn Source,
) -> Result<core::result::Result<(Arc<SegmentIndex>, u64), ByteRange>> {
    let summary = &entry.summary;
    let place = || alloc::format!("segment {} at {}", summary.identity, entry.offset);
    if let Some(known) = source.cached_index(&summary.identity) {
        return Ok(Ok((known, 0)));
    }
    let range = ByteRange::new(entry.offset + summary.index_offset, u64::from(summary.index_len));
    let Some(bytes) = source.read(range).at(place)? else { return Ok(Err(range)) };
    let parsed = Arc::new(SegmentIndex::parse(None, bytes, Some(&summary.identity)).at(place)?);
    source.keep_index(&summary.identity, &parsed);
    Ok(Ok((parsed, range.len)))
}
