//! The slot file beside the database: who backs it up to one repository, and which attempt was interrupted.
//!
//! Its lock is what counts: whoever holds it knows that a job of an earlier attempt is dead. Where no file can be made beside the
//! database (a read-only medium, a frozen folder) there is no slot, and every attempt is a job of its own.
use crate::destination::is_url;
use crate::error::{Error, ErrorKind, Result};
use crate::files::os_error::OsContext;
use crate::files::paths::DbPaths;
use crate::files::regular_file::{Links, open_regular};
use chronicle_core::backup::RECORD_FILE_NAME;
use chronicle_core::backup::repository::{BackupSlot, JobId, PointNumber, SLOT_LEN_MAX};
use chronicle_core::format::EpochParent;
use chronicle_core::ids::{Hash, Lineage};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// The slot, held.
pub(super) struct Slot {
    file: Option<(File, PathBuf)>,
    says: BackupSlot,
}

impl Slot {
    /// None: nothing is left beside the database, and every attempt is a job of its own.
    pub(super) fn none(lineage: Lineage) -> Self {
        Self { file: None, says: BackupSlot::new(lineage) }
    }

    /// Takes the slot of the database for the repository at `place`. `Busy` while another backup to it is at work.
    pub(super) fn take(paths: &DbPaths, place: &str, lineage: Lineage) -> Result<Self> {
        let mut says = BackupSlot::new(lineage);
        if paths.folder().join(RECORD_FILE_NAME).exists() {
            return Ok(Self { file: None, says });
        }
        let path = paths.slot(&name_of(place))?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = match open_regular(&path, &mut options, Links::Refuse).os("open the slot", &path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::Permission | ErrorKind::ReadOnly) => {
                return Ok(Self { file: None, says });
            }
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(
                    ErrorKind::Busy,
                    format!("another backup of this database to {place} is at work: wait for it to end"),
                )
                .at(path.display()));
            }
            // Some network file systems have no locks: then no attempt knows whether another one is dead.
            Err(TryLockError::Error(_)) => return Ok(Self { file: None, says }),
        }
        let mut bytes = Vec::new();
        Read::take(&mut file, SLOT_LEN_MAX as u64 + 1).read_to_end(&mut bytes).os("read", &path)?;
        if let Ok(found) = BackupSlot::parse(&bytes)
            && found.lineage == lineage
        {
            says = found;
        }
        says.place = Some(place.to_owned());
        Ok(Self { file: Some((file, path)), says })
    }

    /// False where nothing can be kept beside the database.
    pub(super) fn is_kept(&self) -> bool {
        self.file.is_some()
    }

    /// The job of an attempt that died, and the number that it claims.
    pub(super) fn interrupted(&self) -> Option<(JobId, PointNumber)> {
        self.says.job
    }

    /// Says, durably, that a job is about to claim a number.
    pub(super) fn begin(&mut self, job: JobId, number: PointNumber) -> Result<()> {
        self.says.job = Some((job, number));
        self.write()
    }

    /// Says that the job ended with a point that ends there.
    pub(super) fn end(&mut self, sent: EpochParent) -> Result<()> {
        (self.says.job, self.says.sent) = (None, Some(sent));
        self.write()
    }

    /// In place: the lock is the file's. A torn write is a slot that can't be read.
    fn write(&mut self) -> Result<()> {
        let Some((file, path)) = &mut self.file else { return Ok(()) };
        let bytes = self.says.to_bytes()?;
        file.rewind().and_then(|()| file.write_all(&bytes)).os("write", path)?;
        file.set_len(bytes.len() as u64).and_then(|()| file.sync_all()).os("sync", path)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Closing the file is not enough: a child that this process is just starting holds a copy of it for a moment.
        if let Some((file, _)) = &self.file {
            let _ = file.unlock();
        }
    }
}

/// The same for every way to write the same folder.
pub(super) fn name_of(place: &str) -> String {
    if is_url(place) {
        return hashed(place.as_bytes());
    }
    let path = Path::new(place);
    let whole = path.canonicalize().or_else(|_| std::path::absolute(path));
    let whole = whole.unwrap_or_else(|_| path.to_owned());
    hashed(whole.as_os_str().as_encoded_bytes())
}

fn hashed(place: &[u8]) -> String {
    format!("delta-{}", Hash::of(place).to_hex().get(..16).unwrap_or_default())
}
