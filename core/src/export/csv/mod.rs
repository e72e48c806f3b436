//! CSV, in and out: `timestamp,metric,value` and one column per tag.
//!
//! `core/docs/format/text.md` is the dialect's text. What [`CsvWriter`] writes, [`CsvReader`] reads back to the same
//! points: names with quotes, commas, line ends, leading spaces, and every bit pattern of a value. The reader is pushed
//! bytes and holds one row at a time; it never guesses where a row that is not CSV ends.
mod boundary;
mod cells;
mod columns;
mod convert;
mod format;
mod row;
#[cfg(test)]
mod tests;
mod writer;

use super::TextReader;
use super::reader::BYTE_ORDER_MARK;
pub use format::CsvFormat;
pub use row::CsvRow;
pub use writer::CsvWriter;

/// Reads a CSV file.
pub type CsvReader = TextReader<CsvFormat>;

/// Column of the time.
const TIMESTAMP: &str = "timestamp";
/// Column of the metric's name.
const METRIC: &str = "metric";
/// Column of the value.
const VALUE: &str = "value";
/// Before a tag key in the header that would otherwise be read as something else.
const TAG_PREFIX: &str = "tag:";
