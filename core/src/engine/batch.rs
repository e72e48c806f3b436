//! Batch: points on their way to a commit, grouped by series and encoded.
//!
//! Most of the work of a write needs no more of the engine than the slots of the points' series, so it is done in three
//! steps, of which only the first and the last need the engine: [`Engine::resolve`] finds the series,
//! [`Batch::encode`] sorts and encodes, [`Engine::prepare_batch`] gives the commit its place in history. A batch that
//! mentions a new series goes the whole way under the engine, by [`Engine::prepare_points`]: frames must define a series
//! before others use it.
use super::log::Operation;
use super::{Engine, NameStep};
use crate::codec::frame::{FrameRun, encode_frame as encode_columns};
use crate::error::{Error, ErrorKind, Result};
use crate::format::{Commit, CommitKind, PointsPayload, SeriesDefinition};
use crate::head::Position;
use crate::ids::SeriesId;
use crate::model::{PointSource, Series, SeriesMemo};
use alloc::vec::Vec;

/// Points by series, with the buffers that they are sorted and encoded in. Kept between batches, it saves allocations.
#[derive(Debug, Default)]
pub struct Batch {
    /// Slot of each point.
    slots: Vec<u32>,
    /// By slot: a stamp, and the run it has in the batch of that stamp.
    runs_by_slot: Vec<(u32, u32)>,
    stamp: u32,
    runs: Vec<Run>,
    frame_runs: Vec<FrameRun>,
    columns: Vec<u8>,
    payload: Vec<u8>,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
    /// State of the dictionary that the slots are of.
    revision: u32,
}

/// The points of one series in a batch.
#[derive(Clone, Copy, Debug)]
struct Run {
    slot: u32,
    id: SeriesId,
    count: u32,
    /// Where its next point goes.
    next: u32,
}

/// What [`Engine::resolve`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resolved {
    /// The series of all these points are known.
    Known,
    /// One is new, or what was resolved before has changed: use [`Engine::prepare_points`].
    New,
}

impl Batch {
    /// Begins a batch.
    pub(super) fn begin(&mut self, revision: u32) {
        self.slots.clear();
        self.runs.clear();
        self.payload.clear();
        self.revision = revision;
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.runs_by_slot.fill((0, 0));
            self.stamp = 1;
        }
    }

    /// Adds the next point, which is of the series `id`, the one in `slot`.
    #[inline]
    pub(super) fn push(&mut self, slot: u32, id: SeriesId) {
        let index = slot as usize;
        if index >= self.runs_by_slot.len() {
            self.runs_by_slot.resize(index + 1, (0, 0));
        }
        let Some(place) = self.runs_by_slot.get_mut(index) else { return };
        if place.0 != self.stamp {
            *place = (self.stamp, self.runs.len() as u32);
            self.runs.push(Run { slot, id, count: 0, next: 0 });
        }
        if let Some(run) = self.runs.get_mut(place.1 as usize) {
            run.count += 1;
        }
        self.slots.push(slot);
    }

    /// Sorts and encodes the points that were resolved. `InvalidInput` when they are others than these, `LimitExceeded`
    /// when they take more than `batch_bytes_max`.
    pub fn encode<P: PointSource>(&mut self, points: &[P], batch_bytes_max: usize) -> Result<()> {
        self.encode_with(points, Vec::new(), batch_bytes_max)
    }

    /// [`Batch::encode`] of a batch that defines series.
    pub(super) fn encode_with<P: PointSource>(
        &mut self,
        points: &[P],
        new_series: Vec<SeriesDefinition>,
        batch_bytes_max: usize,
    ) -> Result<()> {
        if points.len() != self.slots.len() {
            return Err(Error::invalid("the points to encode are not those that were resolved"));
        }
        self.order_runs();
        self.sort(points);
        self.frame_runs.clear();
        self.frame_runs.extend(self.runs.iter().map(|run| FrameRun { series: run.id.0, count: run.count }));
        self.columns.clear();
        encode_columns(&self.frame_runs, &self.timestamps, &self.bits, &mut self.columns);
        self.payload = Commit::Points(PointsPayload { new_series, columns: &self.columns }).encode()?;
        if self.payload.len() > batch_bytes_max {
            return Err(too_large(self.payload.len(), "bytes"));
        }
        Ok(())
    }

    /// Puts the runs in order of series number, and gives each its place in the columns.
    fn order_runs(&mut self) {
        if !self.runs.array_windows().all(|[a, b]| a.id < b.id) {
            self.runs.sort_unstable_by_key(|run| run.id);
        }
        let mut next = 0;
        for (index, run) in (0u32..).zip(&mut self.runs) {
            run.next = next;
            next += run.count;
            if let Some(place) = self.runs_by_slot.get_mut(run.slot as usize) {
                place.1 = index;
            }
        }
    }

    /// The points' columns in the order of the runs, points of a run in order of arrival.
    fn sort<P: PointSource>(&mut self, points: &[P]) {
        self.timestamps.clear();
        self.timestamps.resize(points.len(), 0);
        self.bits.clear();
        self.bits.resize(points.len(), 0);
        for (point, &slot) in points.iter().zip(&self.slots) {
            let run =
                self.runs_by_slot.get(slot as usize).and_then(|&(_, run)| self.runs.get_mut(run as usize));
            let Some(run) = run else { continue };
            let place = run.next as usize;
            run.next += 1;
            if let (Some(timestamp), Some(value)) = (self.timestamps.get_mut(place), self.bits.get_mut(place))
            {
                *timestamp = point.timestamp();
                *value = point.value().to_bits();
            }
        }
    }
}

