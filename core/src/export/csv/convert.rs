//! Cells to values and times, with errors that name the column and show the text.
use super::{CsvRow, METRIC, TIMESTAMP, VALUE};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Limits;
use crate::text::{parse_number, shorten};
use crate::time::{TimeUnit, parse_timestamp_lenient};

/// Reads the cell of the value. Spaces around it do not matter.
pub(super) fn read_value(cell: &str) -> Result<f64> {
    parse_number(cell.as_bytes()).or_else(|| parse_number(cell.trim_ascii().as_bytes())).ok_or_else(|| {
        let problem = if cell.trim_ascii().is_empty() { "the cell is empty" } else { "it is not a number" };
        in_column(VALUE, cell, problem)
    })
}

/// Reads the cell of the time; an integer counts `unit`. Answers the time and the unit: the given one, or the one that
/// the size of the integer suggests. Spaces around it do not matter.
pub(super) fn read_time(cell: &str, unit: Option<TimeUnit>) -> Result<(i64, Option<TimeUnit>)> {
    let text = cell.trim_ascii();
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return match parse_timestamp_lenient(text) {
            Ok(ns) => Ok((ns, unit)),
            Err(_) if text.is_empty() => Err(in_column(TIMESTAMP, cell, "the cell is empty")),
            Err(error) => Err(Error::invalid(alloc::format!("column {TIMESTAMP}: {}", error.message()))),
        };
    }
    let out_of_range = || in_column(TIMESTAMP, cell, "the integer does not fit 64 bits");
    let integer = text.parse::<i64>().map_err(|_| out_of_range())?;
    let unit = unit.unwrap_or_else(|| TimeUnit::of_integer(integer));
    let ns = unit.to_ns(integer).ok_or_else(|| {
        let problem = alloc::format!(
            "as a time in {unit} it lies outside 1677 to 2262; the unit is the one that was given, or that the first row suggests: give the time unit of the file"
        );
        in_column(TIMESTAMP, cell, &problem)
    })?;
    Ok((ns, Some(unit)))
}

/// Checks what differs between rows against the limits: the metric, the tag values, the number of tags.
pub(super) fn check_limits(row: &CsvRow<'_>, limits: &Limits) -> Result<()> {
    if row.metric.is_empty() {
        return Err(in_column(METRIC, row.metric, "the cell is empty"));
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
    if tags > limits.tags_max {
        let message =
            alloc::format!("the row has {tags} tags; at most {} are accepted (tags_max)", limits.tags_max);
        return Err(Error::new(ErrorKind::LimitExceeded, message));
    }
    Ok(())
}

#[cold]
fn in_column(column: &str, cell: &str, problem: &str) -> Error {
    Error::invalid(alloc::format!("column {column}: {}: {problem}", shorten(cell.as_bytes())))
}
