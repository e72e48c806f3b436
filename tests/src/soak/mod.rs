//! Soak: a writer, and backups, prunes and restores of what it writes, each in a process of its own that is killed at random;
//! everything that comes back is compared with a model.
//!
//! The model is a map, and its digest after every commit. What it keeps true: every point that the repository lists restores to the digest
//! of its commit, whatever was killed when; a backup that ended well is listed; a moment restores to its digest or is refused; what
//! `verify` finds is never damage. The moment of a kill is chosen within the time that such a job took last, so that it hits work on slow and quick
//! machines alike.
pub mod job;

use crate::oracle::{self, State};
use crate::workload::Random;
use chronicle::backup::{Repository, RestoreConfig, is_repository, restore_delta_backup};
use chronicle::error::ErrorKind;
use chronicle::verify::VerifyLevel;
use chronicle::{Config, Db, Point, Selector, TimeRange};
use chronicle_core::model::{Series, Tags};
pub use job::Kind;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

const SECOND: i64 = 1_000_000_000;
/// Timestamps that are written; there are never more points than these times the series.
const TIMES: u64 = 300;
const SERIES: u64 = 8;
/// A job that works longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was done, and proven.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Commits of the writer.
    pub commits: u64,
    /// Jobs that ended by themselves.
    pub done: BTreeMap<Kind, u64>,
    /// Jobs that were killed while they worked.
    pub killed: BTreeMap<Kind, u64>,
    /// Restores of listed points that had the digest of their commit.
    pub points_proven: u64,
    /// Restores of other moments that had it.
    pub moments_proven: u64,
    /// Moments that are not restorable, as prunes leave them.
    pub moments_refused: u64,
    /// Verifications of every byte that found nothing.
    pub verified: u64,
}

impl Tally {
    /// Jobs of any kind that were killed while they worked.
    pub fn kills(&self) -> u64 {
        self.killed.values().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} commits", self.commits)?;
        for kind in Kind::ALL {
            let of = |map: &BTreeMap<Kind, u64>| map.get(&kind).copied().unwrap_or(0);
            writeln!(f, "{}: {} done, {} killed", kind.word(), of(&self.done), of(&self.killed))?;
        }
        write!(
            f,
            "{} points and {} moments came back with their digest, {} moments were refused, {} full verifications",
            self.points_proven, self.moments_proven, self.moments_refused, self.verified
        )
    }
}

/// See the module. What is wrong is told in words.
pub struct Soak {
    /// A program whose arguments behind `job` are those of [`job::run`].
    program: PathBuf,
    folder: PathBuf,
    db: Db,
    state: State,
    series: Vec<Rc<Series>>,
    /// By LSN.
    digests: Vec<String>,
    random: Random,
    /// How long a job of this kind works when it is left alone.
    usual: BTreeMap<Kind, Duration>,
    /// The moment of a restore that was killed: the next one goes on with it.
    restoring: Option<u64>,
    /// The commit that the last finished backup holds at least.
    acked: u64,
    /// What was done so far.
    pub tally: Tally,
}

fn wrong(error: impl fmt::Display) -> String {
    error.to_string()
}

impl Soak {
    /// In an empty folder.
    pub fn new(program: impl Into<PathBuf>, folder: &Path, seed: u64) -> Result<Self, String> {
        let series = (0..SERIES).map(|number| {
            let tags = Tags::new([("of".to_owned(), number.to_string())]).expect("a tag");
            Rc::new(Series { metric: "soak".into(), tags })
        });
        Ok(Self {
            program: program.into(),
            folder: folder.to_owned(),
            db: Db::open(folder.join("data.db"), Config::default()).map_err(wrong)?,
            state: State::new(),
            series: series.collect(),
            digests: vec![oracle::digest(&State::new()).to_string()],
            random: Random::new(seed),
            usual: BTreeMap::new(),
            restoring: None,
            acked: 0,
            tally: Tally::default(),
        })
    }