impl Engine {
    /// A memo for a handle of this engine.
    pub fn memo(&self) -> SeriesMemo {
        SeriesMemo::new(self.dictionary.owner())
    }

    /// Begins a batch: its points are resolved next, as many at a time as the host likes to hold the engine for.
    pub fn begin_batch(&self, batch: &mut Batch) -> Result<()> {
        self.check_writable()?;
        batch.begin(self.dictionary.revision());
        Ok(())
    }

    /// Finds the series of the batch's next points. Adds none.
    pub fn resolve<P: PointSource>(&mut self, points: &[P], batch: &mut Batch) -> Result<Resolved> {
        if batch.revision != self.dictionary.revision() {
            return Ok(Resolved::New);
        }
        // Whatever has to be loaded is loaded by the way that can also add.
        let mut wanted = Vec::new();
        for point in points {
            let Some((slot, id)) = self.dictionary.find(point, &mut wanted)? else {
                return Ok(Resolved::New);
            };
            batch.push(slot, id);
        }
        Ok(Resolved::Known)
    }

    /// Prepares an encoded batch as one commit. `None` when series were taken back since it was resolved: its slots mean
    /// nothing any more, and it has to be resolved anew.
    pub fn prepare_batch(&mut self, batch: &mut Batch, now_ns: i64) -> Result<Option<Position>> {
        self.check_writable()?;
        if batch.revision != self.dictionary.revision() {
            return Ok(None);
        }
        self.prepare_encoded(batch, now_ns).map(Some)
    }

    /// Prepares a batch as one commit. Nothing is changed when it is refused. An empty batch is not a commit: the
    /// position of the last one is returned.
    ///
    /// `now_ns` is the host's clock. The commit is durable and visible once the [`super::LogWrite`] that holds it is settled.
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
        let mut batch = core::mem::take(&mut self.batch);
        let prepared = self.prepare_whole(points, &mut batch, now_ns, &mut wanted);
        self.batch = batch;
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
    fn prepare_whole<P: PointSource>(
        &mut self,
        points: &[P],
        batch: &mut Batch,
        now_ns: i64,
        wanted: &mut Vec<u32>,
    ) -> Result<Option<Position>> {
        let known = self.dictionary.counts().series;
        batch.begin(self.dictionary.revision());
        for (index, point) in points.iter().enumerate() {
            let found = self.dictionary.resolve(point, &self.options.limits, wanted);
            let found = found.map_err(|error| error.at(alloc::format!("point {index} of the batch")))?;
            if let Some((slot, id)) = found {
                batch.push(slot, id);
            }
        }
        if !wanted.is_empty() {
            return Ok(None);
        }
        let definitions = self.definitions(known)?;
        batch.encode_with(points, definitions, self.options.limits.batch_bytes_max)?;
        self.prepare_encoded(batch, now_ns).map(Some)
    }

    fn prepare_encoded(&mut self, batch: &mut Batch, now_ns: i64) -> Result<Position> {
        let count = u32::try_from(batch.slots.len()).map_err(|_| too_large(batch.slots.len(), "points"))?;
        let runs: Vec<(u32, u32)> = batch.runs.iter().map(|run| (run.slot, run.count)).collect();
        self.note_prepared(&runs, &batch.timestamps);
        let timestamps = core::mem::take(&mut batch.timestamps);
        let bits = core::mem::take(&mut batch.bits);
        let operation = Operation::Points { runs, timestamps, bits };
        let counts = self.dictionary.counts();
        self.log.prepare(count, CommitKind::Points, &batch.payload, now_ns, operation, counts)
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
}

fn too_large(size: usize, unit: &str) -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        alloc::format!(
            "the batch has {size} {unit}, more than is accepted (batch_bytes_max); write it in smaller batches"
        ),
    )
}
