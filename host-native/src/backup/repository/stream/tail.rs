//! The tail of a database's log, as files: read behind what was shipped, synced before it is handed out.
use crate::error::{At, Error, ErrorKind, Result};
use crate::files::paths::DbPaths;
use crate::files::regular_file::{Access, RegularFile};
use chronicle_core::backup::repository::{ShipCut, ShipTail, TailStep};
use chronicle_core::format::EpochParent;
use chronicle_core::ids::{Lineage, Lsn};

/// See the module.
pub(super) struct LogTail {
    paths: DbPaths,
    tail: ShipTail,
}

/// What comes next.
pub(super) enum Next {
    /// Ship these, then say so.
    Ship(ShipCut),
    /// Nothing is new.
    Nothing,
    /// Only a point brings what comes next: the log of it is gone, or can't be shipped.
    Point,
}

impl LogTail {
    pub(super) fn new(paths: DbPaths, lineage: Lineage, sent: EpochParent) -> Self {
        Self { paths, tail: ShipTail::new(lineage, sent) }
    }

    pub(super) fn sent(&self) -> EpochParent {
        self.tail.sent()
    }

    /// The next frames, durable here.
    pub(super) fn next(&mut self) -> Result<Next> {
        loop {
            let files: Vec<Lsn> = self.paths.log_files()?.into_iter().map(|file| file.first_lsn).collect();
            let part = match self.tail.reads(&files) {
                Ok(Some(part)) => part,
                Ok(None) => return Ok(Next::Nothing),
                Err(error) if error.kind() == ErrorKind::NotRestorable => return Ok(Next::Point),
                Err(error) => return Err(error),
            };
            let file = match RegularFile::open(&self.paths.log(part.first_lsn), Access::ReadOnly) {
                // A checkpoint was faster; the slot keeps what is not in a point.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                file => file?,
            };
            let there = file.len()?.saturating_sub(part.range.offset).min(part.range.len);
            let mut bytes = vec![0; usize::try_from(there).unwrap_or(usize::MAX)];
            file.read_into(part.range.offset, &mut bytes)?;
            match self.tail.take(&bytes).at(|| self.paths.data().display())? {
                TailStep::Ship(cut) => {
                    // No backup holds a commit that the database could still lose.
                    file.sync()?;
                    return Ok(Next::Ship(cut));
                }
                TailStep::Nothing => return Ok(Next::Nothing),
                TailStep::Point(_) => return Ok(Next::Point),
                TailStep::Again => {}
            }
        }
    }

    pub(super) fn shipped(&mut self, cut: &ShipCut) {
        self.tail.shipped(cut);
    }
}

/// The error of a log that does not go on behind what was shipped.
pub(super) fn is_another_history(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Damaged)
}
