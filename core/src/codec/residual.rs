//! Unsigned residuals as bytes, in whichever of four modes is shortest: all zero, sparse, tokens, fixed width.
use super::bits::{mask, pack, packed_len, unpack, width_of};
use super::entropy;
use super::token::{RESIDUAL_BITS_MAX, SPLITS};
use super::varint;
use alloc::vec::Vec;

/// Nothing follows.
pub(super) const ALL_ZERO: u8 = 0;
/// A list of gaps and values.
pub(super) const SPARSE: u8 = 1;
/// Entropy-coded tokens, perhaps with a plane of low bits or a list of outliers.
pub(super) const TOKENS: u8 = 2;
/// A width, then as many bits each.
pub(super) const FIXED: u8 = 3;

/// In the byte before tokens: the low bits of all residuals are in a plane of fixed width.
const PLANE: u8 = 0x08;
/// In the byte before tokens: a sparse list replaces the residuals that pass 32 bits.
const OUTLIERS: u8 = 0x10;
/// In the byte before tokens: they are tANS steps, not Huffman codes.
const TANS: u8 = 0x20;

/// Columns with fewer residuals are never tokenised: the code table would be longer than what it saves.
const TOKENS_FROM: usize = 24;

/// Buffers of this stage.
#[derive(Default)]
pub(super) struct Scratch {
    entropy: entropy::Scratch,
    narrow: Vec<u64>,
}

/// Appends `residuals` and gives the mode, which the caller stores ahead of it.
pub(super) fn encode(residuals: &[u64], scratch: &mut Scratch, out: &mut Vec<u8>) -> u8 {
    let n = residuals.len();
    let all = residuals.iter().fold(0, |all, &u| all | u);
    if all == 0 {
        return ALL_ZERO;
    }
    let width = width_of(all);
    let fixed_len = 1 + packed_len(n, width);
    let mut best_len = fixed_len;
    let non_zero = residuals.iter().filter(|u| **u != 0).count();
    let sparse =
        (non_zero <= n / 16 || non_zero < 8).then(|| sparse_len(residuals)).filter(|&len| len < fixed_len);
    best_len = sparse.unwrap_or(best_len).min(best_len);
    if n >= TOKENS_FROM && encode_tokens(residuals, width, best_len, scratch, out) {
        return TOKENS;
    }
    if sparse.is_some() {
        encode_sparse(residuals, out);
        return SPARSE;
    }
    out.push(width as u8);
    pack(residuals.iter().copied(), width, out);
    FIXED
}

/// Fills `out` from `bytes` at `*at` and moves `*at` behind it.
pub(super) fn decode(
    mode: u8,
    bytes: &[u8],
    at: &mut usize,
    out: &mut [u64],
    scratch: &mut Scratch,
) -> Option<()> {
    match mode {
        ALL_ZERO => out.fill(0),
        SPARSE => {
            out.fill(0);
            decode_sparse(bytes, at, out)?;
        }
        TOKENS => decode_tokens(bytes, at, out, scratch)?,
        FIXED => {
            let width = u32::from(*bytes.get(*at)?);
            *at += 1;
            decode_fixed(width, bytes, at, out)?;
        }
        _ => return None,
    }
    Some(())
}

/// A list of the non-zero values: count, then per value the zeros before it and the value.
fn encode_sparse(values: &[u64], out: &mut Vec<u8>) {
    varint::put(out, values.iter().filter(|u| **u != 0).count() as u64);
    let mut gap = 0;
    for &u in values {
        if u == 0 {
            gap += 1;
        } else {
            varint::put(out, gap);
            varint::put(out, u);
            gap = 0;
        }
    }
}

fn sparse_len(values: &[u64]) -> usize {
    let (mut len, mut gap) = (1, 0);
    for &u in values {
        if u == 0 {
            gap += 1;
        } else {
            len += varint::len(gap) + varint::len(u);
            gap = 0;
        }
    }
    len
}

