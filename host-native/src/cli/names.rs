//! Names that do not exist, and the ones that may have been meant.
use super::report::name;
use chronicle::query::sql::{Named, error_at_name};
use chronicle::query::{GroupBy, Query, Select};
use chronicle::text::nearest;
use chronicle::{Db, Error, ErrorKind, Selector, TimeRange};
use std::collections::BTreeSet;

/// Names that are listed where none is near.
const LISTED_MAX: usize = 5;

/// Refuses a metric that the database never had, and says which one is near.
pub(super) fn check_metric(db: &Db, metric: &str) -> Result<(), Error> {
    match unknown_metric(db, metric) {
        None => Ok(()),
        Some(message) => Err(Error::new(ErrorKind::NotFound, message).at(db.path().display())),
    }
}

/// Refuses what a query names and the database does not have, and points at it in the text: the metric, and tags that no
/// series of it has where that leaves nothing to answer.
pub(super) fn check_query(db: &Db, query: &Query, sql: &str) -> Result<(), Error> {
    let refuse = |named, wanted: &str, message: &str| {
        // The caret says where in the text; the place is the database that does not have it.
        let error = error_at_name(sql, named, wanted, ErrorKind::NotFound, message);
        Error::new(error.kind(), error.message()).at(db.path().display())
    };
    if let Some(message) = unknown_metric(db, &query.metric) {
        return Err(refuse(Named::Metric, &query.metric, &message));
    }
    let grouped = match (&query.select, &query.group_by) {
        (Select::Aggregates(_), GroupBy::Tags(keys)) => keys.as_slice(),
        _ => &[],
    };
    // A condition that holds without the tag has an answer whether there is such a tag or not.
    let needed =
        query.filter.matchers().filter(|matcher| !matcher.matches_value("")).map(|matcher| matcher.key());
    let mut unseen: BTreeSet<&str> = needed.chain(grouped.iter().map(String::as_str)).collect();
    let mut known: BTreeSet<String> = BTreeSet::new();
    if !unseen.is_empty() {
        let series = db.scan(&Selector::metric(&query.metric), TimeRange::EMPTY)?;
        for series in series.series() {
            for (key, _) in series.series.tags.iter() {
                if !known.contains(key) {
                    unseen.remove(key);
                    known.insert(key.to_owned());
                }
            }
            if unseen.is_empty() {
                return Ok(());
            }
        }
    }
    match unseen.first() {
        None => Ok(()),
        Some(key) => {
            let hint = hint(key, known.iter().map(String::as_str), "", "it has no tags");
            let message = format!("no series of {} has a tag {}; {hint}", name(&query.metric), name(key));
            Err(refuse(Named::Tag, key, &message))
        }
    }
}

fn unknown_metric(db: &Db, metric: &str) -> Option<String> {
    let known = db.metric_names();
    if known.iter().any(|known| known == metric) {
        return None;
    }
    let more = " (see chronicle metrics)";
    let hint = hint(metric, known.iter().map(String::as_str), more, "the database holds no points yet");
    Some(format!("no metric {}; {hint}", name(metric)))
}

/// The name that was probably meant, or the names there are.
fn hint<'a>(wanted: &str, known: impl Iterator<Item = &'a str> + Clone, more: &str, none: &str) -> String {
    if let Some(near) = nearest(wanted, known.clone(), wanted.chars().count().div_ceil(3)) {
        return format!("did you mean {}?", name(near));
    }
    let mut rest = known;
    let listed: Vec<String> = rest.by_ref().take(LISTED_MAX).map(name).collect();
    match (listed.is_empty(), rest.next()) {
        (true, _) => none.to_owned(),
        (false, None) => format!("there are {}", listed.join(", ")),
        (false, Some(_)) => format!("there are {}, ...{more}", listed.join(", ")),
    }
}
