//! The history that a repository holds: its records read once, and moments found in it.
use super::objects::Objects;
use crate::error::{At, Result};
use chronicle_core::backup::repository::{
    AssembledLog, EntryRecord, Leg, LogAssembly, Moment, MoveTable, PointRecord, Resolved, RestoreFrom,
    SpanEnd, Timeline, last_commit_until,
};
use chronicle_core::head::Position;
use chronicle_core::ids::Lineage;

/// Every record, and where moved segments lie.
pub(super) struct History<'a> {
    objects: &'a Objects,
    pub(super) timeline: Timeline,
    pub(super) moves: MoveTable,
}

impl<'a> History<'a> {
    /// Reads all records. Damaged ones are kept as damage, claims without a record are nobody's points.
    pub(super) fn read(objects: &'a Objects) -> Result<Self> {
        let entries = objects.entries()?;
        let moves = entries.iter().rev().find_map(|(_, record)| match record {
            Some(Ok(EntryRecord::Moves(moves))) => Some(moves),
            _ => None,
        });
        let moves = moves.map(|moves| objects.moves(moves)).transpose()?.unwrap_or_default();
        Ok(Self { timeline: objects.timeline_of(entries)?, objects, moves })
    }

    /// Where a restore to a moment starts, and what it replays.
    pub(super) fn resolve(&self, moment: &Moment) -> Result<RestoreFrom> {
        match self.timeline.resolve(moment).at(|| self.objects.place())? {
            Resolved::Restore(from) => Ok(*from),
            Resolved::Scan(scan) => {
                let lineage = self.timeline.newest().map(|point| point.point.lineage).unwrap_or_default();
                let bytes = self.objects.log(&scan.log)?;
                let found = last_commit_until(lineage, &scan.log, &bytes, scan.time_ns, scan.lsn_max)
                    .at(|| self.objects.place())?;
                self.timeline.scanned(&scan, found).at(|| self.objects.place())
            }
        }
    }

    /// The newest record that says what there is at a moment.
    pub(super) fn told(&self, at: &SpanEnd) -> Option<&PointRecord> {
        let is_it = |point: &&PointRecord| (point.point.epoch, point.point.lsn) == (at.epoch, at.lsn);
        self.timeline.points().iter().rev().find(is_it)
    }
}

/// The log files of a moment, one for each epoch that is passed: `after` is where the point's lists end.
pub(super) fn assemble(
    objects: &Objects,
    lineage: Lineage,
    mut after: Position,
    legs: &[Leg],
) -> Result<Vec<(Leg, AssembledLog)>> {
    let mut assembled = Vec::new();
    for leg in legs {
        let mut assembly = LogAssembly::new(lineage, leg.identity.epoch, after, leg.until);
        for log in &leg.logs {
            assembly.add(log, &objects.log(log)?).at(|| objects.place())?;
        }
        let log = assembly.finish().at(|| objects.place())?;
        after = log.end;
        assembled.push((leg.clone(), log));
    }
    Ok(assembled)
}
