//! Queries as text, in a plain form of SQL.
//!
//! ```text
//! [EXPLAIN]
//! SELECT * | value | fn(value)[, fn(value)]...
//! FROM metric
//! [WHERE condition]
//! [GROUP BY time(5m)[, tag]... | tag[, tag]... | [time(5m),] *]  [FILL(none | null | previous | linear | number)]
//! [ORDER BY time [ASC | DESC]]  [LIMIT n]  [OFFSET n]
//!
//! condition   tag = 'x'   tag != 'x'   tag IN ('x', 'y')   tag NOT IN ('x', 'y')   tag ~ 'regex'   tag !~ 'regex'
//!             time < | <= | = | >= | > moment
//!             condition AND condition   condition OR condition   NOT condition   (condition)
//! moment      '2024-01-28T10:00:00Z'   '2024-01-28 10:00:00'   '2024-01-28'   (UTC without a zone)
//!             1706400000000000000 (Unix ns)   1706400000s   now()   each with any number of  + 1h30m  or  - 1h30m
//! fn          count sum mean min max first last stddev percentile(value, 99.9) rate; count(*) is count(value)
//! ```
//!
//! `*` and `value` both ask for raw points with all their tags. Names of metrics and tags are written plain (a letter or `_`,
//! then letters, digits and `_ . :`) or in double quotes, which is also how a tag named like a keyword, `time` or `value` is
//! told apart from it; strings are written in single quotes; either quote is doubled inside itself. Keywords and functions may be
//! in any case. Conditions on time narrow each other and stand under neither OR nor NOT. `core/docs/query.md` says what each
//! part means.
//!
//! The parser is one pass without recursion over a text of bounded length: its time and memory are proportional to the text,
//! whatever the text is. Every error points at the word it is about.
mod condition;
mod cursor;
mod error;
mod expression;
mod fill;
mod lexer;
mod locate;
mod moment;
mod parser;
mod print;
mod select;
mod word;

#[cfg(test)]
mod tests;

pub use locate::{Named, error_at_name};

use super::Query;
use crate::error::{Error, ErrorKind, Result};

/// Longest text that [`parse_sql`] reads, bytes.
pub const SQL_BYTES_MAX: usize = 64 << 10;

/// What a text asks for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Statement {
    /// The answer to a query.
    Select(Query),
    /// What answering it takes.
    Explain(Query),
}

/// Reads a query, or EXPLAIN and a query, of at most [`SQL_BYTES_MAX`]; otherwise as [`parse_sql`].
pub fn parse_statement(text: &str, now_ns: i64) -> Result<Statement> {
    check_length(text, SQL_BYTES_MAX)?;
    let mut parser = cursor::Parser::new(text, now_ns)?;
    Ok(match parser.take_keyword("EXPLAIN")? {
        true => Statement::Explain(parser.query()?),
        false => Statement::Select(parser.query()?),
    })
}

/// Reads a query of at most [`SQL_BYTES_MAX`]. `now_ns` is what `now()` stands for, Unix ns.
///
/// Errors are of kind `InvalidInput`; `Unsupported` for forms that later versions will read; `LimitExceeded` for a text or
/// list that is too long. Their message ends with the line of the text and a caret below the word.
pub fn parse_sql(text: &str, now_ns: i64) -> Result<Query> {
    parse_sql_within(text, now_ns, SQL_BYTES_MAX)
}

/// [`parse_sql`] with another limit, bytes.
pub fn parse_sql_within(text: &str, now_ns: i64, bytes_max: usize) -> Result<Query> {
    check_length(text, bytes_max)?;
    let parser = cursor::Parser::new(text, now_ns)?;
    if parser.is_keyword("EXPLAIN") {
        return Err(parser.invalid_here(
            "EXPLAIN answers what a query takes and not its rows; a query starts with SELECT",
        ));
    }
    parser.query()
}

fn check_length(text: &str, bytes_max: usize) -> Result<()> {
    if text.len() > bytes_max {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            alloc::format!("the query has {} bytes; at most {bytes_max} are read", text.len()),
        ));
    }
    Ok(())
}
