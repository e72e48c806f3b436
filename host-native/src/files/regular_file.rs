//! A regular file: positioned reads and writes, syncs, and the refusal of everything that is not one.
//!
//! Keeps true: opening never blocks (a FIFO without a writer, a device) and never follows through to something
//! that is not a regular file; a read outside the file is damage that names the offset, not a short answer; after
//! a sync failed, no later sync of the same file claims success (the kernel reports a lost write once only, and a
//! second `fsync` would say that all is well).
use super::os_error::{OsContext, os_error};
use super::position;
use chronicle_core::error::{Error, ErrorKind, Result};
use std::fs::{File, FileType, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What a file is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Existing, for reading.
    ReadOnly,
    /// Existing, for reading and writing.
    ReadWrite,
    /// Must not exist yet; for reading and writing.
    CreateNew,
}

/// An open regular file and its path.
#[derive(Debug)]
pub struct RegularFile {
    file: File,
    path: PathBuf,
    writable: bool,
    /// Also makes syncs take turns: the kernel tells one of two callers only that a write was lost.
    sync_failed: Mutex<bool>,
}

impl RegularFile {
    /// Opens or creates `path`. A created file's name is durable only after its folder is synced.
    pub fn open(path: &Path, access: Access) -> Result<Self> {
        Self::open_with(path, access, Links::Follow)
    }

    /// [`open`](Self::open), with a word on links at the path itself.
    pub(crate) fn open_with(path: &Path, access: Access, links: Links) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true);
        let operation = match access {
            Access::ReadOnly => "open for reading",
            Access::ReadWrite => {
                options.write(true);
                "open for writing"
            }
            Access::CreateNew => {
                options.write(true).create_new(true);
                "create"
            }
        };
        let file = open_regular(path, &mut options, links).os(operation, path)?;
        let writable = access != Access::ReadOnly;
        Ok(Self { file, path: path.to_path_buf(), writable, sync_failed: Mutex::new(false) })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, for locks, maps and copies.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Its length in bytes now; another process may be changing it.
    pub fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().os("read the length", &self.path)?.len())
    }

    /// Whether it holds no bytes.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// `len` bytes from `offset` on. Nothing is allocated before it is known that the file has them; if it has not,
    /// that is [`ErrorKind::Damaged`].
    pub fn read_exact_at(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        let file_len = self.len()?;
        if offset.checked_add(len).is_none_or(|end| end > file_len) {
            return Err(self.short(offset, len, file_len));
        }
        let size = usize::try_from(len).map_err(|_| {
            Error::new(ErrorKind::LimitExceeded, format!("{len} bytes do not fit this machine's memory"))
                .at(self.path.display())
        })?;
        let mut buffer = vec![0; size];
        self.read_into(offset, &mut buffer)?;
        Ok(buffer)
    }

    /// Fills `buffer` from `offset` on; a file that ends before is [`ErrorKind::Damaged`].
    pub fn read_into(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let done = position::read_up_to(&self.file, buffer, offset).os("read", &self.path)?;
        if done < buffer.len() {
            return Err(self.short(offset, buffer.len() as u64, offset.saturating_add(done as u64)));
        }
        Ok(())
    }

    /// The bytes from `offset` to the end as it is now. A file that shrinks meanwhile gives what is left of it.
    pub fn read_to_end(&self, offset: u64) -> Result<Vec<u8>> {
        let rest = self.len()?.saturating_sub(offset);
        let size = usize::try_from(rest).map_err(|_| {
            Error::new(ErrorKind::LimitExceeded, format!("{rest} bytes do not fit this machine's memory"))
                .at(self.path.display())
        })?;
        let mut buffer = vec![0; size];
        let done = position::read_up_to(&self.file, &mut buffer, offset).os("read", &self.path)?;
        buffer.truncate(done);
        Ok(buffer)
    }

    /// Writes all of `bytes` at `offset`, growing the file where needed. After an error any part of them may be
    /// in the file.
    pub fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.check_writable()?;
        position::write_up_to(&self.file, bytes, offset).1.os("write", &self.path)
    }

    /// Makes everything written so far durable (fdatasync: on Linux that covers a new length, too).
    ///
    /// The first failure says what the system said. From then on every sync is [`ErrorKind::Poisoned`]: the system
    /// may have dropped the bytes it could not write, and would not say so again.
    pub fn sync(&self) -> Result<()> {
        let mut sync_failed = self.sync_failed.lock().unwrap_or_else(PoisonError::into_inner);
        if *sync_failed {
            return Err(Error::new(
                ErrorKind::Poisoned,
                "an earlier sync failed, so what is on the medium is not known: reopen the database",
            )
            .at(self.path.display()));
        }
        self.file.sync_data().map_err(|error| {
            *sync_failed = true;
            os_error("sync", &self.path, &error)
        })
    }

    /// Makes every later [`sync`](Self::sync) fail: someone else saw the medium lose bytes of this file.
    pub(super) fn poison(&self) {
        *self.sync_failed.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Cuts or grows (with zeros that take no room yet) the file. No extent past `len` may be mapped any more.
    pub fn set_len(&self, len: u64) -> Result<()> {
        self.check_writable()?;
        self.file.set_len(len).os("set the length", &self.path)
    }

    fn check_writable(&self) -> Result<()> {
        if self.writable {
            return Ok(());
        }
        Err(Error::new(ErrorKind::ReadOnly, "opened for reading only: open it for writing")
            .at(self.path.display()))
    }

    fn short(&self, offset: u64, len: u64, file_len: u64) -> Error {
        Error::damaged(format!(
            "{len} bytes at offset {offset} were expected, but the file ends at {file_len}: verify it, or restore \
             from a backup"
        ))
        .at(self.path.display())
    }
}

/// Whether a symbolic link at the path itself is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// Yes: the user named it.
    Follow,
    /// No: we made the name, so a link there is someone's trap.
    Refuse,
}

/// Whether `path` still leads to the open file, and not to another one or none.
#[cfg(unix)]
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Whether `path` still leads to the open file, and not to another one or none.
#[cfg(not(unix))]
pub(crate) fn is_at(_: &File, path: &Path) -> bool {
    // An open file cannot be deleted or replaced there.
    path.exists()
}

/// Opens `path`, which must be, or become, a regular file.
///
/// Looked at before opening, because opening a device can have effects; opened without blocking and looked at again,
/// because the name may have changed hands in between.
pub(crate) fn open_regular(path: &Path, options: &mut OpenOptions, links: Links) -> io::Result<File> {
    let before = match links {
        Links::Follow => std::fs::metadata(path),
        Links::Refuse => std::fs::symlink_metadata(path),
    };
    if let Ok(metadata) = before {
        check_regular(metadata.file_type())?;
    }
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        if links == Links::Refuse {
            flags |= OFlags::NOFOLLOW;
        }
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    check_regular(file.metadata()?.file_type())?;
    Ok(file)
}

fn check_regular(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let what = if kind.is_symlink() { "a symbolic link" } else { special_name(kind) };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, not a regular file")))
}

#[cfg(unix)]
fn special_name(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special_name(_: FileType) -> &'static str {
    "a special file"
}
