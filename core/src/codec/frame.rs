//! The light codec of log frames: a batch of short runs, encoded in a few nanoseconds a point.
//!
//! Every column is groups of 64 numbers in the bits of the widest. A run's timestamps are expected to be those of the
//! run before it; values are decimals, each the difference to the one before it in its run. What fits no decimal is
//! listed apart, or all values are plain. A block (see [`super`]) is smaller; a frame is there for a short time.
use super::bits::{pack, packed_len, unpack, width_of};
use super::decimal::{self, EXPONENT_MAX};
use super::scale::{ExactDivision, common_divisor, get_decimal, put_decimal};
use super::varint::{self, unzigzag, zigzag};
use crate::error::{Error, Result};
use alloc::vec::Vec;

/// One series' run inside a batch: `count` points (at least 1) that follow each other in the columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameRun {
    /// Id of the series.
    pub series: u64,
    /// Points in the run.
    pub count: u32,
}

/// Most points in a frame.
pub const FRAME_POINTS_MAX: usize = 16 << 20;

/// First byte of a frame.
const KIND: u8 = 1;
/// Kind of the value column: 8 bytes each.
const PLAIN: u8 = 0xff;
/// Numbers in a group. A group takes at least one byte, which bounds what few bytes can claim to hold: 64 points a byte.
const GROUP: usize = 64;

/// Appends a frame. The runs may be in any order; they are shortest when sorted by series.
///
/// # Panics
/// If the runs' counts do not add up to the length of both columns, a run is empty, or there are more than
/// [`FRAME_POINTS_MAX`] points.
pub fn encode_frame(runs: &[FrameRun], timestamps: &[i64], bits: &[u64], out: &mut Vec<u8>) {
    let points = timestamps.len();
    let counted: u64 = runs.iter().map(|run| u64::from(run.count)).sum();
    assert!(counted == points as u64 && bits.len() == points, "runs and columns of a frame must agree");
    assert!(points <= FRAME_POINTS_MAX, "a frame holds at most {FRAME_POINTS_MAX} points");
    assert!(runs.iter().all(|run| run.count > 0), "a run of a frame is empty");
    out.push(KIND);
    varint::put(out, runs.len() as u64);
    varint::put(out, points as u64);
    let (Some(first_run), Some(&first_timestamp)) = (runs.first(), timestamps.first()) else { return };
    let mut before = 0u64;
    for run in runs {
        varint::put(out, run.series.wrapping_sub(before));
        before = run.series;
    }
    if runs.iter().all(|run| run.count == first_run.count) {
        varint::put(out, u64::from(first_run.count));
    } else {
        varint::put(out, 0);
        runs.iter().for_each(|run| varint::put(out, u64::from(run.count)));
    }
    put_decimal(out, zigzag(first_timestamp));
    let mut steps = Vec::with_capacity(points);
    for_each_prediction(runs.iter().map(|run| run.count as usize), |i, predicted_by| {
        let predicted = timestamps.get(predicted_by).copied().unwrap_or(first_timestamp);
        steps.push(timestamps[i].wrapping_sub(predicted));
    });
    let scale = common_divisor(steps.iter().copied());
    put_decimal(out, scale);
    if scale > 0 {
        let division = ExactDivision::by(scale);
        let mut groups = GroupWriter::new(out);
        steps.iter().for_each(|&step| groups.put(zigzag(division.divide(step))));
        groups.finish();
    }
    let start = out.len();
    if !encode_decimals(runs, bits, steps, out) {
        out.truncate(start);
        out.push(PLAIN);
        out.extend(bits.iter().flat_map(|v| v.to_le_bytes()));
    }
}

