//! A stream of i64s: base, scale, predictor, mapping, residuals. Timestamps, values and ranks all end up here.
use super::predict::{Mapping, Predictor, inverse};
use super::residual;
use super::scale::{ExactDivision, common_divisor, get_decimal, put_decimal};
use super::select::{self, Nature};
use super::varint::{self, unzigzag, zigzag};
use alloc::vec::Vec;

/// Buffers of this stage.
#[derive(Default)]
pub(super) struct Scratch {
    scaled: Vec<i64>,
    sample: Vec<i64>,
    signed: Vec<i64>,
    pub(super) residuals: Vec<u64>,
    pub(super) residual: residual::Scratch,
}

/// Appends `x`, which has at least one item.
pub(super) fn encode(x: &[i64], nature: Nature, scratch: &mut Scratch, out: &mut Vec<u8>) {
    let Some((&base, rest)) = x.split_first() else { return };
    put_decimal(out, zigzag(base));
    if rest.is_empty() {
        return;
    }
    let (scale, exact) = scale_of(x);
    put_decimal(out, scale);
    if scale == 0 {
        return;
    }
    let scaled = &mut scratch.scaled;
    scaled.clear();
    if scale == 1 || !exact {
        scaled.extend(x.iter().map(|v| v.wrapping_sub(base)));
    } else {
        let divide = ExactDivision::by(scale);
        scaled.extend(x.iter().map(|v| divide.divide(v.wrapping_sub(base))));
    }
    let (predictor, mapping, _) = select::choose(scaled, nature, &mut scratch.sample);
    let residuals = &mut scratch.residuals;
    residuals.clear();
    let mapping = if let Mapping::Above(_) = mapping {
        let signed = &mut scratch.signed;
        signed.clear();
        predictor.forward(scaled, |r| signed.push(r));
        let mapping = select::settle(mapping, signed);
        residuals.extend(signed.iter().map(|&r| mapping.apply(r)));
        mapping
    } else {
        predictor.forward(scaled, |r| residuals.push(mapping.apply(r)));
        mapping
    };
    let flags_at = out.len();
    let (predictor_number, mapping_number) = put_parameters(predictor, mapping, out);
    let mode = residual::encode(residuals, &mut scratch.residual, out);
    if let Some(flags) = out.get_mut(flags_at) {
        *flags = predictor_number | mapping_number << 4 | mode << 6;
    }
}

/// Fills `out` from `bytes` at `*at` and moves `*at` behind it; `None` when the bytes are not a stream.
pub(super) fn decode(bytes: &[u8], at: &mut usize, out: &mut [i64], scratch: &mut Scratch) -> Option<()> {
    let base = unzigzag(get_decimal(bytes, at)?);
    if out.len() < 2 {
        out.fill(base);
        return Some(());
    }
    let scale = get_decimal(bytes, at)?;
    if scale == 0 {
        out.fill(base);
        return Some(());
    }
    let flags = *bytes.get(*at)?;
    *at += 1;
    let (predictor, mapping) = get_parameters(flags, bytes, at)?;
    if let (residual::ALL_ZERO, Predictor::Last) = (flags >> 6, predictor) {
        // A regular clock: no residuals to fill, none to read.
        let step = mapping.undo(0).wrapping_mul(scale as i64);
        let mut x = base;
        for slot in out {
            *slot = x;
            x = x.wrapping_add(step);
        }
        return Some(());
    }
    let residuals = &mut scratch.residuals;
    residuals.resize(out.len() - 1, 0);
    residual::decode(flags >> 6, bytes, at, residuals, &mut scratch.residual)?;
    inverse(predictor, mapping, residuals, base, scale as i64, out);
    Some(())
}

/// Writes a place for the flags and the parameters; gives the numbers of predictor and mapping.
fn put_parameters(predictor: Predictor, mapping: Mapping, out: &mut Vec<u8>) -> (u8, u8) {
    out.push(0);
    let predictor_number = match predictor {
        Predictor::First => 0,
        Predictor::Last => 1,
        Predictor::Line { step } => {
            varint::put(out, zigzag(step));
            2
        }
        Predictor::Mean => 3,
        Predictor::Level { shift } => 3 + shift as u8,
        Predictor::Grid { slope, fraction } => {
            varint::put(out, zigzag(slope));
            out.push(fraction as u8);
            8
        }
    };
    let mapping_number = match mapping {
        Mapping::Around(0) => 0,
        Mapping::Above(least) => {
            varint::put(out, zigzag(least));
            1
        }
        Mapping::Around(centre) => {
            varint::put(out, zigzag(centre));
            2
        }
    };
    (predictor_number, mapping_number)
}

fn get_parameters(flags: u8, bytes: &[u8], at: &mut usize) -> Option<(Predictor, Mapping)> {
    let mut signed = || varint::get(bytes, at).map(unzigzag);
    let predictor = match flags & 15 {
        0 => Predictor::First,
        1 => Predictor::Last,
        2 => Predictor::Line { step: signed()? },
        3 => Predictor::Mean,
        number @ 4..=7 => Predictor::Level { shift: u32::from(number) - 3 },
        8 => {
            let slope = signed()?;
            let fraction = u32::from(*bytes.get(*at)?);
            *at += 1;
            if fraction > 63 {
                return None;
            }
            Predictor::Grid { slope, fraction }
        }
        _ => return None,
    };
    let mapping = match flags >> 4 & 3 {
        0 => Mapping::Around(0),
        1 => Mapping::Above(unzigzag(varint::get(bytes, at)?)),
        2 => Mapping::Around(unzigzag(varint::get(bytes, at)?)),
        _ => return None,
    };
    Some((predictor, mapping))
}

/// The greatest common divisor of the differences to the first item, 0 when all are equal; and whether these
/// differences are true ones: where they overflow, the scale is 1 and they are taken modulo 2^64.
fn scale_of(x: &[i64]) -> (u64, bool) {
    let (low, high) = x.iter().fold((i64::MAX, i64::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    if low == high {
        return (0, true);
    }
    if high.checked_sub(low).is_none() {
        return (1, false);
    }
    // Differences of neighbours have the same divisors, and on a regular clock they repeat.
    (common_divisor(x.array_windows().map(|[a, b]| b.wrapping_sub(*a))), true)
}
