//! Fold: what a restored copy is, once its log is folded in: the same lineage, a new epoch.
//!
//! The whole of a restore's last step, on a staged copy: open it, replay and seal its log, then
//! [`crate::engine::Engine::begin_epoch`] with the identity made here. Afterwards one file, `data.db`, is the database, so
//! that publishing is one rename.
use crate::engine::Identity;
use crate::format::{EpochParent, Settings};
use crate::head::Position;
use crate::ids::Epoch;

/// The identity of a database that continues `old` after the commit of `position`, in the random epoch `new_epoch`.
///
/// Where data would expire, expiry is suspended until someone resumes it: what was restored to be looked at must still be
/// there after opening.
pub fn restored_identity(old: &Identity, position: Position, new_epoch: Epoch) -> Identity {
    let settings = &old.settings;
    let expires = settings.retention_ns.is_some() || settings.retention_bytes.is_some();
    Identity {
        lineage: old.lineage,
        epoch: new_epoch,
        parent: Some(EpochParent { epoch: old.epoch, lsn: position.lsn, chain: position.chain }),
        created_ns: old.created_ns,
        settings: Settings {
            retention_suspended: expires || settings.retention_suspended,
            ..settings.clone()
        },
    }
}
