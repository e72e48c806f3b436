//! Epochs: how a restored copy stops being the history it came from, and says so in its log.
use super::checkpoint::Checkpoint;
use super::log::{Log, Operation};
use super::{Effect, Engine, Identity};
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::format::{Commit, CommitKind, EpochParent, LogStart, SLOT_LEN};
use crate::head::Position;
use alloc::sync::Arc;

impl Engine {
    /// Makes this staged copy the start of the epoch of `identity`, which [`crate::backup::restored_identity`] made of the
    /// copy's own. Everything must be sealed and checkpointed. The effects leave one valid superblock, which names no
    /// log: afterwards `data.db` alone is the database. Perform them, finish the checkpoint, publish the file, open it anew.
    ///
    /// Both slots are rewritten: a superblock of the old epoch that stayed behind would, if the new one rotted, open as
    /// the history that was left. A crash before the last effect leaves the new superblock or, before it is whole, the
    /// old one; the staged copy is then folded again.
    ///
    /// `InvalidInput` when commits are not sealed, or when `identity` is not one that continues this copy here.
    pub fn begin_epoch(&mut self, identity: Identity) -> Result<Checkpoint> {
        if self.has_unsealed() || self.has_prepared() || !self.frozen.is_empty() {
            return Err(Error::invalid(
                "the copy holds commits that are only in its log: seal and checkpoint it first",
            ));
        }
        let position = self.log.settled;
        let here = EpochParent { epoch: self.identity.epoch, lsn: position.lsn, chain: position.chain };
        let continues = identity.lineage == self.identity.lineage && identity.parent == Some(here);
        if !continues || identity.epoch == self.identity.epoch {
            return Err(Error::invalid(
                "the new epoch does not continue this copy at its last commit, or has the id of the old one",
            ));
        }
        self.log = Log::new(identity.lineage, identity.epoch, position);
        // What was restored to be looked at must still be there after opening, and stay as it was.
        let acts = !self.policy.policies.rules.is_empty() || !self.policy.policies.exceptions.is_empty();
        let mut identity = identity;
        identity.settings.retention_suspended |= acts;
        self.identity = identity;
        let mut next = Catalog::clone(&self.catalog);
        next.generation += 1;
        next.log = LogStart::None;
        next.policy = self.stored_policy();
        let generation = next.generation;
        self.log_starts.push((generation, next.log));
        self.catalog = Arc::new(next);
        let mut effects = alloc::vec::Vec::from(self.write_superblock()?);
        let other = ((generation + 1) % 2) as u8;
        effects.push(Effect::WriteSlot { slot: other, bytes: alloc::vec![0; SLOT_LEN] });
        effects.push(Effect::SyncData);
        Ok(Checkpoint { effects, generation })
    }

    /// For a replay that passes from one epoch into the next: goes on as the database of `identity`, whose epoch continues
    /// this one at the last replayed commit. Give [`Engine::replay`] the new epoch's log file next.
    ///
    /// `InvalidInput` when `identity` does not continue this history here.
    pub fn enter_epoch(&mut self, identity: Identity) -> Result<()> {
        let position = self.log.settled;
        let here = EpochParent { epoch: self.identity.epoch, lsn: position.lsn, chain: position.chain };
        if identity.lineage != self.identity.lineage || identity.parent != Some(here) {
            return Err(Error::invalid(alloc::format!(
                "epoch {} does not continue epoch {} after commit {}",
                identity.epoch,
                self.identity.epoch,
                position.lsn
            )));
        }
        self.log.epoch = identity.epoch;
        self.identity = identity;
        Ok(())
    }

    /// Prepares the commit that starts this epoch; `None` in a lineage's first epoch, and when the epoch has a commit. A
    /// writer calls it once after [`Engine::start_log`], before it takes other commits, so that this is the first frame of
    /// the epoch. LSNs go on where the parent ended.
    pub fn prepare_new_epoch(&mut self, now_ns: i64) -> Result<Option<Position>> {
        self.check_writable()?;
        let Some(parent) = self.identity.parent.filter(|parent| parent.lsn == self.log.tail.lsn) else {
            return Ok(None);
        };
        let payload = Commit::NewEpoch(parent).encode()?;
        let counts = self.dictionary.counts();
        self.log.prepare(0, CommitKind::NewEpoch, &payload, now_ns, Operation::Mark, counts).map(Some)
    }
}
