//! Filter: conditions on tags, joined by AND, OR and NOT.
use super::Matcher;
use crate::model::Tags;
use alloc::vec::Vec;
use core::ops::Not;

/// Which series are taken. The default takes all of them.
///
/// ```
/// # use chronicle_core::query::{Filter, tag};
/// // host = 'a' AND (dc = 'x' OR NOT rack ~ '^r1')
/// let filter = tag("host").equals("a").and(tag("dc").equals("x").or(!tag("rack").matches("^r1")?));
/// # Ok::<(), chronicle_core::error::Error>(())
/// ```
///
/// It is kept in one form: NOT is carried down to the conditions, each of which has an opposite, ANDs inside ANDs and ORs
/// inside ORs are one, and nothing is joined with itself alone. So filters that are built in different ways of the same
/// nesting are equal, and the text form gives back the filter it was printed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    node: Node,
    /// ANDs and ORs inside each other.
    depth: usize,
}

/// What a filter consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Node {
    /// All of these hold; without any, every series is taken.
    All(Vec<Filter>),
    /// One of these holds; without any, no series is taken.
    Any(Vec<Filter>),
    /// This condition holds.
    Match(Matcher),
}

impl Default for Filter {
    fn default() -> Self {
        Self { node: Node::All(Vec::new()), depth: 0 }
    }
}

impl From<Matcher> for Filter {
    fn from(matcher: Matcher) -> Self {
        Self { node: Node::Match(matcher), depth: 0 }
    }
}

impl Filter {
    /// Most ANDs and ORs inside each other: [`Query::check`](super::Query::check) refuses deeper filters, and the text form
    /// counts parentheses. Looking at a filter takes stack space for each.
    pub const DEPTH_MAX: usize = 64;

    /// True where all of `filters` hold.
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::join(filters, true)
    }

    /// True where one of `filters` holds.
    pub fn any(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::join(filters, false)
    }

    /// True where this and `other` hold.
    #[must_use]
    pub fn and(self, other: impl Into<Self>) -> Self {
        Self::all([self, other.into()])
    }

    /// True where this or `other` holds.
    #[must_use]
    pub fn or(self, other: impl Into<Self>) -> Self {
        Self::any([self, other.into()])
    }

    fn join(filters: impl IntoIterator<Item = Self>, all: bool) -> Self {
        let mut parts: Vec<Self> = Vec::new();
        for filter in filters {
            match (filter.node, all) {
                (Node::All(inner), true) | (Node::Any(inner), false) => parts.extend(inner),
                // One that always or never holds decides alone.
                (Node::All(inner), false) if inner.is_empty() => return Self::default(),
                (Node::Any(inner), true) if inner.is_empty() => {
                    return Self { node: Node::Any(inner), depth: 0 };
                }
                (node, _) => parts.push(Self { node, depth: filter.depth }),
            }
        }
        match parts.pop() {
            Some(only) if parts.is_empty() => only,
            last => {
                parts.extend(last);
                let depth = parts.iter().map(|part| part.depth + 1).max().unwrap_or(0);
                Self { node: if all { Node::All(parts) } else { Node::Any(parts) }, depth }
            }
        }
    }

    /// What it consists of.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// ANDs and ORs inside each other; 0 for a single condition.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// True when a series with these tags is taken.
    pub fn matches(&self, tags: &Tags) -> bool {
        match &self.node {
            Node::All(filters) => filters.iter().all(|filter| filter.matches(tags)),
            Node::Any(filters) => filters.iter().any(|filter| filter.matches(tags)),
            Node::Match(matcher) => matcher.matches(tags),
        }
    }

    /// Conditions that every series taken fulfils: what an index can narrow the choice with. The rest is up to
    /// [`Filter::matches`].
    pub fn required(&self) -> impl Iterator<Item = &Matcher> {
        let parts = match &self.node {
            Node::All(filters) => filters.as_slice(),
            _ => core::slice::from_ref(self),
        };
        parts.iter().filter_map(|part| match &part.node {
            Node::Match(matcher) => Some(matcher),
            _ => None,
        })
    }

    /// Every condition in it, from left to right.
    pub fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        let mut open = alloc::vec![self];
        core::iter::from_fn(move || {
            while let Some(filter) = open.pop() {
                match &filter.node {
                    Node::All(filters) | Node::Any(filters) => open.extend(filters.iter().rev()),
                    Node::Match(matcher) => return Some(matcher),
                }
            }
            None
        })
    }
}

/// True where the filter is not: by De Morgan down to the conditions.
impl Not for Filter {
    type Output = Self;

    fn not(self) -> Self {
        let inverted = |filters: Vec<Self>| filters.into_iter().map(Not::not).collect();
        let node = match self.node {
            Node::All(filters) => Node::Any(inverted(filters)),
            Node::Any(filters) => Node::All(inverted(filters)),
            Node::Match(matcher) => Node::Match(matcher.negated()),
        };
        Self { node, depth: self.depth }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::tag;

    fn tags(host: &str, dc: &str) -> Tags {
        Tags::new([("host", host), ("dc", dc)]).unwrap()
    }

    #[test]
    fn filters_decide_as_logic_does() {
        let (a, x) = (|| tag("host").equals("a"), || tag("dc").equals("x"));
        for (filter, expected) in [
            (a().and(x()), [true, false, false, false]),
            (a().or(x()), [true, true, true, false]),
            (!a(), [false, false, true, true]),
            (!(a().or(!x())), [false, false, true, false]),
            ((!a()).and(x().or(a())), [false, false, true, false]),
            (Filter::all([]), [true; 4]),
            (Filter::any([]), [false; 4]),
            (!Filter::all([]), [false; 4]),
            (a().or(Filter::all([])), [true; 4]),
            (a().and(Filter::any([])), [false; 4]),
        ] {
            let series = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")];
            assert_eq!(series.map(|(host, dc)| filter.matches(&tags(host, dc))), expected, "{filter:?}");
            let opposite = !filter.clone();
            assert_eq!(series.map(|(host, dc)| !opposite.matches(&tags(host, dc))), expected, "{opposite:?}");
            assert_eq!(!opposite, filter);
        }
    }

    #[test]
    fn one_form_for_one_nesting() {
        let (a, b, c) = (|| tag("a").equals("1"), || tag("b").equals("1"), || tag("c").equals("1"));
        assert_eq!(a().and(b()).and(c()), a().and(b().and(c())));
        assert_eq!(Filter::any([a()]), a());
        assert_eq!(!!a().and(b().or(c())), a().and(b().or(c())));
        assert_eq!((a().depth(), a().and(b()).depth(), a().and(b().or(c())).depth()), (0, 1, 2));
        let filter = a().and(b().or(c()));
        assert_eq!(filter.required().count(), 1);
        assert_eq!(filter.matchers().map(Matcher::key).collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
