//! Postcard, with this crate's errors.
//!
//! Memory: serde reserves at most 1 MiB for a sequence before its elements have been read, and every element takes at
//! least one byte of input, so a false length costs nothing beyond that. Trailing bytes are refused.
use crate::error::{Error, Result};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Appends the encoding of `value`; `what` names it in an error.
pub(crate) fn encode_into<T: Serialize + ?Sized>(value: &T, what: &str, out: &mut Vec<u8>) -> Result<()> {
    let taken = core::mem::take(out);
    *out = postcard::to_extend(value, taken)
        .map_err(|error| Error::invalid(alloc::format!("{what} can't be encoded: {error}")))?;
    Ok(())
}

/// The encoding of `value`.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, what: &str) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    encode_into(value, what, &mut out)?;
    Ok(out)
}

/// Reads a value that takes all of `bytes`.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &str) -> Result<T> {
    match decode_prefix(bytes, what)? {
        (value, []) => Ok(value),
        (_, rest) => Err(Error::damaged(alloc::format!("{} bytes follow the end of {what}", rest.len()))),
    }
}

/// Reads a value from the start of `bytes`, and hands back what follows it.
pub(crate) fn decode_prefix<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &str) -> Result<(T, &'a [u8])> {
    postcard::take_from_bytes(bytes)
        .map_err(|error| Error::damaged(alloc::format!("{what} can't be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    /// 2^60 as a varint.
    const HUGE: [u8; 9] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];

    #[test]
    fn a_false_length_of_two_to_the_60_is_damage_and_no_allocation() {
        // Reserving that much would abort the process, and with it this test.
        assert!(decode::<Vec<u64>>(&HUGE, "a list").is_err());
        assert!(decode::<Vec<String>>(&HUGE, "a list").is_err());
        assert!(decode::<String>(&HUGE, "a text").is_err());
    }

    #[test]
    fn bytes_behind_the_value_are_damage() {
        assert_eq!(decode::<u8>(&[7], "a byte").unwrap(), 7);
        assert!(decode::<u8>(&[7, 0], "a byte").unwrap_err().message().contains("1 bytes follow"));
    }
}
