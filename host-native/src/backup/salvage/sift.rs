//! Sift: takes segments apart into the blocks that are whole and those that are not, and names the series.
//!
//! A block is whole when its checksum and its hash in an index hold whose own hash is the segment's identity: nothing else is ever restored.
use super::material::{Material, Piece};
use super::report::{Loss, Losses};
use crate::error::{Error, Result};
use chronicle_core::backup::repository::Entry;
use chronicle_core::codec::Scratch;
use chronicle_core::format::{SegmentKind, Tombstone};
use chronicle_core::ids::{Lsn, SeriesId};
use chronicle_core::model::{Series, Tags, TimeRange};
use chronicle_core::segment::{
    BlockMeta, DictionaryIndex, SegmentIndex, check_block, check_block_hash, check_dictionary_block,
    check_dictionary_block_hash, decode_block, decode_dictionary_block,
};
use std::collections::BTreeMap;

/// What a lost block may have replaced: older points of these series and times.
struct Shadow {
    lsn_min: Lsn,
    series: (SeriesId, SeriesId),
    time: TimeRange,
}

/// Names of the series, and what is known to be lost.
pub(super) struct Sifter {
    names: BTreeMap<SeriesId, Series>,
    shadows: Vec<Shadow>,
    /// Segments of points without a finding, and all of them.
    pub(super) whole: (u64, u64),
}

/// Some whole points of one series.
pub(super) struct Sifted<'a> {
    pub(super) series: &'a Series,
    pub(super) points: Vec<(i64, u64)>,
}

impl Sifter {
    /// Reads every dictionary run, and looks at every block once.
    pub(super) fn new(material: &mut Material<'_>) -> Result<Self> {
        let mut it = Self { names: BTreeMap::new(), shadows: Vec::new(), whole: (0, 0) };
        let mut losses = std::mem::take(&mut material.losses);
        for (number, piece) in material.segments.iter().enumerate() {
            if piece.entry.kind == SegmentKind::Dictionary {
                let bytes = material.bytes.read(number)?;
                it.define(piece, &bytes, &material.metrics, &mut losses);
            }
        }
        it.names.extend(material.overlay.series.iter().map(|(id, series)| (*id, series.clone())));
        for (number, piece) in material.segments.iter().enumerate() {
            if piece.entry.kind == SegmentKind::Points {
                let bytes = material.bytes.read(number)?;
                it.look(piece, &bytes, &mut losses);
            }
        }
        material.losses = losses;
        Ok(it)
    }

    fn define(&mut self, piece: &Piece, bytes: &[u8], metrics: &[String], losses: &mut Losses) {
        let summary = &piece.entry.summary;
        let parsed = part(bytes, summary.index_offset, u64::from(summary.index_len))
            .and_then(|index| DictionaryIndex::parse(None, index, Some(&summary.identity)));
        let index = match parsed {
            Ok(index) => index,
            Err(error) => {
                return losses.of(
                    &piece.place,
                    format_args!("names of {} series: {}", summary.series, error.message()),
                );
            }
        };
        for meta in index.blocks() {
            let block = part(bytes, meta.offset, u64::from(meta.len)).unwrap_or_default();
            let mut found = Vec::new();
            let checked = check_dictionary_block(block, &meta)
                .and_then(|()| check_dictionary_block_hash(block, &meta))
                .and_then(|()| {
                    decode_dictionary_block(block, &meta, |id, tags| {
                        let metric = metrics.get(id.metric() as usize).filter(|name| !name.is_empty());
                        if let Some(metric) = metric {
                            let tags = Tags::new(tags.iter().copied())?;
                            found.push((id, Series { metric: metric.clone(), tags }));
                        }
                        Ok(())
                    })
                });
            match checked {
                Ok(()) => self.names.extend(found),
                Err(error) => losses.of(
                    format_args!("{}: block at {}", piece.place, meta.offset),
                    format_args!("names of {} series: {}", meta.count, error.message()),
                ),
            }
        }
    }

    /// Finds out which blocks are lost.
    fn look(&mut self, piece: &Piece, bytes: &[u8], losses: &mut Losses) {
        let summary = &piece.entry.summary;
        self.whole.1 += 1;
        let index = match index_of(piece, bytes) {
            Ok(index) => index,
            Err(error) => {
                let series = (summary.series_min, summary.series_max);
                self.shadows.push(Shadow { lsn_min: summary.lsn_min, series, time: summary.time });
                return losses.add(Loss {
                    place: piece.place.clone(),
                    why: format!("its index is lost: {}", error.message()),
                    series: Some(self.between(series)),
                    time: Some(summary.time),
                    points: Some(summary.points),
                });
            }
        };
        let mut is_whole = true;
        for meta in index.blocks() {
            let checked = whole_block(bytes, &meta).map(drop);
            let why = match (checked, self.names.contains_key(&meta.series)) {
                (Ok(()), true) => continue,
                (Ok(()), false) => "the name of its series is lost".to_owned(),
                (Err(error), _) => error.message().to_owned(),
            };
            is_whole = false;
            let series = (meta.series, meta.series);
            self.shadows.push(Shadow { lsn_min: summary.lsn_min, series, time: meta.stats.time });
            losses.add(Loss {
                place: format!("{}: block at {}", piece.place, meta.offset),
                why,
                series: Some(self.between(series)),
                time: Some(meta.stats.time),
                points: Some(meta.stats.count),
            });
        }
        self.whole.0 += u64::from(is_whole);
    }

