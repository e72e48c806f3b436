//! What is put: bytes of a known length that can be read again from any offset, so that an interrupted put goes on, and
//! a put of any length needs little memory.
use crate::error::{Error, Result};
use crate::files::regular_file::RegularFile;

/// The content of an object that is put. It does not change during the put.
pub trait Body: Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> u64;

    /// Whether it has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buffer` from `offset` on. Bytes that it should have and has not are `Damaged`.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()>;

    /// Where it is a range of a file: that file and the offset in it, for copies that the kernel does.
    fn file(&self) -> Option<(&RegularFile, u64)> {
        None
    }
}

/// Bytes in memory.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Body for Bytes<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let start = usize::try_from(offset).ok();
        let part = start.and_then(|start| self.0.get(start..)?.get(..buffer.len()));
        let part = part.ok_or_else(|| {
            Error::damaged(format!(
                "{} bytes at offset {offset} of {} were asked for",
                buffer.len(),
                self.0.len()
            ))
        })?;
        buffer.copy_from_slice(part);
        Ok(())
    }
}

/// A range of a file.
#[derive(Clone, Copy, Debug)]
pub struct FileBody<'a> {
    file: &'a RegularFile,
    offset: u64,
    len: u64,
}

impl<'a> FileBody<'a> {
    /// `len` bytes from `offset` on, which the file must have now.
    pub fn new(file: &'a RegularFile, offset: u64, len: u64) -> Result<Self> {
        let file_len = file.len()?;
        if offset.checked_add(len).is_none_or(|end| end > file_len) {
            let message =
                format!("{len} bytes at offset {offset} were to be sent, but the file ends at {file_len}");
            return Err(Error::damaged(message).at(file.path().display()));
        }
        Ok(Self { file, offset, len })
    }

    /// The whole file as long as it is now.
    pub fn whole(file: &'a RegularFile) -> Result<Self> {
        Ok(Self { file, offset: 0, len: file.len()? })
    }
}

impl Body for FileBody<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        if offset.checked_add(buffer.len() as u64).is_none_or(|end| end > self.len) {
            return Err(Error::damaged(format!(
                "{} bytes at offset {offset} of {} were asked for",
                buffer.len(),
                self.len
            )));
        }
        self.file.read_into(self.offset + offset, buffer)
    }

    fn file(&self) -> Option<(&RegularFile, u64)> {
        Some((self.file, self.offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::regular_file::Access;

    #[test]
    fn a_body_gives_its_range_and_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, b"0123456789").unwrap();
        let file = RegularFile::open(&path, Access::ReadOnly).unwrap();
        let body = FileBody::new(&file, 2, 5).unwrap();
        for body in [&body as &dyn Body, &Bytes(b"23456")] {
            let mut buffer = [0; 3];
            body.read_exact_at(2, &mut buffer).unwrap();
            assert_eq!((body.len(), &buffer), (5, b"456"));
            for offset in [3, 5, 6, u64::MAX] {
                let kind = body.read_exact_at(offset, &mut buffer).unwrap_err().kind();
                assert_eq!(kind, crate::ErrorKind::Damaged, "offset {offset}");
            }
        }
        assert!(FileBody::new(&file, 2, 9).is_err() && FileBody::new(&file, u64::MAX, 2).is_err());
    }
}
