//! `chronicle init`: makes a database.
use super::args::parse_duration;
use super::report::{Report, time};
use super::{Outcome, Status};
use chronicle::time::format_duration;
use chronicle::{Config, Db, Error, ErrorKind};
use clap::Args;
use std::path::PathBuf;

/// Make a new, empty database
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle init --path data.db
  chronicle init --path /var/lib/chronicle/data.db --partition 1h --retention 30d")]
pub(super) struct Init {
    /// The data file to make; it must not exist, its folder must
    #[arg(long, value_name = "FILE", aliases = ["source", "dest"])]
    path: PathBuf,
    /// Span of data time that is kept, and expires, together: 30m, 1h, 1d, 2w [default: 1w]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    partition: Option<u64>,
    /// Age at which points expire [default: never]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    retention: Option<u64>,
}

impl Init {
    pub(super) fn run(&self, json: bool) -> Outcome {
        if self.path.exists() {
            let message =
                "there is something already; nothing was changed: choose another name, or use it as it is";
            return Err(Error::new(ErrorKind::AlreadyExists, message).at(self.path.display()).into());
        }
        let mut config = Config::default();
        if let Some(partition) = self.partition {
            config.settings.partition_duration_ns = partition;
        }
        config.settings.retention_ns = self.retention;
        let db = Db::open(&self.path, config)?;
        let identity = db.identity();
        let path = db.path().display().to_string();
        db.close()?;
        let (partition, retention) = spans(&identity.settings);
        Report::new()
            .line(format_args!("created {path}"))
            .line(format_args!(
                "partitions of {partition}; points expire: {}",
                retention.as_deref().unwrap_or("never")
            ))
            .field("path", path)
            .text("lineage", identity.lineage)
            .text("epoch", identity.epoch)
            .field("partition", partition)
            .field("retention", retention)
            .text("created", time(identity.created_ns))
            .print(json)?;
        Ok(Status::Done)
    }
}

/// A duration as people write it.
pub(super) fn span(ns: u64) -> String {
    format_duration(i64::try_from(ns).unwrap_or(i64::MAX))
}

/// Partition and retention as people write them.
fn spans(settings: &chronicle::format::Settings) -> (String, Option<String>) {
    (span(settings.partition_duration_ns), settings.retention_ns.map(span))
}
