//! The header area of a container and its catalog: everything from which segments are found.
use super::{Affected, Findings};
use crate::catalog::{Catalog, StoredPolicy, check};
use crate::error::{Error, Result};
use crate::format::{
    CatalogRoot, HEADER_AREA_LEN, OtherSlot, Page, PageRef, SLOT_HEAD_LEN, SLOT_LEN, SegmentEntry,
    SlotReport, Superblock, newest,
};
use crate::source::{Source, Step};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What the header area says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct HeaderReport {
    /// The superblock that counts; `None` when there is none, which is a finding.
    pub superblock: Option<Superblock>,
    /// How it was chosen. In a database that was in use, the other slot may hold an interrupted write.
    pub slots: Option<SlotReport>,
    /// Bytes that were looked at.
    pub bytes: u64,
    /// What is wrong.
    pub findings: Findings,
}

/// Checks both slots of a file of `file_len` bytes; `header_area` are its first 64 KiB, or all of a shorter one.
///
/// `packed` says that the file is part of a backup: then there is one superblock, zeros are all that is beside it, and
/// the file ends where the catalog says. Else it must reach as far as the catalog's pages; whether it holds each segment
/// is for the caller to see.
pub fn verify_header(header_area: &[u8], file_len: u64, packed: bool) -> HeaderReport {
    let mut report = HeaderReport { bytes: header_area.len() as u64, ..HeaderReport::default() };
    let mut find = |error: Error| report.findings.add(&"header area", &error, Affected::default());
    match newest(header_area) {
        Err(error) => find(error),
        Ok((superblock, slots)) => {
            // A database that is in use ends where its last extent does, without padding, and loses free space behind
            // that after the superblock was written: only what the catalog names must be there.
            let pages = superblock.root.pages.iter().map(|page| page.extent().end());
            let needed =
                if packed { superblock.root.file_len } else { pages.fold(HEADER_AREA_LEN, u64::max) };
            if file_len < needed || (packed && file_len != needed) {
                find(Error::damaged(alloc::format!(
                    "the file has {file_len} bytes, its catalog accounts for {needed}: it was cut, or something was added"
                )));
            }
            if packed {
                check_packed(header_area, &slots).err().into_iter().for_each(find);
            }
            (report.superblock, report.slots) = (Some(superblock), Some(slots));
        }
    }
    report
}

fn check_packed(header_area: &[u8], slots: &SlotReport) -> Result<()> {
    if slots.other != OtherSlot::Empty {
        return Err(Error::damaged(alloc::format!(
            "a packed file has one superblock, this one also has {:?} in the other slot",
            slots.other
        )));
    }
    // The slot's hash holds, so its length is the one that was written.
    let start = slots.slot * SLOT_LEN;
    let root_len = header_area.get(start + 80..).and_then(|rest| rest.first_chunk::<4>());
    let root_len =
        root_len.and_then(|len| usize::try_from(u32::from_le_bytes(*len)).ok()).unwrap_or_default();
    let end = start.saturating_add(SLOT_HEAD_LEN).saturating_add(root_len);
    let nonzero = |range: core::ops::Range<usize>| {
        let from = range.start;
        let bytes = header_area.get(range).unwrap_or_default();
        bytes.iter().position(|&byte| byte != 0).map(|at| from + at)
    };
    let area = header_area.len().min(usize::try_from(HEADER_AREA_LEN).unwrap_or(usize::MAX));
    match nonzero(0..start).or_else(|| nonzero(end.min(area)..area)) {
        Some(at) => Err(Error::damaged(alloc::format!("byte {at} is not zero, and nothing accounts for it"))),
        None => Ok(()),
    }
}

/// What the catalog holds.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CatalogReport {
    /// The segments of every page that could be read, for [`super::verify_segment`].
    pub segments: Vec<SegmentEntry>,
    /// Pages that could be read.
    pub pages: u64,
    /// Bytes of all pages.
    pub bytes: u64,
    /// What is wrong.
    pub findings: Findings,
}

/// Reads every page of the catalog; the ranges of those that are not at hand are `Missing`, all in one round. A page that
/// can't be read is a finding, and the others are still read.
pub fn verify_catalog(superblock: &Superblock, source: &mut dyn Source) -> Step<CatalogReport> {
    let root = &superblock.root;
    let mut report = CatalogReport::default();
    let mut missing = Vec::new();
    let mut catalog = Catalog::empty(root.log, Arc::new(StoredPolicy::of_root(root)));
    catalog.position.lsn = root.lsn;
    for page in &root.pages {
        let decoded = match source.read(page.extent()) {
            Ok(None) => {
                missing.push(page.extent());
                continue;
            }
            Ok(Some(bytes)) => Page::decode(page, bytes, root.file_len),
            Err(error) => Err(error),
        };
        report.bytes += u64::from(page.len);
        match decoded.and_then(|decoded| collect(&mut catalog, page, decoded)) {
            Ok(()) => report.pages += 1,
            Err(error) => {
                let time = (!page.time.is_empty()).then_some(page.time);
                let place = alloc::format!("catalog page at {}", page.offset);
                report.findings.add(&place, &error, Affected { series: None, time });
            }
        }
    }
    if !missing.is_empty() {
        return Step::Missing(missing);
    }
    // What a missing page would have brought is not complained about again.
    if report.findings.is_empty()
        && let Err(error) = check(&catalog).and_then(|()| counts(&catalog, root))
    {
        report.findings.add(&"catalog", &error, Affected::default());
    }
    report.segments = catalog.segments.iter().copied().collect();
    Step::Ready(report)
}

fn collect(catalog: &mut Catalog, reference: &PageRef, page: Page) -> Result<()> {
    match page {
        Page::Segments(entries) => catalog.segments.push_stored(entries, *reference),
        Page::Tombstones(tombstones) => catalog.tombstones.push_stored(tombstones, *reference),
        Page::Metrics { first, names } if first == catalog.metrics.len() as u64 => {
            catalog.metrics.push_stored(names, *reference);
        }
        Page::Metrics { first, .. } => {
            return Err(Error::damaged(alloc::format!("names before metric {first} are missing")));
        }
    }
    Ok(())
}

fn counts(catalog: &Catalog, root: &CatalogRoot) -> Result<()> {
    let found = (catalog.points_stored(), catalog.series_stored(), catalog.metrics.len() as u64);
    let said = (root.points_stored, root.series_count, u64::from(root.metric_count));
    if found == said {
        return Ok(());
    }
    Err(Error::damaged(alloc::format!(
        "its pages hold {} points, {} series and {} metrics; the superblock says {}, {} and {}",
        found.0,
        found.1,
        found.2,
        said.0,
        said.1,
        said.2
    )))
}
