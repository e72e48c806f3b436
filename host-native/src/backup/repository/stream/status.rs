//! What a stream says of itself.
use crate::error::Error;
use chronicle_core::backup::repository::Entry;
use chronicle_core::ids::Lsn;
use std::sync::{Arc, Mutex, PoisonError};

/// How a stream stands. Times are Unix ns.
#[derive(Clone, Debug, Default)]
pub struct StreamStatus {
    /// Where it ships to.
    pub place: String,
    /// The point that it ships behind; none before the first was made.
    pub point: Option<Entry>,
    /// The last commit that is there: every commit up to it can be restored.
    pub shipped_lsn: Lsn,
    /// Its commit time; none before anything was committed.
    pub shipped_commit_time: Option<i64>,
    /// Commit time of the oldest commit that is known not to be there yet; none where nothing waits.
    pub waiting_since: Option<i64>,
    /// Objects of frames that this run shipped.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Points that this run made.
    pub points: u64,
    /// A point is being made right now.
    pub is_folding: bool,
    /// Attempts that failed, of shipping and of making points.
    pub failures: u64,
    /// Why the last attempt failed; none when it did not.
    pub error: Option<Error>,
    /// When it last succeeded in reaching the destination.
    pub last_success: Option<i64>,
}

impl StreamStatus {
    /// How far the destination is behind the database, ns: the age of the oldest commit that is not there; 0 where nothing waits.
    pub fn lag_ns(&self, now_ns: i64) -> i64 {
        self.waiting_since.map_or(0, |since| now_ns.saturating_sub(since).max(0))
    }
}

/// A look at a stream that is at work elsewhere.
#[derive(Clone)]
pub struct StreamWatch {
    status: Arc<Mutex<StreamStatus>>,
}

impl StreamWatch {
    pub(super) fn new(place: String) -> Self {
        Self { status: Arc::new(Mutex::new(StreamStatus { place, ..StreamStatus::default() })) }
    }

    /// How it stands.
    pub fn status(&self) -> StreamStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut StreamStatus)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
