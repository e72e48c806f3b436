//! Commits: from a batch of points or a deletion to a frame, and from a written frame to visible data.
use super::log::{LogWrite, Operation};
use super::{Engine, NameStep, Selector};
use crate::codec::frame::{FrameRun, encode_frame as encode_columns};
use crate::error::{Error, ErrorKind, Result};
use crate::format::{Commit, CommitKind, PointsPayload, SeriesDefinition, SeriesSet, Tombstone};
use crate::head::{Position, Scope};
use crate::ids::{Lsn, SeriesId};
use crate::model::{PointSource, Series, TimeRange};
use alloc::vec::Vec;

/// Buffers that a batch is sorted in; kept between batches.
#[derive(Debug, Default)]
pub(super) struct BatchScratch {
    /// Slot of each point.
    slots: Vec<u32>,
    /// By slot: the run it has in this batch, plus one, valid where `stamps` holds this batch's stamp.
    runs_by_slot: Vec<(u32, u32)>,
    stamp: u32,
    /// Slot, number of points, and where its next point goes.
    runs: Vec<(u32, u32, u32)>,
    columns: Vec<u8>,
    frame_runs: Vec<FrameRun>,
}

impl Engine {
    /// Prepares a batch as one commit. Nothing is changed when it is refused. An empty batch is not a commit: the
    /// position of the last one is returned.
    ///
    /// `now_ns` is the host's clock. The commit is durable and visible once the [`LogWrite`] that holds it is settled.
    pub fn prepare_points<P: PointSource>(
        &mut self,
        points: &[P],
        now_ns: i64,
    ) -> Result<NameStep<Position>> {
        self.check_writable()?;
        if points.is_empty() {
            return Ok(NameStep::Ready(self.log.tail));
        }
        let counts = self.dictionary.counts();
        let mut wanted = Vec::new();
        let prepared = self.prepare_batch(points, counts.series, now_ns, &mut wanted);
        if prepared.is_err() || !wanted.is_empty() {
            self.dictionary.roll_back(counts);
        }
        match (prepared, self.load_of(wanted)) {
            (Err(error), _) => Err(error),
            (Ok(_), Some(load)) => Ok(NameStep::Load(load)),
            (Ok(position), None) => {
                position.map(NameStep::Ready).ok_or_else(|| Self::broken("nothing to load"))
            }
        }
    }

    /// `None` when series of metrics in `wanted` have to be loaded first.
    fn prepare_batch<P: PointSource>(
        &mut self,
        points: &[P],
        known: usize,
        now_ns: i64,
        wanted: &mut Vec<u32>,
    ) -> Result<Option<Position>> {
        let count = u32::try_from(points.len()).map_err(|_| batch_too_large(points.len(), "points"))?;
        let mut scratch = core::mem::take(&mut self.scratch);
        scratch.slots.clear();
        for (index, point) in points.iter().enumerate() {
            let slot = self.dictionary.resolve(point, &self.options.limits, wanted);
            scratch.slots.push(slot.map_err(|error| error.at(alloc::format!("point {index} of the batch")))?);
        }
        if !wanted.is_empty() {
            self.scratch = scratch;
            return Ok(None);
        }
        scratch.make_runs(self.dictionary.slots(), |slot| self.dictionary.id(slot));
        let (timestamps, bits) = scratch.sort(points);

        let definitions = self.definitions(known)?;
        scratch.frame_runs.clear();
        scratch.frame_runs.extend(
            scratch.runs.iter().filter_map(|&(slot, count, _)| {
                Some(FrameRun { series: self.dictionary.id(slot)?.0, count })
            }),
        );
        scratch.columns.clear();
        encode_columns(&scratch.frame_runs, &timestamps, &bits, &mut scratch.columns);
        let payload =
            Commit::Points(PointsPayload { new_series: definitions, columns: &scratch.columns }).encode()?;
        if payload.len() > self.options.limits.batch_bytes_max {
            let len = payload.len();
            self.scratch = scratch;
            return Err(batch_too_large(len, "bytes"));
        }
        let runs: Vec<(u32, u32)> = scratch.runs.iter().map(|&(slot, count, _)| (slot, count)).collect();
        self.note_prepared(&runs, &timestamps);
        let operation = Operation::Points { runs, timestamps, bits };
        let counts = self.dictionary.counts();
        let position = self.log.prepare(count, CommitKind::Points, &payload, now_ns, operation, counts);
        self.scratch = scratch;
        position.map(Some)
    }

    /// Definitions of the series that appeared after the first `known`.
    fn definitions(&self, known: usize) -> Result<Vec<SeriesDefinition>> {
        let ids = self.dictionary.definitions(known, self.dictionary.counts().series);
        let names = self.dictionary.names(&ids)?;
        let definition = |(&id, row): (&SeriesId, u32)| {
            let Series { metric, tags } = names.series(row);
            SeriesDefinition { id, metric, tags }
        };
        Ok(ids.iter().zip(0..).map(definition).collect())
    }

    /// Prepares the deletion of the points that `selector` and `range` name among those written before it. When no
    /// series matches, it is not a commit, and `None` is returned.
    pub fn prepare_delete(
        &mut self,
        selector: &Selector,
        range: TimeRange,
        now_ns: i64,
    ) -> Result<NameStep<Option<Position>>> {
        self.check_writable()?;
        if range.is_empty() {
            return Err(Error::invalid(
                "the time range of the deletion is empty: its end is not after its start",
            ));
        }
        // Commits that are prepared and not yet visible are older than this one, so their series count too.
        let ids = match self.select(selector, Scope::Prepared) {
            NameStep::Ready(ids) => ids,
            NameStep::Load(load) => return Ok(NameStep::Load(load)),
        };
        if ids.is_empty() {
            return Ok(NameStep::Ready(None));
        }
        let series = SeriesSet::from_sorted_ids(ids)?;
        self.prepare_delete_series(series, range, now_ns).map(NameStep::Ready)
    }

