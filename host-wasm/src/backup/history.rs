//! History: the records of a repository, as far as they were read, and moments found in it.
use super::objects::Objects;
use chronicle_core::backup::repository::{
    AssembledLog, Claimed, Entry, EntryKind, Inventory, Leg, LogAssembly, Manifest, Moment, MoveTable,
    NewestSearch, PointNumber, PointRecord, Resolved, RestoreFrom, Scout, ScoutStep, SearchStep, SpanEnd,
    Timeline, claim_name,
};
use chronicle_core::error::{At, Error, ErrorKind, Result};

/// Log that is held in memory while it is replayed.
const LOG_BYTES_MAX: u64 = 256 << 20;

pub(crate) struct History {
    pub(crate) timeline: Timeline,
    pub(crate) inventory: Inventory,
    pub(super) moves: MoveTable,
}

impl History {
    /// Finds where a restore to a moment starts, and what it replays. Reads a few records, however many there are; where
    /// those don't add up to the moment, all of them, and only they say that it can't be restored.
    pub(super) async fn find(objects: &Objects, moment: &Moment) -> Result<(Self, RestoreFrom)> {
        if let Some(records) = scout(objects, moment).await?
            && let Ok(history) = Self::of(objects, records).await
            && let Ok(from) = history.resolve(objects, moment).await
        {
            return Ok((history, from));
        }
        let history = Self::read(objects).await?;
        let from = history.resolve(objects, moment).await?;
        Ok((history, from))
    }

    /// Reads all records. Damaged ones are kept as damage, claims without a record are nobody's points.
    pub(crate) async fn read(objects: &Objects) -> Result<Self> {
        let manifest = objects.manifest().await;
        let newest = newest_from(objects, manifest.as_ref()).await?;
        let mut entries = Vec::new();
        for number in 0..newest.map_or(0, |newest| newest + 1) {
            let entry = claimed(objects, number).await?;
            entries.push((entry, objects.record(entry).await?));
        }
        let hinted = manifest.into_iter().flat_map(|manifest| manifest.points).map(|point| point.entry);
        let lost = Inventory::new(entries.iter().cloned()).lost(hinted);
        for (entry, record) in entries.iter_mut().filter(|(entry, _)| lost.contains(entry)) {
            let error = Error::damaged("its record is gone, though others name this entry");
            *record = Some(Err(error.at(entry.record()).at(objects.place())));
        }
        Self::of(objects, entries).await
    }

    async fn of(objects: &Objects, records: Vec<Claimed>) -> Result<Self> {
        let inventory = Inventory::new(records.iter().cloned());
        let moves = match inventory.newest_moves() {
            Some(moves) => MoveTable::new(moves, objects.list(&moves.segments).await?),
            None => MoveTable::default(),
        };
        let kept = match inventory.newest_prune() {
            Some(mark) => objects.list(&mark.kept).await?,
            None => Vec::new(),
        };
        let read = records.into_iter().filter_map(|(entry, record)| Some((entry, record?)));
        let timeline = Timeline::new(read, &kept).at(|| objects.place())?.without(inventory.condemned());
        Ok(Self { timeline, inventory: inventory.with_pages(kept, moves.clone()), moves })
    }

    async fn resolve(&self, objects: &Objects, moment: &Moment) -> Result<RestoreFrom> {
        match self.timeline.resolve(moment).at(|| objects.place())? {
            Resolved::Restore(from) => Ok(*from),
            Resolved::Scan(scan) => {
                let lineage = self.timeline.newest().map(|point| point.point.lineage).unwrap_or_default();
                let mut found = None;
                objects
                    .each_frame(lineage, &scan.log, &mut |frame, _, _| {
                        found = scan.holds(frame).or(found);
                        Ok(())
                    })
                    .await?;
                self.timeline.scanned(&scan, found).at(|| objects.place())
            }
        }
    }

