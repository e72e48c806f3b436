//! Retention and downsampling of the native database, from outside.
use chronicle::format::RuleFunction;
use chronicle::query::Aggregate;
use chronicle::{Config, Db, Downsampling, ErrorKind, Point, Retention, Selector, TimeRange};
use std::path::Path;
use std::time::Duration;

const HOUR: i64 = 3_600_000_000_000;
const MINUTE: i64 = 60_000_000_000;
/// A day in 2024, at midnight UTC.
const DAY: i64 = 1_706_400_000_000_000_000;

fn config(partition_ns: i64) -> Config {
    let mut config = Config { background: false, ..Config::default() };
    config.settings.partition_duration_ns = partition_ns as u64;
    config
}

fn points(db: &Db, metric: &str) -> Vec<(i64, f64)> {
    let mut scan = db.scan(&Selector::metric(metric), TimeRange::ALL).unwrap();
    let mut points = Vec::new();
    while let Some(run) = scan.next_run().unwrap() {
        points.extend(run.timestamps.iter().zip(run.bits).map(|(&t, &bits)| (t, f64::from_bits(bits))));
    }
    points
}

fn hourly(function: Aggregate) -> Downsampling {
    Downsampling::new("cpu", Duration::from_secs(3600)).function(function)
}

#[test]
fn windows_are_computed_kept_up_with_late_points_and_deleted_with_their_last_point() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path().join("data.db"), config(24 * HOUR)).unwrap();
    let write = |hour: i64, minute: i64, value| {
        db.write(Point::new("cpu", DAY + hour * HOUR + minute * MINUTE, value).tag("host", "a")).unwrap();
    };
    (0..6).for_each(|hour| write(hour, 10, hour as f64));
    let id = db.add_downsampling(hourly(Aggregate::Sum)).unwrap();
    let report = db.run_downsampling().unwrap();
    assert_eq!(report.points, 6);
    let sums = || points(&db, "cpu.sum_1h").into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    assert_eq!(sums(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(points(&db, "cpu.sum_1h")[1].0, DAY + HOUR);
    assert_eq!(db.run_downsampling().unwrap().points, 0, "nothing changed, nothing is written");

    write(2, 30, 10.0);
    write(2, 10, 7.0);
    assert!(db.downsampling()[0].due_from_ns.is_some());
    assert_eq!(db.run_downsampling().unwrap().points, 1);
    assert_eq!(sums(), [0.0, 1.0, 17.0, 3.0, 4.0, 5.0]);

    let range = TimeRange::new(Some(DAY + 3 * HOUR), Some(DAY + 5 * HOUR));
    db.delete(&Selector::metric("cpu"), range).unwrap();
    assert_eq!(db.run_downsampling().unwrap().deletions, 1);
    assert_eq!(sums(), [0.0, 1.0, 17.0, 5.0]);

    db.remove_downsampling(id).unwrap();
    write(5, 20, 1.0);
    db.run_downsampling().unwrap();
    assert_eq!(sums(), [0.0, 1.0, 17.0, 5.0], "what a removed rule wrote stays");
}

#[test]
fn derived_points_outlive_the_points_they_are_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, config(HOUR)).unwrap();
    let now = chronicle::now_ns();
    let start = now - now.rem_euclid(HOUR) - 48 * HOUR;
    let batch: Vec<Point> =
        (0..48 * 60).map(|m| Point::new("cpu", start + m * MINUTE, 1.0).tag("host", "a")).collect();
    db.write_batch(&batch).unwrap();
    db.add_downsampling(hourly(Aggregate::Count)).unwrap();
    db.set_retention(Retention { age: Some(Duration::from_secs(24 * 3600)), bytes: None }).unwrap();
    db.run_downsampling().unwrap();
    db.checkpoint().unwrap();
    assert_eq!(db.apply_retention().unwrap(), 1);
    let kept = points(&db, "cpu").len();
    assert!(kept <= 25 * 60, "{kept} raw points are left");
    let counts = points(&db, "cpu.count_1h");
    assert_eq!(counts.len(), 48);
    assert!(counts.iter().all(|&(_, count)| count == 60.0));

    // Late points among the expired ones do not count a window anew that has lost its points.
    db.write(Point::new("cpu", start + 5, 1.0).tag("host", "a")).unwrap();
    db.delete(&Selector::metric("cpu"), TimeRange::new(None, Some(start + HOUR))).unwrap();
    db.run_downsampling().unwrap();
    assert_eq!(points(&db, "cpu.count_1h"), counts);
    db.compact().unwrap();
    db.close().unwrap();
    let db = Db::open(&path, config(HOUR)).unwrap();
    db.run_downsampling().unwrap();
    assert_eq!(points(&db, "cpu.count_1h"), counts);
    db.apply_retention().unwrap();
    assert_eq!(db.apply_retention().unwrap(), 0, "what has expired does not expire again");
    assert_eq!(points(&db, "cpu.count_1h"), counts);
}

