//! The earliest and the latest point.

/// A timestamp and the bits of its value. They compare in that order, so that among points of several series at one
/// time the choice does not depend on which series was scanned first.
pub(super) type End = (i64, u64);

/// The earlier of what is known and what was found.
pub(super) fn earlier(known: Option<End>, found: End) -> Option<End> {
    Some(known.map_or(found, |known| known.min(found)))
}

/// The later of what is known and what was found.
pub(super) fn later(known: Option<End>, found: End) -> Option<End> {
    Some(known.map_or(found, |known| known.max(found)))
}

/// The value of an end; NaN before any point.
pub(super) fn value(end: Option<End>) -> f64 {
    end.map_or(f64::NAN, |(_, bits)| f64::from_bits(bits))
}
