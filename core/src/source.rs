//! Bytes that are there: how the core reads a container without doing I/O.
//!
//! Over a memory map everything is always there. Over a network or IndexedDB a host keeps what it fetched, and
//! answers `None` for the rest; the reader then says exactly which ranges it misses, and is called again.
use crate::error::Result;
use crate::ids::Hash;
use crate::segment::{DecodedBlock, SegmentIndex};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A range of bytes of `data.db`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ByteRange {
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
}

impl ByteRange {
    /// From `offset`, `len` bytes.
    pub const fn new(offset: u64, len: u64) -> Self {
        Self { offset, len }
    }
    /// The byte after the last one; saturates.
    pub const fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// Names a block for good: an extent may be given to another segment, an identity may not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockKey {
    /// Identity of the segment.
    pub segment: Hash,
    /// Number of the block in its index.
    pub block: u32,
}

/// What a host knows of a block that is about to be read.
#[derive(Debug)]
pub enum CachedBlock {
    /// Its points.
    Found(Arc<DecodedBlock>),
    /// Nothing, and it would like to [keep](Source::keep_block) it.
    Wanted,
    /// Nothing, and it would not.
    Unwanted,
}

/// A host's view of `data.db`, as far as it is at hand.
pub trait Source {
    /// The bytes of `range`, all of them, or `None` while they are not at hand. A failure of the medium is an error.
    fn read(&mut self, range: ByteRange) -> Result<Option<&[u8]>>;

    /// A parsed index that an earlier reader left with [`Source::keep_index`].
    fn cached_index(&mut self, identity: &Hash) -> Option<Arc<SegmentIndex>> {
        let _ = identity;
        None
    }

    /// Offers a parsed index to whoever reads the segment next. The default keeps nothing.
    fn keep_index(&mut self, identity: &Hash, index: &Arc<SegmentIndex>) {
        let _ = (identity, index);
    }

    /// A decoded block that an earlier reader left with [`Source::keep_block`]. `partly` tells that only some of its
    /// points are asked for: then the rest of the work is lost unless somebody keeps it, which is what a cache is for. A
    /// scan asks for whole blocks, and should not push those out.
    fn cached_block(&mut self, key: &BlockKey, partly: bool) -> CachedBlock {
        let _ = (key, partly);
        CachedBlock::Unwanted
    }

    /// Hands over a block that was [`CachedBlock::Wanted`].
    fn keep_block(&mut self, key: &BlockKey, block: &Arc<DecodedBlock>) {
        let _ = (key, block);
    }
}

/// A whole container in memory.
impl Source for &[u8] {
    fn read(&mut self, range: ByteRange) -> Result<Option<&[u8]>> {
        let bounds = usize::try_from(range.offset).ok().zip(usize::try_from(range.end()).ok());
        bounds.and_then(|(start, end)| self.get(start..end)).map(Some).ok_or_else(|| {
            crate::error::Error::damaged(alloc::format!(
                "bytes {}..{} lie behind the end of the file ({} bytes): it was cut",
                range.offset,
                range.end(),
                self.len()
            ))
        })
    }
}

/// What a step of a reader came to.
#[derive(Debug)]
pub enum Step<T> {
    /// An item.
    Ready(T),
    /// Fetch these ranges (side by side), then call again.
    Missing(Vec<ByteRange>),
    /// There is nothing more.
    Done,
}
