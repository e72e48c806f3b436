//! Export: the points of a database as text, series by series, in memory that does not grow with the data.
//!
//! It sees one commit, whatever is written meanwhile, and counts and digests what it writes, so that whoever imports it
//! can compare. It opens no files and prints nothing.
use crate::db::{Db, PointRun};
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::digest::Digest;
use chronicle_core::engine::Selector;
use chronicle_core::export::csv::CsvWriter;
use chronicle_core::ids::{Lsn, SeriesId};
use chronicle_core::model::TimeRange;
use std::io::Write;

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
    selector: Selector,
    range: TimeRange,
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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
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
}

impl<'a> ExportOptions<'a> {
    /// CSV: `timestamp,metric,value` and a column for every tag key of the chosen series; times are RFC 3339.
    pub fn csv(writer: impl Write + 'a) -> Self {
        Self { writer: Box::new(writer), selector: Selector::all(), range: TimeRange::ALL, on_progress: None }
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
    /// kind `Full` or `Io`; what was written before it is a part of the file and not worth keeping.
    pub fn export(&self, options: ExportOptions<'_>) -> Result<ExportReport> {
        let ExportOptions { writer, selector, range, on_progress } = options;
        let mut points = self.db.scan(&selector, range)?;
        let mut keys: Vec<String> = Vec::new();
        for info in points.series() {
            for (key, _) in info.series.tags.iter() {
                if let Err(place) = keys.binary_search_by(|known| known.as_str().cmp(key)) {
                    keys.insert(place, key.to_owned());
                }
            }
        }
        let mut csv = CsvWriter::new(keys);
        let report = ExportReport { lsn: points.position().lsn, ..ExportReport::default() };
        let mut out = Out { writer, buffer: Vec::with_capacity(WRITE_BYTES * 2), report, on_progress };
        csv.header(&mut out.buffer);
        let mut current: Option<(SeriesId, _)> = None;
        while let Some(PointRun { series: info, timestamps, bits }) = points.next_run()? {
            let series = match current.take().filter(|(id, _)| *id == info.id) {
                Some((_, series)) => series,
                None => {
                    out.report.series += 1;
                    csv.series(&info.series.metric, &info.series.tags)?
                }
            };
            for (timestamps, bits) in timestamps.chunks(POINTS_AT_ONCE).zip(bits.chunks(POINTS_AT_ONCE)) {
                for (&timestamp, &bits) in timestamps.iter().zip(bits) {
                    csv.point(&mut out.buffer, &series, timestamp, bits);
                }
                out.report.digest.add(info.key, timestamps, bits);
                out.report.points += timestamps.len() as u64;
                out.write_when(WRITE_BYTES)?;
            }
            current = Some((info.id, series));
        }
        out.write_when(1)?;
        out.writer.flush().map_err(|error| write_error(&error))?;
        Ok(out.report)
    }
}

/// Where the text goes.
struct Out<'a> {
    writer: Box<dyn Write + 'a>,
    buffer: Vec<u8>,
    report: ExportReport,
    on_progress: Option<Box<dyn FnMut(ExportProgress) + 'a>>,
}

impl Out<'_> {
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
