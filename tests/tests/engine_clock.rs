//! Clocks that are wrong: commit times go on, and what was wrong is on record.
use chronicle_core::format::{LOG_HEADER_LEN, LogHeader, decode_frame};
use chronicle_core::model::Point;
use chronicle_tests::simulator::{BASE_NS, EPOCH, SimDb, small_options};

const SECOND: i64 = 1_000_000_000;

/// Commit time and flag of every frame in the last log file.
fn frames(db: &SimDb) -> Vec<(i64, bool)> {
    let bytes = db.disk.logs.last_key_value().unwrap().1.bytes();
    let mut chain = LogHeader::decode(bytes).unwrap().chain;
    let (mut offset, mut frames) = (LOG_HEADER_LEN as u64, Vec::new());
    while (offset as usize) < bytes.len() {
        let frame = decode_frame(&bytes[offset as usize..], offset, &EPOCH, &chain).unwrap();
        frames.push((frame.head.commit_time_ns, frame.head.is_ahead_of_host_clock()));
        (offset, chain) = (offset + frame.len_padded(), frame.chain);
    }
    frames
}

/// Ten commits, a jump of the clock, ten commits, a reopening, ten commits.
fn around_a_jump(by_ns: i64) -> Vec<(i64, bool)> {
    let mut db = SimDb::new(small_options(), 1);
    let write = |db: &mut SimDb| {
        (0..10).for_each(|i| {
            db.write(&[Point::new("cpu", BASE_NS + i, 1.0)], true);
        })
    };
    write(&mut db);
    db.clock.jump(by_ns);
    write(&mut db);
    db = db.reopen().unwrap();
    write(&mut db);
    db.check_all();
    frames(&db)
}

#[test]
fn a_clock_that_went_back() {
    let frames = around_a_jump(-3600 * SECOND);
    assert!(frames.array_windows().all(|[a, b]| a.0 < b.0), "commit times never run backwards: {frames:?}");
    assert!(frames[..10].iter().all(|&(_, ahead)| !ahead));
    assert!(frames[10..].iter().all(|&(_, ahead)| ahead), "ahead of the host's clock, and not flagged");
}

#[test]
fn a_clock_that_leapt_ahead() {
    let mut db = SimDb::new(small_options(), 1);
    let write = |db: &mut SimDb| db.write(&[Point::new("cpu", BASE_NS, 1.0)], true);
    write(&mut db);
    db.clock.jump(86_400 * SECOND);
    let ahead = write(&mut db).commit_time_ns;
    // Set right again: time stands at the leap, a nanosecond a commit, and each such commit is flagged.
    db.clock.jump(-86_400 * SECOND);
    let after = write(&mut db).commit_time_ns;
    assert_eq!(after, ahead + 1);
    db = db.reopen().unwrap();
    assert_eq!(write(&mut db).commit_time_ns, ahead + 2);
    let flags: Vec<bool> = frames(&db).iter().map(|&(_, ahead)| ahead).collect();
    assert_eq!(flags, [false, false, true, true]);
}

#[test]
fn a_clock_at_its_end_refuses_commits_and_keeps_the_database() {
    let mut db = SimDb::new(small_options(), 1);
    db.write(&[Point::new("cpu", 0, 1.0)], true);
    db.clock.jump(i64::MAX);
    db.write(&[Point::new("cpu", 1, 1.0)], true);
    assert!(db.prepare(&[Point::new("cpu", 2, 1.0)]).is_err());
    db.flush(true);
    db = db.reopen().unwrap();
    db.check_all();
}
