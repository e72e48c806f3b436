//! Notes beside a folder of snapshots: when one was last verified, and last restored for proof. A repository keeps its own.
//!
//! Only schedules and metrics go by it. One that is missing or can't be read means "never", which makes a check due and deletes nothing.
use super::words::maybe_time;
use crate::error::Result;
use crate::files::atomic::write_file_durably;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Most bytes of the file that are read.
const BYTES_MAX: u64 = 4_096;

/// The content of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Notes {
    /// When the newest snapshot of that time was found whole, Unix ns.
    #[serde(with = "maybe_time")]
    pub(super) verified: Option<i64>,
    /// When that snapshot was made, Unix ns.
    #[serde(with = "maybe_time")]
    pub(super) verified_made: Option<i64>,
    /// When the newest snapshot of that time was restored for proof, Unix ns.
    #[serde(with = "maybe_time")]
    pub(super) restored: Option<i64>,
}

impl Notes {
    pub(super) fn read(folder: &Path) -> Self {
        let path = path(folder);
        let is_small = std::fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() <= BYTES_MAX);
        let bytes = if is_small { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string(self).unwrap_or_default();
        write_file_durably(&path(folder), format!("{text}\n").as_bytes())
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join(".chronicle-checks.json")
}
