//! `chronicle digest`: the fingerprint of all visible points.
use super::place::Source;
use super::progress::{Progress, Unit};
use super::report::Report;
use super::{Outcome, Status};
use chronicle::{Selector, TimeRange};
use clap::Args;

/// Print the digest of all points: equal data, equal digest
#[derive(Args)]
#[command(after_help = "\
The digest depends on the points alone, not on their order, the layout of the file, or the machine.

Examples:
  chronicle digest --path data.db
  chronicle digest --path /backup/snapshot-2024-01-28 --check")]
pub(super) struct Digest {
    #[command(flatten)]
    source: Source,
    /// Read every point instead of trusting the digests that segments keep of themselves
    #[arg(long)]
    check: bool,
}

impl Digest {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let db = self.source.open()?;
        let total = if self.check { db.count(&Selector::all(), TimeRange::ALL)?.0 } else { 0 };
        let mut progress = Progress::new("reading", Unit::Points, self.check.then_some(total));
        let computed = db.digest_with(!self.check, |points| progress.set(points));
        drop(progress);
        let (digest, position) = computed?;
        Report::new()
            .line(format_args!("{digest} lsn {}", position.lsn))
            .text("digest", digest)
            .text("points", digest.points)
            .text("lsn", position.lsn)
            .field("checked", self.check)
            .print(json)?;
        Ok(Status::Done)
    }
}
