//! `chronicle backup list` of a folder of snapshots.
use super::report::{Report, bytes, grouped, time};
use super::rows::{Align, Table};
use super::{Outcome, Status};
use chronicle::backup::snapshots;
use chronicle::schedule::Freshness;
use chronicle::{Error, ErrorKind, now_ns};
use serde_json::{Value, json};
use std::path::Path;

/// Lists the snapshots directly under `folder`, oldest first.
pub(super) fn list(folder: &Path, json: bool) -> Outcome {
    let mut found = if folder.exists() { snapshots(folder)? } else { Vec::new() };
    if found.is_empty() {
        let message = "neither a delta repository nor a folder of snapshots is here";
        return Err(Error::new(ErrorKind::NotRestorable, message).at(folder.display()).into());
    }
    found.sort_by_key(|(path, record)| {
        let age = record.as_ref().map(|record| (record.commit_time_ns, record.lsn, record.created_ns));
        (age.unwrap_or_default(), path.clone())
    });
    let right = Align::Right;
    let mut table = Table::new(
        &["snapshot", "committed", "lsn", "points", "bytes"],
        &[Align::Left, Align::Left, right, right, right],
    );
    let (mut text, mut listed, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
    for (path, record) in &found {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                damaged.push((name, error.message()));
                continue;
            }
        };
        let len: u64 = record.files.iter().map(|file| file.len).sum();
        let cells = vec![
            name.clone(),
            time(record.commit_time_ns),
            record.lsn.to_string(),
            record.digest.map_or("?".into(), |digest| grouped(digest.points)),
            bytes(len),
        ];
        table.push(cells, &mut text);
        listed.push(json!({
            "snapshot": name,
            "lineage": record.lineage.to_string(),
            "epoch": record.epoch.to_string(),
            "lsn": record.lsn.to_string(),
            "commit_time": time(record.commit_time_ns),
            "created": time(record.created_ns),
            "points": record.digest.map(|digest| digest.points.to_string()),
            "digest": record.digest.map(|digest| digest.to_string()),
            "bytes": len.to_string(),
        }));
    }
    table.finish(&mut text);
    let mut report = Report::new().line(String::from_utf8_lossy(&text).trim_end_matches('\n'));
    let fresh = Freshness::of(folder)?;
    let age = fresh.newest_age_seconds(now_ns());
    if let (Some(newest), Some(age)) = (&fresh.newest, age) {
        report = report.line(format_args!("the newest snapshot, {newest}, was made {age:.0} s ago"));
    }
    for (name, message) in &damaged {
        report = report.line(format_args!("damaged: {name}: {message}"));
    }
    let status = if damaged.is_empty() { Status::Done } else { Status::Damaged };
    let damaged: Vec<Value> =
        damaged.iter().map(|(name, message)| json!({ "snapshot": name, "message": message })).collect();
    report
        .field("folder", folder.display().to_string())
        .field("snapshots", listed)
        .field("newest", fresh.newest)
        .field("newest_age_seconds", age)
        .field("damaged", damaged)
        .print(json)?;
    Ok(status)
}
