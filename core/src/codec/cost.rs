//! Estimates of coded size from a sample: entropies in integer arithmetic, so that every target chooses the same way.
//!
//! Costs are in bits, scaled by 2^16 (`Q16`). Samples hold at most [`SAMPLE_MAX`] items.

/// Most items in a sample.
pub(super) const SAMPLE_MAX: usize = 1024;

/// One bit.
pub(super) const BIT: u64 = 1 << 16;

/// log2 of `v >= 1` as Q16, rounded down: the integer part, then sixteen squarings of the mantissa.
pub(super) const fn log2(v: u64) -> u64 {
    let whole = v.ilog2();
    let mut mantissa = ((v as u128) << 32) >> whole;
    let mut result = whole as u64;
    let mut i = 0;
    while i < 16 {
        mantissa = (mantissa * mantissa) >> 32;
        result <<= 1;
        if mantissa >= 2 << 32 {
            mantissa >>= 1;
            result |= 1;
        }
        i += 1;
    }
    result
}

static COUNT_LOG2: [u32; SAMPLE_MAX + 1] = {
    let mut table = [0; SAMPLE_MAX + 1];
    let mut c = 1;
    while c <= SAMPLE_MAX {
        table[c] = (c as u64 * log2(c as u64)) as u32;
        c += 1;
    }
    table
};

/// `c * log2(c)` as Q16; `c` is at most [`SAMPLE_MAX`].
#[inline(always)]
pub(super) fn count_log2(c: usize) -> u64 {
    u64::from(COUNT_LOG2[c.min(SAMPLE_MAX)])
}

const COARSE_TOKENS: usize = 16 + 60 * 4;

/// Entropy of coarse tokens (16 exact values, then four per power of two) plus their raw bits, Q16; and 8/1024 bit for
/// each that is not zero, so that of equal costs the one that ends up all zero is chosen.
pub(super) fn coarse(sample: impl Iterator<Item = u64>) -> u64 {
    let mut counts = [0u16; COARSE_TOKENS];
    let (mut total, mut raw, mut used) = (0usize, 0u64, 0usize);
    for u in sample.take(SAMPLE_MAX) {
        let top = (u | 8).ilog2();
        let token =
            if u < 16 { u as usize } else { 16 + (top as usize - 4) * 4 + (u >> (top - 2) & 3) as usize };
        raw += if u < 16 { 0 } else { u64::from(top - 2) };
        used = used.max(token + 1);
        total += 1;
        counts[token & 255] += 1;
    }
    let own: u64 = counts.iter().take(used).map(|&c| count_log2(usize::from(c))).sum();
    let non_zero = (total - usize::from(counts[0])) as u64;
    count_log2(total) - own + raw * BIT + non_zero * (BIT * 8 / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_of_known_distributions() {
        assert_eq!(coarse([0; 100].into_iter()), 0);
        assert_eq!(coarse((0..1024).map(|i| i % 16)), 1024 * 4 * BIT + 960 * 512);
        let three = coarse((0..300).map(|i| i % 3));
        let bits = 300.0 * 3f64.log2() + 200.0 * 8.0 / 1024.0;
        assert!(three.abs_diff((bits * 65536.0) as u64) < 300 * 8, "{three}");
        assert_eq!(COARSE_TOKENS, 256);
    }
}
