//! Tabled asymmetric numeral systems (tANS) over the same tokens: fractions of a bit for columns whose commonest token
//! would waste most of the one bit that a Huffman code gives it.
//!
//! Frequencies are stored as levels, half steps of log2, and normalised by integers alone, so that writer and reader
//! build the same table on every target.
use super::bits::{BitReader, BitWriter, exp_golomb_bits, mask, put_exp_golomb, window};
use super::cost::log2;
use super::huffman::{ABSENT, Lengths, SYMBOLS_MAX, read_levels, visit_levels};
use super::token::Split;
use alloc::vec::Vec;

/// Table sizes are `2^TABLE_BITS_MIN` to `2^TABLE_BITS_MAX` states.
const TABLE_BITS_MIN: u32 = 9;
const TABLE_BITS_MAX: u32 = 11;
const TABLE_LEN: usize = 1 << TABLE_BITS_MAX;
/// Largest level: the commonest token has one near 0, a level of 22 is 2^-11 of it.
const LEVEL_MAX: u8 = 22;
/// Lanes, as in the Huffman streams.
const LANES: usize = 4;

type Frequencies = [u16; SYMBOLS_MAX];

/// Buffers of this stage.
#[derive(Default)]
pub(super) struct Scratch {
    table: Vec<u64>,
    successors: Vec<u16>,
    steps: Vec<u64>,
}

/// The model of a column, and how many bytes it takes with it.
pub(super) struct Plan {
    table_bits: u32,
    levels: Lengths,
    /// Bytes of header and lanes, to within a few.
    pub(super) len: usize,
}

/// Plans a column of `total` tokens with these counts and `raw_bits`; `None` unless one token has over 5/8 of them.
pub(super) fn plan(counts: &[u32; SYMBOLS_MAX], total: usize, raw_bits: u64) -> Option<Plan> {
    let top = *counts.iter().max()?;
    let used = counts.iter().filter(|c| **c > 0).count();
    if u64::from(top) * 8 <= total as u64 * 5 || used < 2 {
        return None;
    }
    let table_bits = (total as u64).ilog2().saturating_sub(1).clamp(TABLE_BITS_MIN, TABLE_BITS_MAX);
    let mut levels = [ABSENT; SYMBOLS_MAX];
    for (level, &c) in levels.iter_mut().zip(counts).filter(|(_, c)| **c > 0) {
        let halves = (2 * (log2(total as u64) - log2(u64::from(c))) + (1 << 15)) >> 16;
        *level = halves.min(u64::from(LEVEL_MAX)) as u8;
    }
    let frequencies = normalise(&levels, table_bits)?;
    let mut bits = 0u64;
    for (&c, &frequency) in counts.iter().zip(&frequencies).filter(|(c, _)| **c > 0) {
        bits += u64::from(c) * ((u64::from(table_bits) << 16) - log2(u64::from(frequency)));
    }
    let mut header_bits = LANES as u32 * table_bits + 16;
    visit_levels(&levels, |v| header_bits += exp_golomb_bits(v));
    let bytes = header_bits.div_ceil(8) as u64 + ((bits >> 16) + raw_bits).div_ceil(8) + 8;
    Some(Plan { table_bits, levels, len: bytes as usize })
}

/// Frequencies that add up to `2^table_bits`: the weights `2^(-level / 2)` scaled and rounded down, at least 1 each; what
/// is left over or missing is given to or taken from the largest.
fn normalise(levels: &Lengths, table_bits: u32) -> Option<Frequencies> {
    let weight = |level: u8| -> u64 {
        let whole = (1u64 << 30) >> (level / 2);
        if level % 2 == 1 { (whole * 46_341) >> 16 } else { whole }
    };
    let present = |level: &&u8| **level != ABSENT;
    let sum: u64 = levels.iter().filter(present).map(|&level| weight(level)).sum();
    if sum == 0 || levels.iter().filter(present).count() < 2 {
        return None;
    }
    let mut frequencies = [0u16; SYMBOLS_MAX];
    let mut left = 1i64 << table_bits;
    for (frequency, &level) in frequencies.iter_mut().zip(levels).filter(|(_, level)| **level != ABSENT) {
        *frequency = ((weight(level) << table_bits) / sum).max(1) as u16;
        left -= i64::from(*frequency);
    }
    while left != 0 {
        let largest = frequencies.iter_mut().rev().max_by_key(|frequency| **frequency)?;
        // Too many minimal ones: take at most half of the largest at a time, so that it never vanishes.
        let change = left.max(-i64::from(*largest / 2));
        *largest = u16::try_from(i64::from(*largest) + change).ok()?;
        left -= change;
        if change == 0 {
            return None;
        }
    }
    Some(frequencies)
}

/// Calls `put` with every state and its token, in order of state: tokens in order take their frequency of places, each
/// place `5/8 * len + 3` after the one before (modulo the length).
fn spread(frequencies: &Frequencies, table_bits: u32, places: &mut [u16; TABLE_LEN]) {
    let len = 1usize << table_bits;
    let mut place = 0;
    for (&frequency, token) in frequencies.iter().zip(0u16..) {
        for _ in 0..frequency {
            places[place & (TABLE_LEN - 1)] = token;
            place = (place + (len >> 1) + (len >> 3) + 3) & (len - 1);
        }
    }
}

