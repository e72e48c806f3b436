//! `chronicle backup slots`: for which repositories a database keeps log, and how much.
use super::failure::Failure;
use super::place::open_source;
use super::report::{Report, bytes};
use super::rows::{Align, Table};
use super::settings::parse_bytes;
use super::{Outcome, Status};
use chronicle::BackupManager;
use chronicle::backup::SlotStatus;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// List the repositories for which a database keeps log, change how much, or forget one
#[derive(Args)]
#[command(after_help = "\
A database keeps the log of commits that a delta repository has not taken yet, up to a limit: 2 GiB unless --limit or the
program that writes says otherwise. Past it the log goes, and the next backup has a gap: its data is whole, but the moments
between these commits are lost. Forget a repository that is not backed up to any more with --drop.

Examples:
  chronicle backup slots --path data.db
  chronicle backup slots --path data.db --limit 20GB --repository /backup/repo
  chronicle backup slots --path data.db --drop /backup/repo")]
pub(super) struct Slots {
    /// The data file
    #[arg(long, value_name = "FILE", aliases = ["source"])]
    path: PathBuf,
    /// Forget this repository: its path, or the name of its slot
    #[arg(long, value_name = "NAME")]
    drop: Option<String>,
    /// Keep log up to this size, as 20GB or 500MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, requires = "repository")]
    limit: Option<u64>,
    /// For this repository: its path, or the name of its slot
    #[arg(long, value_name = "NAME", requires = "limit")]
    repository: Option<String>,
}

impl Slots {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let db = open_source(&self.path)?;
        let manager = BackupManager::new(&db);
        if let Some(name) = &self.drop {
            manager.drop_slot(name)?;
        }
        if let (Some(limit), Some(name)) = (self.limit, &self.repository) {
            manager.limit_slot(name, Some(limit))?;
        }
        told(&manager.slots()?, db.position().lsn, self.drop.as_deref(), json)?;
        Ok(Status::Done)
    }
}

fn told(slots: &[SlotStatus], lsn: u64, dropped: Option<&str>, json: bool) -> Result<(), Failure> {
    let right = Align::Right;
    let mut table = Table::new(
        &["slot", "repository", "sent up to", "commits behind", "log kept", "limit", "state"],
        &[Align::Left, Align::Left, right, right, right, right, Align::Left],
    );
    let mut text = Vec::new();
    for slot in slots {
        let behind = slot.behind.map(|behind| lsn.saturating_sub(behind));
        table.push(
            vec![
                slot.name.clone(),
                place(slot).unwrap_or_else(|| "?".into()),
                sent(slot).map_or("?".into(), |sent| sent.to_string()),
                behind.map_or(String::new(), |behind| behind.to_string()),
                bytes(slot.log_bytes),
                bytes(slot.log_bytes_max),
                state(slot).into(),
            ],
            &mut text,
        );
    }
    table.finish(&mut text);
    let list: Vec<Value> = slots
        .iter()
        .map(|slot| {
            json!({
                "slot": slot.name,
                "repository": place(slot),
                "sent_lsn": sent(slot).map(|lsn| lsn.to_string()),
                "commits_behind": slot.behind.map(|behind| lsn.saturating_sub(behind).to_string()),
                "log_bytes": slot.log_bytes.to_string(),
                "log_bytes_max": slot.log_bytes_max.to_string(),
                "state": state(slot),
            })
        })
        .collect();
    let report = match dropped {
        Some(name) => Report::new().line(format_args!("no log is kept for {name} any more")),
        None => Report::new(),
    };
    let report = match slots.is_empty() {
        true => report.line("no log is kept for any repository"),
        false => report.line(String::from_utf8_lossy(&text).trim_end_matches('\n')),
    };
    report.text("lsn", lsn).field("dropped", dropped).field("slots", list).print(json)
}

fn place(slot: &SlotStatus) -> Option<String> {
    slot.slot.as_ref().ok()?.place.clone()
}

fn sent(slot: &SlotStatus) -> Option<u64> {
    slot.slot.as_ref().ok()?.sent.map(|sent| sent.lsn)
}

fn state(slot: &SlotStatus) -> &'static str {
    match &slot.slot {
        _ if slot.is_at_work => "a backup is at work",
        Err(_) => "can't be read: everything is kept",
        Ok(_) if slot.behind.is_none() => "of another database: nothing is kept",
        Ok(says) if says.job.is_some() => "a backup was interrupted",
        Ok(_) => "",
    }
}
