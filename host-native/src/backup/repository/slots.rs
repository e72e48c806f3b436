//! The slots beside a database, to be looked at, limited and dropped: for which repositories it keeps log, and how much.
use super::slot::name_of;
use crate::backup::BackupManager;
use crate::db::read_slot;
use crate::error::{At, Error, ErrorKind, Result};
use crate::files::atomic::remove_durably;
use crate::files::os_error::OsContext;
use crate::files::regular_file::{Links, open_regular};
use chronicle_core::backup::repository::BackupSlot;
use chronicle_core::ids::Lsn;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::path::PathBuf;

/// A slot: a repository that this database was backed up to, as far as it knows.
#[derive(Clone, Debug)]
pub struct SlotStatus {
    /// Its name: what follows `data.db.slot-`.
    pub name: String,
    /// What it says; an error where it can't be read. Such a slot keeps the log too.
    pub slot: Result<BackupSlot>,
    /// A backup holds it right now.
    pub is_at_work: bool,
    /// The database holds every commit behind this one for it; `None` for a slot of another database.
    pub behind: Option<Lsn>,
    /// Bytes of closed log files that are kept for it: those that [`Config::wal_keep_bytes`](crate::Config::wal_keep_bytes)
    /// keeps anyway are among them.
    pub log_bytes: u64,
    /// Up to how many are.
    pub log_bytes_max: u64,
}

impl BackupManager<'_> {
    /// The slots beside the database, by name.
    pub fn slots(&self) -> Result<Vec<SlotStatus>> {
        let paths = &self.db.shared.paths;
        let identity = self.db.identity();
        let default = self.db.shared.config.wal_slot_bytes_max;
        let files = paths.log_files()?;
        let lens: Vec<u64> =
            files.iter().map(|file| file.path.metadata().map_or(0, |metadata| metadata.len())).collect();
        let kept = |behind: Lsn| {
            let ends = files.iter().skip(1).map(|next| next.first_lsn);
            let closed = ends.zip(&lens).filter(|(next, _)| next.saturating_sub(1) > behind);
            closed.fold(0u64, |sum, (_, len)| sum.saturating_add(*len))
        };
        let mut found = Vec::new();
        for path in paths.slots()? {
            let slot = match read_slot(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                read => read,
            };
            let everything = Some(chronicle_core::engine::LogHold { behind: 0, bytes_max: default });
            let hold =
                slot.as_ref().map_or(everything, |slot| slot.hold(identity.lineage, identity.epoch, default));
            found.push(SlotStatus {
                name: name_in(&path),
                is_at_work: lock(&path).is_err_and(|error| error.kind() == ErrorKind::Busy),
                behind: hold.map(|hold| hold.behind),
                log_bytes: hold.map_or(0, |hold| kept(hold.behind)),
                log_bytes_max: hold.map_or(0, |hold| hold.bytes_max),
                slot,
            });
        }
        Ok(found)
    }

    /// Forgets a repository that nobody backs up to any more: no log is kept for it. `repository` is the name of the slot, or
    /// the path of the repository. A later backup to it goes on, with a gap where its log was dropped. Errors: `NotFound`,
    /// `Busy` (a backup to it is at work), `Permission`, `Io`.
    pub fn drop_slot(&self, repository: &str) -> Result<()> {
        let path = self.slot_path(repository)?;
        let _held = lock(&path)?;
        remove_durably(&path)
    }

    /// Keeps closed log files for a repository up to this many bytes, whatever the configuration of who writes says; with
    /// `None` as that says. Errors as of [`BackupManager::drop_slot`].
    pub fn limit_slot(&self, repository: &str, wal_slot_bytes_max: Option<u64>) -> Result<()> {
        let path = self.slot_path(repository)?;
        let mut file = lock(&path)?;
        let slot = read_slot(&path).at(|| path.display().to_string())?;
        let bytes = BackupSlot { wal_slot_bytes_max, ..slot }.to_bytes()?;
        file.rewind().and_then(|()| file.write_all(&bytes)).os("write", &path)?;
        file.set_len(bytes.len() as u64).and_then(|()| file.sync_all()).os("sync", &path)
    }

    fn slot_path(&self, repository: &str) -> Result<PathBuf> {
        let paths = &self.db.shared.paths;
        let slots = paths.slots()?;
        let by_place = name_of(repository);
        let found = slots.iter().find(|path| {
            let name = name_in(path);
            name == repository || name == by_place
        });
        found.cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("there is no slot for {repository:?}; `chronicle backup slots` lists them"),
            )
            .at(paths.data().display())
        })
    }
}

fn name_in(path: &std::path::Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.rsplit_once(".slot-").map_or(name.clone(), |(_, slot)| slot.to_owned())
}

/// The slot file, locked: no backup to the repository is at work, and none begins meanwhile.
fn lock(path: &std::path::Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let file = open_regular(path, &mut options, Links::Refuse).os("open the slot", path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(ErrorKind::Busy, "a backup to this repository is at work: wait for it to end")
                .at(path.display()))
        }
        // A file system without locks knows no job at work either.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}
