//! JSON, in and out: one array of objects, one object a point.
//!
//! `core/docs/formats.md` says what an object looks like. The reader takes any number of objects in the memory of one;
//! white space and line ends stand where JSON allows them. It is no general JSON library: what is not a point is an error.
mod boundary;
mod cursor;
mod format;
mod number;
mod object;
#[cfg(test)]
mod tests;
mod writer;

pub(super) use object::{Object, read_point};
pub(super) use writer::ObjectWriter;

use super::TextReader;
pub use format::JsonFormat;
pub use writer::JsonWriter;

/// Reads a JSON array of points.
pub type JsonReader = TextReader<JsonFormat>;
