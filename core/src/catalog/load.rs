//! Reading a catalog from a container: one round of ranges, all known from the superblock.
use super::{Catalog, StoredPolicy, check};
use crate::error::{Error, Result};
use crate::format::{CatalogRoot, Page};
use crate::head::Position;
use crate::ids::Generation;
use crate::source::{ByteRange, Source, Step};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The pages of one catalog, as they come in.
pub(crate) struct CatalogLoad<'a> {
    root: &'a CatalogRoot,
    generation: Generation,
}

impl<'a> CatalogLoad<'a> {
    /// Of the superblock of `generation` with this root.
    pub(crate) fn new(root: &'a CatalogRoot, generation: Generation) -> Self {
        Self { root, generation }
    }

    /// The catalog, or all the pages that are not at hand.
    pub(crate) fn step(&self, source: &mut dyn Source) -> Result<Step<Catalog>> {
        let mut missing: Vec<ByteRange> = Vec::new();
        let mut catalog = Catalog::empty(self.root.log, Arc::new(StoredPolicy::of_root(self.root)));
        catalog.generation = self.generation;
        catalog.position =
            Position { lsn: self.root.lsn, commit_time_ns: self.root.commit_time_ns, chain: self.root.chain };
        for page in &self.root.pages {
            let Some(bytes) = source.read(page.extent())? else {
                missing.push(page.extent());
                continue;
            };
            match Page::decode(page, bytes, self.root.file_len)? {
                Page::Segments(entries) => catalog.segments.push_stored(entries, *page),
                Page::Tombstones(tombstones) => catalog.tombstones.push_stored(tombstones, *page),
                Page::Metrics { first, names } if first == catalog.metrics.len() as u64 => {
                    catalog.metrics.push_stored(names, *page);
                }
                Page::Metrics { first, .. } => {
                    return Err(Error::damaged(alloc::format!(
                        "the page of metrics at {} starts with number {first} instead of {}",
                        page.offset,
                        catalog.metrics.len()
                    )));
                }
            }
        }
        if !missing.is_empty() {
            return Ok(Step::Missing(missing));
        }
        check(&catalog)?;
        Ok(Step::Ready(catalog))
    }
}
