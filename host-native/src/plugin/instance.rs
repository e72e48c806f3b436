//! One living instance of a plugin: calls with a time limit, and what each way of dying is called.
use super::bindings::{DestinationPlugin, DestinationPluginPre, types};
use super::engine::{Running, engine};
use super::fault::{Call, Fault};
use super::grants::Granted;
use super::info::PluginInfo;
use super::limits::{HANDLES_MAX, Limits};
use super::log::{Ring, printable};
use super::state::State;
use crate::destination::runtime;
use crate::error::{Error, ErrorKind, Result};
use std::time::Duration;
use tokio::time::error::Elapsed;
use wasmtime::component::{Component, HasSelf, Linker, ResourceAny, ResourceTableError};
use wasmtime::{Store, Trap};

/// A compiled plugin whose imports are all known.
pub(super) struct Program {
    pre: DestinationPluginPre<State>,
}

impl Program {
    pub(super) fn new(component: Component) -> Result<Self> {
        let link = || -> wasmtime::Result<DestinationPluginPre<State>> {
            let mut linker = Linker::new(engine().map_err(wasmtime::Error::new)?);
            wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
            wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
            DestinationPlugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)?;
            DestinationPluginPre::new(linker.instantiate_pre(&component)?)
        };
        let pre = link().map_err(|error| {
            let message =
                format!("this component is no plugin for this Chronicle (chronicle:backup@0.1.0): {error:#}");
            Error::unsupported(printable(&message))
        })?;
        Ok(Self { pre })
    }

    /// Asks what it is.
    pub(super) fn describe(&self, granted: &Granted, limits: &Limits) -> Result<PluginInfo> {
        let work = || {
            runtime()?
                .block_on(async {
                    let mut bare = Bare::new(self, granted, limits).await?;
                    let answer = within(
                        bare.call_time,
                        bare.world.chronicle_backup_destination().call_describe(&mut bare.store),
                    );
                    let answer = answer.await;
                    judge(&mut bare.store, limits, answer)
                })
                .map_err(Fault::into_error)
        };
        PluginInfo::checked(super::pool::outside_of_runtimes(work)?)
    }
}

struct Bare {
    store: Store<State>,
    world: DestinationPlugin,
    call_time: Duration,
}

impl Bare {
    async fn new(program: &Program, granted: &Granted, limits: &Limits) -> Call<Self> {
        let state = State::new(granted, limits, Ring::default()).map_err(Fault::Final)?;
        let engine = engine().map_err(Fault::Final)?;
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let world = within(limits.call_time, program.pre.instantiate_async(&mut store)).await;
        let world = judge(&mut store, limits, world)?;
        Ok(Self { store, world, call_time: limits.call_time })
    }
}

/// An instance with its open store.
pub(super) struct Instance {
    pub(super) store: Store<State>,
    pub(super) world: DestinationPlugin,
    pub(super) root: ResourceAny,
    limits: Limits,
}

/// One call of the plugin, with the time limit and the names of failures.
macro_rules! call {
    ($instance:expr, $interface:ident . $function:ident ( $($argument:expr),* )) => {{
        let instance = &mut *$instance;
        let interface = instance.world.chronicle_backup_destination().$interface();
        let time = instance.call_time();
        let answer = interface.$function(&mut instance.store, $($argument),*);
        let answer = super::instance::within(time, answer).await;
        instance.judge(answer)
    }};
}
pub(super) use call;

impl Instance {
    pub(super) async fn open(
        program: &Program,
        granted: &Granted,
        limits: &Limits,
        settings: &[(String, String)],
    ) -> Call<Self> {
        let Bare { mut store, world, call_time } = Bare::new(program, granted, limits).await?;
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| types::Setting { name: name.clone(), value: value.clone() })
            .collect();
        let answer =
            within(call_time, world.chronicle_backup_destination().call_open(&mut store, &settings)).await;
        let opened = judge(&mut store, limits, answer)?;
        let root = answered(&mut store, opened)?;
        Ok(Self { store, world, root, limits: *limits })
    }

    pub(super) fn call_time(&self) -> Duration {
        self.limits.call_time
    }

    pub(super) fn judge<T>(&mut self, answer: std::result::Result<wasmtime::Result<T>, Elapsed>) -> Call<T> {
        judge(&mut self.store, &self.limits, answer)
    }

    /// What the plugin answered. What it was refused on the way is the reason, whatever it makes of it.
    pub(super) fn answered<T>(&mut self, answer: std::result::Result<T, types::Error>) -> Call<T> {
        answered(&mut self.store, answer)
    }

    /// Gives up a writer or reader.
    pub(super) async fn drop_resource(&mut self, resource: ResourceAny) -> Call<()> {
        let dropped = within(self.limits.call_time, resource.resource_drop_async(&mut self.store)).await;
        self.judge(dropped)
    }

    pub(super) fn log(&self) -> String {
        self.store.data().ring.text()
    }
}

pub(super) async fn within<T>(
    time: Duration,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> std::result::Result<wasmtime::Result<T>, Elapsed> {
    let _running = Running::start();
    tokio::time::timeout(time, call).await
}

fn answered<T>(store: &mut Store<State>, answer: std::result::Result<T, types::Error>) -> Call<T> {
    answer.map_err(|error| match store.data().denials.take() {
        Some(denied) => Fault::Final(denied),
        None => Fault::Answered(error),
    })
}

fn judge<T>(
    store: &mut Store<State>,
    limits: &Limits,
    answer: std::result::Result<wasmtime::Result<T>, Elapsed>,
) -> Call<T> {
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Fault::Died(death(store.data_mut(), limits, &error))),
        Err(_) => {
            let message = format!(
                "the plugin did not answer within {:?}, the longest time of one call, and was stopped",
                limits.call_time
            );
            Err(Fault::Died(Error::new(ErrorKind::Io, message)))
        }
    }
}

fn death(state: &mut State, limits: &Limits, error: &wasmtime::Error) -> Error {
    if let Some(denied) = state.denials.take() {
        return denied;
    }
    let limited = |what: String| Error::new(ErrorKind::LimitExceeded, what);
    if std::mem::take(&mut state.limiter.refused) {
        let mib = limits.memory_bytes >> 20;
        return limited(format!("the plugin needs more than its {mib} MiB of memory, and was stopped"));
    }
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        return limited(format!("the plugin holds more than {HANDLES_MAX} handles at once, and was stopped"));
    }
    let words = state.ring.last_words();
    let cause = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => {
            return limited(
                "the plugin's calls nest too deeply for its stack, and it was stopped".to_owned(),
            );
        }
        Some(Trap::UnreachableCodeReached) => match words {
            Some(words) => format!("the plugin panicked: {words}"),
            None => "the plugin stopped itself (a WASM `unreachable`) and said nothing".to_owned(),
        },
        _ if error.downcast_ref::<wasmtime_wasi::I32Exit>().is_some() => {
            "the plugin ended its process instead of answering".to_owned()
        }
        _ => format!("the plugin was stopped: {}", error.root_cause()),
    };
    Error::new(ErrorKind::Io, printable(&cause))
}
