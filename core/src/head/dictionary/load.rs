//! Loading: the series of a metric from dictionary runs, and what a replay met of it before.
//!
//! A replay goes by numbers: points need no names, and definitions are kept aside while the metric is not loaded. So
//! opening reads no dictionary run, however long the tail of the log is.
use super::{Dictionary, Fresh, SeriesTable, TableBuilder};
use crate::error::{Error, Result};
use crate::format::SeriesDefinition;
use crate::ids::SeriesId;
use crate::model::Tags;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What a replay met of a metric that is not loaded.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Ordinal of the first definition.
    first: u32,
    definitions: Vec<Tags>,
    /// Ordinals of series with points, and their slots.
    slots: Vec<(u32, u32)>,
}

impl Dictionary {
    /// Adds a series that a frame of the log defines; it must be the next of its metric, or one that is known already: a
    /// crash between a checkpoint and the end of its log lets a definition be met twice.
    pub(crate) fn define(&mut self, definition: SeriesDefinition) -> Result<()> {
        let SeriesDefinition { id, metric, tags } = definition;
        let number = match self.metric_number(&metric) {
            Some(number) => number,
            None if id.metric() as usize == self.metrics.len() => self.add_metric(&metric, true)?,
            None => return Err(out_of_order(id)),
        };
        if number != id.metric() {
            return Err(Error::damaged(alloc::format!(
                "series number {} is not one of metric {metric:?}, which has number {number}",
                id.0
            )));
        }
        if let Some(table) = self.table(number) {
            return match table.len().cmp(&id.ordinal()) {
                core::cmp::Ordering::Greater => is_same(table, id, &tags),
                core::cmp::Ordering::Equal => self.add(number, &tags).map(|_| ()),
                core::cmp::Ordering::Less => Err(out_of_order(id)),
            };
        }
        let pending = self.pending(number)?;
        if pending.definitions.is_empty() {
            pending.first = id.ordinal();
        }
        match id.ordinal().checked_sub(pending.first).map(|at| at as usize) {
            Some(at) if at == pending.definitions.len() => pending.definitions.push(tags),
            Some(at) => {
                return match pending.definitions.get(at) {
                    Some(known) if *known == tags => Ok(()),
                    Some(_) => Err(defined_twice(id)),
                    None => Err(out_of_order(id)),
                };
            }
            None => return Err(out_of_order(id)),
        }
        self.fresh.push(Fresh { id, pairs: 0, double: false });
        Ok(())
    }

    /// The slot of a series that a frame of the log has points of. Whether the series was ever defined is checked here if
    /// its metric is loaded, otherwise by [`Dictionary::install`].
    pub(crate) fn slot_of_replayed(&mut self, id: SeriesId) -> Result<u32> {
        if let Some(table) = self.table(id.metric()) {
            return if id.ordinal() < table.len() { self.slot_for(id) } else { Err(never_defined(id)) };
        }
        if let Some(&slot) = self.unresolved.get(&id) {
            return Ok(slot);
        }
        self.pending(id.metric())?;
        let slot = self.new_slot(id)?;
        self.unresolved.insert(id, slot);
        self.pending(id.metric())?.slots.push((id.ordinal(), slot));
        Ok(slot)
    }

    /// Metrics of which a replay met something and that are not loaded.
    pub(crate) fn unloaded_replayed(&mut self) -> Vec<u32> {
        let metrics = &self.metrics;
        self.replayed
            .retain(|&number| metrics.get(number as usize).is_some_and(|metric| metric.table.is_none()));
        self.replayed.clone()
    }

    /// Takes the series of a metric as dictionary runs define them. Nothing changes when they do not fit what a replay met,
    /// and when the metric is loaded already.
    pub(crate) fn install(&mut self, number: u32, builder: TableBuilder) -> Result<()> {
        let Some(metric) = self.metrics.get_mut(number as usize) else {
            return Err(Error::damaged(alloc::format!("metric {number} has series but no name")));
        };
        if metric.table.is_some() {
            return Ok(());
        }
        let mut table = builder.finish(&self.hasher);
        let (stored, mut doubles) = (table.len(), 0);
        if let Some(pending) = &metric.pending {
            for (tags, ordinal) in pending.definitions.iter().zip(pending.first..) {
                let id = SeriesId::new(number, ordinal);
                match table.len().cmp(&ordinal) {
                    core::cmp::Ordering::Greater => {
                        is_same(&table, id, tags)?;
                        doubles += 1;
                    }
                    core::cmp::Ordering::Equal => drop(table.add(&self.hasher, tags.iter())?),
                    core::cmp::Ordering::Less => return Err(out_of_order(id)),
                }
            }
            if let Some(&(ordinal, _)) = pending.slots.iter().find(|(ordinal, _)| *ordinal >= table.len()) {
                return Err(never_defined(SeriesId::new(number, ordinal)));
            }
            for &(ordinal, slot) in &pending.slots {
                table.set_slot(ordinal, slot);
                self.unresolved.remove(&SeriesId::new(number, ordinal));
            }
        }
        metric.pending = None;
        // A replay shows what it meets at once.
        metric.visible = table.len();
        metric.table = Some(Box::new(table));
        if doubles > 0 {
            let double = |fresh: &&mut Fresh| fresh.id.metric() == number && fresh.id.ordinal() < stored;
            self.fresh.iter_mut().filter(double).for_each(|fresh| fresh.double = true);
            self.doubles += doubles;
        }
        Ok(())
    }

    fn pending(&mut self, number: u32) -> Result<&mut Pending> {
        let Some(metric) = self.metrics.get_mut(number as usize) else {
            return Err(Error::damaged(alloc::format!("metric {number} has points but was never defined")));
        };
        if metric.pending.is_none() {
            self.replayed.push(number);
        }
        Ok(metric.pending.get_or_insert_default())
    }
}

/// A definition that is met again says the same.
fn is_same(table: &SeriesTable, id: SeriesId, tags: &Tags) -> Result<()> {
    if table.tags(id.ordinal()).eq(tags.iter()) { Ok(()) } else { Err(defined_twice(id)) }
}

fn defined_twice(id: SeriesId) -> Error {
    Error::damaged(alloc::format!("series {} is defined twice, with different tags", id.0))
}

fn out_of_order(id: SeriesId) -> Error {
    Error::damaged(alloc::format!("series number {} is defined out of order", id.0))
}

fn never_defined(id: SeriesId) -> Error {
    Error::damaged(alloc::format!("series {} has points but was never defined", id.0))
}
