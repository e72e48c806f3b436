//! Copies: the database as one packed file, streamed, every segment checked on the way.
use super::Db;
use chronicle_core::backup::{PackPlan, PackedFile, Piece};
use chronicle_core::engine::Snapshot;
use chronicle_core::error::{Error, Result};
use chronicle_core::format::SegmentEntry;
use chronicle_core::source::ByteRange;
use chronicle_core::verify::{Level, verify_segment};
use std::collections::VecDeque;
use std::rc::Rc;

/// Zeros that are handed out at once.
const ZEROS_MAX: u64 = 1 << 20;

/// A part of a packed file.
enum Part {
    Segment(Box<SegmentEntry>),
    Bytes(Vec<u8>),
    Zeros(u64),
}

/// A packed copy that is being read, from its first byte to its last.
pub(crate) struct CopyPart {
    db: Rc<Db>,
    parts: VecDeque<Part>,
    /// Bytes of the whole copy.
    pub(crate) len: u64,
    /// Keeps the copied extents where they are.
    _snapshot: Snapshot,
}

impl Db {
    /// Everything up to the last commit as one file that opens like a database that was closed. Writes go on meanwhile.
    pub(crate) async fn copy(self: &Rc<Self>) -> Result<CopyPart> {
        let snapshot = match self.options.read_only {
            true => self.engine.borrow_mut().snapshot(),
            false => {
                // Nothing becomes visible between the seal and the snapshot.
                let _turn = self.committing.take().await;
                self.seal().await?;
                self.engine.borrow_mut().snapshot()
            }
        };
        let plan = PackPlan::single_file(&snapshot)?;
        let parts = parts_of(&plan, &snapshot)?;
        Ok(CopyPart { db: Rc::clone(self), parts, len: plan.file_len, _snapshot: snapshot })
    }
}

impl Db {
    /// Reads every segment and its checksums; `Damaged` with the first that is not as it was written.
    pub(crate) async fn check_segments(&self) -> Result<()> {
        let snapshot = self.engine.borrow_mut().snapshot();
        for entry in snapshot.segments() {
            let bytes = self.bytes.read(entry.extent()).await?;
            let report = verify_segment(&bytes, entry, Level::Checksums, None);
            if let Some(finding) = report.findings.iter().next() {
                return Err(Error::damaged(format!("what was read is not what was written: {finding}")));
            }
        }
        Ok(())
    }
}

fn parts_of(plan: &PackedFile, snapshot: &Snapshot) -> Result<VecDeque<Part>> {
    let mut segments: Vec<SegmentEntry> = snapshot.segments().copied().collect();
    segments.sort_unstable_by_key(|entry| entry.offset);
    let mut parts = VecDeque::new();
    for piece in plan.pieces() {
        match piece {
            Piece::Bytes(bytes) => parts.push_back(Part::Bytes(bytes.to_vec())),
            Piece::Zeros(len) => parts.push_back(Part::Zeros(len)),
            Piece::Copy(range) => {
                let mut at = range.offset;
                while at < range.end() {
                    let found = segments.binary_search_by_key(&at, |entry| entry.offset);
                    let entry = found.ok().and_then(|index| segments.get(index));
                    let entry = entry
                        .ok_or_else(|| Error::damaged("the plan copies what is no segment; report this"))?;
                    at = entry.extent().end();
                    parts.push_back(Part::Segment(Box::new(*entry)));
                }
            }
        }
    }
    Ok(parts)
}

impl CopyPart {
    /// The next bytes; `None` at the end. `Damaged` when the database is.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        match self.parts.pop_front() {
            None => Ok(None),
            Some(Part::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Part::Zeros(len)) => {
                if len > ZEROS_MAX {
                    self.parts.push_front(Part::Zeros(len - ZEROS_MAX));
                }
                Ok(Some(vec![0; len.min(ZEROS_MAX) as usize]))
            }
            Some(Part::Segment(entry)) => {
                let extent = entry.extent();
                let bytes = self.db.bytes.read(ByteRange::new(extent.offset, extent.len)).await?;
                let report = verify_segment(&bytes, &entry, Level::Checksums, None);
                match report.findings.iter().next() {
                    None => Ok(Some(bytes)),
                    Some(finding) => Err(Error::damaged(format!(
                        "the database is damaged, so no copy of it was made: {finding}; verify lists everything"
                    ))),
                }
            }
        }
    }
}
