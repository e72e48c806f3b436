//! Decoded blocks that are kept: the points of one block in memory, for readers that want parts of it again and again.
//!
//! There is one way to make one, from bytes that pass every check of [`decode_block`]; so what a host keeps and hands
//! back is never damaged. A regular clock takes no memory.
use super::block::{BlockMeta, decode_block};
use crate::codec::Scratch;
use crate::error::Result;
use crate::model::TimeRange;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

/// The points of one block, ascending.
#[derive(Debug)]
pub struct DecodedBlock {
    clock: Clock,
    bits: Box<[u64]>,
}

#[derive(Debug)]
enum Clock {
    /// `first + i * step`; the step is above 0, and no timestamp passes i64.
    Regular {
        first: i64,
        step: i64,
    },
    Listed(Box<[i64]>),
}

impl DecodedBlock {
    /// Decodes a block; the errors are those of [`decode_block`].
    pub fn decode(
        bytes: &[u8],
        meta: &BlockMeta,
        timestamps: &mut Vec<i64>,
        scratch: &mut Scratch,
    ) -> Result<Self> {
        let mut bits = Vec::new();
        decode_block(bytes, meta, timestamps, &mut bits, scratch)?;
        let clock = Clock::regular(timestamps).unwrap_or_else(|| Clock::Listed(timestamps.as_slice().into()));
        Ok(Self { clock, bits: bits.into_boxed_slice() })
    }

    /// Replaces what is in `timestamps` and `bits` by the points inside `range`.
    pub fn read(&self, range: TimeRange, timestamps: &mut Vec<i64>, bits: &mut Vec<u64>) {
        timestamps.clear();
        bits.clear();
        let window = self.window(range);
        match &self.clock {
            Clock::Regular { first, step } => {
                // Inside the block nothing wraps, see `Clock::Regular`.
                let start = first.wrapping_add(step.wrapping_mul(window.start as i64));
                timestamps.extend((0..window.len() as i64).map(|i| start.wrapping_add(step.wrapping_mul(i))));
            }
            Clock::Listed(all) => timestamps.extend_from_slice(all.get(window.clone()).unwrap_or_default()),
        }
        bits.extend_from_slice(self.bits.get(window).unwrap_or_default());
    }

    /// Memory that it takes, for a cache's budget.
    pub fn memory_bytes(&self) -> usize {
        let listed = match &self.clock {
            Clock::Regular { .. } => 0,
            Clock::Listed(all) => size_of_val::<[i64]>(all),
        };
        size_of::<Self>() + listed + size_of_val::<[u64]>(&self.bits)
    }

    /// Positions of the points inside `range`.
    fn window(&self, range: TimeRange) -> Range<usize> {
        let (start, end) = match &self.clock {
            Clock::Regular { first, step } => {
                let most = self.bits.len() as u64;
                let before = |limit: i64| match limit.abs_diff(*first) {
                    _ if limit <= *first => 0,
                    distance => distance.div_ceil(step.unsigned_abs()).min(most) as usize,
                };
                let through = |limit: i64| match limit.abs_diff(*first) {
                    _ if limit < *first => 0,
                    distance => (distance / step.unsigned_abs()).saturating_add(1).min(most) as usize,
                };
                (before(range.min), through(range.max))
            }
            Clock::Listed(all) => (
                all.partition_point(|&timestamp| timestamp < range.min),
                all.partition_point(|&timestamp| timestamp <= range.max),
            ),
        };
        start..end.max(start)
    }
}

impl Clock {
    /// `None` where ascending timestamps are not evenly apart.
    fn regular(timestamps: &[i64]) -> Option<Self> {
        let (&first, rest) = timestamps.split_first()?;
        let step = rest.first().map_or(Some(1), |second| second.checked_sub(first))?;
        let even = timestamps.array_windows().fold(true, |even, [a, b]| even & (b.wrapping_sub(*a) == step));
        even.then_some(Self::Regular { first, step })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::SegmentBuilder;
    use crate::segment::SegmentIndex;
    use alloc::vec;

    /// Every window of a block against a plain filter.
    fn check(all: &[i64]) {
        let bits: Vec<u64> = (0..all.len() as u64).collect();
        let block = DecodedBlock {
            clock: Clock::regular(all).unwrap_or_else(|| Clock::Listed(all.into())),
            bits: bits.as_slice().into(),
        };
        let near = |t: &i64| [t.saturating_sub(1), *t, t.saturating_add(1)];
        let limits: Vec<i64> = all.iter().flat_map(near).chain([i64::MIN, i64::MAX]).collect();
        let (mut timestamps, mut values) = (vec![7], vec![7]);
        for &min in &limits {
            for &max in &limits {
                block.read(TimeRange { min, max }, &mut timestamps, &mut values);
                let expected = || all.iter().zip(&bits).filter(|(t, _)| (min..=max).contains(t));
                assert_eq!(timestamps, expected().map(|(t, _)| *t).collect::<Vec<_>>(), "{min}..={max}");
                assert_eq!(values, expected().map(|(_, v)| *v).collect::<Vec<_>>(), "{min}..={max}");
            }
        }
    }

    #[test]
    fn any_window_of_any_clock_is_what_a_filter_gives() {
        check(&[5]);
        check(&[-20, -10, 0, 10, 20]);
        check(&[1, 2, 4, 7]);
        check(&[i64::MIN, i64::MAX]);
        check(&[i64::MIN, 0, i64::MAX]);
        check(&[i64::MIN, -1]);
        check(&[i64::MAX - 6, i64::MAX - 3, i64::MAX]);
    }

    #[test]
    fn a_regular_clock_takes_no_memory_and_a_changed_byte_is_never_decoded() {
        let mut builder = SegmentBuilder::new(1, 1);
        let timestamps: Vec<i64> = (0..1000).map(|i| i * 10).collect();
        let bits: Vec<u64> = (0..1000u32).map(|i| f64::from(i % 7).to_bits()).collect();
        let (id, key) = (crate::ids::SeriesId(1), crate::ids::SeriesKey(1));
        builder.push_series(id, key, &timestamps, &bits).unwrap();
        let built = builder.finish().unwrap();
        let index_at = built.summary.index_offset as usize;
        let index = SegmentIndex::parse(None, &built.bytes[index_at..], None).unwrap();
        let meta = index.meta(0).unwrap();
        let mut bytes = built.bytes[meta.offset as usize..][..meta.len as usize].to_vec();
        let (mut working, mut scratch) = (Vec::new(), Scratch::default());
        let block = DecodedBlock::decode(&bytes, &meta, &mut working, &mut scratch).unwrap();
        assert!(block.memory_bytes() < 8 * 1000 + 100);
        bytes[5] ^= 1;
        assert!(DecodedBlock::decode(&bytes, &meta, &mut working, &mut scratch).is_err());
    }
}
