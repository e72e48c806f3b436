//! What a salvage finds in a repository: the newest lists that can be read at or before the moment, every segment that they name, and
//! every commit behind them, from whichever log holds it.
use super::history::resolve;
use super::objects::Objects;
use super::salvage_bytes::whatever_is_left;
use super::survey::{Survey, damage};
use super::verify::Repository;
use crate::backup::salvage::{Losses, Material, Overlay, Piece, SegmentBytes, place_of};
use crate::destination::{ObjectName, objects as listed};
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::backup::repository::{
    Entry, EntryRecord, KeptObject, ListItem, ListPageRef, LocatedSegment, LogObject, MetricName, Moment,
    ObjectFile, ObjectName as Name, PointLists, PointRecord, RestoreFrom, Timeline,
};
use chronicle_core::format::Tombstone;
use chronicle_core::ids::{Epoch, Lineage, Lsn};
use chronicle_core::source::ByteRange;
use std::collections::BTreeMap;

/// Gathers everything for a moment. `NotRestorable` where no record of a point can be read, or none leads to the moment.
pub(in crate::backup) fn gather(repository: &Repository, moment: &Moment) -> Result<Material<'static>> {
    let objects = repository.objects();
    let survey = Survey::read(objects)?;
    let mut losses = Losses::default();
    let damaged: Vec<Entry> = survey
        .inventory
        .damaged()
        .iter()
        .filter(|(entry, _)| entry.kind.is_point())
        .map(|(entry, error)| {
            losses.of(entry.record(), format_args!("{}: what only it names is not found", error.message()));
            *entry
        })
        .collect();
    let mut search = Search::new(&survey, objects)?;
    let (from, lists) = search.start(objects, moment, &mut losses)?;
    let mut overlay = Overlay::new(from.start.checkpoint);
    let lineage = from.start.point.lineage;
    for leg in &from.legs {
        search.follow(objects, &mut overlay, lineage, leg.identity.epoch, leg.until)?;
        if overlay.at.lsn < leg.until {
            losses.of(
                format_args!("log of epoch {}", leg.identity.epoch),
                format_args!("commits {} to {} are lost", overlay.at.lsn.saturating_add(1), from.at.lsn),
            );
            break;
        }
    }
    if *moment == Moment::Latest && overlay.at.lsn == from.at.lsn {
        // The newest point may be one whose record is gone: its log says so itself, by its chain.
        follow_unnamed(objects, &mut overlay, lineage, from.at.epoch, &damaged)?;
    }
    let (mut segments, mut places) = (Vec::new(), Vec::new());
    for listed in &lists.segments {
        match survey.inventory.moves().locate(listed) {
            Ok(located) => {
                let place = place_of(located.home, located.entry.summary.identity);
                places.push((located.home.container(), located.entry.extent()));
                segments.push(Piece { entry: located.entry, place });
            }
            Err(error) => losses.of(listed.home.container(), error.message()),
        }
    }
    Ok(Material {
        settings: overlay.settings.unwrap_or(from.start.settings),
        metrics: lists.metrics.into_iter().map(|name| name.0).collect(),
        tombstones: lists.tombstones,
        segments,
        bytes: Box::new(Containers { objects: objects.clone(), places }),
        end: overlay.at,
        overlay,
        losses,
    })
}

/// Records that are tried, and every log object that any record names.
struct Search {
    records: BTreeMap<Entry, EntryRecord>,
    kept: Vec<KeptObject>,
    logs: Vec<LogObject>,
}

impl Search {
    fn new(survey: &Survey, objects: &Objects) -> Result<Self> {
        let records: BTreeMap<Entry, EntryRecord> = survey
            .entries
            .iter()
            .filter_map(|(entry, record)| Some((*entry, record.as_ref()?.as_ref().ok()?.clone())))
            .collect();
        let kept = objects.kept(&survey.inventory).or_else(|error| damage(error).map(|_| Vec::new()))?;
        let named = records.values().filter_map(EntryRecord::as_point);
        let mut logs: Vec<LogObject> =
            named.flat_map(|point| point.replay.iter().chain(&point.log)).copied().collect();
        logs.extend(kept.iter().filter_map(|object| match object {
            KeptObject::Log(log) => Some(*log),
            KeptObject::Container(_) => None,
        }));
        logs.sort_by_key(|log| (log.last_lsn, log.first_lsn));
        logs.dedup();
        Ok(Self { records, kept, logs })
    }

