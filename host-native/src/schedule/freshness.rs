//! Freshness: how old what could be restored from a destination is. `backup list`, metrics and statuses tell these numbers.
use super::notes::Notes;
use super::words::{maybe_time, number};
use crate::backup::{Repository, is_repository, snapshots};
use crate::error::{ErrorKind, Result};
use chronicle_core::backup::repository::{EntryKind, PointRecord};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a destination holds, and of when it is. Times are those of the host that made it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Freshness {
    /// The newest point, or the newest snapshot's folder.
    pub newest: Option<String>,
    /// When it was made, Unix ns.
    #[serde(with = "maybe_time")]
    pub newest_made: Option<i64>,
    /// Points, or snapshots.
    #[serde(with = "number")]
    pub points: u64,
    /// Points before which moments are lost.
    #[serde(with = "number")]
    pub gaps: u64,
    /// Points or snapshots whose record can't be read.
    #[serde(with = "number")]
    pub damaged: u64,
    /// When the newest of those was made that were verified in full, Unix ns.
    #[serde(with = "maybe_time")]
    pub verified_made: Option<i64>,
    /// When it was verified, Unix ns.
    #[serde(with = "maybe_time")]
    pub verified: Option<i64>,
    /// When a restore was last proven, Unix ns.
    #[serde(with = "maybe_time")]
    pub restored: Option<i64>,
    /// Points since the newest base, which counts.
    #[serde(with = "number")]
    pub points_since_base: u64,
    /// When the newest base was made, Unix ns.
    #[serde(with = "maybe_time")]
    pub base_made: Option<i64>,
}

impl Freshness {
    /// Of a delta repository at a path or URL, or of a folder of snapshots. A place where nothing is yet has no points.
    pub fn of(dest: &Path) -> Result<Self> {
        match is_repository(dest) {
            Ok(true) => Self::of_repository(&Repository::open(dest)?),
            Ok(false) => Self::of_folder(dest),
            Err(error) => Err(error),
        }
        .or_else(|error| match error.kind() {
            ErrorKind::NotFound => Ok(Self::default()),
            _ => Err(error),
        })
    }

    /// Of an open repository.
    pub fn of_repository(repository: &Repository) -> Result<Self> {
        let timeline = repository.content()?.timeline;
        let mut fresh = Self { damaged: timeline.damaged().len() as u64, ..Self::default() };
        for record in timeline.points() {
            let made = record.point.created_ns;
            (fresh.newest, fresh.newest_made) = (Some(record.entry.to_string()), Some(made));
            fresh.points += 1;
            fresh.points_since_base += 1;
            fresh.gaps += u64::from(record.gap.is_some());
            if record.entry.kind == EntryKind::Base {
                (fresh.points_since_base, fresh.base_made) = (1, Some(made));
            }
        }
        let proofs = repository.proofs()?;
        fresh.verified = proofs.verified.map(|note| note.verified_ns);
        fresh.restored = proofs.restored.and_then(|note| note.restored_ns);
        let verified = proofs.verified.map(|note| note.entry);
        let of_verified = |record: &&PointRecord| Some(record.entry) == verified;
        fresh.verified_made =
            timeline.points().iter().find(of_verified).map(|record| record.point.created_ns);
        Ok(fresh)
    }

    fn of_folder(folder: &Path) -> Result<Self> {
        let Notes { verified, verified_made, restored } = Notes::read(folder);
        let mut fresh = Self { verified, verified_made, restored, ..Self::default() };
        let mut newest = None;
        for (path, record) in snapshots(folder)? {
            let Ok(record) = record else {
                fresh.damaged += 1;
                continue;
            };
            fresh.points += 1;
            let age = (record.commit_time_ns, record.lsn, record.created_ns);
            if newest.is_none_or(|newest| newest < age) {
                newest = Some(age);
                fresh.newest = path.file_name().map(|name| name.to_string_lossy().into_owned());
                fresh.newest_made = Some(record.created_ns);
            }
        }
        Ok(fresh)
    }

    /// Seconds since the newest was made; negative when the clock was set back.
    pub fn newest_age_seconds(&self, now_ns: i64) -> Option<f64> {
        self.newest_made.map(|made| now_ns.saturating_sub(made) as f64 / 1e9)
    }
}
