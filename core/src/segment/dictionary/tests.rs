//! Dictionary runs as a whole.
use super::super::block::seal_block;
use super::super::columns;
use super::super::{BuiltSegment, SegmentIndex, SegmentKind};
use super::*;
use crate::codec::{Scratch, varint};
use crate::error::{ErrorKind, Result};
use crate::ids::Hash16;
use crate::model::Tags;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

type Rows = Vec<(u64, Tags)>;

fn build(rows: &Rows) -> BuiltSegment<DictionarySummary> {
    let mut builder = DictionaryBuilder::new();
    rows.iter().for_each(|(id, tags)| builder.push(SeriesId(*id), tags.iter()).unwrap());
    builder.finish().unwrap()
}

fn read(run: &BuiltSegment<DictionarySummary>) -> Result<Rows> {
    let index = &run.bytes[run.summary.index_offset as usize..];
    let index = DictionaryIndex::parse(Some(&run.bytes[..64]), index, Some(&run.summary.identity))?;
    let mut rows = Rows::new();
    for meta in index.blocks() {
        let block = &run.bytes[meta.offset as usize..][..meta.len as usize];
        check_dictionary_block(block, &meta)?;
        check_dictionary_block_hash(block, &meta)?;
        decode_dictionary_block(block, &meta, |id, tags| {
            rows.push((id.0, Tags::new(tags.iter().copied())?));
            Ok(())
        })?;
    }
    assert_eq!(index.summary(), &run.summary);
    Ok(rows)
}

fn small() -> Rows {
    let tags = |pairs: &[(&str, &str)]| Tags::new(pairs.iter().copied()).unwrap();
    alloc::vec![
        (0, Tags::default()),
        (3, tags(&[("host", "a"), ("a", "host")])),
        (4, tags(&[("host", "line\nbreak, \"quote\""), ("µ", "日本")])),
        (u64::MAX, tags(&[("host", "a")])),
    ]
}

#[test]
fn definitions_come_back_over_several_blocks() {
    let many: Rows = (0..10_000u64)
        .map(|i| {
            let host = format!("host_{}", i / 10);
            (i * 2, Tags::new([("host", host.as_str()), ("field", "usage_user"), ("region", "eu")]).unwrap())
        })
        .collect();
    for rows in [small(), many] {
        let run = build(&rows);
        assert_eq!(read(&run).unwrap(), rows);
        assert_eq!(run.summary.blocks as usize, rows.len().div_ceil(4_096));
        assert_eq!(run, build(&rows), "the same definitions give the same bytes");
    }
    assert!(DictionaryBuilder::new().finish().is_none());
}

#[test]
fn a_series_is_found_in_its_block() {
    let rows: Rows = (0..5_000u64).map(|i| (10 + i * 2, Tags::default())).collect();
    let run = build(&rows);
    let index = DictionaryIndex::parse(None, &run.bytes[run.summary.index_offset as usize..], None).unwrap();
    assert_eq!(index.block_of(SeriesId(10)), index.meta(0));
    assert_eq!(index.block_of(SeriesId(10 + 4_999 * 2)), index.meta(1));
    assert_eq!(index.block_of(SeriesId(9)), None);
    assert_eq!(index.block_of(SeriesId(u64::MAX)), None);
    assert!(index.memory_bytes() < 1_024);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let original = build(&small());
    for at in 0..original.bytes.len() * 8 {
        let mut run = original.clone();
        run.bytes[at / 8] ^= 1 << (at % 8);
        assert_eq!(read(&run).unwrap_err().kind(), ErrorKind::Damaged, "byte {}", at / 8);
    }
}

#[test]
fn the_maxima_of_the_format_are_kept_when_writing() {
    let long: String = "x".repeat(65_536);
    let mut builder = DictionaryBuilder::new();
    let kind = |result: Result<()>| result.unwrap_err().kind();
    assert_eq!(
        kind(builder.push(SeriesId(1), Tags::new([("k", long.as_str())]).unwrap().iter())),
        ErrorKind::LimitExceeded
    );
    let many = Tags::new((0..1_025).map(|i| (format!("{i}"), "v"))).unwrap();
    assert_eq!(kind(builder.push(SeriesId(1), many.iter())), ErrorKind::LimitExceeded);
    builder.push(SeriesId(1), Tags::new([("k", &long[1..])]).unwrap().iter()).unwrap();
    assert_eq!(kind(builder.push(SeriesId(1), Tags::default().iter())), ErrorKind::InvalidInput);
    assert_eq!(read(&builder.finish().unwrap()).unwrap().len(), 1);
}

