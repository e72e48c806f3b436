//! A live segment as the catalog knows it: where it lies, what it belongs to, and its summary.
use super::extent::check_extent;
use super::summary::SegmentSummary;
use crate::error::{At, Error, Result};
use serde::{Deserialize, Serialize};

/// What a segment holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum SegmentKind {
    /// Points.
    Points,
    /// Definitions of series.
    Dictionary,
}

impl From<SegmentKind> for u8 {
    fn from(kind: SegmentKind) -> Self {
        match kind {
            SegmentKind::Points => 1,
            SegmentKind::Dictionary => 2,
        }
    }
}

impl TryFrom<u8> for SegmentKind {
    type Error = &'static str;
    fn try_from(kind: u8) -> core::result::Result<Self, &'static str> {
        match kind {
            1 => Ok(Self::Points),
            2 => Ok(Self::Dictionary),
            _ => Err("unknown kind of segment"),
        }
    }
}

/// One live segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SegmentEntry {
    /// What it holds.
    pub kind: SegmentKind,
    /// Where it starts in the file.
    pub offset: u64,
    /// Segments that were made together share a run number and never overlap each other.
    pub run: u64,
    /// First partition it has points of.
    pub partition_min: i64,
    /// Last partition it has points of.
    pub partition_max: i64,
    /// What is known of it without opening it.
    pub summary: SegmentSummary,
}

impl SegmentEntry {
    /// The bytes it takes in the file, without padding.
    pub fn extent(&self) -> crate::source::ByteRange {
        crate::source::ByteRange::new(self.offset, self.summary.len)
    }

    /// What must hold of an entry in a file of `file_len` bytes.
    pub fn check(&self, file_len: u64) -> Result<()> {
        let place = || alloc::format!("segment {} at {}", self.summary.identity, self.offset);
        self.summary.check().at(place)?;
        check_extent(self.offset, self.summary.len, file_len).at(place)?;
        let wrong = if self.partition_min > self.partition_max {
            "its range of partitions is empty"
        } else if (self.kind == SegmentKind::Points) != (self.summary.points > 0) {
            "a segment of points has none, or a dictionary has some"
        } else {
            return Ok(());
        };
        Err(Error::damaged(wrong).at(place()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;
    use crate::ids::SeriesId;
    use crate::model::TimeRange;

    #[test]
    fn an_entry_that_contradicts_itself_is_damage() {
        let good = examples::entry();
        let file_len = good.offset + good.summary.len;
        good.check(file_len).unwrap();
        let summary = |change: fn(&mut SegmentSummary)| {
            let mut entry = good;
            change(&mut entry.summary);
            entry
        };
        let cases = [
            ("aligned", SegmentEntry { offset: good.offset + 1, ..good }),
            ("partitions", SegmentEntry { partition_min: good.partition_max + 1, ..good }),
            ("kind", SegmentEntry { kind: SegmentKind::Dictionary, ..good }),
            ("file", summary(|s| s.len += 1)),
            ("overflow", summary(|s| s.len = u64::MAX)),
            ("index behind", summary(|s| s.index_offset = s.len)),
            ("index overflow", summary(|s| s.index_offset = u64::MAX)),
            ("no index", summary(|s| s.index_len = 0)),
            ("lsn 0", summary(|s| s.lsn_min = 0)),
            ("lsn order", summary(|s| s.lsn_min = s.lsn_max + 1)),
            ("time", summary(|s| s.time = TimeRange::EMPTY)),
            ("series", summary(|s| s.series_min = SeriesId(s.series_max.0 + 1))),
            ("digest", summary(|s| s.digest.points += 1)),
            ("blocks", summary(|s| s.blocks = s.series - 1)),
        ];
        for (name, entry) in cases {
            assert!(entry.check(file_len).is_err(), "{name}");
        }
        assert!(good.check(file_len - 1).is_err());
    }
}
