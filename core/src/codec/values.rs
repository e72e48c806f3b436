//! A column of doubles: as decimals with adjustments and exceptions, as ordered bits, or plain.
//!
//! Every value is checked bit by bit while it is encoded; whatever the sample suggested, the column is lossless.
use super::decimal::{self, ADJUSTMENT_MAX, EXPONENT_MAX};
use super::select::Nature;
use super::{Scratch, integers, rank, residual, varint};
use crate::error::{Error, Result};
use alloc::vec::Vec;

/// Column kinds besides the decimal ones, whose first byte is the exponent and the two flags below.
const ORDERED: u8 = 0x20;
const RANKS: u8 = 0x21;
const PLAIN: u8 = 0xff;
/// A list of exceptions follows the streams.
const EXCEPTIONS: u8 = 0x40;
/// A stream of adjustments follows the integers.
const ADJUSTMENTS: u8 = 0x80;

/// Appends a column.
pub(super) fn encode(bits: &[u64], out: &mut Vec<u8>, scratch: &mut Scratch) {
    let start = out.len();
    let exact = encode_direct(bits, out, scratch);
    let len = out.len() - start;
    let ms = exact.then_some(scratch.integers.as_slice());
    if !rank::promising(bits, len, ms, &mut scratch.sample) {
        return;
    }
    let ranks_at = out.len();
    out.push(RANKS);
    let few = rank::encode(bits, out, scratch);
    // Ranks take longer to write and a little longer to read; they must save 1.5 %.
    if few && out.len() - ranks_at < len - len / 64 {
        out.copy_within(ranks_at.., start);
        out.truncate(out.len() - len);
    } else {
        out.truncate(ranks_at);
    }
}

/// Appends a column of any kind but ranks; true when it is decimal without adjustments and exceptions, whose integers
/// are then left in the scratch.
pub(super) fn encode_direct(bits: &[u64], out: &mut Vec<u8>, scratch: &mut Scratch) -> bool {
    let start = out.len();
    let mut exact = false;
    match decimal::choose(bits, &mut scratch.sample) {
        Some(e) if encode_decimal(bits, e, out, scratch) => {
            exact = out.get(start).is_some_and(|kind| kind & (EXCEPTIONS | ADJUSTMENTS) == 0);
        }
        _ => {
            out.truncate(start);
            encode_ordered(bits, out, scratch);
        }
    }
    if out.len() - start > 1 + 8 * bits.len() {
        out.truncate(start);
        out.push(PLAIN);
        out.extend(bits.iter().flat_map(|v| v.to_le_bytes()));
    }
    exact
}

fn encode_ordered(bits: &[u64], out: &mut Vec<u8>, scratch: &mut Scratch) {
    out.push(ORDERED);
    scratch.integers.clear();
    scratch.integers.extend(bits.iter().map(|&v| decimal::ordered(v)));
    integers::encode(&scratch.integers, Nature::Integers, &mut scratch.stream, out);
}

/// False when a quarter of the values are exceptions; `out` then holds rubbish behind its start.
fn encode_decimal(bits: &[u64], e: u32, out: &mut Vec<u8>, scratch: &mut Scratch) -> bool {
    let power = decimal::power(e);
    let Scratch { integers: ms, adjustments, exceptions, stream, .. } = scratch;
    ms.clear();
    adjustments.clear();
    exceptions.clear();
    let (mut before, mut adjusted) = (0, 0);
    for (i, &v) in bits.iter().enumerate() {
        let (m, adjustment) = decimal::split(v, power).unwrap_or_else(|| {
            exceptions.push((i, v));
            (before, 0)
        });
        before = m;
        adjusted |= adjustment;
        ms.push(m);
        adjustments.push(varint::zigzag(adjustment));
    }
    if exceptions.len() > bits.len() / 4 {
        return false;
    }
    let with_exceptions = if exceptions.is_empty() { 0 } else { EXCEPTIONS };
    let with_adjustments = if adjusted == 0 { 0 } else { ADJUSTMENTS };
    out.push(e as u8 | with_exceptions | with_adjustments);
    integers::encode(ms, Nature::Values, stream, out);
    if adjusted != 0 {
        let mode_at = out.len();
        out.push(0);
        let mode = residual::encode(adjustments, &mut stream.residual, out);
        if let Some(slot) = out.get_mut(mode_at) {
            *slot = mode;
        }
    }
    if !exceptions.is_empty() {
        varint::put(out, exceptions.len() as u64);
        let mut next = 0;
        for &(i, v) in exceptions.iter() {
            varint::put(out, (i - next) as u64);
            out.extend_from_slice(&v.to_le_bytes());
            next = i + 1;
        }
    }
    true
}

