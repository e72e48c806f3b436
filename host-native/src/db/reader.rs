//! Sources: how the engine's readers get at the bytes of `data.db`.
use super::blocks::BlockCache;
use super::store::{Held, Store};
use crate::files::data_file::DataFile;
use crate::lru::Lru;
use chronicle_core::error::Result;
use chronicle_core::ids::Hash;
use chronicle_core::segment::{DecodedBlock, SegmentIndex};
use chronicle_core::source::{BlockKey, ByteRange, CachedBlock, Source};
use std::sync::{Arc, Mutex, PoisonError};

/// Reads with positioned reads into memory; for the catalog, which is small.
pub(crate) struct FileSource<'a> {
    file: &'a DataFile,
    bytes: Vec<u8>,
}

impl<'a> FileSource<'a> {
    pub(crate) fn new(file: &'a DataFile) -> Self {
        Self { file, bytes: Vec::new() }
    }
}

impl Source for FileSource<'_> {
    fn read(&mut self, range: ByteRange) -> Result<Option<&[u8]>> {
        self.bytes = self.file.read_exact_at(range.offset, range.len)?;
        Ok(Some(&self.bytes))
    }
}

/// Parsed indexes of segments, shared by all queries.
pub(crate) struct IndexCache {
    entries: Mutex<Lru<Hash, Arc<SegmentIndex>>>,
    bytes_max: u64,
}

impl IndexCache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { entries: Mutex::new(Lru::new()), bytes_max }
    }

    fn get(&self, identity: &Hash) -> Option<Arc<SegmentIndex>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).get(identity).cloned()
    }

    fn keep(&self, identity: &Hash, index: &Arc<SegmentIndex>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert(*identity, Arc::clone(index), index.memory_bytes() as u64);
        while entries.weight() > self.bytes_max && entries.len() > 1 {
            entries.pop_oldest();
        }
    }
}

/// Reads through maps of whole segments, or windows of them that are fetched. `extents` are those a reader may ask for, in order of offset; a view pins them.
pub(crate) struct MapSource<'a> {
    store: &'a Store,
    indexes: &'a IndexCache,
    /// `None` for readers that see everything once.
    blocks: Option<&'a BlockCache>,
    extents: Arc<[ByteRange]>,
    last: Option<(ByteRange, Held)>,
}

impl<'a> MapSource<'a> {
    pub(crate) fn new(
        store: &'a Store,
        indexes: &'a IndexCache,
        blocks: Option<&'a BlockCache>,
        mut extents: Vec<ByteRange>,
    ) -> Self {
        extents.sort_unstable();
        Self { store, indexes, blocks, extents: extents.into(), last: None }
    }

    /// The same for another thread.
    pub(crate) fn another(&self) -> Self {
        Self { extents: Arc::clone(&self.extents), last: None, ..*self }
    }

    fn enclosing(&self, range: ByteRange) -> ByteRange {
        let after = self.extents.partition_point(|extent| extent.offset <= range.offset);
        let extent = after.checked_sub(1).and_then(|at| self.extents.get(at)).copied();
        extent.filter(|extent| range.end() <= extent.end()).unwrap_or(range)
    }
}

impl Source for MapSource<'_> {
    fn read(&mut self, range: ByteRange) -> Result<Option<&[u8]>> {
        let at_hand = self
            .last
            .as_ref()
            .is_some_and(|(extent, _)| extent.offset <= range.offset && range.end() <= extent.end());
        if !at_hand {
            let extent = self.enclosing(range);
            self.last = Some(self.store.read(extent, range)?);
        }
        let Some((held, bytes)) = &self.last else { return Ok(None) };
        // Both fit memory that exists.
        let start = (range.offset - held.offset) as usize;
        Ok(bytes.get(start..start + range.len as usize))
    }

    fn cached_index(&mut self, identity: &Hash) -> Option<Arc<SegmentIndex>> {
        self.indexes.get(identity)
    }

    fn keep_index(&mut self, identity: &Hash, index: &Arc<SegmentIndex>) {
        self.indexes.keep(identity, index)
    }

    fn cached_block(&mut self, key: &BlockKey, partly: bool) -> CachedBlock {
        self.blocks.map_or(CachedBlock::Unwanted, |blocks| blocks.get(key, partly))
    }

    fn keep_block(&mut self, key: &BlockKey, block: &Arc<DecodedBlock>) {
        if let Some(blocks) = self.blocks {
            blocks.keep(key, block);
        }
    }
}
