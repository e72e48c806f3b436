//! `chronicle compact`: merges segments and gives space back.
use super::place::Target;
use super::progress::while_working;
use super::report::{Report, bytes, count};
use super::{Outcome, Status};
use chronicle::Config;
use chronicle::files::os_error::OsContext;
use clap::Args;

/// Let points expire, merge segments, carry out deletions and give space back
#[derive(Args)]
#[command(after_help = "\
It is never needed while a program has the database open for writing: that compacts in the background. Points that are older
or more than the settings allow expire first. Reads and writes go on meanwhile.

Examples:
  chronicle compact --path data.db
  chronicle compact --path data.db --json")]
pub(super) struct Compact {
    #[command(flatten)]
    target: Target,
}

impl Compact {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let db = self.target.open(Config::default())?;
        let len = || std::fs::metadata(db.path()).map(|metadata| metadata.len()).os("look at", db.path());
        let (before, segments_before) = (len()?, db.layout()?.segments);
        let expiries = while_working("compacting", || {
            let expiries = db.apply_retention()?;
            db.compact().map(|()| expiries)
        })?;
        let (after, segments_after) = (len()?, db.layout()?.segments);
        db.close()?;
        Report::new()
            .line(format_args!(
                "before: {} in {}; after: {} in {}",
                bytes(before),
                count(segments_before, "segment"),
                bytes(after),
                count(segments_after, "segment")
            ))
            .text("expiries", expiries)
            .text("bytes_before", before)
            .text("bytes_after", after)
            .text("segments_before", segments_before)
            .text("segments_after", segments_after)
            .print(json)?;
        Ok(Status::Done)
    }
}
