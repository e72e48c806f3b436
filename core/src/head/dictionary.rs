//! Dictionary: which series there are, by number and by name.
//!
//! Numbers are given in order of first appearance and never change inside an epoch; a *slot* is the position of a series
//! in that order over all metrics. Series are added when a commit is prepared, and become visible when it is settled.
use crate::error::{Error, ErrorKind, Result};
use crate::format::SeriesDefinition;
use crate::ids::{SeriesId, SeriesKey};
use crate::model::{Limits, PointSource, Series, Tags};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};
use hashbrown::HashTable;

/// A series as the engine knows it.
#[derive(Debug)]
pub struct SeriesInfo {
    /// Its number.
    pub id: SeriesId,
    /// Its identity in every database.
    pub key: SeriesKey,
    /// Metric and tags.
    pub series: Series,
}

#[derive(Debug)]
struct Metric {
    name: Arc<str>,
    /// Slots of its series, by ordinal.
    slots: Vec<u32>,
}

/// Every series of one database.
#[derive(Debug)]
pub(crate) struct Dictionary {
    metrics: Vec<Metric>,
    metric_by_name: HashTable<u32>,
    series: Vec<Arc<SeriesInfo>>,
    series_by_name: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
    visible: Counts,
}

/// How many series and metrics there were at some commit; both lists only grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) series: usize,
    pub(crate) metrics: usize,
}

