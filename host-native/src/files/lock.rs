//! The writer's lock: one process at a time, and in it one open database, writes to a data file.
//!
//! An advisory lock on `data.db.lock`, held by the kernel for the open file, so it vanishes with its process and
//! also tells two databases in one process apart. The text in the file is for people; nothing is decided by it. The
//! file stays when the lock is released: deleting it would let two writers lock two files of one name.
use super::os_error::{OsContext, os_error};
use super::paths::DbPaths;
use super::regular_file::{Links, is_at, open_regular};
use chronicle_core::error::{Error, ErrorKind, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// How often the file may be replaced under us before that counts as someone holding it.
const TRIES_MAX: usize = 8;
/// As much of the holder's text as an error message shows.
const TEXT_BYTES_MAX: u64 = 200;

/// Held as long as this value lives.
#[derive(Debug)]
pub struct WriterLock {
    file: File,
    /// The data file, where it is locked too.
    data: Option<File>,
}

impl WriterLock {
    /// Takes the lock, or says at once who has it ([`ErrorKind::Busy`]). Creates the lock file where there is none.
    pub fn acquire(paths: &DbPaths) -> Result<Self> {
        let path = paths.lock();
        for _ in 0..TRIES_MAX {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let mut file = open_regular(&path, &mut options, Links::Refuse).os("open for locking", &path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(busy(paths, &mut file)),
                Err(TryLockError::Error(error)) => return Err(os_error("lock", &path, &error)),
            }
            // Someone may have deleted or replaced the file between our opening and our locking it.
            if is_at(&file, &path) {
                // The text is a courtesy: a full disk must not keep the database shut.
                let _ = file.set_len(0).and_then(|()| file.write_all(describe_self().as_bytes()));
                return Ok(Self { file, data: None });
            }
        }
        Err(Error::new(
            ErrorKind::Busy,
            "the lock file keeps being replaced: find out which program does that",
        )
        .at(path.display()))
    }

    /// Locks the data file itself as well: a lock file can be deleted under a running writer.
    pub fn take_data(&mut self, data: &File) -> Result<()> {
        match data.try_lock() {
            Ok(()) => {
                self.data = data.try_clone().ok();
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Err(Error::new(
                ErrorKind::Busy,
                "another process has the database open for writing, although its lock file is gone; wait for it to end",
            )),
            // Some network file systems have no such lock; the lock file is all there is then.
            Err(TryLockError::Error(_)) => Ok(()),
        }
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // So that nobody reads of a holder that is gone.
        let _ = self.file.set_len(0);
        // Closing the files is not enough: a child that this process is just starting holds copies of them for a moment.
        let _ = self.file.unlock();
        let _ = self.data.as_ref().map(File::unlock);
    }
}

fn busy(paths: &DbPaths, file: &mut File) -> Error {
    let mut text = Vec::new();
    let _ = file.rewind().and_then(|()| Read::take(file, TEXT_BYTES_MAX).read_to_end(&mut text));
    let text: String = String::from_utf8_lossy(&text).chars().filter(|c| !c.is_control()).collect();
    let holder =
        // Whoever holds it without having written a line is a reader that may not pin, or just about to write it.
        if text.is_empty() { "another writer, or a reader who may not create files here,".to_owned() } else { format!("another writer ({text})") };
    Error::new(
        ErrorKind::Busy,
        format!("{holder} has it open: close that one first, or open this one for reading only"),
    )
    .at(paths.data().display())
}

fn describe_self() -> String {
    format!("pid {} on {} since {}\n", std::process::id(), host_name(), rfc3339(SystemTime::now()))
}

#[cfg(unix)]
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "this machine".to_owned())
}

/// UTC to the second. A clock before 1970 reads as 1970.
fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, in eras of 400 years: leap days fall on the ends of these years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn scratch() -> (tempfile::TempDir, DbPaths) {
        let dir = tempfile::tempdir().unwrap();
        let paths = DbPaths::new(dir.path().join("data.db")).unwrap();
        (dir, paths)
    }

    #[test]
    fn a_second_writer_is_told_who_has_it_and_what_to_do() {
        let (_dir, paths) = scratch();
        let _first = WriterLock::acquire(&paths).unwrap();
        let error = WriterLock::acquire(&paths).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        let text = error.to_string();
        for part in [&format!("pid {} on ", std::process::id()), "data.db", "close that one first"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn the_lock_is_free_again_after_drop() {
        let (_dir, paths) = scratch();
        drop(WriterLock::acquire(&paths).unwrap());
        assert_eq!(std::fs::read(paths.lock()).unwrap(), b"");
        WriterLock::acquire(&paths).unwrap();
    }

    #[test]
    fn text_left_by_a_dead_writer_holds_nobody_up() {
        let (_dir, paths) = scratch();
        std::fs::write(
            paths.lock(),
            "pid 1 on elsewhere since 2020-01-01T00:00:00Z, and more than is written now",
        )
        .unwrap();
        let _lock = WriterLock::acquire(&paths).unwrap();
        let text = std::fs::read_to_string(paths.lock()).unwrap();
        assert!(text.starts_with(&format!("pid {}", std::process::id())) && text.ends_with("Z\n"), "{text}");
    }

    #[test]
    fn a_garbage_lock_text_is_shown_in_bounds_and_without_control_characters() {
        let (_dir, paths) = scratch();
        let _first = WriterLock::acquire(&paths).unwrap();
        std::fs::write(paths.lock(), [b"\x1b[2J\xff".as_slice(), &[b'x'; 100_000]].concat()).unwrap();
        let text = WriterLock::acquire(&paths).unwrap_err().to_string();
        assert!(text.len() < 1_000 && !text.contains('\x1b'), "{text:?}");
    }

    #[test]
    #[cfg(unix)]
    fn a_link_in_the_place_of_the_lock_is_not_followed() {
        let (dir, paths) = scratch();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, b"precious").unwrap();
        std::os::unix::fs::symlink(&victim, paths.lock()).unwrap();
        assert!(WriterLock::acquire(&paths).is_err());
        assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
    }

    #[test]
    fn times_are_written_as_people_read_them() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(at(951_868_799), "2000-02-29T23:59:59Z");
        assert_eq!(at(1_706_400_000), "2024-01-28T00:00:00Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00Z");
    }
}
