//! Segments: immutable, sorted, compressed, checksummed content at one extent of a container.
//!
//! A segment is a header, blocks back to back, and an index that ends it. It holds relative offsets only, and the same
//! content gives the same bytes: its identity is the BLAKE3 of its index, and the index holds a hash of each block, so
//! that any range of it can be proved from the identity down. There are two kinds: runs of points
//! ([`SegmentBuilder`], [`SegmentIndex`]) and definitions of series ([`DictionaryBuilder`], [`DictionaryIndex`]).
//!
//! Nothing here knows where a segment lies, which segments are live, or what a series' metric is called: that is the
//! catalog's. `core/docs/format/segment.md` is the map of every byte.
mod block;
mod builder;
mod columns;
mod decoded;
mod dictionary;
mod header;
mod index;
mod index_bytes;
mod summary;
#[cfg(test)]
mod tests;

pub use block::{BlockMeta, check_block, check_block_hash, check_block_statistics, decode_block};
pub use builder::{BLOCK_POINTS_SPLIT, BLOCK_POINTS_TARGET, SegmentBuilder};
pub use decoded::DecodedBlock;
pub use dictionary::{
    DICTIONARY_BLOCK_SERIES_MAX, DictionaryBlockMeta, DictionaryBuilder, DictionaryIndex, DictionarySummary,
    check_dictionary_block, check_dictionary_block_hash, decode_dictionary_block, read_dictionary_block,
};
pub use header::{
    SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, SEGMENT_VERSION, SegmentFeatures, SegmentHeader, SegmentKind,
    inspect_segment_header,
};
pub use index::SegmentIndex;
pub use summary::BuiltSegment;

/// Most bytes of a segment: one less than 4 GiB, so that every offset inside fits 32 bits.
pub const SEGMENT_BYTES_MAX: u64 = u32::MAX as u64;
/// What seals and compactions aim at: large enough that a segment is a few objects, small enough to build in memory.
pub const SEGMENT_BYTES_TARGET: u64 = 16 << 20;