impl Dictionary {
    /// An empty dictionary. `seed` keeps others from choosing names that collide.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            metrics: Vec::new(),
            metric_by_name: HashTable::new(),
            series: Vec::new(),
            series_by_name: HashTable::new(),
            hasher: foldhash::fast::FixedState::with_seed(seed),
            visible: Counts::default(),
        }
    }

    /// How many there are, invisible ones included.
    pub(crate) fn counts(&self) -> Counts {
        Counts { series: self.series.len(), metrics: self.metrics.len() }
    }

    /// How many readers may see.
    pub(crate) fn visible(&self) -> Counts {
        self.visible
    }

    /// Lets readers see everything up to `counts`.
    pub(crate) fn show(&mut self, counts: Counts) {
        self.visible = counts;
    }

    /// The series in a slot.
    pub(crate) fn get(&self, slot: u32) -> Option<&Arc<SeriesInfo>> {
        self.series.get(slot as usize)
    }

    /// The slot of a series number.
    pub(crate) fn slot_of(&self, id: SeriesId) -> Option<u32> {
        self.metrics.get(id.metric() as usize)?.slots.get(id.ordinal() as usize).copied()
    }

    /// Names of metrics, by number, from `first` on.
    pub(crate) fn metric_names(&self, first: usize, end: usize) -> impl Iterator<Item = &Arc<str>> {
        self.metrics.iter().take(end).skip(first).map(|metric| &metric.name)
    }

    /// The visible series of a metric, in order of number; none when there is no such metric.
    pub(crate) fn series_of<'a>(
        &'a self,
        metric: &str,
    ) -> impl Iterator<Item = (u32, &'a Arc<SeriesInfo>)> + use<'a> {
        let slots = self.metric_number(metric).and_then(|number| self.metrics.get(number as usize));
        let visible = self.visible.series;
        slots.into_iter().flat_map(|metric| &metric.slots).filter_map(move |&slot| {
            self.series.get(slot as usize).filter(|_| (slot as usize) < visible).map(|info| (slot, info))
        })
    }

    /// All visible series, in order of slot.
    pub(crate) fn all_series(&self) -> impl Iterator<Item = (u32, &Arc<SeriesInfo>)> {
        (0u32..).zip(self.series.iter().take(self.visible.series))
    }

    /// The number of a metric.
    pub(crate) fn metric_number(&self, name: &str) -> Option<u32> {
        let hash = self.hash(name);
        self.metric_by_name
            .find(hash, |&number| self.metrics.get(number as usize).is_some_and(|m| *m.name == *name))
            .copied()
    }

    /// The slot of a point's series; a series that is new is checked against `limits` and added, invisible as yet.
    #[inline]
    pub(crate) fn resolve(&mut self, point: &impl PointSource, limits: &Limits) -> Result<u32> {
        let mut tags = 0usize;
        let mut hash = self.hash(point.metric());
        for index in 0..point.tag_count() {
            let (key, value) = point.tag_at(index);
            if !value.is_empty() {
                // A sum does not depend on the order in which the tags were given.
                hash = hash.wrapping_add(self.pair_hash(key, value));
                tags += 1;
            }
        }
        let found = self.series_by_name.find(hash, |&slot| {
            self.series.get(slot as usize).is_some_and(|info| same_series(info, point, tags))
        });
        match found {
            Some(&slot) => Ok(slot),
            None => {
                let pairs = (0..point.tag_count()).map(|index| point.tag_at(index));
                let series = Series { metric: String::from(point.metric()), tags: Tags::new(pairs)? };
                limits.check_series(&series.metric, &series.tags)?;
                if self.series.len() >= limits.series_max {
                    return Err(Error::new(
                        ErrorKind::LimitExceeded,
                        alloc::format!(
                            "the database has {} series, the most it accepts (series_max); a tag with a value of its own for every point makes a series of every point",
                            self.series.len()
                        ),
                    ));
                }
                self.add(series)
            }
        }
    }

    /// Adds a series that a frame or a dictionary run defines; it must be the next of its metric.
    pub(crate) fn define(&mut self, definition: SeriesDefinition) -> Result<()> {
        let id = definition.id;
        let series = Series { metric: definition.metric, tags: definition.tags };
        if let Some(known) = self.slot_of(id).and_then(|slot| self.get(slot)) {
            // A crash between a checkpoint and the end of its log lets a definition be met twice.
            return if known.series == series {
                Ok(())
            } else {
                Err(Error::damaged(alloc::format!(
                    "series {} is defined twice, as {:?} and as {series:?}",
                    id.0,
                    known.series
                )))
            };
        }
        let slot = self.add(series)?;
        match self.get(slot) {
            Some(info) if info.id == id => Ok(()),
            _ => Err(Error::damaged(alloc::format!("series number {} is defined out of order", id.0))),
        }
    }

    /// Adds the name of the next metric.
    pub(crate) fn define_metric(&mut self, name: &str) -> Result<()> {
        match self.metric_number(name) {
            Some(_) => Err(Error::damaged(alloc::format!("metric {name:?} is defined twice"))),
            None => self.add_metric(name).map(|_| ()),
        }
    }

    /// Name of metric `number`.
    pub(crate) fn metric_name(&self, number: u32) -> Option<&Arc<str>> {
        self.metrics.get(number as usize).map(|m| &m.name)
    }

    /// Definitions of the series in slots `first..end`, in order of number.
    pub(crate) fn definitions(&self, first: usize, end: usize) -> Vec<Arc<SeriesInfo>> {
        let mut infos: Vec<_> = self.series.iter().take(end).skip(first).cloned().collect();
        infos.sort_unstable_by_key(|info| info.id);
        infos
    }

    /// Takes back what was added since there were `counts`; used when a batch is refused half way.
    pub(crate) fn roll_back(&mut self, counts: Counts) {
        while self.series.len() > counts.series {
            let slot = (self.series.len() - 1) as u32;
            let Some(info) = self.series.pop() else { break };
            let hash = self.series_hash(&info.series);
            if let Ok(entry) = self.series_by_name.find_entry(hash, |&other| other == slot) {
                entry.remove();
            }
            if let Some(metric) = self.metrics.get_mut(info.id.metric() as usize) {
                metric.slots.pop();
            }
        }
        while self.metrics.len() > counts.metrics {
            let number = (self.metrics.len() - 1) as u32;
            let Some(metric) = self.metrics.pop() else { break };
            if let Ok(entry) =
                self.metric_by_name.find_entry(self.hasher.hash_one(&*metric.name), |&other| other == number)
            {
                entry.remove();
            }
        }
    }

    fn add(&mut self, series: Series) -> Result<u32> {
        let number = match self.metric_number(&series.metric) {
            Some(number) => number,
            None => self.add_metric(&series.metric)?,
        };
        let too_many = || Error::new(ErrorKind::LimitExceeded, "the format holds at most 2^32 - 1 series");
        let slot =
            u32::try_from(self.series.len()).ok().filter(|&slot| slot < u32::MAX).ok_or_else(too_many)?;
        let hash = self.series_hash(&series);
        let metric = self.metrics.get_mut(number as usize).ok_or_else(too_many)?;
        let id = SeriesId::new(number, metric.slots.len() as u32);
        metric.slots.push(slot);
        self.series.push(Arc::new(SeriesInfo { id, key: series.key(), series }));
        let (all, hasher) = (&self.series, &self.hasher);
        self.series_by_name.insert_unique(hash, slot, |&slot| {
            all.get(slot as usize).map_or(0, |info| series_hash(hasher, &info.series))
        });
        Ok(slot)
    }

    fn add_metric(&mut self, name: &str) -> Result<u32> {
        let number = u32::try_from(self.metrics.len())
            .map_err(|_| Error::new(ErrorKind::LimitExceeded, "the format holds at most 2^32 - 1 metrics"))?;
        let hash = self.hash(name);
        self.metrics.push(Metric { name: name.into(), slots: Vec::new() });
        let (all, hasher) = (&self.metrics, &self.hasher);
        self.metric_by_name.insert_unique(hash, number, |&number| {
            all.get(number as usize).map_or(0, |metric| hasher.hash_one(&*metric.name))
        });
        Ok(number)
    }

    #[inline]
    fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    #[inline]
    fn pair_hash(&self, key: &str, value: &str) -> u64 {
        pair_hash(&self.hasher, key, value)
    }

    fn series_hash(&self, series: &Series) -> u64 {
        series_hash(&self.hasher, series)
    }
}

