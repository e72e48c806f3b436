//! Export: the points of a database as text, series by series, in memory that does not grow with the data.
//!
//! It sees one commit, whatever is written meanwhile, and counts and digests what it writes, so that whoever imports it
//! can compare. It opens no files and prints nothing.
use crate::db::{Db, PointRun};
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::digest::Digest;
use chronicle_core::engine::Selector;
use chronicle_core::export::csv::CsvWriter;
use chronicle_core::export::json::JsonWriter;
use chronicle_core::export::jsonl::JsonLinesWriter;
use chronicle_core::export::line::LineWriter;
use chronicle_core::export::{PointWriter, Refused};
use chronicle_core::head::SeriesInfo;
use chronicle_core::ids::{Lsn, SeriesId};
use chronicle_core::model::TimeRange;
use std::io::Write;

pub use chronicle_core::export::{Format, OnError};

/// Bytes of text that are handed to the writer at once.
const WRITE_BYTES: usize = 256 << 10;
/// Points between two looks at how much text there is.
const POINTS_AT_ONCE: usize = 512;

/// Writes the points of a database.
///
/// ```
/// # use chronicle::{Config, Db, Point, export::{ExportOptions, Exporter}};
/// # fn main() -> chronicle::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let db = Db::open(dir.path().join("data.db"), Config::default())?;
/// db.write(Point::new("temp", 0, 21.5).tag("room", "a"))?;
/// let mut text = Vec::new();
/// let report = Exporter::new(&db).export(ExportOptions::csv(&mut text))?;
/// assert_eq!(text, b"timestamp,metric,value,room\n1970-01-01T00:00:00Z,temp,21.5,a\n");
/// assert_eq!(report.digest, db.digest(false)?.0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Exporter<'db> {
    db: &'db Db,
}

/// What to export, and where to.
pub struct ExportOptions<'a> {
    writer: Box<dyn Write + 'a>,
    format: Format,
    selector: Selector,
    range: TimeRange,
    on_error: OnError,
    on_progress: Option<Box<dyn FnMut(ExportProgress) + 'a>>,
}

/// How far an export is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ExportProgress {
    /// Bytes written.
    pub bytes: u64,
    /// Points written.
    pub points: u64,
}

/// What an export wrote.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExportReport {
    /// Points.
    pub points: u64,
    /// Series with at least one point.
    pub series: u64,
    /// Bytes of text.
    pub bytes: u64,
    /// Digest of the points that were written; of a whole database, the database's own.
    pub digest: Digest,
    /// The commit it is as of.
    pub lsn: Lsn,
    /// Points that the format can't hold and that were left out. Not zero means that the file is not all of the data.
    pub left_out: u64,
    /// The first of them, and why.
    pub left_out_example: Option<String>,
}

impl<'a> ExportOptions<'a> {
    /// A file of this format.
    pub fn new(format: Format, writer: impl Write + 'a) -> Self {
        Self {
            writer: Box::new(writer),
            format,
            selector: Selector::all(),
            range: TimeRange::ALL,
            on_error: OnError::Fail,
            on_progress: None,
        }
    }

    /// CSV: `timestamp,metric,value` and a column for every tag key of the chosen series; times are RFC 3339.
    pub fn csv(writer: impl Write + 'a) -> Self {
        Self::new(Format::Csv, writer)
    }

    /// A JSON array of objects `{"timestamp":..,"metric":..,"tags":{..},"value":..}`, one a line.
    pub fn json(writer: impl Write + 'a) -> Self {
        Self::new(Format::Json, writer)
    }

    /// One such object a line.
    pub fn jsonl(writer: impl Write + 'a) -> Self {
        Self::new(Format::JsonLines, writer)
    }

    /// Line protocol, the metric as measurement with the one field `value`. It has no NaN, no infinities, and no names
    /// with line feeds; see [`Self::on_error`].
    pub fn line(writer: impl Write + 'a) -> Self {
        Self::new(Format::Line, writer)
    }

    /// What happens when there are points that the format can't hold: an error before the first byte, which is the
    /// default, or they are left out and counted.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// Only these series.
    #[must_use]
    pub fn selector(mut self, selector: Selector) -> Self {
        self.selector = selector;
        self
    }

    /// Only points inside, Unix ns; `start..end` leaves `end` out.
    #[must_use]
    pub fn range(mut self, range: impl Into<TimeRange>) -> Self {
        self.range = range.into();
        self
    }

    /// Called after every piece that is written.
    #[must_use]
    pub fn on_progress(mut self, call: impl FnMut(ExportProgress) + 'a) -> Self {
        self.on_progress = Some(Box::new(call));
        self
    }
}

impl<'db> Exporter<'db> {
    /// An exporter of `db`.
    pub fn new(db: &'db Db) -> Self {
        Self { db }
    }

