//! Committing: callers prepare side by side; one of them writes and syncs for all that wait.
use super::config::Durability;
use super::shared::{CommitState, EngineCell, Retraction, Shared, lock};
use crate::files::log_file::LogFile;
use crate::host::now_ns;
use chronicle_core::engine::{Effect, Engine, LogWrite, NameStep};
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::head::Position;
use chronicle_core::ids::Lsn;
use std::sync::{Arc, PoisonError};

/// Unsealed points, as a multiple of `seal_points`, at which writers wait for the background: memory is a budget.
const BACKLOG_MAX: usize = 4;

impl Shared {
    /// Prepares a commit with `prepare`, and returns when it is as durable as asked for, and visible. `None` when there
    /// was nothing to commit.
    pub(crate) fn commit(
        &self,
        prepare: impl FnOnce(&mut EngineCell, i64) -> Result<Option<Position>>,
    ) -> Result<Option<Lsn>> {
        self.check_writable()?;
        self.wait_for_backlog()?;
        self.commit_now(prepare)
    }

    /// [`Shared::commit`] for the background itself, which must not wait for its own work.
    pub(crate) fn commit_now(
        &self,
        prepare: impl FnOnce(&mut EngineCell, i64) -> Result<Option<Position>>,
    ) -> Result<Option<Lsn>> {
        let _open = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let (position, retractions) = {
            let mut cell = lock(&self.engine);
            match prepare(&mut cell, now_ns())? {
                Some(position) => (position, cell.retractions),
                None => return Ok(None),
            }
        };
        self.settle(position.lsn, retractions)?;
        Ok(Some(position.lsn))
    }

    /// [`Shared::commit`] of what needs names.
    pub(crate) fn commit_named(
        &self,
        prepare: impl FnMut(&mut Engine, i64) -> Result<NameStep<Option<Position>>>,
    ) -> Result<Option<Lsn>> {
        self.check_writable()?;
        self.wait_for_backlog()?;
        self.commit_named_now(prepare)
    }

    /// [`Shared::commit_now`] of what needs names.
    pub(crate) fn commit_named_now(
        &self,
        prepare: impl FnMut(&mut Engine, i64) -> Result<NameStep<Option<Position>>>,
    ) -> Result<Option<Lsn>> {
        let _open = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        self.commit_named_held(prepare)
    }

    /// [`Shared::commit_named_now`] for who holds the gate.
    pub(super) fn commit_named_held(
        &self,
        mut prepare: impl FnMut(&mut Engine, i64) -> Result<NameStep<Option<Position>>>,
    ) -> Result<Option<Lsn>> {
        let prepared = self.with_names_in_cell(|cell| {
            let retractions = cell.retractions;
            Ok(prepare(&mut cell.engine, now_ns())?.map(|position| position.zip(Some(retractions))))
        })?;
        let Some((position, retractions)) = prepared else { return Ok(None) };
        self.settle(position.lsn, retractions)?;
        Ok(Some(position.lsn))
    }

    fn settle(&self, lsn: Lsn, retractions: u64) -> Result<()> {
        let mut state = lock(&self.commit);
        loop {
            // LSNs are given out anew after a retraction, so the first one after this commit was prepared decides.
            if let Some(index) = state.retracted.iter().position(|known| known.number == retractions + 1) {
                return state.tell(index, lsn);
            }
            if state.settled >= lsn {
                return Ok(());
            }
            self.check_writable()?;
            if state.leader {
                state = self.commit_done.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
                continue;
            }
            state.leader = true;
            drop(state);
            let outcome = self.write_prepared();
            state = lock(&self.commit);
            state.leader = false;
            match outcome {
                Ok(Some(settled)) => state.settled = settled,
                Ok(None) => {}
                Err(Failed::Retracted { why, number, count }) => {
                    let settled = state.settled;
                    state.retracted.push(Retraction { number, settled, why, untold: count });
                }
                Err(Failed::Uncertain(error)) => {
                    self.poison(&error);
                    return Err(error);
                }
            }
            self.commit_done.notify_all();
        }
    }

    /// Writes everything that is prepared. The engine is free while the medium works.
    fn write_prepared(&self) -> std::result::Result<Option<Lsn>, Failed> {
        let now = now_ns();
        let write = lock(&self.engine).engine.take_log_write(now).map_err(Failed::Uncertain)?;
        let Some(write) = write else { return Ok(None) };
        let file_before = lock(&self.log).clone();
        if let Err(error) = self.perform(&write.effects) {
            return Err(self.take_back(write, file_before, error));
        }
        let durable = self.config.durability == Durability::Sync;
        if durable {
            self.perform(&[Effect::SyncLog { first_lsn: write.first_lsn }]).map_err(Failed::Uncertain)?;
        }
        let last = write.last;
        let mut cell = lock(&self.engine);
        cell.engine.settle(write, durable);
        let due = cell.engine.seal_is_due();
        drop(cell);
        if due {
            self.wake_background();
        }
        Ok(Some(last))
    }

