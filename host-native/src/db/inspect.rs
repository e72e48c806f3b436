//! Looking at a database without reading its points: what it is made of.
use super::{Db, lock};
use crate::error::Result;
use chronicle_core::engine::Selector;
use chronicle_core::format::{Features, SegmentKind, newest};
use chronicle_core::ids::{Generation, Lsn};
use chronicle_core::model::{Limits, TimeRange};

/// What a database is made of right now.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Number of the newest catalog.
    pub generation: Generation,
    /// The last commit that is known to be on the medium.
    pub durable_lsn: Lsn,
    /// The last commit that needs no replay.
    pub checkpoint_lsn: Lsn,
    /// Features that the file uses.
    pub features: Features,
    /// Segments of points.
    pub segments: u64,
    /// Points in them; deleted and overwritten ones count until a compaction.
    pub segment_points: u64,
    /// Bytes of them, without padding.
    pub segment_bytes: u64,
}

impl Db {
    /// What the database is made of. Reads the superblock, no points.
    pub fn layout(&self) -> Result<Layout> {
        let (superblock, _) = newest(&self.shared.store.header()?)?;
        let (snapshot, generation, durable_lsn) = {
            let mut cell = lock(&self.shared.engine);
            (cell.engine.snapshot(), cell.engine.generation(), cell.engine.durable_lsn())
        };
        let mut layout = Layout {
            generation,
            durable_lsn,
            checkpoint_lsn: snapshot.checkpoint().lsn,
            features: superblock.features,
            segments: 0,
            segment_points: 0,
            segment_bytes: 0,
        };
        for entry in snapshot.segments().filter(|entry| entry.kind == SegmentKind::Points) {
            layout.segments += 1;
            layout.segment_points += entry.summary.points;
            layout.segment_bytes += entry.summary.len;
        }
        Ok(layout)
    }

    /// Names of metrics in order of first use; the points of some may be deleted. Reads nothing.
    pub fn metric_names(&self) -> Vec<String> {
        lock(&self.shared.engine).engine.metric_names().map(str::to_owned).collect()
    }

    /// Number of points and of series with points, among the selected ones in `range`.
    pub fn count(&self, selector: &Selector, range: impl Into<TimeRange>) -> Result<(u64, u64)> {
        let mut points = self.scan(selector, range)?;
        let (mut count, mut series, mut last) = (0, 0, None);
        while let Some((number, run, _)) = points.next_counted()? {
            count += run;
            if run > 0 && last.replace(number) != Some(number) {
                series += 1;
            }
        }
        Ok((count, series))
    }

    /// Series whose names are in memory, and the bytes that these and the names of all metrics take. Names of a metric are
    /// loaded when it is first written, queried or compacted.
    pub fn names_in_memory(&self) -> (u64, u64) {
        lock(&self.shared.engine).engine.names_in_memory()
    }

    /// What this open database accepts.
    pub fn limits(&self) -> Limits {
        self.shared.config.limits
    }
}
