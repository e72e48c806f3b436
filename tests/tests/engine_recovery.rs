//! Accidents around opening: what was promised before must hold after, and the files must say so.
use chronicle_core::engine::{Effect, ReplayEnd, Selector};
use chronicle_core::format::LOG_HEADER_LEN;
use chronicle_core::model::Point;
use chronicle_tests::simulator::{BASE_NS, Loss, SimDb, Work, small_options};
use chronicle_tests::workload::Random;

fn batch(first: i64) -> Vec<Point> {
    (first..first + 30).map(|i| Point::new("cpu", BASE_NS + i, i as f64 * 1.37).tag("host", "a")).collect()
}

/// Fills the open log file until the next piece starts another one; false when it did not.
fn fill_log_file(db: &mut SimDb) {
    let files = db.disk.logs.len();
    let mut next = 0;
    while db.disk.logs.len() == files {
        db.write(&batch(next), true);
        next += 30;
    }
}

#[test]
fn a_log_file_whose_making_was_interrupted_is_made_anew() {
    let mut db = SimDb::new(small_options(), 1);
    fill_log_file(&mut db);
    db.write(&batch(0), true);
    let lsn = db.engine.position().lsn;
    for len in [0, 1, 64, LOG_HEADER_LEN - 1] {
        let mut disk = db.disk.clone();
        let header = db.disk.logs.last_key_value().unwrap().1.bytes()[..len].to_vec();
        let torn = Effect::CreateLog { first_lsn: lsn + 1, header };
        disk.perform(&torn);
        let clock = db.clock.clone();
        let oracle = db.oracle.clone();
        let mut again = SimDb::open(disk, oracle, clock, small_options(), lsn, None).unwrap();
        assert_eq!(again.engine.position().lsn, lsn);
        let snapshot = again.engine.snapshot();
        let distinct = snapshot.log.array_windows().all(|[a, b]| a.first_lsn < b.first_lsn);
        assert!(distinct, "a backup would take a log file twice: {:?}", snapshot.log);
        again.write(&batch(1000), true);
        again.check_all();
        for _ in 0..4 {
            fill_log_file(&mut again);
            again.seal();
        }
        again.reopen().unwrap().check_all();
    }
}

#[test]
fn commits_that_a_killed_process_left_in_memory_are_not_called_durable() {
    // They may still be lost to a power cut; a later frame that calls them durable would turn the cut into damage.
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let mut db = SimDb::new(small_options(), seed);
        db.write(&batch(0), true);
        for round in 1..6 {
            db.write(&batch(round * 30), false);
        }
        db = db.crash(Loss::None, &mut random).unwrap();
        for round in 6..9 {
            db.write(&batch(round * 30), false);
        }
        db = db.crash(Loss::Sectors(512), &mut random).expect("a power cut is no damage");
        db.check_all();
    }
}

#[test]
fn reopen_twice_in_the_same_hour() {
    let mut db = SimDb::new(small_options(), 1);
    for round in 0..10 {
        db.write(&batch(round * 10), true);
        db = db.reopen().unwrap();
        db.check_all();
        if round % 3 == 0 {
            db.seal();
        }
        db = db.reopen().unwrap();
        db.check_all();
    }
}

#[test]
fn crash_after_reopen() {
    let mut random = Random::new(5);
    for loss in [Loss::All, Loss::None, Loss::Zeros, Loss::Sectors(512), Loss::Sectors(4096)] {
        let mut db = SimDb::new(small_options(), 1);
        let mut work = Work::new(9);
        for _ in 0..12 {
            db.write(&work.batch(30), true);
            db.write(&work.batch(30), false);
            db = db.crash(loss, &mut random).unwrap();
            db.check_all();
            db.write(&work.batch(5), false);
            db.seal();
            db.write(&work.batch(5), false);
            db = db.crash(loss, &mut random).unwrap();
            db.check_all();
        }
    }
}

#[test]
fn log_files_that_nobody_needs_go_away_over_many_reopenings() {
    let mut db = SimDb::new(small_options(), 1);
    for round in 0..60 {
        db.write(&batch(round * 30), true);
        db.delete(&Selector::metric("cpu"), (BASE_NS..BASE_NS + round + 1).into(), true);
        if round % 2 == 0 {
            db.seal();
        }
        db = db.reopen().unwrap();
    }
    let bytes: usize = db.disk.logs.values().map(|file| file.bytes().len()).sum();
    let options = small_options();
    let most = options.wal_keep_bytes + 4 * options.log_file_bytes;
    assert!(bytes as u64 <= most, "{bytes} bytes of log in {} files", db.disk.logs.len());
}

#[test]
fn a_torn_tail_is_cut_once() {
    let mut db = SimDb::new(small_options(), 1);
    db.write(&batch(0), true);
    let (first_lsn, end) = db.engine.log_end().unwrap();
    let mut disk = db.disk.clone();
    disk.perform(&Effect::AppendLog { first_lsn, offset: end, bytes: vec![0xaa; 700] });
    let (oracle, clock) = (db.oracle.clone(), db.clock.clone());
    let db = SimDb::open(disk, oracle, clock, small_options(), 1, None).unwrap();
    assert!(matches!(db.replay_end, ReplayEnd::Torn { bytes: 700, .. }), "{:?}", db.replay_end);
    let mut db = db.reopen().unwrap();
    assert_eq!(db.replay_end, ReplayEnd::Clean, "it was cut, and not only passed over");
    db.check_all();
}
