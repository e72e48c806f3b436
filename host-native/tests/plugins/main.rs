//! Plugins: what a granted one does for backups, what a misbehaving one can't do to anybody, and what none can reach.
//!
//! The components are those of `plugins/corpus`, built once and committed, so nothing here needs a compiler of guests. `cargo test
//! -p chronicle --features plugins --test plugins`.
#![cfg(target_os = "linux")]
mod backups;
mod corpus;
mod install;
mod misbehaving;
mod rights;

use chronicle::destination::{Bytes, Destination, Job, ObjectName, Put, PutMode};
use chronicle::plugin::{FolderGrant, PluginConfig, PluginDestination, PluginHome};
use std::path::{Path, PathBuf};

fn component(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/corpus/0.1.0").join(format!("{name}.wasm"))
}

fn name(text: &str) -> ObjectName {
    ObjectName::new(text).unwrap()
}

fn put(destination: &dyn Destination, object: &str, bytes: &[u8]) -> chronicle::Result<Put> {
    destination.put(&name(object), &Bytes(bytes), PutMode::CreateOnly.by(Job([1; 16])))
}

/// Settings of the misbehaving plugin: what it does wrong, and where.
fn way(way: &str, at: &str) -> PluginConfig {
    let mut config = PluginConfig { call_time_ms: 400, ..PluginConfig::default() };
    config.settings = [("way", way), ("at", at)].map(|(name, value)| (name.into(), value.into())).into();
    config
}

fn with_folder(mut config: PluginConfig, name: &str, path: &Path, writable: bool) -> PluginConfig {
    config.grants.folders.insert(name.to_owned(), FolderGrant { path: path.to_owned(), writable });
    config
}

fn misbehaving(config: &PluginConfig) -> PluginDestination {
    PluginHome::open_file(&component("misbehaving"), config).unwrap()
}
