//! Sources: what a path that someone wants to read or restore from leads to.
use super::is_repository;
use crate::destination::refuse_url;
use crate::error::{At, Error, ErrorKind, Result};
use crate::files::os_error::OsContext;
use chronicle_core::backup::{DATA_FILE_NAME, RECORD_FILE_NAME, SnapshotRecord};
use std::fs;
use std::path::{Path, PathBuf};

/// Something that a database can be read or restored from.
#[derive(Clone, Debug)]
pub enum BackupSource {
    /// A snapshot directory with its record.
    Snapshot {
        /// The folder.
        folder: PathBuf,
        /// Its record, checked.
        record: Box<SnapshotRecord>,
    },
    /// A database file: live, or a copy made while Chronicle was stopped.
    Database {
        /// The data file.
        path: PathBuf,
    },
}

impl BackupSource {
    /// The data file.
    pub fn data_path(&self) -> PathBuf {
        match self {
            Self::Snapshot { folder, .. } => folder.join(DATA_FILE_NAME),
            Self::Database { path } => path.clone(),
        }
    }
}

/// Finds what `path` means: a data file, a folder with one, a snapshot directory, or a folder of snapshot directories
/// (then the newest by commit time). A last part `latest` that does not exist means the newest under its parent.
///
/// `NotFound` when nothing is there, `NotRestorable` when the folder holds no snapshot, `InvalidInput` when its snapshots
/// are of several databases, `Damaged` when the record is not what was written.
pub fn find_source(path: &Path) -> Result<BackupSource> {
    on_disk(path)?;
    let folder = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => path,
        Ok(_) => return source_of_file(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            match path.parent().filter(|_| path.file_name().is_some_and(|name| name == "latest")) {
                Some(parent) if parent.as_os_str().is_empty() => return newest_in(Path::new(".")),
                Some(parent) => return newest_in(parent),
                None => {
                    return Err(Error::new(
                        ErrorKind::NotFound,
                        "there is no such file or folder; check the path",
                    )
                    .at(path.display()));
                }
            }
        }
        Err(error) => return Err(crate::error::io("look at", path, &error)),
    };
    if folder.join(RECORD_FILE_NAME).exists() {
        let record = Box::new(read_record(folder)?);
        return Ok(BackupSource::Snapshot { folder: folder.to_owned(), record });
    }
    if is_repository(folder)? {
        return Err(Error::invalid(
            "this is a delta repository, and a database or a snapshot is needed here; restore a moment of it first",
        )
        .at(folder.display()));
    }
    let data = folder.join(DATA_FILE_NAME);
    if data.exists() { Ok(BackupSource::Database { path: data }) } else { newest_in(folder) }
}

fn on_disk(path: &Path) -> Result<()> {
    refuse_url(path, "there is no delta repository; databases and snapshots are read from paths").map_err(
        |error| Error::new(ErrorKind::NotRestorable, error.message()).at(error.place().unwrap_or_default()),
    )
}

fn source_of_file(path: &Path) -> Result<BackupSource> {
    let folder = path.parent().filter(|folder| folder.join(RECORD_FILE_NAME).exists());
    match folder.filter(|_| path.file_name().is_some_and(|name| name == DATA_FILE_NAME)) {
        Some(folder) => {
            Ok(BackupSource::Snapshot { folder: folder.to_owned(), record: Box::new(read_record(folder)?) })
        }
        None => Ok(BackupSource::Database { path: path.to_owned() }),
    }
}

/// The record of a snapshot directory.
pub(crate) fn read_record(folder: &Path) -> Result<SnapshotRecord> {
    let path = folder.join(RECORD_FILE_NAME);
    let bytes = fs::read(&path).os("read", &path)?;
    SnapshotRecord::parse(&bytes).at(|| path.display().to_string())
}

/// The snapshots beside the one that `path` led to: those of a folder of snapshots, else it alone.
pub(crate) fn snapshots_at(
    path: &Path,
    folder: &Path,
    record: &SnapshotRecord,
) -> Vec<(PathBuf, SnapshotRecord)> {
    let above = folder.parent().filter(|_| path != folder && path != folder.join(DATA_FILE_NAME));
    // What was found a moment ago is there, whatever became of the others.
    let beside = above.and_then(|above| snapshots_in(above).ok()).unwrap_or_default();
    if beside.is_empty() { vec![(folder.to_owned(), record.clone())] } else { beside }
}

/// The snapshots directly under `folder`, in no order, each with its record or why that can't be read. One that was not finished
/// is none.
pub fn snapshots(folder: &Path) -> Result<Vec<(PathBuf, Result<SnapshotRecord>)>> {
    on_disk(folder)?;
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).os("list the folder", folder)? {
        let path = entry.os("list the folder", folder)?.path();
        let is_partial = path.file_name().is_some_and(|name| name.to_string_lossy().contains(".partial-"));
        if !is_partial && path.join(RECORD_FILE_NAME).exists() {
            let record = read_record(&path);
            found.push((path, record));
        }
    }
    Ok(found)
}

/// The snapshots directly under `folder`. A damaged record is damage, not absence.
fn snapshots_in(folder: &Path) -> Result<Vec<(PathBuf, SnapshotRecord)>> {
    snapshots(folder)?.into_iter().map(|(path, record)| Ok((path, record?))).collect()
}

/// The newest snapshot directly under `folder`.
fn newest_in(folder: &Path) -> Result<BackupSource> {
    let found = snapshots_in(folder)?;
    if let Some([(a, one), (b, other)]) =
        found.array_windows().find(|[(_, a), (_, b)]| a.lineage != b.lineage)
    {
        return Err(Error::invalid(format!(
            "the folder holds snapshots of different databases: {} is of lineage {}, {} of {}; name the one you mean",
            a.display(),
            one.lineage,
            b.display(),
            other.lineage
        ))
        .at(folder.display()));
    }
    let newest = found.into_iter().max_by_key(|(_, record)| (record.commit_time_ns, record.lsn));
    match newest {
        Some((path, record)) => Ok(BackupSource::Snapshot { folder: path, record: Box::new(record) }),
        None => Err(Error::new(
            ErrorKind::NotRestorable,
            "neither a database nor a snapshot is here: a snapshot directory holds data.db and metadata.json",
        )
        .at(folder.display())),
    }
}
