//! Points as text for other tools, and back: one folder per format.
//!
//! What is exported imports to the same points, bit for bit, whatever the names hold; line protocol, which can't hold
//! everything, says what it can't before it writes. Bytes are pushed in and points come out; files, streams and commits
//! are the host's and the engine's.
//!
//! All formats share one reader ([`TextReader`]: pieces, lines, limits, what is skipped) and one writer trait
//! ([`PointWriter`]); a format adds where its records end and what they say ([`TextFormat`]).
mod batch;
mod convert;
pub mod csv;
mod format;
pub mod json;
pub mod jsonl;
pub mod line;
mod options;
mod reader;
mod refused;
mod row;
#[cfg(test)]
mod testing;
mod writer;

/// A text format by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    JsonLines,
    /// Line protocol of InfluxDB.
    Line,
}

pub use batch::{BatchRow, TextBatch};
pub use format::{Context, ReadResult, Refusal, TextFormat};
pub use options::{OnError, ReadOptions, ReadReport, SkippedLine};
pub use reader::TextReader;
pub use refused::Refused;
pub use row::{TextPoint, TextRow};
pub use writer::PointWriter;
