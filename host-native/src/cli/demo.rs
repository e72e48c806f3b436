//! `chronicle demo`: the whole story on generated data, in a folder that is thrown away.
//!
//! It calls the library as the other verbs do, and shows for each step the command that does the same. A step whose
//! result is not what it must be ends the demo with an error: it is a test that people can watch.
use super::failure::Failure;
use super::progress::shared;
use super::report::{Report, bytes, count, print, time};
use super::{Outcome, Status};
use chronicle::backup::{RestoreOptions, restore_with};
use chronicle::digest::Digest;
use chronicle::files::os_error::OsContext;
use chronicle::query::{Query, hours};
use chronicle::verify::{VerifyLevel, verify_with};
use chronicle::{BackupManager, Config, Db, Error, ErrorKind, Point};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// 2024-01-28T00:00:00Z.
const START_NS: i64 = 1_706_400_000_000_000_000;
const STEP_NS: i64 = 10_000_000_000;
const HOSTS: usize = 40;
const METRICS: [&str; 3] = ["cpu", "memory", "requests"];
const STEPS_A_DAY: i64 = 8_640;
/// Points of each series: three days.
const STEPS: i64 = 3 * STEPS_A_DAY;
/// Steps in one batch.
const BATCH_STEPS: i64 = 100;

/// Play the whole story on generated data: write, back up while writing, destroy the file, restore, prove it
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle demo
  chronicle demo --dir /tmp/chronicle-demo")]
pub(super) struct Demo {
    /// A folder to make and keep [default: a temporary one, deleted at the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Demo {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let folder = match &self.dir {
            Some(dir) => dir.clone(),
            None => std::env::temp_dir().join(format!("chronicle-demo-{}", std::process::id())),
        };
        std::fs::create_dir(&folder).os("make the folder", &folder)?;
        let told = Story { folder: folder.clone(), quiet: json }.play();
        if self.dir.is_none() {
            std::fs::remove_dir_all(&folder).os("delete", &folder)?;
        }
        let report = told?;
        if json {
            report.print(true)?;
        } else if let Some(dir) = &self.dir {
            print(&format!("\neverything is in {}\n", dir.display()))?;
        }
        Ok(Status::Done)
    }
}

struct Story {
    folder: PathBuf,
    quiet: bool,
}

impl Story {
    fn play(&self) -> Result<Report, Failure> {
        let (path, snapshot) = (self.folder.join("data.db"), self.folder.join("snapshot"));
        let restored = self.folder.join("restored");
        let db = Db::open(&path, Config::default())?;
        let (points, rate) = self.write(&db)?;
        self.ask(&db)?;
        let kept = self.back_up(&db, &snapshot)?;
        db.close()?;
        self.lose(&path)?;
        let again = self.restore(&snapshot, &restored)?;
        if again != kept {
            let message = format!("the restored digest {again} is not that of the snapshot, {kept}");
            return Err(Error::new(ErrorKind::Damaged, message).at(restored.display()).into());
        }
        self.say("the digests are equal: every point that was backed up is back, bit for bit")?;
        Ok(Report::new()
            .text("points", points)
            .field("points_per_second", rate)
            .text("digest", kept)
            .field("restored_equal", true))
    }

    fn write(&self, db: &Db) -> Result<(u64, u64), Failure> {
        self.step(
            "write three days of 120 series, a point every 10 s",
            "chronicle import --path data.db --input days.csv",
        )?;
        let started = Instant::now();
        let mut points = 0;
        for first in (0..STEPS).step_by(BATCH_STEPS as usize) {
            let batch = batch(first..(first + BATCH_STEPS).min(STEPS));
            points += batch.len() as u64;
            db.write_batch(&batch)?;
        }
        let rate = (points as f64 / started.elapsed().as_secs_f64()) as u64;
        db.checkpoint()?;
        let layout = db.layout()?;
        self.say(format!(
            "{} written, each batch on disk before the next: {} a second",
            count(points, "point"),
            count(rate, "point")
        ))?;
        self.say(format!(
            "{} in segments, {:.2} bytes a point",
            bytes(layout.segment_bytes),
            layout.segment_bytes as f64 / layout.segment_points.max(1) as f64
        ))?;
        Ok((points, rate))
    }

    fn ask(&self, db: &Db) -> Result<(), Failure> {
        let sql = "SELECT mean(value) FROM cpu WHERE host = 'host_3' GROUP BY time(6h)";
        self.step("ask", &format!("chronicle query --path data.db \"{sql}\""))?;
        let started = Instant::now();
        let rows = db.query(&Query::metric("cpu").tag("host", "host_3").mean(hours(6)))?.rows()?;
        for row in &rows {
            self.say(format!(
                "{}  {:.3}",
                time(row.timestamp),
                row.values.first().copied().flatten().unwrap_or(f64::NAN)
            ))?;
        }
        self.say(format!("answered in {:.1} ms", started.elapsed().as_secs_f64() * 1e3))
    }

