//! The lock of a stream: of one database one stream to a place runs at a time.
use crate::backup::repository::slot::name_of;
use crate::error::{Error, ErrorKind, Result};
use crate::files::paths::DbPaths;
use crate::files::regular_file::{Links, open_regular};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::PathBuf;

/// The lock of a stream: a file beside the database.
pub(super) fn lock(paths: &DbPaths, place: &str) -> Result<File> {
    let path: PathBuf = paths.beside(&format!("stream-{}", name_of(place)));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = open_regular(&path, &mut options, Links::Refuse).map_err(|error| {
        Error::new(ErrorKind::Io, format!("the stream's lock can't be opened: {error}")).at(path.display())
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(ErrorKind::Busy, format!("another stream of this database to {place} runs"))
                .at(path.display()))
        }
        Err(TryLockError::Error(error)) => {
            Err(Error::new(ErrorKind::Unsupported, format!("files can't be locked here: {error}"))
                .at(path.display()))
        }
    }
}
