//! Delta repositories under accidents: processes killed at any moment, destinations that lie, attempts that are taken up.
use chronicle::backup::Repository;
use chronicle::backup::repository::Moment;
use chronicle::backup::{RestoreConfig, restore_delta_backup};
use chronicle::destination::{Destination, Job, MemoryDestination, ObjectName, PutMode};
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, ErrorKind, Result, Selector, TimeRange};
use chronicle_core::backup::repository::{Claim, Entry, EntryRecord, PointRecord};
use chronicle_tests::ledger::{self, Ledger};
use chronicle_tests::lying::{Lie, Lying, Rule};
use chronicle_tests::metered::Metered;
use chronicle_tests::program::{chronicle, command};
use chronicle_tests::workload::{self, Random};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn config() -> Config {
    Config { background: false, ..ledger::busy_config(chronicle::Durability::Os) }
}

fn open(folder: &Path) -> Db {
    Db::open(folder.join("data.db"), config()).unwrap()
}

/// Commits up to `last`, some of them sealed and compacted.
fn work(db: &Db, last: u64) {
    ledger::fill(db, last);
    match last % 3 {
        0 => db.checkpoint().unwrap(),
        1 => db.compact().unwrap(),
        _ => {}
    }
}

fn backup(db: &Db, destination: &Arc<dyn Destination>) -> Result<chronicle::DeltaReport> {
    let config = DeltaBackupConfig::to_destination(Arc::clone(destination)).continue_newest();
    BackupManager::new(db).create_delta_backup_with(&config, &|_, _| {})
}

/// Every point whose record is there.
fn points(destination: &dyn Destination) -> Vec<PointRecord> {
    let mut points = Vec::new();
    for number in 0.. {
        let claim = ObjectName::new(format!("claims/{number}")).unwrap();
        let Ok(bytes) = destination.get(&claim, 4_096) else { break };
        let entry: Entry = Claim::parse(number, &bytes).unwrap().entry;
        let name = ObjectName::new(entry.record().to_string()).unwrap();
        if let Ok(bytes) = destination.get(&name, 1 << 24) {
            points.extend(EntryRecord::parse(entry, &bytes).unwrap().as_point().cloned());
        }
    }
    points
}

/// Panics unless every point comes back with the digest of its commit, and with the one in its record.
fn every_point_comes_back(destination: &Arc<dyn Destination>, scratch: &Path) -> usize {
    let (mut ledger, points) = (Ledger::default(), points(&**destination));
    for point in &points {
        let target = scratch.join(format!("of {}", point.entry));
        let config = RestoreConfig::from_destination(Arc::clone(destination), &target);
        let report = restore_delta_backup(config.at_lsn(point.point.lsn)).unwrap();
        assert_eq!(report.digest, ledger.digest(point.point.lsn), "{}", point.entry);
        assert_eq!(point.point.digest, Some(report.digest), "{}", point.entry);
    }
    points.len()
}

#[test]
fn a_question_of_a_backup_moves_the_bytes_of_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let data = workload::devops(4, 48, 3);
    for batch in workload::batches(&data, 20_000) {
        db.write_batch(&batch).unwrap();
    }
    db.compact().unwrap();
    let counting = Arc::new(Metered::new(MemoryDestination::new()));
    let destination: Arc<dyn Destination> = Arc::clone(&counting) as Arc<dyn Destination>;
    let brought = backup(&db, &destination).unwrap().bytes;
    let (metric, tags) = (&data[0].metric, &data[0].tags);
    let selector =
        tags.iter().fold(Selector::metric(metric), |selector, (key, value)| selector.tag(key, value));
    let expected = db.count(&selector, TimeRange::ALL).unwrap();
    assert!(expected.0 > 10_000, "{expected:?}");
    counting.asked();
    let opened = Repository::at_destination(destination).unwrap().open_at(&Moment::Latest).unwrap();
    assert_eq!(opened.db.count(&selector, TimeRange::ALL).unwrap(), expected);
    let first = counting.asked().got;
    assert!(first * 5 < brought, "one series of {} moved {first} of {brought} bytes", data.len());
    assert_eq!(opened.db.count(&selector, TimeRange::ALL).unwrap(), expected);
    assert_eq!(counting.asked().got, 0, "what was fetched is kept");
}

