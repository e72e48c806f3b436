//! JSON lines, in and out: one object a line, one object a point; the objects are those of [`json`](super::json).
mod format;
#[cfg(test)]
mod tests;
mod writer;

use super::TextReader;
pub use format::JsonLinesFormat;
pub use writer::JsonLinesWriter;

/// Reads JSON lines.
pub type JsonLinesReader = TextReader<JsonLinesFormat>;
