//! `chronicle backup list | timeline | verify`: looks at a delta repository; lists a folder of snapshots too.
use super::progress::shared;
use super::report::{Report, bytes, count, grouped, time};
use super::rows::{Align, Table};
use super::schedule::refuse_stale;
use super::snapshots;
use super::{Outcome, Status};
use chronicle::backup::repository::{
    ManifestPoint, NewestProofs, Orphans, PointRecord, ProofNote, Span, SpanEnd,
};
use chronicle::backup::{Repository, RepositoryContent, RepositoryReport, is_repository};
use chronicle::now_ns;
use chronicle::schedule::Freshness;
use chronicle::verify::{Finding, VerifyLevel};
use serde_json::{Value, json};
use std::path::Path;

/// Lists the points, or the snapshots of a folder. With `max_age_ns` a newest that was made longer ago is a failure.
pub(super) fn list(place: &Path, max_age_ns: Option<i64>, json: bool) -> Outcome {
    let status =
        if is_repository(place)? { list_points(place, json)? } else { snapshots::list(place, json)? };
    if let (Some(max_age), true) = (max_age_ns, status == Status::Done) {
        refuse_stale(Freshness::of(place)?.newest_age_seconds(now_ns()), max_age)?;
    }
    Ok(status)
}

fn list_points(place: &Path, json: bool) -> Outcome {
    let repository = Repository::open(place)?;
    let content = repository.content()?;
    let held = repository.held()?;
    let notes = repository.notes(content.timeline.points())?;
    let right = Align::Right;
    let mut table = Table::new(
        &["point", "committed", "lsn", "points", "brought", "verified", "restored", "hold", "gap"],
        &[Align::Left, Align::Left, right, right, right, Align::Left, Align::Left, Align::Left, Align::Left],
    );
    let mut text = Vec::new();
    for record in content.timeline.points() {
        let gap = record.gap.map(|gap| format!("commits {} to {}", gap.first_lsn, gap.last_lsn));
        let cells = vec![
            record.entry.to_string(),
            time(record.point.commit_time_ns),
            record.point.lsn.to_string(),
            record.point.digest.map_or("?".into(), |digest| grouped(digest.points)),
            bytes(ManifestPoint::from(record).bytes),
            notes.get(&record.entry).map(|note| time(note.verified_ns)).unwrap_or_default(),
            notes.get(&record.entry).and_then(|note| note.restored_ns).map(time).unwrap_or_default(),
            if held.contains(&record.number()) { "held".into() } else { String::new() },
            gap.unwrap_or_default(),
        ];
        table.push(cells, &mut text);
    }
    table.finish(&mut text);
    let describe =
        |record: &PointRecord| point(record, notes.get(&record.entry), held.contains(&record.number()));
    let points: Vec<Value> = content.timeline.points().iter().map(|record| describe(record)).collect();
    let report = Report::new().line(String::from_utf8_lossy(&text).trim_end_matches('\n'));
    let report = proven(report, &repository.proofs()?);
    finish(report.field("repository", repository.place()).field("points", points), &content, json)
}

/// Prints which moments can be restored.
pub(super) fn timeline(place: &Path, json: bool) -> Outcome {
    let repository = Repository::open(place)?;
    let content = repository.content()?;
    let timeline = &content.timeline;
    let epochs: Vec<Value> = timeline
        .epochs()
        .map(|(epoch, parent)| {
            let parent = parent
                .map(|parent| json!({ "epoch": parent.epoch.to_string(), "lsn": parent.lsn.to_string() }));
            let spans: Vec<Value> = timeline.spans(epoch).iter().map(span).collect();
            json!({ "epoch": epoch.to_string(), "parent": parent, "moments": spans })
        })
        .collect();
    let report = Report::new().line(timeline.to_string().trim_end());
    finish(report.field("repository", repository.place()).field("epochs", epochs), &content, json)
}

fn finish(mut report: Report, content: &RepositoryContent, json: bool) -> Outcome {
    let timeline = &content.timeline;
    let newest = timeline.newest().map(|point| point.entry.to_string());
    let made = timeline.newest().map(|point| point.point.created_ns);
    let age = made.map(|made| now_ns().saturating_sub(made) as f64 / 1e9);
    if let (Some(newest), Some(age)) = (&newest, age) {
        report = report.line(format_args!("the newest point, {newest}, was made {age:.0} s ago"));
    }
    if !content.unfinished.is_empty() {
        let numbers: Vec<String> = content.unfinished.iter().map(ToString::to_string).collect();
        report = report.line(format_args!(
            "claimed and without a record, by a job at work or a dead one: {}",
            numbers.join(", ")
        ));
    }
    let damaged: Vec<Value> = timeline
        .damaged()
        .iter()
        .map(|(entry, error)| json!({ "point": entry.to_string(), "message": error.message() }))
        .collect();
    for (entry, error) in timeline.damaged() {
        report = report.line(format_args!("damaged: {entry}: {}", error.message()));
    }
    let status = if damaged.is_empty() { Status::Done } else { Status::Damaged };
    let unfinished: Vec<String> = content.unfinished.iter().map(ToString::to_string).collect();
    report
        .field("newest", newest)
        .field("newest_age_seconds", age)
        .field("unfinished", unfinished)
        .field("damaged", damaged)
        .print(json)?;
    Ok(status)
}

