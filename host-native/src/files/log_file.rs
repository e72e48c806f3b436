//! One log file: created once, appended to by one writer, synced, trimmed, deleted.
//!
//! **Filled with zeros ahead of use.** An append into bytes that were already written and synced leaves the file's
//! length and block map as they are, so the sync after it flushes data only and no file system journal: half the
//! time. Zeros are written from `filled_to` on, under the lock, and an append that reaches past `filled_to` takes
//! the same lock: so zeros never overwrite frames, and an append into filled room never waits.
//!
//! Filling is a convenience: that it finds no room is never an error of a commit. Frames, checksums and the meaning
//! of the zeros (nothing was appended here) are the engine's.
use super::atomic::{remove_durably, sync_parent_dir};
use super::position;
use super::regular_file::{Access, RegularFile};
use chronicle_core::error::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Zeros kept ahead of the last append, at first; doubled with each [`LogFile::fill_ahead`] that had work to do.
pub const FILL_BYTES_START: u64 = 1 << 20;
/// The most zeros kept ahead.
pub const FILL_BYTES_MAX: u64 = 8 << 20;
/// Zeros written and synced at once: what a concurrent commit may have to wait for.
const FILL_STEP: u64 = 1 << 20;
/// Zeros that an append which ran out of filled room writes behind itself, at least, so that the next ones have some.
const INLINE_FILL_MIN: u64 = 128 << 10;
/// The same, as a multiple of the append: one commit in three pays for the others. Up to one step.
const INLINE_FILL_FACTOR: u64 = 2;

/// An open log file. `append` and `trim` come from one thread at a time; `sync` and `fill_ahead` may run beside them.
#[derive(Debug)]
pub struct LogFile {
    file: RegularFile,
    /// A second open file of its own: the kernel reports a lost write once per open file, and a sync of zeros must
    /// not take the report away from a commit's sync.
    filler: RegularFile,
    /// Offset behind the last append.
    end: AtomicU64,
    /// All bytes of the file lie before this offset; zeros may be written from here on, under the lock.
    filled_to: AtomicU64,
    /// How many zeros to keep ahead.
    ahead: AtomicU64,
    /// Zeros to write; the lock on everything at and behind `filled_to`.
    zeros: Mutex<Vec<u8>>,
}

impl LogFile {
    /// Creates `path`, which must not exist, with `header` as its first bytes. File and name are durable on return;
    /// after an error no file is left.
    pub fn create(path: &Path, header: &[u8]) -> Result<Self> {
        let file = RegularFile::open(path, Access::CreateNew)?;
        let written = (|| {
            file.write_all_at(0, header)?;
            file.sync()?;
            sync_parent_dir(path)?;
            RegularFile::open(path, Access::ReadWrite)
        })();
        match written {
            Ok(filler) => Ok(Self::at(file, filler, header.len() as u64)),
            Err(error) => {
                // The name must be free for the next try; if even this fails, that try says so.
                let _ = std::fs::remove_file(path);
                Err(error)
            }
        }
    }

    /// Opens an existing log to go on appending at `end`. What lies behind (zeros, a torn tail) is cut off, durably,
    /// so that nothing of it can be taken for frames of the new end.
    pub fn open_for_append(path: &Path, end: u64) -> Result<Self> {
        let file = RegularFile::open(path, Access::ReadWrite)?;
        let len = file.len()?;
        if end > len {
            return Err(Error::damaged(format!(
                "the log ends at {len}, before the end of its frames at offset {end}: verify it, or restore"
            ))
            .at(path.display()));
        }
        if end < len {
            file.set_len(end)?;
            file.sync()?;
        }
        let filler = RegularFile::open(path, Access::ReadWrite)?;
        Ok(Self::at(file, filler, end))
    }

    fn at(file: RegularFile, filler: RegularFile, end: u64) -> Self {
        Self {
            file,
            filler,
            end: AtomicU64::new(end),
            filled_to: AtomicU64::new(end),
            ahead: AtomicU64::new(FILL_BYTES_START),
            zeros: Mutex::new(Vec::new()),
        }
    }

    /// The whole of a log file, zeros ahead included. For readers and replay; the file may be in use by a writer.
    pub fn read_all(path: &Path) -> Result<Vec<u8>> {
        RegularFile::open(path, Access::ReadOnly)?.read_to_end(0)
    }

    /// Deletes a log file, durably. One that is gone already is fine.
    pub fn delete(path: &Path) -> Result<()> {
        remove_durably(path)
    }

    /// The open file, for reads while it is appended to.
    pub fn file(&self) -> &RegularFile {
        &self.file
    }

