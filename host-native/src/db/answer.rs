//! Answers: running a query, batch by batch.
use super::parallel::{Helpers, cancelled, read_parts};
use super::{Db, MapSource};
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::engine::{QueryRun, QueryStats, RowBatch};
use chronicle_core::head::Position;
use chronicle_core::query::{GroupKey, Query, ResultSchema};
use chronicle_core::source::Step;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Cancels a query from another thread.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets every query with this token end with an error of kind `Cancelled`, within one piece of reading.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once it is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How a query runs.
#[derive(Clone, Debug, Default)]
pub struct QueryOptions {
    /// Memory it may hold, bytes; the database's default when `None`.
    pub memory_max: Option<u64>,
    /// Ends it early.
    pub cancel: CancelToken,
}

/// One row of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Start of the window, or the point's own time; Unix ns.
    pub timestamp: i64,
    /// Grouped tags as key and value, shared by the rows of a group; an absent tag has the empty value.
    pub tags: Arc<[(String, String)]>,
    /// One value for each expression; absent only where a [`Fill`](crate::query::Fill) leaves a window without points so.
    pub values: Vec<Option<f64>>,
}

/// An answer that is read as it is iterated. It sees one commit, however long it takes.
pub struct Answer<'db> {
    run: QueryRun,
    source: MapSource<'db>,
    helpers: &'db Helpers,
    cancel: CancelToken,
    position: Position,
    done: bool,
}

impl Db {
    /// Runs a query; see [`Answer`].
    pub fn query(&self, query: &Query) -> Result<Answer<'_>> {
        self.query_with(query, QueryOptions::default())
    }

    /// Runs a query with its own memory budget and a way to cancel it.
    pub fn query_with(&self, query: &Query, options: QueryOptions) -> Result<Answer<'_>> {
        query.check()?;
        let view = Arc::new(self.shared.view(&query.selector(), query.range)?);
        let memory_max = options.memory_max.unwrap_or(self.shared.config.query_bytes_max);
        let position = view.position();
        let source = self.shared.view_source(&view);
        let run = QueryRun::new(query, view, memory_max)?;
        let helpers = &self.shared.helpers;
        Ok(Answer { run, source, helpers, cancel: options.cancel, position, done: false })
    }

    /// Runs a query given as SQL text; `now()` in it is the time of this call. For EXPLAIN there is [`Db::explain_sql`].
    pub fn query_sql(&self, text: &str) -> Result<Answer<'_>> {
        self.query(&chronicle_core::query::parse_sql(text, crate::host::now_ns())?)
    }
}

impl Answer<'_> {
    /// Columns of the answer.
    pub fn schema(&self) -> &ResultSchema {
        self.run.schema()
    }

    /// Tags of a group that a batch names.
    pub fn group(&self, number: u32) -> Option<&GroupKey> {
        self.run.group(number)
    }

    /// The last commit it sees.
    pub fn position(&self) -> Position {
        self.position
    }

    /// What it took to read up to here; all of it at the end.
    pub fn stats(&self) -> QueryStats {
        self.run.stats()
    }

    /// The next rows; `None` at the end.
    pub fn next_batch(&mut self) -> Result<Option<RowBatch>> {
        while !self.done {
            if self.cancel.is_cancelled() {
                return Err(cancelled());
            }
            read_parts(&mut self.run, &self.source, self.helpers, &self.cancel)?;
            match self.run.step(&mut self.source)? {
                Step::Ready(batch) if batch.is_empty() => {}
                Step::Ready(batch) => return Ok(Some(batch)),
                Step::Missing(_) => return Err(Error::new(ErrorKind::Io, "a mapped segment is not there")),
                Step::Done => self.done = true,
            }
        }
        Ok(None)
    }

    /// Everything that is left, as rows. For small answers; large ones are better read in batches.
    pub fn rows(mut self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let mut tags_of: HashMap<u32, Arc<[(String, String)]>> = HashMap::new();
        let width = self.run.schema().value_columns().len();
        while let Some(batch) = self.next_batch()? {
            rows.reserve(batch.len());
            for (row, (timestamp, group, _)) in batch.rows(width).enumerate() {
                let tags = tags_of.entry(group).or_insert_with(|| self.tags(group));
                rows.push(Row {
                    timestamp,
                    tags: Arc::clone(tags),
                    values: batch.cells(row, width).collect(),
                });
            }
        }
        Ok(rows)
    }

    /// Tags of a group under every key of the schema.
    fn tags(&self, group: u32) -> Arc<[(String, String)]> {
        let group = self.run.group(group);
        let value = |key: &String| group.map_or(String::new(), |group| group.get(key).to_owned());
        self.run.schema().tag_keys.iter().map(|key| (key.clone(), value(key))).collect()
    }
}
