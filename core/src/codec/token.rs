//! Tokens: an unsigned residual as a small symbol (which is entropy coded) and raw low bits (which are not).
//!
//! A [`Split`] says how finely. No bin boundaries are stored: six fixed splits cover narrow, wide and flat columns.
use super::bits::mask;
use super::cost::{BIT, SAMPLE_MAX, count_log2};
use super::huffman::SYMBOLS_MAX;

/// Residuals below `2^exact` are their own token; above, a token holds the position of the top bit and the `mantissa`
/// bits below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Split {
    exact: u32,
    mantissa: u32,
}

/// The splits of the format, in the order of their numbers.
pub(super) const SPLITS: [Split; 6] = [
    Split { exact: 4, mantissa: 3 },
    Split { exact: 3, mantissa: 2 },
    Split { exact: 6, mantissa: 4 },
    Split { exact: 4, mantissa: 1 },
    Split { exact: 5, mantissa: 4 },
    Split { exact: 2, mantissa: 0 },
];

/// Residuals that are tokenised have at most this many bits.
pub(super) const RESIDUAL_BITS_MAX: u32 = 32;

impl Split {
    /// Number of different tokens.
    pub(super) const fn tokens(self) -> usize {
        (1usize << self.exact) + (((RESIDUAL_BITS_MAX - self.exact) as usize) << self.mantissa)
    }
    /// Token and count of raw bits of `u`.
    #[inline(always)]
    pub(super) fn split(self, u: u32) -> (usize, u32) {
        let top = (u | 1).ilog2();
        if top < self.exact {
            return (u as usize, 0);
        }
        let raw = top - self.mantissa;
        let group = (top - self.exact) as usize;
        let within = (u >> raw) as usize - (1 << self.mantissa);
        ((1 << self.exact) + (group << self.mantissa) + within, raw)
    }
    /// Least residual and count of raw bits of `token`.
    #[inline(always)]
    pub(super) fn base(self, token: usize) -> (u32, u32) {
        let exact = 1usize << self.exact;
        if token < exact {
            return (token as u32, 0);
        }
        let group = (token - exact) >> self.mantissa;
        let within = (token - exact) as u32 & mask(self.mantissa) as u32;
        let raw = group as u32 + self.exact - self.mantissa;
        (((1 << self.mantissa) + within) << raw, raw)
    }
    /// Estimated bits (Q16) of a column of `stride * sample.len()` residuals like `sample`, table included.
    fn cost(self, sample: &[u32], stride: u64) -> u64 {
        let mut counts = [0u16; SYMBOLS_MAX];
        let (mut raw_bits, mut end) = (0u64, 0);
        for &u in sample {
            let (token, raw) = self.split(u);
            counts[token] += 1;
            raw_bits += u64::from(raw);
            end = end.max(token + 1);
        }
        let mut own = 0;
        let mut used = 0u64;
        for &c in counts.iter().take(end) {
            own += count_log2(usize::from(c));
            used += u64::from(c > 0);
        }
        // A sample understates the entropy by 0.72 bits per used token (Miller-Madow); a table takes about 2.25.
        let bias = used * (BIT * 72 / 100) * stride;
        stride * (count_log2(sample.len()) - own + raw_bits * BIT) + bias + used * (BIT * 9 / 4)
    }
}

/// Number of the split that suits `sample`, of which there are `stride` times as many.
pub(super) fn choose(sample: &[u32], stride: usize) -> usize {
    let sample = sample.get(..SAMPLE_MAX).unwrap_or(sample);
    let cost = |&number: &usize| SPLITS[number].cost(sample, stride as u64);
    (0..SPLITS.len()).min_by_key(cost).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_cover_every_residual_without_gap() {
        for split in SPLITS {
            assert!(split.tokens() <= SYMBOLS_MAX);
            let mut expected = 0u64;
            for token in 0..split.tokens() {
                let (base, raw) = split.base(token);
                assert_eq!(u64::from(base), expected);
                expected += 1 << raw;
                assert_eq!(split.split(base), (token, raw));
                assert_eq!(split.split((expected - 1) as u32), (token, raw));
            }
            assert_eq!(expected, 1 << 32);
        }
    }
}
