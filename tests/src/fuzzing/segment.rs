//! Segments and dictionary runs: header, index, blocks.
use super::{Arguments, codec};
use chronicle_core::codec::Scratch;
use chronicle_core::format::SegmentEntry;
use chronicle_core::ids::{Hash, Hash16, SeriesId, SeriesKey};
use chronicle_core::model::{Series, Tags, TimeRange};
use chronicle_core::segment::{
    BlockMeta, BuiltSegment, DictionaryBlockMeta, DictionaryBuilder, DictionaryIndex, DictionarySummary,
    SEGMENT_HEADER_BYTES, SegmentBuilder, SegmentIndex, check_block_hash, check_block_statistics,
    decode_block as core_decode_block, decode_dictionary_block as core_decode_dictionary_block,
    inspect_segment_header,
};
use chronicle_core::statistics::Statistics;
use chronicle_core::verify::{Level, verify_segment};

/// Appends the checksum that ends a block.
fn sealed(content: &[u8]) -> Vec<u8> {
    [content, &crc32fast::hash(content).to_le_bytes()].concat()
}

/// The header of a segment, its checksum made right.
pub fn decode_segment_header(data: &[u8]) {
    let mut header = data.to_vec();
    let _ = inspect_segment_header(&header);
    seal_header(&mut header);
    let _ = inspect_segment_header(&header);
}

/// The index of a segment of points.
pub fn decode_segment_index(data: &[u8]) {
    let Ok(index) = SegmentIndex::parse(None, data, None) else { return };
    assert_eq!(index.summary().identity, Hash::of(data));
    let mut end = SEGMENT_HEADER_BYTES as u64;
    let mut points = 0;
    for block in index.blocks() {
        assert_eq!(block.offset, end, "blocks follow each other");
        end += u64::from(block.len);
        points += block.stats.count;
        assert!(index.blocks_of(block.series).len() >= index.blocks_in(block.series, block.stats.time).len());
    }
    assert_eq!((end, points), (index.header().index_offset, index.summary().points));
    assert_eq!(index.series().map(|(_, blocks)| blocks.len()).sum::<usize>(), index.len());
}

/// A block of points, after what its index says of it: count less one, first and last timestamp, first and last bits.
pub fn decode_block(data: &[u8]) {
    let mut arguments = Arguments(data);
    let count = u64::from(arguments.u16()) + 1;
    let time = TimeRange { min: arguments.i64(), max: arguments.i64() };
    let (first, last) = (f64::from_bits(arguments.u64()), f64::from_bits(arguments.u64()));
    let block = sealed(arguments.0);
    let meta = BlockMeta {
        series: SeriesId(1),
        offset: SEGMENT_HEADER_BYTES as u64,
        len: block.len() as u32,
        stats: Statistics { count, time, first, last, min: first, max: last, sum: first },
        hash: Hash16::of(arguments.0),
    };
    check_block_hash(&block, &meta).unwrap();
    let (mut timestamps, mut bits) = (Vec::new(), Vec::new());
    if core_decode_block(&block, &meta, &mut timestamps, &mut bits, &mut Scratch::default()).is_ok() {
        assert!(timestamps.array_windows().all(|[a, b]| a < b));
        assert_eq!((timestamps.len() as u64, bits.len() as u64), (count, count));
        let _ = check_block_statistics(&timestamps, &bits, &meta);
    }
}

/// A whole segment, whose checksums, hashes and identity are made right after its index was read.
pub fn decode_segment(data: &[u8]) {
    let mut bytes = data.to_vec();
    seal_header(&mut bytes);
    let Ok(header) = inspect_segment_header(&bytes) else { return };
    let (start, end) = (header.index_offset as usize, header.segment_len() as usize);
    let Some(index) = bytes.get(start..end).and_then(|index| SegmentIndex::parse(None, index, None).ok())
    else {
        return;
    };
    for (number, block) in index.blocks().enumerate() {
        let Some(block) =
            bytes.get_mut(block.offset as usize..).and_then(|b| b.get_mut(..block.len as usize))
        else {
            continue;
        };
        let (content, checksum) = block.split_at_mut(block.len() - 4);
        checksum.copy_from_slice(&crc32fast::hash(content).to_le_bytes());
        let hash = Hash16::of(content);
        let at = end - 16 * (index.len() - number);
        bytes[at..at + 16].copy_from_slice(&hash.0);
    }
    let Ok(index) = SegmentIndex::parse(None, &bytes[start..end], None) else { return };
    let entry = SegmentEntry {
        kind: chronicle_core::format::SegmentKind::Points,
        offset: 1 << 16,
        run: 1,
        partition_min: 0,
        partition_max: 0,
        summary: *index.summary(),
    };
    let keys = |id: SeriesId| Some(SeriesKey(u128::from(id.0)));
    for level in [Level::Checksums, Level::Everything] {
        let report = verify_segment(&bytes, &entry, level, Some(&keys));
        assert!(report.blocks <= index.len() as u64);
    }
}

fn seal_header(bytes: &mut [u8]) {
    if bytes.len() >= SEGMENT_HEADER_BYTES {
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    }
}

pub(super) fn segment_seeds() -> Vec<Vec<u8>> {
    vec![built_segment().bytes]
}

/// The index of a dictionary run.
pub fn decode_dictionary_index(data: &[u8]) {
    let Ok(index) = DictionaryIndex::parse(None, data, None) else { return };
    let mut series = 0;
    for block in index.blocks() {
        series += block.count;
        assert!(block.first <= block.bound);
        assert_eq!(index.block_of(block.first), Some(block));
    }
    assert_eq!(series, index.summary().series);
}

