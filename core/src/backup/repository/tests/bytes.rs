//! Records and pages as bytes: what is written reads back, nothing else reads, and the bytes never change.
use super::deltas::history;
use crate::backup::repository::*;
use crate::digest::Digest;
use crate::error::ErrorKind;
use crate::format::{SegmentEntry, SegmentKind, SegmentSummary};
use crate::ids::{Hash, SeriesId};
use crate::model::TimeRange;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// Segment `n` of many.
fn segment(n: u64) -> LocatedSegment {
    let summary = SegmentSummary {
        identity: Hash::of(&n.to_le_bytes()),
        len: 10_000,
        index_offset: 9_000,
        index_len: 1_000,
        points: 50,
        blocks: 4,
        series: 2,
        lsn_min: n + 1,
        lsn_max: n + 1,
        time: TimeRange { min: n as i64, max: n as i64 + 5 },
        series_min: SeriesId(1),
        series_max: SeriesId(2),
        digest: Digest { points: 50, lanes: [n, 8] },
    };
    let kind = SegmentKind::Points;
    let entry =
        SegmentEntry { kind, offset: (16 + n) * 4_096, run: n, partition_min: 0, partition_max: 0, summary };
    LocatedSegment { entry, home: Entry::new(EntryKind::Base, 0) }
}

const HOME: Entry = Entry::new(EntryKind::Delta, 1);

#[test]
fn one_segment_among_a_hundred_thousand_makes_a_page_or_two() {
    let mut items: Vec<LocatedSegment> = (0..100_000).map(|n| segment(2 * n)).collect();
    let (mut new, mut newer) = (Vec::new(), Vec::new());
    let before = write_list(&items, Entry::new(EntryKind::Base, 0), &[], &mut new).unwrap();
    assert_eq!(before.len(), new.len());
    items.insert(50_000, segment(99_999));
    assert!(items.is_sorted_by(|a, b| a.may_precede(b)));
    let after = write_list(&items, HOME, &before, &mut newer).unwrap();
    assert!((1..=2).contains(&newer.len()), "{} pages", newer.len());
    let shared = after.iter().filter(|page| before.contains(page)).count();
    assert!(shared + 2 >= before.len());
    let pages: Vec<_> = new.into_iter().chain(newer).map(|page| (page.name, page.bytes)).collect();
    let fetch =
        |page: &ListPageRef| Ok(pages.iter().find(|(name, _)| *name == page.name()).unwrap().1.as_slice());
    assert_eq!(read_list::<LocatedSegment>(&after, &mut { fetch }).unwrap(), items);
}

#[test]
fn the_bytes_of_a_page_never_change() {
    let mut new = Vec::new();
    let pages = write_list(&[segment(0), segment(1)], HOME, &[], &mut new).unwrap();
    assert_eq!(pages.len(), 1);
    assert_eq!(pages[0].hash.to_hex(), GOLDEN_PAGE);
    assert_eq!(&new[0].bytes[..12], b"CHRNLIST\x01\0\0\0");
}
const GOLDEN_PAGE: &str = "cfdccd87370d776b4e05572439b6ba700974d64644884ca091940f5f2d32fce2";

#[test]
fn every_flipped_byte_and_every_cut_of_a_page_is_damage() {
    let mut new = Vec::new();
    let pages = write_list(&[segment(0), segment(1)], HOME, &[], &mut new).unwrap();
    let bytes = &new[0].bytes;
    assert_eq!(decode_page::<LocatedSegment>(&pages[0], bytes).unwrap().len(), 2);
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x20;
        for damaged in [&flipped[..], &bytes[..at]] {
            let error = decode_page::<LocatedSegment>(&pages[0], damaged).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged);
        }
    }
}

#[test]
fn a_well_hashed_lie_in_a_page_is_damage() {
    let lies: [(&str, Vec<LocatedSegment>); 3] = [
        ("order", [segment(1), segment(0)].into()),
        ("twice", [segment(1), segment(1)].into()),
        ("home", [LocatedSegment { home: Entry::new(EntryKind::Prune, 3), ..segment(1) }].into()),
    ];
    for (name, items) in lies {
        let mut new = Vec::new();
        let pages = write_list(&items, HOME, &[], &mut new).unwrap();
        assert!(decode_page::<LocatedSegment>(&pages[0], &new[0].bytes).is_err(), "{name}");
    }
    let mut new = Vec::new();
    let pages = write_list(&[segment(1)], HOME, &[], &mut new).unwrap();
    assert!(decode_page::<MetricName>(&pages[0], &new[0].bytes).is_err(), "another kind");
    let more = ListPageRef { items: 2, ..pages[0] };
    assert!(decode_page::<LocatedSegment>(&more, &new[0].bytes).is_err(), "another count");
}