#[test]
fn a_target_expires_by_its_own_age() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path().join("data.db"), config(HOUR)).unwrap();
    let now = chronicle::now_ns();
    for hours in [2, 30, 100] {
        db.write(Point::new("cpu", now - hours * HOUR, 1.0)).unwrap();
    }
    let keep = Duration::from_secs(50 * 3600);
    db.add_downsampling(hourly(Aggregate::Count).keep(keep)).unwrap();
    db.set_retention(Retention { age: Some(Duration::from_secs(24 * 3600)), bytes: None }).unwrap();
    db.run_downsampling().unwrap();
    db.checkpoint().unwrap();
    db.apply_retention().unwrap();
    assert_eq!((points(&db, "cpu").len(), points(&db, "cpu.count_1h").len()), (1, 2));
}

/// A value that no encoding makes shorter.
fn noise(seed: i64) -> f64 {
    let mixed = (seed as u64 ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    f64::from_bits((mixed ^ mixed >> 31).wrapping_mul(0x94d0_49bb_1331_11eb) >> 2)
}

fn fill(db: &Db, days: i64, points_a_day: i64) {
    let step = 24 * HOUR / points_a_day;
    for day in 0..days {
        let point = |at: i64| {
            let time = DAY + day * 24 * HOUR + at * step;
            Point::new("cpu", time, noise(at)).tag("host", "a")
        };
        db.write_batch(&(0..points_a_day).map(point).collect::<Vec<_>>()).unwrap();
    }
    db.checkpoint().unwrap();
}

fn len(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

#[test]
fn the_oldest_partitions_expire_by_size_and_their_space_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, config(24 * HOUR)).unwrap();
    fill(&db, 20, 20_000);
    db.compact().unwrap();
    let (full, live) = (len(&path), db.layout().unwrap().segment_bytes);
    db.set_retention(Retention { age: None, bytes: Some(live / 2) }).unwrap();
    assert!(db.apply_retention().unwrap() > 0);
    let layout = db.layout().unwrap();
    assert!(layout.segment_bytes <= live / 2, "{} of {live} bytes", layout.segment_bytes);
    assert!(layout.segment_bytes >= live * 4 / 10, "{} of {live} bytes", layout.segment_bytes);
    let left = points(&db, "cpu");
    assert_eq!(left.len() % 20_000, 0, "whole partitions");
    assert_eq!(left.last().unwrap().0, DAY + 20 * 24 * HOUR - 24 * HOUR / 20_000);
    assert_eq!(db.apply_retention().unwrap(), 0);
    db.compact().unwrap();
    assert!(len(&path) < full * 6 / 10, "{} of {full} bytes", len(&path));
}

#[test]
fn the_newest_partition_stays_however_small_the_size_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, config(24 * HOUR)).unwrap();
    fill(&db, 3, 5_000);
    db.set_retention(Retention { age: None, bytes: Some(1) }).unwrap();
    assert_eq!(db.apply_retention().unwrap(), 2);
    assert_eq!(points(&db, "cpu").len(), 5_000);
    assert_eq!(db.apply_retention().unwrap(), 0);
}