    /// Some commits, one job, which is killed if `kill`, and a look at what came of it.
    pub fn round(&mut self, kill: bool) -> Result<(), String> {
        for _ in 0..3 {
            self.commit()?;
        }
        match self.random.below(8) {
            0 => self.db.checkpoint().map_err(wrong)?,
            1 => self.db.compact().map_err(wrong)?,
            _ => {}
        }
        let has_points = !self.points()?.is_empty();
        let kind = match self.random.below(10) {
            0..=4 => Kind::Backup,
            _ if !has_points => Kind::Backup,
            5..=6 => Kind::Prune,
            _ => Kind::Restore,
        };
        self.job(kind, kill)?;
        self.prove_one()
    }

    /// Points, or a deletion.
    fn commit(&mut self) -> Result<(), String> {
        if self.random.below(12) == 0 && !self.state.is_empty() {
            let of = self.random.below(SERIES).to_string();
            let start = self.random.below(TIMES) as i64 * SECOND;
            let range = TimeRange::new(Some(start), Some(start + 20 * SECOND));
            let selector = Selector::metric("soak").tag("of", &of);
            if self.db.delete(&selector, range).map_err(wrong)?.is_none() {
                return Ok(());
            }
            let of = |series: &Series| series.tags.iter().any(|(_, value)| value == of);
            self.state.retain(|(series, time), _| !(of(series) && range.contains(*time)));
        } else {
            let mut points = Vec::new();
            for _ in 0..40 {
                let series = &self.series[self.random.below(SERIES) as usize];
                let time = self.random.below(TIMES) as i64 * SECOND;
                let value = self.random.unit();
                let mut point = Point::new(series.metric.clone(), time, value);
                for (key, value) in series.tags.iter() {
                    point = point.tag(key, value);
                }
                points.push(point);
                self.state.insert((Rc::clone(series), time), value.to_bits());
            }
            self.db.write_batch(&points).map_err(wrong)?;
        }
        self.digests.push(oracle::digest(&self.state).to_string());
        self.tally.commits += 1;
        let lsn = self.db.position().lsn;
        match lsn + 1 == self.digests.len() as u64 {
            true => Ok(()),
            false => Err(format!("the database is at commit {lsn}, the model at {}", self.digests.len() - 1)),
        }
    }

    fn repository(&self) -> PathBuf {
        self.folder.join("repository")
    }

    /// The commits of the points that the repository lists.
    fn points(&self) -> Result<Vec<u64>, String> {
        if !is_repository(&self.repository()).map_err(wrong)? {
            return Ok(Vec::new());
        }
        let content = Repository::open(self.repository()).and_then(|it| it.content()).map_err(wrong)?;
        Ok(content.timeline.points().iter().map(|point| point.point.lsn).collect())
    }

    /// Runs a job in a process of its own while commits go on.
    fn job(&mut self, kind: Kind, kill: bool) -> Result<(), String> {
        let more = match kind {
            Kind::Backup => Vec::new(),
            Kind::Prune => {
                // What a killed restore has of a point that goes is no use.
                self.forget_restore();
                vec![(2 + self.random.below(4)).to_string()]
            }
            Kind::Restore => {
                let lsn = match self.restoring {
                    Some(lsn) => lsn,
                    None => {
                        let points = self.points()?;
                        points[self.random.below(points.len() as u64) as usize]
                    }
                };
                self.restoring = Some(lsn);
                vec![lsn.to_string(), self.digests[lsn as usize].clone()]
            }
        };
        let lsn = self.db.position().lsn;
        let mut child = Command::new(&self.program)
            .args(["job", kind.word()])
            .arg(&self.folder)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(wrong)?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("stdout is piped")?;
        BufReader::new(stdout).read_line(&mut line).map_err(wrong)?;
        let (began, usual) = (Instant::now(), self.usual.get(&kind).copied());
        let deadline = usual.filter(|_| kill).map(|usual| usual.mul_f64(self.random.unit()));
        let status = loop {
            if let Some(status) = child.try_wait().map_err(wrong)? {
                break status;
            }
            let elapsed = began.elapsed();
            if deadline.is_some_and(|deadline| elapsed >= deadline) || elapsed > PATIENCE {
                child.kill().map_err(wrong)?;
                break child.wait().map_err(wrong)?;
            }
            match deadline {
                None if self.random.below(4) == 0 => self.commit()?,
                _ => std::thread::sleep(Duration::from_micros(100)),
            }
        };
        let took = began.elapsed();
        if took > PATIENCE {
            return Err(format!("{} worked for more than {PATIENCE:?}", kind.word()));
        }
        match status.code() {
            None => *self.tally.killed.entry(kind).or_default() += 1,
            Some(0) => {
                *self.tally.done.entry(kind).or_default() += 1;
                let usual = usual.unwrap_or(took);
                self.usual.insert(kind, (usual * 3 + took) / 4);
                if kind == Kind::Backup {
                    self.acked = lsn;
                }
            }
            Some(code) => return Err(format!("{} ended with {code}", kind.word())),
        }
        if kind == Kind::Restore && self.folder.join(job::RESTORED).join("data.db").exists() {
            let lsn = self.restoring.unwrap_or_default();
            let db = Db::open(self.folder.join(job::RESTORED).join("data.db"), Config::read_only());
            let digest = db.and_then(|db| db.digest(false)).map_err(wrong)?.0.to_string();
            self.forget_restore();
            self.compare(lsn, &digest)?;
        }
        Ok(())
    }

