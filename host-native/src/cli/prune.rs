//! `chronicle backup prune | hold | release`: which backups stay.
use super::failure::Failure;
use super::keys::KeyArgs;
use super::report::{Report, bytes, count, time};
use super::{Outcome, Status};
use chronicle::backup::repository::{Entry, PrunePlan};
use chronicle::backup::{PlannedPrune, PruneReport, Repository, SnapshotPrunePlan};
use chronicle::{Keep, PruneConfig};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Delete the points of a delta repository, or the snapshots in a folder, that no rule keeps
#[derive(Args)]
#[command(after_help = "\
A point stays when any rule keeps it. Periods are those of the UTC calendar, counted back from the newest point and not from
today; of each the newest point is kept. The newest point, the newest that was verified, and points on hold always stay.
Everything that stays is found to be there before anything is deleted.

What is still needed of files that are mostly dead is copied into a new one where that pays (--no-consolidate leaves them).
Backups may run meanwhile. Exit status 1 when one that is not finished holds the deletion up: run prune again later.

Examples:
  chronicle backup prune --dest /backup --keep-last 24
  chronicle backup prune --dest /backup/repo --keep-last 24 --keep-daily 7 --dry-run
  chronicle backup prune --dest /backup/repo --keep-within 7d --keep-monthly 12 --pitr-window 30d")]
pub(super) struct Prune {
    /// The repository, or a folder of snapshots
    #[arg(long, value_name = "DIR", aliases = ["source", "path"])]
    dest: PathBuf,
    /// Keep so many of the newest points
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_last: u64,
    /// Keep one for each of so many hours
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_hourly: u64,
    /// Keep one for each of so many days
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_daily: u64,
    /// Keep one for each of so many weeks, which begin on Monday
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_weekly: u64,
    /// Keep one for each of so many months
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_monthly: u64,
    /// Keep one for each of so many years
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_yearly: u64,
    /// Keep every point that is at most so much older than the newest one, such as 7d
    #[arg(long, value_name = "DURATION", value_parser = super::args::parse_duration)]
    keep_within: Option<u64>,
    /// Keep the log of so long a time before the newest point, such as 30d, and delete older logs; points stay
    #[arg(long, value_name = "DURATION", value_parser = super::args::parse_duration)]
    pitr_window: Option<u64>,
    /// Close the claims of backups that are not finished: for those that are dead
    #[arg(long)]
    void_unfinished: bool,
    /// Declare that nobody else writes to the repository meanwhile: for stores that can't keep two writers apart, and WebDAV
    #[arg(long)]
    single_writer: bool,
    /// Leave files that are mostly dead as they are
    #[arg(long)]
    no_consolidate: bool,
    /// Only print what would stay and go
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    keys: KeyArgs,
}

/// Keep a point of a delta repository from every prune
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle backup hold --source /backup/repo delta-017
  chronicle backup hold --source /backup/repo base --json")]
pub(super) struct Hold {
    #[command(flatten)]
    point: Point,
}

/// Let prunes take a point again
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle backup release --source /backup/repo delta-017
  chronicle backup release --source /backup/repo base --json")]
pub(super) struct Release {
    #[command(flatten)]
    point: Point,
}

/// A point of a repository.
#[derive(Args)]
struct Point {
    /// The repository
    #[arg(long, value_name = "DIR", aliases = ["dest", "path"])]
    source: PathBuf,
    /// Its name, as `backup list` prints it
    #[arg(value_parser = parse_point)]
    point: Entry,
}

fn parse_point(text: &str) -> Result<Entry, String> {
    let point = Entry::parse(text).filter(|entry| entry.kind.is_point());
    point.ok_or_else(|| "a point is named as `backup list` prints it, such as base or delta-001".into())
}

impl Prune {
    fn keep(&self) -> Result<Keep, Failure> {
        let keep = Keep {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            yearly: self.keep_yearly,
            within_ns: self.keep_within,
            pitr_window_ns: self.pitr_window,
        };
        (!keep.is_empty())
            .then_some(keep)
            .ok_or_else(|| Failure::usage("no rule says what to keep: give one, such as --keep-last 24"))
    }

    pub(super) fn run(&self, json: bool) -> Outcome {
        let config = PruneConfig::new(&self.dest, self.keep()?)
            .void_unfinished(self.void_unfinished)
            .consolidate(!self.no_consolidate)
            .keys(self.keys.keys()?);
        let config = if self.single_writer { config.single_writer() } else { config };
        // What is printed of a real run is what it does: the plan of then may be another one than that of a moment before.
        if self.dry_run {
            let plan = chronicle::backup::plan_prune(&config)?;
            let report =
                Report::new().line(&plan).line("nothing was deleted (--dry-run)").field("dry_run", true);
            match &plan {
                PlannedPrune::Repository(plan) => of_repository(report, plan),
                PlannedPrune::Snapshots(plan) => of_snapshots(report, plan),
            }
            .print(json)?;
            return Ok(Status::Done);
        }
        let report = chronicle::prune_with(&config)?;
        told(&report).print(json)?;
        Ok(if report.waits_for.is_some() { Status::Incomplete } else { Status::Done })
    }
}

