//! `chronicle settings`: shows and changes when points expire.
use super::args::{parse_duration, parse_metric};
use super::init::span;
use super::place::Target;
use super::report::{Report, bytes, name};
use super::{Outcome, Status};
use chronicle::format::{RetentionException, Settings as Stored};
use chronicle::{Config, Db, Retention};
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;

/// Show the settings, or change when points expire
#[derive(Args)]
#[command(after_help = "\
Without a flag it only shows what is set. Points expire while a program has the database open for writing, and at `chronicle
compact`: in whole partitions, counted by their own time: those older than the
retention, and the oldest while the stored points take more than the size. The newest partition never
expires by size. A metric with a retention of its own is left out of both.

In a restored database retention and downsampling are suspended, so that what was restored is still there; --resume lets
them go on.

Examples:
  chronicle settings --path data.db --retention 30d --retention-size 10GB
  chronicle settings --path data.db --metric cpu.mean_1h --retention 2y
  chronicle settings --path data.db --resume")]
pub(super) struct Settings {
    #[command(flatten)]
    target: Target,
    /// Age at which points expire: 30d, 12w, or none
    #[arg(long, value_name = "DURATION", value_parser = parse_retention)]
    retention: Option<Setting<u64>>,
    /// Size of the stored points above which the oldest expire: 500MB, 10GB, 1TiB, or none
    #[arg(long, value_name = "SIZE", value_parser = parse_size, conflicts_with = "metric")]
    retention_size: Option<Setting<u64>>,
    /// Give this metric the --retention instead; "default" there lets the database's apply again
    #[arg(long, value_name = "NAME", value_parser = parse_metric, requires = "retention")]
    metric: Option<String>,
    /// Let retention and downsampling go on in a restored database
    #[arg(long, conflicts_with = "suspend")]
    resume: bool,
    /// Suspend retention and downsampling
    #[arg(long)]
    suspend: bool,
}

/// What a flag sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Setting<T> {
    Value(T),
    None,
    Default,
}

impl<T> Setting<T> {
    fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::None | Self::Default => None,
        }
    }
}

impl Settings {
    pub(super) fn run(&self, json: bool) -> Outcome {
        if self.retention == Some(Setting::Default) && self.metric.is_none() {
            return Err(super::failure::Failure::usage("--retention default goes with --metric"));
        }
        let changes =
            self.retention.is_some() || self.retention_size.is_some() || self.resume || self.suspend;
        // Nothing is carried out in passing: whoever runs the database does that.
        let config =
            if changes { Config { background: false, ..Config::default() } } else { Config::read_only() };
        let db = self.target.open(config)?;
        if changes {
            self.change(&db)?;
        }
        let report = settings(Report::new(), &db).field("changed", changes);
        db.close()?;
        report.print(json)?;
        Ok(Status::Done)
    }

    fn change(&self, db: &Db) -> Result<(), chronicle::Error> {
        let now = db.settings();
        match (&self.metric, self.retention) {
            (Some(metric), Some(Setting::Default)) => {
                db.clear_metric_retention(metric)?;
            }
            (Some(metric), Some(age)) => {
                db.set_metric_retention(metric, age.value().map(Duration::from_nanos))?;
            }
            _ => {
                let age = self.retention.map_or(now.retention_ns, Setting::value);
                let bytes = self.retention_size.map_or(now.retention_bytes, Setting::value);
                db.set_retention(Retention { age: age.map(Duration::from_nanos), bytes })?;
            }
        }
        if self.resume {
            db.resume()?;
        }
        if self.suspend {
            db.suspend()?;
        }
        Ok(())
    }
}

/// Adds the settings in both forms.
pub(super) fn settings(report: Report, db: &Db) -> Report {
    let (stored, policies) = (db.settings(), db.policies());
    let mut report = report
        .fact("partition", "partition", span(stored.partition_duration_ns))
        .line(format_args!("retention       {}", retention(&stored)))
        .field("retention", stored.retention_ns.map(span))
        .field("retention_bytes", stored.retention_bytes.map(|bytes| bytes.to_string()))
        .field("retention_suspended", stored.retention_suspended);
    if stored.retention_suspended {
        report =
            report.line("suspended       retention and downsampling, until `chronicle settings --resume`");
    }
    for exception in &policies.exceptions {
        let metric = name(&exception.metric);
        report = report.line(format_args!("retention       of {metric}: {}", age(exception)));
    }
    if !policies.rules.is_empty() {
        let rules = policies.rules.len();
        report = report.line(format_args!("downsampling    {rules} (see `chronicle downsample list`)"));
    }
    let exceptions: Vec<Value> = policies
        .exceptions
        .iter()
        .map(|exception| json!({ "metric": exception.metric, "retention": exception.retention_ns.map(span) }))
        .collect();
    report.field("retention_of", exceptions).field("downsampling_rules", policies.rules.len())
}

fn retention(stored: &Stored) -> String {
    let by_age = stored.retention_ns.map(span);
    let by_size = stored.retention_bytes.map(|size| format!("at most {}", bytes(size)));
    let parts: Vec<String> = by_age.into_iter().chain(by_size).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn age(exception: &RetentionException) -> String {
    exception.retention_ns.map_or_else(|| "none".to_owned(), span)
}

fn parse_retention(text: &str) -> Result<Setting<u64>, String> {
    match text {
        "none" => Ok(Setting::None),
        "default" => Ok(Setting::Default),
        text => parse_duration(text).map(Setting::Value),
    }
}

/// Reads a size: a number with B, KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (of 1024); or `none`.
fn parse_size(text: &str) -> Result<Setting<u64>, String> {
    match text {
        "none" => Ok(Setting::None),
        _ => parse_bytes(text).map(Setting::Value).map_err(|error| format!("{error}, or none")),
    }
}

/// `20MiB` a second.
pub(super) fn parse_rate(text: &str) -> Result<std::num::NonZeroU64, String> {
    std::num::NonZeroU64::new(parse_bytes(text)?).ok_or_else(|| "nothing would ever be moved".into())
}

/// Reads a size above zero, with its unit.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale: Option<u64> = match unit.trim().to_ascii_lowercase().as_str() {
        "b" => Some(1),
        "kb" => Some(1_000),
        "mb" => Some(1_000_000),
        "gb" => Some(1_000_000_000),
        "tb" => Some(1_000_000_000_000),
        "kib" => Some(1 << 10),
        "mib" => Some(1 << 20),
        "gib" => Some(1 << 30),
        "tib" => Some(1 << 40),
        _ => None,
    };
    let size = number.parse::<u64>().ok().zip(scale).and_then(|(number, scale)| number.checked_mul(scale));
    size.filter(|&size| size > 0).ok_or_else(|| "write it like 500MB, 10GB or 1TiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        for (text, size) in [("1B", 1), ("10GB", 10_000_000_000), ("2KiB", 2_048), ("3 mb", 3_000_000)] {
            assert_eq!(parse_size(text), Ok(Setting::Value(size)), "{text}");
        }
        assert_eq!(parse_size("none"), Ok(Setting::None));
        for text in ["", "10", "GB", "-1GB", "0GB", "1.5GB", "99999999999TB", "10 GB 5"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
