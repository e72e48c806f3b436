//! Conditions on one tag, for queries written in Rust: `tag("host").equals("a")`.
use super::{Filter, Matcher, Regex};
use crate::error::Result;
use alloc::string::String;

/// A tag that a condition is about to be made of. An absent tag reads as the empty string.
#[derive(Clone, Debug)]
#[must_use]
pub struct Tag(String);

/// The tag `key`, to make a [`Filter`] of.
pub fn tag(key: impl Into<String>) -> Tag {
    Tag(key.into())
}

impl Tag {
    /// It has this value.
    pub fn equals(self, value: impl Into<String>) -> Filter {
        Matcher::Equal { key: self.0, value: value.into() }.into()
    }

    /// It has another value, or none.
    pub fn differs(self, value: impl Into<String>) -> Filter {
        !self.equals(value)
    }

    /// It has one of these values.
    pub fn is_in<V: Into<String>>(self, values: impl IntoIterator<Item = V>) -> Filter {
        Matcher::In { key: self.0, values: values.into_iter().map(Into::into).collect() }.into()
    }

    /// Some part of its value matches `pattern`; see [`super::regex`]. An error if the pattern makes no sense.
    pub fn matches(self, pattern: &str) -> Result<Filter> {
        Ok(Matcher::Match { key: self.0, regex: Regex::new(pattern)? }.into())
    }

    /// It is there.
    pub fn exists(self) -> Filter {
        self.differs("")
    }
}
