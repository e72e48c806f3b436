//! Metrics whose segments outlive each other: what makes an object of a backup mostly dead.
//!
//! Each metric is a run too large for a compaction to merge it with others, in weeks of its own; so deleting one rewrites no
//! other.
use crate::workload::Random;
use chronicle::{Db, Point, Selector, TimeRange};

/// Nanoseconds between two points: a metric fills some two days.
const STEP_NS: i64 = 150_000_000;
const WEEK_NS: i64 = 7 * 86_400 * 1_000_000_000;
/// Points of a metric: more than a compaction calls small.
const POINTS: i64 = 1_050_000;

/// Writes a metric into a week of its own and seals it. Of `bits` bits a point, which do not compress.
pub fn write(db: &Db, metric: &str, week: i64, bits: u32) {
    let mut random = Random::new(week as u64);
    for first in (0..POINTS).step_by(150_000) {
        let points: Vec<Point> = (first..POINTS.min(first + 150_000))
            .map(|i| Point::new(metric, week * WEEK_NS + i * STEP_NS, random.below(1 << bits) as f64))
            .collect();
        db.write_batch(&points).unwrap();
    }
    db.checkpoint().unwrap();
}

/// Deletes the metric in that week, and carries it out.
pub fn delete(db: &Db, metric: &str, week: i64) {
    let range = TimeRange::new(Some(week * WEEK_NS), Some((week + 1) * WEEK_NS));
    db.delete(&Selector::metric(metric), range).unwrap().unwrap();
    db.compact().unwrap();
}
