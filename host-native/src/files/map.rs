//! Read-only memory maps of a data file; the only module with `unsafe`.
//!
//! Keeps true: only bytes that the file has are ever mapped, and the maps kept for reuse stay within a budget. What
//! it relies on, and the host keeps true: an extent is mapped only while it is pinned, a pinned extent is immutable,
//! and the file is never cut below one. (A page of a map whose file was cut, or whose sector is bad, raises SIGBUS on
//! access: no checksum comes before that.) Superblocks and logs change, so they are read, never mapped.
#![expect(unsafe_code, reason = "mapping a file cannot be made safe: someone else may change it")]
use super::os_error::{OsContext, os_error};
use super::regular_file::RegularFile;
use crate::lru::Lru;
use chronicle_core::error::{Error, ErrorKind, Result};
use memmap2::{Mmap, MmapOptions};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of maps kept for reuse, unless told otherwise.
pub const MAP_BYTES_MAX: u64 = 128 << 20;
/// Maps kept for reuse at most: systems allow some 65,000 in a process.
const MAPS_MAX: usize = 8_192;
/// What a map costs at least, and in multiples of which: the page of most systems.
const PAGE_BYTES: u64 = 4_096;

/// Bytes of an extent, mapped. They stay readable as long as this lives, also after the cache let go of them.
#[derive(Debug)]
pub struct Map {
    mmap: Mmap,
}

impl std::ops::Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.mmap
    }
}

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        &self.mmap
    }
}

/// Maps of the immutable extents of one data file, the most recently used ones kept. Shared by threads.
#[derive(Debug)]
pub struct SegmentMaps {
    file: File,
    path: PathBuf,
    bytes_max: u64,
    kept: Mutex<Lru<(u64, u64), Arc<Map>>>,
}

impl SegmentMaps {
    /// Maps of `file`, of which up to `bytes_max` bytes are kept ([`MAP_BYTES_MAX`] is a good value). Zero keeps none.
    pub fn new(file: &RegularFile, bytes_max: u64) -> Result<Self> {
        let path = file.path().to_path_buf();
        let file = file.file().try_clone().os("open for mapping", &path)?;
        Ok(Self { file, path, bytes_max, kept: Mutex::new(Lru::new()) })
    }

    /// The bytes of an extent, which the caller has pinned. Not inside the file, or empty:
    /// [`ErrorKind::Damaged`].
    pub fn get(&self, offset: u64, len: u64) -> Result<Arc<Map>> {
        if let Some(map) = self.lock().get(&(offset, len)) {
            return Ok(Arc::clone(map));
        }
        // Mapped without the lock: a miss of one thread does not hold up the hits of others.
        let map = Arc::new(self.map(offset, len)?);
        let cost = len.next_multiple_of(PAGE_BYTES);
        if cost > self.bytes_max {
            return Ok(map);
        }
        let mut dropped = Vec::new();
        let mut kept = self.lock();
        if let Some(map) = kept.get(&(offset, len)) {
            return Ok(Arc::clone(map));
        }
        kept.insert((offset, len), Arc::clone(&map), cost);
        while kept.weight() > self.bytes_max || kept.len() > MAPS_MAX {
            dropped.extend(kept.pop_oldest());
        }
        // Unmapping takes the kernel's time, not the lock's.
        drop(kept);
        drop(dropped);
        Ok(map)
    }

    /// Lets go of the map of an extent that is being freed.
    pub fn forget(&self, offset: u64, len: u64) {
        let forgotten = self.lock().remove(&(offset, len));
        drop(forgotten);
    }

    /// Lets go of every map that reaches past `file_len`: to be called before the file is cut there.
    pub fn forget_past(&self, file_len: u64) {
        self.lock().retain(|(offset, len)| offset.saturating_add(*len) <= file_len);
    }

    /// Bytes of the maps kept now.
    pub fn kept_bytes(&self) -> u64 {
        self.lock().weight()
    }

