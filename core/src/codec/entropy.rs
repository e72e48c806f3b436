//! The entropy stage: tokens as Huffman codes (or tANS steps), each followed by its raw bits, dealt to four independent
//! bit streams.
//!
//! Four lanes let a processor decode four symbols at once; residual `i` is in lane `i % 4`. Short columns use one lane,
//! because each further one costs about three bytes.
use super::bits::{BitWriter, mask, window};
use super::huffman::{self, CODE_BITS_MAX, Lengths, SYMBOLS_MAX, TABLE_LEN};
use super::tans;
use super::token::{self, SPLITS, Split};
use super::varint;
use alloc::vec::Vec;

/// Columns of at least this many residuals use four lanes.
pub(super) const FOUR_LANES_FROM: usize = 384;

/// Buffers of this stage.
#[derive(Default)]
pub(super) struct Scratch {
    sample: Vec<u32>,
    huffman: huffman::Scratch,
    table: Vec<u64>,
    lanes: [Vec<u8>; 4],
    tans: tans::Scratch,
}

/// How a column will be coded: the split, the code, and how many bytes that takes.
pub(super) struct Plan {
    /// Number of the [`Split`].
    pub(super) split: usize,
    lengths: Lengths,
    tans: Option<tans::Plan>,
    /// Bytes of header and lanes, to within a few.
    pub(super) len: usize,
}

/// Plans the coding of `residuals`, which all fit 32 bits.
pub(super) fn plan(residuals: &[u64], scratch: &mut Scratch) -> Plan {
    let stride = residuals.len().div_ceil(super::cost::SAMPLE_MAX);
    scratch.sample.clear();
    scratch.sample.extend(residuals.iter().step_by(stride).map(|&u| u as u32));
    let number = token::choose(&scratch.sample, stride);
    let split = SPLITS[number];
    let mut counts = [0u32; SYMBOLS_MAX];
    let mut bits = 0u64;
    for &u in residuals {
        let (token, raw) = split.split(u as u32);
        counts[token] += 1;
        bits += u64::from(raw);
    }
    let lengths = huffman::lengths(&counts, &mut scratch.huffman);
    let coded = counts.iter().zip(&lengths).filter(|(c, _)| **c > 0);
    let code_bits = coded.map(|(&c, &length)| u64::from(c) * u64::from(length)).sum::<u64>();
    let four = residuals.len() >= FOUR_LANES_FROM;
    let bytes = (code_bits + bits).div_ceil(8) as usize + if four { 8 } else { 0 };
    let len = huffman::header_bits(&lengths).div_ceil(8) as usize + bytes;
    // A tANS decodes more slowly: it must save 1.5 %.
    let tans = if four { tans::plan(&counts, residuals.len(), bits) } else { None };
    let tans = tans.filter(|plan| plan.len + len / 64 < len);
    Plan { split: number, lengths, len: tans.as_ref().map_or(len, |plan| plan.len), tans }
}

impl Plan {
    /// True when the streams are tANS.
    pub(super) fn is_tans(&self) -> bool {
        self.tans.is_some()
    }
}

/// Appends the model, lane lengths and lanes.
pub(super) fn encode(residuals: &[u64], plan: &Plan, scratch: &mut Scratch, out: &mut Vec<u8>) {
    let split = SPLITS[plan.split];
    if let Some(tans_plan) = &plan.tans {
        tans::encode(residuals, split, tans_plan, &mut scratch.tans, out);
        return deal(tans::steps(&scratch.tans), &mut scratch.lanes, out);
    }
    huffman::write_header(&plan.lengths, out);
    let mut codes = [0u16; SYMBOLS_MAX];
    let mut code_lengths = [0u8; SYMBOLS_MAX];
    huffman::codes(&plan.lengths, |symbol, code, length| {
        codes[symbol] = code as u16;
        code_lengths[symbol] = length as u8;
    });
    let steps = residuals.iter().map(|&u| {
        let (token, raw) = split.split(u as u32);
        let length = u32::from(code_lengths[token]);
        (u64::from(codes[token]) | (u & mask(raw)) << length, length + raw)
    });
    if residuals.len() < FOUR_LANES_FROM {
        let mut writer = BitWriter::new(out);
        steps.for_each(|(bits, count)| writer.put(bits, count));
        return writer.finish();
    }
    deal(steps, &mut scratch.lanes, out);
}

/// Writes step `i` to lane `i % 4`, then appends the lengths of three lanes and all four.
#[inline(always)]
fn deal(mut steps: impl Iterator<Item = (u64, u32)>, lanes: &mut [Vec<u8>; 4], out: &mut Vec<u8>) {
    lanes.iter_mut().for_each(Vec::clear);
    let mut writers = lanes.each_mut().map(BitWriter::new);
    'all: loop {
        for writer in &mut writers {
            let Some((bits, count)) = steps.next() else { break 'all };
            writer.put(bits, count);
        }
    }
    writers.into_iter().for_each(BitWriter::finish);
    lanes.iter().take(3).for_each(|lane| varint::put(out, lane.len() as u64));
    lanes.iter().for_each(|lane| out.extend_from_slice(lane));
}

