//! Dictionary runs: segments that say which tags a series id stands for.
//!
//! A run is sorted by id and never changed; new series come in new runs, and merging runs is the engine's work. The
//! metric is not in here: it is the high half of the id, and its name is in the catalog's table of metrics.
mod block;
mod builder;
mod index;
#[cfg(test)]
mod tests;

pub use block::{
    DictionaryBlockMeta, check_dictionary_block, check_dictionary_block_hash, decode_dictionary_block,
    read_dictionary_block,
};
pub use builder::DictionaryBuilder;
pub use index::DictionaryIndex;

use crate::ids::{Hash, SeriesId};
use serde::{Deserialize, Serialize};

/// Most series in one block of a dictionary run.
pub const DICTIONARY_BLOCK_SERIES_MAX: u32 = 4_096;

/// Longest tag key or value that the format holds, bytes; see [`crate::model::Limits::name_bytes_max`].
const NAME_BYTES_MAX: usize = 65_535;
/// Most tags of a series that the format holds; see [`crate::model::Limits::tags_max`].
const TAGS_MAX: usize = 1_024;

/// What the catalog and a backup keep about a dictionary run. All of it can be rebuilt from the run's index.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DictionarySummary {
    /// BLAKE3 of the index, and through it of every block.
    pub identity: Hash,
    /// Bytes of the segment, without padding.
    pub len: u64,
    /// Where the index starts, bytes from the start of the segment.
    pub index_offset: u64,
    /// Bytes of the index, which ends the segment.
    pub index_len: u32,
    /// Number of blocks, never 0.
    pub blocks: u32,
    /// Number of series, never 0.
    pub series: u32,
    /// Smallest series id.
    pub series_min: SeriesId,
    /// Largest series id.
    pub series_max: SeriesId,
}
