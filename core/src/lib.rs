//! Chronicle's engine core: what the bytes mean, and what may be done to them.
//!
//! It does no I/O, reads no clock, draws no randomness, starts no thread and knows no path: a host
//! (native, browser) hands in bytes, times and random ids, and performs the effects it is told.
//! `core/docs/format.md` is the specification of every byte; `core/docs/architecture.md` says which module
//! may use which.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod backup;
pub mod catalog;
pub mod codec;
pub mod crypt;
pub mod digest;
pub mod engine;
pub mod error;
pub mod export;
pub mod format;
pub mod head;
pub mod ids;
pub mod model;
pub mod query;
pub mod segment;
pub mod source;
pub mod statistics;
pub mod text;
pub mod time;
pub mod verify;
