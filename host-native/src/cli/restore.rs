//! `chronicle restore`: makes a database out of a backup.
use super::args::{At, parse_at, parse_epoch};
use super::failure::Failure;
use super::into::Into;
use super::keys::KeyArgs;
use super::partial::Part;
use super::place::{age_text, other_line};
use super::progress::shared;
use super::report::{Report, bytes, count, time};
use super::{Outcome, Status};
use chronicle::backup::{
    BackupSource, RestoreConfig, RestoreOptions, RestoreReport, SalvageConfig, is_repository,
    plan_delta_restore, plan_restore, restore_with,
};
use chronicle::ids::Epoch;
use chronicle::{Error, ErrorKind};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Restore a database from a snapshot, a delta repository or a stopped copy
#[derive(Args)]
#[command(after_help = "\
The copy is built aside, every byte of it is checked, and DIR/data.db appears by one rename. A folder that holds data.db
or data.db.* is refused; --force moves those files into a folder beside, and never touches others. An interrupted
restore is continued by the next one. The database goes on as a new epoch of its history.

From a delta repository --at takes any moment: a time (RFC 3339 with a zone, or Unix time) means the state after every commit
up to it, lsn:N the state after that commit, now and latest the newest point. A moment that is not there ends it with
status 4, and the message names the two nearest.

With --metric, --tag, --start or --end only these points are read, and DIR/data.db is a new database of them: no
downsampling rules, a history of its own. Several of one kind widen (--metric) or narrow (--tag) the choice.

With --into the points become one commit of a database that exists and that nobody has open for writing: all of it, or
after a crash nothing. Points that only the database has stay. --dry-run counts what would be new, changed and equal.

Examples:
  chronicle restore --source /backup/latest --dest /var/lib/chronicle --force
  chronicle restore --source /backup/repo --dest part --at 2024-01-28T10:00:00Z --metric cpu --identity key.txt
  chronicle restore --source /backup/repo --into data.db --metric cpu --conflict replace --dry-run")]
pub(super) struct Restore {
    /// A delta repository, a snapshot directory, a folder of these (then the newest), or a stopped copy of a database
    #[arg(long, value_name = "PATH")]
    source: PathBuf,
    /// The moment, of a delta repository: a time with a zone, lsn:N, now or latest
    #[arg(long, value_name = "TIME", value_parser = parse_at, allow_hyphen_values = true)]
    at: Option<At>,
    /// The line of history: the epoch that it leads to, where the repository has several
    #[arg(long, value_name = "ID", value_parser = parse_epoch, requires = "at")]
    epoch: Option<Epoch>,
    #[command(flatten)]
    part: Part,
    /// The folder that will hold data.db
    #[arg(long, value_name = "DIR", required_unless_present = "into")]
    dest: Option<PathBuf>,
    #[command(flatten)]
    into: Into,
    /// Move the files of a database that is there aside
    #[arg(long)]
    force: bool,
    /// Take everything that is still whole out of a damaged backup, and tell what is not: status 3 when anything is lost
    #[arg(long, conflicts_with_all = ["dry_run", "epoch"])]
    salvage: bool,
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    keys: KeyArgs,
}

impl Restore {
    pub(super) fn run(&self, json: bool) -> Outcome {
        self.carry_out(json).map_err(|failure| match failure {
            Failure::Failed(error) if error.kind() == ErrorKind::AlreadyExists && !self.force => {
                let place = error.place().unwrap_or_default().to_owned();
                let message = format!("{}: `{} --force`", error.message(), command_line());
                Failure::Failed(Error::new(error.kind(), message).at(place))
            }
            other => other,
        })
    }

    fn carry_out(&self, json: bool) -> Outcome {
        if self.salvage {
            if self.part.is_some() || self.into.into.is_some() {
                return Err(Failure::usage(
                    "--salvage brings back everything that is whole: take a part of it afterwards",
                ));
            }
            let config = SalvageConfig::new(&self.source, self.dest()).force(self.force);
            let config = config.keys(self.keys.keys()?);
            return super::salvage::run(&config.at(self.at.unwrap_or(At::Latest).moment()), json);
        }
        self.into.check()?;
        if let Some(path) = &self.into.into {
            return self.into.run(path, self.part.choose(self.config()?)?, self.dry_run, json);
        }
        if self.part.is_some() {
            if self.dry_run {
                return Err(Failure::usage(
                    "--dry-run of a part needs --into; `chronicle query` looks into a backup",
                ));
            }
            return self.part.restore(self.config()?, json);
        }
        if is_repository(&self.source)? {
            return self.restore_repository(json);
        }
        self.at.unwrap_or(At::Latest).refuse_without_repository(&self.source)?;
        if self.dry_run {
            return self.plan(json);
        }
        let options = RestoreOptions { force: self.force };
        let report = restore_with(&self.source, self.dest(), options, &shared("restoring"))?;
        told(&report, Report::new(), "the source has no record of it", json)
    }

    /// The folder; there is one where there is no `--into`.
    fn dest(&self) -> &Path {
        self.dest.as_deref().unwrap_or(Path::new(""))
    }

    fn config(&self) -> Result<RestoreConfig, Failure> {
        let config = RestoreConfig::new(&self.source, self.dest()).force(self.force).keys(self.keys.keys()?);
        Ok(config.moment_of(&self.at.unwrap_or(At::Latest).moment_of(self.epoch)?))
    }

