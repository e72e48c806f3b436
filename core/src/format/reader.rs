//! Fixed-width little-endian fields, read one after the other without ever leaving the input.
use crate::error::{Error, Result};

/// A cursor over the fields of a header.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }
    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(Error::damaged(alloc::format!(
                "the bytes end {} short of a field of {len} at byte {}",
                len - self.rest.len(),
                self.offset
            )));
        };
        self.rest = rest;
        self.offset += len;
        Ok(taken)
    }
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }
    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }
    pub(crate) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }
    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }
    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }
    pub(crate) fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }
}

/// True when every byte is zero; true of no bytes.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    // Words first: a preallocated log is many megabytes of zeros, looked at on every open.
    let (words, tail) = bytes.as_chunks::<16>();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && tail.iter().all(|&byte| byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_behind_the_end_is_an_error_with_its_place() {
        let mut reader = Reader::new(&[1, 0, 0, 0, 9]);
        assert_eq!(reader.u32().unwrap(), 1);
        let error = reader.u64().unwrap_err();
        assert!(error.message().contains("7 short") && error.message().contains("byte 4"), "{error}");
        assert_eq!(reader.u8().unwrap(), 9);
    }

    #[test]
    fn zeros_are_seen_whatever_their_number() {
        for len in 0..40 {
            let mut bytes = alloc::vec![0u8; len];
            assert!(is_zero(&bytes));
            for at in 0..len {
                bytes[at] = 1;
                assert!(!is_zero(&bytes));
                bytes[at] = 0;
            }
        }
    }
}