    /// Everything prepared so far, as one piece of log to write; `None` when nothing waits or the last piece is not settled.
    pub fn take_log_write(&mut self, now_ns: i64) -> Result<Option<LogWrite>> {
        self.log.take(now_ns, self.options.log_file_bytes)
    }

    /// Makes the commits of a written piece visible. `durable` says that the host synced the log after writing it.
    pub fn settle(&mut self, mut write: LogWrite, durable: bool) {
        self.log.written(&mut write);
        if durable {
            self.log.durable = self.log.durable.max(write.last);
        }
        for commit in write.commits {
            self.apply(commit.position.lsn, commit.operation);
            self.dictionary.show(commit.counts);
            self.log.settled = commit.position;
        }
    }

    /// Takes back a piece of log that was certainly not written (the medium was full and what was begun is cut off again),
    /// and all that was prepared after it: none of these commits happened. Their LSNs are given out anew. Returns how many
    /// they were.
    pub fn retract(&mut self, write: LogWrite) -> usize {
        let count = self.log.retract(write);
        self.dictionary.roll_back(self.dictionary.visible());
        count
    }

    /// Notes that the log is synced up to `lsn` (durability levels that do not sync every commit).
    pub fn synced(&mut self, lsn: Lsn) {
        self.log.durable = self.log.durable.max(lsn.min(self.log.settled.lsn));
    }

    pub(super) fn apply(&mut self, lsn: Lsn, operation: Operation) {
        match operation {
            Operation::Points { runs, timestamps, bits } => {
                self.note_points(&runs, &timestamps);
                let mut start = 0;
                for (slot, count) in runs {
                    let end = start + count as usize;
                    if let (Some(timestamps), Some(bits)) = (timestamps.get(start..end), bits.get(start..end))
                    {
                        self.head.append(slot, lsn, timestamps, bits);
                    }
                    start = end;
                }
            }
            Operation::Delete(tombstone) => {
                self.note_deletion(&tombstone);
                self.bury(tombstone);
            }
            Operation::Expire(tombstone) => {
                self.note_expiry(&tombstone);
                self.bury(tombstone);
            }
            Operation::Settings { settings, policies } => {
                self.note_settings(settings, policies);
                self.unsealed_marks += 1;
            }
            Operation::Downsampled { rule, done } => {
                self.note_downsampled(rule, &done);
                self.unsealed_marks += 1;
            }
            Operation::Mark => self.unsealed_marks += 1,
        }
    }

    /// Hides the points that a tombstone names.
    fn bury(&mut self, tombstone: Tombstone) {
        self.head.delete(&tombstone, &self.dictionary);
        alloc::sync::Arc::make_mut(&mut self.tombstones).push(tombstone);
        self.unsealed_marks += 1;
    }

    pub(super) fn check_writable(&self) -> Result<()> {
        match self.log.file {
            Some(_) => Ok(()),
            None => Err(Error::new(
                ErrorKind::ReadOnly,
                "the database is open for reading only; open it for writing",
            )),
        }
    }
}

impl BatchScratch {
    /// Groups the points by series: runs in order of series number, points inside a run in order of arrival.
    fn make_runs(&mut self, series: usize, id: impl Fn(u32) -> Option<SeriesId>) {
        self.runs.clear();
        self.runs_by_slot.resize(series.max(self.runs_by_slot.len()), (0, 0));
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.runs_by_slot.fill((0, 0));
            self.stamp = 1;
        }
        for &slot in &self.slots {
            let Some(place) = self.runs_by_slot.get_mut(slot as usize) else { continue };
            if place.0 != self.stamp {
                *place = (self.stamp, self.runs.len() as u32);
                self.runs.push((slot, 0, 0));
            }
            if let Some(run) = self.runs.get_mut(place.1 as usize) {
                run.1 += 1;
            }
        }
        let ascending = self.runs.array_windows().all(|[a, b]| id(a.0) < id(b.0));
        if !ascending {
            self.runs.sort_unstable_by_key(|&(slot, ..)| id(slot));
        }
        let mut next = 0;
        for (index, run) in self.runs.iter_mut().enumerate() {
            run.2 = next;
            next += run.1;
            if let Some(place) = self.runs_by_slot.get_mut(run.0 as usize) {
                place.1 = index as u32;
            }
        }
    }

    /// The points' columns in the order of the runs.
    fn sort<P: PointSource>(&mut self, points: &[P]) -> (Vec<i64>, Vec<u64>) {
        let mut timestamps = alloc::vec![0i64; points.len()];
        let mut bits = alloc::vec![0u64; points.len()];
        for (point, &slot) in points.iter().zip(&self.slots) {
            let run =
                self.runs_by_slot.get(slot as usize).and_then(|&(_, run)| self.runs.get_mut(run as usize));
            let Some((_, _, next)) = run else { continue };
            let place = *next as usize;
            *next += 1;
            if let (Some(timestamp), Some(value)) = (timestamps.get_mut(place), bits.get_mut(place)) {
                *timestamp = point.timestamp();
                *value = point.value().to_bits();
            }
        }
        (timestamps, bits)
    }
}

fn batch_too_large(size: usize, unit: &str) -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        alloc::format!(
            "the batch has {size} {unit}, more than is accepted (batch_bytes_max); write it in smaller batches"
        ),
    )
}
