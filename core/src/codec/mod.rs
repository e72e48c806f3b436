//! Columns of a block as bytes: timestamps, values, integers. Lossless for every bit pattern.
//!
//! `core/docs/format/codec.md` specifies the encodings; this is the only module that knows them. A column is bytes and
//! nothing else: how many items it holds, its length, its checksum and its place are the block's business.
//!
//! The way of a value, each step a file: `values` takes the shortest of `decimal` integers, ordered bits and
//! `rank`s; `integers` scales them; `predict` leaves small residuals; `residual` picks a mode; `token` makes
//! symbols, `huffman` or `tans` codes of them, `entropy` streams. `select` and `cost` decide and are no part of
//! the format. [`frame`] is the light codec of the log.
mod bits;
mod cost;
mod decimal;
mod entropy;
pub mod frame;
mod huffman;
mod integers;
mod predict;
mod rank;
mod residual;
mod scale;
mod select;
mod tans;
mod token;
mod values;
pub mod varint;

#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use alloc::vec::Vec;
use select::Nature;

/// Most items in a column.
pub const BLOCK_POINTS_MAX: usize = 65_536;

/// First byte of a timestamp or integer column.
const INTEGERS: u8 = 1;

/// Buffers that encoding and decoding reuse, so that a block allocates nothing once they have grown. They grow with the
/// largest block seen; what they hold between calls means nothing.
#[derive(Default)]
pub struct Scratch {
    sample: Vec<u64>,
    integers: Vec<i64>,
    adjustments: Vec<u64>,
    exceptions: Vec<(usize, u64)>,
    distinct: Vec<i64>,
    distinct_bits: Vec<u64>,
    stream: integers::Scratch,
}

/// Appends the encoding of a column to `out`: 1 to [`BLOCK_POINTS_MAX`] timestamps in any order, shortest where they
/// ascend. The same input gives the same bytes on every target.
///
/// # Panics
/// If there are none or too many.
pub fn encode_timestamps(timestamps: &[i64], out: &mut Vec<u8>, scratch: &mut Scratch) {
    encode_stream(timestamps, Nature::Timestamps, out, scratch);
}

/// Appends the encoding of a column to `out`: 1 to [`BLOCK_POINTS_MAX`] bit patterns of doubles, each of which comes
/// back as it is, NaN payloads included. The same input gives the same bytes on every target.
///
/// # Panics
/// If there are none or too many.
pub fn encode_values(bits: &[u64], out: &mut Vec<u8>, scratch: &mut Scratch) {
    assert!((1..=BLOCK_POINTS_MAX).contains(&bits.len()), "a column holds 1 to {BLOCK_POINTS_MAX} items");
    values::encode(bits, out, scratch);
}

/// Appends the encoding of a column to `out`: 1 to [`BLOCK_POINTS_MAX`] integers of any kind. The same input gives the
/// same bytes on every target.
///
/// # Panics
/// If there are none or too many.
pub fn encode_integers(integers: &[i64], out: &mut Vec<u8>, scratch: &mut Scratch) {
    encode_stream(integers, Nature::Integers, out, scratch);
}

/// Replaces `out` by the `count` timestamps of the column that `bytes` are.
///
/// Time and memory are bounded by `count` and the length of `bytes`. Errors: `Damaged` when `bytes` are not a column of
/// `count` timestamps, `Unsupported` for an unknown kind; `out` then holds anything.
pub fn decode_timestamps(
    bytes: &[u8],
    count: usize,
    out: &mut Vec<i64>,
    scratch: &mut Scratch,
) -> Result<()> {
    decode_stream(bytes, count, out, scratch)
}

/// Replaces `out` by the `count` bit patterns of the column that `bytes` are; otherwise like [`decode_timestamps`].
pub fn decode_values(bytes: &[u8], count: usize, out: &mut Vec<u64>, scratch: &mut Scratch) -> Result<()> {
    check_count(count)?;
    out.resize(count, 0);
    let mut at = 0;
    values::decode(bytes, &mut at, out, scratch)?;
    check_end(at, bytes)
}

/// Replaces `out` by the `count` integers of the column that `bytes` are; otherwise like [`decode_timestamps`].
pub fn decode_integers(bytes: &[u8], count: usize, out: &mut Vec<i64>, scratch: &mut Scratch) -> Result<()> {
    decode_stream(bytes, count, out, scratch)
}

fn encode_stream(integers: &[i64], nature: Nature, out: &mut Vec<u8>, scratch: &mut Scratch) {
    assert!((1..=BLOCK_POINTS_MAX).contains(&integers.len()), "a column holds 1 to {BLOCK_POINTS_MAX} items");
    out.push(INTEGERS);
    integers::encode(integers, nature, &mut scratch.stream, out);
}

fn decode_stream(bytes: &[u8], count: usize, out: &mut Vec<i64>, scratch: &mut Scratch) -> Result<()> {
    check_count(count)?;
    match bytes.first() {
        Some(&INTEGERS) => {}
        Some(kind) => {
            return Err(Error::unsupported(alloc::format!(
                "integer column of kind {kind:#04x} needs a newer Chronicle"
            )));
        }
        None => return Err(Error::damaged("a column of integers is empty")),
    }
    out.resize(count, 0);
    let mut at = 1;
    integers::decode(bytes, &mut at, out, &mut scratch.stream)
        .ok_or_else(|| Error::damaged("a column of integers ends early or breaks its own rules"))?;
    check_end(at, bytes)
}

fn check_count(count: usize) -> Result<()> {
    if (1..=BLOCK_POINTS_MAX).contains(&count) {
        return Ok(());
    }
    Err(Error::damaged(alloc::format!(
        "a column cannot hold {count} items; at most {BLOCK_POINTS_MAX} are written"
    )))
}

fn check_end(at: usize, bytes: &[u8]) -> Result<()> {
    if at == bytes.len() {
        return Ok(());
    }
    Err(Error::damaged(alloc::format!("a column ends at byte {at} but {} were given", bytes.len())))
}
