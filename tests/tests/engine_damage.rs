//! Flipped bytes: what was written is answered, or an error that says where; nothing else, and no panic.
use chronicle_core::engine::{CompactionStep, Selector};
use chronicle_core::error::{Error, ErrorKind};
use chronicle_core::format::SLOT_LEN;
use chronicle_core::model::TimeRange;
use chronicle_core::query::{Aggregate, Query};
use chronicle_core::segment::SEGMENT_HEADER_BYTES;
use chronicle_core::source::Step;
use chronicle_tests::oracle::digest;
use chronicle_tests::simulator::{
    BASE_NS, SimDb, SimDisk, SimView, Work, at_hand, digest_of, named_by_slot, open_engine, read_all,
    run_query, small_options,
};
use chronicle_tests::workload::Random;
use std::collections::BTreeMap;

/// A database with segments, dictionaries, deletions and several log files to replay, all of it durable.
fn database(seed: u64) -> SimDb {
    let mut db = SimDb::new(small_options(), seed);
    let mut work = Work::new(seed);
    for _ in 0..7 {
        for _ in 0..4 {
            db.write(&work.batch(60), true);
        }
        db.seal();
    }
    db.compact(false);
    db.delete(&Selector::metric("cpu").tag("host", "a"), (BASE_NS..BASE_NS + (1 << 40)).into(), true);
    db.seal();
    while db.disk.logs.len() < 4 {
        db.write(&work.batch(60), true);
    }
    db.write(&work.batch(60), true);
    db.check_all();
    db
}

/// What came of reading a changed disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outcome {
    /// Opening said that it is damaged.
    RefusedToOpen,
    /// Reading said so.
    RefusedToRead,
    /// Everything was answered as before.
    Unharmed,
    /// The last commits were taken for a torn write.
    TailCut,
}

fn damaged(error: &Error, what: &str) {
    assert_eq!(error.kind(), ErrorKind::Damaged, "{what}: {error}");
    let says_where =
        ["superblock", "behind the end of the file"].iter().any(|it| error.message().contains(it));
    let says_where = says_where || error.place().is_some();
    assert!(says_where, "{what}: the error does not say where: {error}");
}

/// Reads everything in every way.
fn outcome(db: &mut SimDb, mut disk: SimDisk, what: &str) -> Outcome {
    let (mut engine, _) = match open_engine(&disk, db.options()) {
        Ok(opened) => opened,
        Err(error) => {
            damaged(&error, what);
            return Outcome::RefusedToOpen;
        }
    };
    let position = engine.position();
    assert_eq!(position, db.oracle.position(position.lsn), "{what}");
    // Names are read when a view needs them.
    let view = SimView::take(&mut engine, &mut disk, &mut db.oracle, &Selector::all(), TimeRange::ALL);
    let view = match view {
        Ok(view) => view,
        Err(error) => {
            damaged(&error, what);
            return Outcome::RefusedToRead;
        }
    };
    let data = disk.data.bytes();
    let mut refused = false;
    match read_all(&view.view, &mut &*data) {
        Ok(_) => view.check_points(data),
        Err(error) => {
            damaged(&error, what);
            refused = true;
        }
    }
    for trust_stored in [false, true] {
        match digest_of(&view.view, &mut &*data, trust_stored) {
            Ok(found) => assert_eq!(found, digest(&view.state), "{what}: digest"),
            Err(error) => damaged(&error, what),
        }
    }
    let query = Query::metric("cpu").aggregate(Aggregate::Count).aggregate(Aggregate::Last).window(1 << 36);
    let cpu = SimView::take(&mut engine, &mut disk, &mut db.oracle, &query.selector(), query.range);
    let cpu = cpu.expect("all names are in memory");
    match run_query(&query, &cpu.view, &mut disk.data.bytes()) {
        Ok(rows) if position == db.engine.position() => {
            let sound = db.view(&query.selector(), query.range);
            assert_eq!(rows, run_query(&query, &sound.view, &mut db.disk.data.bytes()).unwrap(), "{what}");
        }
        Ok(_) => {}
        Err(error) => damaged(&error, what),
    }
    // A compaction must not carry damage into a segment whose hashes vouch for it.
    let begun = at_hand(engine.with_names(&mut disk.data.bytes(), |engine| engine.begin_compaction(true)));
    if let Some(mut job) = begun.expect("all names are in memory") {
        let mut source = disk.data.bytes();
        loop {
            match job.step(&mut source) {
                Ok(Step::Done) => break assert!(!refused, "{what}: damage was compacted"),
                Ok(Step::Ready(CompactionStep::Working | CompactionStep::Built(_))) => {}
                Ok(Step::Missing(ranges)) => panic!("{ranges:?} are missing"),
                Err(error) => break damaged(&error, what),
            }
        }
    }
    match (refused, position == db.engine.position()) {
        (true, _) => Outcome::RefusedToRead,
        (false, true) => Outcome::Unharmed,
        (false, false) => Outcome::TailCut,
    }
}

