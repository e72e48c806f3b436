//! Shipped frames as readers find them: the row behind a point, from what the destination says that there is.
//!
//! A listing says how far a row goes at least, and asking for single objects how much further: so a stale listing hides nothing, and
//! an object that is lost in the middle is damage, not the end.
use super::objects::Objects;
use crate::backup::workers::{FETCHES_MAX, side_by_side};
use crate::destination::{ObjectName, objects as listed};
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::backup::repository::{
    Entry, Inventory, NewestSearch, ObjectFile, ObjectName as RepositoryName, PointNumber, SHIP_RECORD_LEN,
    SearchStep, ShipRecord, Timeline, follow, held_by_rows, is_superseded, points_with_ships, shipped_folder,
};
use std::collections::{BTreeMap, BTreeSet};

/// The frames behind an entry.
fn name(entry: Entry, sequence: u64) -> RepositoryName {
    entry.object(ObjectFile::Shipped(sequence))
}

impl Objects {
    /// Adds what was shipped to the points of a timeline.
    pub(super) fn add_shipped(&self, timeline: &mut Timeline) -> Result<()> {
        for point in points_with_ships(timeline) {
            let (logs, error) = follow(&point, self.shipped(point.entry)?);
            timeline.add_shipped(point.entry, logs, error);
        }
        Ok(())
    }

    /// The records of what was shipped behind a point, in order. What can't be read is damage, and nothing else stops it but the
    /// destination.
    pub(super) fn shipped(&self, entry: Entry) -> Result<Vec<Result<ShipRecord>>> {
        let lens = self.listed_row(Some(entry))?.remove(&entry).unwrap_or_default();
        let Some(newest) = self.newest_shipped(entry, lens.keys().next_back().copied())? else {
            return Ok(Vec::new());
        };
        let sequences: Vec<u64> = (0..=newest).collect();
        side_by_side(&sequences, FETCHES_MAX, |sequence| {
            match self.ship_record(name(entry, *sequence), *sequence, lens.get(sequence).copied()) {
                Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Unsupported) => {
                    Ok(Err(error))
                }
                found => found.map(Ok),
            }
        })
    }

    fn ship_record(&self, name: RepositoryName, sequence: u64, len: Option<u64>) -> Result<ShipRecord> {
        let len = match len {
            Some(len) => Some(len),
            None => self.len_of(name)?,
        };
        let damaged = |message: &str| Error::damaged(message).at(name).at(self.place());
        let len = len.ok_or_else(|| damaged("it is missing, though later frames are there"))?;
        let start = len.checked_sub(SHIP_RECORD_LEN as u64).ok_or_else(|| damaged("it is cut off"))?;
        let bytes = self.range(name, start, SHIP_RECORD_LEN as u64)?;
        let record =
            ShipRecord::parse(name.entry, sequence, &bytes).map_err(|error| error.at(self.place()))?;
        match record.log.len == start {
            true => Ok(record),
            false => Err(damaged(&format!("it has {len} bytes, its record says {}", record.object_len()))),
        }
    }

    /// The last sequence behind an entry; `hint` is one that is believed to be there.
    fn newest_shipped(&self, entry: Entry, hint: Option<u64>) -> Result<Option<u64>> {
        let mut search = NewestSearch::new(hint);
        loop {
            match search.next() {
                SearchStep::Found(newest) => return Ok(newest.max(hint)),
                SearchStep::Ask(sequence) => search.answer(self.len_of(name(entry, sequence))?.is_some()),
            }
        }
    }

    /// What a listing shows of shipped objects, with their lengths; nothing where listing is not allowed.
    pub(super) fn listed_row(&self, entry: Option<Entry>) -> Result<BTreeMap<Entry, BTreeMap<u64, u64>>> {
        let folder = ObjectName::new(shipped_folder(entry))?;
        let found =
            match self.retry(|destination| listed(destination, Some(&folder)).collect::<Result<Vec<_>>>()) {
                Err(error) if matches!(error.kind(), ErrorKind::Permission | ErrorKind::NotFound) => {
                    return Ok(BTreeMap::new());
                }
                found => found?,
            };
        let mut rows: BTreeMap<Entry, BTreeMap<u64, u64>> = BTreeMap::new();
        for object in found {
            if let Some(RepositoryName { entry, file: ObjectFile::Shipped(sequence) }) =
                RepositoryName::parse(object.name.as_str())
            {
                rows.entry(entry).or_default().insert(sequence, object.len);
            }
        }
        Ok(rows)
    }

    /// Points that a prune must keep because a stream may be shipping behind them.
    pub(super) fn held_by_rows(&self, inventory: &Inventory) -> Result<Vec<PointNumber>> {
        let rows: Vec<Entry> = self.listed_row(None)?.into_keys().collect();
        let points: Vec<_> = inventory.points().collect();
        Ok(held_by_rows(points.into_iter(), &rows).into_iter().map(|entry| entry.number).collect())
    }

    /// Deletes what was shipped and is needed no more, as far as a listing shows it, and says how many objects and bytes.
    pub(super) fn sweep_shipped(&self) -> Result<(u64, u64)> {
        // Rows first, then records: a point whose row is seen has a record by then.
        let rows = self.listed_row(None)?;
        if rows.is_empty() {
            return Ok((0, 0));
        }
        let (timeline, mut objects, mut bytes) = (self.timeline()?, 0, 0);
        for (entry, row) in rows {
            let Some((last, len)) = row.last_key_value() else { continue };
            let record = match self.ship_record(name(entry, *last), *last, Some(*len)) {
                Ok(record) => record,
                Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Unsupported) => continue,
                Err(error) => return Err(error),
            };
            if is_superseded(&timeline, &record.log) {
                let (deleted, freed) = self.delete_row(entry, row.keys().copied().collect())?;
                (objects, bytes) = (objects + deleted, bytes + freed);
            }
        }
        Ok((objects, bytes))
    }

    /// Deletes these frames, the last one first: what is left by a deletion that is cut off is a row without a hole.
    pub(super) fn delete_row(&self, entry: Entry, sequences: BTreeSet<u64>) -> Result<(u64, u64)> {
        let (mut objects, mut bytes) = (0, 0);
        for sequence in sequences.into_iter().rev() {
            if let Some(len) = self.delete(name(entry, sequence))? {
                (objects, bytes) = (objects + 1, bytes + len);
            }
        }
        Ok((objects, bytes))
    }
}
