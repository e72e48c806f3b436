//! Import: text into a database, in batches, in memory that does not grow with the input.
//!
//! What it keeps true: every row is committed, counted as skipped, or the import ends with an error that names its
//! line; a report is only given for rows that are committed. It reads no file names and prints nothing.
mod piped;

use crate::db::Db;
use crate::error::{Error, ErrorKind, Result};
use crate::host::now_ns;
use chronicle_core::export::csv::CsvFormat;
use chronicle_core::export::json::JsonFormat;
use chronicle_core::export::jsonl::JsonLinesFormat;
use chronicle_core::export::line::LineFormat;
use chronicle_core::export::{ReadOptions, ReadReport, TextBatch, TextFormat, TextPoint, TextReader};
use chronicle_core::ids::Lsn;
use chronicle_core::time::TimeUnit;
use std::io::Read;
use std::time::{Duration, Instant};

pub use chronicle_core::export::{Format, OnError, SkippedLine};
pub use piped::Piped;

/// Most points in one commit of an import.
pub const IMPORT_BATCH_POINTS_MAX: usize = 10_000;
/// Bytes of names after which a batch is committed although it has fewer points: rows may be long.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Age of the oldest point of a batch at which it is committed although it is small: what comes in slowly is to be seen, and kept.
const AGE_MAX: Duration = Duration::from_secs(1);
/// Bytes that are read at once.
const READ_BYTES: usize = 256 << 10;
/// How long a reader is left alone that has nothing to give and did not wait.
const PAUSE: Duration = Duration::from_millis(20);

/// Writes what a file holds into a database.
///
/// ```
/// # use chronicle::{Config, Db, import::{ImportOptions, Importer}};
/// # fn main() -> chronicle::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let db = Db::open(dir.path().join("data.db"), Config::default())?;
/// let text = "timestamp,value,host\n2024-01-28 00:00:00,21.5,a\n";
/// let report = Importer::new(&db).import(ImportOptions::csv(text.as_bytes()).metric("temp"))?;
/// assert_eq!((report.points, report.skipped), (1, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Importer<'db> {
    db: &'db Db,
}

/// What to import, and how.
pub struct ImportOptions<'a> {
    reader: Box<dyn Read + 'a>,
    format: Format,
    read: ReadOptions,
    on_progress: Option<Box<dyn FnMut(ImportProgress) + 'a>>,
}

/// How far an import is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImportProgress {
    /// Bytes read from the input.
    pub bytes: u64,
    /// Points that are committed.
    pub points: u64,
}

/// What an import did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ImportReport {
    /// Points that were committed; points of one series and time count each, though the last one wins.
    pub points: u64,
    /// Series that the database did not know before. Exact when nobody else writes meanwhile.
    pub new_series: u64,
    /// Bytes of the input.
    pub bytes: u64,
    /// Commits that were made.
    pub commits: u64,
    /// Rows, lines, objects and single fields of line protocol that could not be read and were left out. Not zero means that data is missing.
    pub skipped: u64,
    /// The first of them.
    pub examples: Vec<SkippedLine>,
    /// The first commit; `None` when there was nothing to commit.
    pub first_lsn: Option<Lsn>,
    /// The last commit. Commits of other writers may lie between the two.
    pub last_lsn: Option<Lsn>,
}

impl<'a> ImportOptions<'a> {
    /// A file of this format.
    ///
    /// A reader that answers `TimedOut` or `WouldBlock` has nothing to give just now: what was read is committed, and it
    /// is asked again; see [`Piped`].
    pub fn new(format: Format, reader: impl Read + 'a) -> Self {
        Self { reader: Box::new(reader), format, read: ReadOptions::default(), on_progress: None }
    }

    /// A CSV file: `timestamp,metric,value` and a column for each tag, or without `metric` when [`Self::metric`] names it.
    pub fn csv(reader: impl Read + 'a) -> Self {
        Self::new(Format::Csv, reader)
    }

    /// A JSON array of objects `{"timestamp":..,"metric":..,"tags":{..},"value":..}`.
    pub fn json(reader: impl Read + 'a) -> Self {
        Self::new(Format::Json, reader)
    }

    /// One such object a line.
    pub fn jsonl(reader: impl Read + 'a) -> Self {
        Self::new(Format::JsonLines, reader)
    }

    /// Line protocol. Field `f` of measurement `m` is metric `m.f`, field `value` is metric `m`. A line without a time
    /// gets the moment at which the piece of the file was read that ends it.
    pub fn line(reader: impl Read + 'a) -> Self {
        Self::new(Format::Line, reader)
    }

    /// The metric of every row, for files that do not name it; refused for those that do, as line protocol always does.
    #[must_use]
    pub fn metric(mut self, name: impl Into<String>) -> Self {
        self.read.metric = Some(name.into());
        self
    }

    /// Adds a tag to every row; refused when the file gives it too.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.read.extra_tags.push((key.into(), value.into()));
        self
    }

    /// What integer timestamps count. Without it the size of the first one says so, once for the whole file; in line
    /// protocol they are nanoseconds.
    #[must_use]
    pub fn time_unit(mut self, unit: TimeUnit) -> Self {
        self.read.time_unit = Some(unit);
        self
    }

    /// What happens to rows that can't be read: the default is to stop there.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.read.on_error = on_error;
        self
    }

    /// Called after every piece that is read.
    #[must_use]
    pub fn on_progress(mut self, call: impl FnMut(ImportProgress) + 'a) -> Self {
        self.on_progress = Some(Box::new(call));
        self
    }
}

