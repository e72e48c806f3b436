//! Values as text, shared by every text format (CSV, JSON, line protocol, query results), and names as people write them.
//!
//! What is written reads back to the same bits, NaN payloads included.
mod nearest;
mod number;
mod shorten;
mod size;

pub use nearest::nearest;
pub(crate) use number::write_integer;
pub use number::{NUMBER_BYTES_MAX, parse_number, write_number};
pub use shorten::shorten;
pub use size::human_bytes;
