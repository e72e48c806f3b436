//! One segment, front to back: header, index, blocks.
use super::{Affected, Findings, Keys, Level};
use crate::codec::Scratch;
use crate::digest::Digest;
use crate::error::{At, Error, Result};
use crate::format::{SegmentEntry, SegmentKind, SegmentSummary};
use crate::ids::Hash;
use crate::segment::{
    BlockMeta, DictionaryBlockMeta, DictionaryIndex, SEGMENT_HEADER_BYTES, SegmentIndex, check_block,
    check_block_hash, check_block_statistics, check_dictionary_block, check_dictionary_block_hash,
    decode_block, decode_dictionary_block,
};
use alloc::vec::Vec;

/// What the check of one segment came to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SegmentReport {
    /// Blocks that were looked at.
    pub blocks: u64,
    /// Points that the blocks without findings hold.
    pub points: u64,
    /// Bytes of the segment.
    pub bytes: u64,
    /// What is wrong.
    pub findings: Findings,
}

/// Checks a segment against the catalog's entry. `bytes` are those of its extent, without padding; fewer are a finding.
///
/// `keys` are needed for the stored digest, which [`Level::Everything`] checks: without them it is passed over.
pub fn verify_segment(
    bytes: &[u8],
    entry: &SegmentEntry,
    level: Level,
    keys: Option<Keys<'_>>,
) -> SegmentReport {
    let mut report = SegmentReport { bytes: bytes.len() as u64, ..SegmentReport::default() };
    let summary = &entry.summary;
    let whole = Affected {
        series: Some((summary.series_min, summary.series_max)),
        time: (!summary.time.is_empty()).then_some(summary.time),
    };
    let checked = match entry.kind {
        SegmentKind::Points => points(bytes, summary, level, keys, whole, &mut report),
        SegmentKind::Dictionary => dictionary(bytes, summary, level, whole, &mut report),
    };
    if let Err(error) = checked {
        report.findings.add(&"segment", &error, whole);
    }
    let place = alloc::format!("segment {} at {}", summary.identity, entry.offset);
    report.findings = core::mem::take(&mut report.findings).at(place);
    report
}

fn points(
    bytes: &[u8],
    summary: &SegmentSummary,
    level: Level,
    keys: Option<Keys<'_>>,
    whole: Affected,
    report: &mut SegmentReport,
) -> Result<()> {
    let index = parse(bytes, summary, SegmentIndex::parse, whole, report)?;
    if index.summary() != summary {
        return Err(Error::damaged("the catalog's summary is not the one that the index implies").at("index"));
    }
    let mut decoder = Decoder { keys, ..Decoder::default() };
    for meta in index.blocks() {
        let block = part(bytes, meta.offset, u64::from(meta.len)).unwrap_or_default();
        let checked = check_block(block, &meta).and_then(|()| match level {
            Level::Checksums => Ok(()),
            Level::Everything => decoder.check(block, &meta),
        });
        report.blocks += 1;
        match checked {
            Ok(()) => report.points = report.points.saturating_add(meta.stats.count),
            Err(error) => {
                decoder.complete = false;
                let affected =
                    Affected { series: Some((meta.series, meta.series)), time: Some(meta.stats.time) };
                report.findings.add(&alloc::format!("block at {}", meta.offset), &error, affected);
            }
        }
    }
    let summed = level == Level::Everything && keys.is_some() && decoder.complete;
    if summed && decoder.digest != summary.digest {
        return Err(Error::damaged(alloc::format!(
            "its points have digest {}, the index says {}: its writer lost, doubled or misplaced points",
            decoder.digest,
            summary.digest
        )));
    }
    Ok(())
}

/// Decodes blocks one after the other, and sums their digest.
struct Decoder<'a> {
    keys: Option<Keys<'a>>,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
    scratch: Scratch,
    digest: Digest,
    /// Every block was decoded.
    complete: bool,
}

impl Default for Decoder<'_> {
    fn default() -> Self {
        Self {
            keys: None,
            timestamps: Vec::new(),
            bits: Vec::new(),
            scratch: Scratch::default(),
            digest: Digest::default(),
            complete: true,
        }
    }
}

impl Decoder<'_> {
    fn check(&mut self, block: &[u8], meta: &BlockMeta) -> Result<()> {
        check_block_hash(block, meta)?;
        decode_block(block, meta, &mut self.timestamps, &mut self.bits, &mut self.scratch)?;
        check_block_statistics(&self.timestamps, &self.bits, meta)?;
        let Some(keys) = self.keys else { return Ok(()) };
        let key = keys(meta.series).ok_or_else(|| {
            Error::damaged(alloc::format!("series {:#x} has points but no definition", meta.series.0))
        })?;
        self.digest.add(key, &self.timestamps, &self.bits);
        Ok(())
    }
}

fn dictionary(
    bytes: &[u8],
    summary: &SegmentSummary,
    level: Level,
    whole: Affected,
    report: &mut SegmentReport,
) -> Result<()> {
    let index = parse(bytes, summary, DictionaryIndex::parse, whole, report)?;
    let found = index.summary();
    let same = (found.len, found.index_offset, found.index_len)
        == (summary.len, summary.index_offset, summary.index_len)
        && (found.blocks, found.series) == (summary.blocks, summary.series)
        && (found.series_min, found.series_max) == (summary.series_min, summary.series_max);
    if !same {
        return Err(Error::damaged("the catalog's summary is not the one that the index implies").at("index"));
    }
    for meta in index.blocks() {
        report.blocks += 1;
        let block = part(bytes, meta.offset, u64::from(meta.len)).unwrap_or_default();
        if let Err(error) = dictionary_block(block, &meta, level) {
            let affected = Affected { series: Some((meta.first, meta.bound)), time: None };
            report.findings.add(&alloc::format!("block at {}", meta.offset), &error, affected);
        }
    }
    Ok(())
}

fn dictionary_block(block: &[u8], meta: &DictionaryBlockMeta, level: Level) -> Result<()> {
    check_dictionary_block(block, meta)?;
    if level == Level::Everything {
        check_dictionary_block_hash(block, meta)?;
        decode_dictionary_block(block, meta, |_, _| Ok(()))?;
    }
    Ok(())
}

/// The index, proved by the identity. A wrong header is a finding of its own: the index makes it good.
fn parse<T>(
    bytes: &[u8],
    summary: &SegmentSummary,
    read: impl Fn(Option<&[u8]>, &[u8], Option<&Hash>) -> Result<T>,
    whole: Affected,
    report: &mut SegmentReport,
) -> Result<T> {
    if bytes.len() as u64 != summary.len {
        return Err(Error::damaged(alloc::format!(
            "it has {} bytes instead of {}: the file was cut",
            bytes.len(),
            summary.len
        )));
    }
    let outside = || Error::damaged("its index does not lie in it");
    let index = part(bytes, summary.index_offset, u64::from(summary.index_len)).ok_or_else(outside)?;
    let header = bytes.get(..SEGMENT_HEADER_BYTES).unwrap_or(bytes);
    let identity = Some(&summary.identity);
    read(Some(header), index, identity)
        .or_else(|error| {
            let parsed = read(None, index, identity)?;
            report.findings.add(&"header", &error, whole);
            Ok(parsed)
        })
        .at(|| alloc::format!("index at {}", summary.index_offset))
}

fn part(bytes: &[u8], offset: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?)
}
