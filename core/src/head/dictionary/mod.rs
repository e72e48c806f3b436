//! Dictionary: which series there are, by number and by name.
//!
//! Numbers are given in order of first appearance inside a metric and never change inside an epoch. Series that dictionary
//! runs hold are *stored*: they are loaded metric by metric, when their names are first needed, and are always visible. The
//! others are *fresh*: added when a commit is prepared, visible once it is settled, taken back if it never happens.
//! A *slot* is a small number for a series that had points since opening; the heads go by it.
//!
//! What it keeps true: a metric is in memory whole or not at all; its visible series are the first of its ordinals.
mod index;
mod load;
mod metrics;
mod names;
mod pairs;
mod resolve;
mod set;
mod table;
#[cfg(test)]
mod tests;

pub use names::SeriesInfo;
pub(crate) use names::SeriesNames;
pub(crate) use pairs::NameHasher;
pub(crate) use set::OrdinalSet;
pub(crate) use table::{NO_SLOT, SeriesTable, TableBuilder};

use crate::error::{Error, ErrorKind, Result};
use crate::ids::{SeriesId, SeriesKey};
use crate::model::{Tags, series_key};
use alloc::boxed::Box;
use alloc::vec::Vec;
use hashbrown::HashMap;
use load::Pending;
use metrics::MetricNames;

#[derive(Debug, Default)]
struct Metric {
    /// Its series; `None` while they are only in dictionary runs.
    table: Option<Box<SeriesTable>>,
    /// Readers may see the series below this ordinal; meaningless before they are loaded.
    visible: u32,
    /// What a replay met of it before it was loaded.
    pending: Option<Box<Pending>>,
}

/// A series that no dictionary run holds yet.
#[derive(Clone, Copy, Debug)]
struct Fresh {
    id: SeriesId,
    /// Pairs that its metric had before it.
    pairs: u32,
    /// A dictionary run holds it after all: a crash between a checkpoint and the end of its log.
    double: bool,
}

/// Every series of one database.
#[derive(Debug)]
pub(crate) struct Dictionary {
    names: MetricNames,
    metrics: Vec<Metric>,
    hasher: NameHasher,
    /// Series in dictionary runs.
    stored: u64,
    /// The others, in order of appearance; and how many appeared before these and are stored by now.
    fresh: Vec<Fresh>,
    fresh_base: usize,
    doubles: usize,
    visible: Counts,
    /// Series by slot, and the slots that nobody has any more.
    ids: Vec<SeriesId>,
    free_slots: Vec<u32>,
    /// Slots of replayed series whose metric is not loaded.
    unresolved: HashMap<SeriesId, u32>,
    /// Metrics of which a replay met something before they were loaded.
    replayed: Vec<u32>,
    /// By slot: the slot of the point that came next the last time. Points come in much the same order in every batch.
    follows: Vec<u32>,
    previous: u32,
    last_metric: u32,
}

/// How many series had appeared and metrics there were at some commit; both only grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) series: usize,
    pub(crate) metrics: usize,
}

/// Which series of a metric are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// Those that readers may see.
    Visible,
    /// Also those of commits that are prepared and not settled.
    Prepared,
}

/// The number of no series: there are at most 2^32 - 1 metrics.
const NO_SERIES: SeriesId = SeriesId(u64::MAX);

impl Dictionary {
    /// A dictionary over `stored` series in runs, with no metrics as yet. `seed` keeps others from choosing names that collide.
    pub(crate) fn new(seed: u64, stored: u64) -> Self {
        Self {
            names: MetricNames::default(),
            metrics: Vec::new(),
            hasher: NameHasher::with_seed(seed),
            stored,
            fresh: Vec::new(),
            fresh_base: 0,
            doubles: 0,
            visible: Counts::default(),
            ids: Vec::new(),
            free_slots: Vec::new(),
            unresolved: HashMap::new(),
            replayed: Vec::new(),
            follows: Vec::new(),
            previous: NO_SLOT,
            last_metric: 0,
        }
    }

