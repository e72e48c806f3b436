//! Segments that are damaged, cut short or made up: every one is refused, none costs a panic or memory.
use super::super::index_bytes::{Columns, Head};
use super::*;
use crate::ids::Hash16;
use crate::statistics::Statistics;

#[test]
fn every_flipped_bit_is_noticed() {
    let original = build(&small());
    for at in 0..original.bytes.len() * 8 {
        let mut segment = original.clone();
        segment.bytes[at / 8] ^= 1 << (at % 8);
        assert_eq!(read(&segment).unwrap_err().kind(), ErrorKind::Damaged, "byte {}", at / 8);
    }
}

#[test]
fn a_flip_under_a_new_checksum_is_noticed_by_the_hash() {
    let segment = build(&small());
    for meta in open(&segment).unwrap().blocks() {
        let block = block_bytes(&segment.bytes, &meta);
        for at in 0..block.len() - 4 {
            let mut forged = block[..block.len() - 4].to_vec();
            forged[at] ^= 0x20;
            block::seal_block(&mut forged, 0);
            check_block(&forged, &meta).unwrap();
            assert!(check_block_hash(&forged, &meta).is_err(), "byte {at}");
        }
    }
}

#[test]
fn truncated_and_lengthened_bytes_are_refused() {
    let segment = build(&small());
    let index = &segment.bytes[segment.summary.index_offset as usize..];
    for len in 0..index.len() {
        assert!(SegmentIndex::parse(None, &index[..len], None).is_err(), "{len} of {}", index.len());
        assert!(SegmentIndex::parse(Some(&segment.bytes[..len.min(63)]), index, None).is_err());
    }
    let longer: Vec<u8> = index.iter().copied().chain([0]).collect();
    assert!(SegmentIndex::parse(None, &longer, None).is_err());
    let meta = open(&segment).unwrap().meta(0).unwrap();
    let block = block_bytes(&segment.bytes, &meta);
    for len in 0..block.len() {
        let short = &block[..len];
        assert!(check_block(short, &meta).is_err());
        // With a length and a checksum that agree, the columns themselves have to notice.
        let mut sealed = short.to_vec();
        block::seal_block(&mut sealed, 0);
        let meta = BlockMeta { len: sealed.len() as u32, ..meta };
        if len + 4 < block.len() {
            let (mut t, mut b) = (Vec::new(), Vec::new());
            assert!(decode_block(&sealed, &meta, &mut t, &mut b, &mut Scratch::default()).is_err(), "{len}");
        }
    }
}

#[test]
fn a_header_that_the_index_does_not_imply_is_refused_though_its_checksum_is_right() {
    let segment = build(&small());
    let index = &segment.bytes[segment.summary.index_offset as usize..];
    let right = open(&segment).unwrap().header();
    let parse =
        |header: SegmentHeader| SegmentIndex::parse(Some(&header.to_bytes()), index, None).map(|_| ());
    assert_eq!(parse(right), Ok(()));
    let features = SegmentFeatures { compatible: 1, ..right.features };
    for wrong in [
        SegmentHeader { kind: SegmentKind::Dictionary, ..right },
        SegmentHeader { features, ..right },
        SegmentHeader { index_offset: right.index_offset + 1, ..right },
        SegmentHeader { index_len: right.index_len - 1, ..right },
    ] {
        assert_eq!(parse(wrong).unwrap_err().kind(), ErrorKind::Damaged, "{wrong:?}");
    }
}

#[test]
fn a_block_that_lies_is_refused_though_its_checksum_is_right() {
    let decode = |timestamps: &[i64], values: &[u64], change: fn(&mut BlockMeta)| {
        let (mut bytes, mut scratch) = (Vec::new(), Scratch::default());
        block::encode_block(timestamps, values, &mut bytes, &mut Vec::new(), &mut scratch);
        let stats = Statistics::of(&[1, 2, 3], &[10, 20, 30]).unwrap();
        let (series, hash) = (SeriesId(1), Hash16::default());
        let mut meta = BlockMeta { series, offset: 64, len: bytes.len() as u32, stats, hash };
        change(&mut meta);
        let (mut t, mut b) = (Vec::new(), Vec::new());
        decode_block(&bytes, &meta, &mut t, &mut b, &mut scratch)?;
        check_block_statistics(&t, &b, &meta)
    };
    assert_eq!(decode(&[1, 2, 3], &[10, 20, 30], |_| ()), Ok(()), "the base of the lies is sound");
    for (what, result) in [
        ("a repeated time", decode(&[1, 1, 3], &[10, 20, 30], |_| ())),
        ("another first time", decode(&[0, 2, 3], &[10, 20, 30], |_| ())),
        ("another last time", decode(&[1, 2, 4], &[10, 20, 30], |_| ())),
        ("another first value", decode(&[1, 2, 3], &[11, 20, 30], |_| ())),
        ("another last value", decode(&[1, 2, 3], &[10, 20, 31], |_| ())),
        ("another sum", decode(&[1, 2, 3], &[10, 21, 30], |_| ())),
        ("fewer values than times", decode(&[1, 2, 3], &[10, 20], |_| ())),
        ("more points than counted", decode(&[1, 2, 3], &[10, 20, 30], |meta| meta.stats.count = 2)),
        ("no points", decode(&[1, 2, 3], &[10, 20, 30], |meta| meta.stats.count = 0)),
        ("points beyond memory", decode(&[1, 2, 3], &[10, 20, 30], |meta| meta.stats.count = 1 << 40)),
        ("another length", decode(&[1, 2, 3], &[10, 20, 30], |meta| meta.len += 1)),
    ] {
        assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::Damaged), "{what}");
    }
}

