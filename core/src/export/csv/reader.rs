//! CSV to points, pushed in pieces of any size.
//!
//! Memory is one row and one header, whatever the file. Rows that lie whole in what is fed are read in place. The same
//! bytes give the same rows and the same errors however they are cut.
use super::boundary::RowBoundary;
use super::cells::Cells;
use super::columns::Columns;
use super::convert::{check_limits, read_time, read_value};
use super::{BYTE_ORDER_MARK, CsvOptions, CsvReport, CsvRow, OnError, SkippedLine};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Tags;
use crate::time::TimeUnit;
use alloc::string::ToString;
use alloc::vec::Vec;
use memchr::memchr_iter;

/// Takes rows; an error of it ends the import, whatever [`OnError`] says.
type Sink<'a> = dyn FnMut(CsvRow<'_>) -> Result<()> + 'a;

/// Reads a CSV file: [`feed`](Self::feed) until there is no more, then [`finish`](Self::finish).
#[derive(Debug)]
pub struct CsvReader {
    options: CsvOptions,
    /// `None` until the header was read.
    columns: Option<Columns>,
    cells: Cells,
    boundary: RowBoundary,
    /// The start of a row whose end has not come yet; before the first row also a part of a byte order mark.
    carry: Vec<u8>,
    /// Lines inside the row so far that end in earlier pieces.
    carried_lines: u64,
    /// The row is longer than allowed; what comes of it is only scanned for its end.
    is_too_long: bool,
    /// The first bytes have been looked at for a byte order mark.
    is_started: bool,
    /// Line of the file where the row starts, counted from 1.
    line: u64,
    /// What integer timestamps count, once that is known.
    time_unit: Option<TimeUnit>,
    report: CsvReport,
    /// What ended the import; every later call answers it again.
    failure: Option<Error>,
}

