//! Segments of points as a whole: what goes in comes out, in few bytes that never change.
mod damage;

use super::*;
use crate::codec::Scratch;
use crate::digest::Digest;
use crate::error::{ErrorKind, Result};
use crate::ids::{Hash, SeriesId, SeriesKey};
use crate::model::TimeRange;
use alloc::vec::Vec;

type Rows = Vec<(u64, Vec<i64>, Vec<u64>)>;

fn key(id: SeriesId) -> SeriesKey {
    SeriesKey(u128::from(id.0) << 64 | 77)
}

fn build(rows: &Rows) -> BuiltSegment {
    let mut builder = SegmentBuilder::new(3, 9);
    for (id, timestamps, bits) in rows {
        builder.push_series(SeriesId(*id), key(SeriesId(*id)), timestamps, bits).unwrap();
    }
    builder.finish().unwrap()
}

fn open(segment: &BuiltSegment) -> Result<SegmentIndex> {
    let (header, index) = (&segment.bytes[..64], &segment.bytes[segment.summary.index_offset as usize..]);
    SegmentIndex::parse(Some(header), index, Some(&segment.summary.identity))
}

fn block_bytes<'a>(segment: &'a [u8], meta: &BlockMeta) -> &'a [u8] {
    &segment[meta.offset as usize..meta.offset as usize + meta.len as usize]
}

/// Reads everything with every check there is.
fn read(segment: &BuiltSegment) -> Result<Rows> {
    let index = open(segment)?;
    let (mut rows, mut digest) = (Rows::new(), Digest::default());
    let (mut timestamps, mut bits, mut scratch) = (Vec::new(), Vec::new(), Scratch::default());
    for meta in index.blocks() {
        let block = block_bytes(&segment.bytes, &meta);
        check_block(block, &meta)?;
        check_block_hash(block, &meta)?;
        decode_block(block, &meta, &mut timestamps, &mut bits, &mut scratch)?;
        check_block_statistics(&timestamps, &bits, &meta)?;
        digest.add(key(meta.series), &timestamps, &bits);
        match rows.last_mut() {
            Some((id, t, b)) if *id == meta.series.0 => {
                t.extend_from_slice(&timestamps);
                b.extend_from_slice(&bits);
            }
            _ => rows.push((meta.series.0, timestamps.clone(), bits.clone())),
        }
    }
    assert_eq!(digest, segment.summary.digest);
    Ok(rows)
}

fn round_trip(rows: Rows) -> BuiltSegment {
    let segment = build(&rows);
    assert_eq!(read(&segment).unwrap(), rows);
    assert_eq!(open(&segment).unwrap().summary(), &segment.summary);
    assert_eq!(segment.summary.len, segment.bytes.len() as u64);
    assert_eq!(segment.summary.points, rows.iter().map(|(_, t, _)| t.len() as u64).sum::<u64>());
    segment
}

/// Deterministic noise.
fn noise(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }
}

fn small() -> Rows {
    let value = |x: f64| x.to_bits();
    alloc::vec![
        (1, alloc::vec![-5, 0, 7], alloc::vec![value(1.5), value(2.0), value(-0.0)]),
        (2, alloc::vec![100], alloc::vec![value(21.5)]),
        (7 << 32, alloc::vec![1, 2], alloc::vec![value(f64::NAN), value(1.0)]),
    ]
}

#[test]
fn one_point_comes_back() {
    let segment = round_trip(alloc::vec![(5, alloc::vec![42], alloc::vec![1.5f64.to_bits()])]);
    assert_eq!((segment.summary.blocks, segment.summary.series), (1, 1));
    assert!(SegmentBuilder::new(1, 1).finish().is_none());
}

#[test]
fn a_thousand_series_come_back() {
    let mut next = noise(1);
    let rows = (0..1_000u64)
        .map(|id| {
            let points = 1 + next() % 20;
            let timestamps = (0..points as i64).map(|t| t * 1_000 + (next() % 999) as i64).collect();
            (id * 3, timestamps, (0..points).map(|_| next()).collect())
        })
        .collect();
    assert_eq!(round_trip(rows).summary.series, 1_000);
}

