//! `chronicle backup repair`: makes anew what records imply.
use super::report::Report;
use super::{Outcome, Status, repository};
use chronicle::backup::Repository;
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Make manifest.json, state.json and lost claims anew from the records, and list what can't be mended
#[derive(Args)]
#[command(after_help = "\
No data is deleted or changed. Status 3 when records or claims are damaged: nothing makes these anew, and
`chronicle restore --salvage` brings back what is whole without them.

With --from, every byte is looked at, and objects, records and claims that are lost or damaged are put back from a copy of the
repository, where they are as they were sent.

Examples:
  chronicle backup repair --source /backup/repo --dry-run
  chronicle backup repair --source /backup/repo
  chronicle backup repair --source s3://bucket/backups --from /mnt/copy-of-backups")]
pub(super) struct Repair {
    /// The repository
    #[arg(long, value_name = "DIR", aliases = ["dest", "path"])]
    source: PathBuf,
    /// A copy of the repository, to put back from what is lost or damaged
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
}

impl Repair {
    /// Puts back what a copy has.
    fn mend(&self, copy: &Path, json: bool) -> Outcome {
        let found = Repository::open(&self.source)?.mend(&Repository::open(copy)?, self.dry_run)?;
        let done = if self.dry_run { "would be put back" } else { "put back" };
        let mut text = Report::new();
        for name in &found.mended {
            text = text.line(format_args!("{done}: {name}"));
        }
        for (name, error) in &found.left {
            text = text.line(format_args!("damaged: {name}: {}", error.message()));
        }
        if found.mended.is_empty() && found.left.is_empty() {
            text = text.line("nothing is lost or damaged");
        }
        let left = found.left.iter();
        let left = left.map(|(name, error)| json!({ "place": name, "message": error.message() }));
        text.field("dry_run", self.dry_run)
            .field("mended", found.mended.clone())
            .text("bytes", found.bytes)
            .field("damaged", left.collect::<Vec<_>>())
            .print(json)?;
        Ok(if found.left.is_empty() { Status::Done } else { Status::Damaged })
    }

    pub(super) fn run(&self, json: bool) -> Outcome {
        if let Some(copy) = &self.from {
            return self.mend(copy, json);
        }
        let found = Repository::open(&self.source)?.repair(self.dry_run)?;
        let mut text = Report::new();
        let (done, nothing) = match self.dry_run {
            true => ("would be made anew", "nothing would be made anew (--dry-run)"),
            false => ("made anew", "nothing had to be made anew"),
        };
        for repaired in &found.repaired {
            text = text.line(format_args!("{done}: {repaired}"));
        }
        if found.repaired.is_empty() {
            text = text.line(nothing);
        }
        for (number, error) in &found.claims {
            text = text.line(format_args!("damaged: claim {number}: {}", error.message()));
        }
        for (entry, error) in &found.damaged {
            text = text.line(format_args!("damaged: {entry}: {}", error.message()));
        }
        for (entry, job) in &found.unfinished {
            let job = job.map_or("unknown".into(), |job| job.to_string());
            text = text.line(format_args!("unfinished: {entry}, of job {job}"));
        }
        text = repository::orphans(text, &found.orphans);
        let strings = |list: Vec<String>| Value::from(list);
        let error = |place: String, message: &str| json!({ "place": place, "message": message });
        text.field("dry_run", self.dry_run)
            .field("repaired", strings(found.repaired.iter().map(ToString::to_string).collect()))
            .field(
                "claims",
                found.claims.iter().map(|(n, e)| error(n.to_string(), e.message())).collect::<Vec<_>>(),
            )
            .field(
                "damaged",
                found.damaged.iter().map(|(n, e)| error(n.to_string(), e.message())).collect::<Vec<_>>(),
            )
            .field(
                "unfinished",
                strings(found.unfinished.iter().map(|(entry, _)| entry.to_string()).collect()),
            )
            .print(json)?;
        Ok(if found.has_damage() { Status::Damaged } else { Status::Done })
    }
}
