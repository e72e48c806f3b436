//! Partial restores from the library: what comes out is what the model says was there, and nothing else is read.
use chronicle::{
    BackupManager, Config, Db, DeltaBackupConfig, Point, RestoreConfig, Selector, Series, TimeRange,
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
