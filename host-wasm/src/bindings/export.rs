//! Exports: points as text, piece by piece, as of one commit.
use super::json::{Selection, parse};
use crate::db::Db;
use crate::error::ToJs;
use chronicle_core::digest::Digest;
use chronicle_core::engine::{ReadView, SeriesReader};
use chronicle_core::error::{Error, Result};
use chronicle_core::export::csv::CsvWriter;
use chronicle_core::export::json::JsonWriter;
use chronicle_core::export::jsonl::JsonLinesWriter;
use chronicle_core::export::line::LineWriter;
use chronicle_core::export::{PointWriter, Refused};
use chronicle_core::head::SeriesInfo;
use chronicle_core::model::TimeRange;
use serde::Deserialize;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::prelude::*;

/// Bytes of text that are handed out at once, at least.
const PIECE_BYTES: usize = 256 << 10;
/// Points between two looks at how much text there is.
const POINTS_AT_ONCE: usize = 4096;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExportOptions {
    format: String,
    #[serde(default)]
    on_error: Option<String>,
    #[serde(default)]
    selection: Selection,
}

/// An export on its way.
#[wasm_bindgen]
pub struct Export {
    db: Rc<Db>,
    view: Arc<ReadView>,
    reader: SeriesReader,
    text: Box<dyn PointWriter>,
    out: Vec<u8>,
    skips: bool,
    /// The series that is being written, by its place in the view; whether the format can't hold it.
    current: Option<(usize, SeriesInfo, Option<Error>)>,
    is_new_series: bool,
    is_started: bool,
    is_done: bool,
    digest: Digest,
    series: u64,
    bytes: u64,
    refused: Refused,
}

impl Export {
    pub(super) async fn new(db: &Rc<Db>, options: &str) -> Result<Self> {
        let options: ExportOptions = parse(options)?;
        let (selector, range) = (options.selection.selector()?, options.selection.range()?);
        let view = db.view(&selector, range).await?;
        let text = writer(&options.format, &view)?;
        let skips = match options.on_error.as_deref() {
            None | Some("fail") => false,
            Some("skip") => true,
            Some(other) => {
                return Err(Error::invalid(format!("`onError` is \"fail\" or \"skip\", not {other:?}")));
            }
        };
        let reader = SeriesReader::new(Arc::clone(&view), TimeRange::ALL);
        let mut it = Self {
            db: Rc::clone(db),
            view,
            reader,
            text,
            out: Vec::new(),
            skips,
            current: None,
            is_new_series: false,
            is_started: false,
            is_done: false,
            digest: Digest::default(),
            series: 0,
            bytes: 0,
            refused: Refused::default(),
        };
        if !skips && it.text.is_partial() {
            it.look().await?;
        }
        Ok(it)
    }

    /// Looks at every point for those that the format can't hold, before the first byte.
    async fn look(&mut self) -> Result<()> {
        let mut refused = Refused::default();
        while let Some(number) = self.read().await? {
            self.enter(number);
            let Some((_, info, refusal)) = &self.current else { continue };
            let (timestamps, bits) = self.reader.points();
            match refusal {
                Some(error) => refused.add_series(&info.series, timestamps, error),
                None => drop(refused.add_values(&info.series, timestamps, bits, &*self.text)),
            }
        }
        self.reader = SeriesReader::new(Arc::clone(&self.view), TimeRange::ALL);
        self.current = None;
        refused.into_result()
    }

    /// Reads the next run of points; the place of its series in the view.
    async fn read(&mut self) -> Result<Option<usize>> {
        let reader = &mut self.reader;
        let chunk = self.db.bytes.run(|source| reader.next(source, &mut |_, _| false)).await?;
        Ok(chunk.map(|chunk| chunk.series))
    }

    fn enter(&mut self, number: usize) {
        if self.current.as_ref().is_some_and(|(current, ..)| *current == number) {
            return;
        }
        let Some(info) = self.view.series().get(number).map(|series| series.info()) else { return };
        let refusal = self.text.series(&info.series.metric, &info.series.tags).err();
        self.current = Some((number, info, refusal));
        self.is_new_series = true;
    }

    async fn step(&mut self) -> Result<Option<Vec<u8>>> {
        if !self.is_started {
            self.is_started = true;
            self.text.start(&mut self.out);
        }
        while self.out.len() < PIECE_BYTES && !self.is_done {
            match self.read().await? {
                Some(number) => {
                    self.enter(number);
                    self.write()?;
                }
                None => {
                    self.is_done = true;
                    self.text.finish(&mut self.out);
                }
            }
        }
        self.bytes += self.out.len() as u64;
        Ok((!self.out.is_empty()).then(|| core::mem::take(&mut self.out)))
    }

    fn write(&mut self) -> Result<()> {
        let Some((_, info, refusal)) = &self.current else { return Ok(()) };
        let (timestamps, bits) = self.reader.points();
        if let Some(error) = refusal {
            if !self.text.is_partial() || !self.skips {
                return Err(error.clone());
            }
            self.refused.add_series(&info.series, timestamps, error);
            return Ok(());
        }
        for (timestamps, bits) in timestamps.chunks(POINTS_AT_ONCE).zip(bits.chunks(POINTS_AT_ONCE)) {
            self.text.points(&mut self.out, timestamps, bits);
            if self.text.is_partial() && self.refused.add_values(&info.series, timestamps, bits, &*self.text)
            {
                let held =
                    timestamps.iter().zip(bits).filter(|(_, bits)| self.text.refuses(**bits).is_none());
                let (timestamps, bits): (Vec<i64>, Vec<u64>) =
                    held.map(|(time, bits)| (*time, *bits)).unzip();
                self.digest.add(info.key, &timestamps, &bits);
            } else {
                self.digest.add(info.key, timestamps, bits);
            }
        }
        if self.is_new_series && !timestamps.is_empty() {
            self.is_new_series = false;
            self.series += 1;
        }
        Ok(())
    }
}

fn writer(format: &str, view: &ReadView) -> Result<Box<dyn PointWriter>> {
    Ok(match format {
        "csv" => {
            let mut keys: Vec<String> = Vec::new();
            for (key, _) in view.series().iter().flat_map(|series| series.tags()) {
                if let Err(place) = keys.binary_search_by(|known| known.as_str().cmp(key)) {
                    keys.insert(place, key.to_owned());
                }
            }
            Box::new(CsvWriter::new(keys))
        }
        "json" => Box::new(JsonWriter::new()),
        "jsonl" => Box::new(JsonLinesWriter::new()),
        "line" => Box::new(LineWriter::new()),
        other => return Err(Error::invalid(format!("{other:?} is no format: csv, json, jsonl or line"))),
    })
}

#[wasm_bindgen]
impl Export {
    /// The next piece of text; nothing at the end.
    pub async fn next(&mut self) -> core::result::Result<Option<Vec<u8>>, JsValue> {
        self.step().await.to_js()
    }

    /// What was written up to here, as JSON.
    pub fn report(&self) -> String {
        serde_json::json!({
            "points": self.digest.points,
            "series": self.series,
            "bytes": self.bytes,
            "digest": self.digest.to_string(),
            "lsn": self.view.position().lsn.to_string(),
            "leftOut": self.refused.points,
            "leftOutExample": self.refused.example,
        })
        .to_string()
    }
}
