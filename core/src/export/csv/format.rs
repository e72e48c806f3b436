//! CSV as the shared reader sees it: a row ends outside quotes, the first one is the header.
use super::CsvRow;
use super::boundary::RowBoundary;
use super::cells::Cells;
use super::columns::Columns;
use super::convert::{check_limits, read_timestamp, read_value};
use crate::error::{Error, Result};
use crate::export::convert::check_options;
use crate::export::{Context, ReadOptions, ReadResult, Refusal, TextFormat};

/// CSV for [`TextReader`](crate::export::TextReader).
#[derive(Debug, Default)]
pub struct CsvFormat {
    /// `None` until the header was read.
    columns: Option<Columns>,
    cells: Cells,
    boundary: RowBoundary,
}

impl TextFormat for CsvFormat {
    type Row<'a> = CsvRow<'a>;

    const STARTS_AT_LINES: bool = true;

    fn start(&mut self, _options: &ReadOptions) -> Result<()> {
        Ok(())
    }

    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        self.boundary.find_end(bytes)
    }

    fn restart(&mut self) {
        self.boundary = RowBoundary::new();
    }

    fn spans_lines(&self) -> bool {
        self.boundary.is_quoted()
    }

    fn read(
        &mut self,
        record: &[u8],
        context: &mut Context<'_>,
        sink: &mut dyn FnMut(CsvRow<'_>) -> Result<()>,
    ) -> ReadResult {
        if record.is_empty() {
            return Ok(());
        }
        let quoted = self.boundary.is_quoted();
        let Some(columns) = &self.columns else {
            self.columns = Some(read_header(&mut self.cells, record, quoted, context.options)?);
            return Ok(());
        };
        let cells = self.cells.cut(record, quoted, columns.tags_from).map_err(Refusal::Structure)?;
        if cells.len() != columns.count {
            return Err(Refusal::Structure(Error::invalid(alloc::format!(
                "the row has {} cells where the header has {}",
                cells.len(),
                columns.count
            ))));
        }
        let options = context.options;
        let value = read_value(cells.get(columns.value))?;
        let (timestamp, time_unit) = read_timestamp(cells.get(columns.timestamp), *context.time_unit)?;
        let metric = match columns.metric {
            Some(index) => cells.get(index),
            None => options.metric.as_deref().unwrap_or_default(),
        };
        let extra_tags = &options.extra_tags;
        let (repeats_tags, tags_text) = (cells.repeats_tail(), cells.tail());
        let row = CsvRow {
            cells,
            columns,
            extra_tags,
            metric,
            timestamp,
            value,
            line: context.line,
            repeats_tags,
            tags_text,
        };
        check_limits(&row, &options.limits)?;
        *context.time_unit = time_unit;
        context.give(row, sink)?;
        self.cells.taken();
        Ok(())
    }

    fn cut_off(&self) -> Option<Error> {
        let problem =
            "a quoted cell is open at the end of the file; what follows its quote can't be told apart";
        self.boundary.is_open().then(|| Error::invalid(problem))
    }

    fn may_skip(&self) -> bool {
        self.columns.is_some()
    }

    fn finish(&self) -> Result<()> {
        if self.columns.is_none() {
            let problem = "the file is empty; it must start with a header such as timestamp,metric,value";
            return Err(Error::invalid(problem));
        }
        Ok(())
    }
}

fn read_header(cells: &mut Cells, record: &[u8], quoted: bool, options: &ReadOptions) -> Result<Columns> {
    let header = cells.cut(record, quoted, None)?;
    let columns = Columns::read(header, options.metric.as_deref(), &options.extra_tags)?;
    columns.tags.iter().try_for_each(|tag| options.limits.check_name("tag key", &tag.key))?;
    check_options(options)?;
    Ok(columns)
}
