//! The log of a new point: found in the database's log files, and read before a writer deletes them.
use crate::backup::snapshot::read_range;
use crate::destination::Body;
use crate::error::{At, Error, ErrorKind, Result};
use crate::files::paths::DbPaths;
use crate::files::regular_file::{Access, RegularFile};
use chronicle_core::backup::LogCopy;
use chronicle_core::backup::repository::{DeltaPlan, Entry, Ground, LogContent, LogCut, LogStep};
use chronicle_core::engine::{Identity, Snapshot};
use chronicle_core::ids::{Hash, Lsn};
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

    /// The new log object, of which nothing is held in memory. The log is synced first: no backup holds a commit that the
    /// database could still lose.
    pub(super) fn body<'a>(&'a mut self, paths: &DbPaths, log: &'a LogCopy) -> Result<LogBody<'a>> {
        for part in &log.parts {
            self.files.open(paths, part.first_lsn)?.sync()?;
        }
        let mut body = LogBody { header: &log.header, parts: Vec::new(), len: log.len() };
        let mut at = log.header.len() as u64;
        for part in &log.parts {
            let file = self.files.0.get(&part.first_lsn);
            let file = file.ok_or_else(|| Error::damaged("a log file was not opened"))?;
            let there = file.len()?.saturating_sub(part.range.offset).min(part.range.len);
            // The padding of the last frame may be cut off; zeros stand for it.
            if part.range.len - there >= 8 {
                return Err(Error::damaged(format!("it ends at {}, before its last commit", file.len()?))
                    .at(file.path().display()));
            }
            body.parts.push(BodyPart {
                start: at,
                file,
                offset: part.range.offset,
                there,
                len: part.range.len,
            });
            at = at.saturating_add(part.range.len);
        }
        Ok(body)
    }
}

/// A log object: a header of its own, then frames where they lie.
pub(super) struct LogBody<'a> {
    header: &'a [u8],
    parts: Vec<BodyPart<'a>>,
    len: u64,
}

struct BodyPart<'a> {
    /// Where it begins in the object.
    start: u64,
    file: &'a RegularFile,
    offset: u64,
    /// Bytes that the file has of it.
    there: u64,
    len: u64,
}

impl LogBody<'_> {
    /// Reads it once, checks that it is whole commits, each following the one before, and says what they are and its hash.
    pub(super) fn look_through(
        &self,
        log: &LogCopy,
        identity: &Identity,
    ) -> Result<(Option<LogContent>, Hash)> {
        let mut stream = log.stream(identity.lineage, identity.epoch);
        let (mut hasher, mut buffer) = (blake3::Hasher::new(), Vec::new());
        while let Some(range) = stream.missing() {
            buffer.resize(usize::try_from(range.len).unwrap_or(usize::MAX), 0);
            self.read_exact_at(range.offset, &mut buffer)?;
            hasher.update(&buffer);
            stream.push(&buffer, &mut |_, _, _| Ok(())).at(|| log.file_name())?;
        }
        Ok((stream.finish().at(|| log.file_name())?, Hash(*hasher.finalize().as_bytes())))
    }
}

impl Body for LogBody<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> Result<()> {
        if offset.checked_add(buffer.len() as u64).is_none_or(|end| end > self.len) {
            return Err(Error::damaged(format!(
                "{} bytes at offset {offset} of {} were asked for",
                buffer.len(),
                self.len
            )));
        }
        let head =
            usize::try_from(offset).ok().and_then(|offset| self.header.get(offset..)).unwrap_or_default();
        let head = head.get(..buffer.len()).unwrap_or(head);
        let (here, rest) = buffer.split_at_mut(head.len());
        here.copy_from_slice(head);
        (buffer, offset) = (rest, offset + head.len() as u64);
        let first = self.parts.partition_point(|part| part.start <= offset).saturating_sub(1);
        for part in self.parts.iter().skip(first) {
            if buffer.is_empty() {
                break;
            }
            let skip = offset - part.start;
            let step = usize::try_from(part.len - skip).unwrap_or(usize::MAX).min(buffer.len());
            let (here, rest) = buffer.split_at_mut(step);
            let there = usize::try_from(part.there.saturating_sub(skip)).unwrap_or(usize::MAX).min(step);
            let (bytes, zeros) = here.split_at_mut(there);
            part.file.read_into(part.offset + skip, bytes)?;
            zeros.fill(0);
            (buffer, offset) = (rest, offset + step as u64);
        }
        Ok(())
    }
}

impl LogFiles {
    fn search(&mut self, paths: &DbPaths, snapshot: &Snapshot, ground: &Ground) -> Result<LogCut> {
        let mut search = DeltaPlan::log_search(snapshot, ground)?;
        loop {
            match search.next() {
                LogStep::Found(cut) => return Ok(cut),
                LogStep::Read(part) => match self.open(paths, part.first_lsn) {
                    Ok(file) => search.answer(Some(&read_range(file, part.range)?))?,
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
