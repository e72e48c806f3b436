//! Records of backups: JSON that ends with the hash of what is before.
use chronicle_core::backup::{FileRecord, SNAPSHOT_VERSION, SnapshotRecord};
use chronicle_core::digest::Digest;
use chronicle_core::format::EpochParent;
use chronicle_core::ids::{Chain, Epoch, Hash, Lineage};

/// Bytes of the checksum's member, which ends every record.
const CHECKSUM_LEN: usize = 85;

/// `metadata.json` of a snapshot without the member of its checksum, which is made here; and the same bytes as they are.
pub fn decode_snapshot_record(data: &[u8]) {
    let _ = SnapshotRecord::parse(data);
    let checksum = format!(",\n  \"checksum\": \"{}\"\n}}\n", Hash::of(data));
    assert_eq!(checksum.len(), CHECKSUM_LEN);
    if let Ok(record) = SnapshotRecord::parse(&[data, checksum.as_bytes()].concat()) {
        assert_eq!(SnapshotRecord::parse(&record.to_bytes().unwrap()), Ok(record));
    }
}

pub(super) fn record_seeds() -> Vec<Vec<u8>> {
    let file = |name: &str, len| FileRecord { name: name.into(), len, blake3: Hash([7; 32]) };
    let first = SnapshotRecord {
        format_version: SNAPSHOT_VERSION,
        lineage: Lineage([1; 16]),
        epoch: Epoch([2; 16]),
        parent: None,
        lsn: 100,
        commit_time_ns: 1_706_400_000_000_000_000,
        chain: Chain([3; 32]),
        complete_until_ns: 1_706_400_000_000_000_001,
        created_ns: -1,
        points_stored: 10,
        series: 2,
        segments: 2,
        digest: Some(Digest { points: 9, lanes: [1, u64::MAX] }),
        digest_reason: None,
        stored_digest: Digest { points: 10, lanes: [3, 4] },
        log_points: 1,
        files: vec![file("data.db", 1 << 20), file("data.db.wal-00000000000000000091", 128)],
    };
    let second = SnapshotRecord {
        parent: Some(EpochParent { epoch: Epoch([5; 16]), lsn: 40, chain: Chain([6; 32]) }),
        digest: None,
        digest_reason: Some("asked for \"none\"\n\u{1f4a1}".into()),
        ..first.clone()
    };
    let seed = |record: SnapshotRecord| {
        let mut bytes = record.to_bytes().unwrap();
        assert_eq!(SnapshotRecord::parse(&bytes), Ok(record));
        bytes.truncate(bytes.len() - CHECKSUM_LEN);
        bytes
    };
    [first, second].map(seed).into()
}