    /// Hands out the whole blocks of a segment, without what is deleted, and without what a lost block may have replaced.
    pub(super) fn sift(
        &self,
        piece: &Piece,
        bytes: &[u8],
        tombstones: &[Tombstone],
        losses: &mut Losses,
        mut take: impl FnMut(Sifted<'_>) -> Result<()>,
    ) -> Result<()> {
        let summary = &piece.entry.summary;
        let Ok(index) = index_of(piece, bytes) else { return Ok(()) };
        let deleted: Vec<&Tombstone> =
            tombstones.iter().filter(|tombstone| summary.lsn_max < tombstone.lsn).collect();
        let shadows: Vec<&Shadow> = self
            .shadows
            .iter()
            .filter(|shadow| summary.lsn_max < shadow.lsn_min && shadow.time.overlaps(&summary.time))
            .collect();
        for meta in index.blocks() {
            let (Ok(points), Some(series)) = (whole_block(bytes, &meta), self.names.get(&meta.series)) else {
                continue;
            };
            let is_deleted = |time: i64| {
                deleted.iter().any(|it| it.series.contains(meta.series) && it.time.contains(time))
            };
            let is_hidden = |time: i64| {
                let of_series =
                    |shadow: &&&Shadow| shadow.series.0 <= meta.series && meta.series <= shadow.series.1;
                shadows.iter().filter(of_series).any(|shadow| shadow.time.contains(time))
            };
            let mut points: Vec<(i64, u64)> = points;
            points.retain(|(time, _)| !is_deleted(*time));
            let before = points.len();
            points.retain(|(time, _)| !is_hidden(*time));
            losses.withheld += (before - points.len()) as u64;
            if !points.is_empty() {
                take(Sifted { series, points })?;
            }
        }
        Ok(())
    }

    /// The series, if its name is known.
    pub(super) fn series(&self, id: SeriesId) -> Option<&Series> {
        self.names.get(&id)
    }

    fn between(&self, (first, last): (SeriesId, SeriesId)) -> String {
        let mut names = self.names.range(first..=last).map(|(_, series)| name_of(series));
        let named: Vec<String> = names.by_ref().take(3).collect();
        let more = names.count();
        match (named.is_empty(), more) {
            (true, _) if first == last => format!("a series without a name (number {:#x})", first.0),
            (true, _) => format!("series without names (numbers {:#x} to {:#x})", first.0, last.0),
            (false, 0) => named.join(", "),
            (false, more) => format!("{} and up to {more} more", named.join(", ")),
        }
    }
}

/// A series as people write it, e.g. `cpu{host="a"}`.
pub(super) fn name_of(series: &Series) -> String {
    let tags: Vec<String> = series.tags.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    if tags.is_empty() { series.metric.clone() } else { format!("{}{{{}}}", series.metric, tags.join(",")) }
}

fn index_of(piece: &Piece, bytes: &[u8]) -> Result<SegmentIndex> {
    let summary = &piece.entry.summary;
    let index = part(bytes, summary.index_offset, u64::from(summary.index_len))?;
    SegmentIndex::parse(None, index, Some(&summary.identity))
}

fn whole_block(bytes: &[u8], meta: &BlockMeta) -> Result<Vec<(i64, u64)>> {
    let block = part(bytes, meta.offset, u64::from(meta.len))?;
    check_block(block, meta)?;
    check_block_hash(block, meta)?;
    let (mut timestamps, mut bits) = (Vec::new(), Vec::new());
    decode_block(block, meta, &mut timestamps, &mut bits, &mut Scratch::default())?;
    Ok(timestamps.into_iter().zip(bits).collect())
}

fn part(bytes: &[u8], offset: u64, len: u64) -> Result<&[u8]> {
    let range = usize::try_from(offset).ok().zip(usize::try_from(len).ok());
    let found = range.and_then(|(start, len)| bytes.get(start..start.checked_add(len)?));
    found.ok_or_else(|| Error::damaged("it lies behind the end of what is left"))
}

/// The entry's container, for people.
pub(in crate::backup) fn place_of(entry: Entry, identity: impl std::fmt::Display) -> String {
    format!("{}: segment {identity}", entry.container())
}
