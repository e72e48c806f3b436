//! Groups: which series of a view are answered together, numbered in the order of their keys, and what they are called.
use super::view::{ReadView, SeriesView};
use crate::query::{GroupBy, GroupKey, Query, ResultSchema, Select};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::OnceCell;

/// The groups of a query. Names are copied out of the series when somebody asks for them: a short query in a program
/// that knows what it asked for would spend more time on them than on its points.
pub(super) struct Groups {
    view: Arc<ReadView>,
    select: Select,
    group_by: GroupBy,
    /// Position in the view of one series of each group, in order of group.
    samples: Vec<usize>,
    keys: OnceCell<Vec<GroupKey>>,
    schema: OnceCell<ResultSchema>,
}

impl Groups {
    /// The groups, and the group of each series of the view.
    pub(super) fn of(query: &Query, view: Arc<ReadView>) -> (Self, Vec<u32>) {
        let group_by = match &query.select {
            Select::Points => GroupBy::AllTags,
            Select::Aggregates(_) => query.group_by.clone(),
        };
        let (samples, of_series) = group(&group_by, &view.series);
        let select = query.select.clone();
        let groups = Self { view, select, group_by, samples, keys: OnceCell::new(), schema: OnceCell::new() };
        (groups, of_series)
    }

    pub(super) fn view(&self) -> &ReadView {
        &self.view
    }

    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    /// Values of each row.
    pub(super) fn width(&self) -> usize {
        match &self.select {
            Select::Points => 1,
            Select::Aggregates(aggregates) => aggregates.len(),
        }
    }

    pub(super) fn key(&self, number: u32) -> Option<&GroupKey> {
        let keys = self.keys.get_or_init(|| {
            let key = |at: &usize| Some(GroupKey::of(&self.group_by, self.view.series.get(*at)?.tags()));
            self.samples.iter().filter_map(key).collect()
        });
        keys.get(number as usize)
    }

    pub(super) fn schema(&self) -> &ResultSchema {
        self.schema.get_or_init(|| {
            let keys = match &self.group_by {
                GroupBy::AllTags => tag_keys(&self.view.series),
                GroupBy::Tags(_) => Vec::new(),
            };
            ResultSchema::new(&self.select, &self.group_by, &keys)
        })
    }
}

/// The position of a series of each group, in order of their keys, and the group of each series.
fn group(group_by: &GroupBy, series: &[SeriesView]) -> (Vec<usize>, Vec<u32>) {
    let mut of_series = alloc::vec![0; series.len()];
    let together = matches!(group_by, GroupBy::Tags(keys) if keys.is_empty());
    if together || series.len() < 2 {
        return ((0..series.len().min(1)).collect(), of_series);
    }
    let mut sorted: Vec<(Vec<(&str, &str)>, usize)> =
        series.iter().map(|series| borrowed(group_by, series)).zip(0..).collect();
    sorted.sort_unstable();
    let mut samples = Vec::new();
    for (members, group) in sorted.chunk_by(|a, b| a.0 == b.0).zip(0u32..) {
        samples.extend(members.first().map(|(_, at)| *at));
        for (_, at) in members {
            if let Some(place) = of_series.get_mut(*at) {
                *place = group;
            }
        }
    }
    (samples, of_series)
}

/// What [`GroupKey::of`] copies, in its order.
fn borrowed<'a>(group_by: &'a GroupBy, series: &'a SeriesView) -> Vec<(&'a str, &'a str)> {
    match group_by {
        GroupBy::Tags(keys) => keys.iter().map(|key| (key.as_str(), series.tag(key))).collect(),
        GroupBy::AllTags => series.tags().collect(),
    }
}

/// Every key of a tag of these series, once, ascending.
fn tag_keys(series: &[SeriesView]) -> Vec<String> {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in series.iter().flat_map(SeriesView::tags) {
        if let Err(place) = keys.binary_search(&key) {
            keys.insert(place, key);
        }
    }
    keys.into_iter().map(String::from).collect()
}
