//! `chronicle write`: writes one point.
use super::args::{Tag, parse_metric, parse_tag, parse_time, parse_value};
use super::failure::Failure;
use super::place::Target;
use super::report::{Report, name, time};
use super::{Outcome, Status};
use chronicle::model::Tags;
use chronicle::text::write_number;
use chronicle::{Config, Point, now_ns};
use clap::Args;

/// Write one point
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle write --path data.db --metric temp --tag room=kitchen --value 21.5
  chronicle write --path data.db --metric temp --value -3 --time 2024-01-28T10:00:00Z
  chronicle write --path data.db --metric temp --value -3 --time 1706436000")]
pub(super) struct Write {
    #[command(flatten)]
    target: Target,
    /// Name of the metric
    #[arg(long, value_name = "NAME", value_parser = parse_metric)]
    metric: String,
    /// A tag of the point, split at the first '='. Repeatable
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_tag)]
    tags: Vec<Tag>,
    /// The value: a number, NaN, Inf or -Inf
    #[arg(long, value_name = "NUMBER", value_parser = parse_value, allow_hyphen_values = true)]
    value: f64,
    /// Its time: RFC 3339 with a zone, or Unix time in s, ms, us or ns (told apart by size) [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time, allow_hyphen_values = true)]
    time: Option<i64>,
}

impl Write {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let tags = Tags::new(self.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())));
        let tags = tags.map_err(Failure::Usage)?;
        let mut point = Point::new(&self.metric, self.time.unwrap_or_else(now_ns), self.value);
        point.tags = tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let timestamp = time(point.timestamp);
        let db = self.target.open(Config::default())?;
        let lsn = db.write(point)?;
        db.close()?;
        let mut value = Vec::new();
        write_number(self.value.to_bits(), &mut value);
        let series = series_name(&self.metric, &tags);
        Report::new()
            .line(format_args!(
                "wrote {series} {} at {timestamp} (lsn {lsn})",
                String::from_utf8_lossy(&value)
            ))
            .text("points", 1)
            .text("lsn", lsn)
            .field("timestamp", timestamp)
            .print(json)?;
        Ok(Status::Done)
    }
}

/// `cpu{host=a}`.
fn series_name(metric: &str, tags: &Tags) -> String {
    if tags.is_empty() {
        return name(metric);
    }
    let pairs: Vec<String> =
        tags.iter().map(|(key, value)| format!("{}={}", name(key), name(value))).collect();
    format!("{}{{{}}}", name(metric), pairs.join(","))
}
