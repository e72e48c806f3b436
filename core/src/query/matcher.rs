//! Conditions on the tags of a series.
use super::Regex;
use crate::model::Tags;
use alloc::string::String;
use alloc::vec::Vec;

/// One condition on one tag. An absent tag reads as the empty string, so `Equal` to `""` asks for its absence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Matcher {
    /// The tag has this value.
    Equal {
        /// Key of the tag.
        key: String,
        /// The value.
        value: String,
    },
    /// The tag has another value, or is absent (unless `value` is empty).
    NotEqual {
        /// Key of the tag.
        key: String,
        /// The value it must not have.
        value: String,
    },
    /// The tag has one of these values; never true of an empty list.
    In {
        /// Key of the tag.
        key: String,
        /// The values.
        values: Vec<String>,
    },
    /// The tag has none of these values; always true of an empty list.
    NotIn {
        /// Key of the tag.
        key: String,
        /// The values it must not have.
        values: Vec<String>,
    },
    /// Some part of the tag's value matches.
    Match {
        /// Key of the tag.
        key: String,
        /// What is looked for.
        regex: Regex,
    },
    /// No part of the tag's value matches.
    NotMatch {
        /// Key of the tag.
        key: String,
        /// What must not be there.
        regex: Regex,
    },
}

impl Matcher {
    /// True when a series with these tags is taken.
    pub fn matches(&self, tags: &Tags) -> bool {
        self.matches_value(tags.get(self.key()))
    }
    /// True when a series whose tag [`Matcher::key`] has this value (empty: absent) is taken. Lets a tag index ask
    /// once per value instead of once per series.
    pub fn matches_value(&self, found: &str) -> bool {
        match self {
            Self::Equal { value, .. } => found == value,
            Self::NotEqual { value, .. } => found != value,
            Self::In { values, .. } => values.iter().any(|value| found == value),
            Self::NotIn { values, .. } => values.iter().all(|value| found != value),
            Self::Match { regex, .. } => regex.is_match(found),
            Self::NotMatch { regex, .. } => !regex.is_match(found),
        }
    }
    /// Key of the tag it looks at.
    pub fn key(&self) -> &str {
        match self {
            Self::Equal { key, .. }
            | Self::NotEqual { key, .. }
            | Self::In { key, .. }
            | Self::NotIn { key, .. }
            | Self::Match { key, .. }
            | Self::NotMatch { key, .. } => key,
        }
    }
    /// The condition that is true where this one is not.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Equal { key, value } => Self::NotEqual { key, value },
            Self::NotEqual { key, value } => Self::Equal { key, value },
            Self::In { key, values } => Self::NotIn { key, values },
            Self::NotIn { key, values } => Self::In { key, values },
            Self::Match { key, regex } => Self::NotMatch { key, regex },
            Self::NotMatch { key, regex } => Self::Match { key, regex },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_tag_reads_as_the_empty_string() {
        let tags = Tags::new([("host", "a")]).unwrap();
        let key = || String::from("rack");
        for (matcher, taken) in [
            (Matcher::Equal { key: key(), value: "".into() }, true),
            (Matcher::Equal { key: key(), value: "a".into() }, false),
            (Matcher::NotEqual { key: key(), value: "".into() }, false),
            (Matcher::NotEqual { key: key(), value: "a".into() }, true),
            (Matcher::In { key: key(), values: alloc::vec!["x".into(), "".into()] }, true),
            (Matcher::NotIn { key: key(), values: alloc::vec!["x".into(), "".into()] }, false),
            (Matcher::In { key: "host".into(), values: alloc::vec!["b".into(), "a".into()] }, true),
            (Matcher::NotIn { key: "host".into(), values: alloc::vec!["b".into(), "a".into()] }, false),
            (Matcher::Match { key: key(), regex: Regex::new("^$").unwrap() }, true),
            (Matcher::NotMatch { key: key(), regex: Regex::new("a").unwrap() }, true),
            (Matcher::Match { key: "host".into(), regex: Regex::new("A|b").unwrap() }, false),
        ] {
            assert_eq!(matcher.matches(&tags), taken, "{matcher:?}");
            assert_eq!(matcher.clone().negated().matches(&tags), !taken, "not {matcher:?}");
        }
    }

    #[test]
    fn an_empty_list_holds_nothing() {
        let tags = Tags::default();
        assert!(!Matcher::In { key: "a".into(), values: Vec::new() }.matches(&tags));
        assert!(Matcher::NotIn { key: "a".into(), values: Vec::new() }.matches(&tags));
    }
}
