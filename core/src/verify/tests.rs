//! Sound copies are sound, and no changed byte of a copy goes unnoticed.
use super::*;
use crate::backup::PackPlan;
use crate::backup::tests::host::{Host, SECOND, example, points};
use crate::digest::Digest;
use crate::engine::Selector;
use crate::error::ErrorKind;
use crate::format::{HEADER_AREA_LEN, LogExpectation, LogStart, SegmentEntry, SegmentKind, Superblock};
use crate::head::Position;
use crate::ids::{Chain, Hash};
use crate::model::{Point, TimeRange};
use crate::segment::{BuiltSegment, SegmentBuilder};
use crate::source::{ByteRange, Source, Step};
use alloc::string::ToString;
use alloc::vec::Vec;
use proptest::prelude::*;

/// Checks data and log as a host does. With `end` the log has to end there, as a record says.
fn verify(
    host: &Host,
    packed: bool,
    level: Level,
    keys: Option<Keys<'_>>,
    end: Option<Position>,
) -> VerifyReport {
    let mut report = VerifyReport::default();
    let area = &host.data[..host.data.len().min(HEADER_AREA_LEN as usize)];
    let header = verify_header(area, host.data.len() as u64, packed);
    let superblock = header.superblock.clone();
    report.merge(header);
    let Some(superblock) = superblock else { return report };
    let Step::Ready(catalog) = verify_catalog(&superblock, &mut host.data.as_slice()) else {
        panic!("everything is at hand");
    };
    let segments = catalog.segments.clone();
    report.merge(catalog);
    for entry in &segments {
        report.merge(verify_segment(read(host, entry.extent()), entry, level, keys));
    }
    if packed {
        for gap in unaccounted(&superblock, &segments) {
            report.merge(verify_zeros(gap.offset, read(host, gap)));
        }
    }
    report.merge(verify_logs(host, &superblock, level, end));
    report
}

fn verify_logs(host: &Host, superblock: &Superblock, level: Level, end: Option<Position>) -> VerifyReport {
    let root = &superblock.root;
    let checkpoint = Position { lsn: root.lsn, commit_time_ns: root.commit_time_ns, chain: root.chain };
    let LogStart::From { first_lsn, .. } = root.log else { return VerifyReport::default() };
    let mut report = VerifyReport::default();
    let mut at = None;
    let count = host.logs.range(first_lsn..).count();
    for (index, (&first_lsn, bytes)) in host.logs.range(first_lsn..).enumerate() {
        let expected = LogExpectation {
            lineage: superblock.lineage,
            epoch: superblock.epoch,
            first_lsn,
            chain: at.map(|at: Position| at.chain),
            commit_time_ns: at.map_or(i64::MIN, |at| at.commit_time_ns),
            known_durable_lsn: root.durable_lsn,
        };
        let log = verify_log(bytes, &expected, &checkpoint, index + 1 == count, level);
        at = Some(log.end);
        report.merge(log);
    }
    if let (Some(end), Some(at)) = (end, at)
        && (end.lsn, end.chain) != (at.lsn, at.chain)
    {
        let error = crate::error::Error::damaged("the log ends elsewhere than the record says");
        report.findings.add(&"log", &error, Affected::default());
    }
    report
}

fn read(host: &Host, range: ByteRange) -> &[u8] {
    let start = (range.offset as usize).min(host.data.len());
    &host.data[start..(range.end() as usize).min(host.data.len())]
}

/// A small packed copy with a log, and where that log ends.
fn small_copy() -> (Host, Position) {
    let mut host = Host::create();
    let mut engine = host.open();
    host.write(&mut engine, &points(0, 40));
    host.seal(&mut engine);
    host.write(&mut engine, &points(10, 40));
    host.delete(&mut engine, &Selector::metric("cpu"), TimeRange::new(Some(0), Some(9 * SECOND)));
    host.seal(&mut engine);
    host.write(&mut engine, &points(60, 9));
    host.write(&mut engine, &[Point::new("disk", 1, 2.0)]);
    let snapshot = engine.snapshot();
    (host.pack(&PackPlan::new(&snapshot).unwrap()), snapshot.position)
}

