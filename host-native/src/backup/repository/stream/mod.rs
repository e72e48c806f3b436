//! Stream: ships what is committed every second, behind the newest point, and folds it into points.
//!
//! The database's log is the queue: its slot keeps every frame until a point holds it, so an outage of hours loses nothing up to the
//! slot's limit. What this keeps true: a commit is called shipped when the object that holds it was read back, and from then on it can
//! be restored; a row is only left behind for a point, and what went further is shipped anew behind that one before the old row goes.
mod config;
mod fold;
mod lock;
mod status;
mod tail;

pub use config::StreamConfig;
pub use status::{StreamStatus, StreamWatch};

use super::delta::DeltaReport;
use super::objects::Objects;
use super::put::Created;
use super::sealing::Sealing;
use super::slot::name_of;
use crate::db::read_slot;
use crate::error::{At, Error, Result};
use crate::files::paths::DbPaths;
use crate::host::{now_ns, random_epoch};
use chronicle_core::backup::repository::{
    Entry, JobId, LogObject, ObjectFile, SHIP_RECORD_LEN, ShipCut, ShipRecord, record_hash,
};
use chronicle_core::format::EpochParent;
use chronicle_core::ids::{Epoch, Lineage, Lsn};
use fold::Fold;
use lock::lock;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tail::{LogTail, Next, is_another_history};

/// Objects behind one point; with more of them a point is made.
const ROW_OBJECTS_MAX: u64 = 1_000;
/// The longest wait after failures.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How often a stop is looked for.
const NAP: Duration = Duration::from_millis(50);
/// The first wait after a point could not be made; then twice as long each time.
const FOLD_PAUSE: Duration = Duration::from_secs(2);
/// Most bytes of an object that lies where ours should.
const OBJECT_LEN_MAX: usize = 32 << 20;

/// The point that is shipped behind.
struct Row {
    entry: Entry,
    lineage: Lineage,
    end: EpochParent,
    tail: LogTail,
    next: u64,
    bytes: u64,
    sealing: Option<Sealing>,
    begun: Instant,
}

/// A row that was left, and the last commit in it.
struct Left {
    entry: Entry,
    epoch: Epoch,
    last: Lsn,
}

/// A stream. Drop it to end it: nothing is lost, and the next one goes on.
pub struct Streamer {
    paths: DbPaths,
    config: StreamConfig,
    objects: Objects,
    job: JobId,
    row: Option<Row>,
    left: Vec<Left>,
    fold: Option<Fold>,
    /// A point is to be made.
    wants_point: bool,
    fold_failures: u32,
    fold_after: Instant,
    status: StreamWatch,
    _lock: File,
}

impl Streamer {
    /// A stream of the database at `data`, which another process may be writing. `Busy` while another stream of this database to that
    /// repository runs. Nothing is shipped yet.
    pub fn open(data: impl AsRef<Path>, config: StreamConfig) -> Result<Self> {
        let paths = DbPaths::new(data)?;
        let objects = config.delta.objects()?;
        let lock = lock(&paths, &objects.place())?;
        let status = StreamWatch::new(objects.place());
        Ok(Self {
            paths,
            objects,
            config,
            job: JobId(random_epoch()?.0),
            row: None,
            left: Vec::new(),
            fold: None,
            wants_point: true,
            fold_failures: 0,
            fold_after: Instant::now(),
            status,
            _lock: lock,
        })
    }

    /// How it stands.
    pub fn status(&self) -> StreamStatus {
        self.status.status()
    }

    /// The same from elsewhere, while it is at work.
    pub fn watch(&self) -> StreamWatch {
        self.status.clone()
    }

    /// Ships everything that is committed, and makes a point first where there is none to ship behind. Afterwards every commit that
    /// was in the log when it began can be restored.
    pub fn pass(&mut self) -> Result<()> {
        let passed = self.try_pass();
        self.status.note(|status| match &passed {
            Ok(()) => (status.last_success, status.error) = (Some(now_ns()), None),
            Err(error) => {
                (status.failures, status.error) = (status.failures + 1, Some(error.clone()));
                if self.row.is_none() {
                    // Nobody knows what waits: everything may.
                    status.waiting_since.get_or_insert_with(now_ns);
                }
            }
        });
        passed
    }