/// Replaces the contents of the three by those of the frame that `bytes` are.
///
/// At most [`FRAME_POINTS_MAX`] points and 64 for each byte are accepted. Errors: `Damaged` when `bytes` are not a
/// frame, `Unsupported` for an unknown kind; the three then hold anything.
pub fn decode_frame(
    bytes: &[u8],
    runs: &mut Vec<FrameRun>,
    timestamps: &mut Vec<i64>,
    bits: &mut Vec<u64>,
) -> Result<()> {
    runs.clear();
    timestamps.clear();
    bits.clear();
    match bytes.first() {
        Some(&KIND) => {}
        Some(kind) => {
            return Err(Error::unsupported(alloc::format!(
                "frame columns of kind {kind:#04x} need a newer Chronicle"
            )));
        }
        None => return Err(Error::damaged("the columns of a frame are empty")),
    }
    let mut at = 1;
    decode_columns(bytes, &mut at, runs, timestamps, bits).filter(|()| at == bytes.len()).ok_or_else(|| {
        Error::damaged(alloc::format!(
            "the columns of a frame break their own rules near byte {at} of {}",
            bytes.len()
        ))
    })
}

/// Calls `visit` with the index of each point and that of the point whose timestamp it should have: the same position
/// of the run before, where there is one, and otherwise the point before (`usize::MAX` for the first of all).
#[inline(always)]
fn for_each_prediction(counts: impl Iterator<Item = usize>, mut visit: impl FnMut(usize, usize)) {
    let (mut start, mut before) = (0, 0);
    for count in counts {
        let shared = count.min(before);
        (start..start + shared).for_each(|i| visit(i, i - before));
        (start + shared..start + count).for_each(|i| visit(i, i.wrapping_sub(1)));
        start += count;
        before = count;
    }
}

/// Appends the values as decimals; false (and rubbish appended) when too many are not. `ms` is a buffer.
fn encode_decimals(runs: &[FrameRun], bits: &[u64], mut ms: Vec<i64>, out: &mut Vec<u8>) -> bool {
    let Some(e) = decimal::choose(bits, &mut Vec::new()) else { return false };
    let power = decimal::power(e);
    let mut exceptions = Vec::new();
    let mut before = 0;
    ms.clear();
    for (i, &v) in bits.iter().enumerate() {
        match decimal::split(v, power) {
            Some((m, 0)) => before = m,
            _ => exceptions.push((i, v)),
        }
        ms.push(before);
    }
    if exceptions.len() > bits.len() / 4 {
        return false;
    }
    out.push(e as u8);
    let mut groups = GroupWriter::new(out);
    let mut rest = ms.as_slice();
    for run in runs {
        let (own, after) = rest.split_at(run.count as usize);
        groups.put(zigzag(own[0]));
        rest = after;
    }
    groups.finish();
    let mut groups = GroupWriter::new(out);
    rest = ms.as_slice();
    for run in runs {
        let (own, after) = rest.split_at(run.count as usize);
        own.array_windows().for_each(|[a, b]| groups.put(zigzag(b.wrapping_sub(*a))));
        rest = after;
    }
    groups.finish();
    varint::put(out, exceptions.len() as u64);
    let mut next = 0;
    for (i, v) in exceptions {
        varint::put(out, (i - next) as u64);
        out.extend_from_slice(&v.to_le_bytes());
        next = i + 1;
    }
    true
}

