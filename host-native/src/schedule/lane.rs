//! Lane: the thread of one destination. It sleeps until something is due, runs it, and looks again.
use super::report::RunReport;
use super::runner::Runner;
use std::sync::PoisonError;
use std::time::Duration;

/// Runs these jobs, which share a destination, until the scheduler is stopped.
pub(super) fn run(runner: &Runner, jobs: &[usize]) {
    jobs.iter().for_each(|job| runner.begin(*job));
    loop {
        let turn = {
            let mut state = runner.lock();
            loop {
                if state.stopping {
                    return;
                }
                let now = runner.clock.now_ns();
                if let Some(turn) = runner.take_turn(&mut state, jobs, now) {
                    break turn;
                }
                let next = runner.next_due(&state, jobs, now);
                let until =
                    next.map(|next| Duration::from_nanos(next.saturating_sub(now).max(0).unsigned_abs()));
                let nap = until.unwrap_or(Duration::MAX).min(runner.clock.step());
                let (woken, _) = runner.wake.wait_timeout(state, nap).unwrap_or_else(PoisonError::into_inner);
                state = woken;
            }
        };
        runner.run(turn);
    }
}

/// Runs what is due now, each task once.
pub(super) fn run_due(runner: &Runner) -> Vec<RunReport> {
    let jobs: Vec<usize> = runner.lanes().into_iter().flatten().collect();
    jobs.iter().for_each(|job| runner.begin(*job));
    let mut reports = Vec::new();
    // Of this moment: what becomes due meanwhile, a retry too, is for the next time.
    let now = runner.clock.now_ns();
    loop {
        let turn = runner.take_turn(&mut runner.lock(), &jobs, now);
        let Some(turn) = turn else { return reports };
        reports.extend(runner.run(turn));
    }
}
