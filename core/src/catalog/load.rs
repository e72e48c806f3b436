//! Reading a catalog from a container: one round of ranges, all known from the superblock.
use super::{Catalog, check};
use crate::error::{At, Result};
use crate::format::{CatalogRoot, PageKind, decode_page};
use crate::head::Position;
use crate::ids::Generation;
use crate::source::{ByteRange, Source, Step};
use alloc::vec::Vec;

/// The pages of one catalog, as they come in.
pub(crate) struct CatalogLoad<'a> {
    root: &'a CatalogRoot,
    generation: Generation,
}

impl<'a> CatalogLoad<'a> {
    /// Of the superblock of `generation` with this root.
    pub(crate) fn new(root: &'a CatalogRoot, generation: Generation) -> Self { Self { root, generation } }

    /// The catalog, or all the pages that are not at hand.
    pub(crate) fn step(&self, source: &mut dyn Source) -> Result<Step<Catalog>> {
        let mut missing: Vec<ByteRange> = Vec::new();
        let mut catalog = Catalog::empty(self.root.log);
        catalog.generation = self.generation;
        catalog.position =
            Position { lsn: self.root.lsn, commit_time_ns: self.root.commit_time_ns, chain: self.root.chain };
        for page in &self.root.pages {
            let place = || alloc::format!("catalog page at {}", page.offset);
            let Some(bytes) = source.read(page.extent())? else {
                missing.push(page.extent());
                continue;
            };
            match page.kind {
                PageKind::Segments => {
                    let items: Vec<crate::format::SegmentEntry> = decode_page(bytes, page).at(place)?;
                    items.iter().try_for_each(|entry| entry.check(self.root.file_len)).at(place)?;
                    catalog.segments.push_stored(items, *page);
                }
                PageKind::Tombstones => {
                    let items: Vec<crate::format::Tombstone> = decode_page(bytes, page).at(place)?;
                    items.iter().try_for_each(crate::format::Tombstone::check).at(place)?;
                    catalog.tombstones.push_stored(items, *page);
                }
                PageKind::Metrics => catalog.metrics.push_stored(decode_page(bytes, page).at(place)?, *page),
            }
        }
        if !missing.is_empty() {
            return Ok(Step::Missing(missing));
        }
        check(&catalog)?;
        Ok(Step::Ready(catalog))
    }
}
