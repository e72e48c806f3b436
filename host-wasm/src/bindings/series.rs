//! Points as JavaScript gives them: a table of series, and columns.
use chronicle_core::error::{Error, Result};
use chronicle_core::model::{PointSource, SeriesMemo};

/// The series of a batch: metric, then key and value of each tag.
pub(super) struct SeriesTable {
    series: Vec<Vec<String>>,
    memos: Vec<SeriesMemo>,
}

/// A point of a batch.
pub(super) struct ColumnPoint<'a> {
    names: &'a [String],
    memo: &'a SeriesMemo,
    timestamp: i64,
    value: f64,
}

impl SeriesTable {
    /// `json` is an array of arrays of text.
    pub(super) fn new(json: &str, memo: &SeriesMemo) -> Result<Self> {
        let series: Vec<Vec<String>> = super::json::parse(json)?;
        let memos = series.iter().map(|_| memo.another()).collect();
        Ok(Self { series, memos })
    }

    /// The points whose series are `of`, by number: one for each, or a single one for all.
    pub(super) fn points(
        &self,
        of: &[u32],
        timestamps: &[i64],
        values: &[f64],
    ) -> Result<Vec<ColumnPoint<'_>>> {
        if timestamps.len() != values.len() || (of.len() != 1 && of.len() != timestamps.len()) {
            return Err(Error::invalid(format!(
                "{} timestamps, {} values and {} series do not belong together",
                timestamps.len(),
                values.len(),
                of.len()
            )));
        }
        let number = |index: usize| of.get(index).or(of.first()).copied();
        timestamps
            .iter()
            .zip(values)
            .enumerate()
            .map(|(index, (&timestamp, &value))| {
                let number = number(index).and_then(|number| usize::try_from(number).ok());
                let found = number.and_then(|number| self.series.get(number).zip(self.memos.get(number)));
                let (names, memo) =
                    found.ok_or_else(|| Error::invalid(format!("point {index} is of no series")))?;
                Ok(ColumnPoint { names, memo, timestamp, value })
            })
            .collect()
    }
}

impl PointSource for ColumnPoint<'_> {
    fn metric(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }
    fn tag_count(&self) -> usize {
        self.names.len().saturating_sub(1) / 2
    }
    fn tag_at(&self, index: usize) -> (&str, &str) {
        let text = |index: usize| self.names.get(index).map_or("", String::as_str);
        (text(2 * index + 1), text(2 * index + 2))
    }
    fn timestamp(&self) -> i64 {
        self.timestamp
    }
    fn value(&self) -> f64 {
        self.value
    }
    fn memo(&self) -> Option<&SeriesMemo> {
        Some(self.memo)
    }
}
