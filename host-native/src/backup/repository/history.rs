//! The history that a repository holds, as far as its records were read, and moments found in it.
use super::objects::Objects;
use crate::error::{At, Error, ErrorKind, Result};
use chronicle_core::backup::repository::{
    AssembledLog, Claimed, EntryRecord, Leg, LogAssembly, Moment, MoveTable, PointRecord, Resolved,
    RestoreFrom, Scout, ScoutStep, SpanEnd, Timeline,
};
use chronicle_core::head::Position;
use chronicle_core::ids::Lineage;

/// Log that a reader in place holds in memory while it is replayed.
const LOG_BYTES_MAX: u64 = 512 << 20;

/// Records of a repository, and where moved segments lie.
pub(super) struct History<'a> {
    objects: &'a Objects,
    pub(super) timeline: Timeline,
    pub(super) moves: MoveTable,
    /// Not every record was read.
    pub(super) is_partial: bool,
}

impl<'a> History<'a> {
    /// Reads all records. Damaged ones are kept as damage, claims without a record are nobody's points.
    pub(super) fn read(objects: &'a Objects) -> Result<Self> {
        Self::of(objects, objects.entries()?)
    }

    /// Finds where a restore to a moment starts, and what it replays. Reads a few records, however many there are; where those
    /// don't add up to the moment, all of them, and only they say that it can't be restored.
    pub(super) fn find(objects: &'a Objects, moment: &Moment) -> Result<(Self, RestoreFrom)> {
        if let Some(records) = scout(objects, moment)?
            && let Ok(history) = Self::of(objects, records)
            && let Ok(from) = history.resolve(moment)
        {
            return Ok((Self { is_partial: true, ..history }, from));
        }
        let history = Self::read(objects)?;
        let from = history.resolve(moment)?;
        Ok((history, from))
    }

    fn of(objects: &'a Objects, records: Vec<Claimed>) -> Result<Self> {
        let moves = records.iter().rev().find_map(|(_, record)| match record {
            Some(Ok(EntryRecord::Moves(moves))) => Some(moves),
            _ => None,
        });
        let moves = moves.map(|moves| objects.moves(moves)).transpose()?.unwrap_or_default();
        Ok(Self { timeline: objects.timeline_of(records)?, objects, moves, is_partial: false })
    }

    /// Where a restore to a moment starts, and what it replays, as far as the records that were read tell.
    pub(super) fn resolve(&self, moment: &Moment) -> Result<RestoreFrom> {
        resolve(self.objects, &self.timeline, moment)
    }

    /// The newest record that says what there is at a moment.
    pub(super) fn told(&self, at: &SpanEnd) -> Option<&PointRecord> {
        let is_it = |point: &&PointRecord| (point.point.epoch, point.point.lsn) == (at.epoch, at.lsn);
        self.timeline.points().iter().rev().find(is_it)
    }
}

/// Where a restore to a moment starts, and what it replays, by a timeline.
pub(super) fn resolve(objects: &Objects, timeline: &Timeline, moment: &Moment) -> Result<RestoreFrom> {
    match timeline.resolve(moment).at(|| objects.place())? {
        Resolved::Restore(from) => Ok(*from),
        Resolved::Scan(scan) => {
            let lineage = timeline.newest().map(|point| point.point.lineage).unwrap_or_default();
            let mut found = None;
            let stream = objects.log_stream(lineage, &scan.log)?;
            objects.each_frame(&scan.log, stream, &mut |frame, _, _| {
                found = scan.holds(frame).or(found);
                Ok(())
            })?;
            timeline.scanned(&scan, found).at(|| objects.place())
        }
    }
}

/// The few records that a moment is looked for in; `None` where it would be many.
fn scout(objects: &Objects, moment: &Moment) -> Result<Option<Vec<Claimed>>> {
    let manifest = objects.manifest();
    let Some(newest) = objects.newest_from(manifest.as_ref())? else { return Ok(None) };
    let mut scout = Scout::new(moment, newest, manifest);
    loop {
        match scout.step() {
            ScoutStep::Done => {
                let mut records = scout.finish();
                objects.find_lost(&mut records);
                return Ok(Some(records));
            }
            ScoutStep::GiveUp => return Ok(None),
            ScoutStep::Read { number, guess } => {
                scout.answer(number, objects.record_of(number, guess)?);
            }
        }
    }
}

/// The log files of a moment, one for each epoch that is passed, in memory: `after` is where the point's lists end.
/// `LimitExceeded` where that is too much for a reader.
pub(super) fn assemble(
    objects: &Objects,
    lineage: Lineage,
    mut after: Position,
    legs: &[Leg],
) -> Result<Vec<(Leg, AssembledLog)>> {
    let logs = legs.iter().flat_map(|leg| &leg.logs);
    let bytes = logs.fold(0u64, |sum, log| sum.saturating_add(log.len));
    if bytes > LOG_BYTES_MAX {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "{bytes} bytes of log lie between this moment and the state it starts from, and at most {LOG_BYTES_MAX} are \
                 read in place: restore it, or choose the moment of a point (`chronicle backup list`)"
            ),
        )
        .at(objects.place()));
    }
    let mut assembled = Vec::new();
    for leg in legs {
        let mut assembly = LogAssembly::new(lineage, leg.identity.epoch, after, leg.until);
        for log in &leg.logs {
            let stream = assembly.begin(log, objects.log_len(log)?).at(|| objects.place())?;
            objects.each_frame(log, stream, &mut |frame, before, raw| assembly.take(frame, before, raw))?;
        }
        let log = assembly.finish().at(|| objects.place())?;
        after = log.end;
        assembled.push((leg.clone(), log));
    }
    Ok(assembled)
}
