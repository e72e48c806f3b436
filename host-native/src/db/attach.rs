//! Attaching: one commit of any number of points, whose segments are written before it. Other commits wait meanwhile.
//!
//! Memory is one segment and the names of the series that are new. A failure before the frame is in the log leaves the
//! database as it was; the extents are free again.
use super::Db;
use super::config::Durability;
use super::maintenance::Unfinished;
use super::scan::SeriesPoints;
use super::shared::{Shared, lock};
use crate::host::now_ns;
use chronicle_core::digest::Digest;
use chronicle_core::engine::{Effect, Engine, Placed};
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::head::Position;
use chronicle_core::ids::{Lsn, SeriesId, SeriesKey};
use chronicle_core::model::{PointSource, TimeRange};
use chronicle_core::segment::{BuiltSegment, SEGMENT_BYTES_TARGET, SegmentBuilder};
use std::sync::{MutexGuard, PoisonError, RwLockWriteGuard};

/// While it lives nobody else commits.
pub(crate) struct Quiet<'db> {
    shared: &'db Shared,
    _gate: RwLockWriteGuard<'db, ()>,
}

/// Points on their way into the segments of one commit.
pub(crate) struct Attaching<'db> {
    shared: &'db Shared,
    lsn: Lsn,
    builder: SegmentBuilder,
    last: Option<(SeriesId, i64)>,
    placed: Vec<Placed>,
    digest: Digest,
}

impl Db {
    /// Waits until commits that are under way are done, and lets no other begin. Reads go on.
    pub(crate) fn quiet(&self) -> Result<Quiet<'_>> {
        self.shared.check_writable()?;
        let gate = self.shared.gate.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Quiet { shared: &self.shared, _gate: gate })
    }

    /// Numbers of the series of these points that exist.
    pub(crate) fn find_series<P: PointSource>(&self, points: &[P]) -> Result<Vec<Option<SeriesId>>> {
        self.shared.with_names(|engine| engine.find_series(points))
    }

    /// The points of these series, whose numbers ascend, in `range`.
    pub(crate) fn scan_series(&self, ids: &[SeriesId], range: TimeRange) -> Result<SeriesPoints<'_>> {
        let view = self.shared.with_names(|engine| engine.view_of(ids.to_vec(), range))?;
        Ok(self.scan_view(view))
    }
}

impl<'db> Quiet<'db> {
    /// Writes points as an ordinary commit, which is durable when this returns.
    pub(crate) fn write_batch<P: PointSource>(&self, points: &[P]) -> Result<Lsn> {
        let prepare = |engine: &mut Engine, now| Ok(engine.prepare_points(points, now)?.map(Some));
        let lsn = self.shared.commit_named_held(prepare)?.unwrap_or_default();
        if self.shared.config.durability != Durability::Sync {
            self.shared.sync()?;
        }
        Ok(lsn)
    }

    /// Makes one commit of all the points that `fill` pushes; none when it pushes none. When this returns, it is durable.
    ///
    /// `Full`: nothing was written, make room and try again. What `fill` fails with is returned, and nothing was written.
    pub(crate) fn attach<T>(
        &self,
        fill: impl FnOnce(&mut Attaching<'db>) -> Result<T>,
    ) -> Result<(T, Option<Position>)> {
        let shared = self.shared;
        let mut unfinished = lock(&shared.maintenance);
        shared.seal_held(&mut unfinished)?;
        let begun = lock(&shared.engine).engine.begin_attach();
        let (lsn, checkpoint) = begun.map_err(|error| shared.classify(error))?;
        shared.run_checkpoint(&mut unfinished, checkpoint)?;
        let mut attaching = Attaching {
            shared,
            lsn,
            builder: SegmentBuilder::new(lsn, lsn),
            last: None,
            placed: Vec::new(),
            digest: Digest::default(),
        };
        let filled = fill(&mut attaching).and_then(|answer| attaching.finish().map(|()| answer));
        match filled {
            Ok(answer) if !attaching.placed.is_empty() => {
                let position = shared.commit_attached(&mut unfinished, attaching.placed)?;
                Ok((answer, Some(position)))
            }
            other => {
                lock(&shared.engine).engine.abandon_attach(attaching.placed);
                other.map(|answer| (answer, None))
            }
        }
    }
}

impl Attaching<'_> {
    /// Numbers of the series of these points; those that are new are added.
    pub(crate) fn series<P: PointSource>(&self, points: &[P]) -> Result<Vec<SeriesId>> {
        self.shared.with_names(|engine| engine.attach_series(points))
    }

