//! Which predictor and mapping suit a column, from samples of it.
//!
//! A wrong guess costs bytes and nothing else: nothing here is part of the format.
use super::cost::{BIT, SAMPLE_MAX, coarse};
use super::predict::{Mapping, Predictor};
use alloc::vec::Vec;

/// Where the integers come from, which says which predictors are worth a try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Nature {
    /// Clocks: steps, and lines with jitter.
    Timestamps,
    /// Measurements: walks and noise around a level.
    Values,
    /// Anything else: offsets, counts, ids.
    Integers,
}

/// Up to this many integers are looked at whole, and only with the cheapest predictors.
const SMALL: usize = 48;
const SEGMENTS: usize = 4;
const SEGMENT: usize = 160;
const WARM_UP: usize = 16;

/// Gives the predictor, the mapping kind (its parameter is a guess, see [`settle`]) and the estimated bits per integer
/// as Q16. `sample` is a buffer.
pub(super) fn choose(y: &[i64], nature: Nature, sample: &mut Vec<i64>) -> (Predictor, Mapping, u64) {
    let step = match y {
        [a, b, ..] => b.wrapping_sub(*a),
        _ => 0,
    };
    let line = Predictor::Line { step };
    let small = [Predictor::Last, Predictor::First, line];
    let level = |shift| Predictor::Level { shift };
    let values =
        [Predictor::Last, Predictor::First, line, Predictor::Mean, level(1), level(2), level(3), level(4)];
    let candidates: &[Predictor] = match nature {
        _ if y.len() <= SMALL => &small,
        Nature::Timestamps => &[Predictor::Last, line],
        Nature::Values => &values,
        Nature::Integers => &small,
    };
    let mut best = (Predictor::Last, Mapping::Around(0), u64::MAX);
    for &candidate in candidates {
        take_sample(candidate, y, sample);
        let (mapping, cost) = map(sample, y.len() <= SMALL);
        // Ties go to the simplest, and the simplest is also the fastest to decode.
        let malus = if candidate == Predictor::Last { 0 } else { BIT * 6 / 1024 };
        if cost.saturating_add(malus) < best.2 {
            best = (candidate, mapping, cost + malus);
        }
        if cost == 0 {
            break;
        }
    }
    if nature == Nature::Timestamps && y.len() > SMALL && best.2 > 0 {
        if let Some(candidate) = fit(y) {
            take_sample(candidate, y, sample);
            let (mapping, cost) = map(sample, false);
            if cost + BIT * 24 / (y.len() as u64) < best.2 {
                best = (candidate, mapping, cost);
            }
        }
    }
    best
}

/// The mapping's parameter for the whole column, once its residuals are known.
pub(super) fn settle(mapping: Mapping, residuals: &[i64]) -> Mapping {
    match mapping {
        Mapping::Above(_) => Mapping::Above(residuals.iter().copied().min().unwrap_or(0)),
        around => around,
    }
}

/// Residuals of the whole column, or of a few segments of it after a warm-up each.
fn take_sample(predictor: Predictor, y: &[i64], sample: &mut Vec<i64>) {
    sample.clear();
    if y.len() <= SEGMENTS * SEGMENT {
        return predictor.forward(y, |r| sample.push(r));
    }
    if let Predictor::Grid { slope, fraction } = predictor {
        let first = y.first().copied().unwrap_or(0);
        let stride = y.len().div_ceil(SAMPLE_MAX);
        let residual = |(i, x): (usize, &i64)| {
            x.wrapping_sub(first).wrapping_sub((i as i64).wrapping_mul(slope) >> fraction)
        };
        return sample.extend(y.iter().enumerate().skip(1).step_by(stride).map(residual));
    }
    let apart = (y.len() - SEGMENT) / (SEGMENTS - 1);
    for segment in 0..SEGMENTS {
        let Some(part) = y.get(segment * apart..segment * apart + SEGMENT) else { continue };
        let mut i = 0;
        predictor.forward(part, |r| {
            if i >= WARM_UP || (segment == 0 && i > 0) {
                sample.push(r);
            }
            i += 1;
        });
    }
}

