//! Moments and spans as text and as integers: RFC 3339, Unix time in four units, durations such as `1h30m`.
//!
//! Inside Chronicle a time is an `i64` of Unix nanoseconds, 1677-09-21T00:12:43.145224192Z to
//! 2262-04-11T23:47:16.854775807Z; every one of them has a text that reads back to it. A time that a person names
//! carries its zone: only [`parse_timestamp_lenient`], for data in files, takes a time without one, as UTC.
//!
//! There is no clock here, no local time zone, no daylight saving and no table of leap seconds.
mod calendar;
mod duration;
mod parse;
mod period;
mod unit;
mod write;

pub use duration::{format_duration, parse_duration};
pub use parse::{parse_timestamp, parse_timestamp_lenient};
pub use period::CalendarPeriod;
pub use unit::TimeUnit;
pub use write::{TIMESTAMP_BYTES_MAX, TimestampWriter, format_timestamp, write_timestamp};

/// Nanoseconds in a second.
pub const NS_PER_SECOND: i64 = 1_000_000_000;