    /// Adds points of a series, ascending in time, that were not pushed before.
    pub(crate) fn push(
        &mut self,
        id: SeriesId,
        key: SeriesKey,
        timestamps: &[i64],
        bits: &[u64],
    ) -> Result<()> {
        let (Some(&first), Some(&last)) = (timestamps.first(), timestamps.last()) else { return Ok(()) };
        if self.last.is_some_and(|before| (id, first) <= before) {
            self.write_segment()?;
        }
        self.builder.push_series(id, key, timestamps, bits)?;
        self.digest.add(key, timestamps, bits);
        self.last = Some((id, last));
        if self.builder.len() >= SEGMENT_BYTES_TARGET {
            self.write_segment()?;
        }
        Ok(())
    }

    /// Digest of what was pushed.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    fn write_segment(&mut self) -> Result<()> {
        let full = std::mem::replace(&mut self.builder, SegmentBuilder::new(self.lsn, self.lsn));
        self.last = None;
        full.finish().map_or(Ok(()), |built| self.write(built))
    }

    fn write(&mut self, built: BuiltSegment) -> Result<()> {
        let placed = self.shared.write_segments(vec![built]).map_err(|error| self.shared.classify(error))?;
        self.placed.extend(placed);
        Ok(())
    }

    /// Writes what is left, and the names of series that are new; makes all of it durable.
    fn finish(&mut self) -> Result<()> {
        self.write_segment()?;
        if self.placed.is_empty() {
            return Ok(());
        }
        let definitions = lock(&self.shared.engine).engine.attach_definitions(self.lsn)?;
        if let Some(run) = definitions {
            self.write(run)?;
        }
        self.shared.perform(&[Effect::SyncData]).map_err(|error| self.shared.classify(error))
    }
}

impl Shared {
    /// Writes the frame that names what is durable, and stores the catalog that it leads to.
    fn commit_attached(
        &self,
        unfinished: &mut MutexGuard<'_, Unfinished>,
        placed: Vec<Placed>,
    ) -> Result<Position> {
        let now = now_ns();
        let prepared = {
            let engine = &mut lock(&self.engine).engine;
            engine
                .prepare_attach(&placed, now)
                .and_then(|position| Ok((position, engine.take_log_write(now)?)))
        };
        let (position, write) = match prepared {
            Ok((position, Some(write))) => (position, write),
            Ok((_, None)) => return Err(self.poisoned("the commit is not the one to be written")),
            Err(error) => {
                lock(&self.engine).engine.abandon_attach(placed);
                return Err(error);
            }
        };
        let file_before = lock(&self.log).clone();
        if let Err(error) = self.perform(&write.effects) {
            let error = self.take_back_alone(write, file_before, error)?;
            lock(&self.engine).engine.abandon(placed);
            return Err(error);
        }
        let synced = self.perform(&[Effect::SyncLog { first_lsn: write.first_lsn }]);
        synced.inspect_err(|error| self.poison(error))?;
        let settled = lock(&self.engine).engine.settle_attach(write);
        let checkpoint = settled.inspect_err(|error| self.poison(error))?;
        lock(&self.commit).settled = position.lsn;
        match self.run_checkpoint(unfinished, checkpoint) {
            // It is kept, and tried again; the log holds the commit.
            Err(error) if error.kind() == ErrorKind::Full => Ok(position),
            other => other.map(|()| position),
        }
    }

    fn poisoned(&self, what: &str) -> Error {
        let error =
            Error::damaged(format!("internal state is wrong ({what}); reopen the database")).at(self.name());
        self.poison(&error);
        error
    }
}
