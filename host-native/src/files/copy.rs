//! Copying a range between files, and hashing whole files.
//!
//! A copy stays in the kernel where it can (and shares blocks where the file system does that), else it goes
//! through a buffer of 1 MiB. It is whole or an error; it is not durable until the caller syncs. Hashing runs over
//! maps of bounded windows, so a file of any size costs the same memory.
use super::map::map_whole;
use super::os_error::{OsContext, os_error};
use super::position;
use super::regular_file::{Access, Links, RegularFile, open_regular};
use chronicle_core::error::{Error, Result};
use std::fs::File;
use std::path::Path;

const BUFFER_BYTES: u64 = 1 << 20;
/// Shorter than this, starting threads costs more than they bring (BLAKE3's own advice).
const THREADS_WORTH_BYTES: usize = 128 << 10;

/// Copies `len` bytes at `from_offset` of `from` to `to_offset` of `to`, growing it where needed. A source that ends
/// before is [`Damaged`](chronicle_core::error::ErrorKind::Damaged). Errors name offsets; the caller adds the paths.
pub fn copy_range(from: &File, from_offset: u64, to: &File, to_offset: u64, len: u64) -> Result<()> {
    if from_offset.checked_add(len).is_none() || to_offset.checked_add(len).is_none() {
        return Err(Error::damaged(format!("a range of {len} bytes at offset {from_offset} passes 2^64")));
    }
    let done = copy_in_kernel(from, from_offset, to, to_offset, len)?;
    copy_through_buffer(from, from_offset + done, to, to_offset + done, len - done)
}

/// As far as the kernel can do it; returns how many bytes that were.
#[cfg(target_os = "linux")]
fn copy_in_kernel(from: &File, from_offset: u64, to: &File, to_offset: u64, len: u64) -> Result<u64> {
    use rustix::fs::copy_file_range;
    use rustix::io::Errno;
    /// So that a copy of a large file can be interrupted by signals between calls.
    const CALL_BYTES_MAX: u64 = 256 << 20;
    let mut done = 0u64;
    while done < len {
        let (mut read_at, mut write_at) = (from_offset + done, to_offset + done);
        let count = usize::try_from((len - done).min(CALL_BYTES_MAX)).unwrap_or(usize::MAX);
        match copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), count) {
            // The end of the source, or a file system that does nothing and says so in this way: the buffer tells.
            Ok(0) => break,
            Ok(copied) => done += copied as u64,
            Err(Errno::INTR) => {}
            // Other file systems, kernels, sandboxes and kinds of files: never a reason to fail.
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM | Errno::BADF) => {
                break;
            }
            Err(errno) => {
                let (offset, error) = (to_offset + done, std::io::Error::from(errno));
                return Err(without_path(&format!("copy to offset {offset}"), &error));
            }
        }
    }
    Ok(done)
}

#[cfg(not(target_os = "linux"))]
fn copy_in_kernel(_: &File, _: u64, _: &File, _: u64, _: u64) -> Result<u64> {
    Ok(0)
}

fn copy_through_buffer(from: &File, from_offset: u64, to: &File, to_offset: u64, len: u64) -> Result<()> {
    let mut buffer = vec![0; usize::try_from(len.min(BUFFER_BYTES)).unwrap_or(0)];
    let mut done = 0u64;
    while done < len {
        let count = usize::try_from((len - done).min(BUFFER_BYTES)).unwrap_or(0);
        let part = &mut buffer[..count];
        let (read_at, write_at) = (from_offset + done, to_offset + done);
        let got = position::read_up_to(from, part, read_at)
            .map_err(|error| without_path(&format!("read at offset {read_at}"), &error))?;
        if got < count {
            return Err(Error::damaged(format!(
                "the source of a copy ends at {}, {} bytes early: verify it, or restore from a backup",
                read_at + got as u64,
                len - done - got as u64
            )));
        }
        position::write_up_to(to, part, write_at)
            .1
            .map_err(|error| without_path(&format!("write at offset {write_at}"), &error))?;
        done += count as u64;
    }
    Ok(())
}

fn without_path(operation: &str, error: &std::io::Error) -> Error {
    let named = os_error(operation, Path::new(""), error);
    Error::new(named.kind(), named.message())
}

