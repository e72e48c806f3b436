//! Verify: whether a live database, a stopped copy or a snapshot is what was written, without changing anything.
use crate::backup::{BackupSource, Progress, find_source};
use crate::db::{Config, Db, FileSource, lock, pin_generation, read_header};
use crate::error::{At, Error, ErrorKind, Result};
use crate::files::copy::hash_file;
use crate::files::data_file::DataFile;
use crate::files::lock::WriterLock;
use crate::files::log_file::LogFile;
use crate::files::map::SegmentMaps;
use crate::files::paths::{DbPaths, LogName};
use chronicle_core::backup::{DATA_FILE_NAME, SnapshotRecord};
use chronicle_core::format::{LogExpectation, LogStart, SegmentEntry, Superblock};
use chronicle_core::head::Position;
use chronicle_core::ids::Hash;
use chronicle_core::source::Step;
use chronicle_core::verify::{
    Affected, Keys, Level, LogReport, VerifyReport, unaccounted, verify_catalog, verify_header, verify_log,
    verify_segment, verify_zeros,
};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub use chronicle_core::verify::{Finding, Findings, Torn};

/// How much is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum VerifyLevel {
    /// The record, the sizes of files, superblocks and catalog: milliseconds at any size.
    Records,
    /// Of a repository: also the hash of every object as it is stored. The most that can be checked of an encrypted one without
    /// a key.
    Stored,
    /// Also every checksum, and of a backup the hash of every file: finds any damage by a medium.
    #[default]
    Full,
    /// Also decodes every block, and recomputes statistics and digests: finds a program that wrote wrong data, too.
    Deep,
}

/// What was verified.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What the path led to.
    pub source: BackupSource,
    /// What was checked and found.
    pub report: VerifyReport,
    /// The last commit that was found; `None` when there is no superblock.
    pub end: Option<Position>,
    /// True when a writer had the database open meanwhile.
    pub live: bool,
}

/// Times that the end of a live log is read again before a bad frame in it is believed.
const LIVE_ATTEMPTS: usize = 20;

/// Verifies what `path` leads to: a data file, a snapshot directory, or a folder of snapshots (the newest).
///
/// Damage is no error of this function: it is in the report, each finding with its place and the data it touches. Errors:
/// `NotFound`, `NotRestorable`, `Io`, and `Damaged` or `Unsupported` for a record that can't be read.
pub fn verify(path: impl AsRef<Path>, level: VerifyLevel) -> Result<Verified> {
    verify_with(path.as_ref(), level, &|_, _| {})
}

/// [`verify()`], telling how many bytes are checked, of how many.
pub fn verify_with(path: &Path, level: VerifyLevel, progress: Progress<'_>) -> Result<Verified> {
    let source = find_source(path)?;
    match &source {
        BackupSource::Snapshot { folder, record } => {
            let mut report = check_files(folder, record, level);
            let files = Files::open(folder.join(DATA_FILE_NAME), Kind::Packed)?.verify(level, progress)?;
            report.merge(files.report);
            // The log of a snapshot that lost its last commit would look whole by itself.
            let matches = files.superblock.as_ref().map_or(Ok(()), |superblock| record.matches(superblock));
            let ends = files.end.map_or(Ok(()), |end| record.ends_at(&end));
            for error in [matches, ends].into_iter().filter_map(Result::err) {
                report.findings.add(&folder.display(), &error, Affected::default());
            }
            Ok(Verified { report, end: files.end, live: false, source })
        }
        BackupSource::Database { path } => {
            let files = Files::open(path.clone(), Kind::Shared)?;
            let live = files.live;
            let checked = files.verify(level, progress)?;
            Ok(Verified { report: checked.report, end: checked.end, live, source })
        }
    }
}

/// Verifies a copy that is being built, in a folder that nobody else uses. `packed` says that it is to be a snapshot, in
/// which every byte is accounted for; a copy of a stopped database has free space.
pub(crate) fn verify_private(folder: &Path, packed: bool) -> Result<VerifyReport> {
    let kind = if packed { Kind::Packed } else { Kind::Private };
    let files = Files::open(folder.join(DATA_FILE_NAME), kind)?;
    files.verify(VerifyLevel::Full, &|_, _| {}).map(|checked| checked.report)
}

/// The files against the record.
fn check_files(folder: &Path, record: &SnapshotRecord, level: VerifyLevel) -> VerifyReport {
    let mut report = VerifyReport::default();
    for file in &record.files {
        let path = folder.join(&file.name);
        let checked = match std::fs::metadata(&path) {
            Err(error) => Err(crate::error::io("look at", &path, &error)),
            Ok(metadata) if metadata.len() != file.len => {
                Err(Error::damaged(format!("it has {} bytes, its record says {}", metadata.len(), file.len)))
            }
            Ok(_) if level == VerifyLevel::Records => Ok(()),
            Ok(_) => hash_file(&path, crate::backup::WINDOW_BYTES).and_then(|(hash, _)| {
                match Hash(*hash.as_bytes()) {
                    hash if hash == file.blake3 => Ok(()),
                    hash => {
                        Err(Error::damaged(format!("its BLAKE3 is {hash}, its record says {}", file.blake3)))
                    }
                }
            }),
        };
        if let Err(error) = checked {
            report.findings.add(&path.display(), &error, Affected::default());
        }
    }
    report
}

