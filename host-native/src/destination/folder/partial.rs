//! An object that is being written: `<name>.partial-<job>`, beside its final name, locked by whoever writes it.
//!
//! The order is fixed by types: [`Partial`] is filled and synced, which gives a [`Synced`], and only that can get the final name.
use super::super::{Body, Put, WINDOW_BYTES};
use crate::error::{Error, ErrorKind, Result};
use crate::files::atomic::rename_file_whole;
use crate::files::copy::copy_range;
use crate::files::os_error::{OsContext, os_error};
use crate::files::regular_file::{Access, Links, RegularFile, is_at};
use std::fs::{self, TryLockError};
use std::io;
use std::path::Path;

/// How often the file may be replaced under us before that counts as someone holding it.
const TRIES_MAX: usize = 8;

/// A part of an object, ours alone as long as this lives. It stays when its writer dies.
#[derive(Debug)]
pub(super) struct Partial {
    file: RegularFile,
}

/// A whole object that waits for its name.
#[derive(Debug)]
pub(super) struct Synced {
    partial: Partial,
}

impl Partial {
    /// Makes it, or takes up what an interrupted put left. `Busy` while another put holds it; `None` when its folder is gone.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        for _ in 0..TRIES_MAX {
            if let Some(found) = Self::find(path)? {
                // A second name of this file is an object already (killed between link and unlink), or somebody's copy
                // made of links: writing into it would change that.
                if !found.has_other_names()? {
                    return Ok(Some(found));
                }
                found.discard()?;
            }
            match RegularFile::open_with(path, Access::CreateNew, Links::Refuse) {
                Ok(file) => {
                    if let Some(made) = Self::locked(file)? {
                        return Ok(Some(made));
                    }
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Err(busy(path))
    }

    /// What an interrupted put left, if anything. `Busy` while a put holds it.
    pub(super) fn find(path: &Path) -> Result<Option<Self>> {
        match RegularFile::open_with(path, Access::ReadWrite, Links::Refuse) {
            Ok(file) => Self::locked(file),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `None` when the file lost its name before it was locked.
    fn locked(file: RegularFile) -> Result<Option<Self>> {
        match file.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(file.path())),
            // A file system without locks: that a job is one process is its caller's promise.
            Err(TryLockError::Error(error))
                if os_error("lock", file.path(), &error).kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(os_error("lock", file.path(), &error)),
        }
        // Whoever holds the lock is the only one who renames or deletes it, so this stays true.
        Ok(is_at(file.file(), file.path()).then_some(Self { file }))
    }

    fn has_other_names(&self) -> Result<bool> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Ok(self.file.file().metadata().os("look at", self.file.path())?.nlink() > 1)
        }
        #[cfg(not(unix))]
        Ok(false)
    }

    /// Bytes that it holds.
    pub(super) fn len(&self) -> Result<u64> {
        self.file.len()
    }

    /// Removes it.
    pub(super) fn discard(self) -> Result<()> {
        match fs::remove_file(self.file.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result.os("delete", self.file.path()),
        }
    }

    /// Makes its content that of `body`: what is there and right already stays.
    pub(super) fn fill(&self, body: &dyn Body) -> Result<()> {
        let start = self.common_start(body)?;
        if self.file.len()? > start {
            self.file.set_len(start)?;
        }
        match body.file() {
            Some((source, offset)) => {
                copy_range(
                    source.file(),
                    offset.saturating_add(start),
                    self.file.file(),
                    start,
                    body.len() - start,
                )
                .map_err(|error| {
                    error.at(format_args!("{} to {}", source.path().display(), self.file.path().display()))
                })?;
            }
            None => {
                let mut buffer = window(body.len() - start);
                let mut done = start;
                while done < body.len() {
                    let part = next_part(&mut buffer, body.len() - done);
                    body.read_exact_at(done, part)?;
                    self.file.write_all_at(done, part)?;
                    done += part.len() as u64;
                }
            }
        }
        let len = self.file.len()?;
        if len != body.len() {
            let message =
                format!("it has {len} bytes after {} were written: look at the file system", body.len());
            return Err(Error::damaged(message).at(self.file.path().display()));
        }
        Ok(())
    }

    /// Bytes from the start on that are as in `body`, in whole windows but for the end.
    fn common_start(&self, body: &dyn Body) -> Result<u64> {
        let there = self.file.len()?.min(body.len());
        let (mut ours, mut theirs) = (window(there), window(there));
        let mut done = 0;
        while done < there {
            let ours = next_part(&mut ours, there - done);
            let theirs = next_part(&mut theirs, there - done);
            self.file.read_into(done, ours)?;
            body.read_exact_at(done, theirs)?;
            if ours != theirs {
                break;
            }
            done += ours.len() as u64;
        }
        Ok(done)
    }

    /// Makes its bytes durable. When that fails it is removed: a system that lost bytes says so once, and a later attempt would take
    /// what it still sees in memory for what is on the medium.
    pub(super) fn sync(self) -> Result<Synced> {
        match self.file.sync() {
            Ok(()) => Ok(Synced { partial: self }),
            Err(error) => {
                // The failure of the sync is the one to tell.
                let _ = self.discard();
                Err(error)
            }
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread is just starting has the file, and with it the lock, until it
        // becomes its program.
        let _ = self.file.file().unlock();
    }
}

