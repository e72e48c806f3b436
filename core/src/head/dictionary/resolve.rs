//! Resolving: from a point to the slot of its series. This is the hottest path of a write.
//!
//! Points come in much the same order in every batch, so the series that followed the last one before is tried first: its
//! names are compared, nothing is hashed.
use super::pairs::pair_hash;
use super::{Dictionary, NO_SLOT, too_many};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::SeriesId;
use crate::model::{Limits, PointSource, Tags};
use alloc::vec::Vec;

impl Dictionary {
    /// The slot of a point's series; a series that is new is checked against `limits` and added, invisible as yet. A
    /// metric that is not loaded is added to `wanted`, and the answer is [`NO_SLOT`].
    #[inline]
    pub(crate) fn resolve(
        &mut self,
        point: &impl PointSource,
        limits: &Limits,
        wanted: &mut Vec<u32>,
    ) -> Result<u32> {
        let previous = core::mem::replace(&mut self.previous, NO_SLOT);
        if let Some(slot) = self.following(previous, point) {
            self.previous = slot;
            return Ok(slot);
        }
        let slot = self.look_up(point, limits, wanted)?;
        if let Some(place) = self.follows.get_mut(previous as usize) {
            *place = slot;
        }
        self.previous = slot;
        Ok(slot)
    }

    /// The slot that followed `previous` the last time, if it is that of the point.
    #[inline]
    fn following(&self, previous: u32, point: &impl PointSource) -> Option<u32> {
        let slot = *self.follows.get(previous as usize)?;
        let id = *self.ids.get(slot as usize)?;
        let table = self.metrics.get(id.metric() as usize)?.table.as_deref()?;
        let same =
            self.names.get(id.metric()) == Some(point.metric()) && table.is_in_order(id.ordinal(), point);
        same.then_some(slot)
    }

    fn look_up(&mut self, point: &impl PointSource, limits: &Limits, wanted: &mut Vec<u32>) -> Result<u32> {
        let number = match self.names.get(self.last_metric) == Some(point.metric()) {
            true => Some(self.last_metric),
            false => self.metric_number(point.metric()),
        };
        if let Some(number) = number {
            self.last_metric = number;
            let Some(table) = self.table(number) else {
                if wanted.last() != Some(&number) {
                    wanted.push(number);
                }
                return Ok(NO_SLOT);
            };
            let (mut tags, mut hash) = (0usize, 0u64);
            for index in 0..point.tag_count() {
                let (key, value) = point.tag_at(index);
                if !value.is_empty() {
                    hash = hash.wrapping_add(pair_hash(&self.hasher, key, value));
                    tags += 1;
                }
            }
            if let Some(ordinal) = table.find(hash, point, tags) {
                return self.slot_for(SeriesId::new(number, ordinal));
            }
        }
        let tags = Tags::new((0..point.tag_count()).map(|index| point.tag_at(index)))?;
        limits.check_series(point.metric(), &tags)?;
        let known = self.stored + (self.fresh.len() - self.doubles) as u64;
        if known >= limits.series_max as u64 {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                alloc::format!(
                    "the database has {known} series, the most it accepts (series_max); a tag with a value of its own for every point makes a series of every point"
                ),
            ));
        }
        let number = match number {
            Some(number) => number,
            None => self.add_metric(point.metric(), true)?,
        };
        let id = self.add(number, &tags)?;
        self.slot_for(id)
    }

    /// The slot of a series of a loaded metric, which gets one if it has none.
    pub(super) fn slot_for(&mut self, id: SeriesId) -> Result<u32> {
        if let Some(slot) = self.slot(id) {
            return Ok(slot);
        }
        let slot = self.new_slot(id)?;
        if let Some(table) =
            self.metrics.get_mut(id.metric() as usize).and_then(|metric| metric.table.as_mut())
        {
            table.set_slot(id.ordinal(), slot);
        }
        Ok(slot)
    }

    pub(super) fn new_slot(&mut self, id: SeriesId) -> Result<u32> {
        if let Some(slot) = self.free_slots.pop() {
            self.ids.get_mut(slot as usize).into_iter().for_each(|place| *place = id);
            return Ok(slot);
        }
        let slot = u32::try_from(self.ids.len()).ok().filter(|&slot| slot < NO_SLOT).ok_or_else(too_many)?;
        self.ids.push(id);
        self.follows.push(NO_SLOT);
        Ok(slot)
    }
}
