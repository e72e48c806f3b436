//! Continuation: whether a database may go on where a point ends, by lineage, epoch, LSN and chain.
//!
//! No clock, no name and no path is asked. What is not this history is refused, with both ids and what to do.
use super::log_search::forked;
use super::point_record::PointRecord;
use crate::engine::Identity;
use crate::error::{Error, Result};
use crate::format::EpochParent;
use crate::head::Position;

/// How a database stands to a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Continuation {
    /// It goes on from the point, in its epoch; commits behind this one are new.
    Continues(EpochParent),
    /// It was restored from the point's epoch, at or behind the point. The new epoch's commits, behind this one, are new.
    Branches(EpochParent),
    /// The point is on another branch: look at an older one.
    Elsewhere,
}

impl Continuation {
    /// Of a database at `position` to the point of `record`. `InvalidInput` where it can't be backed up to this
    /// repository as it is: it is another database, was rewound, or went another way.
    ///
    /// `ancestry` is what records say about the epochs before the database's parent: each is continued by the one before it.
    pub fn of(
        identity: &Identity,
        position: &Position,
        record: &PointRecord,
        ancestry: &[EpochParent],
    ) -> Result<Self> {
        let point = record.as_previous();
        if record.point.lineage != identity.lineage {
            return Err(Error::invalid(alloc::format!(
                "the repository is of another database: its lineage is {}, this database's is {}; choose another \
                 destination",
                record.point.lineage,
                identity.lineage
            )));
        }
        let here = EpochParent { epoch: identity.epoch, lsn: position.lsn, chain: position.chain };
        if point.at.epoch == here.epoch {
            return match here.lsn.cmp(&point.at.lsn) {
                core::cmp::Ordering::Less => Err(Error::invalid(alloc::format!(
                    "the database was rewound: it ends with commit {} of epoch {}, and {} of the repository with commit \
                     {}. An older copy was put back without a restore, and its next commits would have the numbers of others. \
                     Restore the copy (`chronicle restore --source COPY --dest FOLDER`), which starts a new epoch, and back \
                     that up here",
                    here.lsn,
                    here.epoch,
                    point.entry,
                    point.at.lsn
                ))),
                core::cmp::Ordering::Equal if here.chain != point.at.chain => Err(forked(point.at, position)),
                _ => Ok(Self::Continues(point.at)),
            };
        }
        let Some(parent) = identity.parent else { return Ok(Self::Elsewhere) };
        // History was left at the first of these places that is not behind the point.
        let mut reach = parent.lsn;
        for left in core::iter::once(&parent).chain(ancestry) {
            reach = reach.min(left.lsn);
            if left.epoch == point.at.epoch {
                let met = Position { lsn: left.lsn, commit_time_ns: 0, chain: left.chain };
                return match point.at.lsn.cmp(&reach) {
                    core::cmp::Ordering::Greater => Ok(Self::Elsewhere),
                    core::cmp::Ordering::Equal if reach == left.lsn && point.at.chain != left.chain => {
                        Err(forked(point.at, &met))
                    }
                    _ => Ok(Self::Branches(parent)),
                };
            }
        }
        Ok(Self::Elsewhere)
    }

    /// The commit behind which the log of a new point begins; `None` on another branch.
    pub fn after(&self) -> Option<EpochParent> {
        match self {
            Self::Continues(at) | Self::Branches(at) => Some(*at),
            Self::Elsewhere => None,
        }
    }

    /// The error when every point was [`Continuation::Elsewhere`].
    pub fn none(identity: &Identity) -> Error {
        Error::invalid(alloc::format!(
            "no point of the repository is in the past of this database: its epoch is {}, and {}; begin anew with \
             --new-base, or choose another destination",
            identity.epoch,
            match identity.parent {
                Some(parent) =>
                    alloc::format!("continues epoch {} after commit {}", parent.epoch, parent.lsn),
                None => "continues none".into(),
            }
        ))
    }
}
