//! What a verification of any extent came to.
use super::{CatalogReport, Findings, HeaderReport, LogReport, SegmentReport, Torn};
use crate::text::human_bytes;
use core::fmt;

/// What was checked, and what was found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct VerifyReport {
    /// Segments, dictionary runs included.
    pub segments: u64,
    /// Blocks in them.
    pub blocks: u64,
    /// Points in them, overwritten and deleted ones included.
    pub points_stored: u64,
    /// Commits in the log files.
    pub log_commits: u64,
    /// Points that those commits add.
    pub log_points: u64,
    /// Bytes that were looked at.
    pub bytes: u64,
    /// What is wrong.
    pub findings: Findings,
    /// A write at the end of the log that was interrupted. Nothing acknowledged is lost by it, so it is no finding.
    pub torn: Option<Torn>,
}

impl VerifyReport {
    /// Adds what another part came to.
    pub fn merge(&mut self, other: impl Into<Self>) {
        let other = other.into();
        self.segments += other.segments;
        self.blocks += other.blocks;
        self.points_stored = self.points_stored.saturating_add(other.points_stored);
        self.log_commits += other.log_commits;
        self.log_points = self.log_points.saturating_add(other.log_points);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.findings.merge(other.findings);
        self.torn = self.torn.take().or(other.torn);
    }
    /// True when nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

impl From<Findings> for VerifyReport {
    fn from(findings: Findings) -> Self {
        Self { findings, ..Self::default() }
    }
}

impl From<HeaderReport> for VerifyReport {
    fn from(report: HeaderReport) -> Self {
        Self { bytes: report.bytes, findings: report.findings, ..Self::default() }
    }
}

impl From<CatalogReport> for VerifyReport {
    fn from(report: CatalogReport) -> Self {
        Self { bytes: report.bytes, findings: report.findings, ..Self::default() }
    }
}

impl From<SegmentReport> for VerifyReport {
    fn from(report: SegmentReport) -> Self {
        Self {
            segments: 1,
            blocks: report.blocks,
            points_stored: report.points,
            bytes: report.bytes,
            findings: report.findings,
            ..Self::default()
        }
    }
}

impl From<LogReport> for VerifyReport {
    fn from(report: LogReport) -> Self {
        Self {
            log_commits: report.commits,
            log_points: report.points,
            bytes: report.bytes,
            findings: report.findings,
            torn: report.torn,
            ..Self::default()
        }
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} checked: {} points in {} blocks of {} segments; log: {} points in {} commits",
            human_bytes(self.bytes),
            self.points_stored,
            self.blocks,
            self.segments,
            self.log_points,
            self.log_commits
        )?;
        if let Some(torn) = &self.torn {
            writeln!(f, "{torn}")?;
        }
        match self.findings.count() {
            0 => write!(f, "sound"),
            count => write!(f, "{count} findings:\n{}", self.findings),
        }
    }
}
