//! Timetable: when a task is due next, given when it ran last and how that ended.
//!
//! What it keeps true: a task that is late, by a sleep or a long run, is due once; a clock that was set back makes it due once
//! more and never keeps it waiting; a failure is tried again a few times before the next regular time. It is pure: times are
//! arguments. Nothing that protects data depends on it.
use super::when::When;

/// How far the clock may be behind the last run before it counts as set back. Below that it is a correction.
const SET_BACK_NS: i64 = 60_000_000_000;

/// When a task runs.
#[derive(Clone, Debug)]
pub(crate) struct Timetable {
    when: When,
    retries: u32,
    retry_wait_ns: i64,
    /// Until when everything was done. `None`: it is due now.
    done_ns: Option<i64>,
    retry_ns: Option<i64>,
    attempt: u32,
}

impl Timetable {
    /// A task that last ran at `last_ns`, or never.
    pub(crate) fn new(when: When, last_ns: Option<i64>, retries: u32, retry_wait_ns: i64) -> Self {
        Self { when, retries, retry_wait_ns, done_ns: last_ns, retry_ns: None, attempt: 0 }
    }

    /// When it is due: a time that is not after `now_ns` if it is due now. `None` when it never is again.
    pub(crate) fn due_ns(&self, now_ns: i64) -> Option<i64> {
        let Some(done) = self.done_ns.filter(|done| *done <= now_ns.saturating_add(SET_BACK_NS)) else {
            return Some(now_ns);
        };
        let regular = self.when.next_after(done);
        // After the clock was set back, a retry is not waited for longer than was said.
        let retry = self.retry_ns.map(|retry| retry.min(now_ns.saturating_add(self.retry_wait_ns)));
        regular.into_iter().chain(retry).min()
    }

    /// True when it is to run now.
    pub(crate) fn is_due(&self, now_ns: i64) -> bool {
        self.due_ns(now_ns).is_some_and(|due| due <= now_ns)
    }

    /// It begins, at whatever time it was due. Answers which attempt this is, from 1.
    pub(crate) fn begin(&mut self, now_ns: i64) -> u32 {
        self.attempt = match self.retry_ns.take() {
            Some(_) => self.attempt + 1,
            None => 1,
        };
        self.done_ns = Some(now_ns);
        self.attempt
    }

    /// It failed, in a way that may pass.
    pub(crate) fn retry(&mut self, now_ns: i64) {
        if self.attempt <= self.retries {
            self.retry_ns = Some(now_ns.saturating_add(self.retry_wait_ns));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MINUTE: i64 = 60_000_000_000;
    const HOUR: i64 = 60 * MINUTE;
    /// Midnight in UTC.
    const START: i64 = 1_706_400_000_000_000_000;

    fn hourly(last: Option<i64>) -> Timetable {
        Timetable::new(When::cron("0 * * * *", "UTC").unwrap(), last, 2, 5 * MINUTE)
    }

    fn every_hour(last: Option<i64>) -> Timetable {
        Timetable::new(When::every(Duration::from_secs(3_600)).unwrap(), last, 2, 5 * MINUTE)
    }

    #[test]
    fn what_never_ran_is_due_at_once() {
        assert!(hourly(None).is_due(START + 1) && every_hour(None).is_due(START + 1));
    }

    #[test]
    fn a_machine_that_slept_for_a_day_runs_once() {
        for mut table in [hourly(Some(START)), every_hour(Some(START))] {
            let woke = START + 24 * HOUR + 7 * MINUTE;
            assert!(table.is_due(woke));
            assert_eq!(table.begin(woke), 1);
            assert!(!table.is_due(woke + MINUTE), "not once for each hour that was slept");
            let next = table.due_ns(woke).unwrap();
            assert!(next > woke && next <= woke + HOUR);
        }
    }

    #[test]
    fn an_interval_counts_from_the_start_of_a_run_and_a_cron_expression_by_the_clock() {
        let mut table = hourly(Some(START));
        table.begin(START + HOUR + 10 * MINUTE);
        assert_eq!(table.due_ns(START + HOUR + 40 * MINUTE), Some(START + 2 * HOUR));
        let mut table = every_hour(Some(START));
        table.begin(START + HOUR + 10 * MINUTE);
        assert_eq!(table.due_ns(START + HOUR + 40 * MINUTE), Some(START + 2 * HOUR + 10 * MINUTE));
    }

    #[test]
    fn a_clock_that_was_set_back_a_year_delays_nothing_and_repeats_once() {
        for mut table in [hourly(Some(START)), every_hour(Some(START))] {
            let back = START - 365 * 24 * HOUR;
            assert!(table.is_due(back));
            table.begin(back);
            assert!(!table.is_due(back + MINUTE));
            assert!(table.is_due(back + HOUR));
        }
    }

    #[test]
    fn a_clock_that_is_corrected_by_a_second_repeats_nothing() {
        let mut table = hourly(None);
        table.begin(START + HOUR);
        assert!(!table.is_due(START + HOUR - 1_000_000_000));
        assert!(!table.is_due(START + HOUR));
        assert_eq!(table.due_ns(START + HOUR), Some(START + 2 * HOUR));
    }

    #[test]
    fn a_failure_is_tried_again_as_often_as_was_said_and_then_at_the_regular_time() {
        let mut table = hourly(Some(START));
        let mut now = START + HOUR;
        for attempt in 1..=2 {
            assert_eq!(table.begin(now), attempt);
            table.retry(now);
            assert_eq!(table.due_ns(now), Some(now + 5 * MINUTE));
            now += 5 * MINUTE;
        }
        assert_eq!(table.begin(now), 3);
        table.retry(now);
        assert_eq!(table.due_ns(now), Some(START + 2 * HOUR));
        assert_eq!(table.begin(START + 2 * HOUR), 1);
    }

    #[test]
    fn a_retry_is_not_kept_waiting_by_a_clock_that_was_set_back_a_little() {
        let mut table = hourly(Some(START));
        table.begin(START + HOUR);
        table.retry(START + HOUR);
        let back = START + HOUR - 50_000_000_000;
        assert_eq!(table.due_ns(back), Some(back + 5 * MINUTE));
    }
}
