//! Restore: copied aside, every byte checked, the log folded in, published by one rename.
use super::folder::{Workshop, copy_missing, fill_and_hash, hash, write_then_check};
use super::publish::{Expected, fold, in_the_way, publish, refuse_or_go_on};
use super::source::{BackupSource, find_source};
use super::{Progress, WINDOW_BYTES};
use crate::error::{Error, ErrorKind, Result};
use crate::files::atomic::sync_dir;
use crate::files::lock::WriterLock;
use crate::files::os_error::OsContext;
use crate::files::paths::DbPaths;
use crate::files::regular_file::{Access, RegularFile};
use crate::verify::verify_private;
use chronicle_core::backup::{DATA_FILE_NAME, SnapshotRecord};
use chronicle_core::digest::Digest;
use chronicle_core::head::Position;
use chronicle_core::ids::{Epoch, Hash};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How a restore is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestoreOptions {
    /// Where the target holds a database, move its files aside instead of refusing.
    pub force: bool,
}

/// What a restore would do; nothing is done yet.
#[derive(Clone, Debug)]
pub struct RestorePlan {
    /// What is restored.
    pub source: BackupSource,
    /// The folder that will hold `data.db`.
    pub target: PathBuf,
    /// Files to copy, with their lengths.
    pub files: Vec<(PathBuf, u64)>,
    /// Files in the way, which `force` moves aside.
    pub in_the_way: Vec<PathBuf>,
}

/// What was restored.
#[derive(Clone, Debug)]
pub struct RestoreReport {
    /// The restored data file.
    pub path: PathBuf,
    /// The commit whose state it is.
    pub position: Position,
    /// The epoch in which it continues.
    pub epoch: Epoch,
    /// The epoch that it continues.
    pub parent: Epoch,
    /// Digest of everything in it.
    pub digest: Digest,
    /// Whether that was compared with the digest in the record; a stopped copy has none.
    pub digest_proven: bool,
    /// Series in it.
    pub series: u64,
    /// Bytes that were copied or found in place, all of them checked.
    pub bytes: u64,
    /// Bytes that an interrupted attempt had copied already.
    pub bytes_resumed: u64,
    /// Folder that holds the files which were in the way, if any.
    pub replaced: Option<PathBuf>,
    /// How long it took.
    pub took: Duration,
}