    /// Makes a snapshot while another thread writes.
    fn back_up(&self, db: &Db, snapshot: &Path) -> Result<Digest, Failure> {
        self.step(
            "back up while another thread goes on writing",
            "chronicle backup create --source data.db --dest snapshot",
        )?;
        let stop = AtomicBool::new(false);
        let (report, meanwhile) = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut step = STEPS;
                while !stop.load(Ordering::Relaxed) {
                    db.write_batch(&batch(step..step + 1))?;
                    step += 1;
                }
                Ok::<_, Error>(step - STEPS)
            });
            let report = BackupManager::new(db).create_snapshot(snapshot);
            stop.store(true, Ordering::Relaxed);
            let broken = |_| Err(Error::new(ErrorKind::Io, "the writer thread broke off"));
            (report, writer.join().unwrap_or_else(broken))
        });
        let (report, meanwhile) = (report?, meanwhile?);
        let record = &report.record;
        self.say(format!(
            "{} as of lsn {} in {:.0} ms; writers were held for {:.1} us of it, and made {} meanwhile",
            bytes(report.bytes),
            record.lsn,
            report.took.as_secs_f64() * 1e3,
            report.held.as_secs_f64() * 1e6,
            count(u64::try_from(meanwhile).unwrap_or_default(), "commit")
        ))?;
        self.step("prove the backup", "chronicle verify --path snapshot --level deep")?;
        let verified = verify_with(snapshot, VerifyLevel::Deep, &shared("verifying"))?;
        if let Some(finding) = verified.report.findings.iter().next() {
            return Err(Error::damaged(finding.to_string()).into());
        }
        self.say(format!("sound: {} of every segment, block and file", bytes(verified.report.bytes)))?;
        let digest = record.digest.ok_or_else(|| Error::damaged("the snapshot has no digest"))?;
        self.say(format!("digest {digest}"))?;
        Ok(digest)
    }

    /// Deletes the database: every file of it, as a dying disk does.
    fn lose(&self, path: &Path) -> Result<(), Failure> {
        self.step("the accident: the database is destroyed", "rm data.db data.db.wal-*")?;
        for entry in std::fs::read_dir(&self.folder).os("list the folder", &self.folder)? {
            let file = entry.os("list the folder", &self.folder)?.path();
            if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("data.db")) {
                std::fs::remove_file(&file).os("delete", &file)?;
            }
        }
        match Db::open(path, Config::read_only()) {
            Err(error) => self.say(format!("chronicle query now says: {}", error.message())),
            Ok(_) => Err(Error::new(ErrorKind::Io, "the database is still there").at(path.display()).into()),
        }
    }

    fn restore(&self, snapshot: &Path, restored: &Path) -> Result<Digest, Failure> {
        self.step("restore", "chronicle restore --source snapshot --dest restored")?;
        let report = restore_with(snapshot, restored, RestoreOptions::default(), &shared("restoring"))?;
        self.say(format!(
            "{} of {} back in {:.0} ms, every byte checked",
            count(report.digest.points, "point"),
            count(report.series, "series"),
            report.took.as_secs_f64() * 1e3
        ))?;
        let db = Db::open(&report.path, Config::read_only())?;
        let (digest, _) = db.digest(false)?;
        self.say(format!("digest {digest}"))?;
        Ok(digest)
    }

    fn step(&self, what: &str, command: &str) -> Result<(), Failure> {
        if self.quiet { Ok(()) } else { print(&format!("\n{what}\n  $ {command}\n")) }
    }

    fn say(&self, line: impl std::fmt::Display) -> Result<(), Failure> {
        if self.quiet { Ok(()) } else { print(&format!("  {line}\n")) }
    }
}

/// The points of all series at these steps: the same on every run.
fn batch(steps: std::ops::Range<i64>) -> Vec<Point> {
    let mut points = Vec::new();
    for step in steps {
        let time = START_NS + step * STEP_NS;
        for host in 0..HOSTS {
            for (kind, metric) in METRICS.into_iter().enumerate() {
                let value = value(step, host, kind);
                points.push(Point::new(metric, time, value).tag("host", format!("host_{host}")));
            }
        }
    }
    points
}

/// A load with a daily course and some noise, in steps of a tenth.
fn value(step: i64, host: usize, kind: usize) -> f64 {
    let phase = step as f64 / STEPS_A_DAY as f64 * std::f64::consts::TAU;
    let seed = (step as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ ((host * 31 + kind) as u64).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let noise = (seed ^ (seed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 54;
    let level = 50.0 + 30.0 * phase.sin() + host as f64;
    ((level + noise as f64 / 200.0) * 10.0).round() / 10.0
}
