//! Which group a series belongs to.
use super::GroupBy;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The tags that one group of series has in common: the grouped tags in the order of the query, absent ones with an
/// empty value; with [`GroupBy::AllTags`] the tags of the series in order of key.
///
/// Keys of one query compare by the values in that order, which is the order of rows that share a timestamp.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey(Vec<(String, String)>);

impl GroupKey {
    /// The group of a series with these tags, which come in order of key.
    pub fn of<'a>(group_by: &GroupBy, tags: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Self {
        let owned = |(key, value): (&str, &str)| (key.to_string(), value.to_string());
        Self(match group_by {
            GroupBy::Tags(keys) => {
                let value =
                    |key: &str| tags.clone().find(|(found, _)| *found == key).map_or("", |(_, value)| value);
                keys.iter().map(|key| owned((key, value(key)))).collect()
            }
            GroupBy::AllTags => tags.map(owned).collect(),
        })
    }
    /// Value of a tag; empty when it is absent or not grouped by.
    pub fn get(&self, key: &str) -> &str {
        self.0.iter().find(|(found, _)| found == key).map_or("", |(_, value)| value)
    }
    /// Tags of the group, in its order; values may be empty.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tags;

    #[test]
    fn absent_and_missing_tags_fall_into_one_group() {
        let by = GroupBy::Tags(alloc::vec!["host".into(), "dc".into()]);
        let key = |tags: &[(&str, &str)]| GroupKey::of(&by, Tags::new(tags.iter().copied()).unwrap().iter());
        assert_eq!(key(&[("host", "a"), ("x", "1")]), key(&[("host", "a"), ("dc", ""), ("x", "2")]));
        assert_eq!(key(&[("host", "a")]).get("dc"), "");
        assert!(key(&[("host", "a"), ("dc", "2")]) < key(&[("host", "b"), ("dc", "1")]));
    }

    #[test]
    fn all_tags_keep_every_series_apart() {
        let key = |tags: &[(&str, &str)]| {
            GroupKey::of(&GroupBy::AllTags, Tags::new(tags.iter().copied()).unwrap().iter())
        };
        assert_ne!(key(&[("a", "1")]), key(&[("b", "1")]));
        assert_eq!(key(&[("b", "2"), ("a", "1")]).iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
    }
}
