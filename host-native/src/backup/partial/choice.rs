//! Choice: which points of a backup are wanted, checked against what it holds.
use crate::db::{Db, PointRun};
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::engine::Selector;
use chronicle_core::head::{Position, SeriesInfo};
use chronicle_core::model::TimeRange;
use chronicle_core::query::Filter;
use chronicle_core::text::nearest;
use std::collections::BTreeSet;

/// Names that are listed where none is near.
const LISTED_MAX: usize = 5;

/// Metrics, tags and times. The default chooses everything.
#[derive(Clone, Debug, Default)]
pub(in crate::backup) struct Choice {
    /// None for all.
    pub(super) metrics: Vec<String>,
    pub(super) filter: Filter,
    pub(super) range: Option<TimeRange>,
    /// Points that are held in memory at a time.
    pub(super) points_at_once: Option<usize>,
}

impl Choice {
    /// True when nothing is left out.
    pub(in crate::backup) fn is_everything(&self) -> bool {
        self.metrics.is_empty() && self.filter == Filter::default() && self.range.is_none()
    }

    pub(super) fn range(&self) -> TimeRange {
        self.range.unwrap_or(TimeRange::ALL)
    }

    /// What to ask `db` for, a metric at a time. `NotRestorable` for a metric or a tag that it does not have, with the name that may
    /// have been meant; and where it has no point of what is chosen.
    pub(super) fn selectors(&self, db: &Db) -> Result<Vec<Selector>> {
        let refuse =
            |message: String| Err(Error::new(ErrorKind::NotRestorable, message).at(db.path().display()));
        if self.range().is_empty() {
            return Err(Error::invalid("the time range is empty: its end must be after its start"));
        }
        let known = db.metric_names();
        for metric in &self.metrics {
            if !known.contains(metric) {
                let names = known.iter().map(String::as_str);
                return refuse(format!("no metric {metric:?} in this backup; {}", hint(metric, names)));
            }
        }
        let metrics: BTreeSet<&String> = self.metrics.iter().collect();
        let mut selectors: Vec<Selector> =
            metrics.into_iter().map(|metric| Selector::metric(metric).filter(self.filter.clone())).collect();
        if selectors.is_empty() {
            selectors.push(Selector::all().filter(self.filter.clone()));
        }
        let mut found = false;
        for selector in &selectors {
            found |= db.scan(selector, TimeRange::EMPTY)?.series().len() > 0;
        }
        match found {
            true => Ok(selectors),
            false => refuse(self.no_series(db, &selectors)?),
        }
    }

    /// Why no series has these tags.
    fn no_series(&self, db: &Db, selectors: &[Selector]) -> Result<String> {
        let mut series: Vec<SeriesInfo> = Vec::new();
        for selector in selectors {
            let all = Selector { metric: selector.metric.clone(), filter: Filter::default() };
            series.extend(db.scan(&all, TimeRange::EMPTY)?.series());
        }
        if series.is_empty() {
            return Ok("this backup holds no points of that".into());
        }
        for matcher in self.filter.matchers() {
            if series.iter().any(|series| matcher.matches(&series.series.tags)) {
                continue;
            }
            let tags = || series.iter().flat_map(|series| series.series.tags.iter());
            let key = matcher.key();
            let values: BTreeSet<&str> = tags().filter(|(k, _)| *k == key).map(|(_, value)| value).collect();
            if values.is_empty() {
                let keys: BTreeSet<&str> = tags().map(|(key, _)| key).collect();
                return Ok(format!(
                    "none of these series has a tag {key:?}; {}",
                    hint(key, keys.iter().copied())
                ));
            }
            let wanted = match matcher {
                chronicle_core::query::Matcher::Equal { value, .. } => value.as_str(),
                _ => "",
            };
            return Ok(format!(
                "none of these series has such a value of the tag {key:?}; {}",
                hint(wanted, values.iter().copied())
            ));
        }
        Ok("no series has all of these tags at once".into())
    }

    /// Why there is no point although there are series.
    pub(super) fn no_points(&self, db: &Db, selectors: &[Selector]) -> Result<Error> {
        let mut time = TimeRange::EMPTY;
        for selector in selectors {
            let mut points = db.scan(selector, TimeRange::ALL)?;
            while let Some((_, _, run)) = points.next_counted()? {
                time = time.union(&run);
            }
        }
        let text = |ns| chronicle_core::time::format_timestamp(ns);
        let message = match time.is_empty() {
            true => "this backup holds no points of these series".to_owned(),
            false => format!(
                "this backup holds no points of these series in that time; theirs are from {} to {}",
                text(time.min),
                text(time.max)
            ),
        };
        Ok(Error::new(ErrorKind::NotRestorable, message).at(db.path().display()))
    }
}

/// Reads the chosen points, run by run.
pub(super) fn each_run(
    db: &Db,
    selectors: &[Selector],
    range: TimeRange,
    mut take: impl FnMut(&PointRun<'_>) -> Result<()>,
) -> Result<Position> {
    for selector in selectors {
        let mut points = db.scan(selector, range)?;
        while let Some(run) = points.next_run()? {
            take(&run)?;
        }
    }
    Ok(db.position())
}

/// The name that was probably meant, or the names there are.
fn hint<'a>(wanted: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(wanted, known.clone(), wanted.chars().count().div_ceil(3)) {
        return format!("did you mean {near:?}?");
    }
    let mut rest = known;
    let listed: Vec<String> = rest.by_ref().take(LISTED_MAX).map(|name| format!("{name:?}")).collect();
    match (listed.is_empty(), rest.next()) {
        (true, _) => "there are none".to_owned(),
        (false, None) => format!("there are {}", listed.join(", ")),
        (false, Some(_)) => format!("there are {}, ...", listed.join(", ")),
    }
}