/// Restores the snapshot (or the stopped copy) at `source` to `target`, which becomes a folder with `data.db`. See
/// [`restore_with`].
pub fn restore_snapshot(source: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<RestoreReport> {
    restore_with(source.as_ref(), target.as_ref(), RestoreOptions::default(), &|_, _| {})
}

/// Finds out what a restore would do.
pub fn plan_restore(source: &Path, target: &Path) -> Result<RestorePlan> {
    let source = find_source(source)?;
    let files = match &source {
        BackupSource::Snapshot { folder, record } => {
            record.files.iter().map(|file| (folder.join(&file.name), file.len)).collect()
        }
        BackupSource::Database { path } => {
            let paths = DbPaths::new(path)?;
            let logs = paths.log_files()?.into_iter().map(|log| log.path);
            let files = std::iter::once(path.clone()).chain(logs);
            files
                .map(|file| Ok((file.clone(), fs::metadata(&file).os("look at", &file)?.len())))
                .collect::<Result<_>>()?
        }
    };
    Ok(RestorePlan { source, in_the_way: in_the_way(target)?, target: target.to_owned(), files })
}

/// Restores `source` to `target`. A target that holds `data.db` or `data.db.*` is refused, or with
/// [`RestoreOptions::force`] those files are moved into `replaced-by-restore-<time>` beside; other files are never touched.
///
/// The copy is built in a folder inside the target, every byte is checked against the record, the log is folded in, and
/// `data.db` appears by one rename. An interrupted restore is taken up where it was. The database continues the
/// history as a new epoch. Errors: `AlreadyExists`, `Busy`, `Damaged`, `NotRestorable`, `Full`, `Io`.
pub fn restore_with(
    source: &Path,
    target: &Path,
    options: RestoreOptions,
    progress: Progress<'_>,
) -> Result<RestoreReport> {
    let started = Instant::now();
    let plan = plan_restore(source, target)?;
    refuse_or_go_on(target, &plan.in_the_way, options.force)?;
    fs::create_dir_all(target).os("make the folder", target)?;
    let workshop = Workshop::open(target.join(staging_name(&plan.source)?))?;
    let names: Vec<String> = plan.files.iter().map(|(path, _)| staged_name(&plan.source, path)).collect();
    workshop.keep_only(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    let source_lock = lock_source(&plan.source)?;

    let total = plan.files.iter().map(|(_, len)| len).sum();
    let staged: Vec<PathBuf> = names.iter().map(|name| workshop.join(name)).collect();
    let ((bytes, copied), ()) = write_then_check(
        &staged,
        || {
            let (mut bytes, mut copied) = (0, 0);
            for ((path, len), name) in plan.files.iter().zip(&names) {
                let staged = workshop.join(name);
                let (part, hash) = fill_and_hash(&staged, *len, |filled| {
                    stage(path, *len, &workshop, name, &|done| {
                        filled(done);
                        progress(bytes + done, total);
                    })
                })?;
                if let BackupSource::Snapshot { folder, record } = &plan.source {
                    check_hash(folder, record, name, hash, &staged)?;
                }
                copied += part;
                bytes += len;
            }
            Ok((bytes, copied))
        },
        || {
            let packed = matches!(plan.source, BackupSource::Snapshot { .. });
            match verify_private(workshop.path(), packed)?.findings.iter().next() {
                None => Ok(()),
                Some(finding) => {
                    let error =
                        Error::damaged(format!("the source is damaged: {finding}; nothing was restored"));
                    Err(error.at(source.display()))
                }
            }
        },
    )?;
    drop(source_lock);
    sync_dir(workshop.path())?;
    let expected = match &plan.source {
        BackupSource::Snapshot { record, folder } => Some(Expected {
            lsn: record.lsn,
            chain: Some(record.chain),
            digest: record.digest,
            place: folder.display().to_string(),
        }),
        BackupSource::Database { .. } => None,
    };
    let folded = fold(&workshop, expected)?;
    let (path, replaced) = publish(workshop, target, &plan.in_the_way)?;
    Ok(folded.report(path, (bytes, bytes - copied), replaced, started))
}

/// The same for every attempt at the same source, so that an interrupted one is found.
fn staging_name(source: &BackupSource) -> Result<String> {
    let identity = match source {
        BackupSource::Snapshot { record, .. } => Hash::of(&record.to_bytes()?),
        BackupSource::Database { path } => {
            let file = RegularFile::open(path, Access::ReadOnly)?;
            Hash::of(&file.read_exact_at(0, file.len()?.min(chronicle_core::format::HEADER_AREA_LEN))?)
        }
    };
    Ok(format!(".chronicle-restore-{}", identity.to_hex().get(..16).unwrap_or_default()))
}

/// The name that a file gets in staging: a stopped copy may have any name, a database in the making is `data.db`.
fn staged_name(source: &BackupSource, path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let original = source.data_path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    match name.strip_prefix(&original) {
        Some(suffix) => format!("{DATA_FILE_NAME}{suffix}"),
        None => name,
    }
}

/// A database file is only copied while no writer has it.
pub(super) fn lock_source(source: &BackupSource) -> Result<Option<WriterLock>> {
    match source {
        BackupSource::Database { path } => match WriterLock::acquire(&DbPaths::new(path)?) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.kind() == ErrorKind::Busy => Err(Error::new(
                ErrorKind::Busy,
                "the source is a database that is being written; make a snapshot of it with `chronicle backup create`, and restore that",
            )
            .at(path.display())),
            // Read-only media take no lock file, and have no writer.
            Err(_) => Ok(None),
        },
        BackupSource::Snapshot { .. } => Ok(None),
    }
}

/// Copies one file to staging, passing over what is there. Returns how many bytes were copied.
fn stage(path: &Path, len: u64, workshop: &Workshop, name: &str, filled: &dyn Fn(u64)) -> Result<u64> {
    let place = || format!("{} to {}", path.display(), workshop.join(name).display());
    let from = RegularFile::open(path, Access::ReadOnly)?;
    let to = workshop.file(name)?;
    let (mut done, mut copied) = (0, 0);
    while done < len {
        let step = WINDOW_BYTES.min(len - done);
        copied += copy_missing(from.file(), done, &to, done, step).map_err(|error| error.at(place()))?;
        done += step;
        filled(done);
    }
    to.set_len(len).os("set the length of", &workshop.join(name))?;
    Ok(copied)
}

/// A staged file against its record. Where it is wrong, says whether the source is.
fn check_hash(folder: &Path, record: &SnapshotRecord, name: &str, found: Hash, staged: &Path) -> Result<()> {
    let Some(file) = record.file(name).filter(|file| file.blake3 != found) else { return Ok(()) };
    let original = folder.join(name);
    let (in_source, _) = hash(&original)?;
    Err(if in_source == file.blake3 {
        Error::damaged(
            "the copy differs from the source, which is sound: the target's medium lies; nothing was restored",
        )
        .at(staged.display())
    } else {
        Error::damaged("the file is not the one its record describes (BLAKE3 differs); nothing was restored: try another snapshot, or `chronicle verify` to see what is damaged")
            .at(original.display())
    })
}
