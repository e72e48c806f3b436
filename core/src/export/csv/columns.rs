//! What each column of a file is, from its header.
use super::cells::CutRow;
use super::{METRIC, TAG_PREFIX, TIMESTAMP, VALUE};
use crate::error::{Error, Result};
use crate::text::shorten;
use alloc::string::String;
use alloc::vec::Vec;
use hashbrown::HashSet;

/// The columns of a file, by their role.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) timestamp: usize,
    /// `None` when all rows are of the one metric that the options name.
    pub(super) metric: Option<usize>,
    pub(super) value: usize,
    pub(super) tags: Vec<TagColumn>,
    /// The first column of a tag, when all behind it are of tags too.
    pub(super) tags_from: Option<usize>,
    /// Number of cells that every row has.
    pub(super) count: usize,
}

/// A column that holds the values of one tag.
#[derive(Debug)]
pub(super) struct TagColumn {
    pub(super) key: String,
    pub(super) index: usize,
}

impl Columns {
    /// Reads the header. `metric` says whether the options name the metric; `extra_tags` are the keys they add.
    pub(super) fn read(
        header: CutRow<'_>,
        metric: Option<&str>,
        extra_tags: &[(String, String)],
    ) -> Result<Self> {
        let mut names = HashSet::new();
        let (mut timestamp_column, mut metric_column, mut value_column) = (None, None, None);
        let mut tags = Vec::new();
        for index in 0..header.len() {
            let name = header.get(index);
            let tag = match name {
                TIMESTAMP => {
                    repeated(timestamp_column.replace(index).is_some(), name)?;
                    continue;
                }
                METRIC => {
                    repeated(metric_column.replace(index).is_some(), name)?;
                    continue;
                }
                VALUE => {
                    repeated(value_column.replace(index).is_some(), name)?;
                    continue;
                }
                _ => name.strip_prefix(TAG_PREFIX).unwrap_or(name),
            };
            if tag.is_empty() {
                return Err(Error::invalid(alloc::format!("column {} of the header has no name", index + 1)));
            }
            repeated(!names.insert(tag), name)?;
            tags.push(TagColumn { key: tag.into(), index });
        }
        let missing = |name| {
            let found: Vec<String> =
                (0..header.len().min(8)).map(|index| shorten(header.get(index).as_bytes())).collect();
            let more = if header.len() > found.len() { ", ..." } else { "" };
            Error::invalid(alloc::format!(
                "the header has no {name} column; it must be timestamp,metric,value and tags, and it has {}{more}",
                found.join(", ")
            ))
        };
        let timestamp = timestamp_column.ok_or_else(|| missing(TIMESTAMP))?;
        let value = value_column.ok_or_else(|| missing(VALUE))?;
        match (metric_column, metric) {
            (None, None) => {
                let error = missing(METRIC);
                return Err(Error::invalid(alloc::format!(
                    "{}; or name the metric of the whole file",
                    error.message()
                )));
            }
            (Some(_), Some(metric)) => {
                return Err(Error::invalid(alloc::format!(
                    "the metric is given as {} and the file has a metric column too; give only one",
                    shorten(metric.as_bytes())
                )));
            }
            _ => {}
        }
        if let Some((key, _)) = extra_tags.iter().find(|(key, _)| names.contains(key.as_str())) {
            return Err(Error::invalid(alloc::format!(
                "tag {} is given for all rows and the file has a column for it too; give only one",
                shorten(key.as_bytes())
            )));
        }
        let count = header.len();
        let first_tag = tags.first().map(|tag: &TagColumn| tag.index);
        let tags_from = first_tag.filter(|first| first + tags.len() == count);
        Ok(Self { timestamp, metric: metric_column, value, tags, tags_from, count })
    }
}

fn repeated(is_repeated: bool, name: &str) -> Result<()> {
    if is_repeated {
        return Err(Error::invalid(alloc::format!("column {} is there twice", shorten(name.as_bytes()))));
    }
    Ok(())
}
