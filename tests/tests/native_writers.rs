//! Many writers, handles, and what happens to both when batches are refused.
use chronicle::model::Limits;
use chronicle::{Config, Db, ErrorKind, Point, SeriesHandle};
use std::sync::atomic::{AtomicBool, Ordering};

fn open(name: &str, config: Config) -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path().join(name), config).unwrap();
    (folder, db)
}

/// The first value of each row of an answer.
fn ask(db: &Db, sql: &str) -> Vec<Option<f64>> {
    db.query_sql(sql).unwrap().rows().unwrap().iter().map(|row| row.values[0]).collect()
}

fn count(db: &Db, metric: &str) -> f64 {
    ask(db, &format!("SELECT count(value) FROM {metric}")).first().copied().flatten().unwrap_or(0.0)
}

fn handle(db: &Db, metric: &str, tag: &str) -> SeriesHandle {
    db.series(metric, [("t", tag)]).unwrap()
}

#[test]
fn a_handle_writes_to_the_series_of_its_names() {
    let (_folder, db) = open("data.db", Config::default());
    let (a, b) = (handle(&db, "m", "a"), handle(&db, "m", "b"));
    // New series, then known ones, then both ways in one batch.
    db.write_batch(&[a.at(1, 1.0), b.at(1, 2.0)]).unwrap();
    db.write_batch(&[b.at(2, 3.0), a.at(2, 4.0)]).unwrap();
    db.write_batch(&[Point::new("m", 3, 5.0).tag("t", "a")]).unwrap();
    db.write(a.at(3, 6.0)).unwrap();

    let (_other_folder, by_name) = open("data.db", Config::default());
    for (tag, points) in [("a", &[(1, 1.0), (2, 4.0), (3, 6.0)][..]), ("b", &[(1, 2.0), (2, 3.0)])] {
        points.iter().for_each(|&(time, value)| {
            by_name.write(Point::new("m", time, value).tag("t", tag)).unwrap();
        });
    }
    assert_eq!(db.digest(false).unwrap().0, by_name.digest(false).unwrap().0);
}

#[test]
fn a_handle_given_to_another_database_writes_to_the_same_names_there() {
    let (_folder, db) = open("data.db", Config::default());
    let (_other_folder, other) = open("data.db", Config::default());
    // Slots differ: the other database has met more series.
    other.write_batch(&[Point::new("x", 0, 0.0), Point::new("y", 0, 0.0)]).unwrap();
    let (a, b) = (handle(&db, "m", "a"), handle(&db, "m", "b"));
    for db in [&db, &other, &db, &other] {
        db.write_batch(&[a.at(1, 1.0), b.at(2, 2.0)]).unwrap();
    }
    assert_eq!((count(&other, "m"), count(&other, "x"), count(&other, "y")), (2.0, 1.0, 1.0));
    assert_eq!(count(&db, "m"), 2.0);
}

#[test]
fn a_handle_survives_a_refused_batch_that_would_have_made_its_series() {
    let limits = Limits { series_max: 2, ..Limits::default() };
    let (_folder, db) = open("data.db", Config { limits, ..Config::default() });
    let (a, b, c) = (handle(&db, "m", "a"), handle(&db, "m", "b"), handle(&db, "m", "c"));
    // All three get slots, and lose them again.
    let refused = db.write_batch(&[a.at(1, 1.0), b.at(1, 1.0), c.at(1, 1.0)]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded, "{refused}");
    // Now the slot that was once b's is c's.
    db.write_batch(&[c.at(1, 3.0)]).unwrap();
    db.write_batch(&[b.at(1, 2.0)]).unwrap();
    assert_eq!(db.write(a.at(1, 1.0)).unwrap_err().kind(), ErrorKind::LimitExceeded);
    let sums = ask(&db, "SELECT sum(value) FROM m GROUP BY t");
    assert_eq!(sums, [Some(2.0), Some(3.0)], "b has its own value, and c");
}

#[test]
fn tags_that_no_series_can_have_make_no_handle() {
    let (_folder, db) = open("data.db", Config::default());
    assert_eq!(db.series("m", [("a", "1"), ("a", "2")]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(db.series("m", [("", "1")]).unwrap_err().kind(), ErrorKind::InvalidInput);
    // A name that is too long is a matter of the database's limits, told when it is written to.
    let long = db.series("m".repeat(70_000), [("a", "1")]).unwrap();
    assert_eq!(db.write(long.at(1, 1.0)).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

/// Writers resolve, encode and prepare beside each other: some define series, some are refused and take theirs back, one
/// deletes, and the background seals.
#[test]
fn writers_side_by_side_lose_nothing_and_mix_nothing_up() {
    const ROUNDS: i64 = 300;
    let limits = Limits { name_bytes_max: 40, ..Limits::default() };
    let config =
        Config { limits, seal_points: 2_000, durability: chronicle::Durability::Os, ..Config::default() };
    let (folder, db) = open("data.db", config.clone());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer: i64| {
                let db = db.clone();
                scope.spawn(move || {
                    let own = handle(&db, "handles", &writer.to_string());
                    for round in 0..ROUNDS {
                        let tag = format!("{}", round % 50);
                        // Every writer names the same series, whoever is first defines them.
                        let shared = Point::new("shared", round * 3 + writer, (round * 3 + writer) as f64)
                            .tag("t", tag);
                        db.write_batch(&[shared]).unwrap();
                        db.write_batch(&[own.at(round, (writer * ROUNDS + round) as f64)]).unwrap();
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            // Each refusal comes after series of its batch were added.
            let long = "x".repeat(41);
            while !done.load(Ordering::Relaxed) {
                let good = Point::new("refused", 1, 1.0).tag("t", "new");
                let bad = Point::new("refused", 1, 1.0).tag("t", long.as_str());
                assert!(db.write_batch(&[good, bad]).is_err());
            }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
    });
    let check = |db: &Db| {
        assert_eq!(count(db, "shared"), (3 * ROUNDS) as f64);
        assert_eq!(count(db, "refused"), 0.0);
        // The value of each point is its place, so one in another series or at another time shows.
        let n = (3 * ROUNDS) as f64;
        assert_eq!(ask(db, "SELECT sum(value) FROM shared"), [Some(n * (n - 1.0) / 2.0)]);
        let first = |writer: i64| Some((writer * ROUNDS) as f64);
        assert_eq!(ask(db, "SELECT min(value) FROM handles GROUP BY t"), [first(0), first(1), first(2)]);
    };
    check(&db);
    let digest = db.digest(false).unwrap().0;
    db.close().unwrap();
    let db = Db::open(folder.path().join("data.db"), config).unwrap();
    check(&db);
    assert_eq!(db.digest(false).unwrap().0, digest);
}