    fn forget_restore(&mut self) {
        self.restoring = None;
        let _ = std::fs::remove_dir_all(self.folder.join(job::RESTORED));
    }

    fn compare(&self, lsn: u64, digest: &str) -> Result<(), String> {
        match self.digests.get(lsn as usize) {
            Some(wanted) if wanted == digest => Ok(()),
            wanted => Err(format!("commit {lsn} came back as {digest}, it was {wanted:?}")),
        }
    }

    /// Restores a moment to a place of its own; `None` when it is refused as not restorable.
    fn restored(&self, lsn: u64) -> Result<Option<()>, String> {
        let scratch = self.folder.join("scratch");
        let config = RestoreConfig::new(self.repository(), &scratch).at_lsn(lsn);
        let found = restore_delta_backup(config);
        let _ = std::fs::remove_dir_all(&scratch);
        match found {
            Ok(report) => self.compare(lsn, &report.digest.to_string()).map(Some),
            Err(error) if error.kind() == ErrorKind::NotRestorable => Ok(None),
            Err(error) => Err(format!("commit {lsn}: {error}")),
        }
    }

    /// One point, and one moment of any.
    fn prove_one(&mut self) -> Result<(), String> {
        let points = self.points()?;
        let Some(&newest) = points.last() else { return Ok(()) };
        if newest < self.acked {
            return Err(format!("commit {} was backed up, the newest point is of {}", self.acked, newest));
        }
        let point = points[self.random.below(points.len() as u64) as usize];
        self.prove(point)?;
        let moment = 1 + self.random.below(newest);
        match self.restored(moment)? {
            Some(()) => self.tally.moments_proven += 1,
            None => self.tally.moments_refused += 1,
        }
        Ok(())
    }

    fn prove(&mut self, point: u64) -> Result<(), String> {
        self.restored(point)?
            .ok_or_else(|| format!("the point of commit {point} is listed and not restorable"))?;
        self.tally.points_proven += 1;
        Ok(())
    }

    /// Every listed point, and every byte of the repository.
    pub fn prove_all(&mut self) -> Result<(), String> {
        let points = self.points()?;
        for &point in &points {
            self.prove(point)?;
        }
        if !points.is_empty() {
            let repository = Repository::open(self.repository()).map_err(wrong)?;
            let report = repository.verify(VerifyLevel::Full, &|_, _| {}).map_err(wrong)?;
            if report.damage() > 0 {
                return Err(format!("{report:?}"));
            }
            self.tally.verified += 1;
        }
        Ok(())
    }

    /// A backup and a prune that nobody kills; then all must be there.
    pub fn finish(&mut self) -> Result<(), String> {
        for kind in [Kind::Backup, Kind::Prune] {
            self.job(kind, false)?;
        }
        match self.points()?.len() {
            2..=5 => self.prove_all(),
            points => Err(format!("{points} points are left behind a prune")),
        }
    }
}
