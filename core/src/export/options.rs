//! What an import is told, and what it tells.
use crate::model::Limits;
use crate::time::TimeUnit;
use alloc::string::String;
use alloc::vec::Vec;

/// What to do with a record that can't be read, or with a point that a format can't hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnError {
    /// Stop there.
    #[default]
    Fail,
    /// Count it, keep the first few as examples, go on with the next.
    Skip,
}

/// How to read a text, of any format.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The metric of every point, for texts that do not name it; refused for those that do.
    pub metric: Option<String>,
    /// Tags that every point gets in addition to its own; a key that the text gives too is refused.
    pub extra_tags: Vec<(String, String)>,
    /// Unit of integer timestamps; `None` takes it from the size of the first one ([`TimeUnit::of_integer`]), and in line
    /// protocol is nanoseconds.
    pub time_unit: Option<TimeUnit>,
    /// Unix nanoseconds that a line of line protocol without a timestamp gets; `None` makes such a line an error.
    pub now_ns: Option<i64>,
    /// What to do with a record that can't be read.
    pub on_error: OnError,
    /// Longest record (row, line, object; a CSV header too) in bytes without its line end: what a reader may hold in
    /// memory.
    pub line_bytes_max: usize,
    /// What names and tags must fit, so that a point that no database accepts is an error of its line.
    pub limits: Limits,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            metric: None,
            extra_tags: Vec::new(),
            time_unit: None,
            now_ns: None,
            on_error: OnError::Fail,
            line_bytes_max: 1 << 20,
            limits: Limits::default(),
        }
    }
}

/// Counts of an import so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReadReport {
    /// Points given to the sink, which took them.
    pub rows: u64,
    /// Records left out because they can't be read, and single fields of line protocol. Not zero means that data is
    /// missing.
    pub skipped: u64,
    /// The first of them, [`ReadReport::EXAMPLES_MAX`] at most.
    pub examples: Vec<SkippedLine>,
}

impl ReadReport {
    /// Most examples that are kept.
    pub const EXAMPLES_MAX: usize = 10;

    /// Counts what is left out; `message` is only asked for while examples are kept.
    pub(super) fn skip(&mut self, line: u64, message: impl FnOnce() -> String) {
        self.skipped += 1;
        if self.examples.len() < Self::EXAMPLES_MAX {
            self.examples.push(SkippedLine { line, message: message() });
        }
    }
}

/// A record that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SkippedLine {
    /// Its first line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}