fn decode_columns(
    bytes: &[u8],
    at: &mut usize,
    runs: &mut Vec<FrameRun>,
    timestamps: &mut Vec<i64>,
    bits: &mut Vec<u64>,
) -> Option<()> {
    let run_count = usize::try_from(varint::get(bytes, at)?).ok()?;
    let points = usize::try_from(varint::get(bytes, at)?).ok()?;
    if points > FRAME_POINTS_MAX
        || run_count > points
        || run_count > bytes.len()
        || points / GROUP > bytes.len()
    {
        return None;
    }
    if points == 0 {
        return Some(());
    }
    decode_runs(bytes, at, run_count, points, runs)?;
    let first = unzigzag(get_decimal(bytes, at)?);
    let scale = get_decimal(bytes, at)?;
    // The buffer holds one column of zigzag numbers after the other.
    let mut column = alloc::vec![0u64; points];
    if scale > 0 {
        decode_groups(bytes, at, &mut column)?;
    }
    timestamps.reserve(points);
    for_each_prediction(runs.iter().map(|run| run.count as usize), |i, predicted_by| {
        let predicted = timestamps.get(predicted_by).copied().unwrap_or(first);
        let step = column.get(i).copied().map_or(0, unzigzag).wrapping_mul(scale as i64);
        timestamps.push(predicted.wrapping_add(step));
    });
    let kind = *bytes.get(*at)?;
    *at += 1;
    if kind == PLAIN {
        let end = at.checked_add(8 * points)?;
        bits.extend(bytes.get(*at..end)?.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)));
        *at = end;
        return Some(());
    }
    if u32::from(kind) > EXPONENT_MAX {
        return None;
    }
    let (firsts, differences) = column.split_at_mut(run_count);
    decode_groups(bytes, at, firsts)?;
    decode_groups(bytes, at, differences)?;
    let power = decimal::power(u32::from(kind));
    bits.reserve(points);
    let mut rest: &[u64] = differences;
    for (run, &first) in runs.iter().zip(firsts.iter()) {
        let (own, after) = rest.split_at_checked(run.count as usize - 1)?;
        let mut m = unzigzag(first);
        bits.push(decimal::join(m, power));
        bits.extend(own.iter().map(|&u| {
            m = m.wrapping_add(unzigzag(u));
            decimal::join(m, power)
        }));
        rest = after;
    }
    decode_exceptions(bytes, at, bits)
}

/// Fills `runs`, whose counts are at least 1 and add up to `points`.
fn decode_runs(
    bytes: &[u8],
    at: &mut usize,
    run_count: usize,
    points: usize,
    runs: &mut Vec<FrameRun>,
) -> Option<()> {
    runs.reserve(run_count);
    let mut series = 0u64;
    for _ in 0..run_count {
        series = series.wrapping_add(varint::get(bytes, at)?);
        runs.push(FrameRun { series, count: 0 });
    }
    let common = varint::get(bytes, at)?;
    let mut left = points as u64;
    for run in runs.iter_mut() {
        let count = if common > 0 { common } else { varint::get(bytes, at)? };
        left = left.checked_sub(count)?;
        run.count = u32::try_from(count).ok().filter(|&count| count > 0)?;
    }
    (left == 0).then_some(())
}

fn decode_exceptions(bytes: &[u8], at: &mut usize, bits: &mut [u64]) -> Option<()> {
    let mut rest = bits;
    for _ in 0..varint::get(bytes, at)? {
        let gap = usize::try_from(varint::get(bytes, at)?).ok()?;
        let (slot, after) = rest.get_mut(gap..)?.split_first_mut()?;
        *slot = u64::from_le_bytes(*bytes.get(*at..)?.first_chunk()?);
        *at += 8;
        rest = after;
    }
    Some(())
}

/// Collects numbers and appends them in groups: a byte for the width, then as many bits each. The last group may be
/// shorter.
struct GroupWriter<'a> {
    out: &'a mut Vec<u8>,
    group: [u64; GROUP],
    filled: usize,
}

impl<'a> GroupWriter<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, group: [0; GROUP], filled: 0 }
    }
    #[inline(always)]
    fn put(&mut self, v: u64) {
        self.group[self.filled % GROUP] = v;
        self.filled += 1;
        if self.filled == GROUP {
            self.flush();
        }
    }
    fn flush(&mut self) {
        let group = self.group.get(..self.filled).unwrap_or(&[]);
        let width = width_of(group.iter().fold(0, |all, &v| all | v));
        self.out.push(width as u8);
        pack(group.iter().copied(), width, self.out);
        self.filled = 0;
    }
    fn finish(mut self) {
        if self.filled > 0 {
            self.flush();
        }
    }
}

