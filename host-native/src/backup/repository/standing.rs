//! Standing: whether a database may go on in a repository, as it is asked to, before anything is claimed.
use super::delta::After;
use super::log;
use super::look::{self, Found, look_back};
use super::objects::Objects;
use crate::error::{Error, ErrorKind, Result};
use crate::files::paths::DbPaths;
use chronicle_core::backup::repository::{BackupState, PointNumber};
use chronicle_core::engine::Snapshot;
use chronicle_core::ids::Hash;

/// Looks at the repository before anything is claimed: whether this database may go on there, as it is asked to.
pub(super) fn look(
    objects: &Objects,
    newest: Option<PointNumber>,
    snapshot: &Snapshot,
    after: After,
) -> Result<Found> {
    let lineage = snapshot.identity.lineage;
    if let Some(first) = newest.map(|_| objects.claim(0)).transpose()?.flatten()
        && first.lineage != lineage
    {
        return Err(Error::invalid(format!(
            "the repository is of another database: its lineage is {}, this database's is {lineage}; choose another \
             destination",
            first.lineage
        ))
        .at(objects.place()));
    }
    if let Some(first) = newest.map(|_| objects.claim(0)).transpose()?.flatten()
        && first.is_encrypted != objects.is_encrypted()
    {
        return Err(Error::new(ErrorKind::Busy, "another job made the repository just now: try again")
            .at(objects.place()));
    }
    let number = newest.map_or(0, |newest| newest + 1);
    let found = match after {
        After::NewBase => Found::nothing(),
        _ => look_back(objects, number, snapshot, None)?,
    };
    match after {
        After::Nothing if found.previous.is_some() => Err(Error::new(
            ErrorKind::AlreadyExists,
            "the repository has points of this database already; pass the state that the last backup returned \
             (`base_state`), let it go on from the newest point (`continue_newest`), or ask for a new base (`new_base`)",
        )
        .at(objects.place())),
        After::State(state) => check_state(objects, &state, snapshot).map(|()| found),
        _ => Ok(found),
    }
}

/// That a new base is no second history of an epoch that the repository has; as far as the log of the database goes back.
pub(super) fn check_past(
    objects: &Objects,
    number: PointNumber,
    snapshot: &Snapshot,
    paths: &DbPaths,
) -> Result<()> {
    let found = look::past(objects, number, snapshot)?;
    if found.previous.is_none() {
        return Ok(());
    }
    match log::find(paths, snapshot, &found.ground_of_log()) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Err(error.at(objects.place())),
        _ => Ok(()),
    }
}

/// A state is of this repository when the record that it names is the one that is there.
fn check_state(objects: &Objects, state: &BackupState, snapshot: &Snapshot) -> Result<()> {
    let lineage = snapshot.identity.lineage;
    if state.lineage != lineage {
        return Err(Error::invalid(format!(
            "the state is of another database: its lineage is {}, this database's is {lineage}; pass the state of this one's \
             last backup",
            state.lineage
        )));
    }
    let record = objects.record_bytes(state.entry)?;
    match record.is_some_and(|bytes| Hash::of(&bytes) == state.record) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "the state names {}, and the repository has no such point, or another one: the state is of another \
             repository, or the point was pruned; go on from the newest point (`continue_newest`), or ask for a new base",
            state.entry
        ))
        .at(objects.place())),
    }
}
