//! `metadata.json`: what is written reads back, and nothing else reads.
use crate::backup::{FileRecord, RECORD_LEN_MAX, SnapshotRecord};
use crate::digest::Digest;
use crate::error::ErrorKind;
use crate::format::EpochParent;
use crate::ids::{Chain, Epoch, Hash, Lineage};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use proptest::prelude::*;

fn record() -> SnapshotRecord {
    let file = |name: &str| FileRecord { name: name.to_string(), len: u64::MAX, blake3: Hash([7; 32]) };
    SnapshotRecord {
        format_version: 0,
        lineage: Lineage([1; 16]),
        epoch: Epoch([2; 16]),
        parent: Some(EpochParent { epoch: Epoch([3; 16]), lsn: 4, chain: Chain([5; 32]) }),
        lsn: u64::MAX - 1,
        commit_time_ns: 1_706_400_000_123_456_789,
        chain: Chain([6; 32]),
        complete_until_ns: i64::MAX,
        created_ns: -1,
        points_stored: 1 << 60,
        series: 3,
        segments: 2,
        digest: None,
        digest_reason: Some("not \"computed\"\n\u{1f600}".to_string()),
        stored_digest: Digest { points: 1 << 60, lanes: [1, u64::MAX] },
        log_points: 8,
        files: alloc::vec![file("data.db"), file("data.db.wal-00000000000000000042")],
    }
}

fn text(record: &SnapshotRecord) -> String {
    String::from_utf8(record.to_bytes().unwrap()).unwrap()
}

/// Replaces text in a record and makes its seal right again, as a newer or hostile writer would.
fn forged(from: &str, to: &str) -> Vec<u8> {
    let text = text(&record());
    assert!(text.contains(from), "{from}");
    let sealed = &text[..text.rfind(",\n  \"checksum\"").unwrap()];
    let sealed = sealed.replace(from, to);
    alloc::format!("{sealed},\n  \"checksum\": \"{}\"\n}}\n", Hash::of(sealed.as_bytes())).into_bytes()
}

#[test]
fn a_record_reads_back() {
    let record = record();
    assert_eq!(SnapshotRecord::parse(&record.to_bytes().unwrap()).unwrap(), record);
    let with_digest =
        SnapshotRecord { digest: Some(Digest::default()), digest_reason: None, parent: None, ..record };
    assert_eq!(SnapshotRecord::parse(&with_digest.to_bytes().unwrap()).unwrap(), with_digest);
}

#[test]
fn the_bytes_of_a_record_never_change() {
    let text = text(&record());
    assert!(
        text.starts_with("{\n  \"format_version\": 0,\n  \"kind\": \"snapshot\",\n  \"lineage\": \"0101")
    );
    assert!(text.contains("\"commit_time\": \"2024-01-28T00:00:00.123456789Z\""), "{text}");
    // The recipe of the documentation: BLAKE3 of all but the last 85 bytes.
    let (sealed, seal) = text.as_bytes().split_at(text.len() - 85);
    let expected = alloc::format!(",\n  \"checksum\": \"{}\"\n}}\n", Hash::of(sealed));
    assert_eq!(seal, expected.as_bytes());
    assert_eq!(Hash::of(text.as_bytes()).to_hex(), GOLDEN);
}
const GOLDEN: &str = "b095941e33c157a3e9039ec03413d3c02e998537d4bdc10dc0d36a00b381c4c4";

#[test]
fn every_flipped_bit_and_every_cut_of_a_record_is_damage() {
    let bytes = record().to_bytes().unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            assert_eq!(SnapshotRecord::parse(&bytes).unwrap_err().kind(), ErrorKind::Damaged, "byte {at}");
        }
        assert_eq!(SnapshotRecord::parse(&bytes[..at]).unwrap_err().kind(), ErrorKind::Damaged, "cut {at}");
    }
    let longer = [bytes.as_slice(), b" "].concat();
    assert!(SnapshotRecord::parse(&longer).is_err());
}

