//! Folders that are being built: locked by who builds them, and taken up again after an interruption.
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::{copy_range, hash_file};
use crate::files::os_error::OsContext;
use crate::files::regular_file::{Access, RegularFile};
use chronicle_core::ids::Hash;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
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

/// How long the syncer rests between two syncs while the copy goes on.
const SYNC_PAUSE: Duration = Duration::from_millis(30);

/// Does `work`, which writes the files and then checks them, while another thread syncs them: the medium writes while the
/// processor copies, and finishes while it checks. `work` calls what it is given once the last byte is written. When this
/// returns without an error, every file is durable.
pub(super) fn beside_sync<T>(paths: &[PathBuf], work: impl FnOnce(&dyn Fn()) -> Result<T>) -> Result<T> {
    let written = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let syncer = scope.spawn(|| {
            let mut files: Vec<RegularFile> = Vec::new();
            loop {
                let last = written.load(Ordering::Acquire);
                for path in paths.get(files.len()..).unwrap_or_default() {
                    match RegularFile::open(path, Access::ReadWrite) {
                        Ok(file) => files.push(file),
                        Err(error) if last => return Err(error),
                        // Not made yet.
                        Err(_) => break,
                    }
                }
                files.iter().try_for_each(|file| file.sync())?;
                if last {
                    return Ok(());
                }
                std::thread::sleep(SYNC_PAUSE);
            }
        });
        let done = work(&|| written.store(true, Ordering::Release));
        written.store(true, Ordering::Release);
        let synced =
            syncer.join().unwrap_or_else(|_| Err(Error::new(ErrorKind::Io, "the thread that syncs failed")));
        let done = done?;
        synced.map(|()| done)
    })
}

/// BLAKE3 and length of a file.
pub(super) fn hash(path: &Path) -> Result<(Hash, u64)> {
    hash_file(path, super::WINDOW_BYTES).map(|(hash, len)| (Hash(*hash.as_bytes()), len))
}
