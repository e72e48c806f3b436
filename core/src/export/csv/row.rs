//! One row of a file as a point.
use super::cells::CutRow;
use super::columns::Columns;
use crate::export::TextPoint;
use crate::model::PointSource;
use alloc::string::String;

/// A point that borrows from the reader's buffers; it lives as long as the call of the sink.
#[derive(Clone, Copy, Debug)]
pub struct CsvRow<'a> {
    pub(super) cells: CutRow<'a>,
    pub(super) columns: &'a Columns,
    pub(super) extra_tags: &'a [(String, String)],
    pub(super) metric: &'a str,
    pub(super) timestamp: i64,
    pub(super) value: f64,
    pub(super) line: u64,
    pub(super) repeats_tags: bool,
    /// See [`TextPoint::tags_text`].
    pub(super) tags_text: &'a str,
}

impl TextPoint for CsvRow<'_> {
    fn line(&self) -> u64 {
        self.line
    }
    #[inline]
    fn repeats_tags(&self) -> bool {
        self.repeats_tags
    }
    #[inline]
    fn tags_text(&self) -> &str {
        self.tags_text
    }
}

impl PointSource for CsvRow<'_> {
    #[inline]
    fn metric(&self) -> &str {
        self.metric
    }
    #[inline]
    fn tag_count(&self) -> usize {
        self.columns.tags.len() + self.extra_tags.len()
    }
    #[inline]
    fn tag_at(&self, index: usize) -> (&str, &str) {
        if let Some(column) = self.columns.tags.get(index) {
            return (&column.key, self.cells.get(column.index));
        }
        let extra = index.checked_sub(self.columns.tags.len()).and_then(|index| self.extra_tags.get(index));
        extra.map_or(("", ""), |(key, value)| (key, value))
    }
    fn timestamp(&self) -> i64 {
        self.timestamp
    }
    fn value(&self) -> f64 {
        self.value
    }
}
