//! A clock that a seed determines, and that can be set wrong.
use crate::workload::Random;

/// The host's clock, Unix ns.
#[derive(Clone, Debug)]
pub struct Clock {
    now_ns: i64,
    random: Random,
}

impl Clock {
    /// A clock somewhere in 2026.
    pub fn new(seed: u64) -> Self {
        Self { now_ns: 1_780_000_000_000_000_000, random: Random::new(seed ^ 0xc10c) }
    }

    /// The time, which has moved on by up to a second, or not at all.
    pub fn now(&mut self) -> i64 {
        if self.random.below(3) > 0 {
            self.now_ns = self.now_ns.saturating_add(self.random.below(1_000_000_000) as i64);
        }
        self.now_ns
    }

    /// Sets the clock forward, or back.
    pub fn jump(&mut self, by_ns: i64) {
        self.now_ns = self.now_ns.saturating_add(by_ns);
    }
}