#[test]
fn age_and_size_work_together() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path().join("data.db"), config(HOUR)).unwrap();
    let now = chronicle::now_ns();
    let batch: Vec<Point> =
        (0..20_000).map(|i| Point::new("cpu", now - i * 18 * 1_000_000_000, noise(i))).collect();
    db.write_batch(&batch).unwrap();
    db.checkpoint().unwrap();
    let bytes = db.layout().unwrap().segment_bytes;
    db.set_retention(Retention { age: Some(Duration::from_secs(80 * 3600)), bytes: Some(bytes / 4) })
        .unwrap();
    db.apply_retention().unwrap();
    let left = points(&db, "cpu");
    assert!(db.layout().unwrap().segment_bytes <= bytes / 4);
    assert!(left.len() > 3_000 && left.len() < 6_000, "{} points", left.len());
}

#[test]
fn settings_and_rules_survive_a_crash_and_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, config(HOUR)).unwrap();
    db.set_retention(Retention { age: Some(Duration::from_secs(60)), bytes: Some(1 << 30) }).unwrap();
    db.add_downsampling(
        hourly(Aggregate::Percentile(99.0)).filter("host = 'a'").delay(Duration::from_secs(9)),
    )
    .unwrap();
    let (settings, policies) = (db.settings(), db.policies());
    assert_eq!(policies.rules[0].targets[0].metric, "cpu.p99_1h");
    assert_eq!(policies.rules[0].targets[0].function, RuleFunction::Percentile(99.0f64.to_bits()));
    let crashed = |name: &str| {
        // What a killed process leaves: the files as they are.
        let copy = folder.path().join(name);
        std::fs::create_dir(&copy).unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap().flatten() {
            let file = entry.file_name().into_string().unwrap();
            if file.starts_with("data.db") && !file.ends_with(".lock") {
                std::fs::copy(entry.path(), copy.join(file)).unwrap();
            }
        }
        let db = Db::open(copy.join("data.db"), config(HOUR)).unwrap();
        assert_eq!((db.settings(), db.policies()), (settings, policies.clone()), "{name}");
    };
    crashed("in the log");
    db.checkpoint().unwrap();
    crashed("in the catalog");
}

#[test]
fn rules_without_sense_are_refused_and_one_that_fails_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, config(HOUR)).unwrap();
    let rule = || Downsampling::new("cpu", Duration::from_secs(60));
    for (wrong, kind) in [
        (rule(), ErrorKind::InvalidInput),
        (rule().function_to(Aggregate::Max, "cpu"), ErrorKind::InvalidInput),
        (rule().function_to(Aggregate::Max, "x").function_to(Aggregate::Min, "x"), ErrorKind::InvalidInput),
        (rule().function(Aggregate::Percentile(101.0)), ErrorKind::InvalidInput),
        (rule().function(Aggregate::Max).filter("time > 3"), ErrorKind::InvalidInput),
        (rule().function_to(Aggregate::Max, "x".repeat(2_000)), ErrorKind::LimitExceeded),
        (Downsampling::new("cpu", Duration::ZERO).function(Aggregate::Max), ErrorKind::InvalidInput),
        (Downsampling::new("cpu", Duration::from_nanos(1)).function(Aggregate::Max), ErrorKind::InvalidInput),
    ] {
        assert_eq!(db.add_downsampling(wrong.clone()).unwrap_err().kind(), kind, "{wrong:?}");
    }
    db.write(Point::new("cpu", DAY, 1.0)).unwrap();
    db.write(Point::new("memory", DAY, 1.0)).unwrap();
    let failing = db.add_downsampling(rule().function_to(Aggregate::Max, "x".repeat(1_000))).unwrap();
    let memory = Downsampling::new("memory", Duration::from_secs(60));
    db.add_downsampling(memory.function_to(Aggregate::Max, "m")).unwrap();
    db.close().unwrap();
    let mut strict = config(HOUR);
    strict.limits.name_bytes_max = 100;
    let db = Db::open(&path, strict).unwrap();
    let error = db.run_downsampling().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.to_string().contains("downsampling rule 1"), "{error}");
    assert_eq!(points(&db, "m"), [(DAY, 1.0)]);
    let status = db.downsampling();
    assert_eq!(status[0].rule.id, failing);
    assert!(status[0].error.is_some() && status[1].error.is_none());
}