#[test]
fn a_well_sealed_lie_is_refused() {
    let cases = [
        ("newer", "\"format_version\": 0", "\"format_version\": 1", ErrorKind::Unsupported),
        ("kind", "\"kind\": \"snapshot\"", "\"kind\": \"delta\"", ErrorKind::Unsupported),
        ("negative version", "\"format_version\": 0", "\"format_version\": -1", ErrorKind::Damaged),
        ("duplicate", "\"series\": \"3\"", "\"series\": \"3\", \"series\": \"4\"", ErrorKind::Damaged),
        ("missing", "\"series\": \"3\",", "", ErrorKind::Damaged),
        ("number", "\"series\": \"3\"", "\"series\": 3", ErrorKind::Damaged),
        ("plus", "\"series\": \"3\"", "\"series\": \"+3\"", ErrorKind::Damaged),
        ("zeros", "\"series\": \"3\"", "\"series\": \"003\"", ErrorKind::Damaged),
        ("overflow", "\"series\": \"3\"", "\"series\": \"18446744073709551616\"", ErrorKind::Damaged),
        ("upper case", &"07".repeat(32), &"0A".repeat(32), ErrorKind::Damaged),
        ("short id", "\"lineage\": \"01", "\"lineage\": \"", ErrorKind::Damaged),
        ("other time", "2024-01-28T", "2025-01-28T", ErrorKind::Damaged),
        ("future parent", "\"lsn\": \"18446744073709551614\"", "\"lsn\": \"3\"", ErrorKind::Damaged),
        ("path", "data.db.wal-", "../data.db.wal-", ErrorKind::Damaged),
        ("absolute", "\"data.db\"", "\"/etc/passwd\"", ErrorKind::Damaged),
        ("same name", "data.db.wal-00000000000000000042", "data.db", ErrorKind::Damaged),
        ("lsn 0", "wal-00000000000000000042", "wal-00000000000000000000", ErrorKind::Damaged),
        ("no reason", "\"digest_reason\": \"not", "\"other\": \"not", ErrorKind::Damaged),
        ("digest count", "\"1152921504606846976-", "\"1-", ErrorKind::Damaged),
        ("an array", "{\n  \"format_version\"", "[{\n  \"format_version\"", ErrorKind::Damaged),
    ];
    for (name, from, to, kind) in cases {
        let error = SnapshotRecord::parse(&forged(from, to)).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert_eq!(error.place(), Some("metadata.json"), "{name}");
    }
}

#[test]
fn unknown_members_are_passed_over() {
    let bytes = forged("\"series\": \"3\"", "\"series\": \"3\", \"later\": {\"deep\": [1, null]}");
    assert_eq!(SnapshotRecord::parse(&bytes).unwrap(), record());
}

#[test]
fn deep_nesting_and_great_length_are_errors_and_no_overflow() {
    let deep = alloc::format!("\"series\": \"3\", \"later\": {}", "[".repeat(200_000));
    assert_eq!(
        SnapshotRecord::parse(&forged("\"series\": \"3\"", &deep)).unwrap_err().kind(),
        ErrorKind::Damaged
    );
    let long = alloc::vec![b' '; RECORD_LEN_MAX + 1];
    assert!(SnapshotRecord::parse(&long).unwrap_err().message().contains("at most"));
}

#[test]
fn a_record_that_no_reader_would_accept_is_not_written() {
    type Change = fn(&mut SnapshotRecord);
    let cases: [(&str, Change); 7] = [
        ("version", |record| record.format_version = 1),
        ("no files", |record| record.files.clear()),
        ("no log", |record| record.files.truncate(1)),
        ("order", |record| record.files.reverse()),
        ("separator", |record| record.files[1].name = "a/data.db.wal-00000000000000000042".into()),
        ("before its end", |record| record.complete_until_ns = 0),
        ("its own parent", |record| record.parent.as_mut().unwrap().epoch = record.epoch),
    ];
    for (name, change) in cases {
        let mut record = record();
        change(&mut record);
        assert_eq!(record.to_bytes().unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
    }
}

proptest! {
    #[test]
    fn random_bytes_are_no_record(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        prop_assert!(SnapshotRecord::parse(&bytes).is_err());
    }

    #[test]
    fn random_json_behind_a_good_seal_is_an_error(inner in "[\\[\\]{}\":,0-9a-z .-]{0,120}") {
        let sealed = alloc::format!("{{{inner}");
        let bytes = alloc::format!("{sealed},\n  \"checksum\": \"{}\"\n}}\n", Hash::of(sealed.as_bytes()));
        prop_assert!(SnapshotRecord::parse(bytes.as_bytes()).is_err());
    }
}