/// An index made up by hand, with a right identity: three blocks of two series.
fn lie(change: impl FnOnce(&mut Head, &mut Columns)) -> Result<SegmentIndex> {
    let mut columns = Columns::default();
    for (id, min, max, count) in [(1, 0, 9, 10), (1, 10, 40, 3), (2, 5, 5, 1)] {
        let time = TimeRange { min, max };
        let stats = Statistics { count, time, first: 1.0, last: 1.0, min: 1.0, max: 1.0, sum: 3.0 };
        columns.push(SeriesId(id), 100, &stats, Hash16([7; 16]));
    }
    let mut head =
        Head { points: 14, series: 2, lsn_min: 1, lsn_max: 2, time_min: 0, time_span: 40, lanes: [1, 2] };
    change(&mut head, &mut columns);
    let mut bytes = Vec::new();
    columns.write(&head, &mut bytes, &mut Scratch::default());
    SegmentIndex::parse(None, &bytes, Some(&Hash::of(&bytes)))
}

type Lie = fn(&mut Head, &mut Columns);

#[test]
fn an_index_that_lies_is_refused_though_its_identity_is_right() {
    assert_eq!(lie(|_, _| ()).unwrap().len(), 3, "the base of the lies is sound");
    let lies: [(&str, Lie); 18] = [
        ("unsorted ids", |_, c| c.series[2] = 0),
        ("negative ids are large ones", |_, c| c.series[0] = -1),
        ("another number of series", |h, _| h.series = 3),
        ("overlapping times", |_, c| c.time_min[1] = 9),
        ("times out of order", |_, c| c.time_min.swap(0, 1)),
        ("more points than nanoseconds", |_, c| c.time_span[0] = 8),
        ("a span for one point", |_, c| c.time_span[2] = 1),
        ("time past the end", |_, c| c.time_min[2] = i64::MAX - 1),
        ("a negative span", |_, c| c.time_span[1] = -1),
        ("another range", |h, _| h.time_span = 41),
        ("another start", |h, _| h.time_min = 1),
        ("count 0", |h, c| (h.points, c.counts[2]) = (13, 0)),
        ("count above the maximum", |h, c| (h.points, c.counts[1]) = (11 + 65_537, 65_537)),
        ("count below 0", |_, c| c.counts[1] = -3),
        ("another number of points", |h, _| h.points = 15),
        ("a block of no bytes", |_, c| c.lens[0] = 0),
        ("a block before the header", |_, c| c.lens[0] = -64),
        ("a block beyond the segment", |_, c| c.lens[1] = 1 << 32),
    ];
    for (what, change) in lies {
        assert_eq!(lie(change).map(|_| ()).unwrap_err().kind(), ErrorKind::Damaged, "{what}");
    }
    assert!(lie(|h, _| h.lsn_max = u64::MAX).is_ok());
}

#[test]
fn a_huge_block_count_costs_no_memory() {
    let mut bytes = Vec::new();
    columns::put_prelude(&mut bytes, SegmentKind::Points);
    bytes.extend_from_slice(&[14, 2, 1, 1, 0, 40]);
    bytes.extend_from_slice(&[0; 16]);
    crate::codec::varint::put(&mut bytes, u64::MAX >> 8);
    bytes.extend_from_slice(&[0; 64]);
    let error = SegmentIndex::parse(None, &bytes, None).unwrap_err();
    assert!(error.message().contains("blocks are impossible"), "{error}");
}

#[test]
fn the_index_of_another_kind_is_not_taken_for_points() {
    let segment = build(&small());
    let index = &segment.bytes[segment.summary.index_offset as usize..];
    assert_eq!(DictionaryIndex::parse(None, index, None).unwrap_err().kind(), ErrorKind::Damaged);
    for (at, value) in [(0, 1), (1, 3), (4, 1)] {
        let mut newer = index.to_vec();
        newer[at] = value;
        assert_eq!(SegmentIndex::parse(None, &newer, None).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn mutated_bytes_never_panic_or_give_points_that_break_the_rules() {
    let mut next = noise(5);
    let run =
        |id, n: i64| (id, (0..n).map(|t| t * 10).collect::<Vec<_>>(), (0..n as u64).collect::<Vec<_>>());
    let original = build(&alloc::vec![run(1, 40), run(2, 3), run(3, 900)]);
    let (offset, mut parsed, mut decoded) = (original.summary.index_offset as usize, 0, 0);
    let (mut timestamps, mut bits, mut scratch) = (Vec::new(), Vec::new(), Scratch::default());
    let metas: Vec<BlockMeta> = open(&original).unwrap().blocks().collect();
    for _ in 0..20_000 {
        let mut index = original.bytes[offset..].to_vec();
        for _ in 0..=next() % 3 {
            let at = next() as usize % index.len();
            index[at] = next() as u8;
        }
        if let Ok(index) = SegmentIndex::parse(None, &index, None) {
            parsed += 1;
            assert!(index.blocks().map(|meta| meta.stats.count).sum::<u64>() == index.summary().points);
        }
        let meta = &metas[next() as usize % metas.len()];
        let mut block = block_bytes(&original.bytes, meta).to_vec();
        block.truncate(block.len() - 4);
        let at = next() as usize % block.len();
        block[at] = next() as u8;
        block::seal_block(&mut block, 0);
        if decode_block(&block, meta, &mut timestamps, &mut bits, &mut scratch).is_ok() {
            decoded += 1;
            assert!(timestamps.len() as u64 == meta.stats.count && timestamps.is_sorted());
        }
    }
    assert!(
        parsed > 100 && decoded > 100,
        "{parsed} {decoded}: the mutations must reach past the first checks"
    );
}