    /// How many there are, invisible ones included.
    pub(crate) fn counts(&self) -> Counts {
        Counts { series: self.fresh_base + self.fresh.len(), metrics: self.metrics.len() }
    }

    /// How many readers may see.
    pub(crate) fn visible(&self) -> Counts {
        self.visible
    }

    /// Series that readers may see, stored ones included.
    pub(crate) fn visible_series(&self) -> u64 {
        let fresh = self.visible.series.saturating_sub(self.fresh_base).saturating_sub(self.doubles);
        self.stored + fresh as u64
    }

    /// Lets readers see everything up to `counts`.
    pub(crate) fn show(&mut self, counts: Counts) {
        let first = self.visible.series.saturating_sub(self.fresh_base);
        let end = counts.series.saturating_sub(self.fresh_base);
        for fresh in self.fresh.get(first..end).unwrap_or_default() {
            if let Some(metric) = self.metrics.get_mut(fresh.id.metric() as usize) {
                metric.visible = metric.visible.max(fresh.id.ordinal() + 1);
            }
        }
        self.visible = counts;
    }

    /// The hash of names, for [`TableBuilder`].
    pub(crate) fn hasher(&self) -> NameHasher {
        self.hasher.clone()
    }

    /// How many slots were given.
    pub(crate) fn slots(&self) -> usize {
        self.ids.len()
    }

    /// The series in a slot.
    #[inline]
    pub(crate) fn id(&self, slot: u32) -> Option<SeriesId> {
        self.ids.get(slot as usize).copied().filter(|&id| id != NO_SERIES)
    }

    /// The slot of a series, if it had points since opening. Its metric is loaded.
    pub(crate) fn slot(&self, id: SeriesId) -> Option<u32> {
        self.table(id.metric())?.slot(id.ordinal())
    }

    /// The series of a metric; `None` when there is no such metric, or it is not loaded.
    pub(crate) fn table(&self, metric: u32) -> Option<&SeriesTable> {
        self.metrics.get(metric as usize)?.table.as_deref()
    }

    /// Identity of a series of a loaded metric in every database.
    pub(crate) fn key(&self, id: SeriesId) -> Option<SeriesKey> {
        let table = self.table(id.metric()).filter(|table| id.ordinal() < table.len())?;
        Some(series_key(self.names.get(id.metric())?, table.tags(id.ordinal())))
    }

    /// The series of a metric to select from, how many of them `scope` means, and the hash of names.
    pub(crate) fn table_to_select(
        &mut self,
        metric: u32,
        scope: Scope,
    ) -> Option<(&mut SeriesTable, u32, &NameHasher)> {
        let metric = self.metrics.get_mut(metric as usize)?;
        let table = metric.table.as_deref_mut()?;
        let end = match scope {
            Scope::Visible => metric.visible,
            Scope::Prepared => table.len(),
        };
        Some((table, end, &self.hasher))
    }

    /// True when the series of a metric are in memory.
    pub(crate) fn is_loaded(&self, metric: u32) -> bool {
        self.table(metric).is_some()
    }

    /// Numbers of metrics, invisible ones included.
    pub(crate) fn metric_numbers(&self) -> core::ops::Range<u32> {
        0..self.metrics.len() as u32
    }

    /// Names of metrics, by number, from `first` on.
    pub(crate) fn metric_names(&self, first: usize, end: usize) -> impl Iterator<Item = &str> {
        (first..end).filter_map(|number| self.names.get(number as u32))
    }

    /// Name of a metric.
    pub(crate) fn metric_name(&self, number: u32) -> Option<&str> {
        self.names.get(number)
    }

    /// The number of a metric.
    pub(crate) fn metric_number(&self, name: &str) -> Option<u32> {
        self.names.find(&self.hasher, name)
    }

    /// Adds the name of the next metric that dictionary runs hold series of.
    pub(crate) fn define_metric(&mut self, name: &str) -> Result<()> {
        match self.metric_number(name) {
            Some(_) => Err(Error::damaged(alloc::format!("metric {name:?} is defined twice"))),
            None => self.add_metric(name, false).map(|_| ()),
        }
    }

