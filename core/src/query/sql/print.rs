//! A query back to text.
use super::word::is_plain_name;
use crate::query::{Fill, Filter, FilterNode, GroupBy, Matcher, Order, Query, Select};
use crate::text::write_number;
use crate::time::format_duration;
use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl Query {
    /// The text of this query, in one line unless a name or value holds a line break. If the query passes
    /// [`Query::check`], [`parse_sql`](super::parse_sql) reads it back to an equal one, however late: moments are
    /// written as Unix ns and never relative to now.
    pub fn to_sql(&self) -> String {
        let mut text = String::from("SELECT ");
        match &self.select {
            Select::Points => text.push('*'),
            Select::Aggregates(aggregates) => {
                text.push_str(&list(aggregates.iter().map(ToString::to_string)))
            }
        }
        text.push_str(" FROM ");
        text.push_str(&name(&self.metric));
        for (i, condition) in self.conditions().iter().enumerate() {
            text.push_str(if i == 0 { " WHERE " } else { " AND " });
            text.push_str(condition);
        }
        let groups = self.groups();
        if !groups.is_empty() {
            text.push_str(" GROUP BY ");
            text.push_str(&groups.join(", "));
        }
        if self.fill != Fill::None {
            text.push_str(&alloc::format!(" FILL({})", fill(&self.fill)));
        }
        if self.order == Order::Descending {
            text.push_str(" ORDER BY time DESC");
        }
        if let Some(limit) = self.limit {
            text.push_str(&alloc::format!(" LIMIT {limit}"));
        }
        if self.offset > 0 {
            text.push_str(&alloc::format!(" OFFSET {}", self.offset));
        }
        text
    }

    fn conditions(&self) -> Vec<String> {
        let mut conditions: Vec<String> = match self.filter.node() {
            FilterNode::All(filters) => filters.iter().map(joined).collect(),
            _ => alloc::vec![joined(&self.filter)],
        };
        if self.range.min != i64::MIN {
            conditions.push(alloc::format!("time >= {}", self.range.min));
        }
        if let Some(end) = self.range.max.checked_add(1) {
            conditions.push(alloc::format!("time < {end}"));
        }
        conditions
    }

    fn groups(&self) -> Vec<String> {
        let window = self.window_ns.map(|window_ns| alloc::format!("time({})", format_duration(window_ns)));
        let tags: Vec<String> = match &self.group_by {
            GroupBy::Tags(keys) => keys.iter().map(|key| name(key).into_owned()).collect(),
            GroupBy::AllTags => alloc::vec!["*".into()],
        };
        window.into_iter().chain(tags).collect()
    }
}

/// A filter as part of an AND.
fn joined(filter: &Filter) -> String {
    match filter.node() {
        FilterNode::Match(matcher) => condition(matcher),
        FilterNode::All(filters) => filters.iter().map(joined).collect::<Vec<_>>().join(" AND "),
        // AND binds tighter, so an AND in it needs no parentheses.
        FilterNode::Any(filters) => {
            alloc::format!("({})", filters.iter().map(joined).collect::<Vec<_>>().join(" OR "))
        }
    }
}

fn fill(fill: &Fill) -> String {
    match fill {
        Fill::Value(value) => {
            let mut text = Vec::new();
            write_number(value.to_bits(), &mut text);
            String::from_utf8_lossy(&text).into_owned()
        }
        word => word.to_string(),
    }
}

fn condition(matcher: &Matcher) -> String {
    let strings = |values: &[String]| list(values.iter().map(|value| string(value)));
    let key = name(matcher.key());
    match matcher {
        Matcher::Equal { value, .. } => alloc::format!("{key} = {}", string(value)),
        Matcher::NotEqual { value, .. } => alloc::format!("{key} != {}", string(value)),
        Matcher::In { values, .. } => alloc::format!("{key} IN ({})", strings(values)),
        Matcher::NotIn { values, .. } => alloc::format!("{key} NOT IN ({})", strings(values)),
        Matcher::Match { regex, .. } => alloc::format!("{key} ~ {}", string(regex.as_str())),
        Matcher::NotMatch { regex, .. } => alloc::format!("{key} !~ {}", string(regex.as_str())),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn name(name: &str) -> Cow<'_, str> {
    match is_plain_name(name) {
        true => name.into(),
        false => alloc::format!("\"{}\"", name.replace('"', "\"\"")).into(),
    }
}

fn string(value: &str) -> String {
    alloc::format!("'{}'", value.replace('\'', "''"))
}
