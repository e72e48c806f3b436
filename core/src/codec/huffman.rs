//! Canonical Huffman codes of at most eleven bits: from counts to lengths, to a header, to codes, to a decoding table.
//!
//! Codes are stored bit-reversed, so that a reader looks up the low bits of its window. A code is complete (Kraft sum
//! exactly one): the header needs no count, it ends where the code is full, and every window is a valid code.
use super::bits::{BitReader, BitWriter, exp_golomb_bits, put_exp_golomb};
use alloc::vec::Vec;

/// Longest code, bits.
pub(super) const CODE_BITS_MAX: u32 = 11;
/// Entries of a decoding table.
pub(super) const TABLE_LEN: usize = 1 << CODE_BITS_MAX;
/// Most symbols of an alphabet.
pub(super) const SYMBOLS_MAX: usize = 480;
/// In [`Lengths`]: the symbol does not occur.
pub(super) const ABSENT: u8 = u8::MAX;

/// Code length of each symbol, or [`ABSENT`]. The only symbol of a column has length 0.
pub(super) type Lengths = [u8; SYMBOLS_MAX];

const FULL: u32 = TABLE_LEN as u32;
const FIRST_LEVEL: u8 = 5;

/// Buffers of [`lengths`].
#[derive(Default)]
pub(super) struct Scratch {
    leaves: Vec<(u32, u16)>,
    nodes: Vec<u32>,
}

/// Lengths of an optimal code for `counts`, then limited to [`CODE_BITS_MAX`]. At least one count is not zero.
pub(super) fn lengths(counts: &[u32; SYMBOLS_MAX], scratch: &mut Scratch) -> Lengths {
    let mut lengths = [ABSENT; SYMBOLS_MAX];
    let leaves = &mut scratch.leaves;
    leaves.clear();
    leaves.extend(counts.iter().zip(0u16..).filter(|(c, _)| **c > 0).map(|(&c, symbol)| (c, symbol)));
    leaves.sort_unstable();
    // Two queues: leaves by weight, and inner nodes, which are made in order of weight. `nodes` holds the weights of
    // inner nodes and then, per tree node, its parent.
    let n = leaves.len();
    let nodes = &mut scratch.nodes;
    nodes.clear();
    nodes.resize(4 * n, 0);
    let (weights, parents) = nodes.split_at_mut(n);
    let (mut leaf, mut inner) = (0, 0);
    for made in 0..n.saturating_sub(1) {
        let mut weight = 0;
        for _ in 0..2 {
            if leaf < n && (inner >= made || leaves[leaf].0 <= weights[inner]) {
                weight += leaves[leaf].0;
                parents[leaf] = made as u32;
                leaf += 1;
            } else {
                weight += weights[inner];
                parents[n + inner] = made as u32;
                inner += 1;
            }
        }
        weights[made] = weight;
    }
    // Depths, from the root down, replace the weights; then how many leaves have which.
    let mut per_length = [0u32; CODE_BITS_MAX as usize + 1];
    if n > 1 {
        weights[n - 2] = 0;
        for node in (0..n - 2).rev() {
            weights[node] = weights[parents[n + node] as usize] + 1;
        }
        for &parent in parents.iter().take(n) {
            per_length[(weights[parent as usize] + 1).min(CODE_BITS_MAX) as usize] += 1;
        }
    } else {
        per_length[0] = 1;
    }
    limit(&mut per_length);
    // Rarest symbols take the longest codes; equal counts are ordered by symbol, so the result is deterministic.
    let mut sorted = leaves.iter();
    for (length, &count) in per_length.iter().enumerate().rev() {
        for &(_, symbol) in sorted.by_ref().take(count as usize) {
            lengths[usize::from(symbol)] = length as u8;
        }
    }
    lengths
}

/// Makes a code whose overlong leaves were cut to the maximum complete again: a leaf at the maximum and one above it
/// become two below the latter, until the Kraft sum is one.
fn limit(per_length: &mut [u32; CODE_BITS_MAX as usize + 1]) {
    let mut sum: u32 =
        per_length.iter().enumerate().map(|(length, &c)| c << (CODE_BITS_MAX as usize - length)).sum();
    while sum > FULL {
        let from = (1..CODE_BITS_MAX as usize).rev().find(|&length| per_length[length] > 0).unwrap_or(1);
        per_length[CODE_BITS_MAX as usize] -= 1;
        per_length[from] -= 1;
        per_length[from + 1] += 2;
        sum -= 1;
    }
}

/// Calls `put` with the Exp-Golomb numbers that describe `levels` (code lengths, or those of [`super::tans`]): per present
/// symbol the zigzag difference to the level before (3 is skipped: it announces a run of absent symbols, whose length
/// less one follows).
pub(super) fn visit_levels(levels: &Lengths, mut put: impl FnMut(u32)) {
    let last = levels.iter().rposition(|&level| level != ABSENT).unwrap_or(0);
    let (mut before, mut absent) = (i32::from(FIRST_LEVEL), 0u32);
    for &level in levels.iter().take(last + 1) {
        if level == ABSENT {
            absent += 1;
            continue;
        }
        if absent > 0 {
            put(3);
            put(absent - 1);
            absent = 0;
        }
        let difference = i32::from(level) - before;
        let zigzag = ((difference << 1) ^ (difference >> 31)) as u32;
        put(zigzag + u32::from(zigzag >= 3));
        before = i32::from(level);
    }
}