    fn restore_repository(&self, json: bool) -> Outcome {
        let config = self.config()?;
        let plan = plan_delta_restore(&config)?;
        let age = plan.newest_age_ns.map(age_text);
        let mut text = Report::new();
        if let (At::Latest, Some(age)) = (self.at.unwrap_or(At::Latest), &age) {
            text = text.line(format_args!("the newest point is {}, of {age} ago", plan.plan.start));
        }
        for other in &plan.other_lines {
            text = text.line(other_line(other));
        }
        let others = plan.other_lines.iter().map(|other| {
            json!({
                "epoch": other.epoch.to_string(),
                "lsn": other.lsn.to_string(),
                "commit_time": other.commit_time_ns.map(time),
            })
        });
        text = text.field("other_lines", others.collect::<Vec<_>>());
        text = text.field("from", plan.plan.start.to_string()).field("newest_age", age);
        if !self.dry_run {
            let report = plan.carry_out(&shared("restoring"))?;
            return told(&report, text, "no point was made at this very moment", json);
        }
        let objects: Vec<_> = plan
            .plan
            .reads()
            .iter()
            .map(|(name, len)| json!({ "name": name.to_string(), "bytes": len.to_string() }))
            .collect();
        text = text.line(plan.plan.to_string().trim_end());
        let in_the_way = self.tell_in_the_way(&mut text, &plan.in_the_way);
        text.line(format_args!(
            "nothing was restored (--dry-run); it would be {}",
            plan.target.join("data.db").display()
        ))
        .field("dry_run", true)
        .text("lsn", plan.plan.at.lsn)
        .field("commit_time", plan.plan.at.commit_time_ns.map(time))
        .text("epoch", plan.plan.at.epoch)
        .field("target", plan.target.display().to_string())
        .text("bytes", plan.plan.reads().values().sum::<u64>())
        .field("objects", objects)
        .field("in_the_way", in_the_way)
        .print(json)?;
        Ok(Status::Done)
    }

    /// A line for each file; answers them for machines.
    fn tell_in_the_way(&self, text: &mut Report, files: &[PathBuf]) -> Vec<String> {
        for path in files {
            let what = if self.force { "move aside" } else { "in the way, needs --force:" };
            *text = std::mem::take(text).line(format_args!("  {what} {}", path.display()));
        }
        files.iter().map(|path| path.display().to_string()).collect()
    }

    fn plan(&self, json: bool) -> Outcome {
        let plan = plan_restore(&self.source, self.dest())?;
        let total: u64 = plan.files.iter().map(|(_, len)| len).sum();
        let mut text = Report::new();
        if let BackupSource::Snapshot { folder, record } = &plan.source {
            let committed = time(record.commit_time_ns);
            text = text
                .line(format_args!("from {}: lsn {}, committed {committed}", folder.display(), record.lsn))
                .text("lsn", record.lsn)
                .field("commit_time", committed);
        }
        for (path, len) in &plan.files {
            text = text.line(format_args!("  copy {} ({})", path.display(), bytes(*len)));
        }
        let files: Vec<_> = plan
            .files
            .iter()
            .map(|(path, len)| json!({ "path": path.display().to_string(), "bytes": len.to_string() }))
            .collect();
        let in_the_way = self.tell_in_the_way(&mut text, &plan.in_the_way);
        text.line(format_args!(
            "nothing was restored (--dry-run); {} would go to {}",
            bytes(total),
            plan.target.join("data.db").display()
        ))
        .field("dry_run", true)
        .field("target", plan.target.display().to_string())
        .text("bytes", total)
        .field("files", files)
        .field("in_the_way", in_the_way)
        .print(json)?;
        Ok(Status::Done)
    }
}

/// This very command, as a shell takes it.
fn command_line() -> String {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c));
    let quoted = |text: String| match plain(&text) && !text.is_empty() {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    };
    let arguments =
        std::env::args_os().skip(1).map(|argument| quoted(argument.to_string_lossy().into_owned()));
    std::iter::once("chronicle".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// What was restored; `unproven` says why the digest could not be compared.
fn told(report: &RestoreReport, text: Report, unproven: &str, json: bool) -> Outcome {
    let committed = time(report.position.commit_time_ns);
    let proven =
        if report.digest_proven { "as recorded".to_owned() } else { format!("computed; {unproven}") };
    let mut text = text
        .line(format_args!("restored {}", report.path.display()))
        .line(format_args!("lsn {}, committed {committed}", report.position.lsn))
        .line(format_args!(
            "{} of {}, {} checked, {:.1} s",
            count(report.digest.points, "point"),
            count(report.series, "series"),
            bytes(report.bytes),
            report.took.as_secs_f64()
        ))
        .line(format_args!("digest {} ({proven})", report.digest))
        .line(format_args!("epoch {} continues {}", report.epoch, report.parent));
    if let Some(replaced) = &report.replaced {
        text = text.line(format_args!("the old files are in {}", replaced.display()));
    }
    text.field("path", report.path.display().to_string())
        .text("lsn", report.position.lsn)
        .field("commit_time", committed)
        .text("epoch", report.epoch)
        .text("parent", report.parent)
        .text("points", report.digest.points)
        .text("series", report.series)
        .text("bytes", report.bytes)
        .text("bytes_resumed", report.bytes_resumed)
        .text("digest", report.digest)
        .field("digest_proven", report.digest_proven)
        .field("replaced", report.replaced.as_ref().map(|path| path.display().to_string()))
        .field("seconds", report.took.as_secs_f64())
        .print(json)?;
    Ok(Status::Done)
}
