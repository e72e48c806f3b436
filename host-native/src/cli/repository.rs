//! `chronicle backup list | timeline | verify`: looks at a delta repository; lists a folder of snapshots too.
use super::progress::shared;
use super::report::{Report, bytes, count, grouped, time};
use super::rows::{Align, Table};
use super::schedule::refuse_stale;
use super::snapshots;
use super::{Outcome, Status};
use chronicle::backup::repository::{ManifestPoint, PointRecord, Span, SpanEnd};
use chronicle::backup::{Repository, RepositoryContent, is_repository};
use chronicle::crypt::Keys;
use chronicle::now_ns;
use chronicle::schedule::Freshness;
use chronicle::verify::{Finding, VerifyLevel};
use serde_json::{Value, json};
use std::path::Path;

/// Lists the points, or the snapshots of a folder. With `max_age_ns` a newest that was made longer ago is a failure.
pub(super) fn list(place: &Path, keys: &Keys, max_age_ns: Option<i64>, json: bool) -> Outcome {
    let status =
        if is_repository(place)? { list_points(place, keys, json)? } else { snapshots::list(place, json)? };
    if let (Some(max_age), true) = (max_age_ns, status == Status::Done) {
        refuse_stale(Freshness::of(place)?.newest_age_seconds(now_ns()), max_age)?;
    }
    Ok(status)
}

fn list_points(place: &Path, keys: &Keys, json: bool) -> Outcome {
    let repository = Repository::open_with(place, keys)?;
    let content = repository.content()?;
    let right = Align::Right;
    let mut table = Table::new(
        &["point", "committed", "lsn", "points", "brought", "gap"],
        &[Align::Left, Align::Left, right, right, right, Align::Left],
    );
    let mut text = Vec::new();
    for record in content.timeline.points() {
        let gap = record.gap.map(|gap| format!("commits {} to {}", gap.first_lsn, gap.last_lsn));
        let cells = vec![
            record.entry.to_string(),
            time(record.point.commit_time_ns),
            record.point.lsn.to_string(),
            match record.is_withheld() {
                true => "encrypted".into(),
                false => record.point.digest.map_or("?".into(), |digest| grouped(digest.points)),
            },
            bytes(ManifestPoint::from(record).bytes),
            gap.unwrap_or_default(),
        ];
        table.push(cells, &mut text);
    }
    table.finish(&mut text);
    let points: Vec<Value> = content.timeline.points().iter().map(point).collect();
    let report = Report::new().line(String::from_utf8_lossy(&text).trim_end_matches('\n'));
    finish(report.field("repository", repository.place()).field("points", points), &content, json)
}

/// Prints which moments can be restored.
pub(super) fn timeline(place: &Path, keys: &Keys, json: bool) -> Outcome {
    let repository = Repository::open_with(place, keys)?;
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

fn point(record: &PointRecord) -> Value {
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
        "series": (!record.is_withheld()).then(|| point.series.to_string()),
        "encrypted_to": record.encryption.as_ref().map(|part| part.recipients.clone()),
        "digest": point.digest.map(|digest| digest.to_string()),
        "bytes": ManifestPoint::from(record).bytes.to_string(),
        "gap": record.gap.map(|gap| json!({ "first_lsn": gap.first_lsn.to_string(), "last_lsn": gap.last_lsn.to_string() })),
    })
}

fn span(span: &Span) -> Value {
    let end =
        |end: &SpanEnd| json!({ "lsn": end.lsn.to_string(), "commit_time": end.commit_time_ns.map(time) });
    json!({ "first": end(&span.first), "last": end(&span.last) })
}

/// Verifies it.
pub(super) fn verify(place: &Path, level: VerifyLevel, keys: &Keys, json: bool) -> Outcome {
    let repository = Repository::open_with(place, keys)?;
    let report = repository.verify(level, &shared("verifying"))?;
    let mut text =
        Report::new().line(format_args!("{} (delta repository)", repository.place())).line(format_args!(
            "{}, {}, {}",
            count(report.points, "recovery point"),
            count(report.objects, "object"),
            bytes(report.bytes)
        ));
    for finding in report.findings.iter() {
        text = text.line(finding);
    }
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
        .field("findings", findings)
        .text("findings_left_out", report.findings.left_out())
        .print(json)?;
    Ok(if sound { Status::Done } else { Status::Damaged })
}

fn told(finding: &Finding) -> Value {
    json!({ "place": finding.place, "message": finding.message, "affected": Value::Null })
}
