//! Writing batches: as little as possible of it while the engine is held.
use super::shared::{Shared, lock};
use crate::error::Result;
use chronicle_core::engine::{Batch, Engine, Resolved};
use chronicle_core::ids::Lsn;
use chronicle_core::model::PointSource;

/// Points whose series are looked up while the engine is held once: a reader that waits for it waits for so many.
const RESOLVED_AT_ONCE: usize = 1_024;
/// Batches that are kept for the next writers.
const KEPT_MAX: usize = 4;

impl Shared {
    /// Writes points, of which there are some, as one commit.
    pub(super) fn write_points<P: PointSource>(&self, points: &[P]) -> Result<Lsn> {
        self.check_writable()?;
        self.wait_for_backlog()?;
        let kept = lock(&self.batches).pop();
        let mut batch = kept.unwrap_or_default();
        let written = self.write_resolved(points, &mut batch);
        let mut kept = lock(&self.batches);
        if kept.len() < KEPT_MAX {
            kept.push(batch);
        }
        drop(kept);
        match written? {
            Some(lsn) => Ok(lsn),
            // Series are new: they are defined, and all is encoded, under the engine.
            None => {
                let prepare = |engine: &mut Engine, now| Ok(engine.prepare_points(points, now)?.map(Some));
                Ok(self.commit_named_now(prepare)?.unwrap_or_default())
            }
        }
    }

    /// `None` when the batch has to go the long way.
    fn write_resolved<P: PointSource>(&self, points: &[P], batch: &mut Batch) -> Result<Option<Lsn>> {
        lock(&self.engine).engine.begin_batch(batch)?;
        for points in points.chunks(RESOLVED_AT_ONCE) {
            if lock(&self.engine).engine.resolve(points, batch)? == Resolved::New {
                return Ok(None);
            }
        }
        batch.encode(points, self.config.limits.batch_bytes_max)?;
        self.commit_now(|cell, now| cell.engine.prepare_batch(batch, now))
    }
}
