//! What one instance has on the host's side: its WASI, its rights, its log. Nothing is there that was not granted.
use super::bindings::chronicle::backup::host;
use super::bindings::types;
use super::grants::Granted;
use super::limits::{HANDLES_MAX, Limiter, Limits};
use super::log::Ring;
use super::network::{Denials, Network};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

pub(super) struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    network: Network,
    table: ResourceTable,
    pub(super) limiter: Limiter,
    pub(super) ring: Ring,
    pub(super) denials: Denials,
    secrets: Arc<BTreeMap<String, String>>,
}

impl State {
    pub(super) fn new(granted: &Granted, limits: &Limits, ring: Ring) -> Result<Self> {
        let denials = Denials::default();
        let mut wasi = WasiCtx::builder();
        wasi.stderr(ring.clone()).stdout(ring.clone());
        for folder in &granted.folders {
            let rights = if folder.writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
            wasi.preopened_dir(&folder.path, format!("/{}", folder.name), rights).map_err(|error| {
                Error::invalid(format!(
                    "the folder that was granted as {} can't be opened: {error}",
                    folder.name
                ))
                .at(folder.path.display())
            })?;
        }
        // Sockets are linked, since std imports them, and never open: requests go through `Network` only.
        wasi.allow_tcp(false).allow_udp(false);
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        Ok(Self {
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            network: Network::new(granted, denials.clone()),
            table,
            limiter: Limiter::new(limits),
            ring,
            denials,
            secrets: granted.secrets.clone(),
        })
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.network }
    }
}

impl types::Host for State {}

impl host::Host for State {
    fn log(&mut self, level: host::Level, message: String) {
        let level = match level {
            host::Level::Debug => "debug",
            host::Level::Info => "info",
            host::Level::Warn => "warn",
            host::Level::Error => "error",
        };
        self.ring.line(level, &message);
    }

    fn secret(&mut self, name: String) -> Option<String> {
        self.secrets.get(&name).cloned()
    }
}
