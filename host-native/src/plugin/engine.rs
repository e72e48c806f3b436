//! The one compiler and runtime of this process, and the clock that interrupts plugins.
//!
//! The clock ticks only while a plugin runs: an idle process sleeps.
use crate::error::{Error, ErrorKind, Result};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use wasmtime::{Config, Engine, EngineWeak};

/// How often a running plugin is looked at.
const TICK: Duration = Duration::from_millis(10);
/// Stack of a plugin's own calls, and of those of the host below them.
const STACK_BYTES: usize = 1 << 20;

static ENGINE: OnceLock<std::result::Result<Engine, String>> = OnceLock::new();
static RUNNING: Mutex<usize> = Mutex::new(0);
static STARTED: Condvar = Condvar::new();

/// The engine, made by the first caller.
pub(super) fn engine() -> Result<&'static Engine> {
    let made = ENGINE.get_or_init(|| make().map_err(|error| format!("{error:#}")));
    made.as_ref().map_err(|error| {
        Error::new(ErrorKind::Unsupported, format!("this machine can't run plugins: {error}"))
    })
}

fn make() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.epoch_interruption(true).max_wasm_stack(STACK_BYTES).async_stack_size(2 * STACK_BYTES);
    // Calls of the contract are plain ones; what WASI 0.3 adds costs each of them a microsecond.
    config.concurrency_support(false);
    let engine = Engine::new(&config)?;
    let weak = engine.weak();
    std::thread::Builder::new().name("chronicle-ticks".into()).spawn(move || tick(&weak))?;
    Ok(engine)
}

fn tick(engine: &EngineWeak) {
    loop {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        while *running == 0 {
            running = STARTED.wait(running).unwrap_or_else(PoisonError::into_inner);
        }
        drop(running);
        std::thread::sleep(TICK);
        let Some(engine) = engine.upgrade() else { return };
        engine.increment_epoch();
    }
}

/// The clock ticks while one of these lives.
pub(super) struct Running(());

impl Running {
    pub(super) fn start() -> Self {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        STARTED.notify_one();
        Self(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}
