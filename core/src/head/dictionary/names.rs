//! Names: metric and tags of chosen series, copied out of the dictionary for a reader or a job, which then needs no
//! more of it. They take a few numbers a series and each text once.
use super::pairs::Pairs;
use super::table::SeriesTable;
use crate::error::Result;
use crate::ids::{SeriesId, SeriesKey};
use crate::model::{Series, Tags, series_key};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use hashbrown::HashMap;

/// A series as the engine knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeriesInfo {
    /// Its number.
    pub id: SeriesId,
    /// Its identity in every database.
    pub key: SeriesKey,
    /// Metric and tags.
    pub series: Series,
}

/// Names of series, by row.
#[derive(Debug, Default)]
pub(crate) struct SeriesNames {
    /// Names of metrics, each with the row behind its last.
    metrics: Vec<(u32, Box<str>)>,
    pairs: Pairs,
    /// Where the numbers of a row end.
    ends: Vec<u32>,
    numbers: Vec<u32>,
}

impl SeriesNames {
    /// Name of the metric of a row.
    pub(crate) fn metric(&self, row: u32) -> &str {
        let at = self.metrics.partition_point(|&(end, _)| end <= row);
        self.metrics.get(at).map_or("", |(_, name)| name)
    }

    /// Tags of a row, in order of key.
    pub(crate) fn tags(&self, row: u32) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        list(&self.ends, &self.numbers, row).iter().map(|&number| self.pairs.get(number))
    }

    /// Identity of the series of a row in every database.
    pub(crate) fn key(&self, row: u32) -> SeriesKey {
        series_key(self.metric(row), self.tags(row))
    }

    /// Metric and tags of a row.
    pub(crate) fn series(&self, row: u32) -> Series {
        // Every row is of tags in canonical form.
        let tags = Tags::new(self.tags(row)).unwrap_or_default();
        Series { metric: String::from(self.metric(row)), tags }
    }

    /// Appends the series of one metric with these ordinals.
    pub(super) fn append(
        &mut self,
        metric: &str,
        table: &SeriesTable,
        ordinals: impl ExactSizeIterator<Item = u32>,
    ) -> Result<()> {
        let mut moved = Moved::new(table.pairs().len(), ordinals.len());
        for ordinal in ordinals {
            for &number in table.list(ordinal) {
                let number = match moved.get(number) {
                    Some(known) => known,
                    None => {
                        let (key, value) = table.pairs().get(number);
                        let new = self.pairs.push(key, value)?;
                        moved.set(number, new);
                        new
                    }
                };
                self.numbers.push(number);
            }
            self.ends.push(self.numbers.len() as u32);
        }
        self.metrics.push((self.ends.len() as u32, metric.into()));
        Ok(())
    }
}

/// The numbers of one list.
#[inline]
pub(super) fn list<'a>(ends: &[u32], numbers: &'a [u32], row: u32) -> &'a [u32] {
    let start =
        row.checked_sub(1).and_then(|before| ends.get(before as usize)).map_or(0, |&end| end as usize);
    let end = ends.get(row as usize).map_or(start, |&end| end as usize);
    numbers.get(start..end).unwrap_or_default()
}

/// New numbers of pairs by their old ones: a table when much is copied, a map when little is.
enum Moved {
    All(Vec<u32>),
    Few(HashMap<u32, u32>),
}

impl Moved {
    fn new(pairs: usize, rows: usize) -> Self {
        match pairs / 16 <= rows {
            true => Self::All(alloc::vec![u32::MAX; pairs]),
            false => Self::Few(HashMap::new()),
        }
    }

    fn get(&self, old: u32) -> Option<u32> {
        match self {
            Self::All(all) => all.get(old as usize).copied().filter(|&new| new != u32::MAX),
            Self::Few(few) => few.get(&old).copied(),
        }
    }

    fn set(&mut self, old: u32, new: u32) {
        match self {
            Self::All(all) => {
                if let Some(place) = all.get_mut(old as usize) {
                    *place = new;
                }
            }
            Self::Few(few) => drop(few.insert(old, new)),
        }
    }
}
