//! Verify: whether the bytes of a container and its log are the ones that were written.
//!
//! A check never stops at the first thing it finds: it goes on, and says of each finding where it is and which data it
//! touches. Hosts feed the parts, in any order and side by side: [`verify_header`], then [`verify_catalog`], which lists the
//! segments, each of them to [`verify_segment`], each log file to [`verify_log`], and of a packed file what is left to
//! [`verify_zeros`]. The reports join into a [`VerifyReport`]. It repairs nothing, and trusts no length it has not checked.
mod container;
mod findings;
mod log;
mod report;
mod segment;
#[cfg(test)]
mod tests;
mod unaccounted;

pub use container::{CatalogReport, HeaderReport, verify_catalog, verify_header};
pub use findings::{Affected, FINDINGS_MAX, Finding, Findings};
pub use log::{LogReport, Torn, verify_log};
pub use report::VerifyReport;
pub use segment::{SegmentReport, verify_segment};
pub use unaccounted::{unaccounted, verify_zeros};

use crate::ids::{SeriesId, SeriesKey};

/// How much is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Every checksum and every identity of an index: finds damage by the medium, at about the speed of CRC-32.
    Checksums,
    /// Also every hash of a block, decoding, statistics and stored digests: finds wrong writers and forgery too.
    Everything,
}

/// The key of a series, for stored digests: [`crate::engine::Engine::series_key`] of the same database.
pub type Keys<'a> = &'a (dyn Fn(SeriesId) -> Option<SeriesKey> + Sync);
