//! Shape of the answer: the columns every row of it has.
use super::{GroupBy, Query, Select};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Columns of an answer: `timestamp`, then the tags, then each expression under its own text (`max(value)`); for raw
/// points `timestamp`, every tag, `value`. No two columns have the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultSchema {
    /// Names, in order.
    pub columns: Vec<String>,
    /// Keys behind the tag columns, which are `columns[1..=tag_keys.len()]`.
    pub tag_keys: Vec<String>,
}

impl ResultSchema {
    /// Columns of the answer to `query`. `tag_keys` are the keys of the series it reads, each once and sorted; they are
    /// only looked at where the query asks for all tags.
    pub fn of(query: &Query, tag_keys: &[String]) -> Self {
        Self::new(&query.select, &query.group_by, tag_keys)
    }
    /// [`ResultSchema::of`] the parts of a query that decide it.
    pub(crate) fn new(select: &Select, group_by: &GroupBy, tag_keys: &[String]) -> Self {
        let (keys, expressions) = match select {
            Select::Points => (tag_keys, alloc::vec!["value".to_string()]),
            Select::Aggregates(aggregates) => (
                match group_by {
                    GroupBy::Tags(keys) => keys.as_slice(),
                    GroupBy::AllTags => tag_keys,
                },
                aggregates.iter().map(ToString::to_string).collect(),
            ),
        };
        let mut columns = alloc::vec!["timestamp".to_string()];
        columns.extend(keys.iter().map(|key| tag_column(key, &expressions)));
        columns.extend(expressions);
        Self { columns, tag_keys: keys.to_vec() }
    }
    /// Names of the tag columns.
    pub fn tag_columns(&self) -> &[String] {
        self.columns.get(1..=self.tag_keys.len()).unwrap_or_default()
    }
    /// Names of the value columns.
    pub fn value_columns(&self) -> &[String] {
        self.columns.get(1 + self.tag_keys.len()..).unwrap_or_default()
    }
}

/// A tag key as a column: under its own name, or as `tag:<key>` where that could be taken for something else.
fn tag_column(key: &str, expressions: &[String]) -> String {
    let taken = matches!(key, "timestamp" | "metric" | "value")
        || key.starts_with("tag:")
        || expressions.iter().any(|expression| expression == key);
    if taken { alloc::format!("tag:{key}") } else { key.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Aggregate;

    #[test]
    fn expressions_are_columns_under_their_own_text() {
        let query = Query::metric("cpu")
            .aggregate(Aggregate::Max)
            .aggregate(Aggregate::Percentile(99.0))
            .aggregate(Aggregate::Percentile(99.9))
            .group_by(["host"]);
        let schema = ResultSchema::of(&query, &["ignored".into()]);
        assert_eq!(
            schema.columns,
            ["timestamp", "host", "max(value)", "percentile(value, 99)", "percentile(value, 99.9)"]
        );
        assert_eq!((schema.tag_columns().len(), schema.value_columns().len()), (1, 3));
    }

    #[test]
    fn raw_points_show_every_tag() {
        let schema = ResultSchema::of(&Query::metric("cpu"), &["dc".into(), "host".into()]);
        assert_eq!(schema.columns, ["timestamp", "dc", "host", "value"]);
    }

    #[test]
    fn a_tag_never_takes_the_name_of_another_column() {
        let keys = ["max(value)", "tag:value", "timestamp", "value"].map(String::from);
        let query = Query::metric("cpu").aggregate(Aggregate::Max).group_by(keys);
        let schema = ResultSchema::of(&query, &[]);
        assert_eq!(
            schema.columns,
            ["timestamp", "tag:max(value)", "tag:tag:value", "tag:timestamp", "tag:value", "max(value)"]
        );
    }
}
