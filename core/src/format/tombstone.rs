//! A deletion that the catalog remembers: series x time, with the LSN of its commit.
use super::series_set::SeriesSet;
use crate::error::{Error, Result};
use crate::ids::Lsn;
use crate::model::TimeRange;
use serde::{Deserialize, Serialize};

/// Hides every point of `series` in `time` that was committed below `lsn`: it applies to segments whose `lsn_max` is
/// below it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tombstone {
    /// LSN of the deletion.
    pub lsn: Lsn,
    /// The series it applies to.
    pub series: SeriesSet,
    /// The timestamps it applies to.
    pub time: TimeRange,
}

impl Tombstone {
    /// What must hold of every tombstone: a commit, at least one series, at least one timestamp.
    pub fn check(&self) -> Result<()> {
        if self.lsn == 0 || self.series.is_empty() || self.time.is_empty() {
            return Err(Error::damaged(alloc::format!(
                "the tombstone of LSN {} deletes nothing, or is no commit",
                self.lsn
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_deletes_something() {
        let good = Tombstone { lsn: 1, series: SeriesSet::all(), time: TimeRange::ALL };
        good.check().unwrap();
        assert!(Tombstone { lsn: 0, ..good.clone() }.check().is_err());
        assert!(Tombstone { series: SeriesSet::default(), ..good.clone() }.check().is_err());
        assert!(Tombstone { time: TimeRange::EMPTY, ..good }.check().is_err());
    }
}
