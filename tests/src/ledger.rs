//! The ledger: numbered commits whose content follows from their number, so that any process can check any database
//! that was filled from it.
//!
//! Commit N has LSN N in a database that holds nothing else. Points never repeat but for one that every commit
//! overwrites; every 17th commit deletes the points of one metric. A half of a batch, a lost one or a doubled one gives
//! a digest that no LSN has.
use chronicle::digest::Digest;
use chronicle::model::{Series, Tags};
use chronicle::verify::{VerifyLevel, verify};
use chronicle::{Config, Db, Durability, Point, Result, Selector, TimeRange};
use std::path::Path;
use std::time::Duration;

use crate::workload::Random;

/// Every commit whose number divides by this is a deletion.
const DELETE_EVERY: u64 = 17;
/// Nanoseconds between the points of one commit and those of the next.
const STRIDE: i64 = 1_000_000_000;

/// The configuration in which little data makes much work: seals, checkpoints, new log files.
pub fn busy_config(durability: Durability) -> Config {
    Config {
        durability,
        seal_points: 700,
        checkpoint_bytes: 64 << 10,
        wal_keep_bytes: 128 << 10,
        ..Config::default()
    }
}

/// Reads the level as the victim takes it: `sync`, `os`, or an interval in milliseconds.
pub fn parse_durability(text: &str) -> Option<Durability> {
    match text {
        "sync" => Some(Durability::Sync),
        "os" => Some(Durability::Os),
        milliseconds => milliseconds.parse().ok().map(|ms| Durability::Interval(Duration::from_millis(ms))),
    }
}

/// True when commit `lsn` is a deletion.
pub fn is_deletion(lsn: u64) -> bool {
    lsn.is_multiple_of(DELETE_EVERY)
}

/// Points of commit `lsn`, if it is not a deletion.
pub fn points(lsn: u64) -> Vec<Point> {
    let mut random = Random::new(lsn);
    let at = lsn as i64 * STRIDE;
    let count = 20 + random.below(120);
    let mut points: Vec<Point> = (0..count)
        .map(|i| {
            let series = random.below(12);
            Point::new(format!("m{}", series % 3), at + i as i64, f64::from_bits(random.bits() >> 2))
                .tag("s", series.to_string())
        })
        .collect();
    // A series that appears late gives the dictionary something to do for as long as the test runs.
    points.push(Point::new("late", at, lsn as f64).tag("hundred", (lsn / 100).to_string()));
    points.push(Point::new("doomed", at, lsn as f64));
    points.push(Point::new("counter", 0, lsn as f64));
    points
}

/// Carries out commit `lsn` and returns the LSN that it got.
pub fn commit(db: &Db, lsn: u64) -> Result<u64> {
    if is_deletion(lsn) {
        return Ok(db.delete(&Selector::metric("doomed"), TimeRange::ALL)?.unwrap_or_default());
    }
    db.write_batch(&points(lsn))
}

/// Carries out commits up to `last`, whatever is there already.
pub fn fill(db: &Db, last: u64) {
    for lsn in db.position().lsn + 1..=last {
        assert_eq!(commit(db, lsn).expect("a commit"), lsn);
    }
}

/// Digests of what is visible after each commit.
#[derive(Default)]
pub struct Ledger {
    /// By LSN, the empty state first.
    digests: Vec<Digest>,
    /// Of everything but the doomed metric and the counter.
    lasting: Digest,
    doomed: Vec<Point>,
}

impl Ledger {
    /// The digest of what is visible after commit `lsn`.
    pub fn digest(&mut self, lsn: u64) -> Digest {
        if self.digests.is_empty() {
            self.digests.push(Digest::default());
        }
        while self.digests.len() as u64 <= lsn {
            self.advance(self.digests.len() as u64);
        }
        self.digests[lsn as usize]
    }

    fn advance(&mut self, lsn: u64) {
        if is_deletion(lsn) {
            self.doomed.clear();
        } else {
            for point in points(lsn) {
                match point.metric.as_str() {
                    "doomed" => self.doomed.push(point),
                    "counter" => {}
                    _ => add(&mut self.lasting, &point),
                }
            }
        }
        let mut digest = self.lasting;
        self.doomed.iter().for_each(|point| add(&mut digest, point));
        let counted = if is_deletion(lsn) { lsn - 1 } else { lsn };
        add(&mut digest, &Point::new("counter", 0, counted as f64));
        self.digests.push(digest);
    }

    /// Panics unless `db` holds exactly the commits up to its position, read point by point and from stored digests.
    /// Returns that position.
    pub fn check(&mut self, db: &Db) -> u64 {
        let (digest, position) = db.digest(false).expect("every point can be read");
        assert_eq!(digest, self.digest(position.lsn), "what is visible after commit {}", position.lsn);
        let (stored, again) = db.digest(true).expect("stored digests can be read");
        assert_eq!((stored, again), (digest, position), "stored digests say the same");
        position.lsn
    }

    /// Panics unless the stopped database at `path` is sound and holds commits up to `acknowledged` at least, and after
    /// them whole commits only. Opens it as a writer and returns its position.
    pub fn check_after_crash(&mut self, path: &Path, acknowledged: u64, config: Config) -> u64 {
        let found = verify(path, VerifyLevel::Full).expect("it can be verified");
        assert!(found.report.is_sound(), "before recovery: {}", found.report);
        let db = Db::open(path, config).expect("it opens after the crash");
        let lsn = self.check(&db);
        assert!(lsn >= acknowledged, "commit {acknowledged} was acknowledged, {lsn} is the last one");
        db.close().expect("it closes");
        let found = verify(path, VerifyLevel::Full).expect("it can be verified");
        assert!(found.report.is_sound(), "after recovery: {}", found.report);
        lsn
    }
}

fn add(digest: &mut Digest, point: &Point) {
    let tags = Tags::new(point.tags.iter().cloned()).expect("tags of the ledger");
    let key = Series { metric: point.metric.clone(), tags }.key();
    digest.add(key, &[point.timestamp], &[point.value.to_bits()]);
}
