//! Snapshot directories: made aside, checked, recorded, and published by a rename.
use super::Progress;
use super::folder::{Workshop, copy_missing, fill_and_hash, hash, write_then_check};
use crate::db::{Config, Db, lock};
use crate::destination::refuse_url;
use crate::error::{At, Error, ErrorKind, Result};
use crate::files::atomic::{create_file_durably, rename_dir_durably, sync_dir};
use crate::files::os_error::OsContext;
use crate::files::regular_file::{Access, RegularFile};
use crate::host::now_ns;
use crate::verify::verify_private;
use chronicle_core::backup::{DATA_FILE_NAME, FileRecord, PackPlan, RECORD_FILE_NAME, SnapshotRecord};
use chronicle_core::digest::Digest;
use chronicle_core::engine::Snapshot;
use chronicle_core::format::HEADER_AREA_LEN;
use chronicle_core::source::ByteRange;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Points that a snapshot reads at most to compute the digest of everything visible, where the stored digests do not add
/// up to it. More than that is left to a drill; the stored digest still proves the copy.
pub(super) const DIGEST_POINTS_MAX: u64 = 64 << 20;

/// Makes backups of one open database, while it is written to, in this process or in another.
pub struct BackupManager<'db> {
    pub(super) db: &'db Db,
}

/// What a snapshot will consist of.
pub struct SnapshotPlan {
    /// The plan of the core, which prints itself.
    pub pack: PackPlan,
    /// Keeps the plan's bytes where they are.
    _snapshot: Snapshot,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct SnapshotReport {
    /// Where it is.
    pub folder: PathBuf,
    /// Its record, as written.
    pub record: SnapshotRecord,
    /// Bytes of all its files, record excluded.
    pub bytes: u64,
    /// Bytes that an interrupted attempt had copied already.
    pub bytes_resumed: u64,
    /// For how long the engine was held to take it.
    pub held: Duration,
    /// How long it took altogether.
    pub took: Duration,
}

impl<'db> BackupManager<'db> {
    /// Backups of `db`.
    pub fn new(db: &'db Db) -> Self {
        Self { db }
    }

    /// Makes a snapshot directory at `target`, which must not exist. Writes go on meanwhile; the snapshot is the state after
    /// the last commit before this call.
    ///
    /// It appears whole or not at all: an interrupted run leaves `<target>.partial-<id>`, which the next one continues.
    /// Errors: `AlreadyExists`, `Busy` (someone else is making it), `Damaged` (the database is: what and where),
    /// `Full`, `Io`.
    pub fn create_snapshot(&self, target: impl AsRef<Path>) -> Result<SnapshotReport> {
        self.create_snapshot_with(target.as_ref(), &|_, _| {})
    }

    /// Plans a snapshot and does nothing.
    pub fn plan_snapshot(&self) -> Result<SnapshotPlan> {
        let snapshot = lock(&self.db.shared.engine).engine.snapshot();
        Ok(SnapshotPlan { pack: PackPlan::new(&snapshot)?, _snapshot: snapshot })
    }

    /// [`BackupManager::create_snapshot`], telling its progress.
    pub fn create_snapshot_with(&self, target: &Path, progress: Progress<'_>) -> Result<SnapshotReport> {
        let started = Instant::now();
        self.db.shared.store.data()?;
        refuse_url(
            target,
            "a snapshot directory is made on a disk; a store takes a delta repository (--delta)",
        )?;
        refuse_existing(target)?;
        let (snapshot, held) = {
            let mut cell = lock(&self.db.shared.engine);
            let before = Instant::now();
            (cell.engine.snapshot(), before.elapsed())
        };
        let plan = PackPlan::new(&snapshot)?;
        let workshop = Workshop::open(partial_path(target, &plan)?)?;
        let log_name = plan.log.file_name();
        workshop.keep_only(&[DATA_FILE_NAME, &log_name])?;
        let total = plan.source_bytes();
        let paths = [DATA_FILE_NAME, &log_name].map(|name| workshop.join(name));
        let ((bytes_resumed, files), (log_points, digest)) = write_then_check(
            &paths,
            || {
                let [data, log] = &paths;
                let (resumed, data_hash) = fill_and_hash(data, plan.data.file_len, |filled| {
                    self.copy_data(&plan, &workshop, filled, &|done| progress(done, total))
                })?;
                self.copy_log(&plan, &workshop, &log_name)?;
                let (log_hash, log_len) = hash(log)?;
                let data =
                    FileRecord { name: DATA_FILE_NAME.into(), len: plan.data.file_len, blake3: data_hash };
                let log = FileRecord { name: log_name.clone(), len: log_len, blake3: log_hash };
                Ok((resumed, vec![data, log]))
            },
            || Ok((self.check(workshop.path())?, visible_digest(workshop.path(), &plan)?)),
        )?;
        sync_dir(workshop.path())?;
        let record = plan.record(now_ns(), digest, log_points, files)?;
        create_file_durably(&workshop.join(RECORD_FILE_NAME), &record.to_bytes()?)?;
        rename_dir_durably(workshop.path(), target)?;
        progress(total, total);
        let bytes = record.files_bytes();
        Ok(SnapshotReport {
            folder: target.to_owned(),
            record,
            bytes,
            bytes_resumed,
            held,
            took: started.elapsed(),
        })
    }

    /// Checks every checksum of the copy, which is one of the database itself. Returns the points of its log.
    fn check(&self, folder: &Path) -> Result<u64> {
        let checked = verify_private(folder, true)?;
        match checked.findings.iter().next() {
            None => Ok(checked.log_points),
            Some(finding) => Err(Error::damaged(format!(
                "the database is damaged, so no snapshot of it was made: {finding}; `chronicle verify` lists everything"
            ))
            .at(self.db.path().display())),
        }
    }

