//! What is wrong inside a container whose hash is: which segments, whose series, by name where the dictionary can be read.
use super::objects::Objects;
use super::verify::Repository;
use crate::error::Result;
use chronicle_core::backup::repository::{Entry, LocatedSegment, Moment, MoveTable, ObjectName, PointRecord};
use chronicle_core::engine::Selector;
use chronicle_core::error::Error;
use chronicle_core::head::SeriesInfo;
use chronicle_core::ids::SeriesId;
use chronicle_core::model::TimeRange;
use chronicle_core::verify::{Findings, Level, verify_segment};

/// Series that a finding names; more are counted.
const NAMED_MAX: usize = 4;

/// The findings in the segments that `points` list in `container`; empty where what is wrong lies between the segments.
pub(super) fn look<'a>(
    repository: &Repository,
    container: ObjectName,
    points: impl DoubleEndedIterator<Item = &'a PointRecord>,
    moves: &MoveTable,
) -> Findings {
    let objects = repository.objects();
    let Some((point, segments)) = points
        .rev()
        .filter(|point| point.containers.contains(&container.entry) || moves.is_to(container.entry))
        .find_map(|point| Some((point, segments_in(objects, point, container.entry, moves).ok()?)))
    else {
        return Findings::default();
    };
    let mut found = Findings::default();
    for segment in segments {
        let extent = segment.entry.extent();
        match objects.data(container, extent.offset, extent.len) {
            Ok(bytes) => found.merge(verify_segment(&bytes, &segment.entry, Level::Checksums, None).findings),
            Err(error) => {
                let summary = &segment.entry.summary;
                let affected = chronicle_core::verify::Affected {
                    series: Some((summary.series_min, summary.series_max)),
                    time: (!summary.time.is_empty()).then_some(summary.time),
                };
                let place = format!("segment {}", summary.identity);
                found.add(&place, &Error::new(error.kind(), error.message()), affected);
            }
        }
    }
    if found.is_empty() { found } else { named(repository, point, found) }
}

fn segments_in(
    objects: &Objects,
    point: &PointRecord,
    home: Entry,
    moves: &MoveTable,
) -> Result<Vec<LocatedSegment>> {
    let mut segments = Vec::new();
    for listed in objects.lists(point)?.segments {
        let located = moves.locate(&listed)?;
        segments.extend(Some(located).filter(|located| located.home == home));
    }
    Ok(segments)
}

/// With the names of series, if the point's dictionary can be read.
fn named(repository: &Repository, point: &PointRecord, found: Findings) -> Findings {
    let moment = Moment::Lsn { lsn: point.point.lsn, epoch: Some(point.point.epoch) };
    let series: Option<Vec<SeriesInfo>> = repository
        .open_at(&moment)
        .ok()
        .and_then(|opened| Some(opened.db.scan(&Selector::all(), TimeRange::ALL).ok()?.series().collect()));
    let Some(series) = series else { return found };
    let mut told = Findings::default();
    for finding in found.iter() {
        let names = finding.affected.series.map(|range| names_of(&series, range)).unwrap_or_default();
        let message = if names.is_empty() {
            finding.message.clone()
        } else {
            format!("{}; it holds {names}", finding.message)
        };
        told.add(&finding.place, &Error::new(finding.kind, message), finding.affected);
    }
    told
}

fn names_of(series: &[SeriesInfo], (first, last): (SeriesId, SeriesId)) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut more = 0u64;
    for info in series.iter().filter(|info| first <= info.id && info.id <= last) {
        if names.len() < NAMED_MAX { names.push(name_of(info)) } else { more += 1 }
    }
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more series between", names.join(", ")),
    }
}

/// A series as people write it, e.g. `cpu{host="a"}`.
pub(super) fn name_of(info: &SeriesInfo) -> String {
    let tags: Vec<String> = info.series.tags.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    if tags.is_empty() {
        info.series.metric.clone()
    } else {
        format!("{}{{{}}}", info.series.metric, tags.join(","))
    }
}
