//! One open database.
use super::cursor::Cursor;
use super::export::Export;
use super::import::Import;
use super::json::{Selection, parse};
use super::query::{from_object, from_sql};
use super::series::SeriesTable;
use crate::db::verify::{Verified, verify};
use crate::db::{CopyPart, Db, Options};
use crate::error::{ToJs, kind_name};
use crate::medium::{Medium, Memory, Storage, Stored};
use chronicle_core::time::format_timestamp;
use chronicle_core::verify::Level;
use serde_json::json;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

pub(super) type JsResult<T> = core::result::Result<T, JsValue>;

/// See the module.
#[wasm_bindgen]
pub struct Database {
    db: Rc<Db>,
    /// What backup it is, as JSON; empty for none.
    backup: String,
}

/// A packed copy of a database that is being read.
#[wasm_bindgen]
pub struct Copy {
    part: Option<CopyPart>,
    len: f64,
}

pub(super) fn memory(data: Option<Vec<u8>>, log_lsns: &[u64], logs: js_sys::Array) -> JsResult<Medium> {
    let logs = logs.iter().map(|log| crate::medium::bytes_of(log).to_js()).collect::<JsResult<Vec<_>>>()?;
    Ok(Medium::Memory(Memory::of(data.unwrap_or_default(), log_lsns.iter().copied().zip(logs))))
}

impl Database {
    pub(super) fn of(db: Db) -> Self {
        Self::of_backup(db, String::new())
    }

    pub(super) fn of_backup(db: Db, backup: String) -> Self {
        Self { db: Rc::new(db), backup }
    }
}

#[wasm_bindgen]
impl Database {
    /// Opens what `storage` holds, and makes it where there is nothing.
    pub async fn open(storage: Storage, options: String) -> JsResult<Database> {
        let options = Options::parse(&options).to_js()?;
        let db = Db::open(Medium::Stored(Stored::new(storage)), options).await.to_js()?;
        Ok(Self::of(db))
    }

    /// Opens a database in memory: a new one, or the files that are given.
    #[wasm_bindgen(js_name = openMemory)]
    pub async fn open_memory(
        data: Option<Vec<u8>>,
        log_lsns: Vec<u64>,
        logs: js_sys::Array,
        options: String,
    ) -> JsResult<Database> {
        let options = Options::parse(&options).to_js()?;
        let db = Db::open(memory(data, &log_lsns, logs)?, options).await.to_js()?;
        Ok(Self::of(db))
    }

    /// Writes points as one commit and answers its LSN. `series` is a JSON array of `[metric, key, value, ...]`, `of` the
    /// number of each point's series, or a single one for all.
    pub async fn write(
        &self,
        series: String,
        of: Vec<u32>,
        timestamps: Vec<i64>,
        values: Vec<f64>,
    ) -> JsResult<u64> {
        let memo = self.db.engine.borrow().memo();
        let table = SeriesTable::new(&series, &memo).to_js()?;
        let points = table.points(&of, &timestamps, &values).to_js()?;
        if points.is_empty() {
            self.db.check_writable().to_js()?;
            return Ok(self.db.engine.borrow().position().lsn);
        }
        self.db.write_points(&points).await.to_js()
    }

    /// Deletes what `selection` (JSON) means and answers the LSN; nothing when no series matches.
    pub async fn delete(&self, selection: String) -> JsResult<Option<u64>> {
        let selection: Selection = parse(&selection).to_js()?;
        let selector = selection.selector().to_js()?;
        self.db.delete(&selector, selection.range().to_js()?).await.to_js()
    }

    /// Begins to answer SQL.
    pub async fn query(&self, sql: String) -> JsResult<Cursor> {
        Cursor::new(&self.db, &from_sql(&sql).to_js()?).await.to_js()
    }

    /// Begins to answer a query object, as JSON.
    #[wasm_bindgen(js_name = queryObject)]
    pub async fn query_object(&self, query: String) -> JsResult<Cursor> {
        Cursor::new(&self.db, &from_object(&query).to_js()?).await.to_js()
    }

    /// Every metric with points, as a JSON array.
    pub async fn metrics(&self) -> JsResult<String> {
        let metrics = self.db.metrics().await.to_js()?;
        let rows = metrics.iter().map(|(name, info)| {
            json!({
                "name": name,
                "series": info.series,
                "points": info.points,
                "first": info.time.min.to_string(),
                "last": info.time.max.to_string(),
            })
        });
        Ok(serde_json::Value::Array(rows.collect()).to_string())
    }

    /// The series that `selection` (JSON) means, as a JSON array of `{metric, tags}`.
    pub async fn series(&self, selection: String) -> JsResult<String> {
        let selection: Selection = parse(&selection).to_js()?;
        let selector = selection.selector().to_js()?;
        let view = self.db.view(&selector, selection.range().to_js()?).await.to_js()?;
        let rows = view.series().iter().map(|series| {
            let tags: serde_json::Map<String, serde_json::Value> =
                series.tags().map(|(key, value)| (key.to_owned(), value.into())).collect();
            json!({ "metric": series.metric(), "tags": tags })
        });
        Ok(serde_json::Value::Array(rows.collect()).to_string())
    }