    /// The packed data file, from front to back; `filled` is told how far it is done. Returns how many bytes were there.
    fn copy_data(
        &self,
        plan: &PackPlan,
        workshop: &Workshop,
        filled: &dyn Fn(u64),
        progress: &dyn Fn(u64),
    ) -> Result<u64> {
        let path = workshop.join(DATA_FILE_NAME);
        let place = || format!("{} to {}", self.db.path().display(), path.display());
        let from = self.db.shared.store.data()?;
        let to = workshop.file(DATA_FILE_NAME)?;
        if to.metadata().os("look at", &path)?.len() > plan.data.file_len {
            to.set_len(plan.data.file_len).os("cut", &path)?;
        }
        // What is new is known before anything is copied. It makes nothing a snapshot: only the record does.
        let new = RegularFile::open(&path, Access::ReadWrite)?;
        zero(&to, &path, 0, HEADER_AREA_LEN)?;
        for (offset, bytes) in plan.data.writes.iter().filter(|(offset, _)| *offset < HEADER_AREA_LEN) {
            new.write_all_at(*offset, bytes)?;
        }
        let (mut done, mut copied, mut end) = (0, 0, HEADER_AREA_LEN);
        for part in &plan.data.moves {
            // What lies between two segments must be zero; an earlier attempt may have left something else there.
            zero(&to, &path, end, part.to)?;
            copied += copy_missing(from.file(), part.from.offset, &to, part.to, part.from.len).at(place)?;
            end = part.to + part.from.len;
            done += part.from.len;
            progress(done);
            filled(end);
        }
        zero(&to, &path, end, plan.data.file_len)?;
        to.set_len(plan.data.file_len).os("set the length of", &path)?;
        for (offset, bytes) in plan.data.writes.iter().filter(|(offset, _)| *offset >= HEADER_AREA_LEN) {
            new.write_all_at(*offset, bytes)?;
        }
        Ok(done - copied)
    }

    /// The log file: a header of its own, then the frames.
    fn copy_log(&self, plan: &PackPlan, workshop: &Workshop, name: &str) -> Result<()> {
        let path = workshop.join(name);
        let to = workshop.file(name)?;
        to.set_len(0).os("empty", &path)?;
        let to = RegularFile::open(&path, Access::ReadWrite)?;
        to.write_all_at(0, &plan.log.header)?;
        let mut at = plan.log.header.len() as u64;
        for part in &plan.log.parts {
            let source = RegularFile::open(&self.db.shared.paths.log(part.first_lsn), Access::ReadOnly)?;
            to.write_all_at(at, &read_frames(&source, part.range)?)?;
            at += part.range.len;
        }
        Ok(())
    }
}

/// Whole frames of a log file that may be in use. It is synced first, so that a copy never holds a commit that the database
/// could still lose.
pub(super) fn read_frames(log: &RegularFile, range: ByteRange) -> Result<Vec<u8>> {
    log.sync()?;
    let mut bytes = vec![0; usize::try_from(range.len).unwrap_or(usize::MAX)];
    let there = log.len()?.saturating_sub(range.offset).min(range.len);
    // The padding of the last frame may be cut off; its zeros are put back.
    if range.len - there >= 8 {
        return Err(Error::damaged(format!("it ends at {}, before its last commit", log.len()?))
            .at(log.path().display()));
    }
    log.read_into(range.offset, &mut bytes[..there as usize])?;
    Ok(bytes)
}

/// Opens the copy as any reader would, and computes its digest: what was made can be opened, and says what it holds.
fn visible_digest(folder: &Path, plan: &PackPlan) -> Result<std::result::Result<Digest, String>> {
    let db = Db::open_private(&folder.join(DATA_FILE_NAME), Config::read_only())?;
    if db.position() != plan.position {
        return Err(Error::damaged(format!(
            "the copy ends with commit {} instead of {}: the source's log changed while it was read; try again",
            db.position().lsn,
            plan.position.lsn
        ))
        .at(folder.display()));
    }
    Ok(match db.digest_within(DIGEST_POINTS_MAX)? {
        Some(digest) => Ok(digest),
        None => Err(format!(
            "more than {DIGEST_POINTS_MAX} points would have to be read, because segments overlap; compact the database, or run a drill"
        )),
    })
}

fn refuse_existing(target: &Path) -> Result<()> {
    if target.symlink_metadata().is_ok() {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            "something is here already; a snapshot is a new folder: choose another name, or delete this one first",
        )
        .at(target.display()));
    }
    Ok(())
}

fn partial_path(target: &Path, plan: &PackPlan) -> Result<PathBuf> {
    let name = target
        .file_name()
        .ok_or_else(|| Error::invalid("the path has no name for the new folder").at(target.display()))?;
    let mut partial = name.to_os_string();
    // One database has one partial copy for each target, so that it is found again.
    partial.push(format!(".partial-{}", plan.identity.epoch.to_hex().get(..16).unwrap_or_default()));
    if let Some(parent) = target.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).os("make the folder", parent)?;
    }
    Ok(target.with_file_name(partial))
}

/// Zeroes `start..end` as far as the file reaches; behind its end it reads as zeros anyway.
fn zero(file: &File, path: &Path, start: u64, end: u64) -> Result<()> {
    let len = file.metadata().os("look at", path)?.len();
    let end = end.min(len);
    if start < end {
        use std::os::unix::fs::FileExt;
        let zeros = vec![0u8; usize::try_from(end - start).unwrap_or(0)];
        file.write_all_at(&zeros, start).os("write", path)?;
    }
    Ok(())
}