#[test]
fn the_ends_of_time_and_every_bit_pattern_come_back() {
    let hostile = [
        f64::NAN.to_bits(),
        0x7ff0_0000_0000_0001,
        0xfff8_dead_beef_0001,
        f64::INFINITY.to_bits(),
        f64::NEG_INFINITY.to_bits(),
        (-0.0f64).to_bits(),
        0,
        1,
        f64::MAX.to_bits(),
        f64::MIN.to_bits(),
        u64::MAX,
    ];
    let mut timestamps = alloc::vec![i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    timestamps.extend(10..14);
    timestamps.sort_unstable();
    let rows = alloc::vec![
        (0, timestamps, hostile.to_vec()),
        (u64::MAX, alloc::vec![i64::MAX], alloc::vec![hostile[2]]),
    ];
    let segment = round_trip(rows);
    assert_eq!(segment.summary.time, TimeRange::ALL);
    assert_eq!(segment.summary.series_max, SeriesId(u64::MAX));
}

#[test]
fn a_run_is_cut_into_equal_blocks_near_the_target() {
    for (points, blocks) in
        [(1, [1].as_slice()), (5_000, &[5_000]), (5_121, &[2_560, 2_561]), (8_640, &[4_320, 4_320])]
    {
        let rows = alloc::vec![(
            1,
            (0..points as i64).collect(),
            (0..points).map(|i| (i as f64).to_bits()).collect()
        )];
        let segment = round_trip(rows);
        let counts: Vec<u64> = open(&segment).unwrap().blocks().map(|meta| meta.stats.count).collect();
        assert_eq!(counts, blocks);
    }
}

#[test]
fn the_same_points_give_the_same_bytes_whichever_nan_the_processor_makes() {
    let inf = [f64::INFINITY, f64::NEG_INFINITY].map(f64::to_bits).to_vec();
    let segment = build(&alloc::vec![(1, alloc::vec![1, 2], inf)]);
    let meta = open(&segment).unwrap().meta(0).unwrap();
    assert_eq!(meta.stats.sum.to_bits(), block::NAN_BITS);
}

#[test]
fn points_out_of_order_never_get_into_a_segment() {
    let mut builder = SegmentBuilder::new(1, 1);
    let mut push = |id, timestamps: &[i64], bits: &[u64]| {
        builder.push_series(SeriesId(id), SeriesKey(0), timestamps, bits).map_err(|error| error.kind())
    };
    assert_eq!(push(5, &[1, 2], &[0, 0]), Ok(()));
    assert_eq!(push(5, &[2], &[0]), Err(ErrorKind::InvalidInput), "same time again");
    assert_eq!(push(4, &[9], &[0]), Err(ErrorKind::InvalidInput), "smaller id");
    assert_eq!(push(6, &[2, 2], &[0, 0]), Err(ErrorKind::InvalidInput), "repeated time");
    assert_eq!(push(6, &[2, 3], &[0]), Err(ErrorKind::InvalidInput), "a value short");
    assert_eq!(push(5, &[3], &[0]), Ok(()), "the same series, later");
    let segment = builder.finish().unwrap();
    assert_eq!((segment.summary.points, segment.summary.series, segment.summary.blocks), (3, 1, 2));
    open(&segment).unwrap();
}

#[test]
fn encoded_blocks_pass_through_unchanged() {
    let original = build(&small());
    let index = open(&original).unwrap();
    let copy = |damage: bool| -> Result<BuiltSegment> {
        let mut builder = SegmentBuilder::new(3, 9);
        for meta in index.blocks() {
            let mut block = block_bytes(&original.bytes, &meta).to_vec();
            if damage {
                // A checksum that is right for wrong bytes must not launder them.
                block[1] ^= 1;
                block.truncate(block.len() - 4);
                block::seal_block(&mut block, 0);
            }
            builder.push_encoded_block(meta.series, key(meta.series), &block, &meta)?;
        }
        Ok(builder.finish().unwrap())
    };
    assert_eq!(copy(false).unwrap(), original);
    assert_eq!(copy(true).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn blocks_are_found_by_series_and_time() {
    let run = |id| (id, (0..20_000i64).collect::<Vec<_>>(), (0..20_000).collect::<Vec<u64>>());
    let segment = build(&alloc::vec![run(3), run(8)]);
    let index = open(&segment).unwrap();
    assert_eq!(index.blocks_of(SeriesId(3)), 0..4);
    assert_eq!(index.blocks_of(SeriesId(8)), 4..8);
    assert!(index.blocks_of(SeriesId(5)).is_empty());
    assert_eq!(index.series().collect::<Vec<_>>(), [(SeriesId(3), 0..4), (SeriesId(8), 4..8)]);
    let found = |min, max| index.blocks_in(SeriesId(8), TimeRange { min, max });
    assert_eq!(found(5_000, 5_000), 5..6);
    assert_eq!(found(4_999, 5_000), 4..6);
    assert_eq!(found(i64::MIN, i64::MAX), 4..8);
    assert!(found(20_000, 30_000).is_empty() && found(-9, -1).is_empty() && found(9, 3).is_empty());
    assert!(index.memory_bytes() < 8 * 128 + 1_024);
}

#[test]
fn an_index_beyond_one_piece_of_the_codec_comes_back() {
    let mut builder = SegmentBuilder::new(1, 1);
    for id in 0..70_000u64 {
        builder.push_series(SeriesId(id), SeriesKey(0), &[id as i64], &[id]).unwrap();
    }
    let segment = builder.finish().unwrap();
    let index = open(&segment).unwrap();
    let meta = index.meta(69_999).unwrap();
    assert_eq!((meta.stats.time.min, meta.stats.sum.to_bits()), (69_999, 69_999));
    assert_eq!(index.summary(), &segment.summary);
}

#[test]
fn summaries_survive_serialization() {
    let summary = build(&small()).summary;
    let bytes = postcard::to_allocvec(&summary).unwrap();
    assert_eq!(postcard::from_bytes::<crate::format::SegmentSummary>(&bytes).unwrap(), summary);
}

#[test]
fn the_bytes_of_the_format_never_change() {
    let segment = build(&small());
    assert_eq!(segment.summary.identity.to_hex(), SMALL_IDENTITY);
    assert_eq!(Hash::of(&segment.bytes).to_hex(), SMALL_BYTES);
}
const SMALL_IDENTITY: &str = "7368833280ba01e834ba89756c5b1ebe9345e3e85afa2eaad3bcb408081a1267";
const SMALL_BYTES: &str = "af14daec30ae86a372526784fa34dcd18e8361dc40dcf38695586466da19abba";

#[test]
fn an_index_costs_at_most_42_bytes_a_block_on_metrics() {
    let mut next = noise(9);
    let mut builder = SegmentBuilder::new(1, 1);
    for id in 0..40 {
        let mut level = 5_000i64;
        let timestamps: Vec<i64> =
            (0..8_640).map(|i| 1_767_225_600_000_000_000 + i * 10_000_000_000).collect();
        let walk = timestamps.iter().map(|_| {
            level = (level + (next() % 401) as i64 - 200).clamp(0, 10_000);
            (level as f64 / 100.0).to_bits()
        });
        let bits: Vec<u64> = walk.collect();
        builder.push_series(SeriesId::new(1, id), SeriesKey(u128::from(id)), &timestamps, &bits).unwrap();
    }
    let summary = builder.finish().unwrap().summary;
    assert_eq!(summary.blocks, 80);
    assert!(summary.index_len <= 42 * summary.blocks, "{} bytes a block", summary.index_len / summary.blocks);
}
