//! Material: what a salvage has to work with, wherever it came from: segments to look into, names, deletions, and what the
//! log adds.
use super::overlay::Overlay;
use super::report::Losses;
use crate::error::Result;
use chronicle_core::format::{SegmentEntry, Settings, Tombstone};
use chronicle_core::head::Position;

/// Bytes of a segment, as many as there are.
pub(in crate::backup) trait SegmentBytes {
    /// Those of the segment with this number in [`Material::segments`]; fewer where its container was cut.
    fn read(&self, number: usize) -> Result<Vec<u8>>;
}

/// A segment, and where it is.
pub(in crate::backup) struct Piece {
    pub(in crate::backup) entry: SegmentEntry,
    /// For people.
    pub(in crate::backup) place: String,
}

/// Everything that could be found.
pub(in crate::backup) struct Material<'a> {
    pub(in crate::backup) settings: Settings,
    /// By number; empty where a name is lost.
    pub(in crate::backup) metrics: Vec<String>,
    pub(in crate::backup) tombstones: Vec<Tombstone>,
    pub(in crate::backup) segments: Vec<Piece>,
    pub(in crate::backup) bytes: Box<dyn SegmentBytes + 'a>,
    pub(in crate::backup) overlay: Overlay,
    /// The last commit that is in it.
    pub(in crate::backup) end: Position,
    /// What is lost already.
    pub(in crate::backup) losses: Losses,
}
