//! Catalog: what a database holds at one generation: segments, deletions, names, and where replay starts.
//!
//! A catalog is a value: an edit makes the next one, which shares every page it did not touch. What it keeps true is
//! checked by `check` on every catalog before it is published and on every one that is read.
mod check;
mod load;
mod paged;
mod policy;

pub(crate) use check::check;
pub(crate) use load::CatalogLoad;
pub(crate) use paged::PagedList;
pub(crate) use policy::StoredPolicy;

use crate::error::Result;
use crate::format::{
    ALIGNMENT, HEADER_AREA_LEN, LogStart, Page, PageKind, PageRef, SegmentEntry, SegmentKind, Tombstone,
};
use crate::head::Position;
use crate::ids::Generation;
use crate::source::ByteRange;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Items on a full page when this code writes one; readers take up to the format's maximum.
const PAGE_ITEMS: usize = 256;
/// Names on a full page of metrics: the root has room for some 650 pages, half as many beside the largest policies, so this bounds how many metrics there can be.
const PAGE_NAMES: usize = 16_384;
const _: () = assert!(PAGE_NAMES <= PageKind::Metrics.entries_max() as usize);
const _: () = assert!(PAGE_ITEMS <= PageKind::Segments.entries_max() as usize);

/// The live segments and tombstones at an LSN.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub(crate) generation: Generation,
    /// It holds every commit up to here.
    pub(crate) position: Position,
    pub(crate) log: LogStart,
    /// Settings and policies as of the position.
    pub(crate) policy: Arc<StoredPolicy>,
    pub(crate) segments: PagedList<SegmentEntry>,
    pub(crate) tombstones: PagedList<Tombstone>,
    /// Names of metrics, in order of number.
    pub(crate) metrics: PagedList<String>,
}

impl Catalog {
    /// The catalog of a database without commits.
    pub(crate) fn empty(log: LogStart, policy: Arc<StoredPolicy>) -> Self {
        Self {
            generation: 0,
            position: Position::default(),
            log,
            policy,
            segments: PagedList::new(PAGE_ITEMS),
            tombstones: PagedList::new(PAGE_ITEMS),
            metrics: PagedList::new(PAGE_NAMES),
        }
    }

    /// A copy with these segments, none of whose pages is written: for a file of its own.
    pub(crate) fn repacked(
        &self,
        segments: Vec<SegmentEntry>,
        log: LogStart,
        generation: Generation,
    ) -> Self {
        let mut it =
            Self { generation, position: self.position, ..Self::empty(log, Arc::clone(&self.policy)) };
        it.segments.edit(|_| false, segments);
        it.tombstones.edit(|_| false, self.tombstones.iter().cloned().collect());
        it.metrics.edit(|_| false, self.metrics.iter().cloned().collect());
        it
    }

    /// Segments of points.
    pub(crate) fn point_segments(&self) -> impl Iterator<Item = &SegmentEntry> + Clone {
        self.segments.iter().filter(|entry| entry.kind == SegmentKind::Points)
    }

    /// Dictionary runs.
    pub(crate) fn dictionary_runs(&self) -> impl Iterator<Item = &SegmentEntry> + Clone {
        self.segments.iter().filter(|entry| entry.kind == SegmentKind::Dictionary)
    }

    /// Points that the segments store, overwritten and deleted ones included.
    pub(crate) fn points_stored(&self) -> u64 {
        self.point_segments().map(|entry| entry.summary.points).sum()
    }

    /// Series that the dictionary runs define: the first ones, in order of appearance.
    pub(crate) fn series_stored(&self) -> u64 {
        self.dictionary_runs().map(|entry| u64::from(entry.summary.series)).sum()
    }

    /// Every extent that this catalog names: segments and pages.
    pub(crate) fn extents(&self) -> Vec<ByteRange> {
        let segments = self.segments.iter().map(SegmentEntry::extent);
        segments.chain(self.page_refs().map(|page| page.extent())).collect()
    }

    /// First byte behind every extent that this catalog names, padding included.
    pub(crate) fn file_len(&self) -> u64 {
        let ends = self.extents().into_iter().map(|extent| extent.end().next_multiple_of(ALIGNMENT));
        ends.max().unwrap_or(HEADER_AREA_LEN)
    }

    /// The pages as they are stored; none for pages that are not written yet.
    pub(crate) fn page_refs(&self) -> impl Iterator<Item = &PageRef> {
        let segments = self.segments.pages().iter().map(|page| &page.stored);
        let tombstones = self.tombstones.pages().iter().map(|page| &page.stored);
        let metrics = self.metrics.pages().iter().map(|page| &page.stored);
        segments.chain(tombstones).chain(metrics).flatten()
    }

    /// Takes note that every page is to be written anew; the pages as they are stored now.
    pub(crate) fn forget_pages(&mut self) -> Vec<PageRef> {
        let stored = self.page_refs().copied().collect();
        self.segments.pages_mut().iter_mut().for_each(|page| page.stored = None);
        self.tombstones.pages_mut().iter_mut().for_each(|page| page.stored = None);
        self.metrics.pages_mut().iter_mut().for_each(|page| page.stored = None);
        stored
    }

    /// Writes the pages that changed: `place` is given each page's bytes and answers with its offset.
    pub(crate) fn store_pages(&mut self, mut place: impl FnMut(Vec<u8>) -> u64) -> Result<()> {
        store(&mut self.segments, &mut place, |_, items| Page::Segments(items))?;
        store(&mut self.tombstones, &mut place, |_, items| Page::Tombstones(items))?;
        store(&mut self.metrics, &mut place, |first, names| Page::Metrics { first, names })
    }
}

fn store<T: Clone>(
    list: &mut PagedList<T>,
    place: &mut impl FnMut(Vec<u8>) -> u64,
    page_of: impl Fn(u64, Vec<T>) -> Page,
) -> Result<()> {
    let mut first = 0u64;
    for page in list.pages_mut() {
        if page.stored.is_none() {
            let (mut reference, bytes) = page_of(first, page.items.to_vec()).encode(HEADER_AREA_LEN)?;
            reference.offset = place(bytes);
            page.stored = Some(reference);
        }
        first += page.items.len() as u64;
    }
    Ok(())
}
