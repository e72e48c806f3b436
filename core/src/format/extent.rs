//! Where things may lie in a container file: constants of the layout and the one check of an extent.
use crate::error::{Error, Result};

/// Every extent starts at a multiple of this and is padded with zeros to one.
pub const ALIGNMENT: u64 = 4096;

/// Bytes of one superblock slot.
pub const SLOT_LEN: usize = 32 * 1024;

/// Bytes of the header area, which holds the two slots. Extents start behind it.
pub const HEADER_AREA_LEN: u64 = 64 * 1024;

/// `len` with its padding; `None` when it does not fit a u64.
pub const fn padded(len: u64) -> Option<u64> {
    len.checked_next_multiple_of(ALIGNMENT)
}

/// Checks that an extent is aligned, not empty, behind the header area and inside a file of `file_len` bytes.
pub fn check_extent(offset: u64, len: u64, file_len: u64) -> Result<()> {
    let wrong = if !offset.is_multiple_of(ALIGNMENT) {
        "does not start at a multiple of 4096"
    } else if offset < HEADER_AREA_LEN {
        "lies in the header area"
    } else if len == 0 {
        "is empty"
    } else if offset.checked_add(len).is_none_or(|end| end > file_len) {
        "ends behind the file"
    } else {
        return Ok(());
    };
    Err(Error::damaged(alloc::format!(
        "the extent of {len} bytes at {offset} {wrong} (file of {file_len} bytes)"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extent_is_aligned_and_inside_the_file() {
        check_extent(65_536, 1, 65_537).unwrap();
        for (offset, len, file_len) in [
            (65_537, 1, 1 << 20),
            (61_440, 1, 1 << 20),
            (65_536, 0, 1 << 20),
            (65_536, 4097, 65_536 + 4096),
            (1 << 20, 1, 1 << 20),
            (u64::MAX - 4095, 4096, u64::MAX),
            (65_536, u64::MAX, u64::MAX),
        ] {
            assert!(check_extent(offset, len, file_len).is_err(), "{offset} {len} {file_len}");
        }
    }
}
