//! Batch: points of a text, kept until they are committed. A point costs no allocation, its series is named once.
//!
//! Points come in much the same order all through a text. So the series that came before, and the one that followed it the
//! last time, are compared first; what neither is, is looked for by hash.
use super::TextPoint;
use crate::error::{Error, Result};
use crate::model::{PointSource, SeriesMemo};
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hash, Hasher};
use hashbrown::HashMap;

/// Series and bytes of names that are known from one batch to the next; with more, the next one starts afresh.
const KNOWN_SERIES_MAX: usize = 1 << 16;
const KNOWN_BYTES_MAX: usize = 8 << 20;

/// Points, and the series that they and those of earlier batches are of.
#[derive(Debug, Default)]
pub struct TextBatch {
    /// The memo that those of the series are made like; without it they have none.
    memo: Option<SeriesMemo>,
    series: Vec<Known>,
    /// By the hash of its names.
    by_hash: HashMap<u64, u32>,
    /// Names, one behind the other.
    text: String,
    /// Where each name ends; it starts where the one before it ends.
    ends: Vec<u32>,
    /// Bytes of names that the points of this batch brought.
    text_bytes: usize,
    /// The series of the point before, also of the batch before.
    previous: Option<u32>,
    points: Vec<Kept>,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    timestamp: i64,
    value: f64,
    series: u32,
}

/// A series as the text names it. Another order of the tags makes another one here, and the same one of the database.
#[derive(Debug)]
struct Known {
    /// Number of the metric's name.
    metric: u32,
    /// Number of [`TextPoint::tags_text`].
    tags_text: u32,
    /// Number of the first tag's key; its value follows, then the next tag.
    first_tag: u32,
    tags: u32,
    /// The series of the point that came behind its last one.
    follower: Option<u32>,
    memo: Option<SeriesMemo>,
}

/// A point of a [`TextBatch`].
#[derive(Clone, Copy, Debug)]
pub struct BatchRow<'a> {
    batch: &'a TextBatch,
    point: &'a Kept,
}

impl TextBatch {
    /// A batch for the database that `memo` is of.
    pub fn new(memo: SeriesMemo) -> Self {
        Self { memo: Some(memo), ..Self::default() }
    }

    /// Adds a point.
    #[inline]
    pub fn push(&mut self, row: &impl TextPoint) -> Result<()> {
        let series = match self.expected(row) {
            Some(series) => series,
            None => self.find_or_add(row)?,
        };
        self.previous = Some(series);
        self.points.push(Kept { timestamp: row.timestamp(), value: row.value(), series });
        Ok(())
    }

    /// The series of the point, if it is one that was expected here.
    #[inline]
    fn expected(&self, row: &impl TextPoint) -> Option<u32> {
        let last = self.previous?;
        let known = self.series.get(last as usize)?;
        let repeats = row.repeats_tags() && !self.points.is_empty();
        if repeats && self.text(known.metric) == row.metric() {
            return Some(last);
        }
        known.follower.filter(|&follower| self.is(follower, row))
    }

    /// True when the point is of that series.
    #[inline]
    fn is(&self, series: u32, row: &impl TextPoint) -> bool {
        let Some(known) = self.series.get(series as usize) else { return false };
        if self.text(known.metric) != row.metric() {
            return false;
        }
        let tags_text = row.tags_text();
        if !tags_text.is_empty() {
            return self.text(known.tags_text) == tags_text;
        }
        self.text(known.tags_text).is_empty()
            && known.tags as usize == row.tag_count()
            && (0..row.tag_count()).all(|index| self.tag(known, index) == row.tag_at(index))
    }

    #[inline(never)]
    fn find_or_add(&mut self, row: &impl TextPoint) -> Result<u32> {
        let hash = self.hash(row);
        let found = self.by_hash.get(&hash).copied().filter(|&series| self.is(series, row));
        let series = match found {
            Some(series) => series,
            None => self.add(row)?,
        };
        self.by_hash.insert(hash, series);
        if let Some(previous) = self.previous.and_then(|previous| self.series.get_mut(previous as usize)) {
            previous.follower = Some(series);
        }
        Ok(series)
    }

    fn hash(&self, row: &impl TextPoint) -> u64 {
        let mut hasher = self.by_hash.hasher().build_hasher();
        (row.metric(), row.tags_text()).hash(&mut hasher);
        if row.tags_text().is_empty() {
            (0..row.tag_count()).for_each(|index| row.tag_at(index).hash(&mut hasher));
        }
        hasher.finish()
    }

