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
fn compaction_gives_the_space_of_deleted_points_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, Config { seal_points: 20_000, ..Config::default() }).unwrap();
    for batch in workload::batches(&workload::random(400_000, 3), 10_000) {
        db.write_batch(&batch).unwrap();
    }
    db.compact().unwrap();
    let full = std::fs::metadata(&path).unwrap().len();
    // 9.7 bytes a point and the header area; gaps of 64 KiB in all are not worth moving segments for.
    assert!(full < 400_000 * 10 + (64 << 10), "one copy of the points is left, not {full} bytes");
    let half = workload::random(400_000, 3)[0].timestamps[10_000];
    db.delete(&Selector::all(), TimeRange::new(Some(half), None)).unwrap();
    let (digest, _) = db.digest(false).unwrap();
    db.compact().unwrap();
    let left = std::fs::metadata(&path).unwrap().len();
    assert!(left < full * 6 / 10, "{left} of {full} bytes are left");
    assert_eq!(db.digest(false).unwrap().0, digest);
    db.close().unwrap();
    assert_eq!(Db::open(&path, Config::default()).unwrap().digest(false).unwrap().0, digest);
}

#[test]
fn points_older_than_the_retention_expire_and_a_leaping_clock_expires_nothing_else() {
    const HOUR: i64 = 3_600_000_000_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let mut config = Config::default();
    config.settings.partition_duration_ns = HOUR as u64;
    config.settings.retention_ns = Some(24 * HOUR as u64);
    let db = Db::open(&path, config).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i64;
    for age in [0, 20, 23, 26, 48] {
        db.write(Point::new("m", now - age * HOUR, 1.0)).unwrap();
    }
    db.checkpoint().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while db.digest(false).unwrap().0.points > 3 && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(db.digest(false).unwrap().0.points, 3);
}

#[test]
fn a_hundred_thousand_series_are_written_found_by_tag_and_not_loaded_at_open() {
    const SERIES: usize = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let config = Config { durability: chronicle::Durability::Os, ..Config::default() };
    let point = |number: usize, time: i64| {
        Point::new("cpu", time, number as f64)
            .tag("container", format!("c-{number:06}"))
            .tag("host", format!("host-{:04}", number / 100))
            .tag("region", format!("region-{}", number % 10))
    };
    let db = Db::open(&path, config.clone()).unwrap();
    for first in (0..SERIES).step_by(10_000) {
        db.write_batch(&(first..first + 10_000).map(|number| point(number, 1)).collect::<Vec<_>>()).unwrap();
    }
    db.compact().unwrap();
    let (series, bytes) = db.names_in_memory();
    assert_eq!(series, SERIES as u64);
    assert!(bytes <= 100 * series, "{} bytes of memory a series", bytes / series);
    let digest = db.digest(false).unwrap().0;
    db.close().unwrap();

    let db = Db::open(&path, config.clone()).unwrap();
    assert_eq!((db.gauges().series, db.names_in_memory().0), (SERIES, 0));
    let count = |selector: Selector| db.count(&selector, TimeRange::ALL).unwrap();
    assert_eq!(count(Selector::metric("cpu").tag("container", "c-012345")), (1, 1));
    assert_eq!(count(Selector::metric("cpu").tag("host", "host-0042")), (100, 100));
    assert_eq!(count(Selector::metric("cpu").tag("region", "region-3").tag("host", "host-0042")), (10, 10));
    assert_eq!(count(Selector::metric("cpu").tag("region", "")), (0, 0));
    assert_eq!(db.digest(true).unwrap().0, digest);
    db.write_batch(&[point(7, 2), point(SERIES, 2)]).unwrap();
    db.close().unwrap();

    // What is only in the log is seen without a name being read, and found once it is.
    let db = Db::open(&path, config).unwrap();
    assert_eq!((db.gauges().series, db.names_in_memory().0), (SERIES + 1, 0));
    let both = db.count(&Selector::metric("cpu").tag("container", "c-000007"), TimeRange::ALL).unwrap();
    assert_eq!(both, (2, 1));
    assert_eq!(db.count(&Selector::all(), TimeRange::ALL).unwrap(), (SERIES as u64 + 2, SERIES as u64 + 1));
}
