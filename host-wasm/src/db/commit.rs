//! Committing: callers prepare side by side; one of them writes for all that wait.
use super::Db;
use crate::host::now_ns;
use chronicle_core::engine::{NameStep, Selector};
use chronicle_core::error::{ErrorKind, Result};
use chronicle_core::head::Position;
use chronicle_core::ids::Lsn;
use chronicle_core::model::{PointSource, TimeRange};
use std::rc::Rc;

/// Unsealed points, as a multiple of `seal_points`, at which writers wait: memory is a budget.
const BACKLOG_MAX: usize = 4;

impl Db {
    /// Writes points as one commit; when it returns they are durable and visible.
    pub(crate) async fn write_points<P: PointSource>(self: &Rc<Self>, points: &[P]) -> Result<Lsn> {
        let position =
            self.commit(|engine, now| engine.prepare_points(points, now).map(|step| step.map(Some))).await?;
        Ok(position.map_or(0, |position| position.lsn))
    }

    /// Deletes the points that exist now of the selected series in `range`. `None` when no series matches.
    pub(crate) async fn delete(
        self: &Rc<Self>,
        selector: &Selector,
        range: TimeRange,
    ) -> Result<Option<Lsn>> {
        let position = self.commit(|engine, now| engine.prepare_delete(selector, range, now)).await?;
        Ok(position.map(|position| position.lsn))
    }

    async fn commit(
        self: &Rc<Self>,
        mut prepare: impl FnMut(&mut chronicle_core::engine::Engine, i64) -> Result<NameStep<Option<Position>>>,
    ) -> Result<Option<Position>> {
        self.check_writable()?;
        if self.engine.borrow().unsealed_points() >= self.options.seal_points.saturating_mul(BACKLOG_MAX) {
            self.maintain().await?;
        }
        let prepared = self.with_names(|engine| prepare(engine, now_ns())).await?;
        if let Some(position) = prepared {
            self.settle(position.lsn).await?;
        }
        if self.engine.borrow().seal_is_due() && !self.maintaining.is_taken() {
            let db = Rc::clone(self);
            wasm_bindgen_futures::spawn_local(async move {
                // What fails here fails again where somebody waits for it, or has poisoned the writer.
                let _ = db.maintain().await;
            });
        }
        Ok(prepared)
    }

    /// Returns when the commit that was prepared right before is durable and visible.
    pub(super) async fn settle(&self, lsn: Lsn) -> Result<()> {
        let fate = Rc::clone(&self.fate.borrow());
        let _turn = self.committing.take().await;
        if let Some(error) = fate.get() {
            return Err(error.clone());
        }
        if self.engine.borrow().position().lsn >= lsn {
            // Whoever had the turn before took this commit along.
            return Ok(());
        }
        self.check_writable()?;
        let write = self.engine.borrow_mut().take_log_write(now_ns());
        let Some(write) = write.map_err(|error| self.classify(error))? else { return Ok(()) };
        match self.perform(&write.effects).await {
            Ok(()) => {
                self.engine.borrow_mut().settle(write, true);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Full => {
                // The storage undid it: these commits did not happen, later ones may.
                self.engine.borrow_mut().retract(write);
                let _ = self.fate.replace(Rc::default()).set(error.clone());
                Err(error)
            }
            Err(error) => Err(self.classify(error)),
        }
    }
}
