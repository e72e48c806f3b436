//! Points of a text, kept until they are committed: names in one text, so that a point costs no allocation.
use crate::error::{Error, Result};
use chronicle_core::export::TextPoint;
use chronicle_core::model::PointSource;

/// Points with the names they came with. Neighbours usually have the same tag keys, and the fields of one line the same
/// tags: both are kept once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    text: String,
    /// Where each text ends; it starts where the one before it ends.
    ends: Vec<u32>,
    points: Vec<Kept>,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    timestamp: i64,
    value: f64,
    /// Number of the metric's text.
    metric: u32,
    /// Number of the first key's text; the others follow it.
    keys: u32,
    /// Number of the first value's text; the others follow it.
    values: u32,
    tags: u32,
}

/// A point of a [`Batch`].
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    batch: &'a Batch,
    point: &'a Kept,
}

impl Batch {
    /// Adds a point.
    pub(super) fn push(&mut self, row: &impl TextPoint) -> Result<()> {
        let last = self.points.last().copied();
        let metric = self.add_text(row.metric())?;
        let point =
            Kept { timestamp: row.timestamp(), value: row.value(), metric, keys: 0, values: 0, tags: 0 };
        let point = match last {
            Some(last) if row.repeats_tags() => {
                Kept { keys: last.keys, values: last.values, tags: last.tags, ..point }
            }
            _ => {
                let tags = row.tag_count() as u32;
                let keys = match last.filter(|last| row.has_columns() || self.has_keys(last, row)) {
                    Some(last) => last.keys,
                    None => self.add_texts((0..tags).map(|index| row.tag_at(index as usize).0))?,
                };
                let values = self.add_texts((0..tags).map(|index| row.tag_at(index as usize).1))?;
                Kept { keys, values, tags, ..point }
            }
        };
        self.points.push(point);
        Ok(())
    }

    /// True when `row` has the keys of `point`, in the same order.
    #[inline]
    fn has_keys(&self, point: &Kept, row: &impl PointSource) -> bool {
        let count = row.tag_count();
        point.tags as usize == count
            && (0..count).all(|index| self.text(point.keys + index as u32) == row.tag_at(index).0)
    }

    /// Adds texts, and answers the number of the first.
    #[inline]
    fn add_texts<'a>(&mut self, texts: impl Iterator<Item = &'a str>) -> Result<u32> {
        let first = self.ends.len() as u32;
        for text in texts {
            self.add_text(text)?;
        }
        Ok(first)
    }

    #[inline]
    fn add_text(&mut self, text: &str) -> Result<u32> {
        self.text.push_str(text);
        // There are fewer texts than bytes and points together.
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

    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Bytes of names and tag values that it holds.
    pub(super) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.points.clear();
    }

    /// The points, in the order in which they came.
    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        self.points.iter().map(|point| Row { batch: self, point }).collect()
    }
}

impl PointSource for Row<'_> {
    #[inline]
    fn metric(&self) -> &str {
        self.batch.text(self.point.metric)
    }
    #[inline]
    fn tag_count(&self) -> usize {
        self.point.tags as usize
    }
    #[inline]
    fn tag_at(&self, index: usize) -> (&str, &str) {
        if index >= self.tag_count() {
            return ("", "");
        }
        let index = index as u32;
        (self.batch.text(self.point.keys + index), self.batch.text(self.point.values + index))
    }
    fn timestamp(&self) -> i64 {
        self.point.timestamp
    }
    fn value(&self) -> f64 {
        self.point.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Point;

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
        let mut batch = Batch::default();
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

    fn own(row: &Row<'_>) -> Point {
        let point = Point::new(row.metric(), row.timestamp(), row.value());
        (0..row.tag_count()).fold(point, |point, index| {
            let (key, value) = row.tag_at(index);
            point.tag(key, value)
        })
    }
}
