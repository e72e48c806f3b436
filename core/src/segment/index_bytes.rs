//! The index of a segment of points as bytes: a head and columns over its blocks. Checks of meaning are in
//! [`super::index`]; this file only knows the order of things.
use super::block::{BLOCK_BYTES_MIN, stored_values};
use super::columns::{self, Reader};
use super::header::{SegmentFeatures, SegmentKind};
use crate::codec::{Scratch, varint};
use crate::digest::Digest;
use crate::error::Result;
use crate::ids::{Hash16, Lsn, SeriesId};
use crate::statistics::Statistics;
use alloc::vec::Vec;

/// What an index says about the whole segment, beyond what its columns add up to.
pub(super) struct Head {
    pub(super) points: u64,
    pub(super) series: u32,
    pub(super) lsn_min: Lsn,
    pub(super) lsn_max: Lsn,
    pub(super) time_min: i64,
    pub(super) time_span: u64,
    pub(super) lanes: [u64; 2],
}

impl Head {
    pub(super) fn digest(&self) -> Digest {
        Digest { points: self.points, lanes: self.lanes }
    }
}

/// Columns of an index while it is written.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) series: Vec<i64>,
    pub(super) counts: Vec<i64>,
    pub(super) time_min: Vec<i64>,
    pub(super) time_span: Vec<i64>,
    pub(super) lens: Vec<i64>,
    pub(super) values: [Vec<u64>; 5],
    pub(super) hashes: Vec<Hash16>,
}

impl Columns {
    pub(super) fn push(&mut self, series: SeriesId, len: u32, stats: &Statistics, hash: Hash16) {
        // Bits are kept: ids and spans beyond i63 wrap here and wrap back when they are read.
        self.series.push(series.0 as i64);
        self.counts.push(stats.count as i64);
        self.time_min.push(stats.time.min);
        self.time_span.push(stats.time.max.wrapping_sub(stats.time.min));
        self.lens.push(i64::from(len));
        self.values.iter_mut().zip(stored_values(stats)).for_each(|(column, bits)| column.push(bits));
        self.hashes.push(hash);
    }

    pub(super) fn blocks(&self) -> usize {
        self.hashes.len()
    }

    pub(super) fn write(&self, head: &Head, out: &mut Vec<u8>, scratch: &mut Scratch) {
        columns::put_prelude(out, SegmentKind::Points);
        varint::put(out, head.points);
        varint::put(out, u64::from(head.series));
        varint::put(out, head.lsn_min);
        varint::put(out, head.lsn_max.saturating_sub(head.lsn_min));
        varint::put(out, varint::zigzag(head.time_min));
        varint::put(out, head.time_span);
        head.lanes.iter().for_each(|lane| out.extend_from_slice(&lane.to_le_bytes()));
        varint::put(out, self.blocks() as u64);
        for column in [&self.series, &self.counts, &self.time_min, &self.time_span, &self.lens] {
            columns::put_integers(out, column, scratch);
        }
        for column in &self.values {
            columns::put_values(out, column, scratch);
        }
        self.hashes.iter().for_each(|hash| out.extend_from_slice(&hash.0));
    }
}

/// Columns of an index as they were read: right in number and form, not yet in meaning.
pub(super) struct RawIndex {
    pub(super) features: SegmentFeatures,
    pub(super) head: Head,
    pub(super) series: Vec<i64>,
    pub(super) counts: Vec<i64>,
    pub(super) time_min: Vec<i64>,
    pub(super) time_span: Vec<i64>,
    /// One more than there are blocks; the last one is where the index starts.
    pub(super) offsets: Vec<u32>,
    pub(super) values: [Vec<u64>; 5],
    pub(super) hashes: Vec<Hash16>,
}

impl RawIndex {
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let features = reader.prelude(SegmentKind::Points)?;
        let points = reader.varint("number of points")?;
        let series = reader.varint_u32("number of series")?;
        let lsn_min = reader.varint("lsn_min")?;
        let lsn_max = lsn_min.checked_add(reader.varint("lsn_max")?);
        let lsn_max = lsn_max.ok_or_else(|| crate::error::Error::damaged("lsn_max passes 64 bits"))?;
        let time_min = varint::unzigzag(reader.varint("time range")?);
        let time_span = reader.varint("time range")?;
        let lanes = [reader.u64("digest")?, reader.u64("digest")?];
        let head = Head { points, series, lsn_min, lsn_max, time_min, time_span, lanes };
        let count = reader.block_count()?;
        Ok(Self {
            features,
            head,
            series: reader.integers(count, "series ids")?,
            counts: reader.integers(count, "point counts")?,
            time_min: reader.integers(count, "time_min")?,
            time_span: reader.integers(count, "time_max")?,
            offsets: reader.block_offsets(count, BLOCK_BYTES_MIN, bytes.len() as u64)?,
            values: [
                reader.values(count, "first")?,
                reader.values(count, "last")?,
                reader.values(count, "min")?,
                reader.values(count, "max")?,
                reader.values(count, "sum")?,
            ],
            hashes: reader.hashes(count)?,
        })
    }
}
