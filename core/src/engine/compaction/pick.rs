//! Choosing what to compact.
use crate::engine::checkpoint::applies;
use crate::engine::expiry::trims;
use crate::format::{SegmentEntry, Tombstone};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Runs that are merged at least, unless everything is.
const RUNS_MIN: usize = 4;
/// Runs that are merged at most, so that a compaction stays short.
const RUNS_MAX: usize = 16;
/// Runs whose sizes differ by more than this factor are not merged: the large one would be rewritten for little.
const SIZE_FACTOR: u64 = 8;
/// A run over several partitions is cut at partition boundaries into runs of at least this many points. Below it a
/// segment of its own would cost more in padding and short blocks than dropping whole partitions saves.
pub(super) const PARTITION_POINTS_MIN: u64 = 1 << 20;

/// Segments that were made together.
#[derive(Clone, Debug)]
struct Run {
    lsn_min: u64,
    lsn_max: u64,
    partitions: (i64, i64),
    points: u64,
    entries: Vec<SegmentEntry>,
}

/// What has to be rewritten so that no two runs share a partition, no deletion is left to carry out and at most one run is
/// small. `None` when that is so.
pub(super) fn everything(entries: &[SegmentEntry], tombstones: &[Tombstone]) -> Option<Vec<SegmentEntry>> {
    let runs = runs(entries);
    let several_small = runs.iter().filter(|run| is_small(run)).count() > 1;
    let has_work = |run: &&Run| {
        runs.iter().any(|other| !same(other, run) && meet(other.partitions, run.partitions))
            || (several_small && is_small(run))
            || tombstones.iter().any(|tombstone| run.entries.iter().any(|entry| applies(tombstone, entry)))
    };
    let chosen: Vec<Run> = runs.iter().filter(has_work).cloned().collect();
    let until = newest(tombstones, &chosen, applies);
    (!chosen.is_empty()).then(|| entries_of(closure(&runs, chosen, until)))
}

/// The commits for which what is made of `inputs` stands end here: at the newest deletion that was carried out, so that
/// nobody has to carry it out again, but before any later commit that may hold points of the same partitions.
pub(super) fn reach(entries: &[SegmentEntry], inputs: &[SegmentEntry], tombstones: &[Tombstone]) -> u64 {
    let lsn_max = inputs.iter().map(|entry| entry.summary.lsn_max).max().unwrap_or(1);
    let first = inputs.iter().map(|entry| entry.partition_min).min().unwrap_or(0);
    let last = inputs.iter().map(|entry| entry.partition_max).max().unwrap_or(0);
    let carried_out =
        tombstones.iter().filter(|tombstone| inputs.iter().any(|entry| applies(tombstone, entry)));
    let newest = carried_out.map(|tombstone| tombstone.lsn).max().unwrap_or(0);
    let later = entries.iter().filter(|entry| {
        entry.summary.lsn_min > lsn_max && meet((entry.partition_min, entry.partition_max), (first, last))
    });
    let bound = later.map(|entry| entry.summary.lsn_min - 1).min().unwrap_or(u64::MAX);
    lsn_max.max(newest.min(bound))
}

/// The next compaction that is due: neighbours of similar size, the smallest first; else a run that a deletion empties.
/// With `trim`, also a run of which an expiry takes a part, so that its size tells what is kept.
pub(super) fn next(
    entries: &[SegmentEntry],
    tombstones: &[Tombstone],
    trim: bool,
) -> Option<Vec<SegmentEntry>> {
    let names: fn(&Tombstone, &SegmentEntry) -> bool = if trim { trims_or_empties } else { empties };
    let runs = runs(entries);
    let merges = windows(&runs).map(|window| closure(&runs, window, 0));
    let merges = merges.filter(|merge| merge.len() <= 2 * RUNS_MAX && are_similar(merge));
    let due = merges.min_by_key(|merge| merge.iter().map(|run| run.points).sum::<u64>()).or_else(|| {
        let named = |run: &&Run| {
            run.entries.iter().any(|entry| tombstones.iter().any(|tombstone| names(tombstone, entry)))
        };
        let run = runs.iter().find(named)?;
        let chosen = alloc::vec![run.clone()];
        let until = newest(tombstones, &chosen, names);
        Some(closure(&runs, chosen, until))
    })?;
    Some(entries_of(due))
}

