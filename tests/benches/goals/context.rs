//! Context: what the rows share. Workloads are made once, databases of them once, the large one once for many runs.
use crate::peers::Fleet;
use crate::report::Report;
use crate::works::Work;
use chronicle::{Config, Db, Durability, PointSource};
use chronicle_tests::workload::{self, SeriesData};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tempfile::TempDir;

/// Points in a batch.
pub(crate) const BATCH: usize = 10_000;
/// Points of the databases that are kept; random doubles take 9.7 bytes each: 1 GB, and the 374 MB of the backup goals.
const LARGE_POINTS: usize = 104_000_000;
const BACKUP_POINTS: usize = 37_440_000;
/// Points that are generated at once for it.
const LARGE_PIECE: usize = 2_080_000;

pub(crate) struct Context {
    pub(crate) quick: bool,
    pub(crate) report: Report,
    pub(crate) peers: Fleet,
    scratch: TempDir,
    kept: PathBuf,
    devops: Option<Rc<Vec<SeriesData>>>,
    devops_db: Option<PathBuf>,
}

impl Context {
    /// With the peers that are picked, all when none is.
    pub(crate) fn new(quick: bool, picked: &[String]) -> Self {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("goals");
        fs::create_dir_all(&kept).unwrap();
        let scratch = tempfile::tempdir_in(&kept).unwrap();
        let peers = Fleet::new(scratch.path(), picked);
        let report = Report::new(peers.columns().to_vec());
        Self { quick, report, peers, scratch, kept, devops: None, devops_db: None }
    }

    /// Where scratch files go.
    pub(crate) fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// A new empty folder.
    pub(crate) fn fresh(&self, name: &str) -> PathBuf {
        let folder = self.scratch.path().join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir(&folder).unwrap();
        folder
    }

    /// Repetitions, fewer when it is to be quick.
    pub(crate) fn runs(&self, runs: usize) -> usize {
        if self.quick { runs.div_ceil(3) } else { runs }
    }

    /// Hosts of the devops workload.
    pub(crate) fn hosts(&self) -> usize {
        if self.quick { 20 } else { 100 }
    }

    /// The devops workload.
    pub(crate) fn devops(&mut self) -> Rc<Vec<SeriesData>> {
        let work = self.devops_work();
        Rc::clone(self.devops.get_or_insert_with(|| Rc::new(work.data().unwrap_or_default())))
    }

    /// Its name and size.
    pub(crate) fn devops_work(&self) -> Work {
        Work::Devops { hosts: self.hosts() }
    }

    /// The data file of a closed, compacted database of the devops workload. Nobody changes its points.
    pub(crate) fn devops_db(&mut self) -> PathBuf {
        if let Some(path) = &self.devops_db {
            return path.clone();
        }
        let data = self.devops();
        let path = self.fresh("devops").join("data.db");
        build(&path, &data);
        self.devops_db = Some(path.clone());
        path
    }

    /// The data file of a database of about 1 GB (a tenth of it when it is to be quick).
    pub(crate) fn large_db(&self) -> PathBuf {
        self.kept_db(LARGE_POINTS)
    }

    /// The data file of a database of about 374 MB (a tenth of it when it is to be quick).
    pub(crate) fn backup_db(&self) -> PathBuf {
        self.kept_db(BACKUP_POINTS)
    }

    /// A database of random doubles, made once and kept for later runs.
    fn kept_db(&self, points: usize) -> PathBuf {
        let points = if self.quick { (points / 10).next_multiple_of(LARGE_PIECE) } else { points };
        let folder = self.kept.join(format!("large-{points}"));
        let path = folder.join("data.db");
        let opened = Db::open(&path, Config { create: false, ..Config::default() });
        if opened.is_ok_and(|db| db.gauges().series == points / 20_000 && db.close().is_ok()) {
            return path;
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        eprintln!("making a database of {points} points; later runs will find it in {}", folder.display());
        let db = Db::open(&path, quiet()).unwrap();
        for piece in 0..points / LARGE_PIECE {
            let mut data = workload::random(LARGE_PIECE, piece as u64);
            for (number, series) in data.iter_mut().enumerate() {
                series.tags = vec![("number".into(), (piece * (LARGE_PIECE / 20_000) + number).to_string())];
            }
            write_all(&db, &data);
        }
        db.compact().unwrap();
        db.close().unwrap();
        path
    }
}

/// For making databases: nothing waits for the medium.
pub(crate) fn quiet() -> Config {
    Config { durability: Durability::Os, ..Config::default() }
}

/// Makes a compacted database of `data`.
pub(crate) fn build(path: &Path, data: &[SeriesData]) {
    let db = Db::open(path, quiet()).unwrap();
    write_all(&db, data);
    db.compact().unwrap();
    db.close().unwrap();
}

/// Writes all points in order of arrival.
pub(crate) fn write_all(db: &Db, data: &[SeriesData]) {
    workload::batches(data, BATCH).for_each(|batch| write_batch(db, &batch));
}

/// Writes one batch.
pub(crate) fn write_batch<P: PointSource>(db: &Db, batch: &[P]) {
    db.write_batch(batch).unwrap();
}

/// Number of points in a workload.
pub(crate) fn points(data: &[SeriesData]) -> u64 {
    data.iter().map(|series| series.bits.len() as u64).sum()
}

/// Bytes of a file.
pub(crate) fn file_len(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}
