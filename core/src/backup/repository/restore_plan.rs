//! Restore plan: what is read, from which objects, and what the new `data.db` and its log are, before a byte is fetched.
//!
//! The new file is the point's container written down; however many deltas there are, each byte is read once. The log is
//! assembled beside it, one file for each epoch that is passed; folding it in is what any restore does.
use super::container::PointContainer;
use super::ground::MoveTable;
use super::list::PointLists;
use super::log_assembly::{AssembledLog, Leg, LogAssembly};
use super::log_object::LogObject;
use super::name::{Entry, ObjectName};
use super::resolve::RestoreFrom;
use super::timeline::SpanEnd;
use crate::error::Result;
use crate::head::Position;
use crate::ids::Lineage;
use crate::text::human_bytes;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

/// A restore, decided.
#[derive(Clone, Debug)]
pub struct RestorePlan {
    /// The new `data.db` as it is before the log is folded in.
    pub container: PointContainer,
    /// The log objects to replay over it, in order.
    pub legs: Vec<Leg>,
    /// The point that it starts from.
    pub start: Entry,
    /// The moment.
    pub at: SpanEnd,
    checkpoint: Position,
    lineage: Lineage,
}

impl RestorePlan {
    /// Of a moment ([`super::Timeline::resolve`]); `lists` are those of its start.
    pub fn new(from: &RestoreFrom, lists: &PointLists, moves: &MoveTable, lineage: Lineage) -> Result<Self> {
        Ok(Self {
            container: PointContainer::new(&from.start, lists, moves)?,
            legs: from.legs.clone(),
            start: from.start.entry,
            at: from.at,
            checkpoint: from.start.checkpoint,
            lineage,
        })
    }

    /// The log files, each with its leg; `fetch` gives the bytes of a log object. The first one belongs beside `data.db`
    /// under its name; [`super::replay_legs`] replays all.
    pub fn assemble<'a>(
        &self,
        mut fetch: impl FnMut(&LogObject) -> Result<&'a [u8]>,
    ) -> Result<Vec<(Leg, AssembledLog)>> {
        let (mut after, mut assembled) = (self.checkpoint, Vec::new());
        for leg in &self.legs {
            let mut assembly = LogAssembly::new(self.lineage, leg.identity.epoch, after, leg.until);
            for log in &leg.logs {
                assembly.add(log, fetch(log)?)?;
            }
            let log = assembly.finish()?;
            after = log.end;
            assembled.push((leg.clone(), log));
        }
        Ok(assembled)
    }

    /// Bytes that are read of each object.
    pub fn reads(&self) -> BTreeMap<ObjectName, u64> {
        let mut reads: BTreeMap<ObjectName, u64> = BTreeMap::new();
        for (at, _) in self.container.copies() {
            *reads.entry(at.object).or_default() += at.range.len;
        }
        for log in self.legs.iter().flat_map(|leg| &leg.logs) {
            *reads.entry(log.name()).or_default() += log.len;
        }
        reads
    }
}

/// What will be read and written: printed by `--dry-run`.
impl fmt::Display for RestorePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reads = self.reads();
        writeln!(f, "restore to {}, epoch {}", self.at, self.at.epoch)?;
        writeln!(f, "  from {}, whose lists end with LSN {}", self.start, self.checkpoint.lsn)?;
        for (name, bytes) in &reads {
            writeln!(f, "  {:<46} {}", alloc::format!("{name}"), human_bytes(*bytes))?;
        }
        write!(
            f,
            "  {} of {} objects for a data.db of {}",
            human_bytes(reads.values().sum()),
            reads.len(),
            human_bytes(self.container.file_len())
        )
    }
}
