//! Scratch: the folder in which a drill restores. It goes with the drill; what a killed one left goes with the next.
use crate::error::{Error, ErrorKind, Result};
use crate::files::os_error::OsContext;
use crate::files::room::free_bytes;
use crate::host::random_u64;
use chronicle_core::text::human_bytes;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

const PREFIX: &str = "chronicle-drill-";
/// Hex digits behind it.
const DIGITS: usize = 16;

/// A folder of this drill's own. Its lock says that the drill is alive.
pub(super) struct Scratch {
    path: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Makes one in `parent`, which must be there, after the folders of dead drills are gone. `Full` where `needed` bytes do not fit.
    pub(super) fn make(parent: &Path, needed: u64) -> Result<Self> {
        remove_dead(parent)?;
        if let Some(free) = free_bytes(parent)?.filter(|&free| free < needed) {
            return Err(Error::new(
                ErrorKind::Full,
                format!(
                    "the drill needs about {} here, and {} are free: make room, or name another folder with --dir",
                    human_bytes(needed),
                    human_bytes(free)
                ),
            )
            .at(parent.display()));
        }
        let path = parent.join(format!("{PREFIX}{:0DIGITS$x}", random_u64()?));
        fs::create_dir(&path).os("make the folder", &path)?;
        let lock = File::open(&path).os("open the folder", &path)?;
        lock.lock().os("lock the folder", &path)?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it, and tells when that fails: a drill should leave nothing.
    pub(super) fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.path).os("delete the folder", &self.path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // After an error that is told already; the next drill removes what is left.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Only names that a drill gives, and only folders that nobody holds. What can't be removed is somebody else's.
fn remove_dead(parent: &Path) -> Result<()> {
    for entry in fs::read_dir(parent).os("list the folder", parent)? {
        let entry = entry.os("list the folder", parent)?;
        let name = entry.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).unwrap_or_default();
        let is_ours = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_ours
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Ok(folder) = File::open(entry.path())
            && folder.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_drill_left_goes_and_what_a_living_one_or_anybody_else_has_stays() {
        let parent = tempfile::tempdir().unwrap();
        let living = Scratch::make(parent.path(), 0).unwrap();
        let dead = parent.path().join("chronicle-drill-0123456789abcdef");
        let other = parent.path().join("chronicle-drill-of-mine");
        for folder in [&dead, &other] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("x"), "x").unwrap();
        }
        let next = Scratch::make(parent.path(), 0).unwrap();
        assert!(!dead.exists() && other.exists() && living.path().exists() && next.path().exists());
        let path = next.path().to_owned();
        next.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_medium_without_room_is_said_before_anything_is_written() {
        let parent = tempfile::tempdir().unwrap();
        let error = Scratch::make(parent.path(), u64::MAX).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Full);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
