//! Bit fields in bytes, least significant bit first: windows, fixed-width fields and short bit headers.
//!
//! Reads past the end of the bytes give zero bits and never fail; whoever reads checks afterwards how far it came.
use alloc::vec::Vec;

/// At least 57 bits that start at bit `bit` of `bytes`, the first one lowest; zeros past the end.
#[inline(always)]
pub(super) fn window(bytes: &[u8], bit: usize) -> u64 {
    let at = bit >> 3;
    let word = match bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => tail(bytes, at),
    };
    word >> (bit & 7)
}

#[cold]
fn tail(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or(&[]);
    rest.iter().take(8).rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// The lowest `width` bits set; `width` is at most 64.
#[inline(always)]
pub(super) fn mask(width: u32) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (64 - width) }
}

/// Bits needed to hold `v`; 0 for 0.
#[inline(always)]
pub(super) fn width_of(v: u64) -> u32 {
    64 - v.leading_zeros()
}

/// Bytes that `count` fields of `width` bits take.
#[inline]
pub(super) fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends bit fields; [`BitWriter::finish`] pads the last byte with zeros.
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u64,
    filled: u32,
}

impl<'a> BitWriter<'a> {
    /// Starts at a byte boundary of `out`.
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, pending: 0, filled: 0 }
    }
    /// Appends the lowest `width` bits of `v`, which has no others; `width` is at most 63.
    #[inline(always)]
    pub(super) fn put(&mut self, v: u64, width: u32) {
        self.pending |= v << self.filled;
        self.filled += width;
        if self.filled >= 64 {
            self.out.extend_from_slice(&self.pending.to_le_bytes());
            self.filled -= 64;
            self.pending = v >> (width - self.filled);
        }
    }
    /// Writes what is left.
    pub(super) fn finish(self) {
        let bytes = self.pending.to_le_bytes();
        self.out.extend(bytes.iter().take(self.filled.div_ceil(8) as usize));
    }
}

/// Appends every value as `width` bits; none needs more.
pub(super) fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let mut writer = BitWriter::new(out);
    if width == 64 {
        for v in values {
            writer.put(v & mask(32), 32);
            writer.put(v >> 32, 32);
        }
    } else {
        for v in values {
            writer.put(v, width);
        }
    }
    writer.finish();
}

/// Fills `out` with fields of `width` bits from `bytes`, which hold [`packed_len`] bytes.
#[inline]
pub(super) fn unpack(bytes: &[u8], width: u32, out: &mut [u64]) {
    let mask = mask(width);
    let mut bit = 0usize;
    if width <= 57 {
        for v in out {
            *v = window(bytes, bit) & mask;
            bit += width as usize;
        }
    } else {
        for v in out {
            let low = window(bytes, bit) & u64::from(u32::MAX);
            *v = (low | window(bytes, bit + 32) << 32) & mask;
            bit += width as usize;
        }
    }
}

/// Reads short bit headers.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    bit: usize,
}

impl<'a> BitReader<'a> {
    /// Starts at the first bit of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, bit: 0 }
    }
    /// The next `width` bits; at most 57.
    pub(super) fn get(&mut self, width: u32) -> u64 {
        let v = window(self.bytes, self.bit) & mask(width);
        self.bit += width as usize;
        v
    }
    /// An Exp-Golomb number, see [`put_exp_golomb`]; `None` above 2^16.
    pub(super) fn exp_golomb(&mut self) -> Option<u32> {
        let zeros = window(self.bytes, self.bit).trailing_zeros();
        if zeros > 16 {
            return None;
        }
        self.bit += zeros as usize + 1;
        let low = self.get(zeros);
        Some((1u32 << zeros) + low as u32 - 1)
    }
    /// Bytes consumed, the last one possibly in part; `None` when that is more than there are.
    pub(super) fn finish(self) -> Option<usize> {
        let len = self.bit.div_ceil(8);
        (len <= self.bytes.len()).then_some(len)
    }
}

/// Order-0 Exp-Golomb: with `w` the width of `v + 1`, `w - 1` zero bits, a one, then the low `w - 1` bits of `v + 1`.
/// `v` is below 2^16.
pub(super) fn put_exp_golomb(writer: &mut BitWriter<'_>, v: u32) {
    let low_bits = (v + 1).ilog2();
    writer.put(1 << low_bits, low_bits + 1);
    writer.put(u64::from(v + 1) & mask(low_bits), low_bits);
}

/// Bits that [`put_exp_golomb`] writes.
pub(super) fn exp_golomb_bits(v: u32) -> u32 {
    2 * (v + 1).ilog2() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_width_come_back() {
        for width in 0..=64 {
            let values: Vec<u64> =
                (0..77u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask(width)).collect();
            let mut out = Vec::new();
            pack(values.iter().copied(), width, &mut out);
            assert_eq!(out.len(), packed_len(values.len(), width));
            let mut back = alloc::vec![0; values.len()];
            unpack(&out, width, &mut back);
            assert_eq!(back, values, "width {width}");
        }
    }

    #[test]
    fn exp_golomb_numbers_come_back_and_a_run_of_zeros_is_refused() {
        let mut out = Vec::new();
        let mut writer = BitWriter::new(&mut out);
        (0..600).for_each(|v| put_exp_golomb(&mut writer, v));
        writer.finish();
        let mut reader = BitReader::new(&out);
        assert!((0..600).all(|v| reader.exp_golomb() == Some(v)));
        assert_eq!(reader.finish(), Some(out.len()));
        assert_eq!(BitReader::new(&[0; 9]).exp_golomb(), None);
    }
}