    fn add(&mut self, row: &impl TextPoint) -> Result<u32> {
        let before = self.text.len();
        let metric = self.add_text(row.metric())?;
        let tags_text = self.add_text(row.tags_text())?;
        let (first_tag, tags) = (self.ends.len() as u32, row.tag_count() as u32);
        for index in 0..row.tag_count() {
            let (key, value) = row.tag_at(index);
            self.add_text(key)?;
            self.add_text(value)?;
        }
        self.text_bytes += self.text.len() - before;
        let memo = self.memo.as_ref().map(SeriesMemo::another);
        self.series.push(Known { metric, tags_text, first_tag, tags, follower: None, memo });
        Ok(self.series.len() as u32 - 1)
    }

    fn add_text(&mut self, text: &str) -> Result<u32> {
        self.text.push_str(text);
        // There are fewer names than bytes and points together.
        let end = u32::try_from(self.text.len()).map_err(|_| Error::invalid("the rows are too long"))?;
        self.ends.push(end);
        Ok(self.ends.len() as u32 - 1)
    }

    #[inline]
    fn text(&self, number: u32) -> &str {
        let end = |number: u32| self.ends.get(number as usize).map_or(0, |&end| end as usize);
        let start = number.checked_sub(1).map_or(0, end);
        self.text.get(start..end(number)).unwrap_or_default()
    }

    #[inline]
    fn tag(&self, series: &Known, index: usize) -> (&str, &str) {
        if index >= series.tags as usize {
            return ("", "");
        }
        let key = series.first_tag + 2 * index as u32;
        (self.text(key), self.text(key + 1))
    }

    /// Points.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// True without points.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Bytes of names and tag values that its points brought.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Begins the next batch.
    pub fn clear(&mut self) {
        self.points.clear();
        self.text_bytes = 0;
        if self.series.len() > KNOWN_SERIES_MAX || self.text.len() > KNOWN_BYTES_MAX {
            self.series.clear();
            self.by_hash.clear();
            self.text.clear();
            self.ends.clear();
            self.previous = None;
        }
    }

    /// The points, in the order in which they came.
    pub fn rows(&self) -> Vec<BatchRow<'_>> {
        self.points.iter().map(|point| BatchRow { batch: self, point }).collect()
    }
}

impl BatchRow<'_> {
    #[inline]
    fn series(&self) -> Option<&Known> {
        self.batch.series.get(self.point.series as usize)
    }
}

impl PointSource for BatchRow<'_> {
    #[inline]
    fn metric(&self) -> &str {
        self.series().map_or("", |series| self.batch.text(series.metric))
    }
    #[inline]
    fn tag_count(&self) -> usize {
        self.series().map_or(0, |series| series.tags as usize)
    }
    #[inline]
    fn tag_at(&self, index: usize) -> (&str, &str) {
        self.series().map_or(("", ""), |series| self.batch.tag(series, index))
    }
    fn timestamp(&self) -> i64 {
        self.point.timestamp
    }
    fn value(&self) -> f64 {
        self.point.value
    }
    #[inline]
    fn memo(&self) -> Option<&SeriesMemo> {
        self.series()?.memo.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Point;

    /// A point, and whether it claims to have the tags of the one before.
    struct Given(Point, bool);

    impl PointSource for Given {
        fn metric(&self) -> &str {
            self.0.metric()
        }
        fn tag_count(&self) -> usize {
            self.0.tag_count()
        }
        fn tag_at(&self, index: usize) -> (&str, &str) {
            self.0.tag_at(index)
        }
        fn timestamp(&self) -> i64 {
            self.0.timestamp()
        }
        fn value(&self) -> f64 {
            self.0.value()
        }
    }

    impl TextPoint for Given {
        fn line(&self) -> u64 {
            1
        }
        fn repeats_tags(&self) -> bool {
            self.1
        }
    }

    #[test]
    fn points_come_back_as_they_were_pushed_whatever_tags_their_neighbours_have() {
        let mut batch = TextBatch::default();
        let points = [
            Given(Point::new("m", 1, 1.5).tag("a", "").tag("b", "é"), false),
            Given(Point::new("other", 2, 2.5).tag("a", "x").tag("b", ""), false),
            Given(Point::new("", 2, 2.5).tag("a", "x").tag("b", ""), true),
            Given(Point::new("n", 3, 0.0), false),
            Given(Point::new("n", 4, 0.0).tag("", ""), false),
            Given(Point::new("m", 5, 1.5).tag("b", "1").tag("a", "2"), false),
        ];
        for round in 0..2 {
            // The first of a batch has no neighbour, whatever it claims.
            for point in &points[round * 2..] {
                batch.push(point).unwrap();
            }
            let seen: Vec<Point> = batch.rows().iter().map(own).collect();
            let expected: Vec<Point> = points[round * 2..].iter().map(|given| given.0.clone()).collect();
            assert_eq!(seen, expected);
            batch.clear();
        }
    }

    fn own(row: &BatchRow<'_>) -> Point {
        let point = Point::new(row.metric(), row.timestamp(), row.value());
        (0..row.tag_count()).fold(point, |point, index| {
            let (key, value) = row.tag_at(index);
            point.tag(key, value)
        })
    }
}