    fn map(&self, offset: u64, len: u64) -> Result<Map> {
        let place = || format!("{}: offset {offset}", self.path.display());
        let file_len = self.file.metadata().os("read the length", &self.path)?.len();
        if len == 0 || offset.checked_add(len).is_none_or(|end| end > file_len) {
            return Err(Error::damaged(format!(
                "an extent of {len} bytes is named here, but the file ends at {file_len}: verify it, or restore from \
                 a backup"
            ))
            .at(place()));
        }
        // SAFETY: the extent lies inside the file, as just checked; the caller has pinned it, so it is immutable and the
        // file is never cut below it (the host's invariant, see the module).
        match unsafe { map_range(&self.file, offset, len) } {
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
                // Address space or the number of maps ran out: what is merely kept goes first.
                self.lock().retain(|_| false);
                // SAFETY: as above.
                unsafe { map_range(&self.file, offset, len) }
            }
            result => result,
        }
        .map_err(|error| os_error(&format!("map {len} bytes at offset {offset}"), &self.path, &error))
    }

    fn lock(&self) -> MutexGuard<'_, Lru<(u64, u64), Arc<Map>>> {
        // Nothing in there panics between two consistent states.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the first `len` bytes of a file to `each`, window by window with their offsets, front to back; each window is
/// unmapped before the next one. For hashing and checking whole files that nobody changes meanwhile.
///
/// The bytes are fetched before `each` sees them where the system can (Linux 5.14 on), so that a bad sector or a file
/// cut by someone is an error and not a signal.
pub fn map_whole(
    file: &RegularFile,
    len: u64,
    window_bytes: u64,
    mut each: impl FnMut(u64, &[u8]) -> Result<()>,
) -> Result<()> {
    let file_len = file.len()?;
    if len > file_len {
        return Err(Error::damaged(format!(
            "{len} bytes were expected, but the file ends at {file_len}: verify it, or restore from a backup"
        ))
        .at(file.path().display()));
    }
    let window_bytes = window_bytes.max(PAGE_BYTES);
    let mut offset = 0;
    while offset < len {
        let count = window_bytes.min(len - offset);
        // SAFETY: the window lies inside the file, as just checked; the caller lets nobody change the file or cut it
        // (above: a snapshot's, or a pinned and immutable part).
        let map = unsafe { map_range(file.file(), offset, count) }
            .os(&format!("map {count} bytes at offset {offset}"), file.path())?;
        fetch(&map).map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!(
                    "cannot read all of the {count} bytes at offset {offset}: {error}; the device failed or the file was \
                     cut: copy the data off it, and verify"
                ),
            )
            .at(file.path().display())
        })?;
        each(offset, map.as_ref())?;
        offset += count;
    }
    Ok(())
}

/// Maps a range, at whatever page size the system has (`memmap2` aligns the start down and hides the rest).
///
/// # Safety
/// Until the map is dropped the range lies inside the file and nobody changes it.
unsafe fn map_range(file: &File, offset: u64, len: u64) -> io::Result<Map> {
    let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    // SAFETY: the caller's promise.
    let mmap = unsafe { MmapOptions::new().offset(offset).len(len).map(file) }?;
    Ok(Map { mmap })
}

#[cfg(target_os = "linux")]
fn fetch(map: &Map) -> io::Result<()> {
    // Advice alone; that it is not taken is no loss.
    let _ = map.mmap.advise(memmap2::Advice::Sequential);
    match map.mmap.advise(memmap2::Advice::PopulateRead) {
        // Kernels before 5.14 do not know it.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INVAL.raw_os_error()) => Ok(()),
        result => result,
    }
}