#[test]
fn a_flipped_byte_of_the_database_is_found_or_does_no_harm() {
    let mut db = database(1);
    let mut random = Random::new(2);
    let len = db.disk.data.bytes().len() as u64;
    let mut counts: BTreeMap<Outcome, u32> = BTreeMap::new();
    let slot = db.engine.generation() % 2;
    let named = named_by_slot(db.disk.data.bytes(), slot as usize).unwrap().extents;
    for _ in 0..1000 {
        let at = match random.below(8) {
            0 => random.below(2) * SLOT_LEN as u64 + random.below(600),
            1 => 2 * SLOT_LEN as u64 + random.below(len - 2 * SLOT_LEN as u64),
            _ => {
                let extent = named[random.below(named.len() as u64) as usize];
                extent.offset + random.below(extent.len)
            }
        };
        let mut disk = db.disk.clone();
        (0..1 + random.below(3)).for_each(|i| {
            let at = (at + i).min(len - 1);
            disk.data.damage(at as usize, 1 << random.below(8));
        });
        let outcome = outcome(&mut db, disk, &format!("byte {at} of data.db"));
        if let (Outcome::Unharmed, Some(extent)) =
            (outcome, named.iter().find(|e| e.offset <= at && at < e.end()))
        {
            // Readers go by the index; the header of a segment is for those who lost it.
            assert!(at - extent.offset < SEGMENT_HEADER_BYTES as u64, "byte {at} was read and not checked");
        }
        // The log of the older superblock is kept, so not even a broken slot loses a commit.
        assert_ne!(outcome, Outcome::TailCut, "byte {at} of data.db");
        *counts.entry(outcome).or_default() += 1;
    }
    eprintln!("{counts:?}");
    assert!(counts[&Outcome::RefusedToOpen] > 10 && counts[&Outcome::RefusedToRead] > 10, "{counts:?}");
}

#[test]
fn a_flipped_byte_of_the_log_is_damage_except_in_the_last_frame() {
    let mut db = database(3);
    let mut random = Random::new(4);
    let last = db.engine.position().lsn;
    let mut counts: BTreeMap<Outcome, u32> = BTreeMap::new();
    let files: Vec<(u64, usize)> =
        db.disk.logs.iter().map(|(&first_lsn, file)| (first_lsn, file.bytes().len())).collect();
    let last_frame_at = {
        let mut shorter = db.disk.clone();
        shorter.cut_log_after(last - 1);
        shorter.logs.last_key_value().unwrap().1.bytes().len()
    };
    for _ in 0..1000 {
        let (first_lsn, len) = files[random.below(files.len() as u64) as usize];
        let at = random.below(len as u64) as usize;
        let mut disk = db.disk.clone();
        disk.logs.get_mut(&first_lsn).unwrap().damage(at, 1 << random.below(8));
        let what = format!("byte {at} of {len} of log file {first_lsn}");
        let outcome = outcome(&mut db, disk, &what);
        let in_last_frame = first_lsn == files[files.len() - 1].0 && at >= last_frame_at;
        assert!(outcome != Outcome::TailCut || in_last_frame, "{what}: commits that were durable are gone");
        assert_ne!(outcome, Outcome::RefusedToRead, "{what}");
        *counts.entry(outcome).or_default() += 1;
    }
    eprintln!("{counts:?}");
    assert!(counts[&Outcome::RefusedToOpen] > 100, "{counts:?}");
}

#[test]
fn a_cut_or_missing_file_is_damage() {
    let mut db = database(5);
    let len = db.disk.data.bytes().len();
    for cut in [100, 40_000, 65_536, 66_000, len / 2, len - 5000, len - 4097] {
        let mut disk = db.disk.clone();
        disk.data.truncate(cut as u64);
        disk.data.sync();
        let outcome = outcome(&mut db, disk, &format!("data.db cut at {cut} of {len}"));
        assert_ne!(outcome, Outcome::TailCut, "cut at {cut}");
        assert_ne!(outcome, Outcome::Unharmed, "cut at {cut}");
    }
    // The last byte is padding: without it the data is whole, or damage is told.
    let mut disk = db.disk.clone();
    disk.data.truncate(len as u64 - 1);
    disk.data.sync();
    assert_ne!(outcome(&mut db, disk, "the last byte is cut"), Outcome::TailCut);
    let files: Vec<u64> = db.disk.logs.keys().copied().collect();
    let needed = db.engine.snapshot().log[0].first_lsn;
    for first_lsn in files.into_iter().filter(|&first_lsn| first_lsn >= needed) {
        let mut disk = db.disk.clone();
        disk.logs.remove(&first_lsn);
        // A missing last file can't be told from one that was never made; any other is missed.
        if disk.logs.range(first_lsn..).next().is_some() {
            assert_eq!(outcome(&mut db, disk, "a log file is missing"), Outcome::RefusedToOpen);
        }
    }
}

#[test]
fn stale_log_of_another_database_is_refused() {
    let mut other = database(7);
    other.check_all();
    let db = database(8);
    let (&first_lsn, _) = db.disk.logs.last_key_value().unwrap();
    let mut disk = db.disk.clone();
    // The same lineage, another history: a copy that was written on elsewhere.
    let stale = other.disk.logs.last_key_value().unwrap().1.clone();
    disk.logs.insert(first_lsn, stale);
    let error = open_engine(&disk, db.options()).map(drop).expect_err("the log of another history");
    assert!(matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Damaged), "{error}");
}
