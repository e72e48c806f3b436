//! `data.db` itself: an open [`RegularFile`] whose folder can be synced.
//!
//! Knows nothing of superblocks or extents. Reads by position only; maps are in [`super::map`].
use super::atomic::sync_parent_dir;
use super::regular_file::{Access, RegularFile};
use chronicle_core::error::Result;
use std::ops::Deref;
use std::path::Path;

/// The open data file. Positioned reads and writes, `sync`, `len` and `set_len` are those of [`RegularFile`].
#[derive(Debug)]
pub struct DataFile(RegularFile);

impl DataFile {
    /// Creates it; an existing file (or dangling link) is refused with
    /// [`AlreadyExists`](chronicle_core::error::ErrorKind::AlreadyExists). Its name is durable after
    /// [`sync_parent_dir`](Self::sync_parent_dir).
    pub fn create_new(path: &Path) -> Result<Self> {
        RegularFile::open(path, Access::CreateNew).map(Self)
    }

    /// Opens an existing file for reading and writing. The caller holds the writer lock.
    pub fn open_read_write(path: &Path) -> Result<Self> {
        RegularFile::open(path, Access::ReadWrite).map(Self)
    }

    /// Opens an existing file for reading; also on read-only media.
    pub fn open_read_only(path: &Path) -> Result<Self> {
        RegularFile::open(path, Access::ReadOnly).map(Self)
    }

    /// Makes the file's name durable.
    pub fn sync_parent_dir(&self) -> Result<()> {
        sync_parent_dir(self.path())
    }
}

impl Deref for DataFile {
    type Target = RegularFile;

    fn deref(&self) -> &RegularFile {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chronicle_core::error::ErrorKind;

    #[test]
    fn bytes_written_at_an_offset_are_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let file = DataFile::create_new(&dir.path().join("data.db")).unwrap();
        file.write_all_at(4096, b"segment").unwrap();
        file.sync().unwrap();
        file.sync_parent_dir().unwrap();
        assert_eq!(file.len().unwrap(), 4103);
        assert_eq!(file.read_exact_at(4096, 7).unwrap(), b"segment");
        assert_eq!(file.read_exact_at(0, 4096).unwrap(), vec![0; 4096]);
    }

    #[test]
    fn create_never_takes_over_an_existing_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.db");
        std::fs::write(&path, b"precious").unwrap();
        assert_eq!(DataFile::create_new(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_read_past_the_end_is_damage_that_names_the_offset() {
        let dir = tempfile::tempdir().unwrap();
        let file = DataFile::create_new(&dir.path().join("data.db")).unwrap();
        file.write_all_at(0, &[1; 100]).unwrap();
        for (offset, len) in [(90, 11), (200, 1), (0, u64::MAX), (u64::MAX, 1)] {
            let error = file.read_exact_at(offset, len).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged);
            assert!(error.to_string().contains(&format!("offset {offset}")), "{error}");
        }
        assert_eq!(file.read_into(90, &mut [0; 11]).unwrap_err().kind(), ErrorKind::Damaged);
    }

    #[test]
    fn a_file_opened_for_reading_refuses_writes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.db");
        std::fs::write(&path, b"bytes").unwrap();
        let file = DataFile::open_read_only(&path).unwrap();
        assert_eq!(file.write_all_at(0, b"x").unwrap_err().kind(), ErrorKind::ReadOnly);
        assert_eq!(file.set_len(0).unwrap_err().kind(), ErrorKind::ReadOnly);
        assert_eq!(file.read_to_end(2).unwrap(), b"tes");
    }

    #[test]
    fn a_missing_file_is_not_created_by_opening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.db");
        assert_eq!(DataFile::open_read_write(&path).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(!path.exists());
    }

    #[test]
    #[cfg(unix)]
    fn what_is_not_a_regular_file_is_refused_without_blocking() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [dir.path(), &fifo, &socket, Path::new("/dev/zero")] {
            for open in [DataFile::open_read_only, DataFile::open_read_write] {
                let error = open(path).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            }
        }
    }

    #[test]
    fn after_a_failed_sync_no_sync_claims_success() {
        let dir = tempfile::tempdir().unwrap();
        let file = DataFile::create_new(&dir.path().join("data.db")).unwrap();
        file.sync().unwrap();
        file.poison();
        assert_eq!(file.sync().unwrap_err().kind(), ErrorKind::Poisoned);
    }
}