/// Fills `out` from a column at `*at` and moves `*at` behind it.
pub(super) fn decode(bytes: &[u8], at: &mut usize, out: &mut [u64], scratch: &mut Scratch) -> Result<()> {
    if bytes.get(*at) == Some(&RANKS) {
        *at += 1;
        return rank::decode(bytes, at, out, scratch);
    }
    decode_direct(bytes, at, out, scratch)
}

/// Like [`decode`], but refuses ranks: a column of distinct values has no ranks of its own.
pub(super) fn decode_direct(
    bytes: &[u8],
    at: &mut usize,
    out: &mut [u64],
    scratch: &mut Scratch,
) -> Result<()> {
    let short = || Error::damaged("a column of values ends early or breaks its own rules");
    let kind = *bytes.get(*at).ok_or_else(short)?;
    *at += 1;
    match kind {
        PLAIN => {
            let end = at.saturating_add(8 * out.len());
            let (words, _) = bytes.get(*at..end).ok_or_else(short)?.as_chunks::<8>();
            out.iter_mut().zip(words).for_each(|(v, word)| *v = u64::from_le_bytes(*word));
            *at = end;
            Ok(())
        }
        ORDERED => {
            scratch.integers.resize(out.len(), 0);
            integers::decode(bytes, at, &mut scratch.integers, &mut scratch.stream).ok_or_else(short)?;
            out.iter_mut().zip(&scratch.integers).for_each(|(v, &m)| *v = decimal::inverse_ordered(m));
            Ok(())
        }
        _ if u32::from(kind & 0x3f) <= EXPONENT_MAX => {
            decode_decimal(kind, bytes, at, out, scratch).ok_or_else(short)
        }
        _ => Err(Error::unsupported(alloc::format!(
            "value column of kind {kind:#04x} needs a newer Chronicle"
        ))),
    }
}

fn decode_decimal(
    kind: u8,
    bytes: &[u8],
    at: &mut usize,
    out: &mut [u64],
    scratch: &mut Scratch,
) -> Option<()> {
    let Scratch { integers: ms, adjustments, stream, .. } = scratch;
    ms.resize(out.len(), 0);
    integers::decode(bytes, at, ms, stream)?;
    match kind & 0x3f {
        0 => out.iter_mut().zip(ms.iter()).for_each(|(v, &m)| *v = decimal::join(m, 1.0)),
        e => {
            let power = decimal::power(u32::from(e));
            out.iter_mut().zip(ms.iter()).for_each(|(v, &m)| *v = decimal::join(m, power));
        }
    }
    if kind & ADJUSTMENTS != 0 {
        let mode = *bytes.get(*at)?;
        *at += 1;
        adjustments.resize(out.len(), 0);
        residual::decode(mode, bytes, at, adjustments, &mut stream.residual)?;
        if adjustments.iter().any(|&a| varint::unzigzag(a).unsigned_abs() > ADJUSTMENT_MAX) {
            return None;
        }
        for (v, &adjustment) in out.iter_mut().zip(adjustments.iter()) {
            *v = decimal::inverse_ordered(decimal::ordered(*v).wrapping_add(varint::unzigzag(adjustment)));
        }
    }
    if kind & EXCEPTIONS != 0 {
        let mut rest = out;
        for _ in 0..varint::get(bytes, at)? {
            let gap = usize::try_from(varint::get(bytes, at)?).ok()?;
            let (slot, after) = rest.get_mut(gap..)?.split_first_mut()?;
            *slot = u64::from_le_bytes(*bytes.get(*at..)?.first_chunk()?);
            *at += 8;
            rest = after;
        }
    }
    Some(())
}
