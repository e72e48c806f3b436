//! The part of a backup that `chronicle restore` is asked for.
use super::Outcome;
use super::Status;
use super::args::{Span, parse_metric};
use super::failure::Failure;
use super::progress::{Progress, Unit};
use super::report::{Report, bytes, count, time};
use chronicle::backup::{RestoreConfig, RestoreReport, restore_delta_backup_with};
use chronicle::query::{Filter, tag};
use clap::Args;
use std::sync::{Mutex, PoisonError};

/// Which points.
#[derive(Args, Debug)]
pub(super) struct Part {
    /// Only this metric. Repeatable
    #[arg(long = "metric", value_name = "NAME", value_parser = parse_metric)]
    metrics: Vec<String>,
    /// Only series with such a tag: key=value, key!=value, key=~REGEX or key!~REGEX. An empty value means without that
    /// tag. Repeatable; all must hold
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_condition)]
    tags: Vec<Filter>,
    #[command(flatten)]
    span: Span,
}

impl Part {
    /// True when anything is chosen.
    pub(super) fn is_some(&self) -> bool {
        !self.metrics.is_empty()
            || !self.tags.is_empty()
            || self.span.start.is_some()
            || self.span.end.is_some()
    }

    /// The same, for the library.
    pub(super) fn choose(&self, config: RestoreConfig) -> Result<RestoreConfig, Failure> {
        let config = self.metrics.iter().fold(config, RestoreConfig::metric);
        let config = self.tags.iter().cloned().fold(config, RestoreConfig::filter);
        Ok(match (self.span.start, self.span.end) {
            (None, None) => config,
            _ => config.range(self.span.range()?),
        })
    }

    /// Restores to a new place.
    pub(super) fn restore(&self, config: RestoreConfig, json: bool) -> Outcome {
        let progress = points("restoring");
        let report = restore_delta_backup_with(&self.choose(config)?, &progress)?;
        drop(progress);
        told(&report, json)
    }
}

/// A bar for work that tells points done, of how many.
pub(super) fn points(message: &'static str) -> impl Fn(u64, u64) + Sync {
    let bar = Mutex::new(None);
    move |done, total| {
        let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
        bar.get_or_insert_with(|| Progress::new(message, Unit::Points, Some(total))).set(done);
    }
}

fn told(report: &RestoreReport, json: bool) -> Outcome {
    let committed = time(report.position.commit_time_ns);
    let mut text = Report::new()
        .line(format_args!("restored a part to {}", report.path.display()))
        .line(format_args!("as of lsn {}, committed {committed}", report.position.lsn))
        .line(format_args!(
            "{} of {}, {}, {:.1} s",
            count(report.digest.points, "point"),
            count(report.series, "series"),
            bytes(report.bytes),
            report.took.as_secs_f64()
        ))
        .line(format_args!("digest {} (that of the chosen points in the source)", report.digest));
    if let Some(replaced) = &report.replaced {
        text = text.line(format_args!("the old files are in {}", replaced.display()));
    }
    text.field("path", report.path.display().to_string())
        .text("lsn", report.position.lsn)
        .field("commit_time", committed)
        .text("epoch", report.epoch)
        .text("points", report.digest.points)
        .text("series", report.series)
        .text("bytes", report.bytes)
        .text("digest", report.digest)
        .field("digest_proven", report.digest_proven)
        .field("replaced", report.replaced.as_ref().map(|path| path.display().to_string()))
        .field("seconds", report.took.as_secs_f64())
        .print(json)?;
    Ok(Status::Done)
}

/// Reads a condition: the operator is the first of `!=`, `!~`, `=~` and `=` that stands behind the key.
fn parse_condition(text: &str) -> Result<Filter, String> {
    let at = text.find('=').into_iter().chain(text.find("!~")).min();
    let Some(at) = at else {
        return Err("a tag is written key=value, key!=value, key=~regex or key!~regex".into());
    };
    let (key, rest) = text.split_at(at);
    let matches =
        |key: &str, pattern: &str| tag(key).matches(pattern).map_err(|error| error.message().to_owned());
    let (key, filter): (&str, Filter) = if let Some(pattern) = rest.strip_prefix("!~") {
        (key, !matches(key, pattern)?)
    } else if let Some(key) = key.strip_suffix('!') {
        (key, tag(key).differs(rest.get(1..).unwrap_or_default()))
    } else if let Some(pattern) = rest.strip_prefix("=~") {
        (key, matches(key, pattern)?)
    } else {
        (key, tag(key).equals(rest.get(1..).unwrap_or_default()))
    };
    if key.is_empty() { Err("the key before the operator is empty".into()) } else { Ok(filter) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_split_at_the_first_operator() {
        let matches = |pattern: &str| tag("k").matches(pattern).unwrap();
        for (text, filter) in [
            ("k=v", tag("k").equals("v")),
            ("k=", tag("k").equals("")),
            ("k=a=b!~c", tag("k").equals("a=b!~c")),
            ("k!=v=w", tag("k").differs("v=w")),
            ("k!=", tag("k").differs("")),
            ("k=~^a.b$", matches("^a.b$")),
            ("k!~a=b", !matches("a=b")),
            ("my key=a b\n", tag("my key").equals("a b\n")),
        ] {
            assert_eq!(parse_condition(text).unwrap(), filter, "{text}");
        }
        for text in ["k", "=v", "!=v", "=~v", "!~v", "k=~("] {
            assert!(parse_condition(text).is_err(), "{text}");
        }
    }
}
