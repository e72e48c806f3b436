//! Line protocol of InfluxDB (v1 and v2), in and out: `measurement,tag=value field=1.5,other=2i 1706400000000000000`.
//!
//! Field `f` of measurement `m` is metric `m.f`, field `value` is metric `m`. `core/docs/formats.md` says what of the
//! protocol has no place in a database of numbers (strings, integers that f64 does not hold), and what of a database has
//! no place in the protocol (NaN, infinities, some names): neither is dropped silently.
mod boundary;
mod field;
mod format;
mod names;
#[cfg(test)]
mod tests;
mod writer;

use super::TextReader;
pub use format::LineFormat;
pub use writer::LineWriter;

/// Reads line protocol.
pub type LineReader = TextReader<LineFormat>;

/// The field whose metric is named as its measurement.
const VALUE: &str = "value";
