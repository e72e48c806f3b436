//! Layout of a payload: which chunks hold a range, and where they lie. Arithmetic only.
//!
//! A payload is chunks of 64 KiB of plain bytes, each followed by its tag; the last one may be shorter, and is empty only
//! where there is no plain byte at all.
use crate::error::{Error, Result};
use crate::source::ByteRange;

/// Plain bytes of every chunk but the last.
pub const CHUNK_LEN: u64 = 64 << 10;
/// Bytes by which a chunk grows.
pub const TAG_LEN: u64 = 16;
const SEALED_LEN: u64 = CHUNK_LEN + TAG_LEN;

/// A payload of one length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PayloadLayout {
    plain_len: u64,
    chunks: u64,
}

/// Chunks that follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chunks {
    /// The first.
    pub first: u64,
    /// How many; at least 1.
    pub count: u64,
}

impl PayloadLayout {
    /// Of so many plain bytes. `LimitExceeded` where the sum does not fit 64 bits.
    pub fn of_plain(plain_len: u64) -> Result<Self> {
        let chunks = plain_len.div_ceil(CHUNK_LEN).max(1);
        let fits = chunks.checked_mul(TAG_LEN).and_then(|tags| tags.checked_add(plain_len));
        match fits {
            Some(_) => Ok(Self { plain_len, chunks }),
            None => Err(Error::new(crate::error::ErrorKind::LimitExceeded, "the object is too long")),
        }
    }

    /// Of so many bytes behind the payload's nonce. `Damaged` for a length that no payload has.
    pub fn of_payload(payload_len: u64) -> Result<Self> {
        let chunks = payload_len.div_ceil(SEALED_LEN);
        let last = match payload_len % SEALED_LEN {
            0 if chunks > 0 => SEALED_LEN,
            last => last,
        };
        // The last chunk is empty only in an empty file.
        if last < TAG_LEN || (last == TAG_LEN && chunks > 1) {
            return Err(Error::damaged(alloc::format!(
                "no encrypted object has a payload of {payload_len} bytes: it was cut, or something was added"
            )));
        }
        Ok(Self { plain_len: payload_len - chunks * TAG_LEN, chunks })
    }

    /// Plain bytes.
    pub fn plain_len(&self) -> u64 {
        self.plain_len
    }

    /// Bytes behind the nonce.
    pub fn payload_len(&self) -> u64 {
        self.plain_len + self.chunks * TAG_LEN
    }

    /// How many chunks; at least 1.
    pub fn chunks(&self) -> u64 {
        self.chunks
    }

    /// True of the last chunk, which says so itself.
    pub fn is_last(&self, chunk: u64) -> bool {
        chunk + 1 == self.chunks
    }

    /// Plain bytes of a chunk, as a range of all of them; empty for one that is not there.
    pub fn plain_range(&self, chunk: u64) -> ByteRange {
        let start = chunk.saturating_mul(CHUNK_LEN).min(self.plain_len);
        let end = chunk.saturating_add(1).saturating_mul(CHUNK_LEN).min(self.plain_len);
        ByteRange::new(start, end - start)
    }

    /// The chunks that hold a range of the plain bytes; those of an empty range are the one it lies in. `Damaged` for a range
    /// that is not all there.
    pub fn chunks_of(&self, range: ByteRange) -> Result<Chunks> {
        let end = range.offset.checked_add(range.len).filter(|end| *end <= self.plain_len);
        let end = end.ok_or_else(|| {
            Error::damaged(alloc::format!(
                "{} bytes at offset {} were expected, but the object has {}",
                range.len,
                range.offset,
                self.plain_len
            ))
        })?;
        let first = (range.offset / CHUNK_LEN).min(self.chunks - 1);
        Ok(Chunks { first, count: end.div_ceil(CHUNK_LEN).max(first + 1) - first })
    }

    /// Where chunks lie, counted from behind the nonce.
    pub fn payload_range(&self, chunks: Chunks) -> ByteRange {
        let start = chunks.first.saturating_mul(SEALED_LEN).min(self.payload_len());
        let end = chunks.first.saturating_add(chunks.count).saturating_mul(SEALED_LEN);
        ByteRange::new(start, end.min(self.payload_len()) - start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn lengths_lead_to_each_other_and_impossible_ones_are_damage() {
        for plain in [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 5 * CHUNK_LEN, 5 * CHUNK_LEN + 7] {
            let layout = PayloadLayout::of_plain(plain).unwrap();
            assert_eq!(PayloadLayout::of_payload(layout.payload_len()), Ok(layout), "{plain}");
            assert_eq!(layout.chunks(), plain.div_ceil(CHUNK_LEN).max(1));
        }
        for payload in [0, 1, 15, SEALED_LEN + 1, SEALED_LEN + 15, SEALED_LEN + 16, 3 * SEALED_LEN + 16] {
            assert_eq!(
                PayloadLayout::of_payload(payload).unwrap_err().kind(),
                ErrorKind::Damaged,
                "{payload}"
            );
        }
        assert!(PayloadLayout::of_plain(u64::MAX).is_err());
        assert!(PayloadLayout::of_payload(u64::MAX).is_ok_and(|layout| layout.payload_len() == u64::MAX));
    }

    #[test]
    fn a_range_takes_the_chunks_that_it_touches_and_no_others() {
        let layout = PayloadLayout::of_plain(3 * CHUNK_LEN + 5).unwrap();
        for (offset, len, first, count) in [
            (0, 1, 0, 1),
            (CHUNK_LEN - 1, 1, 0, 1),
            (CHUNK_LEN - 1, 2, 0, 2),
            (CHUNK_LEN, CHUNK_LEN, 1, 1),
            (0, 3 * CHUNK_LEN + 5, 0, 4),
            (3 * CHUNK_LEN, 5, 3, 1),
            (3 * CHUNK_LEN + 5, 0, 3, 1),
            (CHUNK_LEN, 0, 1, 1),
        ] {
            let chunks = layout.chunks_of(ByteRange::new(offset, len)).unwrap();
            assert_eq!(chunks, Chunks { first, count }, "{offset} {len}");
        }
        let all = layout.payload_range(Chunks { first: 0, count: 4 });
        assert_eq!(all, ByteRange::new(0, layout.payload_len()));
        assert_eq!(
            layout.payload_range(Chunks { first: 3, count: 1 }),
            ByteRange::new(3 * SEALED_LEN, 5 + TAG_LEN)
        );
        for (offset, len) in [(3 * CHUNK_LEN + 6, 0), (0, 3 * CHUNK_LEN + 6), (u64::MAX, 1), (1, u64::MAX)] {
            let error = layout.chunks_of(ByteRange::new(offset, len)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged);
        }
    }
}
