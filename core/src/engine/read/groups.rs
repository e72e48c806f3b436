//! Groups: which series of a view are answered together, numbered in the order of their keys.
use super::view::SeriesView;
use crate::model::Tags;
use crate::query::{GroupBy, GroupKey};
use alloc::string::String;
use alloc::vec::Vec;

/// The groups of a query.
pub(super) struct Groups {
    /// Tags of each group, ascending.
    pub(super) keys: Vec<GroupKey>,
    /// Group of each series of the view.
    pub(super) of_series: Vec<u32>,
}

impl Groups {
    pub(super) fn of(group_by: &GroupBy, series: &[SeriesView]) -> Self {
        let tags = |series: &SeriesView| GroupKey::of(group_by, &series.info.series.tags);
        let alone = matches!(group_by, GroupBy::Tags(keys) if keys.is_empty());
        if alone || series.len() < 2 {
            let keys = series.first().map(tags).into_iter().collect();
            return Self { keys, of_series: alloc::vec![0; series.len()] };
        }
        // Sorted as borrowed text: only each group, not each series, gets a key of its own.
        let mut sorted: Vec<(Vec<(&str, &str)>, usize)> =
            series.iter().map(|series| borrowed(group_by, &series.info.series.tags)).zip(0..).collect();
        sorted.sort_unstable();
        let (mut keys, mut of_series) = (Vec::new(), alloc::vec![0; series.len()]);
        for (members, group) in sorted.chunk_by(|a, b| a.0 == b.0).zip(0u32..) {
            keys.extend(members.first().and_then(|(_, at)| series.get(*at)).map(tags));
            for (_, at) in members {
                if let Some(place) = of_series.get_mut(*at) {
                    *place = group;
                }
            }
        }
        Self { keys, of_series }
    }
}

/// What [`GroupKey::of`] copies, in its order.
fn borrowed<'a>(group_by: &'a GroupBy, tags: &'a Tags) -> Vec<(&'a str, &'a str)> {
    match group_by {
        GroupBy::Tags(keys) => keys.iter().map(|key| (key.as_str(), tags.get(key))).collect(),
        GroupBy::AllTags => tags.iter().collect(),
    }
}

/// Every key of a tag of these series, once, ascending.
pub(super) fn tag_keys(series: &[SeriesView]) -> Vec<String> {
    let mut keys: Vec<&str> =
        series.iter().flat_map(|series| series.info.series.tags.iter().map(|(key, _)| key)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().map(String::from).collect()
}