    /// Offset behind the last append: where the next one must be.
    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Bytes of zeros ready behind the end.
    pub fn filled_ahead(&self) -> u64 {
        self.filled_to.load(Ordering::Acquire).saturating_sub(self.end())
    }

    /// Writes `bytes` at `offset`, which must be [`end`](Self::end): a hole or an overwritten frame would be lost
    /// commits. Not durable before [`sync`](Self::sync). After an error nothing was appended.
    pub fn append(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let end = self.end();
        let new_end = offset.checked_add(bytes.len() as u64).filter(|_| offset == end).ok_or_else(|| {
            Error::invalid(format!("an append at offset {offset} to a log that ends at {end}"))
                .at(self.file.path().display())
        })?;
        if new_end <= self.filled_to.load(Ordering::Acquire) {
            if let Err(error) = self.file.write_all_at(offset, bytes) {
                self.undo_append(&self.lock_zeros(), offset);
                return Err(error);
            }
        } else {
            let mut zeros = self.lock_zeros();
            if let Err(error) = self.file.write_all_at(offset, bytes) {
                self.undo_append(&zeros, offset);
                return Err(error);
            }
            self.filled_to.fetch_max(new_end, Ordering::AcqRel);
            // No room for zeros is for the next append to find out.
            let _ = self.write_zeros(
                &mut zeros,
                INLINE_FILL_MIN.max(INLINE_FILL_FACTOR.saturating_mul(bytes.len() as u64)),
            );
        }
        self.end.store(new_end, Ordering::Release);
        Ok(())
    }

    /// Makes all appends durable (fdatasync). A failure is final; see [`RegularFile::sync`].
    pub fn sync(&self) -> Result<()> {
        self.file.sync()
    }

    /// Whether less than half of the zeros that should be ahead are left: time to call
    /// [`fill_ahead`](Self::fill_ahead). Costs nanoseconds.
    pub fn wants_fill(&self) -> bool {
        self.filled_ahead() < self.ahead.load(Ordering::Relaxed) / 2
    }

    /// Writes and syncs zeros ahead of the end, in steps between which appends pass. For a background thread, before a
    /// log is taken into use and whenever commits pause: beside commits without a pause it competes with them for the
    /// medium, and the zeros that appends write behind themselves do better. Does nothing unless [`wants_fill`](Self::wants_fill). `false` means that the medium has no room: try again later,
    /// not at once.
    pub fn fill_ahead(&self) -> Result<bool> {
        if !self.wants_fill() {
            return Ok(true);
        }
        let ahead = self.ahead.load(Ordering::Relaxed);
        while self.filled_ahead() < ahead {
            let step = FILL_STEP.min(ahead.saturating_sub(self.filled_ahead()));
            let written = self.write_zeros(&mut self.lock_zeros(), step);
            let synced = self.filler.sync();
            if synced.is_err() {
                self.file.poison();
            }
            synced?;
            match written {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Full => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.ahead.store((ahead * 2).min(FILL_BYTES_MAX), Ordering::Relaxed);
        Ok(true)
    }

    /// Cuts the file at `offset`, durably: gives back the zeros when the log is closed for good, or takes back
    /// appends that must not count. The next append is at `offset`.
    pub fn trim(&self, offset: u64) -> Result<()> {
        let _zeros = self.lock_zeros();
        if offset > self.end() {
            let end = self.end();
            return Err(Error::invalid(format!("a cut at offset {offset} of a log that ends at {end}"))
                .at(self.file.path().display()));
        }
        self.file.set_len(offset)?;
        self.end.store(offset, Ordering::Release);
        self.filled_to.store(offset, Ordering::Release);
        self.file.sync()
    }

    fn lock_zeros(&self) -> MutexGuard<'_, Vec<u8>> {
        // Poisoned means that a thread panicked while it held zeros: there is nothing in them to be torn.
        self.zeros.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes up to `count` zeros at `filled_to` and moves it behind what the medium took.
    fn write_zeros(&self, zeros: &mut MutexGuard<'_, Vec<u8>>, count: u64) -> Result<()> {
        if zeros.is_empty() {
            **zeros = vec![0; FILL_STEP as usize];
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(zeros.len());
        let from = self.filled_to.load(Ordering::Acquire);
        let (written, result) = position::write_up_to(self.filler.file(), &zeros[..count], from);
        self.filled_to.store(from + written as u64, Ordering::Release);
        super::os_error::OsContext::os(result, "fill with zeros", self.filler.path())
    }

    /// Takes away what a failed append left: a part of it would be read as a torn frame, and its room is needed.
    fn undo_append(&self, _lock: &MutexGuard<'_, Vec<u8>>, offset: u64) {
        if self.file.set_len(offset).is_ok() {
            self.filled_to.store(offset, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests;
