//! The bytes of `data.db`, `changes.db` and the log: values to bytes and back, and what must hold of them.
//!
//! It keeps no state, knows no file and decides nothing about a database. Every decoder checks every byte that it
//! reads; what it can't accept is an error that says where, never a panic and never an allocation that the input's
//! own length does not justify. `core/docs/format/` is the specification: `container.md` for what lies in `data.db`,
//! `log.md` for the log.
pub mod catalog_root;
pub mod commit;
pub mod extent;
pub mod features;
pub mod frame;
mod log_evidence;
pub mod log_file;
pub mod log_scan;
mod metadata;
pub mod page;
mod reader;
pub mod segment_entry;
pub mod series_set;
pub mod slots;
pub mod summary;
pub mod superblock;
pub mod tombstone;

/// Examples that the tests of several modules share.
#[cfg(test)]
mod examples;
