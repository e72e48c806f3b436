//! Reading on several threads and from kept blocks: never another answer, never an answer from damaged bytes.
use chronicle::query::{Aggregate, Query};
use chronicle::{CancelToken, Config, Db, Point, QueryOptions, Selector, TimeRange};
use chronicle_core::error::ErrorKind;
use chronicle_tests::workload::{self, Random, SeriesData};
use std::path::Path;

const SECOND: i64 = 1_000_000_000;

/// A writer whose head is sealed only when a test says so.
fn config() -> Config {
    Config { background: false, durability: chronicle::Durability::Os, ..Config::default() }
}

fn with(read_threads: usize, block_bytes_max: u64) -> Config {
    Config { read_threads, block_bytes_max, ..config() }
}

/// A reader beside the writer.
fn reader(read_threads: usize, block_bytes_max: u64) -> Config {
    Config { read_only: true, create: false, ..with(read_threads, block_bytes_max) }
}

/// Series of one metric: random steps in time, values of every magnitude, so that the order of additions shows.
fn random_series(random: &mut Random, count: usize, points: usize) -> Vec<SeriesData> {
    let series = |number: usize| {
        let mut data = SeriesData {
            metric: "m".into(),
            tags: vec![("a".into(), (number % 5).to_string()), ("n".into(), number.to_string())],
            ..SeriesData::default()
        };
        let (mut time, regular) = (0, random.below(2) == 0);
        for _ in 0..points {
            time += if regular { 10 * SECOND } else { 1 + random.below(20 * SECOND as u64) as i64 };
            data.timestamps.push(time);
            data.bits.push((random.normal() * 10f64.powi(random.below(12) as i32)).to_bits());
        }
        data
    };
    (0..count).map(series).collect()
}

fn write_all(db: &Db, data: &[SeriesData]) {
    for batch in workload::batches(data, 50_000) {
        db.write_batch(&batch).unwrap();
    }
}

/// A database with overwrites, deletions, several generations of segments and unsealed points.
fn build(path: &Path, seed: u64, series: usize, points: usize) -> Db {
    let db = Db::open(path, config()).unwrap();
    let mut random = Random::new(seed);
    let end = points as i64 * 10 * SECOND;
    for share in [1, 3, 5] {
        let data = random_series(&mut random, series, points / share);
        write_all(&db, &data);
        let start = random.below(end as u64) as i64;
        let a = random.below(5).to_string();
        db.delete(&Selector::metric("m").tag("a", a), start..start + end / 50).unwrap();
        if share < 5 {
            db.checkpoint().unwrap();
        }
    }
    // Closing would seal the last of them.
    db
}

/// The answer, each value by its bits.
fn answer(db: &Db, query: &Query) -> Vec<(i64, Vec<String>, Vec<u64>)> {
    let rows = db.query(query).unwrap().rows().unwrap();
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect();
    rows.iter()
        .map(|row| {
            (
                row.timestamp,
                row.tags.iter().map(|tag| tag.1.clone()).collect(),
                bits(&row.values.iter().flatten().copied().collect::<Vec<_>>()),
            )
        })
        .collect()
}

fn every_aggregate(query: Query) -> Query {
    use Aggregate::*;
    [Sum, Mean, Stddev, Percentile(50.0), Rate, First, Last, Min, Max, Count]
        .into_iter()
        .fold(query, Query::aggregate)
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    // Above a million points, so that queries are cut into several parts.
    let _writer = build(&path, 1, 60, 18_000);
    let windows = [None, Some(3_600 * SECOND), Some(7 * SECOND)];
    let mut queries = vec![Query::metric("m").aggregate(Aggregate::Sum)];
    for window in windows {
        let query = every_aggregate(Query::metric("m"));
        let query = if let Some(window) = window { query.window(window) } else { query };
        queries.extend([query.clone(), query.clone().group_by(["a"]), query.group_by_all().descending()]);
    }
    // The finest windows of every series are many rows; the groups above have them too.
    queries.pop();
    let reference = Db::open(&path, reader(1, 0)).unwrap();
    assert!(reference.gauges().head_points > 0);
    let expected: Vec<_> = queries.iter().map(|query| answer(&reference, query)).collect();
    let digest = reference.digest(false).unwrap().0;
    drop(reference);
    for (threads, bytes) in [(2, 0), (3, 16 << 20), (8, 64 << 20)] {
        let db = Db::open(&path, reader(threads, bytes)).unwrap();
        for (query, expected) in queries.iter().zip(&expected) {
            assert!(answer(&db, query) == *expected, "{threads} threads: {query:?}");
        }
        assert_eq!(db.digest(false).unwrap().0, digest);
    }
}

