//! Compaction and deletions: what is carried out, when, and that it ends.
use chronicle_core::engine::Selector;
use chronicle_core::model::{Point, TimeRange};
use chronicle_tests::simulator::{BASE_NS, SimDb, Work, small_options};
use chronicle_tests::workload::Random;

const SECOND: i64 = 1_000_000_000;

/// `count` points of hosts `a` and `b`, one second apart from `start` on.
fn points(start: i64, count: i64) -> Vec<Point> {
    let point = |i: i64| Point::new("cpu", BASE_NS + (start + i) * SECOND, i as f64);
    (0..count).map(|i| point(i).tag("host", if i % 2 == 0 { "a" } else { "b" })).collect()
}

fn seconds(first: i64, last: i64) -> TimeRange {
    TimeRange { min: BASE_NS + first * SECOND, max: BASE_NS + last * SECOND }
}

/// Runs compactions until none is due.
fn compact_all(db: &mut SimDb, all: bool) {
    let rounds = (0..20).take_while(|_| db.compact(all)).count();
    assert!(rounds < 20, "compaction (all: {all}) finds work for ever");
    db.check_all();
}

#[test]
fn a_deletion_of_a_part_is_carried_out_once_and_forgotten() {
    for (selector, range) in [
        (Selector::all(), seconds(10, 20)),
        (Selector::metric("cpu").tag("host", "a"), TimeRange::ALL),
        (Selector::metric("cpu").tag("host", "a"), seconds(10, 20)),
    ] {
        for all in [true, false] {
            let mut db = SimDb::new(small_options(), 1);
            db.write(&points(0, 100), true);
            db.seal();
            assert!(db.delete(&selector, range, true));
            db.seal();
            compact_all(&mut db, all);
            compact_all(&mut db, true);
            // Written again: an old deletion must not name it.
            db.write(&points(0, 100), true);
            db.check_all();
            db.seal();
            compact_all(&mut db, true);
        }
    }
}

#[test]
fn a_deletion_that_is_only_in_the_log_is_not_carried_out_by_a_compaction() {
    let mut db = SimDb::new(small_options(), 1);
    db.write(&points(0, 100), true);
    db.seal();
    db.write(&points(50, 100), true);
    db.seal();
    db.delete(&Selector::all(), seconds(0, 500), true);
    compact_all(&mut db, true);
    // A restore to the moment before the deletion is this catalog and the log before it.
    (0..10).for_each(|seed| db.check_history(&mut Random::new(seed)));
}

#[test]
fn a_segment_that_was_sealed_around_a_deletion_keeps_what_was_written_after_it() {
    let mut db = SimDb::new(small_options(), 1);
    db.write(&points(0, 20), true);
    db.seal();
    db.write(&points(5, 5), true);
    db.delete(&Selector::all(), seconds(0, 12), true);
    db.write(&points(10, 5), true);
    db.seal();
    db.check_all();
    compact_all(&mut db, false);
    compact_all(&mut db, true);
    db = db.reopen().unwrap();
    db.check_all();
}

#[test]
fn compact_with_cold_partitions() {
    // Partitions that nothing was written to for long are not rewritten for the sake of new ones.
    let mut db = SimDb::new(small_options(), 1);
    for hour in 0..6 {
        for part in 0..5 {
            db.write(&points(hour * 3600 + part * 60, 60), true);
            db.seal();
            while db.compact(false) {}
            db.check_all();
        }
    }
    compact_all(&mut db, true);
    let mut work = Work::new(3);
    db.write(&work.batch(30), true);
    db.seal();
    compact_all(&mut db, false);
}
