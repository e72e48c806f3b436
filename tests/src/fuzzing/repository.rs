//! Claims, records, pages and hints of a delta repository.
use super::Arguments;
use chronicle_core::backup::repository::*;
use chronicle_core::backup::{FileRecord, SNAPSHOT_VERSION, SnapshotRecord};
use chronicle_core::digest::Digest;
use chronicle_core::format::{EpochParent, Policies, PolicyState, Settings, Tombstone};
use chronicle_core::head::Position;
use chronicle_core::ids::{Chain, Epoch, Hash, Lineage};

const DELTA: Entry = Entry::new(EntryKind::Delta, 5);
const JOB: JobId = JobId([4; 16]);

/// The bytes with the checksum's member behind them.
fn sealed(data: &[u8]) -> Vec<u8> {
    [data, format!(",\n  \"checksum\": \"{}\"\n}}\n", Hash::of(data)).as_bytes()].concat()
}

fn unsealed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - 85);
    bytes
}

/// A claim on number 5 without its checksum, which is made here.
pub fn decode_claim(data: &[u8]) {
    let _ = Claim::parse(5, data);
    if let Ok(claim) = Claim::parse(5, &sealed(data)) {
        assert_eq!(Claim::parse(5, &claim.to_bytes().unwrap()), Ok(claim));
    }
}

pub(super) fn claim_seeds() -> Vec<Vec<u8>> {
    let claim = Claim {
        entry: DELTA,
        job: JOB,
        lineage: Lineage([1; 16]),
        epoch: Epoch([2; 16]),
        created_ns: 1,
        is_encrypted: true,
    };
    vec![unsealed(claim.to_bytes().unwrap())]
}

/// The record of an entry without its checksum, which is made here; the first byte says which entry.
pub fn decode_entry_record(data: &[u8]) {
    let mut arguments = Arguments(data);
    let kinds = [EntryKind::Base, EntryKind::Delta, EntryKind::Prune, EntryKind::Moves];
    let byte = arguments.u8();
    let entry = Entry::new(kinds[usize::from(byte) % 4], u64::from(byte / 4));
    if entry.check().is_err() {
        return;
    }
    let _ = EntryRecord::parse(entry, arguments.0);
    if let Ok(record) = EntryRecord::parse(entry, &sealed(arguments.0)) {
        assert_eq!(EntryRecord::parse(entry, &record.to_bytes().unwrap()), Ok(record));
    }
}

/// A record of an encrypted repository, as everybody reads it.
fn encrypted(record: EntryRecord) -> EntryRecord {
    let EntryRecord::Point(mut point) = record else { return record };
    let recipients = vec!["age1one".into(), "age1two".into()];
    let part = Encryption { recipients, key: Some(Hash([4; 32])), inner: vec![1, 2, 3], is_withheld: true };
    point.encryption = Some(part);
    let bytes = EntryRecord::Point(point.clone()).to_bytes().unwrap();
    EntryRecord::parse(point.entry, &bytes).unwrap()
}

pub(super) fn entry_record_seeds() -> Vec<Vec<u8>> {
    let (moves, prune) = (Entry::new(EntryKind::Moves, 7), Entry::new(EntryKind::Prune, 8));
    let page = ListPageRef { home: DELTA, hash: Hash([3; 32]), len: 500, items: 4 };
    let records = [
        (5 * 4 + 1, EntryRecord::Void(Void { entry: DELTA, job: JOB, created_ns: 3 })),
        (
            7 * 4 + 3,
            EntryRecord::Moves(MovesRecord {
                entry: moves,
                job: JOB,
                created_ns: 3,
                file: FileRecord { name: CHANGES_FILE_NAME.into(), len: 70_000, blake3: Hash([5; 32]) },
                vacated: vec![DELTA],
                containers: vec![moves],
                segments: vec![page],
            }),
        ),
        (
            8 * 4 + 2,
            EntryRecord::Prune(PruneRecord {
                entry: prune,
                job: JOB,
                created_ns: 3,
                settled_below: 6,
                condemned_entries: vec![DELTA],
                condemned_objects: vec![DELTA.container()],
                kept: vec![page],
            }),
        ),
    ];
    let mut seeds: Vec<Vec<u8>> = records
        .into_iter()
        .map(|(byte, record)| [vec![byte], unsealed(record.to_bytes().unwrap())].concat())
        .collect();
    for point in [point(), encrypted(point())] {
        seeds.push([vec![5 * 4 + 1], unsealed(point.to_bytes().unwrap())].concat());
    }
    seeds
}

