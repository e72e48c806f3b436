//! Whether a query makes sense, before anything is read for it.
use super::{Aggregate, Fill, Filter, FilterNode, GroupBy, Matcher, Query, Select};
use crate::error::{Error, ErrorKind, Result};

impl Query {
    /// Most aggregates in one query.
    pub const AGGREGATES_MAX: usize = 64;
    /// Most tags that are named to group by.
    pub const GROUP_TAGS_MAX: usize = 64;

    /// Most regular expressions in one query: each may take milliseconds to prepare.
    pub const PATTERNS_MAX: usize = 256;

    /// Refuses what has no meaning, with what to change; must be called before a query is run. A range without any
    /// timestamp is meant to be legal: its answer has no rows.
    pub fn check(&self) -> Result<()> {
        if self.metric.is_empty() {
            return Err(Error::invalid("the metric name is empty"));
        }
        check_filter(&self.filter)?;
        match &self.select {
            Select::Points => self.check_points(),
            Select::Aggregates(aggregates) => {
                check_aggregates(aggregates)?;
                self.check_groups()
            }
        }
    }

    fn check_points(&self) -> Result<()> {
        if self.window_ns.is_some() {
            return Err(Error::invalid("windows need an aggregate, e.g. mean(value); raw points have none"));
        }
        if self.fill != Fill::None {
            return Err(Error::invalid("a fill needs windows of an aggregate; raw points have none"));
        }
        if self.group_by != GroupBy::default() {
            return Err(Error::invalid(
                "grouping needs an aggregate, e.g. mean(value); raw points carry all their tags already",
            ));
        }
        Ok(())
    }

    fn check_groups(&self) -> Result<()> {
        if let Some(window_ns) = self.window_ns.filter(|&window_ns| window_ns <= 0) {
            return Err(Error::invalid(alloc::format!(
                "the window is {window_ns} ns long; it must be longer than 0"
            )));
        }
        if self.fill != Fill::None && self.window_ns.is_none() {
            return Err(Error::invalid("a fill needs windows, e.g. GROUP BY time(5m)"));
        }
        let GroupBy::Tags(keys) = &self.group_by else { return Ok(()) };
        if keys.len() > Self::GROUP_TAGS_MAX {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                alloc::format!(
                    "{} tags are grouped by; at most {} can be named",
                    keys.len(),
                    Self::GROUP_TAGS_MAX
                ),
            ));
        }
        for (i, key) in keys.iter().enumerate() {
            if key.is_empty() {
                return Err(Error::invalid("a tag key to group by is empty"));
            }
            if keys.iter().take(i).any(|earlier| earlier == key) {
                return Err(Error::invalid(alloc::format!("tag {key:?} is grouped by twice")));
            }
        }
        Ok(())
    }
}

pub(super) fn too_many_patterns() -> Error {
    let message = alloc::format!(
        "more than {} regular expressions are in one query; join them: 'a|b|c'",
        Query::PATTERNS_MAX
    );
    Error::new(ErrorKind::LimitExceeded, message)
}

fn check_filter(filter: &Filter) -> Result<()> {
    if filter.depth() > Filter::DEPTH_MAX {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            alloc::format!(
                "conditions are nested {} deep; at most {} are looked at",
                filter.depth(),
                Filter::DEPTH_MAX
            ),
        ));
    }
    if matches!(filter.node(), FilterNode::Any(filters) if filters.is_empty()) {
        return Err(Error::invalid("the filter is one of no conditions, so no series can be taken"));
    }
    let patterns = filter
        .matchers()
        .filter(|matcher| matches!(matcher, Matcher::Match { .. } | Matcher::NotMatch { .. }));
    if patterns.count() > Query::PATTERNS_MAX {
        return Err(too_many_patterns());
    }
    if filter.matchers().any(|matcher| matcher.key().is_empty()) {
        return Err(Error::invalid("a condition has an empty tag key"));
    }
    Ok(())
}

/// The part of [`Query::check`] that looks at the aggregates.
pub(super) fn check_aggregates(aggregates: &[Aggregate]) -> Result<()> {
    if aggregates.is_empty() {
        return Err(Error::invalid("no aggregate is asked for; name one, or select points"));
    }
    if aggregates.len() > Query::AGGREGATES_MAX {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            alloc::format!(
                "{} aggregates are asked for; at most {} are answered at once",
                aggregates.len(),
                Query::AGGREGATES_MAX
            ),
        ));
    }
    for (i, aggregate) in aggregates.iter().enumerate() {
        if let Aggregate::Percentile(p) = aggregate
            && !(0.0..=100.0).contains(p)
        {
            return Err(Error::invalid(alloc::format!("percentile {p} is not between 0 and 100")));
        }
        if aggregates.iter().take(i).any(|earlier| earlier == aggregate) {
            return Err(Error::invalid(alloc::format!("{aggregate} is asked for twice")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::tag;
    extern crate std;
    use std::string::ToString;

    #[test]
    fn senseless_queries_are_refused_with_the_reason() {
        let cpu = || Query::metric("cpu");
        for (query, reason) in [
            (Query::metric(""), "metric name is empty"),
            (cpu().tag("", "a"), "empty tag key"),
            (cpu().window(1), "windows need an aggregate"),
            (cpu().group_by(["host"]), "grouping needs an aggregate"),
            (cpu().fill(Fill::Null), "raw points have none"),
            (cpu().aggregate(Aggregate::Mean).fill(Fill::Null), "a fill needs windows"),
            (cpu().any_of([]), "one of no conditions"),
            (cpu().mean(0), "0 ns long"),
            (cpu().mean(-5), "-5 ns long"),
            (cpu().mean(1).group_by([""]), "group by is empty"),
            (cpu().mean(1).group_by(["a", "b", "a"]), "\"a\" is grouped by twice"),
            (cpu().mean(1).mean(1), "mean(value) is asked for twice"),
            (cpu().aggregate(Aggregate::Percentile(100.5)), "100.5 is not between"),
            (cpu().aggregate(Aggregate::Percentile(f64::NAN)), "NaN is not between"),
        ] {
            let error = query.check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(reason), "{error} lacks {reason}");
        }
        cpu().check().unwrap();
        cpu().mean(1).group_by_all().check().unwrap();
    }

    #[test]
    fn the_depth_of_a_filter_is_limited() {
        let nested = |depth: usize| {
            (0..depth).fold(tag("a").equals("1"), |inner, level| {
                let other = tag("b").equals("1");
                if level % 2 == 0 { inner.and(other) } else { inner.or(other) }
            })
        };
        Query::metric("cpu").filter(nested(Filter::DEPTH_MAX)).check().unwrap();
        let error = Query::metric("cpu").filter(nested(Filter::DEPTH_MAX + 1)).check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }

    #[test]
    fn the_number_of_aggregates_is_limited() {
        let many =
            (0..65).fold(Query::metric("cpu"), |query, p| query.aggregate(Aggregate::Percentile(p.into())));
        assert_eq!(many.check().unwrap_err().kind(), ErrorKind::LimitExceeded);
    }
}
