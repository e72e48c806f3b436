//! Partial restores from the library: what comes out is what the model says was there, and nothing else is read.
use chronicle::backup::PointChanges;
use chronicle::verify::{VerifyLevel, verify};
use chronicle::{
    BackupManager, Config, Conflict, Db, DeltaBackupConfig, Point, RestoreConfig, Selector, Series, TimeRange,
};
use chronicle_tests::oracle::{self, Oracle};
use chronicle_tests::workload::Random;
use std::path::{Path, PathBuf};
use std::rc::Rc;

type Model = oracle::State;

const METRICS: [&str; 3] = ["cpu", "disk \"io\"", "line\nfeed"];
const HOSTS: [&str; 4] = ["a", "b b", "c'c", "d\nd"];
const NAN: u64 = 0x7ff8_dead_beef_0001;

fn config() -> Config {
    Config { background: false, ..Config::default() }
}

/// A database with deletions, segments and unsealed points, a repository of it and a snapshot at its end.
struct Place {
    folder: tempfile::TempDir,
    oracle: Oracle,
    moments: Vec<u64>,
}

impl Place {
    fn new(seed: u64) -> Self {
        let mut it =
            Self { folder: tempfile::tempdir().unwrap(), oracle: Oracle::default(), moments: Vec::new() };
        let mut random = Random::new(seed);
        let db = Db::open(it.path("data.db"), config()).unwrap();
        let to = DeltaBackupConfig::new(it.path("repo")).continue_newest();
        BackupManager::new(&db).create_delta_backup(to).unwrap();
        for round in 0..12 {
            let points: Vec<Point> = (0..60).map(|_| point(&mut random, 200)).collect();
            db.write_batch(&points).unwrap();
            it.oracle.points(db.position(), &points);
            it.moments.push(db.position().lsn);
            if round % 4 == 2 {
                let selector = Selector::metric(METRICS[random.below(3) as usize]);
                let range = TimeRange { min: 20, max: 60 };
                db.delete(&selector, range).unwrap();
                it.oracle.delete(db.position(), &selector, range);
                it.moments.push(db.position().lsn);
            }
            match round % 3 {
                0 => db.checkpoint().unwrap(),
                1 if round > 6 => db.compact().unwrap(),
                _ => {}
            }
            if round % 4 == 3 {
                let to = DeltaBackupConfig::new(it.path("repo")).continue_newest();
                BackupManager::new(&db).create_delta_backup(to).unwrap();
            }
        }
        BackupManager::new(&db).create_snapshot(it.path("snapshot")).unwrap();
        db.close().unwrap();
        it
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn point(random: &mut Random, times: u64) -> Point {
    let bits =
        if random.below(20) == 0 { NAN + random.below(9) } else { f64::to_bits(random.below(1_000) as f64) };
    let metric = METRICS[random.below(3) as usize];
    let time = random.below(times) as i64;
    let point = Point::new(metric, time, f64::from_bits(bits)).tag("host", HOSTS[random.below(4) as usize]);
    if random.below(2) == 0 { point.tag("my rack", "r 1") } else { point }
}

/// A choice, for the library and for the model.
struct Part {
    metrics: Vec<&'static str>,
    host: Option<&'static str>,
    no_rack: bool,
    range: TimeRange,
}

impl Part {
    fn random(random: &mut Random) -> Self {
        let metrics = METRICS.iter().copied().filter(|_| random.below(2) == 0).collect();
        let host = (random.below(2) == 0).then(|| HOSTS[random.below(4) as usize]);
        let min = random.below(150) as i64;
        let range = match random.below(3) {
            0 => TimeRange::ALL,
            _ => TimeRange { min, max: min + random.below(80) as i64 },
        };
        let part = Self { metrics, host, no_rack: random.below(4) == 0, range };
        match part.metrics.is_empty() && part.host.is_none() && !part.no_rack && range == TimeRange::ALL {
            true => Self { metrics: vec![METRICS[1]], ..part },
            false => part,
        }
    }

    fn choose(&self, config: RestoreConfig) -> RestoreConfig {
        let config = self.metrics.iter().fold(config, |config, metric| config.metric(*metric));
        let config = self.host.iter().fold(config, |config, host| config.tag("host", *host));
        let config = if self.no_rack { config.tag("my rack", "") } else { config };
        if self.range == TimeRange::ALL { config } else { config.range(self.range) }
    }

    fn of(&self, model: &Model) -> Model {
        let chosen = |(series, time): &(Rc<Series>, i64)| {
            (self.metrics.is_empty() || self.metrics.contains(&series.metric.as_str()))
                && self.host.is_none_or(|host| series.tags.get("host") == host)
                && (!self.no_rack || series.tags.get("my rack").is_empty())
                && self.range.contains(*time)
        };
        model.iter().filter(|(key, _)| chosen(key)).map(|(key, bits)| (key.clone(), *bits)).collect()
    }
}

fn points_of(db: &Db) -> Model {
    let mut points = db.scan(&Selector::all(), TimeRange::ALL).unwrap();
    let mut model = Model::new();
    while let Some(run) = points.next_run().unwrap() {
        for (&time, &bits) in run.timestamps.iter().zip(run.bits) {
            assert_eq!(model.insert((Rc::new(run.series.series.clone()), time), bits), None);
        }
    }
    model
}

fn opened(path: &Path) -> Model {
    points_of(&Db::open(path, Config::read_only()).unwrap())
}

#[test]
fn any_part_of_any_moment_comes_back_as_the_model_says() {
    let mut place = Place::new(7);
    let mut random = Random::new(8);
    for case in 0..60 {
        let part = Part::random(&mut random);
        let from_snapshot = case % 3 == 0;
        let lsn = match from_snapshot {
            true => *place.moments.last().unwrap(),
            false => place.moments[random.below(place.moments.len() as u64) as usize],
        };
        let target = place.path(&format!("part {case}"));
        let config = match from_snapshot {
            true => RestoreConfig::new(place.path("snapshot"), &target),
            false => RestoreConfig::new(place.path("repo"), &target).at_lsn(lsn),
        };
        let expected = part.of(&place.oracle.at(lsn));
        let restored = chronicle::backup::restore_delta_backup(part.choose(config));
        if expected.is_empty() {
            assert_eq!(restored.unwrap_err().kind(), chronicle::ErrorKind::NotRestorable);
            assert!(!target.exists(), "a restore that is refused leaves nothing");
            continue;
        }
        let report = restored.unwrap();
        assert_eq!(opened(&report.path), expected, "case {case} at {lsn}");
        assert_eq!(report.digest, oracle::digest(&expected));
        assert_eq!(report.position.lsn, lsn);
        let names: Vec<_> =
            std::fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["data.db"], "a restore leaves one file");
    }
}

#[test]
fn a_part_is_a_database_of_its_own_that_can_be_written_and_backed_up() {
    let place = Place::new(9);
    let part = RestoreConfig::new(place.path("snapshot"), place.path("part")).metric("cpu");
    let report = chronicle::backup::restore_delta_backup(part).unwrap();
    let source = Db::open(place.path("snapshot/data.db"), Config::read_only()).unwrap();
    let db = Db::open(&report.path, config()).unwrap();
    assert_ne!(db.identity().lineage, source.identity().lineage, "it is no continuation of the whole");
    db.write(Point::new("new", 1, 1.0)).unwrap();
    let to = DeltaBackupConfig::new(place.path("repo")).continue_newest();
    assert!(
        BackupManager::new(&db).create_delta_backup(to).is_err(),
        "the repository is of another database"
    );
    let to = DeltaBackupConfig::new(place.path("own repo")).continue_newest();
    BackupManager::new(&db).create_delta_backup(to).unwrap();
}

/// What the rule makes of both.
fn joined(target: &Model, chosen: &Model, conflict: Conflict) -> Model {
    let mut model = target.clone();
    for (key, &bits) in chosen {
        match conflict {
            Conflict::Keep => drop(model.entry(key.clone()).or_insert(bits)),
            Conflict::Replace => drop(model.insert(key.clone(), bits)),
        }
    }
    model
}

/// A database that shares some series and times with the places' ones, and has others.
fn other(path: &Path, random: &mut Random) -> Db {
    let db = Db::open(path, Config { seal_points: 50, ..config() }).unwrap();
    for round in 0..4 {
        let mut points: Vec<Point> = (0..40).map(|_| point(random, 260)).collect();
        points.push(Point::new("its own", round, 1.0).tag("host", "z"));
        db.write_batch(&points).unwrap();
        if round % 2 == 0 {
            db.checkpoint().unwrap();
        }
    }
    db.delete(&Selector::metric("cpu"), TimeRange { min: 0, max: 50 }).unwrap();
    db
}

fn expected_changes(target: &Model, chosen: &Model) -> PointChanges {
    let mut changes = PointChanges::default();
    for (key, bits) in chosen {
        match target.get(key) {
            None => changes.new += 1,
            Some(there) if there == bits => changes.equal += 1,
            Some(_) => changes.changed += 1,
        }
    }
    changes
}

#[test]
fn a_part_becomes_one_commit_of_a_database_by_either_rule() {
    let mut place = Place::new(21);
    let mut random = Random::new(22);
    let mut attached = 0;
    for case in 0..50 {
        let path = place.path(&format!("other {case}.db"));
        let mut db = other(&path, &mut random);
        // More than one restore into the same database, so that the second finds the first.
        for _ in 0..2 {
            let part = Part::random(&mut random);
            let lsn = place.moments[random.below(place.moments.len() as u64) as usize];
            let conflict = [Conflict::Keep, Conflict::Replace][random.below(2) as usize];
            let at_once = [1, 7, 60, 1 << 20][random.below(4) as usize];
            let source = RestoreConfig::from_source(place.path("repo")).at_lsn(lsn).points_at_once(at_once);
            let source = part.choose(source);
            let chosen = part.of(&place.oracle.at(lsn));
            let before = points_of(&db);
            let position = db.position();
            if chosen.is_empty() {
                let error = source.into_database(&db, conflict, &|_, _| {}).unwrap_err();
                assert_eq!(error.kind(), chronicle::ErrorKind::NotRestorable);
                continue;
            }
            let preview = source.preview(&db, conflict, &|_, _| {}).unwrap();
            assert_eq!(db.position(), position, "a preview commits nothing");
            let report = source.into_database(&db, conflict, &|_, _| {}).unwrap();
            let expected = joined(&before, &chosen, conflict);
            assert_eq!(points_of(&db), expected, "case {case}, {conflict:?}, {at_once} at once");
            assert_eq!(report.changes, expected_changes(&before, &chosen));
            assert_eq!((preview.changes, preview.written), (report.changes, report.written));
            assert_eq!(report.digest, oracle::digest(&chosen));
            match report.written {
                0 => assert_eq!((report.lsn, db.position().lsn), (None, position.lsn)),
                _ => assert_eq!(report.lsn, Some(position.lsn + 1), "one commit"),
            }
            attached += u64::from(at_once < chosen.len() && report.written > 0);
            let again = source.into_database(&db, conflict, &|_, _| {}).unwrap();
            assert_eq!((again.lsn, again.written), (None, 0), "the second time there is nothing to do");
            // Writes go on, and later commits win over it.
            let (first, _) = chosen.first_key_value().unwrap();
            let mut expected = expected;
            let mut late = Point::new(first.0.metric.clone(), first.1, 77.0);
            late.tags = first.0.tags.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            db.write(late).unwrap();
            expected.insert(first.clone(), 77f64.to_bits());
            assert_eq!(points_of(&db), expected);
            db.close().unwrap();
            let sound = verify(&path, VerifyLevel::Deep).unwrap();
            assert!(sound.report.is_sound(), "{}", sound.report);
            db = Db::open(&path, config()).unwrap();
            assert_eq!(points_of(&db), expected, "after opening again");
            if random.below(2) == 0 {
                db.compact().unwrap();
                assert_eq!(points_of(&db), expected, "after compacting");
            }
        }
        assert_eq!(db.digest(true).unwrap().0, db.digest(false).unwrap().0);
    }
    assert!(attached > 10, "{attached} commits attached segments");
}

#[test]
fn writers_and_readers_go_on_beside_a_restore_and_nothing_of_theirs_is_lost() {
    let place = Place::new(31);
    let db = Db::open(place.path("busy.db"), Config { seal_points: 300, ..Config::default() }).unwrap();
    let whole =
        Db::open(place.path("snapshot/data.db"), Config::read_only()).unwrap().digest(false).unwrap().0;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for batch in 0..300i64 {
                let points: Vec<Point> = (0..20).map(|i| Point::new("mine", batch * 20 + i, 1.0)).collect();
                db.write_batch(&points).unwrap();
            }
        });
        for _ in 0..20 {
            let source = RestoreConfig::from_source(place.path("snapshot")).points_at_once(50);
            source.into_database(&db, Conflict::Replace, &|_, _| {}).unwrap();
            assert!(db.digest(false).unwrap().0.points >= whole.points);
            db.delete(&Selector::all().tag("host", "a"), TimeRange::ALL).unwrap();
        }
        writer.join().unwrap();
    });
    let source = RestoreConfig::from_source(place.path("snapshot")).points_at_once(50);
    source.into_database(&db, Conflict::Replace, &|_, _| {}).unwrap();
    assert_eq!(db.digest(false).unwrap().0.points, whole.points + 6_000);
}

