//! Backups: opening one in place, its timeline, restoring and verifying it.
use super::database::{Database, JsResult, files_report};
use super::json::parse;
use crate::backup::{History, ObjectStore, Objects, Source, folder, open, restore, verify};
use crate::db::Options;
use crate::db::verify::verify as verify_files;
use crate::error::{ToJs, kind_name};
use crate::host::now_ns;
use crate::medium::{Medium, Memory, Storage, Stored};
use chronicle_core::backup::repository::{Moment, SpanEnd};
use chronicle_core::error::{Error, Result};
use chronicle_core::ids::{Epoch, Lsn};
use chronicle_core::time::parse_timestamp;
use chronicle_core::verify::{Affected, Level};
use serde_json::{Value, json};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// `latest` or `now`, `lsn:N`, `ns:N` (Unix nanoseconds), or a time with a zone.
fn moment(text: &str) -> Result<Moment> {
    let epoch = None;
    let number = |text: &str| {
        text.parse().map_err(|_| Error::invalid(format!("{text:?} is no whole number that fits")))
    };
    Ok(match text.split_once(':') {
        None if text == "latest" || text == "now" => Moment::Latest,
        Some(("lsn", lsn)) => {
            let lsn: i64 = number(lsn)?;
            let lsn = Lsn::try_from(lsn).map_err(|_| Error::invalid("an LSN is not negative"))?;
            Moment::Lsn { lsn, epoch }
        }
        Some(("ns", ns)) => Moment::CommitTime { time_ns: number(ns)?, epoch },
        _ => Moment::CommitTime { time_ns: parse_timestamp(text)?, epoch },
    })
}

fn logs(json: &str) -> Result<Vec<(Lsn, u64)>> {
    let logs: Vec<(String, u64)> = parse(json)?;
    let log = |(lsn, len): (String, u64)| {
        Ok((lsn.parse().map_err(|_| Error::invalid("a log file's name has no LSN"))?, len))
    };
    logs.into_iter().map(log).collect()
}

/// Opens a backup for reading where it lies. `logs_json` names the log files beside a bare `data.db`: `[[lsn, bytes], ..]`.
#[wasm_bindgen(js_name = openBackup)]
pub async fn open_backup(
    store: ObjectStore,
    at: String,
    logs_json: String,
    options: String,
) -> JsResult<Database> {
    let options = Options::parse(&options).to_js()?;
    let (moment, logs) = (moment(&at).to_js()?, logs(&logs_json).to_js()?);
    let opened = open(Rc::new(Objects::new(store)), &moment, options, logs).await.to_js()?;
    let backup = json!({
        "entry": opened.start.map(|entry| entry.to_string()),
        "newestCommitTime": opened.newest_commit_time_ns.map(|time| time.to_string()),
        "newestAge": opened.newest_commit_time_ns.map(|time| now_ns().saturating_sub(time).to_string()),
    });
    Ok(Database::of_backup(opened.db, backup.to_string()))
}

/// The points of a repository and the moments that can be restored, as JSON.
#[wasm_bindgen(js_name = backupTimeline)]
pub async fn backup_timeline(store: ObjectStore) -> JsResult<String> {
    let objects = Objects::new(store);
    let history = History::read(&objects).await.to_js()?;
    let timeline = &history.timeline;
    let points = timeline.points().iter().map(|point| {
        json!({
            "entry": point.entry.to_string(),
            "epoch": point.point.epoch.to_hex(),
            "lsn": point.point.lsn.to_string(),
            "commitTime": point.point.commit_time_ns.to_string(),
            "completeUntil": point.point.complete_until_ns.to_string(),
            "created": point.point.created_ns.to_string(),
            "points": point.point.points_stored,
            "series": point.point.series,
            "bytes": point.point.files_bytes(),
            "digest": point.point.digest.map(|digest| digest.to_string()),
        })
    });
    let newest: Option<Epoch> = timeline.newest().map(|newest| newest.point.epoch);
    let end = |end: &SpanEnd| json!({ "epoch": end.epoch.to_hex(), "lsn": end.lsn.to_string(), "commitTime": end.commit_time_ns.map(|time| time.to_string()) });
    let spans = newest.map(|epoch| timeline.spans(epoch)).unwrap_or_default();
    let spans = spans.iter().map(|span| json!({ "first": end(&span.first), "last": end(&span.last) }));
    let damaged = timeline
        .damaged()
        .iter()
        .map(|(entry, error)| json!({ "entry": entry.to_string(), "message": error.message() }));
    Ok(json!({
        "points": points.collect::<Vec<Value>>(),
        "spans": spans.collect::<Vec<Value>>(),
        "damaged": damaged.collect::<Vec<Value>>(),
    })
    .to_string())
}

/// Verifies every object of a repository; the report as JSON.
#[wasm_bindgen(js_name = verifyBackup)]
pub async fn verify_backup(store: ObjectStore, progress: js_sys::Function) -> JsResult<String> {
    let (report, objects) =
        verify(&Objects::new(store), &|done, total| tell(&progress, done, total)).await.to_js()?;
    let findings = report.findings.iter().map(|finding| {
        json!({ "kind": kind_name(finding.kind), "place": finding.place, "message": finding.message })
    });
    Ok(json!({
        "sound": report.is_sound(),
        "bytes": report.bytes,
        "objects": objects,
        "points": report.points_stored,
        "findings": findings.collect::<Vec<Value>>(),
        "findingsCount": report.findings.count(),
        "summary": report.to_string(),
    })
    .to_string())
}

/// Restores a backup into a storage that holds nothing, or into memory, and opens it.
#[wasm_bindgen(js_name = restoreBackup)]
pub async fn restore_backup(
    store: ObjectStore,
    at: String,
    logs_json: String,
    target: Option<Storage>,
    options: String,
    progress: js_sys::Function,
) -> JsResult<Database> {
    let (moment, logs) = (moment(&at).to_js()?, logs(&logs_json).to_js()?);
    let source = Source { objects: Rc::new(Objects::new(store)), moment, logs };
    let options = Options::parse(&options).to_js()?;
    let target = match target {
        Some(storage) => Medium::Stored(Stored::new(storage)),
        None => Medium::Memory(Memory::default()),
    };
    let db = restore(source, target, options, &|done, total| tell(&progress, done, total)).await.to_js()?;
    Ok(Database::of(db))
}

fn tell(progress: &js_sys::Function, done: u64, total: u64) {
    // What a caller's callback throws is its own affair.
    let _ = progress.call2(&JsValue::NULL, &(done as f64).into(), &(total as f64).into());
}

/// Verifies a snapshot directory or the files of a closed database; the report as JSON.
#[wasm_bindgen(js_name = verifyFolder)]
pub async fn verify_folder(
    store: ObjectStore,
    logs_json: String,
    level: String,
    progress: js_sys::Function,
) -> JsResult<String> {
    let logs = logs(&logs_json).to_js()?;
    let (medium, record) = folder(Rc::new(Objects::new(store)), logs).await.to_js()?;
    let level = if level == "deep" { Level::Everything } else { Level::Checksums };
    let mut verified =
        verify_files(medium, level, |done, total| tell(&progress, done, total)).await.to_js()?;
    // The log of a snapshot that lost its last commit would look whole by itself.
    if let Some((record, end)) = record.as_ref().zip(verified.end)
        && let Err(error) = record.ends_at(&end)
    {
        verified.report.findings.add(&"snapshot", &error, Affected::default());
    }
    Ok(files_report(&verified))
}
