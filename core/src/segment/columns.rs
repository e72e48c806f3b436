//! The parts that the indexes of both kinds of segments are made of: the words they start with, and columns of numbers.
//!
//! Everything that is read here comes from outside: each number is checked against the bytes that are left before
//! memory is taken for it.
use super::header::{self, SEGMENT_VERSION, SegmentFeatures, SegmentHeader, SegmentKind};
use super::{SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES};
use crate::codec::{self, BLOCK_POINTS_MAX, Scratch, varint};
use crate::error::{At, Error, Result};
use crate::ids::Hash16;
use alloc::format;
use alloc::vec::Vec;

/// Most numbers in one piece of a column: as many as the codec takes at once.
const PIECE_MAX: usize = BLOCK_POINTS_MAX;

/// Starts an index: version, kind and features, which the header repeats.
pub(super) fn put_prelude(out: &mut Vec<u8>, kind: SegmentKind) {
    let features = SegmentFeatures::default();
    varint::put(out, u64::from(SEGMENT_VERSION));
    varint::put(out, u64::from(kind.code()));
    varint::put(out, features.compatible);
    varint::put(out, features.read_only_compatible);
    varint::put(out, features.incompatible);
}

/// Appends a column of integers: per piece its length in bytes, then the codec's bytes.
pub(super) fn put_integers(out: &mut Vec<u8>, numbers: &[i64], scratch: &mut Scratch) {
    put_pieces(out, numbers, |piece, bytes| codec::encode_integers(piece, bytes, scratch));
}

/// Appends a column of values, given as bits.
pub(super) fn put_values(out: &mut Vec<u8>, bits: &[u64], scratch: &mut Scratch) {
    put_pieces(out, bits, |piece, bytes| codec::encode_values(piece, bytes, scratch));
}

fn put_pieces<T>(out: &mut Vec<u8>, column: &[T], mut encode: impl FnMut(&[T], &mut Vec<u8>)) {
    let mut bytes = Vec::new();
    for piece in column.chunks(PIECE_MAX) {
        bytes.clear();
        encode(piece, &mut bytes);
        varint::put(out, bytes.len() as u64);
        out.extend_from_slice(&bytes);
    }
}

