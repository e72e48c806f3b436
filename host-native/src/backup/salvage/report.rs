//! What a salvage brought back and what it did not.
use crate::backup::RestoreReport;
use chronicle_core::ids::Lsn;
use chronicle_core::model::TimeRange;
use std::fmt;

/// Losses that are kept with their words; more are only counted.
pub const LOSSES_MAX: usize = 200;

/// What came of a salvage.
#[derive(Clone, Debug)]
pub struct SalvageReport {
    /// The database that was made. It is a new one: of a lineage of its own.
    pub restored: RestoreReport,
    /// The commit whose state it is, but for what is lost.
    pub lsn: Lsn,
    /// The time of that commit, Unix ns; `None` where no commit is known.
    pub commit_time_ns: Option<i64>,
    /// Segments of points that were whole, and of how many.
    pub segments_whole: (u64, u64),
    /// What did not come back.
    pub losses: Losses,
}

/// What did not come back.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    /// The first [`LOSSES_MAX`] of them.
    pub list: Vec<Loss>,
    /// How many more there are.
    pub left_out: u64,
    /// Points that are lost, as far as indexes count them.
    pub points: u64,
    /// Points that are whole and were left out, since a newer block that is lost may have replaced them.
    pub withheld: u64,
    /// True when nobody knows any more which points were deleted, or replaced: such points may be there again.
    pub is_inexact: bool,
}

/// One thing that did not come back.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Where it was.
    pub place: String,
    /// Why it is lost.
    pub why: String,
    /// Whose points it held, by name where that is known.
    pub series: Option<String>,
    /// Their timestamps.
    pub time: Option<TimeRange>,
    /// How many, as its index said.
    pub points: Option<u64>,
}

impl SalvageReport {
    /// True when nothing was lost.
    pub fn is_complete(&self) -> bool {
        self.losses.is_empty()
    }
}

impl Losses {
    /// True without a loss.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.left_out == 0 && self.withheld == 0 && !self.is_inexact
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.list.len() as u64 + self.left_out
    }

    pub(in crate::backup) fn add(&mut self, loss: Loss) {
        self.points = self.points.saturating_add(loss.points.unwrap_or_default());
        if self.list.len() < LOSSES_MAX { self.list.push(loss) } else { self.left_out += 1 }
    }

    /// Something that holds no points itself.
    pub(in crate::backup) fn of(&mut self, place: impl fmt::Display, why: impl fmt::Display) {
        self.add(Loss {
            place: place.to_string(),
            why: why.to_string(),
            series: None,
            time: None,
            points: None,
        });
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use chronicle_core::time::format_timestamp;
        write!(f, "{}: {}", self.place, self.why)?;
        if let Some(points) = self.points {
            write!(f, "; {points} points")?;
        }
        if let Some(series) = &self.series {
            write!(f, " of {series}")?;
        }
        if let Some(time) = self.time {
            write!(f, " from {} to {}", format_timestamp(time.min), format_timestamp(time.max))?;
        }
        Ok(())
    }
}
