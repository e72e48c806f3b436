//! The rank transform: sorted distinct values, then the rank of each value among them.
//!
//! Measurements of coarse sensors and quantised percentages use few of the values that lie in their range; ranks close
//! the holes. The distinct values are a column of their own.
use super::select::Nature;
use super::{Scratch, decimal, integers, values, varint};
use crate::error::{Error, Result};
use alloc::vec::Vec;
use core::mem;

/// Shorter columns have too little to gain.
const POINTS_MIN: usize = 256;
/// A column has at least this many points for each distinct value.
const REPEATS_MIN: usize = 2;
/// Ranges up to here are counted in a bitmap, wider ones by sorting.
const BITMAP_MAX: u64 = 1 << 16;

/// Whether ranks might be shorter than the `len` bytes of the direct encoding. `ms` are its integers if the column is
/// decimal, without adjustments and without exceptions.
pub(super) fn promising(bits: &[u64], len: usize, ms: Option<&[i64]>, bitmap: &mut Vec<u64>) -> bool {
    if bits.len() < POINTS_MIN || len < bits.len() / 3 {
        return false;
    }
    let range = ms.map(|ms| {
        let (low, high) = ms.iter().fold((i64::MAX, i64::MIN), |(low, high), &m| (low.min(m), high.max(m)));
        (low, high.abs_diff(low))
    });
    bitmap.clear();
    match (ms, range) {
        (Some(ms), Some((low, range))) if range < BITMAP_MAX => {
            bitmap.resize(range as usize / 64 + 1, 0);
            for m in ms {
                let place = m.abs_diff(low);
                if let Some(word) = bitmap.get_mut(place as usize / 64) {
                    *word |= 1 << (place % 64);
                }
            }
            let distinct = bitmap.iter().map(|word| word.count_ones() as usize).sum::<usize>();
            distinct <= bits.len() / REPEATS_MIN && range > 2 * distinct as u64
        }
        _ => {
            // With half as many distinct values as points, 256 of 4,096 points have about 241 distinct ones.
            const SAMPLE: usize = 256;
            bitmap.extend(bits.iter().step_by(bits.len().div_ceil(SAMPLE)));
            let sampled = bitmap.len();
            bitmap.sort_unstable();
            bitmap.dedup();
            bitmap.len() < sampled - sampled / 20
        }
    }
}

/// Appends count, distinct values and ranks; false (and rubbish appended) when there are too many distinct values.
pub(super) fn encode(bits: &[u64], out: &mut Vec<u8>, scratch: &mut Scratch) -> bool {
    let mut distinct = mem::take(&mut scratch.distinct);
    distinct.clear();
    distinct.extend(bits.iter().map(|&v| decimal::ordered(v)));
    distinct.sort_unstable();
    distinct.dedup();
    let few = distinct.len() <= bits.len() / REPEATS_MIN;
    if few {
        varint::put(out, distinct.len() as u64);
        let mut distinct_bits = mem::take(&mut scratch.distinct_bits);
        distinct_bits.clear();
        distinct_bits.extend(distinct.iter().map(|&v| decimal::inverse_ordered(v)));
        values::encode_direct(&distinct_bits, out, scratch);
        scratch.distinct_bits = distinct_bits;
        let rank = |&v: &u64| distinct.binary_search(&decimal::ordered(v)).unwrap_or(0) as i64;
        scratch.integers.clear();
        scratch.integers.extend(bits.iter().map(rank));
        integers::encode(&scratch.integers, Nature::Values, &mut scratch.stream, out);
    }
    scratch.distinct = distinct;
    few
}

/// Fills `out` from what [`encode`] appended.
pub(super) fn decode(bytes: &[u8], at: &mut usize, out: &mut [u64], scratch: &mut Scratch) -> Result<()> {
    let damaged = || Error::damaged("a column of ranks ends early or breaks its own rules");
    let distinct =
        varint::get(bytes, at).and_then(|count| usize::try_from(count).ok()).ok_or_else(damaged)?;
    if distinct == 0 || distinct > out.len() {
        return Err(damaged());
    }
    let mut table = mem::take(&mut scratch.distinct_bits);
    table.resize(distinct, 0);
    let result = values::decode_direct(bytes, at, &mut table, scratch).and_then(|()| {
        scratch.integers.resize(out.len(), 0);
        integers::decode(bytes, at, &mut scratch.integers, &mut scratch.stream).ok_or_else(damaged)?;
        let mut known = true;
        for (v, &rank) in out.iter_mut().zip(&scratch.integers) {
            let value = usize::try_from(rank).ok().and_then(|rank| table.get(rank));
            known &= value.is_some();
            *v = value.copied().unwrap_or(0);
        }
        if known { Ok(()) } else { Err(damaged()) }
    });
    scratch.distinct_bits = table;
    result
}
