//! What can be restored, as a drill's report draws it: points, spans of moments, and the gaps between.
use crate::backup::repository::{Repository, Timeline};
use chronicle_core::backup::SnapshotRecord;
use chronicle_core::ids::{Epoch, Lsn};
use std::path::PathBuf;

/// One line of history: an epoch and those that lead to it.
#[derive(Clone, Debug, Default)]
pub struct RestorableLine {
    /// The epoch that it leads to; empty for snapshots, of which each stands for itself.
    pub epoch: String,
    /// Its points, oldest first.
    pub points: Vec<RestorablePoint>,
    /// Stretches in which every commit can be restored, oldest first. Between two of them is a gap.
    pub spans: Vec<RestorableSpan>,
}

/// A recovery point.
#[derive(Clone, Debug)]
pub struct RestorablePoint {
    /// Its name.
    pub name: String,
    /// Its last commit.
    pub lsn: Lsn,
    /// The time of that, Unix ns.
    pub commit_time_ns: i64,
}

/// Commits that can be restored, without a hole.
#[derive(Clone, Copy, Debug)]
pub struct RestorableSpan {
    /// The first and the last one.
    pub lsn: (Lsn, Lsn),
    /// Their times, Unix ns, where they are known without reading a log.
    pub commit_time_ns: (Option<i64>, Option<i64>),
}

/// Every line of a repository that no other one contains, the newest first; and the records that can't be read.
pub(super) fn of_repository(repository: &Repository) -> (Vec<RestorableLine>, Vec<String>) {
    // A repository whose records can't be read has nothing to draw; what is wrong is the drill's finding.
    let Ok(content) = repository.content() else { return Default::default() };
    let timeline = &content.timeline;
    let mut lines: Vec<RestorableLine> = timeline
        .epochs()
        .filter(|(epoch, _)| !is_contained(timeline, *epoch))
        .map(|(epoch, _)| line_to(timeline, epoch))
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.points.last().map(|point| point.commit_time_ns)));
    let damaged = timeline.damaged().iter().map(|(entry, _)| entry.to_string()).collect();
    (lines, damaged)
}

/// True when the line of another epoch has every point of this one.
fn is_contained(timeline: &Timeline, epoch: Epoch) -> bool {
    let points = timeline.points().iter().filter(|point| point.point.epoch == epoch);
    let last = points.map(|point| point.point.lsn).max().unwrap_or_default();
    timeline
        .epochs()
        .any(|(_, parent)| parent.is_some_and(|parent| parent.epoch == epoch && parent.lsn >= last))
}

fn line_to(timeline: &Timeline, epoch: Epoch) -> RestorableLine {
    let (mut points, mut branch, mut seen) = (Vec::new(), Some((epoch, Lsn::MAX)), Vec::new());
    while let Some((epoch, to)) = branch.filter(|(epoch, _)| !seen.contains(epoch)) {
        seen.push(epoch);
        let on_it = |point: &&chronicle_core::backup::repository::PointRecord| {
            point.point.epoch == epoch && point.point.lsn <= to
        };
        points.extend(timeline.points().iter().filter(on_it).map(|record| RestorablePoint {
            name: record.entry.to_string(),
            lsn: record.point.lsn,
            commit_time_ns: record.point.commit_time_ns,
        }));
        let parent = timeline.epochs().find(|(found, _)| *found == epoch).and_then(|(_, parent)| parent);
        branch = parent.map(|parent| (parent.epoch, parent.lsn.min(to)));
    }
    // An empty database has no time to be drawn at.
    points.retain(|point| point.lsn > 0);
    points.sort_by_key(|point| point.lsn);
    let spans = timeline.spans(epoch).into_iter().map(|span| RestorableSpan {
        lsn: (span.first.lsn, span.last.lsn),
        commit_time_ns: (span.first.commit_time_ns, span.last.commit_time_ns),
    });
    RestorableLine { epoch: epoch.to_string(), spans: spans.collect(), points }
}

/// Snapshots: each is one moment.
pub(super) fn of_snapshots(snapshots: &[(PathBuf, SnapshotRecord)]) -> Vec<RestorableLine> {
    let mut points: Vec<RestorablePoint> = snapshots
        .iter()
        .map(|(folder, record)| RestorablePoint {
            name: folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned(),
            lsn: record.lsn,
            commit_time_ns: record.commit_time_ns,
        })
        .collect();
    points.sort_by_key(|point| (point.commit_time_ns, point.lsn));
    let spans = points.iter().map(|point| RestorableSpan {
        lsn: (point.lsn, point.lsn),
        commit_time_ns: (Some(point.commit_time_ns), Some(point.commit_time_ns)),
    });
    vec![RestorableLine { epoch: String::new(), spans: spans.collect(), points }]
}