impl CsvReader {
    /// A reader at the start of a file.
    pub fn new(options: CsvOptions) -> Self {
        Self {
            time_unit: options.time_unit,
            options,
            columns: None,
            cells: Cells::default(),
            boundary: RowBoundary::new(),
            carry: Vec::new(),
            carried_lines: 0,
            is_too_long: false,
            is_started: false,
            line: 1,
            report: CsvReport::default(),
            failure: None,
        }
    }
    /// Reads the next bytes of the file and gives every row that they complete to `sink`.
    ///
    /// Errors name the line. With [`OnError::Skip`] they are left for what can't be skipped: the header, an error of
    /// the sink, a quoted cell that is open at the end. After an error the reader gives the same error again.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<()> {
        self.guarded(|reader| {
            if reader.is_started { reader.feed_rows(bytes, sink) } else { reader.feed_start(bytes, sink) }
        })
    }
    /// Says that the file ends here: reads a last row without a line end. A file without a header is an error.
    pub fn finish(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        self.guarded(|reader| {
            reader.start(sink)?;
            if reader.boundary.is_open() {
                return Err(Error::invalid(
                    "a quoted cell is open at the end of the file; what follows its quote can't be told apart",
                )
                .at(format_args!("line {}", reader.line)));
            }
            if reader.is_too_long || !reader.carry.is_empty() {
                reader.carried_lines += 1;
                reader.end_carried_row(sink)?;
            }
            if reader.columns.is_none() {
                return Err(Error::invalid("the file is empty; it must start with a header such as timestamp,metric,value"));
            }
            Ok(())
        })
    }
    /// Counts so far.
    pub fn report(&self) -> &CsvReport {
        &self.report
    }

    fn guarded(&mut self, step: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        step(self).inspect_err(|error| self.failure = Some(error.clone()))
    }

    /// Holds the first bytes back until it is clear whether they are a byte order mark.
    fn feed_start(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<()> {
        let wanted = BYTE_ORDER_MARK.len() - self.carry.len();
        let (head, rest) = bytes.split_at_checked(wanted).unwrap_or((bytes, &[]));
        self.carry.extend_from_slice(head);
        if self.carry != BYTE_ORDER_MARK && BYTE_ORDER_MARK.starts_with(&self.carry) {
            return Ok(());
        }
        self.start(sink)?;
        self.feed_rows(rest, sink)
    }
    /// Drops a byte order mark, or reads what was held back for it.
    fn start(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        if self.is_started {
            return Ok(());
        }
        self.is_started = true;
        let held = core::mem::take(&mut self.carry);
        if held == BYTE_ORDER_MARK { Ok(()) } else { self.feed_rows(&held, sink) }
    }

    fn feed_rows(&mut self, mut bytes: &[u8], sink: &mut Sink<'_>) -> Result<()> {
        while !bytes.is_empty() {
            let Some((piece, rest)) =
                self.boundary.find_end(bytes).and_then(|end| bytes.split_at_checked(end))
            else {
                return self.carry_over(bytes);
            };
            if self.carry.is_empty() && !self.is_too_long {
                let row = piece.strip_suffix(b"\n").unwrap_or(piece);
                let lines = if self.boundary.is_quoted() { count_lines(piece) } else { 1 };
                self.end_row(row, lines, sink)?;
            } else {
                self.carry_over(piece)?;
                self.end_carried_row(sink)?;
            }
            bytes = rest;
        }
        Ok(())
    }
    /// Keeps a part of a row until the rest comes; of a row that is too long nothing is kept.
    fn carry_over(&mut self, piece: &[u8]) -> Result<()> {
        self.carried_lines += count_lines(piece);
        // A line end (2 bytes at most) does not count, and it is not known yet whether one ends the piece.
        if self.is_too_long || self.carry.len() + piece.len() > self.options.line_bytes_max.saturating_add(2)
        {
            self.is_too_long = true;
            self.carry = Vec::new();
            return match self.options.on_error {
                OnError::Fail => Err(self.too_long().at(format_args!("line {}", self.line))),
                OnError::Skip => Ok(()),
            };
        }
        self.carry.extend_from_slice(piece);
        Ok(())
    }
    fn end_carried_row(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        let mut carry = core::mem::take(&mut self.carry);
        let row = carry.strip_suffix(b"\n").unwrap_or(&carry);
        let lines = core::mem::take(&mut self.carried_lines);
        self.end_row(row, lines, sink)?;
        carry.clear();
        self.carry = carry;
        Ok(())
    }
    /// Reads one whole row without its line feed.
    fn end_row(&mut self, row: &[u8], lines: u64, sink: &mut Sink<'_>) -> Result<()> {
        let row = row.strip_suffix(b"\r").unwrap_or(row);
        let line = self.line;
        let quoted = self.boundary.is_quoted();
        self.boundary = RowBoundary::new();
        let is_too_long = core::mem::take(&mut self.is_too_long) || row.len() > self.options.line_bytes_max;
        let read = if is_too_long {
            Err(self.too_long())
        } else if row.is_empty() {
            Ok(())
        } else if self.columns.is_none() {
            self.read_header(row, quoted)
        } else {
            match self.read_row(row, quoted) {
                Ok(row) => {
                    sink(row).map_err(|error| error.at(format_args!("line {line}")))?;
                    self.report.rows += 1;
                    Ok(())
                }
                Err(error) => Err(error),
            }
        };
        match read {
            Ok(()) => {}
            Err(error) if self.options.on_error == OnError::Skip && self.columns.is_some() => {
                self.skip(error, lines)
            }
            Err(error) => return Err(error.at(format_args!("line {line}"))),
        }
        self.line += lines;
        Ok(())
    }

    fn read_header(&mut self, row: &[u8], quoted: bool) -> Result<()> {
        let header = self.cells.cut(row, quoted)?;
        let options = &self.options;
        let columns = Columns::read(header, options.metric.as_deref(), &options.extra_tags)?;
        columns.tags.iter().try_for_each(|tag| options.limits.check_name("tag key", &tag.key))?;
        // What holds for all rows is checked once; any name stands for those that the rows bring.
        let extra_tags =
            Tags::new(options.extra_tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
        options.limits.check_series(options.metric.as_deref().unwrap_or("m"), &extra_tags)?;
        self.columns = Some(columns);
        Ok(())
    }
    /// Checks and converts a row of data.
    fn read_row<'a>(&'a mut self, row: &'a [u8], quoted: bool) -> Result<CsvRow<'a>> {
        let Some(columns) = &self.columns else { return Err(Error::invalid("the header is missing")) };
        let cells = self.cells.cut(row, quoted)?;
        if cells.len() != columns.count {
            return Err(Error::invalid(alloc::format!(
                "the row has {} cells where the header has {}",
                cells.len(),
                columns.count
            )));
        }
        let value = read_value(cells.get(columns.value))?;
        let (timestamp, time_unit) = read_time(cells.get(columns.timestamp), self.time_unit)?;
        let metric = match columns.metric {
            Some(index) => cells.get(index),
            None => self.options.metric.as_deref().unwrap_or_default(),
        };
        let extra_tags = &self.options.extra_tags;
        let row = CsvRow { cells, columns, extra_tags, metric, timestamp, value, line: self.line };
        check_limits(&row, &self.options.limits)?;
        // Only a row that is good may decide for the whole file.
        self.time_unit = time_unit;
        Ok(row)
    }
    fn skip(&mut self, error: Error, lines: u64) {
        self.report.skipped += 1;
        if self.report.examples.len() < CsvReport::EXAMPLES_MAX {
            let mut message = error.to_string();
            if lines > 1 {
                message.push_str(&alloc::format!(" (the row runs on to line {})", self.line + lines - 1));
            }
            self.report.examples.push(SkippedLine { line: self.line, message });
        }
    }
    fn too_long(&self) -> Error {
        let limit = self.options.line_bytes_max;
        let message = alloc::format!(
            "the row is longer than {limit} bytes (line_bytes_max); raise the limit, or look for a quote that is never closed"
        );
        Error::new(ErrorKind::LimitExceeded, message)
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}