    /// Writes the chosen points, flushes the writer, and says what was written. A failure of the writer is an error of
    /// kind `Full` or `Io`; what was written before it is a part of the file and not worth keeping. Points that the format
    /// can't hold are `InvalidInput` before anything is written, with their number and the first of them.
    pub fn export(&self, options: ExportOptions<'_>) -> Result<ExportReport> {
        let ExportOptions { writer, format, selector, range, on_error, on_progress } = options;
        let mut text = self.text_writer(format, &selector, range)?;
        if on_error == OnError::Fail && text.is_partial() {
            self.look(&mut *text, &selector, range)?.into_result()?;
        }
        let mut points = self.db.scan(&selector, range)?;
        let report = ExportReport { lsn: points.position().lsn, ..ExportReport::default() };
        let refused = Refused::default();
        let mut out = Out {
            writer,
            buffer: Vec::with_capacity(WRITE_BYTES * 2),
            report,
            refused,
            is_new_series: true,
            on_progress,
        };
        text.start(&mut out.buffer);
        let mut current: Option<(SeriesId, Result<()>)> = None;
        while let Some(PointRun { series: info, timestamps, bits }) = points.next_run()? {
            if current.as_ref().is_none_or(|(id, _)| *id != info.id) {
                current = Some((info.id, text.series(&info.series.metric, &info.series.tags)));
                out.is_new_series = true;
            }
            match &current {
                // Other errors of a writer are of the caller's making, and come at once.
                Some((_, Err(error))) if !text.is_partial() => return Err(error.clone()),
                Some((_, Err(error))) => out.refused.add_series(&info.series, timestamps, error),
                _ => out.write(&mut *text, info, timestamps, bits)?,
            }
            if on_error == OnError::Fail && out.refused.points > 0 {
                // Written by someone else since the look before the first byte.
                return out.refused.into_result().map(|()| out.report);
            }
        }
        text.finish(&mut out.buffer);
        out.write_when(1)?;
        out.writer.flush().map_err(|error| write_error(&error))?;
        let Refused { points, example } = out.refused;
        Ok(ExportReport { left_out: points, left_out_example: example, ..out.report })
    }

    fn text_writer(
        &self,
        format: Format,
        selector: &Selector,
        range: TimeRange,
    ) -> Result<Box<dyn PointWriter>> {
        Ok(match format {
            Format::Csv => Box::new(CsvWriter::new(self.tag_keys(selector, range)?)),
            Format::Json => Box::new(JsonWriter::new()),
            Format::JsonLines => Box::new(JsonLinesWriter::new()),
            Format::Line => Box::new(LineWriter::new()),
        })
    }

    /// Every tag key of the chosen series, sorted.
    fn tag_keys(&self, selector: &Selector, range: TimeRange) -> Result<Vec<String>> {
        let mut keys: Vec<String> = Vec::new();
        for info in self.db.scan(selector, range)?.series() {
            for (key, _) in info.series.tags.iter() {
                if let Err(place) = keys.binary_search_by(|known| known.as_str().cmp(key)) {
                    keys.insert(place, key.to_owned());
                }
            }
        }
        Ok(keys)
    }

    /// Looks at every point for those that the format can't hold.
    fn look(&self, text: &mut dyn PointWriter, selector: &Selector, range: TimeRange) -> Result<Refused> {
        let mut refused = Refused::default();
        let mut points = self.db.scan(selector, range)?;
        while let Some(PointRun { series: info, timestamps, bits }) = points.next_run()? {
            match text.series(&info.series.metric, &info.series.tags) {
                Ok(()) => drop(refused.add_values(&info.series, timestamps, bits, text)),
                Err(error) => refused.add_series(&info.series, timestamps, &error),
            }
        }
        Ok(refused)
    }
}

/// Where the text goes.
struct Out<'a> {
    writer: Box<dyn Write + 'a>,
    buffer: Vec<u8>,
    report: ExportReport,
    refused: Refused,
    /// No point of the series was written yet.
    is_new_series: bool,
    on_progress: Option<Box<dyn FnMut(ExportProgress) + 'a>>,
}

impl Out<'_> {
    /// Writes points of the writer's series, and counts them.
    fn write(
        &mut self,
        text: &mut dyn PointWriter,
        info: &SeriesInfo,
        timestamps: &[i64],
        bits: &[u64],
    ) -> Result<()> {
        for (timestamps, bits) in timestamps.chunks(POINTS_AT_ONCE).zip(bits.chunks(POINTS_AT_ONCE)) {
            text.points(&mut self.buffer, timestamps, bits);
            if text.is_partial() && self.refused.add_values(&info.series, timestamps, bits, text) {
                let both = timestamps.iter().zip(bits).filter(|(_, bits)| text.refuses(**bits).is_none());
                let (timestamps, bits): (Vec<i64>, Vec<u64>) =
                    both.map(|(time, bits)| (*time, *bits)).unzip();
                self.count(info, &timestamps, &bits);
            } else {
                self.count(info, timestamps, bits);
            }
            self.write_when(WRITE_BYTES)?;
        }
        Ok(())
    }

    fn count(&mut self, info: &SeriesInfo, timestamps: &[i64], bits: &[u64]) {
        self.report.digest.add(info.key, timestamps, bits);
        self.report.points += timestamps.len() as u64;
        if self.is_new_series && !timestamps.is_empty() {
            self.is_new_series = false;
            self.report.series += 1;
        }
    }

    fn write_when(&mut self, bytes: usize) -> Result<()> {
        if self.buffer.len() < bytes {
            return Ok(());
        }
        self.writer.write_all(&self.buffer).map_err(|error| write_error(&error))?;
        self.report.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        if let Some(call) = &mut self.on_progress {
            call(ExportProgress { bytes: self.report.bytes, points: self.report.points });
        }
        Ok(())
    }
}

fn write_error(error: &std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("the output can't be written: {error}"))
}
