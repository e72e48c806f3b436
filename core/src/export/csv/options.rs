//! What an import is told, and what it tells.
use crate::model::Limits;
use crate::time::TimeUnit;
use alloc::string::String;
use alloc::vec::Vec;

/// What to do with a line that can't be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnError {
    /// Stop there.
    #[default]
    Fail,
    /// Count it, keep the first few as examples, go on with the next.
    Skip,
}

/// How to read a CSV file.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// The metric of every row, for files without a `metric` column; refused for files that have one.
    pub metric: Option<String>,
    /// Tags that every row gets in addition to its own; a key that is also a column is refused.
    pub extra_tags: Vec<(String, String)>,
    /// Unit of integer timestamps; `None` takes it from the size of the first one ([`TimeUnit::of_integer`]).
    pub time_unit: Option<TimeUnit>,
    /// What to do with a line that can't be read.
    pub on_error: OnError,
    /// Longest row, header included, in bytes without its line end: what the reader may hold in memory.
    pub line_bytes_max: usize,
    /// What names and tags must fit, so that a row that no database accepts is an error of its line.
    pub limits: Limits,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            metric: None,
            extra_tags: Vec::new(),
            time_unit: None,
            on_error: OnError::Fail,
            line_bytes_max: 1 << 20,
            limits: Limits::default(),
        }
    }
}

/// Counts of an import so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CsvReport {
    /// Rows given to the sink, which took them.
    pub rows: u64,
    /// Rows left out because they can't be read. Not zero means that data is missing.
    pub skipped: u64,
    /// The first of them, [`CsvReport::EXAMPLES_MAX`] at most.
    pub examples: Vec<SkippedLine>,
}

impl CsvReport {
    /// Most examples that are kept.
    pub const EXAMPLES_MAX: usize = 10;
}

/// A row that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SkippedLine {
    /// Its first line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}
