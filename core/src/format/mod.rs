//! The bytes of `data.db`, `changes.db` and the log: values to bytes and back, and what must hold of them.
//!
//! It keeps no state, knows no file and decides nothing about a database. Every decoder checks every byte that it
//! reads; what it can't accept is an error that says where, never a panic and never an allocation that the input's
//! own length does not justify. `core/docs/format/` is the specification.
pub mod summary;
