//! The trial of a destination before a repository is made there: servers say that they can do what they can't.
use super::objects::Objects;
use crate::destination::Destination;
use crate::destination::conformance::{Card, Options, Outcome, Suitability, run};
use crate::error::{Error, ErrorKind, Result};
use crate::host::{now_ns, random_epoch};
use chronicle_core::backup::repository::{DESTINATION_LEN_MAX, DESTINATION_NAME, DestinationNote, JobId};

/// Whether this job may write there; true when it is only so because nobody else does. What a trial found is noted in the
/// repository, and believed next time; without a note that can be read the trial is made again.
pub(super) fn admit(objects: &Objects) -> Result<bool> {
    let destination = objects.destination();
    let can = destination.capabilities();
    if !can.must_be_tried {
        return Ok(can.single_writer);
    }
    if !can.create_only && !can.single_writer {
        return Err(several_win(destination, "it has no creation that only one of several wins"));
    }
    let note = objects.get(DESTINATION_NAME, DESTINATION_LEN_MAX)?;
    let note = match note.and_then(|bytes| DestinationNote::parse(&bytes).ok()) {
        Some(note) => note,
        None => {
            let note = tried(destination)?;
            objects.hint(DESTINATION_NAME, &note.to_bytes()?, JobId(random_epoch()?.0))?;
            note
        }
    };
    match (note.several_writers, can.single_writer) {
        (false, false) => Err(several_win(destination, "of several creators at once more than one won")),
        (several, declared) => Ok(declared || !several),
    }
}

fn tried(destination: &dyn Destination) -> Result<DestinationNote> {
    let card = run(destination, &Options::trial())?;
    let why = || {
        let failed = card.checks.iter().find_map(|check| match &check.outcome {
            Outcome::Failed(why) => Some(format!("{}: {why}", check.id)),
            _ => None,
        });
        failed.unwrap_or_default()
    };
    match card.suitability() {
        Suitability::Unusable => Err(Error::unsupported(format!(
            "this store does not keep what backups rely on ({}); see `chronicle dest test`, and use another one",
            why()
        ))
        .at(destination.place())),
        Suitability::SingleWriter if !destination.capabilities().single_writer => {
            Err(several_win(destination, &why()))
        }
        suitability => Ok(note(&card, suitability)),
    }
}

fn note(card: &Card, suitability: Suitability) -> DestinationNote {
    let ids = |wanted: fn(&Outcome) -> bool| {
        let checks = card.checks.iter().filter(|check| wanted(&check.outcome));
        checks.map(|check| check.id.to_owned()).collect()
    };
    DestinationNote {
        several_writers: suitability == Suitability::SeveralWriters,
        passed: ids(|outcome| *outcome == Outcome::Passed),
        failed: ids(|outcome| matches!(outcome, Outcome::Failed(_))),
        tried_ns: now_ns(),
    }
}

fn several_win(destination: &dyn Destination, why: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "two hosts that back up there at once could overwrite each other ({why}); declare that one host only ever writes \
             there (--single-writer), or use another store"
        ),
    )
    .at(destination.place())
}
