//! Imports: text into a database, in commits of bounded size, in memory that does not grow with the text.
use super::json::parse;
use crate::db::Db;
use crate::error::ToJs;
use crate::host::now_ns;
use chronicle_core::error::{Error, Result};
use chronicle_core::export::csv::CsvFormat;
use chronicle_core::export::json::JsonFormat;
use chronicle_core::export::jsonl::JsonLinesFormat;
use chronicle_core::export::line::LineFormat;
use chronicle_core::export::{OnError, ReadOptions, ReadReport, TextBatch, TextReader};
use chronicle_core::ids::Lsn;
use chronicle_core::time::TimeUnit;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// Most points in one commit.
const BATCH_POINTS_MAX: usize = 10_000;
/// Bytes of text between two looks at how many points there are.
const FEED_BYTES: usize = 64 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImportOptions {
    format: String,
    metric: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    time_unit: Option<String>,
    on_error: Option<String>,
}

enum Reader {
    Csv(TextReader<CsvFormat>),
    Json(TextReader<JsonFormat>),
    JsonLines(TextReader<JsonLinesFormat>),
    Line(TextReader<LineFormat>),
}

macro_rules! each_reader {
    ($reader:expr, $it:ident => $what:expr) => {
        match $reader {
            Reader::Csv($it) => $what,
            Reader::Json($it) => $what,
            Reader::JsonLines($it) => $what,
            Reader::Line($it) => $what,
        }
    };
}

/// An import on its way.
#[wasm_bindgen]
pub struct Import {
    db: Rc<Db>,
    reader: Reader,
    batch: TextBatch,
    bytes: u64,
    points: u64,
    commits: u64,
    series_before: usize,
    lsn: Option<Lsn>,
}

impl Import {
    pub(super) fn new(db: &Rc<Db>, options: &str) -> Result<Self> {
        db.check_writable()?;
        let options: ImportOptions = parse(options)?;
        let read = ReadOptions {
            metric: options.metric,
            extra_tags: options.tags.into_iter().collect(),
            time_unit: options.time_unit.as_deref().map(unit).transpose()?,
            now_ns: Some(now_ns()),
            on_error: match options.on_error.as_deref() {
                None | Some("fail") => OnError::Fail,
                Some("skip") => OnError::Skip,
                Some(other) => {
                    return Err(Error::invalid(format!("`onError` is \"fail\" or \"skip\", not {other:?}")));
                }
            },
            ..ReadOptions::default()
        };
        let reader = match options.format.as_str() {
            "csv" => Reader::Csv(TextReader::new(read)),
            "json" => Reader::Json(TextReader::new(read)),
            "jsonl" => Reader::JsonLines(TextReader::new(read)),
            "line" => Reader::Line(TextReader::new(read)),
            other => return Err(Error::invalid(format!("{other:?} is no format: csv, json, jsonl or line"))),
        };
        let engine = db.engine.borrow();
        let (batch, series_before) = (TextBatch::new(engine.memo()), engine.gauges().series);
        drop(engine);
        Ok(Self {
            db: Rc::clone(db),
            reader,
            batch,
            bytes: 0,
            points: 0,
            commits: 0,
            series_before,
            lsn: None,
        })
    }

    async fn read(&mut self, text: &[u8]) -> Result<()> {
        for piece in text.chunks(FEED_BYTES) {
            let batch = &mut self.batch;
            each_reader!(&mut self.reader, reader => {
                reader.set_now(now_ns());
                reader.feed(piece, &mut |row| batch.push(&row))
            })?;
            self.bytes += piece.len() as u64;
            if self.batch.len() >= BATCH_POINTS_MAX || self.batch.text_bytes() >= FEED_BYTES * 16 {
                self.commit().await?;
            }
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<()> {
        let batch = &mut self.batch;
        each_reader!(&mut self.reader, reader => reader.finish(&mut |row| batch.push(&row)))?;
        self.commit().await
    }

    async fn commit(&mut self) -> Result<()> {
        let rows = self.batch.rows();
        for rows in rows.chunks(BATCH_POINTS_MAX) {
            self.lsn = Some(self.db.write_points(rows).await?);
            self.points += rows.len() as u64;
            self.commits += 1;
        }
        drop(rows);
        self.batch.clear();
        Ok(())
    }

    /// Says what an import that failed left in the database.
    fn told(&self, error: Error) -> Error {
        let left = match self.lsn {
            None => "nothing was imported".to_owned(),
            Some(lsn) => format!(
                "{} points before it are committed, up to lsn {lsn}; importing the mended text again is safe",
                self.points
            ),
        };
        let told = Error::new(error.kind(), format!("{}; {left}", error.message()));
        match error.place() {
            Some(place) => told.at(place),
            None => told,
        }
    }

    fn read_report(&self) -> &ReadReport {
        each_reader!(&self.reader, reader => reader.report())
    }
}

fn unit(name: &str) -> Result<TimeUnit> {
    let found = TimeUnit::ALL.into_iter().find(|unit| unit.name() == name);
    found.ok_or_else(|| Error::invalid(format!("{name:?} is no time unit: s, ms, us or ns")))
}

#[wasm_bindgen]
impl Import {
    /// Reads the next bytes of the text.
    pub async fn push(&mut self, text: Vec<u8>) -> core::result::Result<(), JsValue> {
        let read = self.read(&text).await;
        read.map_err(|error| self.told(error)).to_js()
    }

    /// Says that the text ends here, and commits what is left.
    pub async fn finish(&mut self) -> core::result::Result<(), JsValue> {
        let ended = self.end().await;
        ended.map_err(|error| self.told(error)).to_js()
    }

    /// What is committed up to here, as JSON.
    pub fn report(&self) -> String {
        let read = self.read_report();
        let examples =
            read.examples.iter().map(|it| serde_json::json!({ "line": it.line, "message": it.message }));
        serde_json::json!({
            "bytes": self.bytes,
            "points": self.points,
            "commits": self.commits,
            "newSeries": self.db.engine.borrow().gauges().series.saturating_sub(self.series_before),
            "skipped": read.skipped,
            "examples": examples.collect::<Vec<_>>(),
            "lsn": self.lsn.map(|lsn| lsn.to_string()),
        })
        .to_string()
    }
}
