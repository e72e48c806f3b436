//! The log of a new point: found in the database's log files, and read before a writer deletes them.
use crate::backup::snapshot::read_frames;
use crate::error::{ErrorKind, Result};
use crate::files::paths::DbPaths;
use crate::files::regular_file::{Access, RegularFile};
use chronicle_core::backup::LogCopy;
use chronicle_core::backup::repository::{DeltaPlan, Entry, Ground, LogCut, LogStep};
use chronicle_core::engine::Snapshot;
use chronicle_core::ids::Lsn;
use std::collections::BTreeMap;

/// How often the search begins again because a writer deleted a file meanwhile.
const SEARCHES_MAX: usize = 8;

/// Log files that are open, so that they stay readable whoever deletes them.
#[derive(Default)]
struct LogFiles(BTreeMap<Lsn, RegularFile>);

/// What a new point copies of the log, found and open.
pub(super) struct FoundLog {
    files: LogFiles,
    cut: LogCut,
}

/// Finds the frames of a new point. `InvalidInput` where the log shows that the database went another way than the repository.
pub(super) fn find(paths: &DbPaths, snapshot: &Snapshot, ground: &Ground) -> Result<FoundLog> {
    let mut attempt = 1;
    loop {
        let mut files = LogFiles::default();
        let cut = files.search(paths, snapshot, ground)?;
        match files.open_all(paths, &cut) {
            Err(error) if error.kind() == ErrorKind::NotFound && attempt < SEARCHES_MAX => attempt += 1,
            opened => return opened.map(|()| FoundLog { files, cut }),
        }
    }
}

impl FoundLog {
    /// Plans the point.
    pub(super) fn plan(&self, snapshot: &Snapshot, entry: Entry, ground: &Ground) -> Result<DeltaPlan> {
        DeltaPlan::new(snapshot, entry, ground, self.cut.clone())
    }

    /// The bytes of the new log object.
    pub(super) fn read(&mut self, paths: &DbPaths, log: &LogCopy) -> Result<Vec<u8>> {
        let mut bytes = log.header.clone();
        for part in &log.parts {
            bytes.extend(read_frames(self.files.open(paths, part.first_lsn)?, part.range)?);
        }
        Ok(bytes)
    }
}

impl LogFiles {
    fn search(&mut self, paths: &DbPaths, snapshot: &Snapshot, ground: &Ground) -> Result<LogCut> {
        let mut search = DeltaPlan::log_search(snapshot, ground)?;
        loop {
            match search.next() {
                LogStep::Found(cut) => return Ok(cut),
                LogStep::Read(part) => match self.open(paths, part.first_lsn) {
                    Ok(file) => search.answer(Some(&read_frames(file, part.range)?))?,
                    Err(error) if error.kind() == ErrorKind::NotFound => search.answer(None)?,
                    Err(error) => return Err(error),
                },
            }
        }
    }

    fn open(&mut self, paths: &DbPaths, first_lsn: Lsn) -> Result<&RegularFile> {
        use std::collections::btree_map::Entry;
        Ok(match self.0.entry(first_lsn) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(free) => free.insert(RegularFile::open(&paths.log(first_lsn), Access::ReadOnly)?),
        })
    }

    fn open_all(&mut self, paths: &DbPaths, cut: &LogCut) -> Result<()> {
        cut.parts.iter().try_for_each(|part| self.open(paths, part.first_lsn).map(drop))
    }
}
