//! What a repository costs that has many points: requests and bytes, which travel from machine to machine as times don't.
use chronicle::backup::repository::{Moment, PointRecord};
use chronicle::backup::{DeltaReport, Repository, plan_delta_restore, restore_delta_backup};
use chronicle::destination::{Bytes, Destination, Job, MemoryDestination, ObjectName, PutMode};
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, Point, RestoreConfig};
use chronicle_core::backup::repository::{Claim, Entry, EntryKind, EntryRecord, JobId, claim_name};
use chronicle_tests::metered::{Asked, Metered};
use std::sync::Arc;

type Store = Arc<Metered<MemoryDestination>>;

fn store() -> Store {
    Arc::new(Metered::new(MemoryDestination::new()))
}

fn open(folder: &std::path::Path) -> Db {
    let config = Config { background: false, durability: chronicle::Durability::Os, ..Config::default() };
    Db::open(folder.join("data.db"), config).unwrap()
}

fn backup(db: &Db, store: &Store) -> DeltaReport {
    let config = DeltaBackupConfig::to_destination(store.clone()).continue_newest();
    BackupManager::new(db).create_delta_backup_with(&config, &|_, _| {}).unwrap()
}

fn put(store: &Store, name: impl ToString, bytes: &[u8]) {
    let name = ObjectName::new(name.to_string()).unwrap();
    let _ = store.inner.put(&name, &Bytes(bytes), PutMode::Overwrite.by(Job([0; 16]))).unwrap();
}

/// Points without news, as backups that run while nothing is written leave them.
fn idle(store: &Store, after: &PointRecord, count: u64) -> PointRecord {
    let mut record = after.clone();
    let job = JobId([7; 16]);
    for _ in 0..count {
        let entry = Entry::new(EntryKind::Delta, record.number() + 1);
        record.previous = Some(record.as_previous());
        (record.entry, record.job) = (entry, job);
        (record.log, record.gap) = (None, None);
        (record.point.files, record.point.log_points) = (Vec::new(), 0);
        let (lineage, epoch) = (record.point.lineage, record.point.epoch);
        let claim = Claim { entry, job, lineage, epoch, created_ns: 0, is_encrypted: false };
        put(store, claim_name(entry.number), &claim.to_bytes().unwrap());
        put(store, entry.record(), &EntryRecord::Point(Box::new(record.clone())).to_bytes().unwrap());
    }
    record
}

/// 10,000 points: every 400th has something new, with some commits each.
struct Long {
    _folder: tempfile::TempDir,
    db: Db,
    store: Store,
    /// The moments that backups with something new ended with.
    ends: Vec<(u64, i64)>,
}

const POINTS: u64 = 10_000;

fn long() -> Long {
    let folder = tempfile::tempdir().unwrap();
    let (db, store) = (open(folder.path()), store());
    let mut ends = Vec::new();
    for phase in 0..POINTS / 400 {
        for commit in 0..5 {
            let time = (phase * 5 + commit) as i64;
            db.write(Point::new("cpu", time, time as f64)).unwrap();
        }
        if phase % 3 == 1 {
            db.checkpoint().unwrap();
        }
        // The manifest that this backup finds is 400 points old: what a program that died often leaves.
        let record = backup(&db, &store).record;
        ends.push((record.point.lsn, record.point.commit_time_ns));
        idle(&store, &record, 399);
    }
    // Whoever finds an old manifest makes it anew.
    backup(&db, &store);
    store.asked();
    Long { _folder: folder, db, store, ends }
}

fn asked(store: &Store, work: impl FnOnce()) -> Asked {
    store.asked();
    work();
    store.asked()
}