/// Fills `out` from `bytes`, where the last lane ends when its last code ends; gives the bytes used. `None` when the
/// model, a lane length or the end of a lane is not as written.
pub(super) fn decode(
    bytes: &[u8],
    tans: bool,
    split: Split,
    out: &mut [u64],
    scratch: &mut Scratch,
) -> Option<usize> {
    if tans {
        if out.len() < FOUR_LANES_FROM {
            return None;
        }
        let (model, at) = tans::read_header(bytes, split, &mut scratch.tans)?;
        return decode_lanes(bytes, at, |lanes| tans::decode(model, lanes, out, &scratch.tans));
    }
    let (lengths, at) = huffman::read_header(bytes, split.tokens())?;
    if scratch.table.len() != TABLE_LEN {
        scratch.table.resize(TABLE_LEN, 0);
    }
    let table = scratch.table.first_chunk_mut::<TABLE_LEN>()?;
    let longest = fill(table, &lengths, split);
    if out.len() < FOUR_LANES_FROM {
        let lane = bytes.get(at..)?;
        let end = decode_one(table, lane, out);
        return (end <= lane.len()).then_some(at + end);
    }
    decode_lanes(bytes, at, |lanes| {
        Some(match longest {
            ..=14 => decode_four::<16>(table, lanes, out),
            15..=19 => decode_four::<12>(table, lanes, out),
            20..=28 => decode_four::<8>(table, lanes, out),
            _ => decode_four::<4>(table, lanes, out),
        })
    })
}

/// Hands the four lanes at `at` to `read`, which gives the bits it read of each, and checks that these are all there
/// are; the last lane may be followed by other bytes. Gives the bytes used.
fn decode_lanes(
    bytes: &[u8],
    mut at: usize,
    read: impl FnOnce([&[u8]; 4]) -> Option<[usize; 4]>,
) -> Option<usize> {
    let mut lane_lengths = [0usize; 3];
    for length in &mut lane_lengths {
        *length = usize::try_from(varint::get(bytes, &mut at)?).ok()?;
    }
    let mut rest = bytes.get(at..)?;
    let mut lanes: [&[u8]; 4] = [&[]; 4];
    for (lane, length) in lanes.iter_mut().zip(lane_lengths) {
        (*lane, rest) = rest.split_at_checked(length)?;
    }
    lanes[3] = rest;
    let [end0, end1, end2, end3] = read(lanes)?.map(|bits| bits.div_ceil(8));
    if [end0, end1, end2] != lane_lengths || end3 > rest.len() {
        return None;
    }
    Some(bytes.len() - rest.len() + end3)
}

/// Entry: least residual of the token (high 32 bits), code and raw bits together (bits 8 to 15), code bits (0 to 7).
/// Gives the largest total.
fn fill(table: &mut [u64; TABLE_LEN], lengths: &Lengths, split: Split) -> u32 {
    let mut longest = 0;
    huffman::codes(lengths, |symbol, code, length| {
        let (base, raw) = split.base(symbol);
        let total = length + raw;
        longest = longest.max(total);
        let entry = u64::from(base) << 32 | u64::from(total) << 8 | u64::from(length);
        table.iter_mut().skip(code as usize).step_by(1 << length).for_each(|slot| *slot = entry);
    });
    longest
}

/// The residual at the low end of `word`, and the bits it took.
#[inline(always)]
fn symbol(table: &[u64; TABLE_LEN], word: u64) -> (u64, u32) {
    const { assert!(TABLE_LEN == 1 << CODE_BITS_MAX) };
    let entry = table[word as usize & (TABLE_LEN - 1)];
    let total = (entry >> 8) as u32 & 63;
    let low = word & !u64::MAX.wrapping_shl(total);
    ((entry >> 32).wrapping_add(low >> (entry & 63)), total)
}

fn decode_one(table: &[u64; TABLE_LEN], lane: &[u8], out: &mut [u64]) -> usize {
    let mut bit = 0;
    for slot in out {
        let (u, total) = symbol(table, window(lane, bit));
        *slot = u;
        bit += total as usize;
    }
    bit.div_ceil(8)
}

/// Decodes `N / 4` symbols of each lane per window, which holds 57 bits. Gives the bits read of each lane.
fn decode_four<const N: usize>(table: &[u64; TABLE_LEN], lanes: [&[u8]; 4], out: &mut [u64]) -> [usize; 4] {
    let mut bits = [0usize; 4];
    let (groups, rest) = out.as_chunks_mut::<N>();
    for group in groups {
        let mut words = [0; 4];
        for lane in 0..4 {
            words[lane] = window(lanes[lane], bits[lane]);
        }
        for quad in group.as_chunks_mut::<4>().0 {
            for lane in 0..4 {
                let (u, total) = symbol(table, words[lane]);
                quad[lane] = u;
                words[lane] >>= total;
                bits[lane] += total as usize;
            }
        }
    }
    for quad in rest.chunks_mut(4) {
        for (lane, slot) in quad.iter_mut().enumerate() {
            let (u, total) = symbol(table, window(lanes[lane], bits[lane]));
            *slot = u;
            bits[lane] += total as usize;
        }
    }
    bits
}