/// The log object of a delta.
fn log() -> LogObject {
    LogObject {
        home: DELTA,
        epoch: Epoch([2; 16]),
        first_lsn: 4,
        last_lsn: 9,
        first_commit_time_ns: 10,
        last_commit_time_ns: 100,
        after_chain: Chain([1; 32]),
        chain: Chain([2; 32]),
        len: 1_000,
        blake3: Hash([6; 32]),
        attached: Some((5, 7)),
        shipped: None,
    }
}

/// A delta with a container, a log, a gap and a page.
fn point() -> EntryRecord {
    let log = log();
    let file = |name: String, len, blake3| FileRecord { name, len, blake3 };
    let point = SnapshotRecord {
        format_version: SNAPSHOT_VERSION,
        lineage: Lineage([1; 16]),
        epoch: log.epoch,
        parent: None,
        lsn: log.last_lsn,
        commit_time_ns: log.last_commit_time_ns,
        chain: log.chain,
        complete_until_ns: 101,
        created_ns: -1,
        points_stored: 10,
        series: 2,
        segments: 2,
        digest: None,
        digest_reason: Some("asked for none".into()),
        stored_digest: Digest { points: 10, lanes: [3, 4] },
        log_points: 1,
        files: vec![
            file(CHANGES_FILE_NAME.into(), 1 << 20, Hash([8; 32])),
            file(log.name().file.to_string(), log.len, log.blake3),
        ],
    };
    let previous = EpochParent { epoch: log.epoch, lsn: 2, chain: Chain([7; 32]) };
    EntryRecord::Point(Box::new(PointRecord {
        entry: DELTA,
        job: JOB,
        point,
        previous: Some(PreviousPoint { entry: Entry::new(EntryKind::Base, 0), at: previous }),
        lists: ListRefs {
            segments: vec![ListPageRef { home: DELTA, hash: Hash([3; 32]), len: 500, items: 2 }],
            ..ListRefs::default()
        },
        containers: vec![Entry::new(EntryKind::Base, 0), DELTA],
        checkpoint: Position { lsn: 5, commit_time_ns: 20, chain: Chain([9; 32]) },
        replay: vec![log],
        log: Some(log),
        gap: Some(Gap { first_lsn: 3, last_lsn: 3 }),
        settings: Settings {
            partition_duration_ns: 3_600_000_000_000,
            retention_ns: None,
            retention_bytes: Some(1 << 40),
            retention_suspended: false,
        },
        policies: Policies::default(),
        policy_state: PolicyState::default(),
        database_created_ns: 0,
        encryption: None,
    }))
}

/// A page of a list: its kind and count, then its items, under right checksums.
pub fn decode_list_page(data: &[u8]) {
    let mut arguments = Arguments(data);
    let (kind, items) = (u32::from(arguments.u8() % 5), u32::from(arguments.u16()));
    let mut bytes = LIST_PAGE_MAGIC.to_vec();
    bytes.extend_from_slice(&kind.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(arguments.0).to_le_bytes());
    bytes.extend_from_slice(arguments.0);
    let page = ListPageRef { home: DELTA, hash: Hash::of(&bytes), len: bytes.len() as u32, items };
    match kind {
        1 => check_page::<LocatedSegment>(&page, &bytes),
        2 => check_page::<Tombstone>(&page, &bytes),
        3 => check_page::<MetricName>(&page, &bytes),
        _ => check_page::<KeptObject>(&page, &bytes),
    }
}

fn check_page<T: ListItem + PartialEq + std::fmt::Debug>(page: &ListPageRef, bytes: &[u8]) {
    if let Ok(items) = decode_page::<T>(page, bytes) {
        let mut new = Vec::new();
        let pages = write_list(&items, DELTA, &[], &mut new).unwrap();
        let of = |page: &ListPageRef| {
            new.iter().find(|new| new.name == page.name()).map(|new| new.bytes.as_slice())
        };
        let again: Vec<T> = read_list(&pages, &mut |page: &ListPageRef| Ok(of(page).unwrap())).unwrap();
        assert_eq!(again, items);
    }
}

