//! Queries as JavaScript gives them: SQL, or an object of the same parts.
use super::json::{Condition, filter, range};
use crate::host::now_ns;
use chronicle_core::error::{Error, Result};
use chronicle_core::query::{GroupBy, Order, Query, Select, parse_sql};
use serde::Deserialize;
use std::collections::BTreeMap;

/// See `Query` in `ts/types.ts`. Expressions, windows and fills are written as in SQL, and read by the same parser.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct QueryObject {
    metric: String,
    #[serde(default, rename = "where")]
    conditions: BTreeMap<String, Condition>,
    start: Option<String>,
    end: Option<String>,
    #[serde(default)]
    select: Vec<String>,
    window: Option<String>,
    fill: Option<String>,
    group_by: Option<Groups>,
    order: Option<String>,
    limit: Option<u64>,
    #[serde(default)]
    offset: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Groups {
    Tags(Vec<String>),
    All(String),
}

/// The query that `text` asks; `now()` in it is the time of this call.
pub(super) fn from_sql(text: &str) -> Result<Query> {
    parse_sql(text, now_ns())
}

pub(super) fn from_object(json: &str) -> Result<Query> {
    let object: QueryObject = super::json::parse(json)?;
    let mut query = match object.select.as_slice() {
        [] if object.window.is_none() && object.fill.is_none() => Query::metric(""),
        [] => return Err(Error::invalid("a window or a fill needs aggregates: name them in `select`")),
        names => parsed(names, object.window.as_deref(), object.fill.as_deref())?,
    };
    query.metric = object.metric;
    query.filter = filter(&object.conditions)?;
    query.range = range(object.start.as_deref(), object.end.as_deref())?;
    query.group_by = match object.group_by {
        None => GroupBy::default(),
        Some(Groups::Tags(keys)) => GroupBy::Tags(keys),
        Some(Groups::All(text)) if text == "*" => GroupBy::AllTags,
        Some(Groups::All(text)) => GroupBy::Tags(vec![text]),
    };
    query.order = match object.order.as_deref() {
        None | Some("asc") => Order::Ascending,
        Some("desc") => Order::Descending,
        Some(other) => return Err(Error::invalid(format!("`order` is \"asc\" or \"desc\", not {other:?}"))),
    };
    (query.limit, query.offset) = (object.limit, object.offset);
    query.check()?;
    Ok(query)
}

/// Only what is selected, the window and the fill; `mean` is short for `mean(value)`.
fn parsed(names: &[String], window: Option<&str>, fill: Option<&str>) -> Result<Query> {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphabetic());
    let expressions: Vec<String> = names
        .iter()
        .map(|name| if is_name(name) { format!("{name}(value)") } else { name.clone() })
        .collect();
    let window = window.map_or(String::new(), |window| format!(" GROUP BY time({window})"));
    let fill = fill.map_or(String::new(), |fill| format!(" FILL({fill})"));
    let query = from_sql(&format!("SELECT {} FROM m{window}{fill}", expressions.join(", ")))?;
    match (&query.select, query.metric == "m") {
        (Select::Aggregates(_), true) => Ok(query),
        _ => Err(Error::invalid(
            "`select`, `window` and `fill` hold expressions, a duration and a fill, and nothing else",
        )),
    }
}
