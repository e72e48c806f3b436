//! Blocks of points: one series' run in ascending time, two columns and a checksum.
//!
//! A block does not say whose points it holds or how many: that is in the index, as its [`BlockMeta`]. Reading one
//! needs both, and what is read is compared with what the index says. The CRC-32 guards against the medium; proof
//! against the segment's identity is [`check_block_hash`].
use crate::codec::{self, BLOCK_POINTS_MAX, Scratch, varint};
use crate::error::{Error, Result};
use crate::ids::{Hash16, SeriesId};
use crate::statistics::Statistics;
use alloc::format;
use alloc::vec::Vec;

/// Bytes of the checksum that ends every block.
pub(super) const BLOCK_CRC_BYTES: usize = 4;
/// Fewest bytes of a block: a length, one byte of each column, the checksum.
pub(super) const BLOCK_BYTES_MIN: u64 = 7;

/// What the index says about one block.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BlockMeta {
    /// Whose points it holds.
    pub series: SeriesId,
    /// Where it starts, bytes from the start of the segment.
    pub offset: u64,
    /// Its bytes, checksum included.
    pub len: u32,
    /// Summary of its points.
    pub stats: Statistics,
    /// BLAKE3 of its bytes without the checksum.
    pub hash: Hash16,
}

/// Appends the block of these points to `out`; `column` is working memory.
pub(super) fn encode_block(
    timestamps: &[i64],
    bits: &[u64],
    out: &mut Vec<u8>,
    column: &mut Vec<u8>,
    scratch: &mut Scratch,
) {
    let start = out.len();
    column.clear();
    codec::encode_timestamps(timestamps, column, scratch);
    varint::put(out, column.len() as u64);
    out.extend_from_slice(column);
    codec::encode_values(bits, out, scratch);
    seal_block(out, start);
}

/// Appends the checksum of everything from `start` on.
pub(super) fn seal_block(out: &mut Vec<u8>, start: usize) {
    let crc = crc32fast::hash(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&crc.to_le_bytes());
}

/// The content of a block and its checksum; also used for blocks of dictionaries.
pub(super) fn check_crc(bytes: &[u8], len: u32) -> Result<&[u8]> {
    if bytes.len() as u64 != u64::from(len) {
        return Err(Error::damaged(format!("the block has {} bytes instead of {len}", bytes.len())));
    }
    let Some((content, crc)) = bytes.split_last_chunk::<BLOCK_CRC_BYTES>() else {
        return Err(Error::damaged("the block is cut short"));
    };
    if crc32fast::hash(content) != u32::from_le_bytes(*crc) {
        return Err(Error::damaged("the checksum of the block is wrong; read another copy, or restore"));
    }
    Ok(content)
}

/// BLAKE3 of a block without its checksum.
pub(super) fn hash_of(bytes: &[u8]) -> Hash16 {
    Hash16::of(bytes.split_last_chunk::<BLOCK_CRC_BYTES>().map_or(bytes, |(content, _)| content))
}

pub(super) fn check_hash(bytes: &[u8], hash: &Hash16) -> Result<()> {
    if hash_of(bytes) != *hash {
        return Err(Error::damaged("the block is not the one that the index names: its BLAKE3 differs"));
    }
    Ok(())
}

/// Checks length and checksum, nothing else: cheap, and enough against a medium that fails. `Damaged` otherwise.
pub fn check_block(bytes: &[u8], meta: &BlockMeta) -> Result<()> {
    check_crc(bytes, meta.len).map(|_| ())
}

/// Checks the content against its hash in the index, and so against the segment's identity. Does not look at the
/// block's checksum: a full check calls [`check_block`] too.
pub fn check_block_hash(bytes: &[u8], meta: &BlockMeta) -> Result<()> {
    check_hash(bytes, &meta.hash)
}

/// Replaces what is in `timestamps` and `bits` by the points of a block. Checks length, checksum, both columns, strictly
/// ascending time, and the first and last point against `meta`; `Damaged` otherwise, and then the outputs hold nothing
/// of worth. Allocates only where the outputs and `scratch` have to grow.
pub fn decode_block(
    bytes: &[u8],
    meta: &BlockMeta,
    timestamps: &mut Vec<i64>,
    bits: &mut Vec<u64>,
    scratch: &mut Scratch,
) -> Result<()> {
    let content = check_crc(bytes, meta.len)?;
    let count = usize::try_from(meta.stats.count).ok().filter(|count| (1..=BLOCK_POINTS_MAX).contains(count));
    let count = count.ok_or_else(|| Error::damaged("the index gives the block an impossible count"))?;
    let (times, values) =
        split_columns(content).ok_or_else(|| Error::damaged("the columns do not fit the block"))?;
    codec::decode_timestamps(times, count, timestamps, scratch)?;
    codec::decode_values(values, count, bits, scratch)?;
    if timestamps.len() != count || bits.len() != count {
        return Err(Error::damaged("the block holds another number of points than the index says"));
    }
    if !is_ascending(timestamps) {
        return Err(Error::damaged("timestamps of the block do not ascend"));
    }
    let stats = &meta.stats;
    let first = (timestamps.first().copied(), bits.first().copied());
    let last = (timestamps.last().copied(), bits.last().copied());
    if first != (Some(stats.time.min), Some(stats.first.to_bits()))
        || last != (Some(stats.time.max), Some(stats.last.to_bits()))
    {
        return Err(Error::damaged("the block starts or ends with another point than the index says"));
    }
    Ok(())
}