#[test]
fn a_sound_copy_is_sound_at_every_level_and_counts_what_it_holds() {
    let (host, mut engine) = example();
    let snapshot = engine.snapshot();
    let plan = PackPlan::new(&snapshot).unwrap();
    let copy = host.pack(&plan);
    host.load_names(&mut engine);
    let keys = |id| engine.series_key(id);
    for (host, packed) in [(&host, false), (&copy, true)] {
        for level in [Level::Checksums, Level::Everything] {
            let report = verify(host, packed, level, Some(&keys), Some(snapshot.position));
            assert!(report.is_sound(), "{report}");
            assert_eq!(report.torn, None);
            assert_eq!(report.segments, snapshot.segments().count() as u64);
            assert!(
                report.points_stored >= 500 && report.log_commits == 4 && report.log_points == 321 || !packed
            );
            assert!(report.to_string().ends_with("sound"));
        }
    }
    let report = verify(&copy, true, Level::Checksums, None, None);
    let record = copy.record(&plan, Digest::default(), report.log_points);
    assert_eq!(record.points_stored, report.points_stored);
    record.ends_at(&snapshot.position).unwrap();
    assert!(record.ends_at(&Position { chain: Chain([9; 32]), ..snapshot.position }).is_err());
}

/// No byte of a packed copy is outside every check: not one is on a list of exceptions.
#[test]
fn every_flipped_byte_of_a_packed_copy_is_noticed_by_verify_and_by_its_record() {
    let (mut copy, end) = small_copy();
    let (superblock, _) = crate::format::newest(&copy.data).unwrap();
    let used = copy.data.iter().rposition(|&byte| byte != 0).unwrap();
    let lsn = *copy.logs.keys().next().unwrap();
    let recorded = [Hash::of(&copy.data), Hash::of(&copy.logs[&lsn])];
    let mut flips = 0;
    for at in 0..copy.data.len() {
        // Of long runs of zeros, where every byte is checked in the same way, some are enough.
        let zeros =
            copy.data[at.saturating_sub(8)..(at + 8).min(copy.data.len())].iter().all(|&byte| byte == 0);
        if zeros && at % 509 != 0 && at != used + 9 {
            continue;
        }
        copy.data[at] ^= 1 << (at % 8);
        let report = verify(&copy, true, Level::Checksums, None, Some(end));
        assert_ne!(Hash::of(&copy.data), recorded[0]);
        copy.data[at] ^= 1 << (at % 8);
        assert!(!report.is_sound(), "byte {at} of data.db");
        flips += 1;
    }
    assert!(flips > 2_000, "{flips} bytes of data.db were tried");
    for at in 0..copy.logs[&lsn].len() {
        copy.logs.get_mut(&lsn).unwrap()[at] ^= 1 << (at % 8);
        let report = verify_logs(&copy, &superblock, Level::Checksums, Some(end));
        assert_ne!(Hash::of(&copy.logs[&lsn]), recorded[1]);
        copy.logs.get_mut(&lsn).unwrap()[at] ^= 1 << (at % 8);
        assert!(!report.is_sound(), "byte {at} of the log");
    }
}

#[test]
fn a_copy_that_was_cut_or_added_to_is_noticed() {
    let (copy, end) = small_copy();
    let check = |copy: &Host| verify(copy, true, Level::Checksums, None, Some(end)).is_sound();
    assert!(check(&copy));
    for len in [0, 5, 128, 40_000, 65_536, 70_000, copy.data.len() - 1, copy.data.len() + 1] {
        let mut other = copy.clone();
        other.data.resize(len, 0);
        assert!(!check(&other), "data.db of {len} bytes");
    }
    let lsn = *copy.logs.keys().next().unwrap();
    for len in (0..copy.logs[&lsn].len()).step_by(8) {
        let mut other = copy.clone();
        other.logs.get_mut(&lsn).unwrap().truncate(len);
        assert!(!check(&other), "log of {len} bytes");
    }
}

#[test]
fn damage_in_several_places_is_several_findings_with_their_data() {
    let (mut host, mut engine) = example();
    let entries: Vec<SegmentEntry> =
        engine.snapshot().segments().filter(|entry| entry.kind == SegmentKind::Points).copied().collect();
    // A byte of the first block of each segment, and the header of the first.
    for entry in &entries {
        host.data[entry.offset as usize + 70] ^= 4;
    }
    host.data[entries[0].offset as usize + 20] ^= 4;
    let report = verify(&host, false, Level::Checksums, None, None);
    assert_eq!(report.findings.count(), 3, "{report}");
    for finding in report.findings.iter() {
        assert_eq!(finding.kind, ErrorKind::Damaged);
        assert!(finding.place.starts_with("segment "), "{finding}");
    }
    let block = report.findings.iter().find(|finding| finding.place.ends_with("block at 64")).unwrap();
    let (first, last) = block.affected.series.unwrap();
    assert!(first == last && engine.series_key(first).is_some());
    assert!(block.to_string().contains("1970-01-01T00:0"), "{block}");
    assert!(report.points_stored > 0, "blocks beside it still count");
}