/// Neighbours in LSN of similar size that share a partition or are small.
fn windows(runs: &[Run]) -> impl Iterator<Item = Vec<Run>> {
    runs.windows(RUNS_MIN).enumerate().filter_map(|(start, window)| {
        let first = window.first()?;
        let related = |run: &Run| meet(run.partitions, first.partitions) || is_small(run);
        if !are_similar(window) || !window.iter().all(related) {
            return None;
        }
        let mut end = start + RUNS_MIN;
        while end < runs.len()
            && end - start < RUNS_MAX
            && are_similar(runs.get(start..=end)?)
            && related(runs.get(end)?)
        {
            end += 1;
        }
        runs.get(start..end).map(<[Run]>::to_vec)
    })
}

/// `chosen` and every run that lies between them in LSN, or from them to `until`, and may hold points of the same
/// partitions: without it the order of commits would be lost.
fn closure(runs: &[Run], mut chosen: Vec<Run>, until: u64) -> Vec<Run> {
    loop {
        let lsn_min = chosen.iter().map(|run| run.lsn_min).min().unwrap_or(0);
        let lsn_max = chosen.iter().map(|run| run.lsn_max).max().unwrap_or(0).max(until);
        let first = chosen.iter().map(|run| run.partitions.0).min().unwrap_or(0);
        let last = chosen.iter().map(|run| run.partitions.1).max().unwrap_or(0);
        let missing = runs.iter().find(|run| {
            let between = run.lsn_min <= lsn_max && lsn_min <= run.lsn_max;
            between && meet(run.partitions, (first, last)) && !chosen.iter().any(|known| same(known, run))
        });
        match missing {
            Some(run) => chosen.push(run.clone()),
            None => {
                chosen.sort_unstable_by_key(|run| run.lsn_min);
                return chosen;
            }
        }
    }
}

fn same(a: &Run, b: &Run) -> bool {
    a.entries.first().map(|entry| entry.offset) == b.entries.first().map(|entry| entry.offset)
}

fn meet(a: (i64, i64), b: (i64, i64)) -> bool {
    a.0 <= b.1 && b.0 <= a.1
}

fn is_small(run: &Run) -> bool {
    run.points < PARTITION_POINTS_MIN
}

fn are_similar(runs: &[Run]) -> bool {
    let most = runs.iter().map(|run| run.points).max().unwrap_or(0);
    let least = runs.iter().map(|run| run.points).min().unwrap_or(0);
    most <= SIZE_FACTOR * least.max(1)
}

fn trims_or_empties(tombstone: &Tombstone, entry: &SegmentEntry) -> bool {
    trims(tombstone, entry) || empties(tombstone, entry)
}

/// A deletion covers the whole time of a segment: rewriting gives space back.
fn empties(tombstone: &Tombstone, entry: &SegmentEntry) -> bool {
    applies(tombstone, entry) && tombstone.time.covers(&entry.summary.time)
}

/// LSN of the newest deletion that `names` a segment of the runs; 0 without one.
fn newest(tombstones: &[Tombstone], runs: &[Run], names: fn(&Tombstone, &SegmentEntry) -> bool) -> u64 {
    let any = |tombstone: &&Tombstone| {
        runs.iter().any(|run| run.entries.iter().any(|entry| names(tombstone, entry)))
    };
    tombstones.iter().filter(any).map(|tombstone| tombstone.lsn).max().unwrap_or(0)
}

fn entries_of(runs: Vec<Run>) -> Vec<SegmentEntry> {
    runs.into_iter().flat_map(|run| run.entries).collect()
}

/// Runs in order of LSN.
fn runs(entries: &[SegmentEntry]) -> Vec<Run> {
    let mut runs: BTreeMap<u64, Run> = BTreeMap::new();
    for entry in entries {
        let summary = &entry.summary;
        let run = runs.entry(entry.run).or_insert(Run {
            lsn_min: summary.lsn_min,
            lsn_max: summary.lsn_max,
            partitions: (entry.partition_min, entry.partition_max),
            points: 0,
            entries: Vec::new(),
        });
        run.lsn_min = run.lsn_min.min(summary.lsn_min);
        run.lsn_max = run.lsn_max.max(summary.lsn_max);
        run.partitions =
            (run.partitions.0.min(entry.partition_min), run.partitions.1.max(entry.partition_max));
        run.points += summary.points;
        run.entries.push(*entry);
    }
    let mut runs: Vec<Run> = runs.into_values().collect();
    runs.sort_by_key(|run| (run.lsn_min, run.partitions));
    runs
}