    /// Takes back what was added since there were `counts`; used when a batch is refused, and when commits did not happen.
    pub(crate) fn roll_back(&mut self, counts: Counts) {
        while self.counts().series > counts.series {
            let Some(fresh) = self.fresh.pop() else { break };
            let metric = self.metrics.get_mut(fresh.id.metric() as usize);
            let Some(table) = metric.and_then(|metric| metric.table.as_deref_mut()) else { continue };
            if let Some(slot) = table.pop(&self.hasher, fresh.pairs as usize) {
                self.free_slots.push(slot);
                self.ids.get_mut(slot as usize).into_iter().for_each(|id| *id = NO_SERIES);
                self.follows.get_mut(slot as usize).into_iter().for_each(|next| *next = NO_SLOT);
            }
        }
        while self.metrics.len() > counts.metrics {
            self.metrics.pop();
            self.names.pop(&self.hasher);
        }
    }

    /// Series in the order of their numbers that appeared before `end` and that no dictionary run holds.
    pub(crate) fn definitions(&self, first: usize, end: usize) -> Vec<SeriesId> {
        let place = |count: usize| count.saturating_sub(self.fresh_base);
        let fresh = self.fresh.get(place(first)..place(end)).unwrap_or_default();
        let mut ids: Vec<SeriesId> =
            fresh.iter().filter(|fresh| !fresh.double).map(|fresh| fresh.id).collect();
        ids.sort_unstable();
        ids
    }

    /// Takes note that dictionary runs hold everything that appeared before `end`.
    pub(crate) fn note_stored(&mut self, end: usize) {
        let count = end.saturating_sub(self.fresh_base).min(self.fresh.len());
        let doubles = self.fresh.drain(..count).filter(|fresh| fresh.double).count();
        self.fresh.shrink_to(2 * self.fresh.len());
        self.fresh_base += count;
        self.stored += (count - doubles) as u64;
        self.doubles -= doubles;
    }

    /// Names of series in order of number, copied. Those of metrics that are not loaded would be missing: load them first.
    pub(crate) fn names(&self, ids: &[SeriesId]) -> Result<SeriesNames> {
        let mut names = SeriesNames::default();
        for ids in ids.chunk_by(|a, b| a.metric() == b.metric()) {
            let Some(number) = ids.first().map(|id| id.metric()) else { continue };
            let (Some(name), Some(table)) = (self.names.get(number), self.table(number)) else {
                return Err(Error::invalid(alloc::format!("the series of metric {number} are not loaded")));
            };
            names.append(name, table, ids.iter().map(|id| id.ordinal()))?;
        }
        Ok(names)
    }

    /// Series in memory, and the bytes that they and the names of all metrics take.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let tables = || self.metrics.iter().filter_map(|metric| metric.table.as_deref());
        let bytes = self.names.memory_bytes()
            + self.metrics.capacity() * size_of::<Metric>()
            + self.ids.capacity() * size_of::<SeriesId>()
            + 4 * self.follows.capacity()
            + self.fresh.capacity() * size_of::<Fresh>()
            + tables().map(SeriesTable::memory_bytes).sum::<usize>();
        (tables().map(|table| u64::from(table.len())).sum(), bytes as u64)
    }

    /// Adds a series to a loaded metric.
    fn add(&mut self, number: u32, tags: &Tags) -> Result<SeriesId> {
        let metric = self.metrics.get_mut(number as usize);
        let table = metric.and_then(|metric| metric.table.as_deref_mut()).ok_or_else(too_many)?;
        let pairs = table.pairs().len() as u32;
        let id = SeriesId::new(number, table.add(&self.hasher, tags.iter())?);
        self.fresh.push(Fresh { id, pairs, double: false });
        Ok(id)
    }

    fn add_metric(&mut self, name: &str, loaded: bool) -> Result<u32> {
        let number = self.names.push(&self.hasher, name).ok_or_else(too_many)?;
        self.metrics.push(Metric { table: loaded.then(Box::default), ..Metric::default() });
        Ok(number)
    }
}

fn too_many() -> Error {
    Error::new(ErrorKind::LimitExceeded, "the format holds at most 2^32 - 1 metrics and series")
}