/// A block of a dictionary run, after its first id, the largest it may hold, and its number of series less one.
pub fn decode_dictionary_block(data: &[u8]) {
    let mut arguments = Arguments(data);
    let (first, bound) = (SeriesId(arguments.u64()), SeriesId(arguments.u64()));
    let count = u32::from(arguments.u16()) + 1;
    let block = sealed(arguments.0);
    let meta = DictionaryBlockMeta {
        first,
        bound,
        count,
        offset: SEGMENT_HEADER_BYTES as u64,
        len: block.len() as u32,
        hash: Hash16::of(arguments.0),
    };
    let mut last = None;
    let _ = core_decode_dictionary_block(&block, &meta, |id, tags| {
        assert!(first <= id && id <= bound && last.is_none_or(|last| last < id));
        assert!(tags.array_windows().all(|[a, b]| a.0 < b.0), "tags come in order of key");
        last = Some(id);
        Ok(())
    });
}

fn built_segment() -> BuiltSegment {
    let mut builder = SegmentBuilder::new(3, 9);
    for (number, data) in codec::series().into_iter().enumerate() {
        let series = Series { metric: data.metric, tags: Tags::new(data.tags).unwrap() };
        if data.timestamps.array_windows().all(|[a, b]| a < b) {
            builder.push_series(SeriesId(number as u64), series.key(), &data.timestamps, &data.bits).unwrap();
        }
    }
    builder.finish().unwrap()
}

fn built_dictionary() -> BuiltSegment<DictionarySummary> {
    let mut builder = DictionaryBuilder::new();
    for number in 0..40u64 {
        let host = format!("host-{}", number % 7);
        let tags = Tags::new([("host", host.as_str()), ("n", &number.to_string()), ("é\n", "\u{1f4a1}")]);
        builder
            .push(SeriesId::new((number / 10) as u32, (number % 10) as u32), tags.unwrap().iter())
            .unwrap();
    }
    builder.finish().unwrap()
}

fn part(bytes: &[u8], offset: u64, len: u32) -> Vec<u8> {
    bytes[offset as usize..][..len as usize].to_vec()
}

pub(super) fn header_seeds() -> Vec<Vec<u8>> {
    let seeds = [built_segment().bytes, built_dictionary().bytes].map(|b| b[..SEGMENT_HEADER_BYTES].to_vec());
    assert!(seeds.iter().all(|seed| inspect_segment_header(seed).is_ok()));
    seeds.into()
}

pub(super) fn index_seeds() -> Vec<Vec<u8>> {
    let built = built_segment();
    let index = part(&built.bytes, built.summary.index_offset, built.summary.index_len);
    let parsed = SegmentIndex::parse(Some(&built.bytes), &index, Some(&built.summary.identity)).unwrap();
    assert_eq!(*parsed.summary(), built.summary);
    vec![index]
}

pub(super) fn block_seeds() -> Vec<Vec<u8>> {
    let built = built_segment();
    let index = part(&built.bytes, built.summary.index_offset, built.summary.index_len);
    let index = SegmentIndex::parse(None, &index, None).unwrap();
    let seed = |meta: BlockMeta| {
        let block = part(&built.bytes, meta.offset, meta.len);
        let (mut timestamps, mut bits) = (Vec::new(), Vec::new());
        core_decode_block(&block, &meta, &mut timestamps, &mut bits, &mut Scratch::default()).unwrap();
        check_block_statistics(&timestamps, &bits, &meta).unwrap();
        let stats = &meta.stats;
        let mut input = ((stats.count - 1) as u16).to_le_bytes().to_vec();
        input.extend_from_slice(&stats.time.min.to_le_bytes());
        input.extend_from_slice(&stats.time.max.to_le_bytes());
        input.extend_from_slice(&stats.first.to_bits().to_le_bytes());
        input.extend_from_slice(&stats.last.to_bits().to_le_bytes());
        input.extend_from_slice(&block[..block.len() - 4]);
        input
    };
    index.blocks().map(seed).collect()
}

pub(super) fn dictionary_index_seeds() -> Vec<Vec<u8>> {
    let built = built_dictionary();
    let index = part(&built.bytes, built.summary.index_offset, built.summary.index_len);
    let parsed = DictionaryIndex::parse(Some(&built.bytes), &index, Some(&built.summary.identity)).unwrap();
    assert_eq!(*parsed.summary(), built.summary);
    vec![index]
}

pub(super) fn dictionary_block_seeds() -> Vec<Vec<u8>> {
    let built = built_dictionary();
    let index = part(&built.bytes, built.summary.index_offset, built.summary.index_len);
    let index = DictionaryIndex::parse(None, &index, None).unwrap();
    let seed = |meta: DictionaryBlockMeta| {
        let block = part(&built.bytes, meta.offset, meta.len);
        let mut series = 0;
        core_decode_dictionary_block(&block, &meta, |_, tags| {
            series += 1;
            assert_eq!(tags.len(), 3);
            Ok(())
        })
        .unwrap();
        assert_eq!(series, meta.count);
        let mut input = meta.first.0.to_le_bytes().to_vec();
        input.extend_from_slice(&meta.bound.0.to_le_bytes());
        input.extend_from_slice(&((meta.count - 1) as u16).to_le_bytes());
        input.extend_from_slice(&block[..block.len() - 4]);
        input
    };
    index.blocks().map(seed).collect()
}