/// Who else may use the files, and what they may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A snapshot: nobody writes it, every byte is accounted for.
    Packed,
    /// A copy that nobody else uses.
    Private,
    /// A database that a writer may have open.
    Shared,
}

struct Checked {
    report: VerifyReport,
    superblock: Option<Superblock>,
    end: Option<Position>,
}

struct Files {
    paths: DbPaths,
    data: DataFile,
    kind: Kind,
    live: bool,
}

impl Files {
    fn open(path: std::path::PathBuf, kind: Kind) -> Result<Self> {
        let paths = DbPaths::new(&path)?;
        let data = DataFile::open_read_only(paths.data())?;
        let live = kind == Kind::Shared
            && paths.lock().exists()
            && WriterLock::acquire(&paths).is_err_and(|error| error.kind() == ErrorKind::Busy);
        Ok(Self { paths, data, kind, live })
    }

    fn verify(&self, level: VerifyLevel, progress: Progress<'_>) -> Result<Checked> {
        let mut report = VerifyReport::default();
        let mut header =
            verify_header(&read_header(&self.data)?, self.data.len()?, self.kind == Kind::Packed);
        let mut pin = None;
        while let Some(superblock) = header.superblock.as_ref().filter(|_| self.kind == Kind::Shared) {
            // What is read must not be reused by a writer meanwhile.
            let generation = superblock.generation;
            pin = pin_generation(&self.paths, generation)?;
            header = verify_header(&read_header(&self.data)?, self.data.len()?, self.kind == Kind::Packed);
            if header.superblock.as_ref().is_none_or(|again| again.generation == generation) {
                break;
            }
        }
        let superblock = header.superblock.clone();
        report.merge(header);
        let Some(superblock) = superblock else {
            return Ok(Checked { report: report.at_file(&self.paths), superblock: None, end: None });
        };
        let root = &superblock.root;
        let checkpoint = Position { lsn: root.lsn, commit_time_ns: root.commit_time_ns, chain: root.chain };
        let Step::Ready(catalog) = verify_catalog(&superblock, &mut FileSource::new(&self.data)) else {
            return Err(
                Error::new(ErrorKind::Io, "the catalog could not be read").at(self.paths.data().display())
            );
        };
        let segments = catalog.segments.clone();
        report.merge(catalog);
        if level == VerifyLevel::Records {
            report.merge(self.segments_cut_off(&segments)?);
        } else {
            report.merge(self.segments(&segments, level, progress)?);
            if self.kind == Kind::Packed {
                for gap in unaccounted(&superblock, &segments) {
                    if let Ok(bytes) = self.data.read_exact_at(gap.offset, gap.len) {
                        report.merge(verify_zeros(gap.offset, &bytes));
                    }
                }
            }
        }
        let mut report = report.at_file(&self.paths);
        let end = self.logs(&superblock, checkpoint, level, &mut report)?;
        drop(pin);
        Ok(Checked { report, superblock: Some(superblock), end: Some(end) })
    }