    /// A full medium leaves the log as it was: the commits did not happen, and later ones may. Anything else is uncertain.
    fn take_back(&self, write: LogWrite, file_before: Option<(Lsn, Arc<LogFile>)>, error: Error) -> Failed {
        if error.kind() != ErrorKind::Full {
            return Failed::Uncertain(error);
        }
        let created = write.effects.iter().find_map(|effect| match effect {
            Effect::CreateLog { first_lsn, .. } => Some(*first_lsn),
            _ => None,
        });
        match created {
            // The next log file, without a frame: it goes, and the one before takes the next try.
            Some(first_lsn) => {
                if let Err(error) = LogFile::delete(&self.paths.log(first_lsn)) {
                    return Failed::Uncertain(error);
                }
                *lock(&self.log) = file_before;
            }
            None => {
                let offset = write.effects.iter().find_map(|effect| match effect {
                    Effect::AppendLog { offset, .. } => Some(*offset),
                    _ => None,
                });
                if file_before.map(|(_, file)| file.end()) != offset {
                    return Failed::Uncertain(error);
                }
            }
        }
        let mut cell = lock(&self.engine);
        let count = cell.engine.retract(write);
        cell.retractions += 1;
        Failed::Retracted { why: error, number: cell.retractions, count }
    }

    /// Takes back a commit that nobody else waits for; answers why.
    pub(super) fn take_back_alone(
        &self,
        write: LogWrite,
        file_before: Option<(Lsn, Arc<LogFile>)>,
        error: Error,
    ) -> Result<Error> {
        match self.take_back(write, file_before, error) {
            Failed::Retracted { why, .. } => Ok(why),
            Failed::Uncertain(error) => {
                self.poison(&error);
                Err(error)
            }
        }
    }

    pub(super) fn wait_for_backlog(&self) -> Result<()> {
        if !self.config.background {
            return Ok(());
        }
        let most = self.config.seal_points.saturating_mul(BACKLOG_MAX);
        while lock(&self.engine).engine.unsealed_points() >= most {
            self.check_writable()?;
            if let Some(error) = &lock(&self.wake).stuck {
                return Err(error.clone());
            }
            self.wake_background();
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Ok(())
    }

    /// Makes everything that is visible durable.
    pub(crate) fn sync(&self) -> Result<()> {
        let lsn = lock(&self.engine).engine.position().lsn;
        let file = lock(&self.log).as_ref().map(|(_, file)| std::sync::Arc::clone(file));
        if let Some(file) = file
            && let Err(error) = file.sync()
        {
            self.poison(&error);
            return Err(error);
        }
        lock(&self.engine).engine.synced(lsn);
        Ok(())
    }
}

impl CommitState {
    /// What came of the commit `lsn`, which was prepared before the retraction at `index`. A disk can stay full for days: a
    /// retraction is forgotten when everyone whose commit it took back has been told.
    fn tell(&mut self, index: usize, lsn: Lsn) -> Result<()> {
        let Some(retraction) = self.retracted.get_mut(index).filter(|it| lsn > it.settled) else {
            return Ok(());
        };
        retraction.untold = retraction.untold.saturating_sub(1);
        let why = retraction.why.clone();
        if retraction.untold == 0 {
            self.retracted.remove(index);
        }
        Err(why)
    }
}

enum Failed {
    /// The commits, this many, did not happen; the number of the retraction.
    Retracted { why: Error, number: u64, count: usize },
    /// The medium may hold anything.
    Uncertain(Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retraction_is_forgotten_when_every_caller_whose_commit_it_took_knows() {
        let mut state = CommitState { settled: 5, ..CommitState::default() };
        let why = Error::new(ErrorKind::Full, "no room");
        for number in [1, 2] {
            state.retracted.push(Retraction { number, settled: 5, why: why.clone(), untold: 2 });
        }
        state.tell(0, 5).unwrap();
        assert_eq!(state.tell(0, 6).unwrap_err().kind(), ErrorKind::Full);
        assert_eq!(state.retracted.len(), 2, "one is still to be told");
        assert_eq!(state.tell(0, 7).unwrap_err().kind(), ErrorKind::Full);
        assert_eq!(state.retracted.iter().map(|it| it.number).collect::<Vec<_>>(), [2]);
    }
}