/// Appends header and lanes.
pub(super) fn encode(residuals: &[u64], split: Split, plan: &Plan, scratch: &mut Scratch, out: &mut Vec<u8>) {
    let Some(frequencies) = normalise(&plan.levels, plan.table_bits) else { return };
    let len = 1usize << plan.table_bits;
    let mut places = [0u16; TABLE_LEN];
    spread(&frequencies, plan.table_bits, &mut places);
    // `successors[starts[t] + k]` is the k-th state of token `t`.
    let mut starts = [0usize; SYMBOLS_MAX];
    let mut start = 0;
    for (slot, &frequency) in starts.iter_mut().zip(&frequencies) {
        *slot = start;
        start += usize::from(frequency);
    }
    scratch.successors.clear();
    scratch.successors.resize(len, 0);
    let mut next = starts;
    for (&token, state) in places.iter().take(len).zip(0u16..) {
        scratch.successors[next[usize::from(token)]] = state;
        next[usize::from(token)] += 1;
    }
    // A coder runs from the last token to the first; the bits of each step are kept and written in reading order.
    let mut states = [len; LANES];
    scratch.steps.clear();
    for (i, &u) in residuals.iter().enumerate().rev() {
        let (token, raw) = split.split(u as u32);
        let state = &mut states[i % LANES];
        let frequency = usize::from(frequencies[token]);
        let mut shift = plan.table_bits - frequency.ilog2();
        if *state >> shift < frequency {
            shift -= 1;
        }
        let low = *state as u64 & mask(shift);
        scratch.steps.push(low | (u & mask(raw)) << shift | u64::from(shift + raw) << 56);
        *state = len + usize::from(scratch.successors[starts[token] + (*state >> shift) - frequency]);
    }
    let mut writer = BitWriter::new(out);
    put_exp_golomb(&mut writer, plan.table_bits - TABLE_BITS_MIN);
    put_exp_golomb(&mut writer, plan.levels.iter().filter(|level| **level != ABSENT).count() as u32);
    visit_levels(&plan.levels, |v| put_exp_golomb(&mut writer, v));
    states.iter().for_each(|&state| writer.put((state - len) as u64, plan.table_bits));
    writer.finish();
}

/// The steps of [`encode`] in reading order: bits and their count.
pub(super) fn steps(scratch: &Scratch) -> impl Iterator<Item = (u64, u32)> {
    scratch.steps.iter().rev().map(|step| (step & mask(56), (step >> 56) as u32))
}

/// The table and first states of a column.
pub(super) struct Model {
    states: [usize; LANES],
}

/// Reads a header at the start of `bytes` and builds its table; gives the bytes it took.
pub(super) fn read_header(bytes: &[u8], split: Split, scratch: &mut Scratch) -> Option<(Model, usize)> {
    let mut reader = BitReader::new(bytes);
    let table_bits = reader.exp_golomb()? + TABLE_BITS_MIN;
    let used = reader.exp_golomb()?;
    if table_bits > TABLE_BITS_MAX || !(2..=split.tokens() as u32).contains(&used) {
        return None;
    }
    let mut seen = 0;
    let levels = read_levels(&mut reader, split.tokens(), LEVEL_MAX, |_| {
        seen += 1;
        seen == used
    })?;
    let states = [(); LANES].map(|()| reader.get(table_bits) as usize);
    let at = reader.finish()?;
    let frequencies = normalise(&levels, table_bits)?;
    let mut places = [0u16; TABLE_LEN];
    spread(&frequencies, table_bits, &mut places);
    let mut next = frequencies;
    scratch.table.clear();
    scratch.table.resize(TABLE_LEN, 0);
    for (entry, &token) in scratch.table.iter_mut().zip(&places).take(1 << table_bits) {
        let slot = &mut next[usize::from(token)];
        let bits = table_bits - u32::from(*slot).ilog2();
        let successor = (u64::from(*slot) << bits) - (1 << table_bits);
        *slot += 1;
        let (base, raw) = split.base(usize::from(token));
        *entry = u64::from(base) << 32 | successor << 16 | u64::from(bits) << 8 | u64::from(bits + raw);
    }
    Some((Model { states }, at))
}

/// Fills `out` from the lanes; gives the bits read of each. `None` when a lane does not end in the state 0 that its coder
/// started from.
pub(super) fn decode(
    model: Model,
    lanes: [&[u8]; 4],
    out: &mut [u64],
    scratch: &Scratch,
) -> Option<[usize; 4]> {
    let table = scratch.table.first_chunk::<TABLE_LEN>()?;
    let (mut states, mut bits) = (model.states, [0usize; LANES]);
    let (quads, rest) = out.as_chunks_mut::<LANES>();
    let mut step = |lane: usize, slot: &mut u64| {
        let word = window(lanes[lane], bits[lane]);
        let entry = table[states[lane] & (TABLE_LEN - 1)];
        let (total, own) = (entry as u32 & 63, (entry >> 8) as u32 & 15);
        *slot = (entry >> 32) + ((word & !u64::MAX.wrapping_shl(total)) >> own);
        states[lane] = ((entry >> 16 & 0xffff) + (word & !u64::MAX.wrapping_shl(own))) as usize;
        bits[lane] += total as usize;
    };
    for quad in quads {
        for (lane, slot) in quad.iter_mut().enumerate() {
            step(lane, slot);
        }
    }
    rest.iter_mut().enumerate().for_each(|(lane, slot)| step(lane, slot));
    (states == [0; LANES]).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_levels_normalise_to_the_table() {
        for used in [2usize, 3, 50, 480] {
            for shape in [|_: usize| 0u8, |i: usize| (i % 23) as u8, |i: usize| if i == 0 { 0 } else { 22 }] {
                let levels: Lengths = core::array::from_fn(|i| if i < used { shape(i) } else { ABSENT });
                for table_bits in TABLE_BITS_MIN..=TABLE_BITS_MAX {
                    let frequencies = normalise(&levels, table_bits).unwrap();
                    assert_eq!(frequencies.iter().map(|&f| u32::from(f)).sum::<u32>(), 1 << table_bits);
                    assert!(frequencies.iter().take(used).all(|&f| f > 0));
                }
            }
        }
    }
}
