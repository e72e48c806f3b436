//! A progress bar on stderr, for work that lasts longer than a second in front of a person.
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long work may last without a bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is counted.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Bytes,
    Points,
}

/// A bar that shows itself when the work turns out to be long.
pub(super) struct Progress {
    message: &'static str,
    unit: Unit,
    total: Option<u64>,
    started: Instant,
    bar: Option<ProgressBar>,
    is_watched: bool,
}

impl Progress {
    /// Starts the clock. `total` is in `unit`; without it there is no time left to tell.
    pub(super) fn new(message: &'static str, unit: Unit, total: Option<u64>) -> Self {
        let is_watched = std::io::stderr().is_terminal();
        Self { message, unit, total, started: Instant::now(), bar: None, is_watched }
    }

    /// Shows how far the work is.
    pub(super) fn set(&mut self, position: u64) {
        if !self.is_watched || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = self.total.map_or_else(ProgressBar::no_length, ProgressBar::new);
            bar.with_style(style(self.unit, self.total.is_some()))
                .with_message(self.message)
                .with_elapsed(self.started.elapsed())
        });
        bar.set_position(position);
    }
}

/// A bar for work on several threads that tells bytes done, of how many.
pub(super) fn shared(message: &'static str) -> impl Fn(u64, u64) + Sync {
    let progress = Mutex::new(Progress::new(message, Unit::Bytes, None));
    move |done, total| {
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.total = Some(total);
        progress.set(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Does work that can't say how far it is, beside a sign of life.
pub(super) fn while_working<T: Send>(message: &'static str, work: impl FnOnce() -> T + Send) -> T {
    if !std::io::stderr().is_terminal() {
        return work();
    }
    let (done, wait) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
                let bar = ProgressBar::new_spinner()
                    .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
                    .with_message(message)
                    .with_elapsed(PATIENCE);
                bar.enable_steady_tick(Duration::from_millis(200));
                let _ = wait.recv();
                bar.finish_and_clear();
            }
        });
        let result = work();
        drop(done);
        result
    })
}

fn style(unit: Unit, has_total: bool) -> ProgressStyle {
    let template = match (unit, has_total) {
        (Unit::Bytes, true) => "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
        (Unit::Bytes, false) => "{spinner} {msg} {bytes} {bytes_per_sec} {elapsed}",
        (Unit::Points, true) => "{msg} [{bar:30}] {human_pos}/{human_len} points {per_sec} {eta} left",
        (Unit::Points, false) => "{spinner} {msg} {human_pos} points {per_sec} {elapsed}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ")
}