/// BLAKE3 of a whole file that nobody changes meanwhile (a snapshot's, a restored one), and its length. All cores
/// take part; memory in use stays below one window of `window_bytes` (32 MiB is a good value).
pub fn hash_file(path: &Path, window_bytes: u64) -> Result<(blake3::Hash, u64)> {
    let file = RegularFile::open(path, Access::ReadOnly)?;
    let len = file.len()?;
    let mut hasher = blake3::Hasher::new();
    map_whole(&file, len, window_bytes, |_, bytes| {
        if bytes.len() < THREADS_WORTH_BYTES {
            hasher.update(bytes);
        } else {
            hasher.update_rayon(bytes);
        }
        Ok(())
    })?;
    Ok((hasher.finalize(), len))
}

/// Copies a whole file to a new one, synced; its name is durable after its folder is synced. Returns its length.
pub fn copy_file_new(from: &Path, to: &Path) -> Result<u64> {
    let source = RegularFile::open(from, Access::ReadOnly)?;
    let len = source.len()?;
    let target = open_regular(to, std::fs::OpenOptions::new().write(true).create_new(true), Links::Refuse)
        .os("create", to)?;
    let copied = copy_range(source.file(), 0, &target, 0, len)
        .map_err(|error| error.at(format_args!("{} to {}", from.display(), to.display())))
        .and_then(|()| target.sync_all().os("sync", to));
    if copied.is_err() {
        // A part of a copy is no copy.
        let _ = std::fs::remove_file(to);
    }
    copied.map(|()| len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::data_file::DataFile;
    use chronicle_core::error::ErrorKind;

    fn file_with(dir: &Path, name: &str, bytes: &[u8]) -> DataFile {
        let file = DataFile::create_new(&dir.join(name)).unwrap();
        file.write_all_at(0, bytes).unwrap();
        file
    }

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
    }

    #[test]
    fn a_range_arrives_whole_by_either_way() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = pattern(3_000_000);
        let from = file_with(dir.path(), "from", &bytes);
        let ways = [copy_range, copy_through_buffer];
        for (index, copy) in ways.into_iter().enumerate() {
            for (from_offset, to_offset, len) in
                [(0, 0, 3_000_000), (4096, 8192, 1 << 20), (17, 3, 2_500_001), (5, 5, 0)]
            {
                let to = file_with(dir.path(), &format!("to-{index}-{len}"), b"");
                copy(from.file(), from_offset, to.file(), to_offset, len).unwrap();
                let start = from_offset as usize;
                assert_eq!(to.read_to_end(to_offset).unwrap(), &bytes[start..start + len as usize]);
            }
        }
    }

    #[test]
    fn another_file_system_is_no_obstacle() {
        let Ok(shm) = tempfile::tempdir_in("/dev/shm") else { return eprintln!("SKIPPED: no /dev/shm here") };
        let dir = tempfile::tempdir().unwrap();
        let from = file_with(dir.path(), "from", &pattern(2_000_000));
        let to = file_with(shm.path(), "to", b"");
        copy_range(from.file(), 0, to.file(), 0, 2_000_000).unwrap();
        assert_eq!(to.read_to_end(0).unwrap(), pattern(2_000_000));
    }

    #[test]
    fn a_source_that_ends_early_is_damage_and_not_an_endless_loop() {
        let dir = tempfile::tempdir().unwrap();
        let from = file_with(dir.path(), "from", &pattern(5_000));
        let to = file_with(dir.path(), "to", b"");
        for (offset, len) in [(0, 5_001), (4_000, 2_000), (1 << 40, 1), (u64::MAX, 1)] {
            let error = copy_range(from.file(), offset, to.file(), 0, len).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        }
    }

    #[test]
    fn hashing_in_windows_gives_the_hash_of_the_whole() {
        let dir = tempfile::tempdir().unwrap();
        for len in [0, 1, 4096, 128 << 10, 1_000_003] {
            let path = dir.path().join(len.to_string());
            std::fs::write(&path, pattern(len)).unwrap();
            for window in [4096, 64 << 10, 256 << 10, 64 << 20] {
                let (hash, hashed_len) = hash_file(&path, window).unwrap();
                assert_eq!(
                    (hash, hashed_len),
                    (blake3::hash(&pattern(len)), len as u64),
                    "{len} in {window}"
                );
            }
        }
    }

    #[test]
    fn a_copied_file_never_replaces_another() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        std::fs::write(&from, pattern(70_000)).unwrap();
        assert_eq!(copy_file_new(&from, &to).unwrap(), 70_000);
        assert_eq!(std::fs::read(&to).unwrap(), pattern(70_000));
        assert_eq!(copy_file_new(&from, &to).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert!(to.exists());
    }
}
