//! Encrypted snapshot directories: each is a repository of one base, built aside, that appears by one rename.
use super::delta::{DeltaBackupConfig, DeltaReport};
use crate::backup::{BackupManager, Progress};
use crate::crypt::EncryptTo;
use crate::error::{Error, ErrorKind, Result};
use crate::files::atomic::{rename_dir_durably, sync_dir};
use crate::files::os_error::OsContext;
use std::path::{Path, PathBuf};

impl BackupManager<'_> {
    /// Makes an encrypted snapshot directory at `target`, which must not exist: a repository that holds one base and is read as
    /// any other ([`crate::backup::Repository`]). Writes go on meanwhile. It appears whole or not at all; what an interrupted
    /// run left (`<target>.partial-<id>`) is removed by the next one, which begins anew.
    ///
    /// Errors: `AlreadyExists`, `Busy`, `Damaged` (the database is: what and where), `Full`, `Io`.
    pub fn create_encrypted_snapshot(
        &self,
        target: &Path,
        to: EncryptTo,
        progress: Progress<'_>,
    ) -> Result<DeltaReport> {
        if target.symlink_metadata().is_ok() {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                "something is here already; a snapshot is a new folder: choose another name, or delete this one first",
            )
            .at(target.display()));
        }
        let partial = self.partial_of(target)?;
        if partial.is_dir() {
            std::fs::remove_dir_all(&partial).os("remove what an interrupted run left", &partial)?;
        }
        std::fs::create_dir_all(&partial).os("make the folder", &partial)?;
        let config = DeltaBackupConfig::new(&partial).encrypt_to(to).without_slot();
        let mut report = self.create_delta_backup_with(&config, progress)?;
        sync_dir(&partial)?;
        rename_dir_durably(&partial, target)?;
        report.place = target.display().to_string();
        Ok(report)
    }

    /// One database has one partial copy for each target, so that it is found again.
    fn partial_of(&self, target: &Path) -> Result<PathBuf> {
        let name = target
            .file_name()
            .ok_or_else(|| Error::invalid("the path has no name for the new folder").at(target.display()))?;
        let mut partial = name.to_os_string();
        let epoch = self.db.identity().epoch.to_hex();
        partial.push(format!(".partial-{}", epoch.get(..16).unwrap_or_default()));
        Ok(target.with_file_name(partial))
    }
}
