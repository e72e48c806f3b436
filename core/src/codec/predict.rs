//! Predictors: what turns a column of integers into small residuals, and back.
//!
//! All arithmetic wraps modulo 2^64, so every predictor is invertible on every input; a bad choice costs bytes, never
//! a value. The first integer is known (it is the base of the column and counts as 0), residuals start at the second.
use super::varint::{unzigzag, zigzag};

/// What the next integer is expected to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Predictor {
    /// The first one.
    First,
    /// The previous one.
    Last,
    /// The previous one plus the difference before it; the first difference is expected to be `step`.
    Line { step: i64 },
    /// The mean of the previous two, rounded down.
    Mean,
    /// A leaky integrator over residuals: the level is `sum of residuals / 2^shift`, rounded to nearest.
    Level { shift: u32 },
    /// A straight line in the index: `(index * slope) >> fraction`.
    Grid { slope: i64, fraction: u32 },
}

impl Predictor {
    /// Calls `put` with the residual of every integer after the first, each taken relative to the first.
    #[inline(always)]
    pub(super) fn forward(self, y: &[i64], mut put: impl FnMut(i64)) {
        let Some((&first, rest)) = y.split_first() else { return };
        match self {
            Self::First => rest.iter().for_each(|&x| put(x.wrapping_sub(first))),
            Self::Last => y.array_windows().for_each(|&[a, b]| put(b.wrapping_sub(a))),
            Self::Line { mut step } => y.array_windows().for_each(|&[a, b]| {
                let now = b.wrapping_sub(a);
                put(now.wrapping_sub(step));
                step = now;
            }),
            Self::Mean => {
                let mut before = [0i64; 2];
                for &x in rest {
                    let x = x.wrapping_sub(first);
                    put(x.wrapping_sub(before[0].wrapping_add(before[1]) >> 1));
                    before = [before[1], x];
                }
            }
            Self::Level { shift } => {
                let (mut sum, half) = (0i64, (1i64 << shift) >> 1);
                for &x in rest {
                    let residual = x.wrapping_sub(first).wrapping_sub(sum.wrapping_add(half) >> shift);
                    sum = sum.wrapping_add(residual);
                    put(residual);
                }
            }
            Self::Grid { slope, fraction } => {
                let mut line = 0i64;
                for &x in rest {
                    line = line.wrapping_add(slope);
                    put(x.wrapping_sub(first).wrapping_sub(line >> fraction));
                }
            }
        }
    }

    /// Rebuilds `base + scale * y` for every `y` that had these residuals.
    #[inline(always)]
    fn inverse_with(self, residuals: impl Iterator<Item = i64>, base: i64, scale: i64, out: &mut [i64]) {
        let place = |y: i64| base.wrapping_add(y.wrapping_mul(scale));
        let pairs = out.iter_mut().zip(residuals);
        match self {
            Self::First => pairs.for_each(|(x, r)| *x = place(r)),
            Self::Last => {
                let mut y = 0i64;
                pairs.for_each(|(x, r)| {
                    y = y.wrapping_add(r);
                    *x = place(y);
                });
            }
            Self::Line { mut step } => {
                let mut y = 0i64;
                pairs.for_each(|(x, r)| {
                    step = step.wrapping_add(r);
                    y = y.wrapping_add(step);
                    *x = place(y);
                });
            }
            Self::Mean => {
                let mut before = [0i64; 2];
                pairs.for_each(|(x, r)| {
                    let y = r.wrapping_add(before[0].wrapping_add(before[1]) >> 1);
                    before = [before[1], y];
                    *x = place(y);
                });
            }
            Self::Level { shift } => {
                let (mut sum, half) = (0i64, (1i64 << shift) >> 1);
                pairs.for_each(|(x, r)| {
                    *x = place(r.wrapping_add(sum.wrapping_add(half) >> shift));
                    sum = sum.wrapping_add(r);
                });
            }
            Self::Grid { slope, fraction } => {
                let mut line = 0i64;
                pairs.for_each(|(x, r)| {
                    line = line.wrapping_add(slope);
                    *x = place(r.wrapping_add(line >> fraction));
                });
            }
        }
    }
}

/// How a signed residual becomes an unsigned one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mapping {
    /// Zigzag of the distance to a centre; 0 where residuals have both signs.
    Around(i64),
    /// The distance to the least residual.
    Above(i64),
}

impl Mapping {
    /// Signed to unsigned.
    #[inline(always)]
    pub(super) fn apply(self, residual: i64) -> u64 {
        match self {
            Self::Around(centre) => zigzag(residual.wrapping_sub(centre)),
            Self::Above(least) => residual.wrapping_sub(least) as u64,
        }
    }
    /// Unsigned to signed.
    #[inline(always)]
    pub(super) fn undo(self, u: u64) -> i64 {
        match self {
            Self::Around(centre) => unzigzag(u).wrapping_add(centre),
            Self::Above(least) => (u as i64).wrapping_add(least),
        }
    }
}

/// Undoes mapping, prediction and scaling: `out[0]` is `base`, `out[i]` comes from `residuals[i - 1]`.
pub(super) fn inverse(
    predictor: Predictor,
    mapping: Mapping,
    residuals: &[u64],
    base: i64,
    scale: i64,
    out: &mut [i64],
) {
    let Some((first, rest)) = out.split_first_mut() else { return };
    *first = base;
    // Matched here so that each loop knows its mapping.
    match mapping {
        Mapping::Around(centre) => {
            let mapping = Mapping::Around(centre);
            predictor.inverse_with(residuals.iter().map(|&u| mapping.undo(u)), base, scale, rest);
        }
        Mapping::Above(least) => {
            let mapping = Mapping::Above(least);
            predictor.inverse_with(residuals.iter().map(|&u| mapping.undo(u)), base, scale, rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn every_predictor_inverts_on_wrapping_input() {
        let y: Vec<i64> = (0..300u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) as i64).collect();
        let predictors = [
            Predictor::First,
            Predictor::Last,
            Predictor::Line { step: i64::MIN },
            Predictor::Mean,
            Predictor::Level { shift: 1 },
            Predictor::Level { shift: 4 },
            Predictor::Grid { slope: i64::MAX - 5, fraction: 24 },
        ];
        for predictor in predictors {
            for mapping in [Mapping::Around(0), Mapping::Around(i64::MAX), Mapping::Above(i64::MIN)] {
                let mut residuals = Vec::new();
                predictor.forward(&y, |r| residuals.push(mapping.apply(r)));
                let mut back = alloc::vec![0; y.len()];
                inverse(predictor, mapping, &residuals, y[0], 1, &mut back);
                assert_eq!(back, y, "{predictor:?} {mapping:?}");
            }
        }
    }
}