#[test]
fn many_findings_are_counted_and_not_kept() {
    let mut findings = Findings::default();
    for at in 0..1_000 {
        findings.merge(verify_zeros(at, &[1]));
    }
    assert_eq!((findings.iter().count(), findings.count()), (FINDINGS_MAX, 1_000));
    assert!(findings.to_string().contains("and 900 more"));
}

fn built() -> (BuiltSegment, SegmentEntry) {
    let mut builder = SegmentBuilder::new(1, 1);
    let (timestamps, bits): (Vec<i64>, Vec<u64>) = (0..50i64).map(|i| (i, (i as f64).to_bits())).unzip();
    let key = crate::ids::SeriesKey(7);
    builder.push_series(crate::ids::SeriesId(3), key, &timestamps, &bits).unwrap();
    let segment = builder.finish().unwrap();
    let summary = segment.summary;
    let entry = SegmentEntry {
        kind: SegmentKind::Points,
        offset: 65_536,
        run: 1,
        partition_min: 0,
        partition_max: 0,
        summary,
    };
    (segment, entry)
}

#[test]
fn a_writer_that_gave_points_to_another_series_is_found_by_the_stored_digest() {
    let (segment, entry) = built();
    let digest_with = |key: u128| {
        let keys = move |_| Some(crate::ids::SeriesKey(key));
        verify_segment(&segment.bytes, &entry, Level::Everything, Some(&keys)).findings.count()
    };
    assert_eq!((digest_with(7), digest_with(8)), (0, 1));
    let undefined = verify_segment(&segment.bytes, &entry, Level::Everything, Some(&|_| None));
    assert!(undefined.findings.to_string().contains("no definition"));
}

#[test]
fn a_forged_block_passes_its_checksum_and_not_its_hash() {
    let (mut segment, entry) = built();
    let end = entry.summary.index_offset as usize - 4;
    segment.bytes[70] ^= 1;
    let crc = crc32fast::hash(&segment.bytes[64..end]);
    segment.bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(verify_segment(&segment.bytes, &entry, Level::Checksums, None).findings.count(), 0);
    assert_eq!(verify_segment(&segment.bytes, &entry, Level::Everything, None).findings.count(), 1);
}

#[test]
fn a_catalog_that_is_not_at_hand_is_asked_for_in_one_round() {
    struct Nothing;
    impl Source for Nothing {
        fn read(&mut self, _: ByteRange) -> crate::error::Result<Option<&[u8]>> {
            Ok(None)
        }
    }
    let (copy, _) = small_copy();
    let (superblock, _) = crate::format::newest(&copy.data).unwrap();
    match verify_catalog(&superblock, &mut Nothing) {
        Step::Missing(ranges) => assert_eq!(ranges.len(), superblock.root.pages.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_copy_whose_log_lost_its_end_is_damaged_whether_a_record_says_so_or_not() {
    let (mut copy, end) = small_copy();
    let log = copy.logs.values_mut().next().unwrap();
    log.truncate(log.len() - 16);
    let report = verify(&copy, true, Level::Checksums, None, None);
    assert!(!report.is_sound() && report.torn.is_none(), "{report}");
    assert!(!verify(&copy, true, Level::Checksums, None, Some(end)).is_sound());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_are_findings_and_never_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..4_000),
        keep in 0usize..200,
    ) {
        let (segment, entry) = built();
        let mut mixed = segment.bytes[..keep.min(segment.bytes.len())].to_vec();
        mixed.extend_from_slice(&bytes);
        mixed.resize(segment.bytes.len(), 0);
        prop_assume!(mixed != segment.bytes);
        prop_assert!(verify_segment(&mixed, &entry, Level::Everything, None).findings.count() > 0);
        prop_assert!(verify_header(&bytes, bytes.len() as u64, true).findings.count() > 0);
        let (copy, _) = small_copy();
        let (superblock, _) = crate::format::newest(&copy.data).unwrap();
        let lsn = *copy.logs.keys().next().unwrap();
        let mut other = copy.clone();
        let log = other.logs.get_mut(&lsn).unwrap();
        let at = keep.min(log.len());
        log.truncate(at);
        log.extend_from_slice(&bytes);
        let report = verify_logs(&other, &superblock, Level::Everything, Some(Position::default()));
        prop_assert!(!report.is_sound());
    }
}
