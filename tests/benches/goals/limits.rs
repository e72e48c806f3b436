//! Limits: the least that a file operation can cost here, done with nothing of Chronicle in between.
use memmap2::MmapOptions;
use std::fs::{self, File};
use std::path::Path;

/// Bytes mapped at once, as the database does: mapping and unmapping is part of the cost.
const WINDOW: u64 = 32 << 20;

/// `cp` and a sync of the copy. The target is replaced.
pub(crate) fn copy_and_sync(from: &Path, to: &Path) {
    let _ = fs::remove_file(to);
    fs::copy(from, to).unwrap();
    File::options().write(true).open(to).unwrap().sync_all().unwrap();
}

/// CRC-32 over every byte of a file, on one core.
pub(crate) fn crc(path: &Path) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    windows(path, |bytes| crc.update(bytes));
    crc.finalize()
}

/// BLAKE3 over every byte of a file, on one core or on all.
pub(crate) fn blake3(path: &Path, all_cores: bool) -> blake3::Hash {
    let mut hash = blake3::Hasher::new();
    windows(path, |bytes| {
        if all_cores {
            hash.update_rayon(bytes)
        } else {
            hash.update(bytes)
        };
    });
    hash.finalize()
}

fn windows(path: &Path, mut each: impl FnMut(&[u8])) {
    let file = File::open(path).unwrap();
    let len = file.metadata().unwrap().len();
    for offset in (0..len).step_by(WINDOW as usize) {
        let window = (len - offset).min(WINDOW) as usize;
        // SAFETY: the bench made this file and changes it nowhere while it is mapped.
        let map = unsafe { MmapOptions::new().offset(offset).len(window).map(&file) }.unwrap();
        each(&map);
    }
}