/// How long ago anything was proven.
fn proven(mut report: Report, proofs: &NewestProofs) -> Report {
    let age = |ns: i64| now_ns().saturating_sub(ns) as f64 / 1e9;
    let restored = proofs.restored.and_then(|note| Some((note.entry, note.restored_ns?)));
    let verified = proofs.verified.map(|note| (note.entry, note.verified_ns));
    for (what, found) in [("verified", verified), ("restored", restored)] {
        report = match found {
            Some((entry, ns)) => report.line(format_args!("last {what}: {entry}, {:.0} s ago", age(ns))),
            None => report.line(format_args!("no point was {what} yet")),
        };
        report = report
            .field(&format!("last_{what}"), found.map(|(entry, _)| entry.to_string()))
            .field(&format!("last_{what}_age_seconds"), found.map(|(_, ns)| age(ns)));
    }
    report
}

fn point(record: &PointRecord, note: Option<&ProofNote>, is_held: bool) -> Value {
    let point = &record.point;
    json!({
        "point": record.entry.to_string(),
        "continues": record.previous.map(|previous| previous.entry.to_string()),
        "epoch": point.epoch.to_string(),
        "lsn": point.lsn.to_string(),
        "commit_time": time(point.commit_time_ns),
        "complete_until": time(point.complete_until_ns),
        "created": time(point.created_ns),
        "points": point.digest.map(|digest| digest.points.to_string()),
        "series": point.series.to_string(),
        "digest": point.digest.map(|digest| digest.to_string()),
        "held": is_held,
        "bytes": ManifestPoint::from(record).bytes.to_string(),
        "verified": note.map(|note| time(note.verified_ns)),
        "restored": note.and_then(|note| note.restored_ns).map(time),
        "gap": record.gap.map(|gap| json!({ "first_lsn": gap.first_lsn.to_string(), "last_lsn": gap.last_lsn.to_string() })),
    })
}

fn span(span: &Span) -> Value {
    let end =
        |end: &SpanEnd| json!({ "lsn": end.lsn.to_string(), "commit_time": end.commit_time_ns.map(time) });
    json!({ "first": end(&span.first), "last": end(&span.last) })
}

/// Verifies it.
pub(super) fn verify(place: &Path, level: VerifyLevel, json: bool) -> Outcome {
    let repository = Repository::open(place)?;
    let report = repository.verify(level, &shared("verifying"))?;
    let mut text =
        Report::new().line(format_args!("{} (delta repository)", repository.place())).line(format_args!(
            "{}, {}, {}",
            count(report.points, "recovery point"),
            count(report.objects, "object"),
            bytes(report.bytes)
        ));
    for finding in report.findings.iter() {
        text = match RepositoryReport::is_mild(finding) {
            true => text.line(format_args!("mild: {finding}")),
            false => text.line(finding),
        };
    }
    if let Some(noted) = report.noted {
        text = text.line(format_args!("noted: {noted} is verified"));
    }
    if let Some(error) = &report.note_error {
        text = text.line(format_args!("the note that this was verified could not be left: {error}"));
    }
    for hint in &report.hints_missing {
        text =
            text.line(format_args!("{hint} is missing; no point depends on it, the next backup writes it"));
    }
    text = orphans(text, &report.orphans);
    let sound = report.findings.is_empty();
    text = text.line(match report.findings.count() {
        0 => "everything is as it was written".to_owned(),
        found => count(found, "finding"),
    });
    let findings: Vec<Value> = report.findings.iter().map(told).collect();
    let unfinished: Vec<String> = report.unfinished.iter().map(ToString::to_string).collect();
    text.field("repository", repository.place())
        .field("sound", sound)
        .text("points", report.points)
        .text("objects", report.objects)
        .text("bytes", report.bytes)
        .field("unfinished", unfinished)
        .text("damage", report.damage())
        .field("verified", report.noted.map(|point| point.to_string()))
        .field("note_error", report.note_error.as_ref().map(ToString::to_string))
        .field("hints_missing", report.hints_missing.clone())
        .field("findings", findings)
        .text("findings_left_out", report.findings.left_out())
        .print(json)?;
    Ok(if sound { Status::Done } else { Status::Damaged })
}

/// Objects that nobody names.
pub(super) fn orphans(mut text: Report, orphans: &Orphans) -> Report {
    if orphans.unfinished > 0 {
        text = text.line(format_args!(
            "{} of unfinished jobs, {}",
            count(orphans.unfinished, "object"),
            bytes(orphans.unfinished_bytes)
        ));
    }
    if orphans.count > 0 {
        let what = count(orphans.count, "orphan");
        text = text.line(format_args!("{what} that nobody names, {}; no damage:", bytes(orphans.bytes)));
    }
    for (name, len) in &orphans.named {
        text = text.line(format_args!("  {name} ({})", bytes(*len)));
    }
    if let Some(more) = orphans.count.checked_sub(orphans.named.len() as u64).filter(|&more| more > 0) {
        text = text.line(format_args!("  and {more} more"));
    }
    let named: Vec<Value> =
        orphans.named.iter().map(|(name, len)| json!({ "name": name, "bytes": len.to_string() })).collect();
    text.text("orphans", orphans.count)
        .text("orphan_bytes", orphans.bytes)
        .field("orphans_named", named)
        .text("unfinished_objects", orphans.unfinished)
        .text("unfinished_bytes", orphans.unfinished_bytes)
}

fn told(finding: &Finding) -> Value {
    let affected = finding.affected.to_string();
    json!({
        "place": finding.place,
        "message": finding.message,
        "severity": if RepositoryReport::is_mild(finding) { "mild" } else { "damage" },
        "affected": if affected.is_empty() { Value::Null } else { Value::from(affected) },
    })
}
