//! The scheduler's clock: what time it is, and how long it is safe to sleep before asking again.
use crate::host::now_ns;
use std::time::Duration;

/// Where a scheduler gets the time from.
pub trait Clock: Send + Sync {
    /// The wall clock, Unix ns. It may leap in either direction.
    fn now_ns(&self) -> i64;

    /// The longest sleep between two looks at the clock. A wait is cut into such pieces, so that a clock that was set, or a
    /// machine that slept, is noticed after one piece.
    fn step(&self) -> Duration;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ns(&self) -> i64 {
        now_ns()
    }

    fn step(&self) -> Duration {
        Duration::from_secs(15)
    }
}