/// Compares decoded points with the statistics that answer queries in their place. For a full verification: a wrong
/// statistic with a right hash can only come from the program that wrote the segment.
pub fn check_block_statistics(timestamps: &[i64], bits: &[u64], meta: &BlockMeta) -> Result<()> {
    let Some(stats) = Statistics::of(timestamps, bits) else {
        return Err(Error::damaged("the block is empty"));
    };
    let same_values = stored_values(&stats) == stored_values(&meta.stats);
    if stats.count != meta.stats.count || stats.time != meta.stats.time || !same_values {
        return Err(Error::damaged("the statistics in the index are not those of the block's points"));
    }
    Ok(())
}

/// first, last, min, max, sum as the index stores them. Which NaN a sum becomes depends on the processor; one fixed
/// pattern keeps equal points at equal bytes.
pub(super) fn stored_values(stats: &Statistics) -> [u64; 5] {
    let canonical = |value: f64| if value.is_nan() { NAN_BITS } else { value.to_bits() };
    [
        stats.first.to_bits(),
        stats.last.to_bits(),
        canonical(stats.min),
        canonical(stats.max),
        canonical(stats.sum),
    ]
}

pub(super) const NAN_BITS: u64 = 0x7ff8_0000_0000_0000;

pub(super) fn is_ascending(timestamps: &[i64]) -> bool {
    // Folds without an early way out are vectorised; damage is the rare case.
    is_regular(timestamps) || timestamps.array_windows().fold(true, |ascending, [a, b]| ascending & (a < b))
}

/// True for an ascending regular clock, which is common, and found with a few cheap operations for each timestamp where
/// comparing 64-bit integers takes many on most processors. A look at the first ones keeps others from paying for it.
fn is_regular(timestamps: &[i64]) -> bool {
    const GLANCE: usize = 16;
    let (Some(&first), Some(&second), Some(&last)) =
        (timestamps.first(), timestamps.get(1), timestamps.last())
    else {
        return false;
    };
    let step = second.wrapping_sub(first);
    let uneven = |timestamps: &[i64]| {
        timestamps.array_windows().fold(0, |uneven, [a, b]| uneven | (b.wrapping_sub(*a) ^ step))
    };
    // With the distance from first to last as long as all steps together, none of them wrapped.
    let steps = timestamps.len() as i128 - 1;
    step > 0
        && i128::from(step) * steps == i128::from(last) - i128::from(first)
        && uneven(timestamps.get(..GLANCE).unwrap_or(timestamps)) == 0
        && uneven(timestamps) == 0
}

fn split_columns(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    let len = varint::get(content, &mut at)?;
    content.get(at..)?.split_at_checked(usize::try_from(len).ok()?)
}

#[cfg(test)]
mod tests {
    use super::is_ascending;
    use alloc::vec::Vec;

    #[test]
    fn clocks_that_stop_turn_back_or_wrap_do_not_ascend() {
        let regular: Vec<i64> = (0..100).map(|i| i * 10 - 400).collect();
        assert!(is_ascending(&regular) && is_ascending(&[5]) && is_ascending(&[i64::MIN, i64::MAX]));
        for at in [1, 5, 50, 99] {
            let mut broken = regular.clone();
            broken[at] = broken[at - 1];
            assert!(!is_ascending(&broken), "stops at {at}");
            broken[at] = regular[at] + 3;
            assert!(is_ascending(&broken), "late at {at}");
            broken[at] = -500;
            assert!(!is_ascending(&broken), "turns back at {at}");
        }
        let step = i64::MAX / 2;
        let wrapped: Vec<i64> = (0..8i64).map(|i| i.wrapping_mul(step)).collect();
        assert!(!is_ascending(&wrapped));
        assert!(!is_ascending(&[3, 2, 1]) && !is_ascending(&[0, 0, 0]));
    }
}