fn decode_sparse(bytes: &[u8], at: &mut usize, out: &mut [u64]) -> Option<()> {
    let count = varint::get(bytes, at)?;
    let mut rest = out;
    for _ in 0..count {
        let gap = usize::try_from(varint::get(bytes, at)?).ok()?;
        let (slot, after) = rest.get_mut(gap..)?.split_first_mut()?;
        *slot = varint::get(bytes, at)?;
        rest = after;
    }
    Some(())
}

fn decode_fixed(width: u32, bytes: &[u8], at: &mut usize, out: &mut [u64]) -> Option<()> {
    if width > 64 {
        return None;
    }
    let end = at.checked_add(packed_len(out.len(), width))?;
    unpack(bytes.get(*at..end)?, width, out);
    *at = end;
    Some(())
}

/// Appends tokens if that takes less than `other_len` bytes by a margin that pays for the slower decoding.
fn encode_tokens(
    residuals: &[u64],
    width: u32,
    other_len: usize,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> bool {
    let n = residuals.len();
    let narrow = &mut scratch.narrow;
    narrow.clear();
    let (mut plane, mut outliers) = (0, false);
    if width > RESIDUAL_BITS_MAX {
        // A few outliers (a clock that jumped, a counter that was reset) must not cost every residual a wide plane.
        let limit = mask(RESIDUAL_BITS_MAX);
        outliers = residuals.iter().filter(|u| **u > limit).count() <= n / 32;
        if outliers {
            narrow.extend(residuals.iter().map(|&u| if u > limit { 0 } else { u }));
        } else {
            plane = width - RESIDUAL_BITS_MAX;
            narrow.extend(residuals.iter().map(|&u| u >> plane));
        }
    }
    let coded = if width > RESIDUAL_BITS_MAX { narrow.as_slice() } else { residuals };
    let plan = entropy::plan(coded, &mut scratch.entropy);
    let apart = packed_len(n, plane) + usize::from(plane > 0);
    let len = 1 + plan.len + apart;
    if len + len / 64 >= other_len {
        return false;
    }
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.push(
        plan.split as u8 | flag(plane > 0, PLANE) | flag(outliers, OUTLIERS) | flag(plan.is_tans(), TANS),
    );
    if plane > 0 {
        out.push(plane as u8);
        pack(residuals.iter().map(|u| u & mask(plane)), plane, out);
    }
    entropy::encode(coded, &plan, &mut scratch.entropy, out);
    if outliers {
        narrow.clear();
        narrow.extend(residuals.iter().map(|&u| if u > mask(RESIDUAL_BITS_MAX) { u } else { 0 }));
        encode_sparse(narrow, out);
    }
    true
}

fn decode_tokens(bytes: &[u8], at: &mut usize, out: &mut [u64], scratch: &mut Scratch) -> Option<()> {
    let head = *bytes.get(*at)?;
    *at += 1;
    let split = *SPLITS.get(usize::from(head & 7))?;
    if head & !(7 | PLANE | OUTLIERS | TANS) != 0 {
        return None;
    }
    let plane = if head & PLANE != 0 { Some(u32::from(*bytes.get(*at)?)) } else { None };
    if let Some(width) = plane {
        *at += 1;
        if !(1..=RESIDUAL_BITS_MAX).contains(&width) {
            return None;
        }
        scratch.narrow.clear();
        scratch.narrow.resize(out.len(), 0);
        decode_fixed(width, bytes, at, &mut scratch.narrow)?;
    }
    *at += entropy::decode(bytes.get(*at..)?, head & TANS != 0, split, out, &mut scratch.entropy)?;
    if let Some(width) = plane {
        out.iter_mut().zip(&scratch.narrow).for_each(|(u, low)| *u = *u << width | low);
    }
    if head & OUTLIERS != 0 {
        decode_sparse(bytes, at, out)?;
    }
    Some(())
}