#[cfg(not(target_os = "linux"))]
fn fetch(_: &Map) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::data_file::DataFile;

    const KIB: u64 = 1024;

    /// A file of `extents` extents of 16 KiB, each full of its own number.
    fn numbered(dir: &tempfile::TempDir, extents: u8) -> DataFile {
        let file = DataFile::create_new(&dir.path().join("data.db")).unwrap();
        for number in 0..extents {
            file.write_all_at(u64::from(number) * 16 * KIB, &[number; 16 << 10]).unwrap();
        }
        file
    }

    #[test]
    fn a_map_shows_the_bytes_of_its_extent_and_is_reused() {
        let dir = tempfile::tempdir().unwrap();
        let maps = SegmentMaps::new(&numbered(&dir, 4), MAP_BYTES_MAX).unwrap();
        let map = maps.get(32 * KIB, 16 * KIB).unwrap();
        assert_eq!(map[..], [2; 16 << 10]);
        assert!(Arc::ptr_eq(&map, &maps.get(32 * KIB, 16 * KIB).unwrap()));
        let odd: Arc<Map> = maps.get(16 * KIB - 1, 2).unwrap();
        assert_eq!(odd.as_ref().as_ref(), [0, 1], "any alignment works");
    }

    #[test]
    fn an_extent_outside_the_file_is_damage_before_anything_is_mapped() {
        let dir = tempfile::tempdir().unwrap();
        let file = numbered(&dir, 2);
        let maps = SegmentMaps::new(&file, MAP_BYTES_MAX).unwrap();
        for (offset, len) in
            [(16 * KIB, 16 * KIB + 1), (32 * KIB, 1), (0, 0), (u64::MAX, 2), (4096, u64::MAX)]
        {
            let error = maps.get(offset, len).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged);
            assert!(error.to_string().contains(&format!("offset {offset}")), "{error}");
        }
        file.set_len(16 * KIB).unwrap();
        assert_eq!(
            maps.get(16 * KIB, 16 * KIB).unwrap_err().kind(),
            ErrorKind::Damaged,
            "the length is asked anew"
        );
    }

    #[test]
    fn evicted_maps_stay_readable_and_the_budget_holds() {
        let dir = tempfile::tempdir().unwrap();
        let maps = SegmentMaps::new(&numbered(&dir, 8), 48 * KIB).unwrap();
        let held: Vec<Arc<Map>> =
            (0..8).map(|number| maps.get(number * 16 * KIB, 16 * KIB).unwrap()).collect();
        assert_eq!(maps.kept_bytes(), 48 * KIB);
        for (number, map) in held.iter().enumerate() {
            assert!(map.as_ref().as_ref().iter().all(|byte| usize::from(*byte) == number));
        }
        assert_eq!(Arc::strong_count(&held[0]), 1, "evicted: the cache holds it no more");
        assert_eq!(Arc::strong_count(&held[7]), 2);
    }

    #[test]
    fn the_least_recently_used_is_evicted() {
        let dir = tempfile::tempdir().unwrap();
        let maps = SegmentMaps::new(&numbered(&dir, 3), 32 * KIB).unwrap();
        let first = maps.get(0, 16 * KIB).unwrap();
        let second = maps.get(16 * KIB, 16 * KIB).unwrap();
        maps.get(0, 16 * KIB).unwrap();
        maps.get(32 * KIB, 16 * KIB).unwrap();
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (2, 1));
    }

    #[test]
    fn an_extent_larger_than_the_budget_is_mapped_and_evicts_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let maps = SegmentMaps::new(&numbered(&dir, 3), 16 * KIB).unwrap();
        maps.get(0, 16 * KIB).unwrap();
        assert_eq!(maps.get(0, 48 * KIB).unwrap().as_ref().as_ref().len(), 48 << 10);
        assert_eq!(maps.kept_bytes(), 16 * KIB);
    }

    #[test]
    fn forgotten_extents_are_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let maps = SegmentMaps::new(&numbered(&dir, 3), MAP_BYTES_MAX).unwrap();
        for number in 0..3 {
            maps.get(number * 16 * KIB, 16 * KIB).unwrap();
        }
        maps.forget(16 * KIB, 16 * KIB);
        assert_eq!(maps.kept_bytes(), 32 * KIB);
        maps.forget_past(32 * KIB);
        assert_eq!(maps.kept_bytes(), 16 * KIB, "only what lies before the cut is left");
    }

    #[test]
    fn threads_share_the_maps() {
        let dir = tempfile::tempdir().unwrap();
        let maps = SegmentMaps::new(&numbered(&dir, 8), 48 * KIB).unwrap();
        std::thread::scope(|scope| {
            for start in 0..4u64 {
                let maps = &maps;
                scope.spawn(move || {
                    for step in 0..2_000 {
                        let number = (start + step * 3) % 8;
                        let map = maps.get(number * 16 * KIB, 16 * KIB).unwrap();
                        assert_eq!(map.as_ref().as_ref()[77], number as u8);
                    }
                });
            }
        });
        assert!(maps.kept_bytes() <= 48 * KIB);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_cut_while_it_is_shown_is_an_error_and_not_a_signal() {
        let dir = tempfile::tempdir().unwrap();
        let file = numbered(&dir, 2);
        let mut sum = 0u64;
        let result = map_whole(&file, 32 * KIB, 16 * KIB, |_, bytes| {
            sum += bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            file.set_len(16 * KIB)
        });
        assert_eq!((result.unwrap_err().kind(), sum), (ErrorKind::Io, 0));
    }

    #[test]
    fn windows_cover_the_file_once_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let file = numbered(&dir, 3);
        let mut seen = Vec::new();
        map_whole(&file, 40 * KIB, 16 * KIB, |offset, bytes| {
            assert_eq!(offset, seen.len() as u64);
            seen.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, file.read_exact_at(0, 40 * KIB).unwrap());
        let error = map_whole(&file, 48 * KIB + 1, 16 * KIB, |_, _| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
    }
}
