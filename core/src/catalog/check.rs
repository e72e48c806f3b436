//! What must hold of every catalog, before it is published and after it is read.
use super::Catalog;
use crate::error::{Error, Result};
use crate::format::SegmentEntry;
use alloc::vec::Vec;

/// Checks the invariants of a catalog:
/// - extents do not overlap each other;
/// - segments that can hold the same point have disjoint LSN ranges, so that "the later commit wins" is decidable;
/// - no segment or deletion is newer than the catalog's position.
pub(crate) fn check(catalog: &Catalog) -> Result<()> {
    extents_are_apart(catalog)?;
    overlapping_segments_are_ordered(catalog)?;
    nothing_is_from_the_future(catalog)
}

fn extents_are_apart(catalog: &Catalog) -> Result<()> {
    let mut extents = catalog.extents();
    extents.sort_unstable();
    match extents.array_windows().find(|[a, b]| a.end() > b.offset) {
        Some([a, b]) => Err(Error::damaged(alloc::format!(
            "the catalog names overlapping extents, {}..{} and {}..{}",
            a.offset,
            a.end(),
            b.offset,
            b.end()
        ))),
        None => Ok(()),
    }
}

fn overlapping_segments_are_ordered(catalog: &Catalog) -> Result<()> {
    let mut entries: Vec<&SegmentEntry> = catalog.point_segments().collect();
    entries.sort_unstable_by_key(|entry| entry.summary.lsn_min);
    for (index, a) in entries.iter().enumerate() {
        // Those that start inside `a`'s LSN range.
        for b in entries.iter().skip(index + 1).take_while(|b| b.summary.lsn_min <= a.summary.lsn_max) {
            let series =
                a.summary.series_min <= b.summary.series_max && b.summary.series_min <= a.summary.series_max;
            if series && a.run != b.run && a.summary.time.overlaps(&b.summary.time) {
                return Err(Error::damaged(alloc::format!(
                    "segments {} and {} overlap in series, time and LSN: which one is later can't be told",
                    a.summary.identity,
                    b.summary.identity
                )));
            }
        }
    }
    Ok(())
}

fn nothing_is_from_the_future(catalog: &Catalog) -> Result<()> {
    let lsn = catalog.position.lsn;
    if let Some(entry) = catalog.segments.iter().find(|entry| entry.summary.lsn_max > lsn) {
        return Err(Error::damaged(alloc::format!(
            "segment {} holds commit {} but the catalog ends at {lsn}",
            entry.summary.identity,
            entry.summary.lsn_max
        )));
    }
    match catalog.tombstones.iter().find(|tombstone| tombstone.lsn > lsn) {
        Some(tombstone) => Err(Error::damaged(alloc::format!(
            "a deletion of commit {} is in a catalog that ends at {lsn}",
            tombstone.lsn
        ))),
        None => Ok(()),
    }
}