    /// Segments that the file is too short for; reading them finds that, too.
    fn segments_cut_off(&self, segments: &[SegmentEntry]) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        let len = self.data.len()?;
        for entry in segments.iter().filter(|entry| entry.extent().end() > len) {
            let error = Error::damaged(format!("the file ends at {len}, before its end: it was cut"));
            report.findings.add(&place_of(entry), &error, affected_by(entry));
        }
        Ok(report)
    }

    /// Every segment, on all cores, one map each at a time.
    fn segments(
        &self,
        segments: &[SegmentEntry],
        level: VerifyLevel,
        progress: Progress<'_>,
    ) -> Result<VerifyReport> {
        let deep = level == VerifyLevel::Deep;
        let core_level = if deep { Level::Everything } else { Level::Checksums };
        let db = deep.then(|| self.open_for_keys()).flatten();
        let keys_of = db.as_ref().map(|db| move |id| lock(&db.shared.engine).engine.series_key(id));
        let keys: Option<Keys<'_>> = keys_of.as_ref().map(|keys| keys as Keys<'_>);
        let maps = SegmentMaps::new(&self.data, 0)?;
        let total: u64 = segments.iter().map(|entry| entry.summary.len).sum();
        let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
        let report = Mutex::new(VerifyReport::default());
        let work = || {
            let mut mine = VerifyReport::default();
            while let Some(entry) = segments.get(next.fetch_add(1, Ordering::Relaxed)) {
                let extent = entry.extent();
                match maps.get(extent.offset, extent.len) {
                    Ok(map) => mine.merge(verify_segment(&map, entry, core_level, keys)),
                    Err(error) => mine.findings.add(&place_of(entry), &error, affected_by(entry)),
                }
                progress(done.fetch_add(extent.len, Ordering::Relaxed) + extent.len, total);
            }
            lock(&report).merge(mine);
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(segments.len().max(1));
        std::thread::scope(|scope| {
            (1..threads).for_each(|_| drop(scope.spawn(work)));
            work();
        });
        Ok(report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// For stored digests; a database that does not open is verified without.
    fn open_for_keys(&self) -> Option<Db> {
        let config = Config::read_only();
        let opened = match self.kind {
            Kind::Shared => Db::open(self.paths.data(), config),
            Kind::Packed | Kind::Private => Db::open_private(self.paths.data(), config),
        };
        opened.and_then(|db| db.shared.load_all_names().map(|()| db)).ok()
    }

    fn logs(
        &self,
        superblock: &Superblock,
        checkpoint: Position,
        level: VerifyLevel,
        report: &mut VerifyReport,
    ) -> Result<Position> {
        let files = self.paths.log_files()?;
        let first = match superblock.root.log {
            LogStart::From { first_lsn, .. } => first_lsn,
            LogStart::None => superblock.root.lsn + 1,
        };
        if matches!(superblock.root.log, LogStart::From { .. })
            && !files.iter().any(|file| file.first_lsn == first)
        {
            let error =
                Error::damaged(format!("it is missing, and holds the commits after {}", superblock.root.lsn));
            report.findings.add(&self.paths.log(first).display(), &error, Affected::default());
            return Ok(checkpoint);
        }
        let mut before: Option<Position> = None;
        for (index, file) in files.iter().enumerate() {
            let last = index + 1 == files.len();
            // A closed file ends where the next one starts, whatever was durable later.
            let next = files.get(index + 1).map_or(u64::MAX, |next| next.first_lsn);
            let expected = LogExpectation {
                lineage: superblock.lineage,
                epoch: superblock.epoch,
                first_lsn: file.first_lsn,
                chain: before.map(|before| before.chain),
                commit_time_ns: before.map_or(i64::MIN, |before| before.commit_time_ns),
                known_durable_lsn: superblock.root.durable_lsn.min(next.saturating_sub(1)),
            };
            let follows = before.is_none_or(|before| before.lsn + 1 == file.first_lsn);
            if !follows && file.first_lsn > first {
                let error = Error::damaged("a log file before it is missing");
                report.findings.add(&file.path.display(), &error, Affected::default());
            }
            let expected = LogExpectation { chain: expected.chain.filter(|_| follows), ..expected };
            let log = self.log(file, &expected, &checkpoint, last, level)?;
            before = Some(log.end);
            report.merge(VerifyReport::from(log).at_file(&self.paths));
        }
        let end = before.filter(|end| end.lsn > checkpoint.lsn).unwrap_or(checkpoint);
        if end.lsn < superblock.root.durable_lsn && report.findings.is_empty() {
            let error = Error::damaged(format!(
                "it ends with commit {}, but commits up to {} were durable: a log file is missing or was cut",
                end.lsn, superblock.root.durable_lsn
            ));
            report.findings.add(
                &format!("{}: log", self.paths.data().display()),
                &error,
                Affected::default(),
            );
        }
        Ok(end)
    }

    fn log(
        &self,
        file: &LogName,
        expected: &LogExpectation,
        checkpoint: &Position,
        last: bool,
        level: VerifyLevel,
    ) -> Result<LogReport> {
        let core_level = if level == VerifyLevel::Deep { Level::Everything } else { Level::Checksums };
        let mut attempts = 0;
        loop {
            let bytes = LogFile::read_all(&file.path).at(|| file.path.display().to_string())?;
            let mut log = verify_log(&bytes, expected, checkpoint, last, core_level);
            attempts += 1;
            if !self.live || log.findings.is_empty() || attempts >= LIVE_ATTEMPTS {
                if self.live {
                    // The writer is in the middle of it; nothing was interrupted.
                    log.torn = None;
                }
                return Ok(log);
            }
            // A frame that is written just now can look bad for an instant; damage stays.
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

fn place_of(entry: &SegmentEntry) -> String {
    format!("segment {} at {}", entry.summary.identity, entry.offset)
}

fn affected_by(entry: &SegmentEntry) -> Affected {
    let summary = &entry.summary;
    Affected { series: Some((summary.series_min, summary.series_max)), time: Some(summary.time) }
}

trait AtFile {
    fn at_file(self, paths: &DbPaths) -> Self;
}

impl AtFile for VerifyReport {
    fn at_file(mut self, paths: &DbPaths) -> Self {
        self.findings = std::mem::take(&mut self.findings).at(paths.data().display());
        self
    }
}
