//! Folders that are being built: locked by who builds them, and taken up again after an interruption.
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::{copy_range, hash_file};
use crate::files::os_error::OsContext;
use crate::files::regular_file::{Access, RegularFile};
use chronicle_core::ids::Hash;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A folder under construction. It stays when its builder dies, so that the next one can go on.
pub(super) struct Workshop {
    path: PathBuf,
    _lock: File,
}

impl Workshop {
    /// Makes the folder, or takes up what an interrupted builder left. `Busy` while another builds there.
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        match fs::create_dir(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(crate::error::io("make the folder", &path, &error));
            }
            _ => {}
        }
        let lock = File::open(&path).os("open the folder", &path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::new(
                ErrorKind::Busy,
                "another process is building this copy right now; wait for it, or choose another place",
            )
            .at(path.display())),
            Err(fs::TryLockError::Error(error)) => Err(crate::error::io("lock the folder", &path, &error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Removes every file that is not one of `names`: left by an earlier attempt at something else.
    pub(super) fn keep_only(&self, names: &[&str]) -> Result<()> {
        for entry in fs::read_dir(&self.path).os("list the folder", &self.path)? {
            let entry = entry.os("list the folder", &self.path)?;
            if !names.iter().any(|name| entry.file_name() == *name) {
                fs::remove_file(entry.path()).os("delete", &entry.path())?;
            }
        }
        Ok(())
    }

    /// Opens a file in it for writing, with what an earlier attempt left.
    pub(super) fn file(&self, name: &str) -> Result<File> {
        let path = self.join(name);
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).os("open", &path)
    }

    /// Deletes the folder with everything in it.
    pub(super) fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.path).os("delete the folder", &self.path)
    }
}

/// Copies `len` bytes, passing over windows that already are what they should be. Returns how many bytes were copied.
pub(super) fn copy_missing(
    from: &File,
    from_offset: u64,
    to: &File,
    to_offset: u64,
    len: u64,
) -> Result<u64> {
    let there = to.metadata().map_or(0, |metadata| metadata.len());
    if there <= to_offset {
        copy_range(from, from_offset, to, to_offset, len)?;
        return Ok(len);
    }
    const COMPARE_BYTES: u64 = 1 << 20;
    let (mut done, mut copied) = (0, 0);
    while done < len {
        let step = COMPARE_BYTES.min(len - done);
        if !same_bytes(from, from_offset + done, to, to_offset + done, step) {
            copy_range(from, from_offset + done, to, to_offset + done, step)?;
            copied += step;
        }
        done += step;
    }
    Ok(copied)
}

#[cfg(unix)]
fn same_bytes(a: &File, a_offset: u64, b: &File, b_offset: u64, len: u64) -> bool {
    use std::os::unix::fs::FileExt;
    let (mut left, mut right) = (vec![0; len as usize], vec![0; len as usize]);
    a.read_exact_at(&mut left, a_offset).is_ok()
        && b.read_exact_at(&mut right, b_offset).is_ok()
        && left == right
}

#[cfg(not(unix))]
fn same_bytes(_: &File, _: u64, _: &File, _: u64, _: u64) -> bool {
    false
}

/// Writes the files by `write`, then syncs them while `check` reads them: the medium finishes while the processor checks.
/// When this returns without an error, every file is durable. (Syncing while the copy still goes on slows the copy by more
/// than it gains.)
pub(super) fn write_then_check<W, C>(
    paths: &[PathBuf],
    write: impl FnOnce() -> Result<W>,
    check: impl FnOnce() -> Result<C>,
) -> Result<(W, C)> {
    let written = write()?;
    std::thread::scope(|scope| {
        let syncer = scope
            .spawn(|| paths.iter().try_for_each(|path| RegularFile::open(path, Access::ReadWrite)?.sync()));
        let checked = check();
        let synced =
            syncer.join().unwrap_or_else(|_| Err(Error::new(ErrorKind::Io, "the thread that syncs failed")));
        let checked = checked?;
        synced.map(|()| (written, checked))
    })
}

/// Fills a file of `len` bytes from front to back by `fill`, which tells how far it has come, and hashes it in a second
/// thread close behind, while the bytes are still in the processor's cache or not far.
pub(super) fn fill_and_hash<T>(
    path: &Path,
    len: u64,
    fill: impl FnOnce(&dyn Fn(u64)) -> Result<T>,
) -> Result<(T, Hash)> {
    /// Fewer bytes are not worth a read.
    const READ_BYTES: u64 = 1 << 20;
    let (filled, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let hasher = scope.spawn(|| {
            let mut hasher = blake3::Hasher::new();
            let mut file = None;
            let mut buffer = vec![0; READ_BYTES.min(len.max(1)) as usize];
            let mut done = 0;
            while done < len && !failed.load(Ordering::Acquire) {
                let ready = filled.load(Ordering::Acquire).min(len) - done;
                if ready < READ_BYTES.min(len - done) {
                    std::thread::park_timeout(Duration::from_millis(1));
                    continue;
                }
                if file.is_none() {
                    file = Some(RegularFile::open(path, Access::ReadOnly)?);
                }
                let Some(file) = &file else { continue };
                let part = ready.min(READ_BYTES) as usize;
                let part = buffer.get_mut(..part).unwrap_or_default();
                file.read_into(done, part)?;
                hasher.update(part);
                done += part.len() as u64;
            }
            Ok(Hash(*hasher.finalize().as_bytes()))
        });
        let outcome = fill(&|offset| filled.store(offset, Ordering::Release));
        match &outcome {
            Ok(_) => filled.store(len, Ordering::Release),
            Err(_) => failed.store(true, Ordering::Release),
        }
        let hashed =
            hasher.join().unwrap_or_else(|_| Err(Error::new(ErrorKind::Io, "the thread that hashes failed")));
        let outcome = outcome?;
        hashed.map(|hash| (outcome, hash))
    })
}

/// BLAKE3 and length of a file.
pub(super) fn hash(path: &Path) -> Result<(Hash, u64)> {
    hash_file(path, super::WINDOW_BYTES).map(|(hash, len)| (Hash(*hash.as_bytes()), len))
}
