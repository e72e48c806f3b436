//! A whole backup to a store, under a prefix of its own.
//!
//! What lies there then is a repository with one point, a base: it is listed, verified, restored and read in place as every
//! repository is, and deltas may go on from it.
use super::repository::{DeltaBackupConfig, DeltaReport};
use super::snapshot::BackupManager;
use crate::destination::S3Backend;
use crate::error::Result;

/// How a backup goes to a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupOptions {
    prefix: String,
}

impl BackupOptions {
    /// Below this prefix, which follows the backend's own, and which holds no backup yet.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }
}

impl BackupManager<'_> {
    /// Backs up everything to a store. `AlreadyExists` where a backup lies under this prefix; other errors as of
    /// [`create_delta_backup`](BackupManager::create_delta_backup), and `Unsupported` when the store lets two hosts overwrite each
    /// other and it was not declared that one only writes ([`S3Backend::single_writer`]).
    pub fn backup_to_storage(&self, backend: &S3Backend, options: BackupOptions) -> Result<DeltaReport> {
        let config = DeltaBackupConfig::to_destination(backend.at(&options.prefix)?);
        self.create_delta_backup_with(&config, &|_, _| {})
    }
}