#[test]
fn a_restored_database_does_nothing_until_it_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, config(HOUR)).unwrap();
    db.write(Point::new("cpu", DAY, 1.0)).unwrap();
    db.add_downsampling(hourly(Aggregate::Max)).unwrap();
    let backup = folder.path().join("backup");
    chronicle::BackupManager::new(&db).create_snapshot(&backup).unwrap();
    db.close().unwrap();
    let restored = folder.path().join("restored");
    chronicle::restore_snapshot(&backup, &restored).unwrap();
    let db = Db::open(restored.join("data.db"), config(HOUR)).unwrap();
    assert!(db.settings().retention_suspended);
    db.run_downsampling().unwrap();
    assert_eq!(points(&db, "cpu.max_1h"), []);
    db.resume().unwrap();
    assert!(!db.settings().retention_suspended);
    db.run_downsampling().unwrap();
    assert_eq!(points(&db, "cpu.max_1h"), [(DAY, 1.0)]);
}

#[test]
fn the_background_carries_rules_out_beside_writers() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { seal_points: 5_000, ..Config::default() };
    let db = Db::open(folder.path().join("data.db"), config).unwrap();
    db.add_downsampling(Downsampling::new("cpu", Duration::from_secs(60)).function(Aggregate::Count))
        .unwrap();
    for round in 0..50i64 {
        let point = |i: i64| Point::new("cpu", DAY + (round * 400 + i) * 1_000_000_000, 1.0).tag("host", "a");
        db.write_batch(&(0..400).map(point).collect::<Vec<_>>()).unwrap();
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while db.downsampling()[0].due_from_ns.is_some() && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let counts = points(&db, "cpu.count_1m");
    assert_eq!(counts.iter().map(|&(_, count)| count).sum::<f64>(), 20_000.0);
    assert!(counts[..counts.len() - 1].iter().all(|&(_, count)| count == 60.0));
    db.close().unwrap();
}

#[test]
fn a_target_that_has_points_is_taken_over_only_when_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let db =
        Db::open(folder.path().join("data.db"), Config { background: false, ..Config::default() }).unwrap();
    // Somebody's own points, at the start of an hour in which the source has none.
    db.write_batch(&[Point::new("mine", 0, 7.0), Point::new("m", HOUR, 1.0)]).unwrap();
    let rule = || Downsampling::new("m", Duration::from_secs(3600)).function_to(Aggregate::Sum, "mine");
    let refused = db.add_downsampling(rule()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists, "{refused}");
    db.run_downsampling().unwrap();
    assert_eq!(points(&db, "mine"), [(0, 7.0)], "nothing is touched");
    db.add_downsampling(rule().adopt()).unwrap();
    db.run_downsampling().unwrap();
    assert_eq!(points(&db, "mine"), [(HOUR, 1.0)]);
}

#[test]
fn points_that_no_segment_holds_yet_expire_too() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path().join("data.db"), config(24 * HOUR)).unwrap();
    let now = chronicle::now_ns();
    let hours = |from: i64, to: i64| (from..to).map(move |hour| Point::new("cpu", now - hour * HOUR, 1.0));
    db.write_batch(&hours(0, 40 * 24).collect::<Vec<_>>()).unwrap();
    let age = Some(Duration::from_secs(10 * 86_400));
    db.set_retention(Retention { age, bytes: None }).unwrap();
    assert_eq!(db.apply_retention().unwrap(), 1);
    let left = points(&db, "cpu").len();
    assert!((10 * 24..=11 * 24).contains(&left), "{left} hours are left of ten days and a part");
    assert_eq!(db.apply_retention().unwrap(), 0, "once is enough");
    // A late point of a day that is gone goes too.
    db.write(Point::new("cpu", now - 30 * 24 * HOUR, 1.0)).unwrap();
    assert_eq!(db.apply_retention().unwrap(), 1);
    assert_eq!(points(&db, "cpu").len(), left);
}
