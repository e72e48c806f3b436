//! The last steps of every restore: what is in the way, folding the log in, proving what came out, publishing by one rename.
use super::RestoreReport;
use super::folder::Workshop;
use crate::db::{Config, Db};
use crate::error::{Error, ErrorKind, Result};
use crate::files::atomic::{rename_file_durably, sync_dir};
use crate::files::lock::WriterLock;
use crate::files::os_error::OsContext;
use crate::files::paths::{DbPaths, SiblingKind};
use crate::host::{now_ns, random_epoch};
use chronicle_core::backup::{DATA_FILE_NAME, RECORD_FILE_NAME, restored_identity};
use chronicle_core::digest::Digest;
use chronicle_core::engine::Identity;
use chronicle_core::head::Position;
use chronicle_core::ids::{Chain, Epoch, Lsn};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A restore replaces nothing: refuses what is in the way, or with `force` makes sure that it may be moved.
pub(super) fn refuse_or_go_on(target: &Path, in_the_way: &[PathBuf], force: bool) -> Result<()> {
    if target.join(RECORD_FILE_NAME).exists() {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            "the folder is a snapshot, and stays one; restore to another folder",
        )
        .at(target.display()));
    }
    let Some(first) = in_the_way.first() else { return Ok(()) };
    if !force {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!(
                "{} is there already, and a restore replaces nothing; choose an empty folder, or move the old files aside with --force",
                first.display()
            ),
        )
        .at(target.display()));
    }
    let data = target.join(DATA_FILE_NAME);
    if data.exists() {
        // A running writer must not have its files moved away under it.
        drop(WriterLock::acquire(&DbPaths::new(&data)?)?);
    }
    Ok(())
}

/// `data.db` and `data.db.*` in the target.
pub(super) fn in_the_way(target: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(target) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(crate::error::io("list the folder", target, &error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.os("list the folder", target)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name == DATA_FILE_NAME
            || name.strip_prefix(DATA_FILE_NAME).is_some_and(|rest| rest.starts_with('.'))
        {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// What a staged copy must come to.
pub(super) struct Expected {
    /// Its last commit.
    pub(super) lsn: Lsn,
    /// The history up to there, where a record says it.
    pub(super) chain: Option<Chain>,
    /// Of everything visible, where a record says it.
    pub(super) digest: Option<Digest>,
    /// Whose record it is.
    pub(super) place: String,
}

/// What it came to.
pub(super) struct Folded {
    position: Position,
    epoch: Epoch,
    parent: Epoch,
    digest: Digest,
    proven: bool,
    series: u64,
}

/// Turns the staged copy into one file that starts a new epoch, and proves that it holds what its record says.
pub(super) fn fold(workshop: &Workshop, expected: Option<Expected>) -> Result<Folded> {
    let db = open_staged(workshop)?;
    db.checkpoint()?;
    let (digest, position) = db.digest(true)?;
    let mut proven = false;
    if let Some(expected) = expected {
        if expected.lsn != position.lsn || expected.chain.is_some_and(|chain| chain != position.chain) {
            return Err(Error::damaged(format!(
                "the copy ends with commit {} where its record says {}; nothing was restored",
                position.lsn, expected.lsn
            ))
            .at(expected.place));
        }
        if let Some(recorded) = expected.digest {
            if recorded != digest {
                return Err(Error::damaged(format!(
                    "the copy's digest is {digest} where its record says {recorded}; nothing was restored"
                ))
                .at(expected.place));
            }
            proven = true;
        }
    }
    let old = db.identity();
    let epoch = random_epoch()?;
    let series = db.gauges().series as u64;
    begin_epoch(workshop, db, restored_identity(&old, position, epoch))?;
    Ok(Folded { position, epoch, parent: old.epoch, digest, proven, series })
}

/// Folds the log of one epoch in, and lets the staged copy go on as the database of the next one.
pub(super) fn pass_into(workshop: &Workshop, next: Identity) -> Result<()> {
    let db = open_staged(workshop)?;
    db.checkpoint()?;
    begin_epoch(workshop, db, next)
}

/// Folds what there is of a log in; more of it follows.
pub(super) fn fold_piece(workshop: &Workshop) -> Result<()> {
    open_staged(workshop)?.checkpoint()
}

fn open_staged(workshop: &Workshop) -> Result<Db> {
    // Log that is folded in is of no more use.
    let config = Config { background: false, create: false, wal_keep_bytes: 0, ..Config::default() };
    Db::open_private(&workshop.join(DATA_FILE_NAME), config)
}

/// Afterwards the data file alone is the database.
pub(super) fn begin_epoch(workshop: &Workshop, db: Db, identity: Identity) -> Result<()> {
    db.begin_epoch(identity)?;
    drop(db);
    for log in DbPaths::new(workshop.join(DATA_FILE_NAME))?
        .siblings()?
        .into_iter()
        .filter(|sibling| !matches!(sibling.kind, SiblingKind::Slot))
    {
        fs::remove_file(&log.path).os("delete", &log.path)?;
    }
    Ok(())
}

/// Gives the staged file its name in the target. Returns it, and the folder with what was in the way.
pub(super) fn publish(
    workshop: Workshop,
    target: &Path,
    in_the_way: &[PathBuf],
) -> Result<(PathBuf, Option<PathBuf>)> {
    let replaced = if in_the_way.is_empty() { None } else { Some(move_aside(target, in_the_way)?) };
    let path = target.join(DATA_FILE_NAME);
    rename_file_durably(&workshop.join(DATA_FILE_NAME), &path)?;
    workshop.remove()?;
    sync_dir(target)?;
    Ok((path, replaced))
}

/// Moves what is in the way into a folder of its own.
fn move_aside(target: &Path, in_the_way: &[PathBuf]) -> Result<PathBuf> {
    let stamp = chronicle_core::time::format_timestamp(now_ns()).replace([':', '.'], "-");
    let aside = target.join(format!("replaced-by-restore-{stamp}"));
    fs::create_dir(&aside).os("make the folder", &aside)?;
    for path in in_the_way {
        let to = aside.join(path.file_name().unwrap_or_default());
        rename_file_durably(path, &to)?;
    }
    Ok(aside)
}

impl Folded {
    /// The report of a restore that published `path`; `bytes` are those that were checked, and those of them that an
    /// interrupted attempt had copied.
    pub(super) fn report(
        self,
        path: PathBuf,
        (bytes, bytes_resumed): (u64, u64),
        replaced: Option<PathBuf>,
        started: Instant,
    ) -> RestoreReport {
        RestoreReport {
            path,
            position: self.position,
            epoch: self.epoch,
            parent: self.parent,
            digest: self.digest,
            digest_proven: self.proven,
            series: self.series,
            bytes,
            bytes_resumed,
            replaced,
            took: started.elapsed(),
        }
    }
}