/// Reads what [`visit_levels`] describes, up to and with the symbol for which `is_last` says so. `None` when a level is
/// above `level_max` or a symbol not below `symbols`.
pub(super) fn read_levels(
    reader: &mut BitReader<'_>,
    symbols: usize,
    level_max: u8,
    mut is_last: impl FnMut(u8) -> bool,
) -> Option<Lengths> {
    let mut levels = [ABSENT; SYMBOLS_MAX];
    let (mut symbol, mut before) = (0usize, i32::from(FIRST_LEVEL));
    loop {
        let v = reader.exp_golomb()?;
        if v == 3 {
            symbol += reader.exp_golomb()? as usize + 1;
            // Two runs in a row are never written; refusing far symbols here also bounds the loop.
            if symbol >= symbols {
                return None;
            }
            continue;
        }
        let zigzag = v - u32::from(v > 3);
        before += (zigzag >> 1) as i32 ^ (zigzag as i32 & 1).wrapping_neg();
        if !(0..=i32::from(level_max)).contains(&before) || symbol >= symbols {
            return None;
        }
        let level = before as u8;
        *levels.get_mut(symbol)? = level;
        symbol += 1;
        if is_last(level) {
            return Some(levels);
        }
    }
}

/// Appends the header.
pub(super) fn write_header(lengths: &Lengths, out: &mut Vec<u8>) {
    let mut writer = BitWriter::new(out);
    visit_levels(lengths, |v| put_exp_golomb(&mut writer, v));
    writer.finish();
}

/// Bits of the header.
pub(super) fn header_bits(lengths: &Lengths) -> u32 {
    let mut bits = 0;
    visit_levels(lengths, |v| bits += exp_golomb_bits(v));
    bits
}

/// Reads a header at the start of `bytes`, over an alphabet of `symbols`; gives the lengths and the bytes it took.
/// `None` when it does not describe a complete code.
pub(super) fn read_header(bytes: &[u8], symbols: usize) -> Option<(Lengths, usize)> {
    let mut reader = BitReader::new(bytes);
    let mut sum = 0;
    let lengths = read_levels(&mut reader, symbols, CODE_BITS_MAX as u8, |length| {
        sum += FULL >> length;
        sum >= FULL
    })?;
    if sum != FULL {
        return None;
    }
    Some((lengths, reader.finish()?))
}

/// Calls `put` with symbol, bit-reversed code and length, in canonical order within each length: shorter codes come
/// first, equal lengths in order of symbol. `None` from a length means that the code is not complete.
pub(super) fn codes(lengths: &Lengths, mut put: impl FnMut(usize, u32, u32)) {
    let mut next = [0u32; CODE_BITS_MAX as usize + 2];
    for &length in lengths {
        if let Some(slot) = next.get_mut(usize::from(length) + 1) {
            *slot += 1;
        }
    }
    let mut code = 0u32;
    for (length, slot) in next.iter_mut().enumerate() {
        let shorter = *slot;
        code = if length == 0 { 0 } else { (code + shorter) << 1 };
        *slot = code;
    }
    for (symbol, &length) in lengths.iter().enumerate() {
        if length == ABSENT {
            continue;
        }
        let slot = &mut next[usize::from(length)];
        let reversed = if length == 0 { 0 } else { slot.reverse_bits() >> (32 - u32::from(length)) };
        *slot += 1;
        put(symbol, reversed, u32::from(length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths_of(f: impl Fn(usize) -> u32) -> Lengths {
        lengths(&core::array::from_fn(f), &mut Scratch::default())
    }

    #[test]
    fn codes_are_complete_limited_and_prefix_free() {
        let shapes: [fn(usize) -> u32; 5] = [
            |_| 1,
            |i| if i < 40 { 1 << (i / 2) } else { 0 },
            |i| u32::from(i == 17) * 99,
            |i| u32::from(i % 97 == 3),
            |i| if i < 30 { 3u32.pow(i as u32 / 2) } else { 0 },
        ];
        for shape in shapes {
            let lengths = lengths_of(shape);
            let mut seen = alloc::vec![0u32; TABLE_LEN];
            codes(&lengths, |symbol, code, length| {
                assert!(shape(symbol) > 0 && length <= CODE_BITS_MAX);
                (code as usize..TABLE_LEN).step_by(1 << length).for_each(|slot| seen[slot] += 1);
            });
            assert!(seen.iter().all(|&n| n == 1));
            let mut out = Vec::new();
            write_header(&lengths, &mut out);
            assert_eq!(out.len(), header_bits(&lengths).div_ceil(8) as usize);
            let (back, len) = read_header(&out, SYMBOLS_MAX).unwrap();
            assert!(back == lengths && len == out.len());
        }
    }

    #[test]
    fn a_header_that_ends_early_or_overfills_is_refused() {
        let mut out = Vec::new();
        write_header(&lengths_of(|i| 1 + i as u32 % 7), &mut out);
        assert!((0..out.len()).all(|len| read_header(&out[..len], SYMBOLS_MAX).is_none()));
        assert!(read_header(&out, 100).is_none());
    }
}
