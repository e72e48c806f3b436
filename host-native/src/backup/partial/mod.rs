//! Partial restore: the chosen points of a backup, into a new database or into one that exists.
//!
//! The backup is read where it lies; what is not asked for is not fetched. What it keeps true: the digest of what was chosen,
//! computed while the source is read, is that of what came out; and a database that exists gets all of it in one
//! commit, or nothing. A new database is one of its own (a new lineage): it holds a part of the history it came from, and
//! must not be taken for its continuation.
mod choice;
mod chunk;
mod config;
mod fresh;
mod into;
mod source;

pub(in crate::backup) use choice::Choice;
pub(in crate::backup) use fresh::restore_chosen;
pub use into::{Conflict, IntoReport, PointChanges};
