//! Times and 64-bit integers in JSON: RFC 3339 and strings, as everywhere else.
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// Unix ns as RFC 3339.
pub(super) mod time {
    use super::*;
    use chronicle_core::time::{format_timestamp, parse_timestamp};

    pub(in crate::schedule) fn serialize<S: Serializer>(ns: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_timestamp(*ns))
    }

    pub(in crate::schedule) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<i64, D::Error> {
        parse_timestamp(&String::deserialize(deserializer)?)
            .map_err(|error| D::Error::custom(error.message()))
    }
}

/// The same, or null.
pub(super) mod maybe_time {
    use super::*;
    use chronicle_core::time::{format_timestamp, parse_timestamp};

    pub(in crate::schedule) fn serialize<S: Serializer>(
        ns: &Option<i64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match ns {
            Some(ns) => serializer.serialize_some(&format_timestamp(*ns)),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::schedule) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<i64>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let time = text.map(|text| parse_timestamp(&text)).transpose();
        time.map_err(|error| D::Error::custom(error.message()))
    }
}

/// A u64 as a string.
pub(super) mod number {
    use super::*;

    pub(in crate::schedule) fn serialize<S: Serializer>(
        number: &u64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(in crate::schedule) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
