//! Pins: which generations readers inside this process still use.
//!
//! A pin is a shared token; it is gone when its last holder is. Pins of other processes are files, which hosts list.
use crate::ids::{Generation, Lsn};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Keeps one generation's extents, and the log files it needs, from being reused. Dropping it lets go.
#[derive(Clone, Debug)]
pub struct Pin(#[expect(dead_code, reason = "held for its count, never read")] Arc<()>);

#[derive(Debug)]
struct Held {
    generation: Generation,
    log_first_lsn: Option<Lsn>,
    token: Arc<()>,
}

/// Pins by generation, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Pins(Vec<Held>);

impl Pins {
    /// Pins `generation`, whose replay starts in the log file `log_first_lsn`.
    pub(crate) fn take(&mut self, generation: Generation, log_first_lsn: Option<Lsn>) -> Pin {
        if let Some(held) = self.0.last().filter(|held| held.generation == generation) {
            return Pin(Arc::clone(&held.token));
        }
        self.0.retain(|held| Arc::strong_count(&held.token) > 1);
        let token = Arc::new(());
        self.0.push(Held { generation, log_first_lsn, token: Arc::clone(&token) });
        Pin(token)
    }

    /// The oldest pinned generation, and the oldest log file that a pin needs.
    pub(crate) fn oldest(&mut self) -> (Option<Generation>, Option<Lsn>) {
        self.0.retain(|held| Arc::strong_count(&held.token) > 1);
        let generation = self.0.iter().map(|held| held.generation).min();
        (generation, self.0.iter().filter_map(|held| held.log_first_lsn).min())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_lasts_as_long_as_its_last_holder() {
        let mut pins = Pins::default();
        let first = pins.take(3, Some(10));
        let second = pins.take(3, Some(10));
        let later = pins.take(5, Some(20));
        drop(first);
        assert_eq!(pins.oldest(), (Some(3), Some(10)));
        drop(second);
        assert_eq!(pins.oldest(), (Some(5), Some(20)));
        drop(later);
        assert_eq!(pins.oldest(), (None, None));
    }
}