#[inline]
fn pair_hash(hasher: &foldhash::fast::FixedState, key: &str, value: &str) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(key.as_bytes());
    state.write(value.as_bytes());
    state.finish()
}

fn series_hash(hasher: &foldhash::fast::FixedState, series: &Series) -> u64 {
    series.tags.iter().fold(hasher.hash_one(&*series.metric), |hash, (key, value)| {
        hash.wrapping_add(pair_hash(hasher, key, value))
    })
}

#[inline]
fn same_series(info: &SeriesInfo, point: &impl PointSource, tags: usize) -> bool {
    info.series.tags.len() == tags
        && info.series.metric == point.metric()
        // Usually the caller gives tags in the same order every time, often sorted: compare side by side first.
        && ((0..point.tag_count()).map(|index| point.tag_at(index)).filter(|(_, value)| !value.is_empty()).eq(info.series.tags.iter())
            || same_tags_in_another_order(&info.series.tags, point))
}

fn same_tags_in_another_order(tags: &Tags, point: &impl PointSource) -> bool {
    let given =
        || (0..point.tag_count()).map(|index| point.tag_at(index)).filter(|(_, value)| !value.is_empty());
    // Every stored tag is given, and there are as many: then nothing else is given, and no key twice.
    given().all(|(key, value)| tags.get(key) == value)
        && tags.iter().all(|(key, _)| given().filter(|(k, _)| *k == key).count() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Point;

    fn point(metric: &str, tags: &[(&str, &str)]) -> Point {
        tags.iter().fold(Point::new(metric, 0, 0.0), |point, (key, value)| point.tag(*key, *value))
    }

    #[test]
    fn the_order_of_tags_and_absent_tags_do_not_make_another_series() {
        let mut dictionary = Dictionary::new(1);
        let limits = Limits::default();
        let slot = dictionary.resolve(&point("m", &[("a", "1"), ("b", "2")]), &limits).unwrap();
        assert_eq!(
            dictionary.resolve(&point("m", &[("b", "2"), ("c", ""), ("a", "1")]), &limits).unwrap(),
            slot
        );
        assert_ne!(dictionary.resolve(&point("m", &[("b", "1"), ("a", "2")]), &limits).unwrap(), slot);
        assert!(
            dictionary.resolve(&point("m", &[("a", "1"), ("a", "1")]), &limits).is_err(),
            "a repeated key"
        );
    }

    #[test]
    fn a_refused_batch_leaves_no_series_behind() {
        let mut dictionary = Dictionary::new(1);
        let limits = Limits::default();
        let first = dictionary.resolve(&point("m", &[]), &limits).unwrap();
        let counts = dictionary.counts();
        dictionary.resolve(&point("m", &[("x", "1")]), &limits).unwrap();
        dictionary.resolve(&point("n", &[]), &limits).unwrap();
        dictionary.roll_back(counts);
        assert_eq!(dictionary.counts(), counts);
        assert_eq!(dictionary.metric_number("n"), None);
        assert_eq!(dictionary.resolve(&point("m", &[]), &limits).unwrap(), first);
        let again = dictionary.resolve(&point("m", &[("x", "1")]), &limits).unwrap();
        assert_eq!(dictionary.get(again).unwrap().id, SeriesId::new(0, 1));
    }
}
