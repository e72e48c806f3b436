//! Ship row: the objects that were shipped behind a point, one after the other, and when they are needed no more.
//!
//! A row begins with the commit behind the point and has no hole, by LSN and chain. So it adds moments to the timeline as any log
//! does. It is needed until a later point brought the same frames.
use super::log_object::LogObject;
use super::name::Entry;
use super::point_record::PointRecord;
use super::ship_record::ShipRecord;
use super::timeline::Timeline;
use crate::error::{At, Error, Result};
use crate::ids::{Chain, Lsn};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// What was shipped behind `point`, in order of sequence, as log objects: as far as each follows the one before, and what is wrong
/// with the first that does not.
pub fn follow(
    point: &PointRecord,
    row: impl IntoIterator<Item = Result<ShipRecord>>,
) -> (Vec<LogObject>, Option<Error>) {
    let mut logs: Vec<LogObject> = Vec::new();
    let mut at = (point.point.lsn, point.point.chain);
    for ship in row {
        match ship.and_then(|ship| next(point, at, &ship)) {
            Ok(log) => {
                at = (log.last_lsn, log.chain);
                logs.push(log);
            }
            Err(error) => return (logs, Some(error)),
        }
    }
    (logs, None)
}

fn next(point: &PointRecord, (lsn, chain): (Lsn, Chain), ship: &ShipRecord) -> Result<LogObject> {
    let log = ship.log;
    let wrong =
        if (log.home, ship.lineage, log.epoch) != (point.entry, point.point.lineage, point.point.epoch) {
            "it is of another history than the point that it lies behind"
        } else if Some(log.first_lsn) != lsn.checked_add(1) || log.after_chain != chain {
            "it does not follow the commit before it"
        } else {
            return Ok(log);
        };
    Err(Error::damaged(wrong)).at(|| log.name())
}

/// The points behind which there may be frames that nothing else holds: of each epoch the newest two, since frames may still lie
/// behind the older one while those behind the newer are being shipped; and those behind which a gap follows.
pub fn points_with_ships(timeline: &Timeline) -> Vec<PointRecord> {
    let mut newest: BTreeMap<_, Vec<Entry>> = BTreeMap::new();
    for point in timeline.points() {
        newest.entry(point.point.epoch).or_default().push(point.entry);
    }
    let before_gap: Vec<Entry> = timeline
        .points()
        .iter()
        .filter(|point| point.gap.is_some())
        .filter_map(|point| point.previous.map(|previous| previous.entry))
        .collect();
    let is_newest = |point: &PointRecord| {
        newest
            .get(&point.point.epoch)
            .is_some_and(|points| points.iter().rev().take(2).any(|e| *e == point.entry))
    };
    let points = timeline.points().iter();
    points.filter(|point| is_newest(point) || before_gap.contains(&point.entry)).cloned().collect()
}

/// Whether the row that ends with `last` is needed no more. Its point is gone, or continued without a gap; and the history goes on
/// at least as far without it: in a row behind a later point, which is where a stream ships once it left this one; or in two later
/// points, which no stream lets pass without leaving. The timeline must be read after the row was found.
pub fn is_superseded(timeline: &Timeline, last: &LogObject) -> bool {
    let (home, epoch) = (last.home, last.epoch);
    if timeline.damaged().iter().any(|(damaged, _)| *damaged == home) {
        return false;
    }
    let later: Vec<&PointRecord> = timeline
        .points()
        .iter()
        .filter(|point| point.point.epoch == epoch && point.number() > home.number)
        .collect();
    let is_gone = !timeline.points().iter().any(|point| point.entry == home);
    let continues = |point: &&PointRecord| {
        point.gap.is_none() && point.previous.is_some_and(|previous| previous.entry == home)
    };
    // Of the newest two a prune takes none that has a row: one that is gone was passed.
    let is_passed =
        (is_gone || later.len() >= 2) && later.iter().any(|point| point.point.lsn >= last.last_lsn);
    let is_left =
        timeline.shipped(epoch).any(|log| log.home.number > home.number && log.last_lsn >= last.last_lsn);
    (is_gone || later.iter().any(continues)) && (is_left || is_passed)
}

/// The points that a prune must not take because frames lie behind them: of each epoch the newest two, of those in `rows`.
pub fn held_by_rows<'a>(
    points: impl DoubleEndedIterator<Item = &'a PointRecord>,
    rows: &[Entry],
) -> Vec<Entry> {
    let mut seen: BTreeMap<_, u32> = BTreeMap::new();
    let mut held = Vec::new();
    for point in points.rev() {
        let count = seen.entry(point.point.epoch).or_default();
        *count += 1;
        if *count <= 2 && rows.contains(&point.entry) {
            held.push(point.entry);
        }
    }
    held
}