/// Decodes a block made up by hand (strings, then entries), with right length and checksum.
fn decode(strings: &[&[u8]], entries: &[u64], count: u32) -> Result<usize> {
    let mut bytes = Vec::new();
    varint::put(&mut bytes, strings.len() as u64);
    for string in strings {
        varint::put(&mut bytes, string.len() as u64);
        bytes.extend_from_slice(string);
    }
    entries.iter().for_each(|entry| varint::put(&mut bytes, *entry));
    seal_block(&mut bytes, 0);
    let meta = DictionaryBlockMeta {
        first: SeriesId(5),
        bound: SeriesId(9),
        count,
        offset: 64,
        len: bytes.len() as u32,
        hash: Hash16::default(),
    };
    let mut seen = 0;
    decode_dictionary_block(&bytes, &meta, |_, _| {
        seen += 1;
        Ok(())
    })?;
    Ok(seen)
}

#[test]
fn a_block_that_lies_is_refused_though_its_checksum_is_right() {
    let (a, b): (&[u8], &[u8]) = (b"a", b"b");
    assert_eq!(decode(&[a, b], &[5, 1, 0, 1, 4, 1, 0, 0], 2), Ok(2), "the base of the lies is sound");
    let long = [b'x'; 65_536];
    type Lie<'a> = (&'a str, &'a [&'a [u8]], &'a [u64], u32);
    let lies: [Lie<'_>; 13] = [
        ("another first id", &[a, b], &[4, 1, 0, 1], 1),
        ("an id beyond the block", &[a, b], &[5, 1, 0, 1, 5, 0], 2),
        ("a repeated id", &[a, b], &[5, 1, 0, 1, 0, 0], 2),
        ("an id past 64 bits", &[a, b], &[5, 1, 0, 1, u64::MAX, 0], 2),
        ("fewer series than counted", &[a, b], &[5, 1, 0, 1], 2),
        ("more series than counted", &[a, b], &[5, 1, 0, 1, 1, 0], 1),
        ("a reference to nothing", &[a, b], &[5, 1, 0, 2], 1),
        ("strings out of first use", &[a, b], &[5, 1, 1, 0], 1),
        ("an unused string", &[a, b], &[5, 1, 0, 0], 1),
        ("keys that do not ascend", &[a, b], &[5, 2, 0, 1, 0, 1], 1),
        ("too many tags", &[a, b], &[5, 1_025, 0, 1], 1),
        ("an empty string", &[a, b""], &[5, 1, 0, 1], 1),
        ("a string above the maximum", &[a, &long], &[5, 1, 0, 1], 1),
    ];
    for (what, strings, entries, count) in lies {
        assert_eq!(decode(strings, entries, count).unwrap_err().kind(), ErrorKind::Damaged, "{what}");
    }
    assert_eq!(decode(&[a, &[0xff]], &[5, 1, 0, 1], 1).unwrap_err().kind(), ErrorKind::Damaged, "UTF-8");
}

/// An index made up by hand: two blocks, ids 5.. and 20.., the last id 30.
fn lie(
    series: u64,
    series_max: u64,
    firsts: [i64; 2],
    counts: [i64; 2],
    lens: [i64; 2],
) -> Result<DictionaryIndex> {
    let mut bytes = Vec::new();
    columns::put_prelude(&mut bytes, SegmentKind::Dictionary);
    [series, series_max, 2].iter().for_each(|number| varint::put(&mut bytes, *number));
    for column in [firsts, counts, lens] {
        columns::put_integers(&mut bytes, &column, &mut Scratch::default());
    }
    bytes.extend_from_slice(&[9; 32]);
    DictionaryIndex::parse(None, &bytes, Some(&Hash::of(&bytes)))
}

#[test]
fn an_index_that_lies_is_refused_though_its_identity_is_right() {
    assert_eq!(lie(13, 30, [5, 20], [10, 3], [50, 50]).unwrap().len(), 2, "the base of the lies is sound");
    for (what, index) in [
        ("another number of series", lie(14, 30, [5, 20], [10, 3], [50, 50])),
        ("blocks out of order", lie(13, 30, [20, 5], [10, 3], [50, 50])),
        ("more series than ids", lie(19, 30, [5, 20], [16, 3], [50, 50])),
        ("an end before the last block", lie(13, 21, [5, 20], [10, 3], [50, 50])),
        ("an empty block", lie(10, 30, [5, 20], [10, 0], [50, 50])),
        ("a block of too many series", lie(4_107, 90_000, [5, 20], [10, 4_097], [50, 50])),
        ("a block of no bytes", lie(13, 30, [5, 20], [10, 3], [50, 0])),
        ("a block beyond the segment", lie(13, 30, [5, 20], [10, 3], [50, i64::MAX])),
    ] {
        assert_eq!(index.map(|_| ()).unwrap_err().kind(), ErrorKind::Damaged, "{what}");
    }
}

#[test]
fn a_dictionary_is_not_taken_for_points() {
    let run = build(&small());
    let index = &run.bytes[run.summary.index_offset as usize..];
    assert_eq!(SegmentIndex::parse(None, index, None).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn the_bytes_of_the_format_never_change() {
    let run = build(&small());
    assert_eq!(Hash::of(&run.bytes).to_hex(), SMALL_BYTES);
}
const SMALL_BYTES: &str = "e4895911184c59aad6a53dea033e192c6b1becff0578b00550db4b7009dfaeef";
