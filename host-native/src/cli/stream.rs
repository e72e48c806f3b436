//! `chronicle backup stream`: ships what is committed, in the foreground.
use super::keys::EncryptArgs;
use super::place::data_path;
use super::report::{bytes, print, time};
use super::{Outcome, Status};
use chronicle::backup::{DeltaBackupConfig, StreamConfig, StreamStatus, Streamer};
use chronicle::schedule::StreamMetrics;
use chronicle::{ErrorKind, now_ns};
use clap::Args;
use serde_json::json;
use std::cell::Cell;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Exit status of a program that was interrupted twice, as shells give it.
const INTERRUPTED: i32 = 130;
/// A line is printed this often at least, while there is something to tell.
const TELL_EVERY_NS: i64 = 10_000_000_000;

/// Ship every commit to a delta repository, a second after it was made, also while another process writes
#[derive(Args)]
// What encryption asks of a point it asks of a stream, whose points are deltas always.
#[command(group(clap::ArgGroup::new("delta").args(["dest"])))]
#[command(after_help = "\
Every second the commits that are new are shipped behind the newest point; from then on each of them can be restored (`restore
--at`). From time to time they are folded into a delta. While the destination can't be reached the database keeps its log (up to
the limit of `backup slots`), and everything is shipped when it is back: what waits is told as lag. It runs in the foreground
until it is interrupted or terminated, ships once more, and ends.

Examples:
  chronicle backup stream --source data.db --dest s3://bucket/backups
  chronicle backup stream --source data.db --dest /backup/repo --interval 200ms --metrics 127.0.0.1:9187
  chronicle backup stream --source data.db --dest /backup/repo --once --json")]
pub(super) struct Stream {
    /// The data file
    #[arg(long, value_name = "FILE")]
    source: PathBuf,
    /// The repository, which is made when there is none
    #[arg(long, value_name = "DIR")]
    dest: PathBuf,
    /// How often what is new is shipped
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = super::schedule::parse_age)]
    interval: i64,
    /// How often what was shipped is folded into a delta
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = super::schedule::parse_age)]
    fold_every: i64,
    /// Serve Prometheus metrics there, as 127.0.0.1:9187
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<String>,
    /// Ship what is there now, and end
    #[arg(long)]
    once: bool,
    /// Declare that one host only ever writes to the repository: for stores that can't keep two apart, and WebDAV
    #[arg(long)]
    single_writer: bool,
    /// Move at most so many bytes a second, such as 20MiB
    #[arg(long, value_name = "SIZE", value_parser = super::settings::parse_rate)]
    bandwidth: Option<NonZeroU64>,
    #[command(flatten)]
    encrypt: EncryptArgs,
}

impl Stream {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let config = DeltaBackupConfig::new(&self.dest).keys(self.encrypt.keys()?);
        let config = if self.single_writer { config.single_writer() } else { config };
        let config = self.bandwidth.into_iter().fold(config, DeltaBackupConfig::bandwidth);
        let config = self.encrypt.encrypt_to()?.into_iter().fold(config, DeltaBackupConfig::encrypt_to);
        let config = if self.encrypt.changes_recipients() { config.change_recipients() } else { config };
        let config =
            StreamConfig::new(config).interval(duration(self.interval)).fold_every(duration(self.fold_every));
        let mut streamer = Streamer::open(data_path(&self.source)?, config)?;
        if self.once {
            streamer.pass()?;
            tell(&streamer.status(), json);
            return Ok(Status::Done);
        }
        // The first pass says whether anything of this can work.
        let first = streamer.pass();
        if let Err(error) = first
            && !matches!(error.kind(), ErrorKind::Transient | ErrorKind::Busy | ErrorKind::Io)
        {
            return Err(error.into());
        }
        let metrics = self.metrics.as_deref().map(|listen| StreamMetrics::serve(listen, streamer.watch()));
        let metrics = metrics.transpose()?;
        if let (Some(metrics), false) = (&metrics, json) {
            super::failure::print(&format!("metrics at http://{}/metrics", metrics.address()));
        }
        let stop = stop_on_signal()?;
        tell(&streamer.status(), json);
        let told = Cell::new((now_ns(), 0, streamer.status().error.is_some()));
        streamer.run(&stop, &|status| {
            let (at, objects, failed) = told.get();
            let is_new = status.objects != objects || status.error.is_some();
            let is_time = now_ns().saturating_sub(at) >= TELL_EVERY_NS;
            if status.error.is_some() != failed || is_new && is_time || stop.load(Ordering::Acquire) {
                told.set((now_ns(), status.objects, status.error.is_some()));
                tell(status, json);
            }
        });
        let failed = streamer.status().error;
        failed.map_or(Ok(Status::Done), |error| Err(error.into()))
    }
}

fn duration(ns: i64) -> Duration {
    Duration::from_nanos(u64::try_from(ns).unwrap_or(0))
}

fn stop_on_signal() -> Result<Arc<AtomicBool>, chronicle::Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    let set = ctrlc::set_handler(move || {
        if stopping.swap(true, Ordering::AcqRel) {
            std::process::exit(INTERRUPTED);
        }
    });
    set.map(|()| stop).map_err(|error| {
        chronicle::Error::new(ErrorKind::Io, format!("signals can't be waited for: {error}"))
    })
}

/// A line. There is nobody left to tell when that fails.
fn tell(status: &StreamStatus, json: bool) {
    let lag = status.lag_ns(now_ns()) as f64 / 1e9;
    let line = match json {
        true => json!({
            "repository": status.place,
            "point": status.point.map(|point| point.to_string()),
            "shipped_lsn": status.shipped_lsn.to_string(),
            "shipped_commit_time": status.shipped_commit_time.map(time),
            "lag_seconds": lag,
            "objects": status.objects.to_string(),
            "bytes": status.bytes.to_string(),
            "points": status.points.to_string(),
            "failures": status.failures.to_string(),
            "error": status.error.as_ref().map(ToString::to_string),
        })
        .to_string(),
        false => {
            let point = status.point.map_or("no point yet".to_owned(), |point| format!("behind {point}"));
            let until = status.shipped_commit_time.map_or("nothing yet".to_owned(), time);
            let error = status.error.as_ref().map_or(String::new(), |error| format!("; it failed: {error}"));
            format!(
                "shipped to lsn {} ({until}), {point}; {} objects, {}; lag {lag:.1} s{error}",
                status.shipped_lsn,
                status.objects,
                bytes(status.bytes)
            )
        }
    };
    let _ = print(&format!("{line}\n"));
}
