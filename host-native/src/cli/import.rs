//! `chronicle import`: writes what a file holds.
use super::args::{Tag, parse_metric, parse_tag};
use super::failure::Failure;
use super::output::DASH;
use super::place::Target;
use super::progress::{Progress, Unit};
use super::report::{Report, bytes, count};
use super::{Outcome, Status};
use chronicle::files::os_error::OsContext;
use chronicle::import::{self, ImportOptions, ImportReport, Importer, OnError, Piped};
use chronicle::time::TimeUnit;
use chronicle::{Config, Durability, Error};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Import points from a text file
#[derive(Args)]
#[command(
    after_help = r#"csv    starts with the header timestamp,metric,value and one column per tag; without the metric column, --metric names it
jsonl  one object a line: {"timestamp":..,"metric":"m","tags":{"k":"v"},"value":1.5}
json   one array of such objects
line   line protocol: field f of measurement m is metric m.f, field value is metric m; strings are refused

Times are RFC 3339, YYYY-MM-DD hh:mm:ss (UTC) or Unix; in line protocol Unix nanoseconds, or now. A line that can't be
read ends the import with its number; what was committed before it stays, and importing the mended file again is safe.
From a pipe, what has come is committed within a second.

Examples:
  chronicle import --path data.db --input metrics.csv
  chronicle import --path data.db --input room.csv --metric temp --tag room=kitchen --time-unit ms
  tail -f telegraf.out | chronicle import --path data.db --format line"#
)]
pub(super) struct Import {
    #[command(flatten)]
    target: Target,
    /// What the file is
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// The metric of every row, for csv without a metric column and json without the key
    #[arg(long, value_name = "NAME", value_parser = parse_metric)]
    metric: Option<String>,
    /// A tag that every row gets, split at the first '='. Repeatable
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_tag)]
    tags: Vec<Tag>,
    /// What integer timestamps count [default: told by the size of the first one; line: ns]
    #[arg(long, value_name = "UNIT", value_enum)]
    time_unit: Option<UnitName>,
    /// What happens at a line that can't be read: stop, or leave it out and exit with status 1
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = WhenBad::Fail)]
    on_error: WhenBad,
    /// The file, or - for standard input
    #[arg(long, value_name = "FILE", default_value = DASH)]
    input: PathBuf,
}

/// A text format.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Comma-separated values
    Csv,
    /// One JSON array of objects
    Json,
    /// One JSON object a line
    Jsonl,
    /// Line protocol of InfluxDB
    Line,
}

/// A unit of time.
#[derive(Clone, Copy, ValueEnum)]
enum UnitName {
    /// Seconds
    S,
    /// Milliseconds
    Ms,
    /// Microseconds
    Us,
    /// Nanoseconds
    Ns,
}

/// What to do with bad lines, and with points that a format can't hold.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum WhenBad {
    /// Stop there
    Fail,
    /// Leave it out
    Skip,
}

impl Import {
    pub(super) fn run(&self, json: bool) -> Outcome {
        if self.format == Format::Line && self.metric.is_some() {
            return Err(Failure::usage(
                "--metric does not go with --format line: every line names its metric",
            ));
        }
        let (input, total) = self.open_input()?;
        // One sync at the end instead of one a commit: the report is what acknowledges.
        let db = self.target.open(Config { durability: Durability::Os, ..Config::default() })?;
        let started = Instant::now();
        let mut progress = Progress::new("importing", Unit::Bytes, total);
        let options = ImportOptions::new(self.format.into(), input)
            .on_error(self.on_error.into())
            .on_progress(|so_far| progress.set(so_far.bytes));
        let options = self.tags.iter().fold(options, |options, tag| options.tag(&tag.key, &tag.value));
        let options = match &self.metric {
            Some(metric) => options.metric(metric),
            None => options,
        };
        let options = match self.time_unit {
            Some(unit) => options.time_unit(unit.into()),
            None => options,
        };
        let imported = Importer::new(&db).import(options);
        drop(progress);
        // What was committed before an error is made durable too: the message counts it.
        let closed = db.close();
        let report = imported.map_err(|error| self.with_file(error))?;
        closed?;
        tell(&report, started, json)
    }

    fn open_input(&self) -> Result<(Box<dyn Read>, Option<u64>), Error> {
        if self.input == Path::new(DASH) {
            let stdin = std::io::stdin();
            if stdin.is_terminal() {
                super::failure::print("reading from the terminal; end with Ctrl-D, or use --input FILE");
            }
            return Ok((Box::new(Piped::new(stdin)), None));
        }
        let file = File::open(&self.input).os("open", &self.input)?;
        let metadata = file.metadata().os("open", &self.input)?;
        if metadata.is_dir() {
            return Err(Error::invalid("this is a folder; --input needs a file").at(self.input.display()));
        }
        if metadata.is_file() {
            Ok((Box::new(file), Some(metadata.len())))
        } else {
            Ok((Box::new(Piped::new(file)), None))
        }
    }

    /// Errors of a line say of which file.
    fn with_file(&self, error: Error) -> Error {
        let of_line = error.place().is_none_or(|place| place.starts_with("line "));
        match (of_line, self.input == Path::new(DASH)) {
            (true, true) => error.at("standard input"),
            (true, false) => error.at(self.input.display()),
            (false, _) => error,
        }
    }
}

impl From<Format> for import::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Json => Self::Json,
            Format::Jsonl => Self::JsonLines,
            Format::Line => Self::Line,
        }
    }
}

impl From<WhenBad> for OnError {
    fn from(when: WhenBad) -> Self {
        match when {
            WhenBad::Fail => Self::Fail,
            WhenBad::Skip => Self::Skip,
        }
    }
}

impl From<UnitName> for TimeUnit {
    fn from(unit: UnitName) -> Self {
        match unit {
            UnitName::S => Self::S,
            UnitName::Ms => Self::Ms,
            UnitName::Us => Self::Us,
            UnitName::Ns => Self::Ns,
        }
    }
}

fn tell(report: &ImportReport, started: Instant, json: bool) -> Outcome {
    let lsns = match (report.first_lsn, report.last_lsn) {
        (Some(first), Some(last)) if first != last => format!(" (lsn {first} to {last})"),
        (Some(first), _) => format!(" (lsn {first})"),
        (None, _) => String::new(),
    };
    let seconds = started.elapsed().as_secs_f64();
    let mut text = Report::new().line(format_args!(
        "imported {} ({}) from {} in {}{lsns}, {seconds:.1} s",
        count(report.points, "point"),
        count(report.new_series, "new series"),
        bytes(report.bytes),
        count(report.commits, "commit"),
    ));
    if report.skipped > 0 {
        text = text.line(format_args!("left out {} that can't be read:", count(report.skipped, "row")));
        for example in &report.examples {
            text = text.line(format_args!("  line {}: {}", example.line, example.message));
        }
        if report.skipped > report.examples.len() as u64 {
            text = text.line("  ...");
        }
    }
    let examples: Vec<Value> = report
        .examples
        .iter()
        .map(|example| json!({ "line": example.line.to_string(), "message": example.message }))
        .collect();
    text.text("points", report.points)
        .text("new_series", report.new_series)
        .text("bytes", report.bytes)
        .text("commits", report.commits)
        .text("skipped", report.skipped)
        .field("examples", examples)
        .field("first_lsn", report.first_lsn.map(|lsn| lsn.to_string()))
        .field("last_lsn", report.last_lsn.map(|lsn| lsn.to_string()))
        .print(json)?;
    Ok(if report.skipped > 0 { Status::Incomplete } else { Status::Done })
}