pub(super) fn list_page_seeds() -> Vec<Vec<u8>> {
    let mut new = Vec::new();
    let names = ["cpu", "memory"].map(|name| MetricName(name.into()));
    write_list(&names, DELTA, &[], &mut new).unwrap();
    write_list(&[KeptObject::Log(log())], DELTA, &[], &mut new).unwrap();
    let seed = |(page, (kind, items)): (&NewPage, (u8, u16))| {
        [&[kind], items.to_le_bytes().as_slice(), &page.bytes[LIST_PAGE_HEADER_LEN..]].concat()
    };
    let counts = [(3, 2), (4, 1)];
    assert_eq!(new.len(), counts.len());
    new.iter().zip(counts).map(seed).collect()
}

/// `manifest.json` and `state.json` without their checksum, which is made here.
pub fn decode_hints(data: &[u8]) {
    let sealed = sealed(data);
    if let Ok(manifest) = Manifest::parse(&sealed) {
        assert_eq!(Manifest::parse(&manifest.to_bytes().unwrap()), Ok(manifest));
    }
    if let Ok(state) = BackupState::parse(&sealed) {
        assert_eq!(BackupState::parse(&state.to_bytes().unwrap()), Ok(state));
    }
}

/// A slot without its checksum, which is made here.
pub fn decode_slot(data: &[u8]) {
    let _ = BackupSlot::parse(data);
    if let Ok(slot) = BackupSlot::parse(&sealed(data)) {
        let _ = slot.hold(slot.lineage, Epoch([1; 16]), 1);
        // A place that is too long to be written is left out.
        let written = BackupSlot { place: slot.place.clone().filter(|place| place.len() <= 512), ..slot };
        assert_eq!(BackupSlot::parse(&written.to_bytes().unwrap()), Ok(written));
    }
}

pub(super) fn slot_seeds() -> Vec<Vec<u8>> {
    let sent = EpochParent { epoch: Epoch([2; 16]), lsn: 9, chain: Chain([3; 32]) };
    let empty = BackupSlot::new(Lineage([1; 16]));
    let full = BackupSlot {
        job: Some((JOB, 5)),
        sent: Some(sent),
        place: Some("/backup/repo".into()),
        wal_slot_bytes_max: Some(1 << 30),
        ..empty.clone()
    };
    [empty, full].iter().map(|slot| unsealed(slot.to_bytes().unwrap())).collect()
}

pub(super) fn hint_seeds() -> Vec<Vec<u8>> {
    let at = EpochParent { epoch: Epoch([2; 16]), lsn: 9, chain: Chain([3; 32]) };
    let state = BackupState { lineage: Lineage([1; 16]), entry: DELTA, record: Hash([7; 32]), at };
    let point =
        ManifestPoint { entry: DELTA, epoch: Epoch([2; 16]), lsn: 9, commit_time_ns: -1, bytes: 1 << 40 };
    let manifest = Manifest {
        lineage: Lineage([1; 16]),
        newest_number: 8,
        newest_prune: Some(6),
        newest_moves: None,
        left_out: 7,
        points: vec![point],
    };
    vec![unsealed(state.to_bytes().unwrap()), unsealed(manifest.to_bytes().unwrap())]
}

/// A note without its checksum, which is made here: of a proof, the newest proofs, or a destination.
pub fn decode_proof(data: &[u8]) {
    let bytes = sealed(data);
    let _ = (ProofNote::parse(DELTA, data), NewestProofs::parse(data), DestinationNote::parse(data));
    if let Ok(note) = ProofNote::parse(DELTA, &bytes) {
        assert_eq!(ProofNote::parse(DELTA, &note.to_bytes().unwrap()), Ok(note));
    }
    if let Ok(proofs) = NewestProofs::parse(&bytes) {
        assert_eq!(NewestProofs::parse(&proofs.to_bytes().unwrap()), Ok(proofs));
    }
    if let Ok(note) = DestinationNote::parse(&bytes) {
        assert_eq!(DestinationNote::parse(&note.to_bytes().unwrap()), Ok(note));
    }
}

pub(super) fn proof_seeds() -> Vec<Vec<u8>> {
    let note = ProofNote { entry: DELTA, record: Hash([3; 32]), verified_ns: 5, restored_ns: Some(7) };
    let newest = NewestProofs::default().with(note, true);
    let destination = DestinationNote {
        several_writers: true,
        passed: vec!["put.create".to_owned()],
        failed: vec!["hash.right".to_owned()],
        tried_ns: 9,
    };
    let destination = unsealed(destination.to_bytes().unwrap());
    vec![unsealed(note.to_bytes().unwrap()), unsealed(newest.to_bytes().unwrap()), destination]
}
