//! Arguments that several verbs share, and reading them.
use super::failure::Failure;
use chronicle::ids::Epoch;
use chronicle::time::{TimeUnit, parse_timestamp};
use chronicle::{Selector, TimeRange, now_ns};
use clap::Args;

/// A tag on the command line.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

/// Which points of a metric.
#[derive(Args, Debug)]
pub(super) struct Tags {
    /// Only series with this tag value, split at the first '='; an empty value means without that tag. Repeatable
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_tag)]
    pub(super) tags: Vec<Tag>,
}

/// Which stretch of data time.
#[derive(Args, Debug)]
pub(super) struct Span {
    /// Only points at or after this time: RFC 3339 with a zone, or Unix time in s, ms, us or ns (told apart by size)
    #[arg(long, value_name = "TIME", value_parser = parse_time, allow_hyphen_values = true)]
    pub(super) start: Option<i64>,
    /// Only points before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time, allow_hyphen_values = true)]
    pub(super) end: Option<i64>,
}

impl Tags {
    /// The series of `metric`, or of all metrics, that have these tags.
    pub(super) fn selector(&self, metric: Option<&str>) -> Selector {
        let selector = metric.map_or_else(Selector::all, Selector::metric);
        self.tags.iter().fold(selector, |selector, tag| selector.tag(&tag.key, &tag.value))
    }
}

impl Span {
    /// The range; an empty one is an error of usage.
    pub(super) fn range(&self) -> Result<TimeRange, Failure> {
        let range = TimeRange::new(self.start, self.end);
        if range.is_empty() {
            return Err(Failure::usage("the time range is empty: --end must be after --start"));
        }
        Ok(range)
    }
}

/// Reads `key=value`.
pub(super) fn parse_tag(text: &str) -> Result<Tag, String> {
    match text.split_once('=') {
        None => Err("a tag is written key=value".into()),
        Some(("", _)) => Err("the key before '=' is empty".into()),
        Some((key, value)) => Ok(Tag { key: key.into(), value: value.into() }),
    }
}

/// Reads a moment: `now`, RFC 3339 with a zone, or a Unix time whose size tells its unit.
pub(super) fn parse_time(text: &str) -> Result<i64, String> {
    if text == "now" {
        return Ok(now_ns());
    }
    if let Ok(integer) = text.parse::<i64>() {
        let unit = TimeUnit::of_integer(integer);
        return unit.to_ns(integer).ok_or_else(|| "it lies outside the years 1677 to 2262".into());
    }
    parse_timestamp(text).map_err(|error| error.message().to_owned())
}

/// A moment of a repository's history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum At {
    /// The newest point, however old.
    Latest,
    /// After every commit up to this time, Unix ns.
    Time(i64),
    /// After this commit.
    Lsn(u64),
}

/// Reads a moment of history: `now` or `latest`, `lsn:N`, or a time with a zone.
pub(super) fn parse_at(text: &str) -> Result<At, String> {
    if matches!(text, "now" | "latest") {
        return Ok(At::Latest);
    }
    match text.strip_prefix("lsn:") {
        Some(lsn) => {
            lsn.parse().map(At::Lsn).map_err(|_| "lsn: is followed by the number of a commit".into())
        }
        None => parse_time(text).map(At::Time),
    }
}

/// Reads the id of an epoch.
pub(super) fn parse_epoch(text: &str) -> Result<Epoch, String> {
    Epoch::from_hex(text)
        .ok_or_else(|| "an epoch is 32 hexadecimal digits; `backup timeline` lists them".into())
}

/// Reads a value: any number, `NaN`, `Inf`, `-Inf`.
pub(super) fn parse_value(text: &str) -> Result<f64, String> {
    chronicle::text::parse_number(text.as_bytes()).ok_or_else(|| "it is not a number".into())
}

/// Reads a duration above zero.
pub(super) fn parse_duration(text: &str) -> Result<u64, String> {
    let ns = chronicle::time::parse_duration(text).map_err(|error| error.message().to_owned())?;
    u64::try_from(ns).ok().filter(|&ns| ns > 0).ok_or_else(|| "it must be longer than nothing".into())
}

/// Reads the name of a metric.
pub(super) fn parse_metric(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("the name of a metric is not empty".into()) } else { Ok(text.into()) }
}
