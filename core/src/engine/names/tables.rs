//! Tables of series while blocks of dictionary runs are read into them.
use crate::error::{Error, Result};
use crate::head::{NameHasher, TableBuilder};
use crate::ids::SeriesId;
use alloc::vec::Vec;
use hashbrown::HashMap;

/// Tables while blocks are read into them.
pub(super) struct Tables {
    hasher: NameHasher,
    tables: HashMap<u32, TableBuilder>,
    /// By the string of a value in the block: the tag that it was in last.
    known: Vec<KnownTag>,
}

/// A tag of a block whose number in a metric's table is known.
#[derive(Clone, Copy)]
struct KnownTag {
    metric: u32,
    key: u32,
    number: u32,
    hash: u64,
}

impl Tables {
    pub(super) fn new(hasher: NameHasher) -> Self {
        Self { hasher, tables: HashMap::new(), known: Vec::new() }
    }

    /// The tables. One of `metrics` without a series in any run is loaded, too, once it was looked for.
    pub(super) fn finish(mut self, metrics: &[u32]) -> Vec<(u32, TableBuilder)> {
        for &metric in metrics {
            self.tables.entry(metric).or_default();
        }
        self.tables.into_iter().collect()
    }

    /// Before the first series of a block: its strings have other positions than those of the block before.
    pub(super) fn begin_block(&mut self) {
        self.known.clear();
    }

    /// Adds a series of the block.
    pub(super) fn take(&mut self, id: SeriesId, strings: &[&str], tags: &[(u32, u32)]) -> Result<()> {
        let Self { hasher, tables, known } = self;
        let table = tables.entry(id.metric()).or_default();
        if id.ordinal() != table.len() {
            return met_again(table, id, strings, tags);
        }
        // No tag has the last number as its key: a block has fewer strings.
        let unknown = KnownTag { metric: 0, key: u32::MAX, number: 0, hash: 0 };
        known.resize(strings.len(), unknown);
        let mut sum = 0u64;
        for &(key, value) in tags {
            let Some(known) = known.get_mut(value as usize) else { continue };
            if (known.metric, known.key) != (id.metric(), key) {
                let (number, hash) = table.pair(hasher, text(strings, key), text(strings, value))?;
                *known = KnownTag { metric: id.metric(), key, number, hash };
            }
            sum = sum.wrapping_add(known.hash);
            table.push_tag(known.number);
        }
        table.push(sum)
    }
}

fn text<'a>(strings: &[&'a str], reference: u32) -> &'a str {
    strings.get(reference as usize).copied().unwrap_or_default()
}

/// Two runs may define a series, if they say the same.
fn met_again(table: &TableBuilder, id: SeriesId, strings: &[&str], tags: &[(u32, u32)]) -> Result<()> {
    let tags = tags.iter().map(|&(key, value)| (text(strings, key), text(strings, value)));
    if id.ordinal() > table.len() {
        return Err(Error::damaged(alloc::format!("series number {} is defined out of order", id.0)));
    }
    match table.table().tags(id.ordinal()).eq(tags) {
        true => Ok(()),
        false => Err(Error::damaged(alloc::format!("series {} is defined twice, with different tags", id.0))),
    }
}
