//! The native database, from outside: what is written comes back, whatever happens in between.
use chronicle::{Config, Db, Point, Selector, TimeRange};
use chronicle_tests::workload;

#[test]
fn a_workload_survives_seal_compaction_and_reopening_with_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let config = Config { seal_points: 20_000, ..Config::default() };
    let db = Db::open(&path, config.clone()).unwrap();
    let data = workload::devops(5, 6, 1);
    let mut count = 0;
    for batch in workload::batches(&data, 5_000) {
        count += batch.len() as u64;
        db.write_batch(&batch).unwrap();
    }
    let (digest, _) = db.digest(false).unwrap();
    assert_eq!(digest.points, count);
    assert_eq!(db.digest(true).unwrap().0, digest);
    db.compact().unwrap();
    assert_eq!(db.digest(false).unwrap().0, digest);
    assert_eq!(db.digest(true).unwrap().0, digest);
    db.close().unwrap();
    let db = Db::open(&path, config).unwrap();
    assert_eq!(db.digest(false).unwrap().0, digest);
    let reader = Db::open(&path, Config::read_only()).unwrap();
    assert_eq!(reader.digest(true).unwrap().0, digest);
    assert_eq!(db.metrics().unwrap().iter().map(|metric| metric.points).sum::<u64>(), count);
    db.write(Point::new("late", 1, 1.0)).unwrap();
    assert!(db.delete(&Selector::all(), TimeRange::ALL).unwrap().is_some());
    assert_eq!(db.digest(false).unwrap().0.points, 0);
}

#[test]
fn compaction_gives_the_space_of_its_inputs_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, Config { seal_points: 30_000, ..Config::default() }).unwrap();
    let data = workload::devops(5, 6, 1);
    workload::batches(&data, 5_000).for_each(|batch| {
        db.write_batch(&batch).unwrap();
    });
    let digest = db.digest(false).unwrap().0;
    db.compact().unwrap();
    assert_eq!(db.digest(false).unwrap().0, digest);
    let gauges = db.gauges();
    let len = std::fs::metadata(&path).unwrap().len();
    assert_eq!(len, gauges.file_bytes);
    assert!(gauges.free_bytes + gauges.pending_bytes <= 3 * 4096, "{gauges:?}");
    db.close().unwrap();
    let verified = chronicle::verify::verify(&path, chronicle::verify::VerifyLevel::Deep).unwrap();
    assert!(verified.report.findings.iter().next().is_none());
    assert_eq!(Db::open(&path, Config::read_only()).unwrap().digest(false).unwrap().0, digest);
}