#[test]
fn moments_around_a_commit_of_segments_restore_exactly_or_are_refused() {
    let place = Place::new(41);
    let db = Db::open(place.path("target.db"), config()).unwrap();
    let back_up = || {
        let to = DeltaBackupConfig::new(place.path("its repo")).continue_newest();
        BackupManager::new(&db).create_delta_backup(to).unwrap();
    };
    let mut held: Vec<(u64, Model)> = Vec::new();
    back_up();
    for round in 0..6 {
        for i in 0..3 {
            db.write(Point::new("mine", round * 10 + i, 1.0)).unwrap();
            held.push((db.position().lsn, points_of(&db)));
        }
        let lsn = place.moments[round as usize * 2 + 1];
        let source = RestoreConfig::from_source(place.path("repo")).at_lsn(lsn).points_at_once(10);
        source.into_database(&db, Conflict::Replace, &|_, _| {}).unwrap();
        held.push((db.position().lsn, points_of(&db)));
        if round % 3 == 0 {
            back_up();
            db.compact().unwrap();
        }
        db.write(Point::new("mine", round * 10 + 5, 1.0)).unwrap();
        held.push((db.position().lsn, points_of(&db)));
        if round % 2 == 1 {
            back_up();
        }
    }
    let (mut restored, mut refused) = (0, 0);
    for (lsn, expected) in held {
        let target = place.path(&format!("at {lsn}"));
        let opened_in_place = chronicle::backup::Repository::open(place.path("its repo"))
            .unwrap()
            .open_at(&chronicle::backup::repository::Moment::Lsn { lsn, epoch: None });
        match chronicle::backup::restore_delta_backup(
            RestoreConfig::new(place.path("its repo"), &target).at_lsn(lsn),
        ) {
            Ok(report) => {
                assert_eq!(opened(&report.path), expected, "at {lsn}");
                assert_eq!(points_of(&opened_in_place.unwrap().db), expected);
                restored += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), chronicle::ErrorKind::NotRestorable, "{error}");
                assert!(error.message().contains("nearest"), "{error}");
                assert_eq!(opened_in_place.err().unwrap().kind(), chronicle::ErrorKind::NotRestorable);
                assert!(!target.exists());
                refused += 1;
            }
        }
    }
    assert!(restored > 10 && refused > 0, "{restored} restored, {refused} refused");
}
