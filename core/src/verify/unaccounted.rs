//! Bytes of a packed file that nothing names: they must be zero, since no checksum covers them.
use super::{Affected, Findings};
use crate::error::Error;
use crate::format::{HEADER_AREA_LEN, SegmentEntry, Superblock};
use crate::source::ByteRange;
use alloc::vec::Vec;

/// What lies behind the header area in neither a segment nor a page of the catalog, ascending: padding, in a packed file.
pub fn unaccounted(superblock: &Superblock, segments: &[SegmentEntry]) -> Vec<ByteRange> {
    let pages = superblock.root.pages.iter().map(|page| page.extent());
    let mut extents: Vec<ByteRange> = segments.iter().map(SegmentEntry::extent).chain(pages).collect();
    extents.sort_unstable();
    let end = superblock.root.file_len;
    let mut gaps = Vec::new();
    let mut at = HEADER_AREA_LEN;
    for extent in extents.into_iter().chain([ByteRange::new(end, 0)]) {
        if extent.offset > at {
            gaps.push(ByteRange::new(at, extent.offset - at));
        }
        at = at.max(extent.end());
    }
    gaps
}

/// Checks that the bytes at `offset` of `data.db`, a whole range of [`unaccounted`] or part of one, are zero.
pub fn verify_zeros(offset: u64, bytes: &[u8]) -> Findings {
    let mut findings = Findings::default();
    if let Some(at) = bytes.iter().position(|&byte| byte != 0) {
        let error =
            Error::damaged("bytes that nothing accounts for are not zero: something wrote into this copy");
        findings.add(
            &alloc::format!("byte {}", offset.saturating_add(at as u64)),
            &error,
            Affected::default(),
        );
    }
    findings
}