#[test]
fn an_attempt_that_failed_is_taken_up_under_its_number_and_moves_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    work(&db, 40);
    let lying = Arc::new(Lying::new(MemoryDestination::new(), 1));
    lying.add(Rule::new(Lie::ErrorBefore(ErrorKind::Full)).on("metadata.json").times(1));
    let destination: Arc<dyn Destination> = lying;
    assert_eq!(backup(&db, &destination).unwrap_err().kind(), ErrorKind::Full);
    assert!(points(&*destination).is_empty(), "without its record it is no point");
    let report = backup(&db, &destination).unwrap();
    assert_eq!(report.record.number(), 0, "the claim of the dead attempt is used");
    assert_eq!(report.bytes_resumed, report.bytes);
    let next = backup(&db, &destination).unwrap();
    assert_eq!((next.record.number(), next.bytes), (1, 0));
}

#[test]
fn a_claim_that_a_prune_closed_costs_its_number_and_no_point() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    work(&db, 10);
    let lying = Arc::new(Lying::new(MemoryDestination::new(), 1));
    let destination: Arc<dyn Destination> = Arc::clone(&lying) as Arc<dyn Destination>;
    backup(&db, &destination).unwrap();
    ledger::fill(&db, 12);
    lying.add(Rule::new(Lie::ErrorBefore(ErrorKind::Full)).on("delta-001/metadata.json").times(1));
    backup(&db, &destination).unwrap_err();
    // Somebody thinks that the job is dead, and closes its claim.
    let claim = ObjectName::new("claims/1").unwrap();
    let Claim { entry, job, .. } = Claim::parse(1, &destination.get(&claim, 4_096).unwrap()).unwrap();
    let void = chronicle_core::backup::repository::Void { entry, job, created_ns: 1 }.to_bytes().unwrap();
    let name = ObjectName::new("delta-001/metadata.json").unwrap();
    let other = PutMode::CreateOnly.by(Job([9; 16]));
    let _ = destination.put(&name, &chronicle::destination::Bytes(&void), other).unwrap();
    assert_eq!(backup(&db, &destination).unwrap().record.entry.to_string(), "delta-002");
    assert_eq!(every_point_comes_back(&destination, folder.path()), 2);
}

#[test]
fn no_destination_that_lies_makes_a_point_that_does_not_come_back() {
    let transient = Lie::ErrorBefore(ErrorKind::Transient);
    let lies = [
        (Lie::LostAcknowledgement, "", 30),
        (transient, "", 30),
        (Lie::TornPut, "data.db", 50),
        (Lie::TornPut, "list-", 50),
        (Lie::ObjectGone, "/", 30),
        (Lie::RepeatedSuccess, "", 50),
        (Lie::ShortBody, "", 20),
        (Lie::ShortRange, "", 50),
        (Lie::WrongRange, "", 50),
        (Lie::StaleGet, "", 50),
        (Lie::WrongLength, "", 30),
        (Lie::WrongHash, "", 30),
    ];
    let (mut told, mut made, mut failed) = (0, 0, 0);
    for (seed, (lie, part, percent)) in lies.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        let lying = Arc::new(Lying::new(MemoryDestination::new(), seed as u64));
        lying.add(Rule::new(lie).on(part).percent(percent));
        let destination: Arc<dyn Destination> = Arc::clone(&lying) as Arc<dyn Destination>;
        for round in 1..=6 {
            work(&db, round * 7);
            match backup(&db, &destination) {
                Ok(_) => made += 1,
                Err(_) => failed += 1,
            }
        }
        told += lying.told().len();
        lying.repent();
        every_point_comes_back(&destination, folder.path());
        ledger::fill(&db, 50);
        let last = backup(&db, &destination).unwrap_or_else(|error| panic!("after {lie:?}: {error}"));
        assert_eq!(last.record.point.lsn, 50, "after {lie:?} the next backup goes on");
    }
    assert!(told > 100 && made > 20 && failed > 3, "{told} lies, {made} points, {failed} failures");
}

