//! The instances of one open plugin: who works with which, what follows when one dies.
//!
//! What it keeps true: an instance that died is never called again; a call whose instance died is made once more by a new one;
//! after three deaths in a row the plugin is left alone for half a minute, and then tried again, so that a plugin that recovers
//! is used again without anybody restarting anything.
use super::fault::{Call, Fault};
use super::grants::Granted;
use super::instance::{Instance, Program};
use super::limits::{DEATHS_MAX, Limits, REST};
use crate::destination::runtime;
use crate::error::{Error, ErrorKind, Result};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::runtime::Handle;

/// Characters of the logs of dead instances that are kept.
const LOG_CHARS: usize = 64 << 10;

pub(super) struct Pool {
    program: Program,
    granted: Granted,
    limits: Limits,
    settings: Vec<(String, String)>,
    place: String,
    shared: Mutex<Shared>,
    freed: Condvar,
}

#[derive(Default)]
struct Shared {
    idle: Vec<Instance>,
    /// Idle or working.
    alive: usize,
    alive_max: usize,
    /// In a row.
    deaths: u32,
    last_death: Option<(Instant, Error)>,
    log: String,
}

impl Pool {
    pub(super) fn new(
        program: Program,
        granted: Granted,
        limits: Limits,
        settings: Vec<(String, String)>,
        place: String,
    ) -> Self {
        let shared = Mutex::new(Shared { alive_max: 1, ..Shared::default() });
        Self { program, granted, limits, settings, place, shared, freed: Condvar::new() }
    }

    /// How many instances the plugin itself can stand.
    pub(super) fn allow_instances(&self, max: u16) {
        self.shared().alive_max = usize::from(max).clamp(1, self.limits.instances.max(1));
    }

    /// Everything the plugin said of late.
    pub(super) fn log(&self) -> String {
        let shared = self.shared();
        let living: String = shared.idle.iter().map(Instance::log).collect();
        format!("{}{living}", shared.log)
    }

    /// Makes a call on an instance that nobody else uses meanwhile.
    pub(super) fn run<T: Send>(&self, call: impl AsyncFn(&mut Instance) -> Call<T> + Sync) -> Result<T> {
        outside_of_runtimes(|| self.run_here(&call)).map_err(|error| error.at(&self.place))
    }

    fn run_here<T>(&self, call: &impl AsyncFn(&mut Instance) -> Call<T>) -> Result<T> {
        match self.try_once(call) {
            Err(Fault::Died(_)) => self.try_once(call).map_err(Fault::into_error),
            result => result.map_err(Fault::into_error),
        }
    }

    fn try_once<T>(&self, call: &impl AsyncFn(&mut Instance) -> Call<T>) -> Call<T> {
        let lease = self.lease()?;
        let runtime = runtime().map_err(Fault::Final)?;
        let mut instance = match lease.instance {
            Some(instance) => instance,
            None => {
                let opened = runtime.block_on(Instance::open(
                    &self.program,
                    &self.granted,
                    &self.limits,
                    &self.settings,
                ));
                match opened {
                    Ok(instance) => instance,
                    Err(fault) => {
                        self.gone(&fault, None);
                        return Err(fault);
                    }
                }
            }
        };
        let result = runtime.block_on(call(&mut instance));
        match &result {
            Err(fault @ Fault::Died(_)) => self.gone(fault, Some(&instance)),
            _ => {
                let mut shared = self.shared();
                shared.deaths = 0;
                shared.idle.push(instance);
                drop(shared);
                self.freed.notify_one();
            }
        }
        result
    }

    /// An idle instance, or leave to make one. Waits for one otherwise: each call of an instance ends in bounded time.
    fn lease(&self) -> Call<Lease> {
        let mut shared = self.shared();
        loop {
            if let Some((at, error)) = &shared.last_death
                && shared.deaths >= DEATHS_MAX
                && at.elapsed() < REST
            {
                let left = (REST - at.elapsed()).as_secs() + 1;
                let message = format!(
                    "the plugin died {} times in a row and is left alone for another {left} s; the last time: {}",
                    shared.deaths,
                    error.message()
                );
                return Err(Fault::Final(Error::new(ErrorKind::Io, message)));
            }
            if let Some(instance) = shared.idle.pop() {
                return Ok(Lease { instance: Some(instance) });
            }
            if shared.alive < shared.alive_max {
                shared.alive += 1;
                return Ok(Lease { instance: None });
            }
            shared = self.freed.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// An instance is no more, or never came to be.
    fn gone(&self, fault: &Fault, instance: Option<&Instance>) {
        let mut shared = self.shared();
        shared.alive -= 1;
        if let Fault::Died(error) = fault {
            shared.deaths += 1;
            shared.last_death = Some((Instant::now(), error.clone()));
        }
        if let Some(instance) = instance {
            shared.log.push_str(&instance.log());
            let surplus = shared.log.len().saturating_sub(LOG_CHARS);
            let cut = shared.log.ceil_char_boundary(surplus);
            shared.log.drain(..cut);
        }
        drop(shared);
        self.freed.notify_one();
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Lease {
    instance: Option<Instance>,
}

/// Runs blocking work on this thread; beside it where this thread is one of an async runtime, which must not be blocked in.
pub(super) fn outside_of_runtimes<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if Handle::try_current().is_err() {
        return work();
    }
    std::thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Io, "a call of a plugin ended with a panic")))
}
