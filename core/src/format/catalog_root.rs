//! The root of the catalog: what the superblock says about the whole database, and where the catalog's pages lie.
use super::extent::HEADER_AREA_LEN;
use super::log_file::LOG_HEADER_LEN;
use super::page::{PageKind, PageRef};
use super::policy::{Policies, PolicyState};
use crate::error::{At, Error, Result};
use crate::ids::{Chain, Epoch, Lsn};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The moment of another epoch that an epoch starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EpochParent {
    /// The epoch that was left.
    pub epoch: Epoch,
    /// Its last commit that belongs to this history too.
    pub lsn: Lsn,
    /// The chain after that commit.
    pub chain: Chain,
}

/// What a database was told to do with its data; kept in the file, so that it survives a restore.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Length of a partition, nanoseconds, at least 1 and at most `i64::MAX`.
    pub partition_duration_ns: u64,
    /// Age at which partitions expire, nanoseconds; `None` keeps all.
    pub retention_ns: Option<u64>,
    /// Size of the live segments, bytes, above which the oldest partitions expire; `None` keeps all.
    pub retention_bytes: Option<u64>,
    /// True in a restored database until someone resumes retention and downsampling: what was restored to be looked
    /// at must not expire on opening.
    pub retention_suspended: bool,
}

impl Settings {
    /// What must hold of all settings.
    pub fn check(&self) -> Result<()> {
        if i64::try_from(self.partition_duration_ns).map_or(true, |duration| duration == 0) {
            return Err(Error::damaged("the duration of a partition is 0 or too long"));
        }
        if self.retention_ns == Some(0) {
            return Err(Error::damaged("the retention is 0"));
        }
        Ok(())
    }
}

/// Where replay starts. The catalog says so, never the presence of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LogStart {
    /// No log file belongs to this file: it was packed or restored.
    None,
    /// Replay starts in the log file of that name, at the frame behind the catalog's last commit. Where the file ends
    /// there, replay goes on in the file of the next LSN, if there is one.
    From {
        /// LSN of the file's first frame.
        first_lsn: Lsn,
        /// Where the frame of the catalog's LSN + 1 starts, or will start, in bytes from the start of the file.
        offset: u64,
    },
}

/// The catalog's root.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CatalogRoot {
    /// What this epoch continues; `None` in the first epoch of a lineage.
    pub parent: Option<EpochParent>,
    /// Host clock when the database was created, Unix nanoseconds. For people only.
    pub created_ns: i64,
    /// What the database was told to do with its data.
    pub settings: Settings,
    /// Exceptions from its retention, and downsampling rules.
    pub policies: Policies,
    /// How far they were carried out.
    pub policy_state: PolicyState,
    /// The catalog holds every commit up to this one; 0 holds none.
    pub lsn: Lsn,
    /// Commit time of that commit, Unix nanoseconds.
    pub commit_time_ns: i64,
    /// Chain after that commit.
    pub chain: Chain,
    /// Commits up to this one were on the medium when this was written, in segments or in the log: a log that ends before
    /// it is damaged, and not torn. At least `lsn`.
    pub durable_lsn: Lsn,
    /// Where replay starts.
    pub log: LogStart,
    /// Bytes of the file that the catalog accounts for; a shorter file was cut off.
    pub file_len: u64,
    /// Points in all segments, hidden ones included.
    pub points_stored: u64,
    /// Number of series.
    pub series_count: u64,
    /// Number of metrics; they are numbered from 0.
    pub metric_count: u32,
    /// The catalog's pages, in any order, except that those of metrics ascend.
    pub pages: Vec<PageRef>,
}

impl CatalogRoot {
    /// What must hold of every root, apart from what its pages say.
    pub fn check(&self) -> Result<()> {
        self.settings.check().at(|| "catalog root")?;
        self.policies.check().at(|| "catalog root")?;
        self.policy_state.check(&self.policies).at(|| "catalog root")?;
        let wrong = if self.parent.is_some_and(|parent| parent.lsn > self.lsn) {
            "it starts from a commit behind its own last one"
        } else if self.durable_lsn < self.lsn {
            "it holds commits that it says were not durable"
        } else if self.file_len < HEADER_AREA_LEN {
            "its file is shorter than the header area"
        } else if !self.log_starts_in_reach() {
            "its log starts behind the commit that is needed next"
        } else {
            return self.check_pages().at(|| "catalog root");
        };
        Err(Error::damaged(wrong).at("catalog root"))
    }

    fn log_starts_in_reach(&self) -> bool {
        match self.log {
            LogStart::None => true,
            LogStart::From { first_lsn, offset } => {
                first_lsn >= 1
                    && first_lsn - 1 <= self.lsn
                    && offset >= LOG_HEADER_LEN as u64
                    && offset % 8 == 0
            }
        }
    }

    fn check_pages(&self) -> Result<()> {
        let mut metrics_end = 0u64;
        for (index, page) in self.pages.iter().enumerate() {
            page.check(self.file_len).at(|| alloc::format!("page {index}"))?;
            if page.kind == PageKind::Metrics {
                if page.first < metrics_end {
                    return Err(Error::damaged("pages of metrics overlap").at(alloc::format!("page {index}")));
                }
                metrics_end = page.first.saturating_add(u64::from(page.entries));
            }
        }
        if metrics_end > u64::from(self.metric_count) {
            return Err(Error::damaged("pages name more metrics than there are"));
        }
        let mut extents: Vec<(u64, u64)> =
            self.pages.iter().map(|page| (page.offset, page.offset + u64::from(page.len))).collect();
        extents.sort_unstable();
        match extents.array_windows().find(|[(_, end), (start, _)]| start < end) {
            Some([_, (start, _)]) => {
                Err(Error::damaged(alloc::format!("two pages share the bytes at {start}")))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;
    use crate::model::TimeRange;

    #[test]
    fn a_root_that_contradicts_itself_is_damage() {
        type Change = fn(&mut CatalogRoot);
        let cases: [(&str, Change); 14] = [
            ("partition 0", |root| root.settings.partition_duration_ns = 0),
            ("partition 2^63", |root| root.settings.partition_duration_ns = 1 << 63),
            ("retention 0", |root| root.settings.retention_ns = Some(0)),
            ("policies", |root| root.policies.rules[0].window_ns = 0),
            ("state of policies", |root| root.policy_state.rules.clear()),
            ("parent", |root| root.parent.as_mut().unwrap().lsn = root.lsn + 1),
            ("file", |root| root.file_len = 65_535),
            ("log", |root| root.log = LogStart::From { first_lsn: root.lsn + 2, offset: 128 }),
            ("log 0", |root| root.log = LogStart::From { first_lsn: 0, offset: 128 }),
            ("page behind the file", |root| root.file_len = root.pages[0].offset),
            ("metrics", |root| root.metric_count = 1),
            ("same bytes", |root| root.pages[1].offset = root.pages[0].offset),
            ("no entries", |root| root.pages[0].entries = 0),
            ("metrics with time", |root| root.pages[1].time = TimeRange::ALL),
        ];
        examples::root().check().unwrap();
        for (name, change) in cases {
            let mut root = examples::root();
            change(&mut root);
            assert!(root.check().is_err(), "{name}");
        }
    }
}
