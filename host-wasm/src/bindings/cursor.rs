//! Cursors: answers to queries, read batch by batch as of one commit.
use crate::db::Db;
use crate::error::ToJs;
use chronicle_core::engine::{QueryRun, RowBatch};
use chronicle_core::error::Result;
use chronicle_core::ids::Lsn;
use chronicle_core::query::Query;
use chronicle_core::source::Step;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::prelude::*;

/// An answer on its way.
#[wasm_bindgen]
pub struct Cursor {
    db: Rc<Db>,
    run: RefCell<QueryRun>,
    lsn: Lsn,
    turn: crate::turn::Turn,
}

/// Some rows of an answer.
#[wasm_bindgen]
pub struct Batch {
    rows: RowBatch,
}

impl Cursor {
    pub(super) async fn new(db: &Rc<Db>, query: &Query) -> Result<Self> {
        query.check()?;
        let view = db.view(&query.selector(), query.range).await?;
        let lsn = view.position().lsn;
        let run = QueryRun::new(query, Arc::clone(&view), db.options.query_bytes)?;
        Ok(Self { db: Rc::clone(db), run: RefCell::new(run), lsn, turn: crate::turn::Turn::default() })
    }

    async fn step(&self) -> Result<Option<RowBatch>> {
        let _turn = self.turn.take().await;
        loop {
            let batch = self.db.bytes.run(|source| match self.run.borrow_mut().step(source)? {
                Step::Ready(batch) => Ok(Step::Ready(batch)),
                other => Ok(other),
            });
            match batch.await? {
                Some(batch) if batch.is_empty() => {}
                batch => return Ok(batch),
            }
        }
    }
}

#[wasm_bindgen]
impl Cursor {
    /// The next rows; nothing at the end.
    pub async fn next(&self) -> core::result::Result<Option<Batch>, JsValue> {
        Ok(self.step().await.to_js()?.map(|rows| Batch { rows }))
    }

    /// Names of columns as JSON: `{"columns", "tagKeys"}`.
    pub fn schema(&self) -> String {
        let run = self.run.borrow();
        let schema = run.schema();
        serde_json::json!({ "columns": schema.columns, "tagKeys": schema.tag_keys }).to_string()
    }

    /// Values of the tags of groups `from..to` as JSON, in order of the schema's keys.
    pub fn groups(&self, from: u32, to: u32) -> String {
        let run = self.run.borrow();
        let keys = &run.schema().tag_keys;
        let tags = |number: u32| -> Vec<&str> {
            let group = run.group(number);
            keys.iter().map(|key| group.map_or("", |group| group.get(key))).collect()
        };
        let groups: Vec<Vec<&str>> = (from..to).map(tags).collect();
        serde_json::to_string(&groups).unwrap_or_default()
    }

    /// The last commit that it sees.
    #[wasm_bindgen(getter)]
    pub fn lsn(&self) -> u64 {
        self.lsn
    }

    /// What it took up to here, as JSON.
    pub fn stats(&self) -> String {
        let stats = self.run.borrow().stats();
        serde_json::json!({
            "series": stats.series,
            "segments": stats.segments,
            "blocksByStatistics": stats.blocks_by_statistics,
            "blocksCached": stats.blocks_cached,
            "blocksDecoded": stats.blocks_decoded,
            "pointsDecoded": stats.points_decoded,
            "bytesRead": stats.bytes_read,
            "pointsUnsealed": stats.points_unsealed,
            "rows": stats.rows,
        })
        .to_string()
    }
}

#[wasm_bindgen]
impl Batch {
    /// Unix ns of each row.
    pub fn timestamps(&mut self) -> Vec<i64> {
        core::mem::take(&mut self.rows.timestamps)
    }

    /// Group of each row.
    pub fn groups(&mut self) -> Vec<u32> {
        core::mem::take(&mut self.rows.groups)
    }

    /// Values row by row, as many a row as there are value columns.
    pub fn values(&mut self) -> Vec<f64> {
        core::mem::take(&mut self.rows.values)
    }

    /// 1 for each value that is absent; empty when none is.
    pub fn nulls(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.rows.nulls).into_iter().map(u8::from).collect()
    }
}