impl Synced {
    /// Gives it its name, unless something has it. Not durable before the folder is synced. Where names can't be given
    /// exclusively, only whoever is `alone` may look first.
    pub(super) fn publish_new(self, to: &Path, alone: bool) -> Result<Put> {
        match rename_file_whole(self.path(), to) {
            Ok(()) => Ok(Put::Written),
            // Said twice: a network file system asked again, and its first answer was lost.
            Err(_) if self.arrived(to) => {
                self.partial.discard()?;
                Ok(Put::Written)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.partial.discard()?;
                Ok(Put::AlreadyThere)
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported && alone => {
                if fs::symlink_metadata(to).is_ok() {
                    self.partial.discard()?;
                    return Ok(Put::AlreadyThere);
                }
                self.replace(to)
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                self.partial.discard()?;
                Err(Error::unsupported(
                    "this file system can neither link nor rename exclusively, so two backups could take one name: \
                     declare a single writer, or use another file system",
                )
                .at(to.display()))
            }
            Err(error) => Err(self.lost(to, &error)),
        }
    }

    /// Gives it its name, instead of what had it. Not durable before the folder is synced.
    pub(super) fn replace(self, to: &Path) -> Result<Put> {
        match fs::rename(self.path(), to) {
            Ok(()) => Ok(Put::Written),
            Err(_) if self.arrived(to) => Ok(Put::Written),
            Err(error) => Err(self.lost(to, &error)),
        }
    }

    fn path(&self) -> &Path {
        self.partial.file.path()
    }

    /// Whether this very file has the name.
    fn arrived(&self, to: &Path) -> bool {
        cfg!(unix) && is_at(self.partial.file.file(), to)
    }

    fn lost(&self, to: &Path, error: &io::Error) -> Error {
        if error.kind() == io::ErrorKind::NotFound {
            let message = "what was written aside is gone before it got its name: another program cleans up here; try again";
            return Error::new(ErrorKind::Transient, message).at(self.path().display());
        }
        os_error("give the object its name", to, error)
    }
}

fn busy(path: &Path) -> Error {
    Error::new(ErrorKind::Busy, "another put of the same job is writing this object right now: wait for it")
        .at(path.display())
}

fn window(len: u64) -> Vec<u8> {
    vec![0; usize::try_from(len.min(WINDOW_BYTES)).unwrap_or(0)]
}

fn next_part(buffer: &mut [u8], len: u64) -> &mut [u8] {
    let count = usize::try_from(len).unwrap_or(usize::MAX).min(buffer.len());
    &mut buffer[..count]
}

#[cfg(test)]
mod tests {
    use super::super::super::Bytes;
    use super::*;

    /// A folder with a synced part in it: its path, and where the object goes.
    fn synced(dir: &tempfile::TempDir) -> (Synced, std::path::PathBuf) {
        let partial = Partial::open(&dir.path().join("x.partial")).unwrap().unwrap();
        partial.fill(&Bytes(b"object")).unwrap();
        (partial.sync().unwrap(), dir.path().join("x"))
    }

    #[test]
    fn a_name_that_was_given_though_the_server_said_no_is_ours() {
        // A network file system asks again when an answer is lost, and is told that the name exists, or the part does not.
        let dir = tempfile::tempdir().unwrap();
        let (part, object) = synced(&dir);
        fs::hard_link(part.path(), &object).unwrap();
        assert_eq!(part.publish_new(&object, false).unwrap(), Put::Written);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the second name is gone");
        for publish in [|part: Synced, to: &Path| part.publish_new(to, false), Synced::replace] {
            let dir = tempfile::tempdir().unwrap();
            let (part, object) = synced(&dir);
            fs::rename(part.path(), &object).unwrap();
            assert_eq!(publish(part, &object).unwrap(), Put::Written);
            assert_eq!(fs::read(&object).unwrap(), b"object");
        }
    }

    #[test]
    fn a_part_that_someone_removed_is_no_object_and_may_be_tried_again() {
        for publish in [|part: Synced, to: &Path| part.publish_new(to, false), Synced::replace] {
            let dir = tempfile::tempdir().unwrap();
            let (part, object) = synced(&dir);
            fs::remove_file(part.path()).unwrap();
            assert_eq!(publish(part, &object).unwrap_err().kind(), ErrorKind::Transient);
            assert!(!object.exists());
        }
    }
}
