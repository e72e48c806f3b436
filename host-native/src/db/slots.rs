//! Slots: what delta repositories have not taken of the log yet, read before log files are dropped.
//!
//! A slot that can't be read keeps the log, as one does that nobody uses any more; both only up to the limit.
use super::shared::{Shared, lock};
use crate::error::{Error, ErrorKind, Result};
use crate::files::regular_file::{Access, RegularFile};
use chronicle_core::backup::repository::{BackupSlot, SLOT_LEN_MAX};
use chronicle_core::engine::{Aftermath, LogHold};
use std::path::Path;

impl Shared {
    /// What is held of the log, one hold for each slot beside the database.
    pub(super) fn log_holds(&self) -> Vec<LogHold> {
        let bytes_max = self.config.wal_slot_bytes_max;
        let everything = LogHold { behind: 0, bytes_max };
        let Ok(paths) = self.paths.slots() else { return vec![everything] };
        if paths.is_empty() {
            return Vec::new();
        }
        let identity = lock(&self.engine).engine.identity().clone();
        let hold = |path: &Path| match read_slot(path) {
            Ok(slot) => slot.hold(identity.lineage, identity.epoch, bytes_max),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => Some(everything),
        };
        paths.iter().filter_map(|path| hold(path)).collect()
    }

    /// Writes into the log what it loses. Where that fails the log files go nevertheless: on a full medium they are what
    /// has to go, and the next backup finds that they are gone.
    pub(super) fn note_gap(&self, aftermath: &Aftermath) {
        if let Some(gap) = aftermath.gap.filter(|_| self.check_writable().is_ok()) {
            let _ = self.commit_now(|cell, now_ns| cell.engine.prepare_gap(gap, now_ns).map(Some));
        }
    }
}

/// Reads a slot file, which may be written right now.
pub(crate) fn read_slot(path: &Path) -> Result<BackupSlot> {
    let file = RegularFile::open(path, Access::ReadOnly)?;
    let len = file.len()?;
    if len > SLOT_LEN_MAX as u64 {
        return Err(Error::damaged("it is too long for a slot").at(path.display()));
    }
    BackupSlot::parse(&file.read_exact_at(0, len)?)
}