    /// The newest record that says what there is at a moment.
    pub(super) fn told(&self, at: &SpanEnd) -> Option<&PointRecord> {
        let is_it = |point: &&PointRecord| (point.point.epoch, point.point.lsn) == (at.epoch, at.lsn);
        self.timeline.points().iter().rev().find(is_it)
    }
}

/// The few records that a moment is looked for in; `None` where it would be many.
async fn scout(objects: &Objects, moment: &Moment) -> Result<Option<Vec<Claimed>>> {
    let manifest = objects.manifest().await;
    let Some(newest) = newest_from(objects, manifest.as_ref()).await? else { return Ok(None) };
    let mut scout = Scout::new(moment, newest, manifest);
    loop {
        match scout.step() {
            // A record that is gone may be damage; the full look tells.
            ScoutStep::Done => {
                return Ok(
                    Some(scout.finish()).filter(|records| records.iter().all(|(_, record)| record.is_some()))
                );
            }
            ScoutStep::GiveUp => return Ok(None),
            ScoutStep::Read { number, guess } => {
                scout.answer(number, record_of(objects, number, guess).await?);
            }
        }
    }
}

/// The newest claimed number, looked for from where a manifest says.
async fn newest_from(objects: &Objects, manifest: Option<&Manifest>) -> Result<Option<PointNumber>> {
    let mut search = NewestSearch::new(manifest.map(|manifest| manifest.newest_number));
    loop {
        match search.next() {
            SearchStep::Found(newest) => return Ok(newest),
            SearchStep::Ask(number) => search.answer(objects.is_claimed(number).await?),
        }
    }
}

/// The record of a claimed number. Its claim is read only where there is none under the name that is likely.
async fn record_of(objects: &Objects, number: PointNumber, guess: Option<Entry>) -> Result<Claimed> {
    let usual = Entry::new(if number == 0 { EntryKind::Base } else { EntryKind::Delta }, number);
    let guess = guess.filter(|guess| guess.number == number).unwrap_or(usual);
    if let Some(record) = objects.record(guess).await? {
        return Ok((guess, Some(record)));
    }
    let entry = claimed(objects, number).await?;
    let record = if entry == guess { None } else { objects.record(entry).await? };
    Ok((entry, record))
}

async fn claimed(objects: &Objects, number: PointNumber) -> Result<Entry> {
    objects.claim(number).await?.map(|claim| claim.entry).ok_or_else(|| {
        Error::damaged("the claim is gone, though its record or later numbers are there: `chronicle backup repair` puts it back")
            .at(claim_name(number))
            .at(objects.place())
    })
}

/// The log files of a moment, one for each epoch that is passed, in memory.
pub(super) async fn assemble(
    objects: &Objects,
    start: &PointRecord,
    legs: &[Leg],
) -> Result<Vec<(Leg, AssembledLog)>> {
    let logs = legs.iter().flat_map(|leg| &leg.logs);
    let bytes = logs.fold(0u64, |sum, log| sum.saturating_add(log.len));
    if bytes > LOG_BYTES_MAX {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("{bytes} bytes of log lie between this moment and the state it starts from, and at most {LOG_BYTES_MAX} are read here: choose the moment of a point, or restore it natively"),
        )
        .at(objects.place()));
    }
    let (lineage, mut after) = (start.point.lineage, start.checkpoint);
    let mut assembled = Vec::new();
    for leg in legs {
        let mut assembly = LogAssembly::new(lineage, leg.identity.epoch, after, leg.until);
        for log in &leg.logs {
            // Says that a log before it is missing, before any of it is read.
            drop(assembly.begin(log, log.len).at(|| objects.place())?);
            objects
                .each_frame(lineage, log, &mut |frame, before, raw| assembly.take(frame, before, raw))
                .await?;
        }
        let log = assembly.finish().at(|| objects.place())?;
        after = log.end;
        assembled.push((leg.clone(), log));
    }
    Ok(assembled)
}