fn decode_groups(bytes: &[u8], at: &mut usize, out: &mut [u64]) -> Option<()> {
    for group in out.chunks_mut(GROUP) {
        let width = u32::from(*bytes.get(*at)?);
        let start = *at + 1;
        let end = start + packed_len(group.len(), width);
        if width > 64 {
            return None;
        }
        unpack(bytes.get(start..end)?, width, group);
        *at = end;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Batch = (Vec<FrameRun>, Vec<i64>, Vec<u64>);

    fn batch(counts: &[u32], timestamp: fn(usize) -> i64, value: fn(usize) -> f64) -> Batch {
        let runs = counts
            .iter()
            .zip(0u64..)
            .map(|(&count, i)| FrameRun { series: (7 << 32) | (i * i), count })
            .collect();
        let points = counts.iter().sum::<u32>() as usize;
        (runs, (0..points).map(timestamp).collect(), (0..points).map(|i| value(i).to_bits()).collect())
    }

    fn batches() -> Vec<Batch> {
        let clock = |i: usize| 1_767_225_600_000_000_000 + (i % 10) as i64 * 10_000_000_000;
        alloc::vec![
            batch(&[], clock, |i| i as f64),
            batch(&[1], clock, |_| f64::NAN),
            batch(&[10; 100], clock, |i| (i * 37 % 1000) as f64 / 10.0),
            batch(&[1; 777], clock, |i| (i * 37 % 1000) as f64 / 100.0),
            batch(&[5, 1, 9, 9, 200, 3], |i| (i as i64).wrapping_mul(i64::MAX / 3), |i| (i as f64).sqrt()),
            batch(&[64, 65, 63], |i| i as i64, |i| if i % 9 == 0 { -0.0 } else { i as f64 }),
            batch(&[300], |_| i64::MIN, |i| [f64::INFINITY, f64::MIN_POSITIVE, 1.0, 2.0, 3.0, 4.0][i % 6]),
            batch(&[3000], |i| i as i64 * 1000, |_| 1.5),
        ]
    }

    #[test]
    fn every_batch_comes_back_by_bits() {
        for (runs, timestamps, bits) in batches() {
            let mut bytes = Vec::new();
            encode_frame(&runs, &timestamps, &bits, &mut bytes);
            let mut back = Batch::default();
            decode_frame(&bytes, &mut back.0, &mut back.1, &mut back.2).unwrap();
            assert!(back == (runs, timestamps, bits));
        }
    }

    #[test]
    fn damage_is_refused_or_decodes_to_a_bounded_batch() {
        let mut back = Batch::default();
        for (runs, timestamps, bits) in batches() {
            let mut bytes = Vec::new();
            encode_frame(&runs, &timestamps, &bits, &mut bytes);
            for end in 0..bytes.len() {
                assert!(decode_frame(&bytes[..end], &mut back.0, &mut back.1, &mut back.2).is_err());
            }
            for at in 0..bytes.len() {
                for flip in [1, 0x80, 0x7f, 0xff] {
                    let mut damaged = bytes.clone();
                    damaged[at] ^= flip;
                    if decode_frame(&damaged, &mut back.0, &mut back.1, &mut back.2).is_ok() {
                        assert!(back.1.len() == back.2.len() && back.1.len() <= GROUP * (bytes.len() + 1));
                    }
                }
            }
        }
    }

    #[test]
    fn few_bytes_cannot_claim_many_points() {
        let mut bytes = alloc::vec![KIND];
        varint::put(&mut bytes, 1);
        varint::put(&mut bytes, FRAME_POINTS_MAX as u64);
        bytes.extend([0; 40]);
        let mut back = Batch::default();
        assert!(decode_frame(&bytes, &mut back.0, &mut back.1, &mut back.2).is_err());
        assert!(back.1.capacity() == 0 && back.2.capacity() == 0);
    }
}