    /// Passes every interval until `stop` says so, then once more; failures are told in the status, and tried again. `tell` hears of
    /// the status after every pass.
    pub fn run(&mut self, stop: &AtomicBool, tell: &dyn Fn(&StreamStatus)) {
        let mut failures = 0;
        loop {
            let (started, is_last) = (Instant::now(), stop.load(Ordering::Acquire));
            failures = if self.pass().is_ok() { 0 } else { failures + 1 };
            tell(&self.status());
            if is_last {
                return;
            }
            let pause = self.config.interval.saturating_mul(1 << failures.min(10));
            let pause = if failures == 0 { pause } else { pause.min(PAUSE_MAX.max(self.config.interval)) };
            while started.elapsed() < pause && !stop.load(Ordering::Acquire) {
                std::thread::sleep(NAP.min(pause.saturating_sub(started.elapsed())));
            }
        }
    }

    /// Makes a point now, and goes on behind it.
    pub fn fold_now(&mut self) -> Result<DeltaReport> {
        if let Some(fold) = self.fold.take() {
            let report = fold.finish();
            self.folded(report)?;
        }
        self.folded(fold::point(self.paths.data(), &self.config.delta))
    }

    fn try_pass(&mut self) -> Result<()> {
        self.look_after_fold()?;
        if self.row.is_none() {
            self.fold_now()?;
        }
        self.ship_all()?;
        self.sweep();
        self.begin_fold()
    }

    /// Takes up a point that was made meanwhile.
    fn look_after_fold(&mut self) -> Result<()> {
        match self.fold.take_if(|fold| fold.is_done()) {
            Some(fold) => {
                let report = fold.finish();
                self.folded(report).map(drop)
            }
            None => Ok(()),
        }
    }

