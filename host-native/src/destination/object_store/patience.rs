//! The one place where a request is made again: with jitter, as late as the store asks for, and not for ever.
use super::failure::Failure;
use super::wire::listen;
use crate::error::{Error, ErrorKind};
use crate::host::random_u64;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Wait before the second attempt; then twice as long each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(20);
/// How long a store is tried that has never answered: more likely its address is wrong.
const FIRST_CONTACT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a call is tried by default.
pub(super) const RETRY_TIME_MAX: Duration = Duration::from_secs(120);

/// How long calls are tried.
#[derive(Debug)]
pub(super) struct Patience {
    time_max: Duration,
    /// The store has answered something.
    met: AtomicBool,
}

impl Patience {
    pub(super) fn new(time_max: Duration) -> Self {
        Self { time_max, met: AtomicBool::new(false) }
    }

    /// Makes a call until it succeeds, fails for good, or time is up. Each attempt is a request of its own, newly signed.
    pub(super) async fn call<T, F>(
        &self,
        body_bytes_max: u64,
        mut call: impl FnMut() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let started = Instant::now();
        let (mut attempts, mut unsure) = (0u32, false);
        loop {
            let (result, answer) = listen(body_bytes_max, call()).await;
            if answer.status.is_some() {
                self.met.store(true, Ordering::Relaxed);
            }
            let mut failure = match result {
                Ok(value) => return Ok(value),
                Err(error) => Failure::of(&error, answer),
            };
            attempts += 1;
            let wait = wait(attempts, failure.answer.retry_after, random_u64().unwrap_or(0));
            let limit = match self.met.load(Ordering::Relaxed) {
                true => self.time_max,
                false => self.time_max.min(FIRST_CONTACT_TIME_MAX),
            };
            let over = started.elapsed().saturating_add(wait) > limit;
            if failure.error.kind() != ErrorKind::Transient || over {
                failure.unsure |= unsure;
                if attempts > 1 && failure.error.kind() == ErrorKind::Transient {
                    failure.error = tired(&failure.error, attempts, started.elapsed());
                }
                return Err(failure);
            }
            unsure |= failure.unsure;
            tokio::time::sleep(wait).await;
        }
    }
}

fn tired(error: &Error, attempts: u32, took: Duration) -> Error {
    let message =
        format!("{}; it was tried {attempts} times in {:.0} s", error.message(), took.as_secs_f64());
    Error::new(ErrorKind::Transient, message)
}

/// Half of the wait is chance, so that many clients do not come back at once. What the store asks for is the least.
fn wait(attempts: u32, asked: Option<Duration>, chance: u64) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(WAIT_MAX);
    let half = doubled / 2;
    let part = u32::try_from(chance % 1_000).unwrap_or(0);
    (half + half * part / 1_000).max(asked.map_or(Duration::ZERO, |asked| asked + half * part / 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_are_not_alike_and_are_never_shorter_than_the_store_asks_for() {
        let waits: Vec<Duration> = (1..30).map(|attempt| wait(attempt, None, 999)).collect();
        assert!(waits.is_sorted() && waits.iter().all(|wait| *wait <= WAIT_MAX));
        assert!(waits[0] < FIRST_WAIT && waits[0] >= FIRST_WAIT / 2);
        assert_ne!(wait(5, None, 1), wait(5, None, 900));
        let asked = Some(Duration::from_secs(7));
        assert!(wait(1, asked, 0) >= Duration::from_secs(7) && wait(1, asked, 999) < Duration::from_secs(8));
    }
}