#[test]
fn the_bytes_of_a_record_never_change() {
    let (repo, _, _) = history();
    let base = &repo.objects["base/metadata.json"];
    let delta = &repo.objects["delta-005/metadata.json"];
    assert_eq!((Hash::of(base).to_hex().as_str(), Hash::of(delta).to_hex().as_str()), GOLDEN_RECORDS);
}
const GOLDEN_RECORDS: (&str, &str) = (
    "ad7521fd0c51a6cab3f985dad93244143a14381c83962f7d59d5c70420469d25",
    "8e92aa8fafe09be033772130cc79e39936cd4f2502e44aac38a886a7a503da3c",
);

#[test]
fn no_flipped_byte_of_a_record_reads_and_none_reads_under_another_name() {
    let (repo, _, _) = history();
    let bytes = &repo.objects["delta-005/metadata.json"];
    let entry = Entry::new(EntryKind::Delta, 5);
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        assert_eq!(EntryRecord::parse(entry, &bytes).unwrap_err().kind(), ErrorKind::Damaged, "byte {at}");
    }
    let error = EntryRecord::parse(Entry::new(EntryKind::Delta, 6), bytes).unwrap_err();
    assert!(error.message().contains("copied or renamed"), "{error}");
}

#[test]
fn hints_read_back_and_no_flipped_bit_does() {
    let (repo, _, _) = history();
    let record = repo.point(Entry::new(EntryKind::Delta, 5));
    let state = BackupState::after(&record, &repo.objects["delta-005/metadata.json"]);
    let manifest = Manifest {
        lineage: record.point.lineage,
        newest_number: 5,
        newest_prune: None,
        newest_moves: Some(3),
        left_out: 7,
        points: [ManifestPoint::from(&record)].into(),
    };
    let (state_bytes, manifest_bytes) = (state.to_bytes().unwrap(), manifest.to_bytes().unwrap());
    assert_eq!(BackupState::parse(&state_bytes).unwrap(), state);
    assert_eq!(Manifest::parse(&manifest_bytes).unwrap(), manifest);
    assert!(BackupState::parse(&manifest_bytes).is_err() && Manifest::parse(&state_bytes).is_err());
    for at in 0..state_bytes.len().max(manifest_bytes.len()) {
        let flipped = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            bytes.get_mut(at).map(|byte| *byte ^= 2).map(|()| bytes)
        };
        assert!(flipped(&state_bytes).is_none_or(|bytes| BackupState::parse(&bytes).is_err()));
        assert!(flipped(&manifest_bytes).is_none_or(|bytes| Manifest::parse(&bytes).is_err()));
    }
}

#[test]
fn records_of_every_kind_read_back_and_lies_in_them_do_not() {
    let moves = Entry::new(EntryKind::Moves, 7);
    let prune = Entry::new(EntryKind::Prune, 8);
    let page = ListPageRef { home: moves, hash: Hash([3; 32]), len: 500, items: 4 };
    let delta = Entry::new(EntryKind::Delta, 5);
    let good = [
        EntryRecord::Void(Void { entry: delta, job: JobId([4; 16]), created_ns: 3 }),
        EntryRecord::Moves(MovesRecord {
            entry: moves,
            job: JobId([4; 16]),
            created_ns: 3,
            file: crate::backup::FileRecord {
                name: CHANGES_FILE_NAME.into(),
                len: 70_000,
                blake3: Hash([5; 32]),
            },
            vacated: [delta].into(),
            containers: [moves].into(),
            segments: [page].into(),
        }),
        EntryRecord::Prune(PruneRecord {
            entry: prune,
            job: JobId([4; 16]),
            created_ns: 3,
            settled_below: 7,
            condemned_entries: [delta].into(),
            condemned_objects: [delta.container()].into(),
            kept: [page].into(),
        }),
    ];
    let mut seen = BTreeSet::new();
    for record in good {
        let bytes = record.to_bytes().unwrap();
        assert_eq!(EntryRecord::parse(record.entry(), &bytes).unwrap(), record);
        assert!(seen.insert(bytes));
        let lie = match record {
            EntryRecord::Moves(record) => {
                EntryRecord::Moves(MovesRecord { vacated: [moves].into(), ..record })
            }
            EntryRecord::Prune(record) => {
                EntryRecord::Prune(PruneRecord { condemned_objects: [delta.record()].into(), ..record })
            }
            _ => continue,
        };
        assert_eq!(lie.to_bytes().unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