    fn folded(&mut self, report: Result<DeltaReport>) -> Result<DeltaReport> {
        self.status.note(|status| status.is_folding = false);
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                self.fold_failures += 1;
                self.fold_after = Instant::now() + FOLD_PAUSE.saturating_mul(1 << self.fold_failures.min(6));
                return Err(error);
            }
        };
        let (record, point) = (&report.record, &report.record.point);
        let end = EpochParent { epoch: point.epoch, lsn: point.lsn, chain: point.chain };
        // The repository may have been made by this very point, encrypted.
        self.objects = self.config.delta.objects()?;
        let row = Row {
            entry: record.entry,
            lineage: point.lineage,
            end,
            tail: LogTail::new(self.paths.clone(), point.lineage, end),
            next: 0,
            bytes: 0,
            sealing: Sealing::as_newest(&self.objects)?,
            begun: Instant::now(),
        };
        (self.fold_failures, self.wants_point) = (0, false);
        let is_new = self.row.as_ref().is_none_or(|old| old.end.epoch != end.epoch);
        self.status.note(|status| {
            status.points += 1;
            status.point = Some(record.entry);
            if is_new || point.lsn > status.shipped_lsn {
                status.shipped_lsn = point.lsn;
                status.shipped_commit_time = (point.lsn > 0).then_some(point.commit_time_ns);
            }
        });
        let left = match &self.row {
            Some(old) if old.next > 0 => {
                Some(Left { entry: old.entry, epoch: old.end.epoch, last: old.tail.sent().lsn })
            }
            Some(_) => None,
            // What an earlier run shipped was durable here before: the point has it.
            None => record.previous.map(|previous| Left {
                entry: previous.entry,
                epoch: previous.at.epoch,
                last: point.lsn,
            }),
        };
        // Behind a gap only the row has these moments.
        self.left.extend(left.filter(|_| record.gap.is_none()));
        self.row = Some(row);
        Ok(report)
    }

    fn ship_all(&mut self) -> Result<()> {
        self.notice_other_points();
        loop {
            let Some(row) = &mut self.row else { return Ok(()) };
            let cut = match row.tail.next() {
                Ok(Next::Ship(cut)) => cut,
                Ok(Next::Nothing) => {
                    self.status.note(|status| status.waiting_since = None);
                    return Ok(());
                }
                Ok(Next::Point) => {
                    self.wants_point = true;
                    self.status.note(|status| {
                        status.waiting_since.get_or_insert_with(now_ns);
                    });
                    return Ok(());
                }
                // The database was restored, or is not the one that was shipped: making a point tells which.
                Err(error) if is_another_history(&error) => {
                    self.row = None;
                    return Err(error);
                }
                Err(error) => return Err(error),
            };
            self.status.note(|status| {
                if cut.content.end.lsn > status.shipped_lsn {
                    status.waiting_since = Some(cut.content.first_commit_time_ns);
                }
            });
            self.ship(&cut)?;
        }
    }

    fn ship(&mut self, cut: &ShipCut) -> Result<()> {
        let Some(row) = &mut self.row else { return Ok(()) };
        let (record, object) = object(row, self.job, cut)?;
        let name = record.log.name();
        if self.objects.create(name, &object, self.job)? == Created::Another {
            return self.adopt(record);
        }
        row.tail.shipped(cut);
        row.next += 1;
        row.bytes = row.bytes.saturating_add(object.len() as u64);
        let end = cut.content.end;
        self.status.note(|status| {
            status.objects += 1;
            status.bytes = status.bytes.saturating_add(object.len() as u64);
            if end.lsn > status.shipped_lsn {
                (status.shipped_lsn, status.shipped_commit_time) = (end.lsn, Some(end.commit_time_ns));
            }
        });
        Ok(())
    }

    /// What lies there already: of another run that was at work here. It is gone on from where it ends, if that is our history.
    fn adopt(&mut self, ours: ShipRecord) -> Result<()> {
        let (name, sequence) = (ours.log.name(), ours.log.shipped.unwrap_or_default());
        let there = self.objects.get(name, OBJECT_LEN_MAX)?.unwrap_or_default();
        let start = there.len().saturating_sub(SHIP_RECORD_LEN);
        let found = ShipRecord::parse(ours.log.home, sequence, there.get(start..).unwrap_or_default());
        let found = found.at(|| self.objects.place())?;
        let same = |log: &LogObject| (log.epoch, log.first_lsn, log.after_chain);
        let Some(row) = self.row.as_mut().filter(|_| same(&found.log) == same(&ours.log)) else {
            return Err(Error::invalid(
                "another database shipped other commits behind this point: two copies of one database are at work; give each a \
                 repository of its own",
            )
            .at(name)
            .at(self.objects.place()));
        };
        let sent = EpochParent { epoch: found.log.epoch, lsn: found.log.last_lsn, chain: found.log.chain };
        row.tail = LogTail::new(self.paths.clone(), row.lineage, sent);
        row.next += 1;
        Ok(())
    }

    /// A backup of this host made a point: go on behind one that knows of it.
    fn notice_other_points(&mut self) {
        let slot = self.paths.slot(&name_of(&self.objects.place())).and_then(|path| read_slot(&path));
        let sent = slot.ok().and_then(|slot| slot.sent);
        self.wants_point |=
            self.row.as_ref().zip(sent).is_some_and(|(row, sent)| sent != row.end) && self.fold.is_none();
    }

    fn begin_fold(&mut self) -> Result<()> {
        let Some(row) = &self.row else { return Ok(()) };
        let is_due = row.next > 0 && row.begun.elapsed() >= self.config.fold_every;
        let is_full = row.next >= ROW_OBJECTS_MAX || row.bytes >= self.config.fold_bytes;
        if self.fold.is_none() && Instant::now() >= self.fold_after && (is_due || is_full || self.wants_point)
        {
            self.fold = Some(Fold::begin(self.paths.data().to_owned(), self.config.delta.clone())?);
            self.status.note(|status| status.is_folding = true);
        }
        Ok(())
    }

    /// Deletes rows that were left, once what they held lies behind a later point too. A host that may not delete leaves them to a
    /// prune, and so does one that was ended.
    fn sweep(&mut self) {
        let Some(row) = &self.row else { return };
        let reached = row.tail.sent();
        // Only a row behind the point says for sure that nobody ships behind an older one.
        if row.next == 0 {
            return;
        }
        for left in std::mem::take(&mut self.left) {
            if left.last > reached.lsn || left.epoch != reached.epoch {
                self.left.push(left);
                continue;
            }
            let _ = self.objects.listed_row(Some(left.entry)).and_then(|mut rows| {
                let sequences = rows.remove(&left.entry).unwrap_or_default().into_keys().collect();
                self.objects.delete_row(left.entry, sequences)
            });
        }
    }
}

/// The next object of a row.
fn object(row: &Row, job: JobId, cut: &ShipCut) -> Result<(ShipRecord, Vec<u8>)> {
    let name = row.entry.object(ObjectFile::Shipped(row.next));
    let mut bytes = match &row.sealing {
        Some(sealing) => sealing.bytes(&name, &cut.bytes)?,
        None => cut.bytes.clone(),
    };
    let log = LogObject {
        home: row.entry,
        epoch: row.end.epoch,
        first_lsn: cut.first_lsn,
        last_lsn: cut.content.end.lsn,
        first_commit_time_ns: cut.content.first_commit_time_ns,
        last_commit_time_ns: cut.content.end.commit_time_ns,
        after_chain: cut.after_chain,
        chain: cut.content.end.chain,
        len: bytes.len() as u64,
        blake3: record_hash(&bytes),
        attached: None,
        shipped: Some(row.next),
    };
    let record = ShipRecord { log, lineage: row.lineage, job, points: cut.content.points };
    bytes.extend_from_slice(&record.to_bytes()?);
    Ok((record, bytes))
}
