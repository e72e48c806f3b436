//! Survey: everything that records say, as far as they can be read, and what can't be. Nothing stops it but the destination.
use super::objects::{Objects, gone};
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::backup::repository::{Claimed, Inventory, PointNumber, claim_name};
use chronicle_core::verify::{Affected, Findings};

/// What a repository says of itself.
pub(super) struct Survey {
    /// Every number with what was made under it, in order. A number of which nobody knows that is left out.
    pub(super) entries: Vec<Claimed>,
    /// The same together, with the pages of the newest mark and the newest moves, where they can be read.
    pub(super) inventory: Inventory,
    /// Claims that are gone or can't be read.
    pub(super) claims: Vec<(PointNumber, Error)>,
    /// Claims, records and such pages that are not as they were written.
    pub(super) findings: Findings,
}

impl Survey {
    /// Reads every claim and record.
    pub(super) fn read(objects: &Objects) -> Result<Self> {
        let (mut entries, mut claims, mut findings) = (Vec::new(), Vec::new(), Findings::default());
        let newest = objects.newest_claim()?;
        for number in 0.. {
            let is_claimed = newest.is_some_and(|newest| number <= newest);
            // A record tells of a claim behind the newest one that is gone.
            let claim = match objects.claim(number) {
                Ok(Some(claim)) => Ok(claim.entry),
                Ok(None) if is_claimed => Err(gone(number)),
                Ok(None) => match objects.recorded(number)? {
                    Some(_) => Err(gone(number)),
                    None => break,
                },
                Err(error) => Err(damage(error)?),
            };
            let entry = match claim {
                Ok(entry) => Some(entry),
                Err(error) => {
                    findings.add(&claim_name(number), &bare(&error), Affected::default());
                    claims.push((number, error));
                    objects.recorded(number)?
                }
            };
            if let Some(entry) = entry {
                entries.push((entry, objects.record(entry)?));
            }
        }
        objects.find_lost(&mut entries);
        for (entry, record) in &entries {
            if let Some(Err(error)) = record {
                findings.add(&entry.record(), &bare(error), Affected::default());
            }
        }
        let mut inventory = Inventory::new(entries.iter().cloned());
        let kept = objects.kept(&inventory);
        let moves = inventory.newest_moves().map(|moves| objects.moves(moves)).transpose();
        // The plan names these pages, and says what is wrong with them.
        let kept = kept.or_else(|error| damage(error).map(|_| Vec::new()))?;
        let moves = moves.or_else(|error| damage(error).map(|_| None))?;
        inventory = inventory.with_pages(kept, moves.unwrap_or_default());
        Ok(Self { entries, inventory, claims, findings })
    }
}

/// What is damage goes on, anything else ends the work.
pub(super) fn damage(error: Error) -> Result<Error> {
    match error.kind() {
        ErrorKind::Damaged | ErrorKind::Unsupported | ErrorKind::LimitExceeded | ErrorKind::NotFound => {
            Ok(error)
        }
        _ => Err(error),
    }
}

/// The words without the place, which a finding has already.
pub(super) fn bare(error: &Error) -> Error {
    Error::new(error.kind(), error.message())
}