#[test]
fn killed_at_random_every_point_comes_back_and_the_next_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (source, repository) = (folder.path().join("data.db"), folder.path().join("repository"));
    let db = open(folder.path());
    work(&db, 240);
    db.close().unwrap();
    let arguments = |verb: &[&str], source: &Path, dest: &Path| {
        let words = [source.to_str().unwrap(), dest.to_str().unwrap()].map(str::to_owned);
        let verb = verb.iter().map(|word| (*word).to_owned());
        verb.chain(["--source".to_owned(), words[0].clone(), "--dest".to_owned(), words[1].clone()])
            .collect::<Vec<_>>()
    };
    let create: Vec<String> = arguments(&["backup", "create"], &source, &repository)
        .into_iter()
        .chain(["--delta".to_owned()])
        .collect();
    let restored = folder.path().join("restored");
    let restore = arguments(&["restore"], &repository, &restored);
    let mut random = Random::new(7);
    let (mut killed, mut last, began) = (0, 240, Instant::now());
    let mut attack = |words: &[String], random: &mut Random| {
        let mut child = command()
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(random.below(25_000)));
        let _ = child.kill();
        killed += u64::from(!child.wait().unwrap().success());
    };
    for round in 0..40 {
        attack(&create, &mut random);
        if round % 4 == 3 {
            chronicle(&create).done();
            attack(&restore, &mut random);
            let _ = std::fs::remove_file(restored.join("data.db"));
            chronicle(&restore).done();
            let db = Db::open(restored.join("data.db"), config()).unwrap();
            assert_eq!(db.digest(false).unwrap().0, Ledger::default().digest(last));
            db.close().unwrap();
            std::fs::remove_dir_all(&restored).unwrap();
            last += 1 + random.below(9);
            let db = open(folder.path());
            work(&db, last);
            db.close().unwrap();
        }
        if began.elapsed() > Duration::from_secs(60) {
            break;
        }
    }
    assert!(killed >= 5, "only {killed} of the processes were killed while they worked");
    let destination: Arc<dyn Destination> =
        Arc::new(chronicle::destination::FolderDestination::new(&repository).unwrap());
    assert!(every_point_comes_back(&destination, folder.path()) >= 10);
}

#[test]
fn a_part_moves_the_bytes_of_its_own_blocks() {
    const METRICS: i64 = 40;
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let mut random = workload::Random::new(3);
    db.write(chronicle::Point::new("tiny", 0, 1.0)).unwrap();
    for batch in 0..METRICS {
        let points: Vec<_> = (0..20_000)
            .map(|i| chronicle::Point::new(format!("m{batch:02}"), i, f64::from_bits(random.bits() >> 2)))
            .collect();
        db.write_batch(&points).unwrap();
    }
    db.compact().unwrap();
    let counting = Arc::new(Metered::new(MemoryDestination::new()));
    let destination: Arc<dyn Destination> = Arc::clone(&counting) as Arc<dyn Destination>;
    let brought = backup(&db, &destination).unwrap().bytes;
    let moved = |metric: &str| {
        counting.asked();
        let target = folder.path().join(format!("of {metric}"));
        let config = RestoreConfig::from_destination(Arc::clone(&destination), target).metric(metric);
        let points = restore_delta_backup(config).unwrap().digest.points;
        (points, counting.asked().got)
    };
    let (_, fixed) = moved("tiny");
    let (points, own) = moved("m17");
    assert_eq!(points, 20_000);
    let blocks = brought / METRICS as u64;
    println!("{own} bytes moved, {fixed} of them fixed; its blocks are about {blocks} of {brought}");
    assert!(own <= fixed + 2 * blocks, "{own} bytes moved, {fixed} for a point, {blocks} are its own");
    assert!(fixed * 4 < brought, "{fixed} of {brought} bytes were moved for one point");
}