    /// The digest as JSON. `check` reads every point instead of trusting what segments say of themselves.
    pub async fn digest(&self, check: bool) -> JsResult<String> {
        let (digest, position) = self.db.digest(!check).await.to_js()?;
        let answer =
            json!({ "digest": digest.to_string(), "points": digest.points, "lsn": position.lsn.to_string() });
        Ok(answer.to_string())
    }

    /// Sizes and identity, as JSON.
    pub fn info(&self) -> String {
        let engine = self.db.engine.borrow();
        let (identity, position, gauges) = (engine.identity(), engine.position(), engine.gauges());
        json!({
            "lineage": identity.lineage.to_hex(),
            "epoch": identity.epoch.to_hex(),
            "lsn": position.lsn.to_string(),
            "commitTime": position.commit_time_ns.to_string(),
            "series": gauges.series,
            "segments": gauges.segments,
            "pointsInMemory": gauges.head_points,
            "fileBytes": self.db.bytes.medium.len(),
            "readOnly": self.db.options.read_only,
            "generation": engine.generation().to_string(),
            "torn": self.db.torn,
            "backup": serde_json::from_str::<serde_json::Value>(&self.backup).unwrap_or_default(),
        })
        .to_string()
    }

    /// Moves everything into segments, so that the next opening has nothing to replay.
    pub async fn checkpoint(&self) -> JsResult<()> {
        self.db.seal().await.to_js()
    }

    /// Merges segments and carries out deletions.
    pub async fn compact(&self) -> JsResult<()> {
        self.db.compact().await.to_js()
    }

    /// Begins a copy as one file.
    pub async fn copy(&self) -> JsResult<Copy> {
        let part = self.db.copy().await.to_js()?;
        // Lengths end far below 2^53.
        Ok(Copy { len: part.len as f64, part: Some(part) })
    }

    /// Begins to write points as text. `options` is JSON: a selection, and `format`, `onError`.
    pub async fn export(&self, options: String) -> JsResult<Export> {
        Export::new(&self.db, &options).await.to_js()
    }

    /// Begins to read points from text. `options` is JSON.
    pub fn import(&self, options: String) -> JsResult<Import> {
        Import::new(&self.db, &options).to_js()
    }

    /// Ends writing. What was acknowledged is durable with or without it.
    pub async fn close(&self) -> JsResult<()> {
        self.db.close().await.to_js()
    }
}

#[wasm_bindgen]
impl Copy {
    /// Bytes of all of it.
    #[wasm_bindgen(getter)]
    pub fn len(&self) -> f64 {
        self.len
    }

    /// The next bytes; nothing at the end.
    pub async fn next(&mut self) -> JsResult<Option<Vec<u8>>> {
        match &mut self.part {
            Some(part) => part.next().await.to_js(),
            None => Ok(None),
        }
    }
}

/// Verifies what `storage` holds; the report as JSON. `progress` is called with bytes done and bytes of all.
#[wasm_bindgen(js_name = verifyStorage)]
pub async fn verify_storage(storage: Storage, level: String, progress: js_sys::Function) -> JsResult<String> {
    verify_medium(Medium::Stored(Stored::new(storage)), &level, &progress).await
}

async fn verify_medium(medium: Medium, level: &str, progress: &js_sys::Function) -> JsResult<String> {
    let level = if level == "deep" { Level::Everything } else { Level::Checksums };
    let told = |done: u64, total: u64| {
        // What a caller's callback throws is its own affair.
        let _ = progress.call2(&JsValue::NULL, &(done as f64).into(), &(total as f64).into());
    };
    Ok(files_report(&verify(medium, level, told).await.to_js()?))
}

/// A report on the files of a database, as JSON.
pub(super) fn files_report(verified: &Verified) -> String {
    let report = &verified.report;
    let findings = report.findings.iter().map(|finding| {
        json!({ "kind": kind_name(finding.kind), "place": finding.place, "message": finding.message })
    });
    json!({
        "sound": report.is_sound(),
        "bytes": report.bytes,
        "segments": report.segments,
        "blocks": report.blocks,
        "points": report.points_stored,
        "logCommits": report.log_commits,
        "logPoints": report.log_points,
        "findings": findings.collect::<Vec<_>>(),
        "findingsCount": report.findings.count(),
        "torn": report.torn.as_ref().map(ToString::to_string),
        "lsn": verified.end.map(|end| end.lsn.to_string()),
        "commitTime": verified.end.map(|end| end.commit_time_ns.to_string()),
        "summary": report.to_string(),
    })
    .to_string()
}

/// A time as text, RFC 3339 in UTC with up to nine digits.
#[wasm_bindgen(js_name = formatTime)]
pub fn format_time(ns: i64) -> String {
    format_timestamp(ns)
}

/// A time from text; without a zone it is UTC.
#[wasm_bindgen(js_name = parseTime)]
pub fn parse_time(text: &str) -> JsResult<i64> {
    chronicle_core::time::parse_timestamp_lenient(text).to_js()
}
