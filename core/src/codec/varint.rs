//! LEB128 integers and the zigzag mapping, shared by every format of the core.
//!
//! A varint is little-endian groups of seven bits; the high bit of a byte says that another follows. Readers accept
//! at most ten bytes and refuse numbers beyond 64 bits.
use alloc::vec::Vec;

/// Most bytes that one varint takes.
pub const VARINT_BYTES_MAX: usize = 10;

/// Appends `v`.
#[inline]
pub fn put(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

/// Reads a varint at `*at` and moves `*at` behind it; `None` (with `*at` unspecified) when the bytes end inside it or
/// it passes 64 bits.
#[inline]
pub fn get(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut v = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if shift == 63 && byte > 1 {
            return None;
        }
        v |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(v);
        }
    }
    None
}

/// Bytes that [`put`] appends for `v`.
#[inline]
pub fn len(v: u64) -> usize {
    ((70 - (v | 1).leading_zeros() as usize) / 7).max(1)
}

/// Small magnitudes of both signs become small numbers: 0, -1, 1, -2 map to 0, 1, 2, 3.
#[inline]
pub fn zigzag(v: i64) -> u64 {
    ((v << 1) ^ (v >> 63)) as u64
}

/// Inverse of [`zigzag`].
#[inline]
pub fn unzigzag(v: u64) -> i64 {
    (v >> 1) as i64 ^ (v as i64 & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [u64; 9] = [0, 1, 127, 128, 16383, 16384, u32::MAX as u64, i64::MAX as u64, u64::MAX];

    #[test]
    fn every_edge_comes_back_and_len_is_what_put_writes() {
        for v in EDGES {
            let mut out = Vec::new();
            put(&mut out, v);
            assert_eq!(out.len(), len(v), "{v}");
            let mut at = 0;
            assert_eq!((get(&out, &mut at), at), (Some(v), out.len()));
            assert_eq!(zigzag(unzigzag(v)), v);
        }
    }

    #[test]
    fn a_number_beyond_64_bits_is_refused() {
        let mut long = [0xffu8; 10];
        long[9] = 2;
        assert_eq!(get(&long, &mut 0), None);
        assert_eq!(get(&[0x80; 11], &mut 0), None);
        assert_eq!(get(&[0x80], &mut 0), None);
    }
}
