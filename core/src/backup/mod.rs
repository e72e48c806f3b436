//! Backup: what a copy of a database consists of, decided before a byte is moved.
//!
//! Plans and records are values: they hold ids, ranges and the few bytes that are new, never data, and can be printed.
//! Hosts carry them out, and own concurrency, retries and progress. `core/docs/format/snapshot.md` is the specification of
//! the snapshot directory; [`repository`] is about many points in one place. Nothing here reads a file, knows a destination or decides how often a backup is made.
mod fold;
mod pack;
mod packed_file;
mod record;
mod record_json;
pub mod repository;
mod seal;
#[cfg(test)]
pub(crate) mod tests;

pub use fold::restored_identity;
pub use pack::{LogCopy, Move, PackPlan, Piece};
pub use packed_file::PackedFile;
pub use record::{
    DATA_FILE_NAME, FileRecord, RECORD_FILE_NAME, RECORD_LEN_MAX, SNAPSHOT_VERSION, SnapshotRecord,
    check_file_name,
};