/// Reads an index from its first byte to its last.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    scratch: Scratch,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, scratch: Scratch::default() }
    }

    pub(super) fn varint(&mut self, what: &str) -> Result<u64> {
        let mut at = 0;
        let number = varint::get(self.bytes, &mut at)
            .ok_or_else(|| Error::damaged(format!("{what} is cut short or too large")))?;
        self.bytes = self.bytes.get(at..).unwrap_or_default();
        Ok(number)
    }

    pub(super) fn varint_u32(&mut self, what: &str) -> Result<u32> {
        let number = self.varint(what)?;
        u32::try_from(number).map_err(|_| Error::damaged(format!("{what} is {number}, which is too large")))
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64> {
        let (word, rest) = self.bytes.split_first_chunk().ok_or_else(|| cut_short(what))?;
        self.bytes = rest;
        Ok(u64::from_le_bytes(*word))
    }

    pub(super) fn take(&mut self, len: u64, what: &str) -> Result<&'a [u8]> {
        let split = usize::try_from(len).ok().and_then(|len| self.bytes.split_at_checked(len));
        let (taken, rest) = split.ok_or_else(|| cut_short(what))?;
        self.bytes = rest;
        Ok(taken)
    }

    /// Reads what [`put_prelude`] wrote. A newer version or an unknown feature is `Unsupported`; another kind than the
    /// expected one is damage.
    pub(super) fn prelude(&mut self, expected: SegmentKind) -> Result<SegmentFeatures> {
        header::check_version(self.varint("version")?)?;
        let kind = SegmentKind::from_code(self.varint_u32("kind")?)?;
        let features = SegmentFeatures {
            compatible: self.varint("features")?,
            read_only_compatible: self.varint("features")?,
            incompatible: self.varint("features")?,
        };
        features.check()?;
        if kind != expected {
            return Err(Error::damaged(format!("this is a segment of kind {kind:?}, not {expected:?}")));
        }
        Ok(features)
    }

    /// A number of blocks: at least one, and no more than the rest of the index has hashes for, which bounds the
    /// memory of every column that follows.
    pub(super) fn block_count(&mut self) -> Result<usize> {
        let count = self.varint("number of blocks")?;
        let most = self.bytes.len() / size_of::<Hash16>();
        match usize::try_from(count) {
            Ok(count) if 1 <= count && count <= most => Ok(count),
            _ => Err(Error::damaged(format!(
                "{count} blocks are impossible in an index that holds {most} hashes"
            ))),
        }
    }

    pub(super) fn integers(&mut self, count: usize, what: &str) -> Result<Vec<i64>> {
        self.pieces(count, what, codec::decode_integers)
    }

    pub(super) fn values(&mut self, count: usize, what: &str) -> Result<Vec<u64>> {
        self.pieces(count, what, codec::decode_values)
    }

    fn pieces<T: Copy>(
        &mut self,
        count: usize,
        what: &str,
        decode: impl Fn(&[u8], usize, &mut Vec<T>, &mut Scratch) -> Result<()>,
    ) -> Result<Vec<T>> {
        let (mut column, mut piece) = (Vec::with_capacity(count), Vec::new());
        while column.len() < count {
            let piece_count = (count - column.len()).min(PIECE_MAX);
            let len = self.varint(what)?;
            let bytes = self.take(len, what)?;
            // The usual index has one piece: decode it where it is to stay.
            let target = if column.is_empty() { &mut column } else { &mut piece };
            target.clear();
            decode(bytes, piece_count, target, &mut self.scratch).at(|| what)?;
            if target.len() != piece_count {
                return Err(Error::damaged(format!("column {what} has another number of entries")));
            }
            column.extend_from_slice(&piece);
            piece.clear();
        }
        Ok(column)
    }

    /// Lengths of blocks as the places where they start, and at the end where the index starts: one entry more than
    /// there are blocks. Every block has at least `least` bytes, and the segment fits its maximum.
    pub(super) fn block_offsets(&mut self, count: usize, least: u64, index_len: u64) -> Result<Vec<u32>> {
        let mut offset = SEGMENT_HEADER_BYTES as u64;
        let mut offsets = Vec::with_capacity(count + 1);
        let most = SEGMENT_BYTES_MAX.saturating_sub(index_len);
        for len in self.integers(count, "block lengths")? {
            offsets.push(offset as u32);
            match u64::try_from(len).ok().and_then(|len| offset.checked_add(len)) {
                Some(end) if end - offset >= least && end <= most => offset = end,
                _ => return Err(Error::damaged(format!("a block cannot have {len} bytes at {offset}"))),
            }
        }
        offsets.push(offset as u32);
        Ok(offsets)
    }

    /// The hashes, which end the index.
    pub(super) fn hashes(&mut self, count: usize) -> Result<Vec<Hash16>> {
        let (hashes, rest) = self.bytes.as_chunks::<16>();
        if hashes.len() != count || !rest.is_empty() {
            return Err(Error::damaged("the index does not end with one hash for each block"));
        }
        Ok(hashes.iter().map(|hash| Hash16(*hash)).collect())
    }
}

/// Compares the header that was found with the one that the index implies, byte for byte.
pub(super) fn check_header(found: &[u8], expected: SegmentHeader) -> Result<()> {
    if found.get(..SEGMENT_HEADER_BYTES) == Some(expected.to_bytes().as_slice()) {
        return Ok(());
    }
    header::inspect_segment_header(found)?;
    Err(Error::damaged("the header of the segment is not the one that its index implies").at("header"))
}

fn cut_short(what: &str) -> Error {
    Error::damaged(format!("the index ends inside {what}"))
}
