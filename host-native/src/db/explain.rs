//! Explain: what answering a query takes.
use super::{Db, QueryOptions};
use crate::error::Result;
use chronicle_core::engine::QueryStats;
use chronicle_core::head::Position;
use chronicle_core::query::{Query, Statement, parse_statement};
use std::time::{Duration, Instant};

/// What a query took when it was run to its end, its rows thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// What was read, and what was not.
    pub stats: QueryStats,
    /// How long it took on this machine, with what was in memory at the time.
    pub elapsed: Duration,
    /// The commit it saw.
    pub position: Position,
}

impl Db {
    /// Runs a query and answers what it took, in place of its rows.
    pub fn explain(&self, query: &Query) -> Result<Explanation> {
        self.explain_with(query, QueryOptions::default())
    }

    /// [`Db::explain`] with its own memory budget and a way to cancel it.
    pub fn explain_with(&self, query: &Query, options: QueryOptions) -> Result<Explanation> {
        let started = Instant::now();
        let mut answer = self.query_with(query, options)?;
        while answer.next_batch()?.is_some() {}
        let elapsed = started.elapsed();
        Ok(Explanation { stats: answer.stats(), elapsed, position: answer.position() })
    }

    /// [`Db::explain`] of SQL text, with or without EXPLAIN before it.
    pub fn explain_sql(&self, text: &str) -> Result<Explanation> {
        match parse_statement(text, crate::host::now_ns())? {
            Statement::Select(query) | Statement::Explain(query) => self.explain(&query),
            other => Err(crate::error::Error::invalid(format!("{other:?} can't be explained"))),
        }
    }
}
