//! Verify: whether the files of a database are what was written, without changing anything.
use crate::bytes::Bytes;
use crate::medium::{Layout, Medium};
use chronicle_core::error::{Error, Result};
use chronicle_core::format::{HEADER_AREA_LEN, LogExpectation, LogStart, SegmentEntry, Superblock};
use chronicle_core::head::Position;
use chronicle_core::source::ByteRange;
use chronicle_core::verify::{
    Affected, Level, VerifyReport, verify_catalog, verify_header, verify_log, verify_segment,
};

/// What was verified.
pub(crate) struct Verified {
    pub(crate) report: VerifyReport,
    /// The last commit that was found.
    pub(crate) end: Option<Position>,
}

/// Verifies what lies on a medium; `progress` is told how many bytes of how many are checked. Damage is no error: it is in the
/// report.
pub(crate) async fn verify(
    medium: Medium,
    level: Level,
    mut progress: impl FnMut(u64, u64),
) -> Result<Verified> {
    let layout = medium.layout().await?;
    let bytes = Bytes::new(medium, 16 << 20);
    let header = match layout.len {
        0 => Vec::new(),
        len => bytes.read(ByteRange::new(0, len.min(HEADER_AREA_LEN))).await?,
    };
    let mut report = VerifyReport::default();
    let header = verify_header(&header, layout.len, false);
    let superblock = header.superblock.clone();
    report.merge(header);
    let Some(superblock) = superblock else { return Ok(Verified { report, end: None }) };
    let root = &superblock.root;
    let checkpoint = Position { lsn: root.lsn, commit_time_ns: root.commit_time_ns, chain: root.chain };
    // A part that was cut off is a finding as a wrong byte is.
    let catalog = bytes.run_one(|source| Ok(verify_catalog(&superblock, source))).await;
    let catalog = match catalog {
        Ok(catalog) => catalog,
        Err(error) => {
            report.findings.add(&"catalog", &error, Affected::default());
            return Ok(Verified { report, end: Some(checkpoint) });
        }
    };
    let segments: Vec<SegmentEntry> = catalog.segments.to_vec();
    report.merge(catalog);
    let total = segments.iter().fold(0, |sum: u64, entry| sum.saturating_add(entry.summary.len));
    let mut done = 0;
    for entry in &segments {
        match bytes.read(entry.extent()).await {
            Ok(read) => report.merge(verify_segment(&read, entry, level, None)),
            Err(error) => {
                let summary = &entry.summary;
                let affected = Affected {
                    series: Some((summary.series_min, summary.series_max)),
                    time: Some(summary.time),
                };
                report.findings.add(
                    &format!("segment {} at {}", summary.identity, entry.offset),
                    &error,
                    affected,
                );
            }
        }
        done += entry.summary.len;
        progress(done, total);
    }
    let end = logs(&bytes, &layout, &superblock, checkpoint, level, &mut report).await?;
    Ok(Verified { report, end: Some(end) })
}

async fn logs(
    bytes: &Bytes,
    layout: &Layout,
    superblock: &Superblock,
    checkpoint: Position,
    level: Level,
    report: &mut VerifyReport,
) -> Result<Position> {
    let root = &superblock.root;
    let (first, is_named) = match root.log {
        LogStart::From { first_lsn, .. } => (first_lsn, true),
        LogStart::None => (root.lsn.saturating_add(1), false),
    };
    if is_named && !layout.logs.iter().any(|(first_lsn, _)| *first_lsn == first) {
        let error = Error::damaged(format!("it is missing, and holds the commits after {}", root.lsn));
        report.findings.add(&format!("log file {first}"), &error, Affected::default());
        return Ok(checkpoint);
    }
    let mut before: Option<Position> = None;
    for (index, &(first_lsn, _)) in layout.logs.iter().enumerate() {
        let next = layout.logs.get(index + 1).map(|(first_lsn, _)| *first_lsn);
        let follows = before.filter(|before| before.lsn.checked_add(1) == Some(first_lsn));
        if before.is_some() && follows.is_none() && first_lsn > first {
            let error = Error::damaged("a log file before it is missing");
            report.findings.add(&format!("log file {first_lsn}"), &error, Affected::default());
        }
        let expected = LogExpectation {
            lineage: superblock.lineage,
            epoch: superblock.epoch,
            first_lsn,
            chain: follows.map(|before| before.chain),
            commit_time_ns: before.map_or(i64::MIN, |before| before.commit_time_ns),
            known_durable_lsn: root.durable_lsn.min(next.unwrap_or(u64::MAX).saturating_sub(1)),
        };
        let log = bytes.medium.read_log(first_lsn, 0).await?;
        let checked = verify_log(&log, &expected, &checkpoint, next.is_none(), level);
        before = Some(checked.end);
        report.merge(checked);
    }
    let end = before.filter(|end| end.lsn > checkpoint.lsn).unwrap_or(checkpoint);
    if end.lsn < root.durable_lsn && report.findings.is_empty() {
        let error = Error::damaged(format!(
            "it ends with commit {}, but commits up to {} were durable: a log file is missing or was cut",
            end.lsn, root.durable_lsn
        ));
        report.findings.add(&"log", &error, Affected::default());
    }
    Ok(end)
}