#[test]
fn ten_thousand_points_cost_few_requests_wherever_one_looks() {
    let long = long();
    let store = &long.store;
    // Nothing is new: a record, its claim, and hints that do not grow.
    let cost = asked(store, || assert_eq!(backup(&long.db, store).bytes, 0));
    assert!(cost.requests <= 40 && cost.put < 100 << 10, "a backup without news: {cost:?}");
    let config = || RestoreConfig::from_destination(store.clone(), "/nowhere");
    let newest = asked(store, || drop(plan_delta_restore(&config()).unwrap()));
    assert!(newest.requests <= 20, "the newest point: {newest:?}");
    for broken in [false, true] {
        for &(lsn, time) in long.ends.iter().skip(1).step_by(5) {
            for lsn in [lsn, lsn - 1, lsn - 4] {
                let cost = asked(store, || {
                    let plan = plan_delta_restore(&config().at_lsn(lsn)).unwrap();
                    assert_eq!(plan.plan.at.lsn, lsn);
                });
                assert!(cost.requests <= 90, "LSN {lsn}: {cost:?}");
            }
            let cost = asked(store, || {
                let plan = plan_delta_restore(&config().point_in_time(time)).unwrap();
                assert_eq!(plan.plan.at.lsn, lsn);
            });
            assert!(cost.requests <= 90, "time of LSN {lsn}: {cost:?}");
        }
        let cost = asked(store, || {
            let repository = Repository::at_destination(store.clone()).unwrap();
            let moment = Moment::Lsn { lsn: long.ends[9].0, epoch: None };
            assert_eq!(repository.open_at(&moment).unwrap().db.position().lsn, long.ends[9].0);
        });
        assert!(cost.requests <= 90, "reading in place: {cost:?}");
        if !broken {
            // The same without a manifest.
            store.inner.delete(&ObjectName::new("manifest.json").unwrap()).unwrap();
        }
    }
    let cost = asked(store, || {
        let content = Repository::at_destination(store.clone()).unwrap().content().unwrap();
        assert!(content.timeline.points().len() as u64 > POINTS && content.unfinished.is_empty());
    });
    assert!(cost.requests <= POINTS + 100, "a list reads each record once: {cost:?}");
}

#[test]
fn what_few_records_say_is_what_all_of_them_say() {
    let long = long();
    let folder = tempfile::tempdir().unwrap();
    let lsn = long.ends[11].0 - 2;
    let restored =
        restore_delta_backup(RestoreConfig::from_destination(long.store.clone(), folder.path()).at_lsn(lsn))
            .unwrap();
    assert_eq!((restored.position.lsn, restored.digest.points), (lsn, lsn));
    // A moment that is not there is refused by all records.
    let config = || RestoreConfig::from_destination(long.store.clone(), "/nowhere");
    let future = long.ends.last().unwrap().0 + 1;
    let error = plan_delta_restore(&config().at_lsn(future)).err().unwrap();
    assert_eq!(error.kind(), chronicle::ErrorKind::NotRestorable);
    // A manifest that lies about its points leads nowhere else.
    let bytes = long.store.inner.get(&ObjectName::new("manifest.json").unwrap(), 16 << 20).unwrap();
    let mut manifest = chronicle_core::backup::repository::Manifest::parse(&bytes).unwrap();
    for point in &mut manifest.points {
        (point.lsn, point.commit_time_ns) = (u64::MAX - point.lsn, -point.commit_time_ns);
    }
    put(&long.store, "manifest.json", &manifest.to_bytes().unwrap());
    for &(lsn, time) in long.ends.iter().step_by(4) {
        let plan = plan_delta_restore(&config().point_in_time(time)).unwrap();
        assert_eq!(plan.plan.at.lsn, lsn);
    }
}

#[test]
fn a_restore_after_500_deltas_reads_what_one_after_a_single_delta_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (db, store) = (open(folder.path()), store());
    let mut random = chronicle_tests::workload::Random::new(5);
    let points: Vec<Point> = (0..200_000)
        .map(|i| {
            Point::new("cpu", i, f64::from_bits((random.bits() >> 2) | (1 << 61)))
                .tag("host", (i % 50).to_string())
        })
        .collect();
    for batch in points.chunks(20_000) {
        db.write_batch(batch).unwrap();
    }
    db.checkpoint().unwrap();
    backup(&db, &store);
    let restore = || {
        let target = tempfile::tempdir().unwrap();
        store.asked();
        let report =
            restore_delta_backup(RestoreConfig::from_destination(store.clone(), target.path())).unwrap();
        assert!(report.digest_proven);
        store.asked()
    };
    let write = |i: i64| {
        db.write(Point::new("cpu", 1_000_000 + i, i as f64).tag("host", "1")).unwrap();
        if i % 10 == 9 {
            db.checkpoint().unwrap();
        }
        if i % 50 == 49 {
            db.compact().unwrap();
        }
        backup(&db, &store);
    };
    write(0);
    let first = restore();
    (1..500).for_each(write);
    let last = restore();
    assert!(last.got as f64 <= 1.2 * first.got as f64, "{last:?} after 500 deltas, {first:?} after one");
    assert!(last.requests <= first.requests + 60, "{last:?} after 500 deltas, {first:?} after one");
    println!("restore after 1 delta {first:?}, after 500 {last:?}");
}
