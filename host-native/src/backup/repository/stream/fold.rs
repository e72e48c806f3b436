//! Folding: a point is made beside the stream, which goes on shipping meanwhile.
use crate::backup::BackupManager;
use crate::backup::repository::{DeltaBackupConfig, DeltaReport};
use crate::db::{Config, Db};
use crate::error::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// A point on its way.
pub(super) struct Fold {
    thread: JoinHandle<Result<DeltaReport>>,
}

/// Makes a point of the database as it is now.
pub(super) fn point(data: &Path, config: &DeltaBackupConfig) -> Result<DeltaReport> {
    let db = Db::open(data, Config::read_only())?;
    BackupManager::new(&db).create_delta_backup_with(config, &|_, _| {})
}

impl Fold {
    pub(super) fn begin(data: PathBuf, config: DeltaBackupConfig) -> Result<Self> {
        let thread = std::thread::Builder::new().name("chronicle-fold".into());
        let thread = thread.spawn(move || point(&data, &config));
        Ok(Self {
            thread: thread
                .map_err(|error| Error::new(ErrorKind::Io, format!("no thread can be started: {error}")))?,
        })
    }

    pub(super) fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for it.
    pub(super) fn finish(self) -> Result<DeltaReport> {
        self.thread
            .join()
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Io, "the thread that makes a point failed")))
    }
}
