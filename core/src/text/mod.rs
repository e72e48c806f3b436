//! Values as text, shared by every text format (CSV, JSON, line protocol, query results).
//!
//! What is written reads back to the same bits, NaN payloads included.
mod number;
mod shorten;
mod size;

pub(crate) use number::write_integer;
pub use number::{NUMBER_BYTES_MAX, parse_number, write_number};
pub use shorten::shorten;
pub(crate) use size::human_bytes;
