//! `chronicle drill`: proves that a backup can be restored.
use super::args::{At, parse_at};
use super::failure::Failure;
use super::keys::KeyArgs;
use super::output::Output;
use super::place::age_text;
use super::progress::shared;
use super::report::{Report, bytes, count, grouped, time};
use super::{Outcome, Status};
use chronicle::backup::{DrillConfig, DrillReport, drill_with};
use clap::Args;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Restore a backup to a scratch place, compare it with its record and with itself, time it, and report
#[derive(Args)]
#[command(after_help = "\
The backup is restored below a folder of the drill's own in --dir (the system's temporary folder), which is removed
afterwards; there must be room for the database. Every restored point is read. Counts and newest values are compared
with the backup as it lies, which is a second way to the same data. In a repository the point is noted as proven, which
`backup list` shows. Status 3 when something is not as it should be; the report is written all the same.

Examples:
  chronicle drill --source /backup/repo
  chronicle drill --source /backup/repo --at 2024-01-28T10:00:00Z --report drill.html --report drill.json
  chronicle drill --source /backup/latest --dir /mnt/scratch --json")]
pub(super) struct Drill {
    /// A delta repository, a snapshot directory, a folder of these (then the newest), or a stopped copy of a database
    #[arg(long, value_name = "PATH", aliases = ["dest", "path"])]
    source: PathBuf,
    /// The moment, of a delta repository: a time with a zone, lsn:N, now or latest
    #[arg(long, value_name = "TIME", value_parser = parse_at, allow_hyphen_values = true)]
    at: Option<At>,
    #[command(flatten)]
    keys: KeyArgs,
    /// The folder to restore in
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write a report: a page for people when it ends with .html, else JSON when it ends with .json. Repeatable
    #[arg(long = "report", value_name = "FILE", value_parser = parse_report)]
    reports: Vec<ReportFile>,
}

/// A report that is asked for.
#[derive(Clone, Debug)]
struct ReportFile {
    path: PathBuf,
    is_html: bool,
}

fn parse_report(text: &str) -> Result<ReportFile, String> {
    let extension = Path::new(text).extension().map(|extension| extension.to_ascii_lowercase());
    match extension.as_deref().and_then(|extension| extension.to_str()) {
        Some("html" | "htm") => Ok(ReportFile { path: text.into(), is_html: true }),
        Some("json") => Ok(ReportFile { path: text.into(), is_html: false }),
        _ => Err("a report ends with .html or .json".into()),
    }
}

impl Drill {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let config =
            DrillConfig::new(&self.source).at(self.at.unwrap_or(At::Latest).moment()).keys(self.keys.keys()?);
        let config = self.dir.iter().fold(config, |config, dir| config.scratch(dir));
        // Where a report can't be written is said before hours of restoring.
        let outputs: Vec<(Output, &ReportFile)> = self
            .reports
            .iter()
            .map(|file| Ok((Output::create(&file.path, &self.source)?, file)))
            .collect::<Result<_, Failure>>()?;
        let report = drill_with(&config, &shared("restoring"))?;
        for (mut output, file) in outputs {
            let text = if file.is_html { report.to_html() } else { report.to_json() };
            if let Err(error) = output.write_all(text.as_bytes()) {
                return Err(
                    output.explain(chronicle::Error::new(chronicle::ErrorKind::Io, error.to_string()))
                );
            }
            output.finish()?;
        }
        told(&report).print(json)?;
        Ok(if report.passed() { Status::Done } else { Status::Damaged })
    }
}

fn told(report: &DrillReport) -> Report {
    let mut text = Report::new();
    if let Ok(Value::Object(fields)) = serde_json::from_str(&report.to_json()) {
        for (name, value) in fields {
            text = text.field(&name, value);
        }
    }
    text = text.line(match report.passed() {
        true => format!("restored and proven: {} ({})", report.source, report.kind),
        false => format!("NOT PROVEN: {} ({})", report.source, report.kind),
    });
    if let Some(moment) = &report.moment {
        let age = age_text(report.started_ns.saturating_sub(moment.commit_time_ns));
        let point = moment.point.as_deref().map(|point| format!(" ({point})")).unwrap_or_default();
        text = text
            .line(format_args!(
                "state after commit {}{point}, {}, {age} ago",
                moment.lsn,
                time(moment.commit_time_ns)
            ))
            .line(format_args!(
                "{} of {} series, {} restored in {:.2} s ({}/s)",
                count(report.points(), "point"),
                grouped(report.series),
                bytes(report.bytes),
                report.times.restore.as_secs_f64(),
                bytes(report.bytes_per_second() as u64)
            ))
            .line(format_args!(
                "opened in {:.3} s, first query {:.3} s, every point read in {:.2} s",
                report.times.open.as_secs_f64(),
                report.times.first_query.as_secs_f64(),
                report.times.digest.as_secs_f64()
            ));
    }
    for check in &report.checks {
        let word = if check.passed { "ok    " } else { "FAILED" };
        text = text.line(format_args!("  {word} {}: {}", check.claim, check.detail));
    }
    if let Some(error) = &report.note_error {
        text = text.line(format_args!("the note in the repository could not be left: {error}"));
    }
    text
}
