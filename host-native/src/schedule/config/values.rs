//! Values in `chronicle.toml` that TOML has no type for.
use chronicle_core::time::parse_duration;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// `15m`, `1h30m`, `7d`.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let ns = parse_duration(&text).map_err(|error| D::Error::custom(error.message()))?;
    Ok(Duration::from_nanos(ns.unsigned_abs()))
}

pub(super) fn maybe_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}