fn of_repository(report: Report, plan: &PrunePlan) -> Report {
    let kept: Vec<Value> = plan
        .points()
        .filter_map(|(entry, time_ns)| Some((entry, time_ns, plan.kept.get(&entry.number)?)))
        .map(|(entry, time_ns, reasons)| {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            json!({ "point": entry.to_string(), "commit_time": time(time_ns), "reasons": reasons })
        })
        .collect();
    let objects: Vec<Value> = plan
        .deletions_planned()
        .map(|(name, len)| json!({ "name": name.to_string(), "bytes": len.map(|len| len.to_string()) }))
        .collect();
    let dead: Vec<Value> = plan
        .mostly_dead
        .iter()
        .map(|(home, needed)| json!({ "name": home.container().to_string(), "bytes_needed": needed.to_string() }))
        .collect();
    let unfinished: Vec<String> = plan.unfinished.iter().map(ToString::to_string).collect();
    report
        .field("kept", kept)
        .field("removed", plan.removed().map(|entry| entry.to_string()).collect::<Vec<_>>())
        .field("objects", objects)
        .field("mostly_dead", dead)
        .field("unfinished", unfinished)
        .text("bytes_freed", plan.bytes_freed())
}

fn of_snapshots(report: Report, plan: &SnapshotPrunePlan) -> Report {
    let name = |folder: &std::path::Path| folder.display().to_string();
    let kept: Vec<Value> = plan
        .snapshots
        .iter()
        .filter(|snapshot| snapshot.is_kept())
        .map(|snapshot| {
            let reasons: Vec<String> = snapshot.reasons.iter().map(ToString::to_string).collect();
            let time = time(snapshot.record.commit_time_ns);
            json!({ "folder": name(&snapshot.folder), "commit_time": time, "reasons": reasons })
        })
        .collect();
    report
        .field("kept", kept)
        .field("removed", plan.removed().map(|snapshot| name(&snapshot.folder)).collect::<Vec<_>>())
        .field("leftovers", plan.leftovers.iter().map(|folder| name(folder)).collect::<Vec<_>>())
        .text("bytes_freed", plan.bytes_freed())
}

fn told(report: &PruneReport) -> Report {
    let mut text = Report::new().line(&report.place);
    text = match &report.waits_for {
        Some(error) => text.line(format_args!("not everything was deleted yet: {}", error.message())),
        None => text,
    };
    if report.bytes_moved > 0 {
        text = text.line(format_args!(
            "what was needed of files that were mostly dead lies in a new one of {}",
            bytes(report.bytes_moved)
        ));
    }
    if let Some(error) = &report.hint_error {
        text = text.line(format_args!("manifest.json was not written anew: {error}"));
    }
    text.line(format_args!(
        "{} kept, {} removed, {} deleted, {} freed",
        count(report.points_kept, "point"),
        report.points_removed,
        count(report.objects_deleted, "object"),
        bytes(report.bytes_freed)
    ))
    .field("place", report.place.clone())
    .text("points_kept", report.points_kept)
    .text("points_removed", report.points_removed)
    .text("records_deleted", report.records_deleted)
    .text("objects_deleted", report.objects_deleted)
    .text("bytes_freed", report.bytes_freed)
    .text("bytes_moved", report.bytes_moved)
    .field("waits_for", report.waits_for.as_ref().map(ToString::to_string))
    .field("hint_error", report.hint_error.as_ref().map(ToString::to_string))
}

impl Hold {
    pub(super) fn run(&self, json: bool) -> Outcome {
        Repository::open(&self.point.source)?.hold(self.point.point)?;
        self.point.told(true, json)
    }
}

impl Release {
    pub(super) fn run(&self, json: bool) -> Outcome {
        Repository::open(&self.point.source)?.release(self.point.point)?;
        self.point.told(false, json)
    }
}

impl Point {
    fn told(&self, held: bool, json: bool) -> Outcome {
        let what = if held { "is on hold: no prune takes it" } else { "is not on hold any more" };
        Report::new()
            .line(format_args!("{} {what}", self.point))
            .text("point", self.point)
            .field("held", held)
            .print(json)?;
        Ok(Status::Done)
    }
}