/// The cheapest mapping and its cost per residual (Q16).
fn map(sample: &[i64], small: bool) -> (Mapping, u64) {
    let Some(&least) = sample.iter().min() else { return (Mapping::Around(0), 0) };
    let mut centre_sample = [0i64; 32];
    let stride = sample.len().div_ceil(centre_sample.len());
    let centres = sample.iter().step_by(stride).count();
    centre_sample.iter_mut().zip(sample.iter().step_by(stride)).for_each(|(slot, &r)| *slot = r);
    let (_, &mut centre, _) = centre_sample[..centres].select_nth_unstable(centres / 2);
    let cost = |mapping: Mapping| {
        if small {
            // Fixed width or sparse is what small columns get.
            let all = sample.iter().fold(0, |all, &r| all | mapping.apply(r));
            return u64::from(super::bits::width_of(all)) * BIT;
        }
        // 8/1024 bit per non-zero residual lets a regular grid end up all zero.
        let non_zero = sample.iter().filter(|&&r| mapping.apply(r) != 0).count() as u64;
        (coarse(sample.iter().map(|&r| mapping.apply(r))) + non_zero * (BIT * 8 / 1024)) / sample.len() as u64
    };
    let above = (Mapping::Above(least), cost(Mapping::Above(least)));
    let around = (Mapping::Around(0), cost(Mapping::Around(0)));
    let mut best = if above.1 < around.1 { above } else { around };
    // A centre takes bytes of its own; it must save some.
    if best.1 > 0 && centre != 0 && !small {
        let centred = cost(Mapping::Around(centre));
        if centred + BIT * 3 / 100 < best.1 {
            best = (Mapping::Around(centre), centred);
        }
    }
    best
}

/// The line through a column by least squares, exact in 128-bit integers; a whole slope where the line drifts from it
/// by less than a quarter of the noise.
fn fit(y: &[i64]) -> Option<Predictor> {
    let n = i64::try_from(y.len()).ok()?;
    let first = *y.first()?;
    let (mut sum_cy, mut largest) = (0i128, 0u64);
    for (&x, i) in y.iter().zip(0i64..) {
        let x = x.checked_sub(first)?;
        largest = largest.max(x.unsigned_abs());
        sum_cy += i128::from(2 * i - (n - 1)) * i128::from(x);
    }
    let sum_cc = i128::from(n) * (i128::from(n) * i128::from(n) - 1) / 3;
    let fraction = 61u32.saturating_sub(super::bits::width_of(largest)).min(24);
    let slope = i64::try_from((sum_cy * 2 << fraction) / sum_cc).ok()?;
    let line = Predictor::Grid { slope, fraction };
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    line.forward(y, |r| (low, high) = (low.min(r), high.max(r)));
    let half = (1i64 << fraction) >> 1;
    let whole = slope.checked_add(half)? >> fraction;
    let drift = ((i128::from(slope) - (i128::from(whole) << fraction)) * i128::from(n)) >> fraction;
    let snapped = drift.unsigned_abs() * 4 < u128::from(high.abs_diff(low));
    Some(if snapped { Predictor::Grid { slope: whole, fraction: 0 } } else { line })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_clock_costs_nothing_and_is_stepped() {
        let y: Vec<i64> = (0..4096).map(|i| i * 7).collect();
        let (predictor, mapping, cost) = choose(&y, Nature::Timestamps, &mut Vec::new());
        assert_eq!((predictor, mapping, cost), (Predictor::Last, Mapping::Above(7), 0));
    }

    #[test]
    fn a_jittered_clock_is_fitted_to_a_whole_period() {
        let mixed = |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_pow(3) >> 40;
        let y: Vec<i64> = (0..4096).map(|i| (i * 60_000 + mixed(i) % 501) as i64).collect();
        let (predictor, _, _) = choose(&y, Nature::Timestamps, &mut Vec::new());
        assert_eq!(predictor, Predictor::Grid { slope: 60_000, fraction: 0 });
    }
}
