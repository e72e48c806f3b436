//! Readers: views that stand still, ranges that fit nothing, and pieces too large to merge at once.
use chronicle_core::engine::{Options, Selector};
use chronicle_core::model::{Point, TimeRange};
use chronicle_core::query::{Aggregate, Query};
use chronicle_tests::simulator::{
    BASE_NS, HOUR, SimDb, Work, digest_of, naive_rows, run_query, small_options,
};
use chronicle_tests::workload::Random;

const SECOND: i64 = 1_000_000_000;

#[test]
fn view_taken_then_compacted() {
    let mut db = SimDb::new(small_options(), 1);
    let mut work = Work::new(1);
    let mut views = Vec::new();
    for round in 0..30 {
        db.write(&work.batch(60), true);
        views.push(db.view(&Selector::all(), TimeRange::ALL));
        db.seal();
        views.push(db.view(&Selector::all(), TimeRange::ALL));
        while db.compact(round % 3 == 0) {}
        if round % 5 == 4 {
            db.delete(&Selector::metric("cpu"), TimeRange::ALL, true);
        }
        views.iter().for_each(|view| view.check_points(db.disk.data.bytes()));
    }
    views.iter().for_each(|view| view.check_digest(db.disk.data.bytes()));
    let (file, pending) = (db.engine.gauges().file_bytes, db.engine.gauges().pending_bytes);
    // Once nobody looks any more, the space is used again.
    views.clear();
    for _ in 0..6 {
        db.write(&work.batch(60), true);
        db.seal();
        while db.compact(true) {}
    }
    let gauges = db.engine.gauges();
    assert!(
        gauges.file_bytes < file && gauges.pending_bytes < pending,
        "{gauges:?}, before {file}, {pending}"
    );
    db.check_all();
}

#[test]
fn query_with_an_unaligned_start() {
    let mut db = SimDb::new(small_options(), 1);
    let point = |i: i64| Point::new("cpu", BASE_NS + i * 10 * SECOND, (i % 97) as f64).tag("host", "a");
    for part in 0..6 {
        db.write(&(part * 700..part * 700 + 700).map(point).collect::<Vec<_>>(), true);
        db.seal();
    }
    while db.compact(true) {}
    let all = |query: Query| {
        let functions = [Aggregate::Count, Aggregate::Sum, Aggregate::Min, Aggregate::Max];
        let functions = functions.into_iter().chain([Aggregate::First, Aggregate::Last]);
        functions.fold(query, Query::aggregate).group_by_all()
    };
    for start in [0, 1, 10 * SECOND - 1, 10 * SECOND, 1234 * SECOND + 5, HOUR - 1] {
        for len in [0, 1, SECOND, 7 * HOUR, 9 * HOUR + 3] {
            let range = BASE_NS + start..BASE_NS + start + len;
            for window in [1, SECOND, 60 * SECOND, HOUR + 1, 30 * HOUR] {
                db.check_query(&all(Query::metric("cpu").range(range.clone())).window(window));
            }
            db.check_query(&all(Query::metric("cpu").range(range.clone())));
            db.check_query(&Query::metric("cpu").range(range));
        }
    }
}

#[test]
fn points_come_in_order_of_time_over_many_series_and_both_ways() {
    let mut db = SimDb::new(Options::default(), 1);
    let mut random = Random::new(3);
    for part in 0..4 {
        let point = |i: i64| {
            let time = BASE_NS + (part * 30_000 + i) * SECOND / 3;
            Point::new("cpu", time, i as f64).tag("host", (i % 7).to_string())
        };
        let mut batch: Vec<Point> = (0..50_000).map(point).collect();
        batch.push(Point::new("cpu", i64::MIN, 1.0));
        batch.push(Point::new("cpu", i64::MAX, part as f64));
        db.write(&batch, true);
        if part != 2 {
            db.seal();
        }
    }
    let state = db.oracle.at(db.engine.position().lsn);
    let start = BASE_NS + random.below(10_000) as i64;
    for range in [TimeRange::ALL, (start..start + 20_000 * SECOND).into()] {
        let query = Query::metric("cpu").range(range.min..=range.max);
        let expected = naive_rows(&query, &state);
        let view = db.view(&query.selector(), range);
        assert_eq!(run_query(&query, &view.view, &mut db.disk.data.bytes()).unwrap(), expected);
        let mut down = run_query(&query.clone().descending(), &view.view, &mut db.disk.data.bytes()).unwrap();
        down.sort();
        assert_eq!(down, expected);
        let page = run_query(&query.clone().offset(70_000).limit(10), &view.view, &mut db.disk.data.bytes());
        let end = expected.len().min(70_010);
        assert_eq!(page.unwrap(), expected[end.min(70_000)..end]);
    }
}

#[test]
fn overlapping_pieces_larger_than_a_merge_are_cut_in_time() {
    let mut db = SimDb::new(Options::default(), 1);
    // Interleaved over the same time, every part rewrites some of the one before; one series.
    for part in 0..4 {
        let point = |i: i64| Point::new("cpu", BASE_NS + (i * 3 + part % 3) * SECOND, (i + part) as f64);
        db.write(&(0..150_000).map(point).collect::<Vec<_>>(), true);
        if part < 3 {
            db.seal();
        }
    }
    db.delete(&Selector::all(), (BASE_NS + 1000 * SECOND..BASE_NS + 2000 * SECOND).into(), true);
    db.check_all();
    db.seal();
    db.check_all();
    while db.compact(true) {}
    db.check_all();
    assert_eq!(db.engine.gauges().segments, 1);
}

#[test]
fn a_compaction_of_many_points_is_cut_into_partitions() {
    let mut db = SimDb::new(Options::default(), 1);
    // 1,200 series with a point every 4 s: 1.08 million points an hour, just above what a run of its own takes.
    let hosts: Vec<String> = (0..1200).map(|host| host.to_string()).collect();
    for part in 0..6 {
        let mut batch = Vec::new();
        for i in 0..300 {
            let time = (BASE_NS / HOUR + 1) * HOUR + (part * 300 + i) * 4 * SECOND;
            batch.extend(
                hosts.iter().map(|host| Point::new("cpu", time, i as f64).tag("host", host.as_str())),
            );
        }
        db.write(&batch, true);
        db.seal();
    }
    let digest = |db: &mut SimDb| {
        let view = db.view(&Selector::all(), TimeRange::ALL);
        digest_of(&view.view, &mut db.disk.data.bytes(), false).unwrap()
    };
    let before = digest(&mut db);
    assert_eq!(before.points, 1200 * 1800);
    let rounds = (0..20).take_while(|_| db.compact(true)).count();
    assert!(rounds < 20, "compaction finds work for ever");
    let snapshot = db.engine.snapshot();
    let segments = snapshot.segments().filter(|entry| entry.summary.points > 0);
    let partitions: Vec<(i64, i64)> =
        segments.map(|entry| (entry.partition_min, entry.partition_max)).collect();
    assert!(
        partitions.iter().all(|(first, last)| first == last),
        "a segment of two partitions: {partitions:?}"
    );
    let mut hours: Vec<i64> = partitions.iter().map(|&(first, _)| first).collect();
    hours.dedup();
    assert_eq!(hours.len(), 2, "each hour is a run of its own");
    assert_eq!(digest(&mut db), before);
}