    /// The newest start whose lists can be read whole; where none is, the newest with what can be read of them.
    fn start(
        &mut self,
        objects: &Objects,
        moment: &Moment,
        losses: &mut Losses,
    ) -> Result<(RestoreFrom, PointLists)> {
        let (mut moment, mut first) = (*moment, None::<RestoreFrom>);
        loop {
            let records = self.records.iter().map(|(entry, record)| (*entry, Ok(record.clone())));
            let timeline = Timeline::new(records, &self.kept)?;
            let from = match (resolve(objects, &timeline, &moment), first.as_ref()) {
                (Ok(from), _) => from,
                (Err(error), None) => return Err(error),
                (Err(_), Some(first)) => {
                    return Ok((first.clone(), readable(objects, &first.start, losses)?));
                }
            };
            match objects.lists(&from.start) {
                Ok(lists) => return Ok((from, lists)),
                Err(error) => {
                    damage(error)?;
                    // Its lists are lost, its logs are not: an older point and they lead to the same moment.
                    self.records.remove(&from.start.entry);
                    let logs = from.start.replay.iter().chain(&from.start.log).copied();
                    self.kept.extend(logs.map(KeptObject::Log));
                    moment = Moment::Lsn { lsn: from.at.lsn, epoch: Some(from.at.epoch) };
                    first.get_or_insert(from);
                }
            }
        }
    }

    /// Takes commits of an epoch up to one of them, from any log object that has the next one.
    fn follow(
        &self,
        objects: &Objects,
        overlay: &mut Overlay,
        lineage: Lineage,
        epoch: Epoch,
        until: Lsn,
    ) -> Result<()> {
        loop {
            let at = overlay.at.lsn;
            let next = |log: &&LogObject| {
                log.epoch == epoch && log.first_lsn <= at.saturating_add(1) && log.last_lsn > at
            };
            if at >= until {
                return Ok(());
            }
            let mut found = false;
            for log in self.logs.iter().rev().filter(next) {
                let bytes = whatever_is_left(objects, log.name(), ByteRange::new(0, log.len))?;
                if overlay.extend(lineage, epoch, log.first_lsn, &bytes, until) {
                    found = true;
                    break;
                }
            }
            if !found {
                return Ok(());
            }
        }
    }
}

/// Goes on with logs that lie below entries without a readable record, as far as their chains follow.
fn follow_unnamed(
    objects: &Objects,
    overlay: &mut Overlay,
    lineage: Lineage,
    epoch: Epoch,
    damaged: &[Entry],
) -> Result<()> {
    let mut logs = Vec::new();
    for entry in damaged {
        let folder = ObjectName::new(entry.to_string())?;
        let found = objects.retry(|it| listed(it, Some(&folder)).collect::<Result<Vec<_>>>())?;
        for object in found {
            if let Some(name) = Name::parse(object.name.as_str())
                && let ObjectFile::Log(first_lsn) = name.file
            {
                logs.push((first_lsn, name, object.len));
            }
        }
    }
    logs.sort_unstable();
    for (first_lsn, name, len) in logs {
        let bytes = whatever_is_left(objects, name, ByteRange::new(0, len))?;
        overlay.extend(lineage, epoch, first_lsn, &bytes, Lsn::MAX);
    }
    Ok(())
}

/// What can be read of a point's lists, page by page.
fn readable(objects: &Objects, point: &PointRecord, losses: &mut Losses) -> Result<PointLists> {
    let mut lists = PointLists::default();
    for page in &point.lists.segments {
        match read_page::<LocatedSegment>(objects, page)? {
            Ok(items) => lists.segments.extend(items),
            Err(error) => {
                losses.of(page.name(), format_args!("{} segments: {}", page.items, error.message()));
                losses.is_inexact = true;
            }
        }
    }
    for page in &point.lists.tombstones {
        match read_page::<Tombstone>(objects, page)? {
            Ok(items) => lists.tombstones.extend(items),
            Err(error) => {
                losses.of(page.name(), format_args!("{} deletions: {}", page.items, error.message()));
                losses.is_inexact = true;
            }
        }
    }
    for page in &point.lists.metrics {
        match read_page::<MetricName>(objects, page)? {
            Ok(items) => lists.metrics.extend(items),
            Err(error) => {
                losses.of(page.name(), format_args!("names of {} metrics: {}", page.items, error.message()));
                lists.metrics.extend((0..page.items).map(|_| MetricName(String::new())));
            }
        }
    }
    Ok(lists)
}

fn read_page<T: ListItem>(objects: &Objects, page: &ListPageRef) -> Result<Result<Vec<T>>> {
    match objects.list(std::slice::from_ref(page)) {
        Ok(items) => Ok(Ok(items)),
        // A header that is damaged may look as one for other keys: the record named the page, and that was opened.
        Err(error) if error.kind() == ErrorKind::Permission && objects.is_encrypted() => Ok(Err(error)),
        Err(error) => damage(error).map(Err),
    }
}

/// Containers of a repository.
struct Containers {
    objects: Objects,
    places: Vec<(Name, ByteRange)>,
}

impl SegmentBytes for Containers {
    fn read(&self, number: usize) -> Result<Vec<u8>> {
        let (name, range) = self.places.get(number).ok_or_else(|| Error::damaged("no such segment"))?;
        whatever_is_left(&self.objects, *name, *range)
    }
}