#[test]
fn kept_blocks_give_the_same_bits_whatever_is_written_sealed_and_deleted_in_between() {
    for seed in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let (kept, plain) = (folder.path().join("kept.db"), folder.path().join("plain.db"));
        let mut random = Random::new(seed);
        // Small enough to push blocks out now and then.
        let kept = Db::open(&kept, with(2, 4 << 20)).unwrap();
        let plain = Db::open(&plain, with(1, 0)).unwrap();
        let data = random_series(&mut random, 6, 6_000);
        let end = 6_000 * 10 * SECOND as u64;
        for batch in workload::batches(&data, 6_000) {
            kept.write_batch(&batch).unwrap();
            plain.write_batch(&batch).unwrap();
            let change = random.below(4);
            let start = random.below(end) as i64;
            for db in [&kept, &plain] {
                match change {
                    0 => db.checkpoint().unwrap(),
                    1 => db.compact().unwrap(),
                    2 => drop(db.delete(&Selector::metric("m").tag("n", "1"), start..start + 900 * SECOND)),
                    _ => drop(
                        db.write(Point::new("m", data[0].timestamps[9], 0.5).tag("a", "0").tag("n", "0")),
                    ),
                }
            }
            for _ in 0..30 {
                let start = random.below(end) as i64;
                let range = start..start + 1 + random.below(end / 4) as i64;
                let query = Query::metric("m").range(range);
                let query = match random.below(5) {
                    0 => query,
                    1 => query.descending(),
                    2 => query.tag("n", random.below(6).to_string()),
                    3 => query.tag("n", random.below(6).to_string()).mean(60 * SECOND),
                    _ => every_aggregate(query.group_by(["a"])).window(600 * SECOND),
                };
                let expected = answer(&plain, &query);
                assert!(answer(&kept, &query) == expected, "seed {seed}: {query:?}");
                assert!(answer(&kept, &query) == expected, "again, seed {seed}: {query:?}");
            }
        }
    }
}

#[test]
fn a_cancelled_query_ends_on_every_thread_and_gives_them_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let _writer = build(&path, 2, 60, 18_000);
    let db = Db::open(&path, reader(8, 0)).unwrap();
    let query = every_aggregate(Query::metric("m")).window(60 * SECOND);
    let expected = answer(&db, &query);
    let mut cancelled = 0;
    for microseconds in (0..40).map(|n| n * 500) {
        let cancel = CancelToken::new();
        let options = QueryOptions { cancel: cancel.clone(), ..QueryOptions::default() };
        let mut running = db.query_with(&query, options).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_micros(microseconds));
                cancel.cancel();
            });
            while let Some(batch) = running.next_batch().transpose() {
                if let Err(error) = batch {
                    assert_eq!(error.kind(), ErrorKind::Cancelled);
                    cancelled += 1;
                    break;
                }
            }
        });
    }
    assert!(cancelled > 1, "some were still reading");
    assert!(answer(&db, &query) == expected, "and the database goes on");
}

#[test]
fn the_memory_of_a_query_is_bounded_over_all_its_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let _writer = build(&path, 3, 60, 18_000);
    let query = Query::metric("m").aggregate(Aggregate::Percentile(99.0));
    for threads in [1, 8] {
        let db = Db::open(&path, reader(threads, 0)).unwrap();
        // A percentile holds every value: some 10 MB.
        for (memory_max, fits) in [(4 << 20, false), (64 << 20, true)] {
            let options = QueryOptions { memory_max: Some(memory_max), ..QueryOptions::default() };
            let rows = db.query_with(&query, options).unwrap().rows();
            match rows {
                Ok(rows) => assert!(fits && rows.len() == 1),
                Err(error) => assert!(!fits && error.kind() == ErrorKind::OverBudget, "{error}"),
            }
        }
    }
}

#[test]
fn a_damaged_block_is_an_error_on_every_thread_and_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, config()).unwrap();
    let data = workload::random(1_100_000, 4);
    write_all(&db, &data);
    db.compact().unwrap();
    db.close().unwrap();
    // Nearly all of the file is blocks of random doubles; the middle of it is in one.
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    for threads in [1, 2, 8] {
        let db = Db::open(&path, Config { read_threads: threads, ..Config::read_only() }).unwrap();
        let query = Query::metric(&data[0].metric).aggregate(Aggregate::Stddev);
        let parts = Query::metric(&data[0].metric).range(data[0].timestamps[5]..data[0].timestamps[19_900]);
        for query in [&query, &parts, &query, &parts] {
            let error = db.query(query).unwrap().rows().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        }
        assert_eq!(db.digest(false).unwrap_err().kind(), ErrorKind::Damaged);
    }
}

#[test]
fn one_series_comes_in_order_of_time_in_runs_and_within_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path().join("data.db"), config()).unwrap();
    let data = random_series(&mut Random::new(5), 1, 30_000);
    write_all(&db, &data);
    db.checkpoint().unwrap();
    let times = &data[0].timestamps;
    for (offset, limit) in [(0, 30_000), (4_319, 2), (10_000, 9_000), (29_999, 5), (40_000, 1)] {
        let query = Query::metric("m").offset(offset).limit(limit);
        let expected: Vec<i64> = times.iter().copied().skip(offset as usize).take(limit as usize).collect();
        let found: Vec<i64> = answer(&db, &query).iter().map(|row| row.0).collect();
        assert_eq!(found, expected);
        let backwards: Vec<i64> = answer(&db, &query.descending()).iter().map(|row| row.0).collect();
        let expected: Vec<i64> =
            times.iter().rev().copied().skip(offset as usize).take(limit as usize).collect();
        assert_eq!(backwards, expected);
    }
    assert_eq!(answer(&db, &Query::metric("m").range(TimeRange::EMPTY)).len(), 0);
}
