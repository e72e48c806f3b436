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
const SMALL: usize = 64;
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
    // First a look at mean magnitudes, then entropies of the plain difference and of the few that looked best: the
    // difference always, because a regular clock has large ones, all equal.
    let mut looks = [(u64::MAX, Predictor::Last); 8];
    let others = candidates.iter().filter(|candidate| **candidate != Predictor::Last);
    for (slot, &candidate) in looks.iter_mut().zip(others) {
        *slot = (magnitude(candidate, y), candidate);
    }
    looks.sort_by_key(|look| look.0);
    let mut best = (Predictor::Last, Mapping::Around(0), u64::MAX);
    let finalists = looks.iter().take(if y.len() <= SMALL { 1 } else { 3 }).filter(|look| look.0 < u64::MAX);
    for candidate in [Predictor::Last].into_iter().chain(finalists.map(|look| look.1)) {
        take_sample(candidate, y, sample);
        let centred = candidate == Predictor::Last && nature != Nature::Values && y.len() > SMALL;
        let (mapping, cost) = map(sample, centred);
        // Ties go to the simplest, and the simplest is also the fastest to decode.
        let malus = if candidate == Predictor::Last { 0 } else { BIT * 6 / 1024 };
        if cost.saturating_add(malus) < best.2 {
            best = (candidate, mapping, cost + malus);
        }
        if cost == 0 {
            break;
        }
    }
    if nature == Nature::Timestamps
        && y.len() > SMALL
        && best.2 > 0
        && let Some(candidate) = fit(y)
    {
        take_sample(candidate, y, sample);
        let (mapping, cost) = map(sample, false);
        if cost + BIT * 24 / (y.len() as u64) < best.2 {
            best = (candidate, mapping, cost);
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
    if let Predictor::Grid { slope, fraction } = predictor {
        let first = y.first().copied().unwrap_or(0);
        let stride = y.len().div_ceil(SAMPLE_MAX);
        let residual = |(i, x): (usize, &i64)| {
            x.wrapping_sub(first).wrapping_sub((i as i64).wrapping_mul(slope) >> fraction)
        };
        return sample.extend(y.iter().enumerate().skip(1).step_by(stride).map(residual));
    }
    for_each_sampled(predictor, y, |r| sample.push(r));
}

#[inline(always)]
fn for_each_sampled(predictor: Predictor, y: &[i64], mut visit: impl FnMut(i64)) {
    if y.len() <= SEGMENTS * SEGMENT {
        return predictor.forward(y, visit);
    }
    let apart = (y.len() - SEGMENT) / (SEGMENTS - 1);
    for segment in 0..SEGMENTS {
        let Some(part) = y.get(segment * apart..segment * apart + SEGMENT) else { continue };
        let mut i = 0;
        predictor.forward(part, |r| {
            if i >= WARM_UP {
                visit(r);
            }
            i += 1;
        });
    }
}

/// The sum of about the logarithms of the sampled residuals' magnitudes: a double's bits are its logarithm, with a
/// mantissa that is nearly right.
fn magnitude(predictor: Predictor, y: &[i64]) -> u64 {
    let mut sum = 0;
    for_each_sampled(predictor, y, |r| {
        let magnitude = (r.unsigned_abs() >> 1) as i64;
        sum += ((magnitude as f64 * 2.0 + 1.0).to_bits() >> 32) - (1023 << 20);
    });
    sum
}

/// The cheapest mapping and its cost per residual (Q16); `centred` says whether to try one around the median.
fn map(sample: &[i64], centred: bool) -> (Mapping, u64) {
    let Some(&least) = sample.iter().min() else { return (Mapping::Around(0), 0) };
    let per_residual = |mapping: Mapping| {
        if sample.len() < SMALL {
            // Fixed width or sparse is what small columns get.
            let all = sample.iter().fold(0, |all, &r| all | mapping.apply(r));
            return u64::from(super::bits::width_of(all)) * BIT;
        }
        coarse(sample.iter().map(|&r| mapping.apply(r))) / sample.len() as u64
    };
    let above = (Mapping::Above(least), per_residual(Mapping::Above(least)));
    let around = (Mapping::Around(0), per_residual(Mapping::Around(0)));
    let best = if above.1 < around.1 { above } else { around };
    if best.1 == 0 || !centred {
        return best;
    }
    let mut strided = [0i64; 32];
    let stride = sample.len().div_ceil(strided.len());
    let taken = strided.iter_mut().zip(sample.iter().step_by(stride)).map(|(slot, &r)| *slot = r).count();
    let (_, &mut centre, _) = strided[..taken].select_nth_unstable(taken / 2);
    let around_centre = (Mapping::Around(centre), per_residual(Mapping::Around(centre)));
    // A centre takes bytes of its own; it must save some.
    if around_centre.1 + BIT * 3 / 100 < best.1 { around_centre } else { best }
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
    let slope = i64::try_from(((sum_cy * 2) << fraction) / sum_cc).ok()?;
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
