//! Cells to values and checked names, with errors that name the column and show the text.
use super::CsvRow;
use crate::error::Result;
use crate::export::convert::{bad_part, check_tag_count, read_time};
use crate::model::Limits;
use crate::text::parse_number;
use crate::time::TimeUnit;

/// Reads the cell of the value. Spaces around it do not matter.
pub(super) fn read_value(cell: &str) -> Result<f64> {
    parse_number(cell.as_bytes()).or_else(|| parse_number(cell.trim_ascii().as_bytes())).ok_or_else(|| {
        let problem = if cell.trim_ascii().is_empty() { "the cell is empty" } else { "it is not a number" };
        bad_part("column value", cell, problem)
    })
}

/// Reads the cell of the time; see [`read_time`].
pub(super) fn read_timestamp(cell: &str, unit: Option<TimeUnit>) -> Result<(i64, Option<TimeUnit>)> {
    const COLUMN: &str = "column timestamp";
    if cell.trim_ascii().is_empty() {
        return Err(bad_part(COLUMN, cell, "the cell is empty"));
    }
    read_time(COLUMN, cell, unit)
}

/// Checks what differs between rows against the limits: the metric, the tag values, the number of tags.
pub(super) fn check_limits(row: &CsvRow<'_>, limits: &Limits) -> Result<()> {
    if row.metric.is_empty() {
        return Err(bad_part("column metric", row.metric, "the cell is empty"));
    }
    // The tags were checked with the row before, or no part of this row can be too long.
    let is_checked = row.repeats_tags || row.cells.text_len() <= limits.name_bytes_max;
    if is_checked && row.columns.tags.len() + row.extra_tags.len() <= limits.tags_max {
        return limits.check_name("metric name", row.metric);
    }
    limits.check_name("metric name", row.metric)?;
    let mut tags = row.extra_tags.iter().filter(|(_, value)| !value.is_empty()).count();
    for column in &row.columns.tags {
        let value = row.cells.get(column.index);
        if !value.is_empty() {
            tags += 1;
            limits.check_name("tag value", value)?;
        }
    }
    check_tag_count(tags, limits)
}