impl<'db> Importer<'db> {
    /// An importer into `db`.
    pub fn new(db: &'db Db) -> Self {
        Self { db }
    }

    /// Imports everything that the reader gives, at most [`IMPORT_BATCH_POINTS_MAX`] points a commit.
    ///
    /// Importing a file twice, or again after an error, changes nothing that is there already. Errors: a line that can't
    /// be read (`InvalidInput`, `LimitExceeded`; the place is the line), the reader's (`Io`), and those of
    /// [`Db::write_batch`]; each says how many points were committed before it.
    pub fn import(&self, options: ImportOptions<'_>) -> Result<ImportReport> {
        let ImportOptions { reader, format, mut read, on_progress } = options;
        read.limits = self.db.limits();
        let mut run = Run {
            db: self.db,
            batch: TextBatch::new(self.db.memo()),
            oldest: None,
            report: ImportReport::default(),
            on_progress,
        };
        let series_before = self.db.gauges().series;
        let outcome = match format {
            Format::Csv => run.feed::<CsvFormat>(reader, read),
            Format::Json => run.feed::<JsonFormat>(reader, read),
            Format::JsonLines => run.feed::<JsonLinesFormat>(reader, read),
            Format::Line => run.feed::<LineFormat>(reader, read),
        };
        let mut report = run.report;
        let read = outcome.map_err(|error| with_count(&error, &report))?;
        (report.skipped, report.examples) = (read.skipped, read.examples);
        report.new_series = self.db.gauges().series.saturating_sub(series_before) as u64;
        Ok(report)
    }
}

/// An import under way.
struct Run<'a> {
    db: &'a Db,
    batch: TextBatch,
    /// When the first point of the batch was read.
    oldest: Option<Instant>,
    report: ImportReport,
    on_progress: Option<Box<dyn FnMut(ImportProgress) + 'a>>,
}

impl Run<'_> {
    fn feed<F: TextFormat>(&mut self, mut input: impl Read, options: ReadOptions) -> Result<ReadReport> {
        let mut reader = TextReader::<F>::new(options);
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let count = match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => {
                    self.wait(&error)?;
                    continue;
                }
            };
            self.report.bytes += count as u64;
            reader.set_now(now_ns());
            reader.feed(buffer.get(..count).unwrap_or_default(), &mut |row| self.push(&row))?;
            if self.oldest.is_some_and(|since| since.elapsed() >= AGE_MAX) {
                self.commit_when(1, 0)?;
            }
            self.tell();
        }
        reader.finish(&mut |row| self.push(&row))?;
        self.commit_when(1, 0)?;
        Ok(reader.report().clone())
    }

    fn push(&mut self, row: &impl TextPoint) -> Result<()> {
        if self.batch.is_empty() {
            self.oldest = Some(Instant::now());
        }
        self.batch.push(row)?;
        self.commit_when(IMPORT_BATCH_POINTS_MAX, BATCH_BYTES_MAX)
    }

    /// After an error of the input: nothing for now, or the end.
    fn wait(&mut self, error: &std::io::Error) -> Result<()> {
        use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
        match error.kind() {
            Interrupted => return Ok(()),
            TimedOut => {}
            WouldBlock => std::thread::sleep(PAUSE),
            _ => return Err(Error::new(ErrorKind::Io, format!("the input can't be read: {error}"))),
        }
        self.commit_when(1, 0)?;
        self.tell();
        Ok(())
    }

    fn tell(&mut self) {
        if let Some(call) = &mut self.on_progress {
            call(ImportProgress { bytes: self.report.bytes, points: self.report.points });
        }
    }

    fn commit_when(&mut self, points: usize, bytes: usize) -> Result<()> {
        let is_full = self.batch.len() >= points || self.batch.text_bytes() >= bytes;
        if self.batch.is_empty() || !is_full {
            return Ok(());
        }
        let lsn = self.db.write_batch(&self.batch.rows())?;
        self.report.points += self.batch.len() as u64;
        self.report.commits += 1;
        self.report.first_lsn.get_or_insert(lsn);
        self.report.last_lsn = Some(lsn);
        self.batch.clear();
        self.oldest = None;
        Ok(())
    }
}

/// Says what an import that failed left in the database.
fn with_count(error: &Error, report: &ImportReport) -> Error {
    let left = match report.last_lsn {
        None => "nothing was imported".to_owned(),
        Some(lsn) => format!(
            "{} points before it are committed, up to lsn {lsn}; importing the mended file again is safe",
            report.points
        ),
    };
    let told = Error::new(error.kind(), format!("{}; {left}", error.message()));
    match error.place() {
        Some(place) => told.at(place),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Config;

    /// A line every so often, never silent for long.
    struct Steady(u32);

    impl Read for Steady {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Ok(0);
            }
            std::thread::sleep(Duration::from_millis(300));
            let line = format!("m value=1 {}\n", self.0);
            self.0 -= 1;
            line.as_bytes().read(buffer)
        }
    }

    #[test]
    fn what_comes_in_slowly_and_without_a_pause_is_committed_by_its_age() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path().join("data.db"), Config::default()).unwrap();
        let report = Importer::new(&db).import(ImportOptions::line(Steady(6))).unwrap();
        assert_eq!(report.points, 6);
        assert!(report.commits >= 2, "one of them after a second");
    }
}
