//! Destinations that are WASM components: `plugin://NAME/prefix`.
//!
//! A plugin is foreign code. What this room keeps true: it sees, reaches and holds nothing that was not granted; every call
//! of it ends in bounded time and memory; a plugin that dies costs one instance, and its call is made once more; what it claims is
//! compared with what was asked. The contract is `plugins/wit`; [`PluginHome`] keeps plugins and what was granted,
//! [`PluginDestination`] is one as a [`Destination`](crate::destination::Destination).
mod bindings;
mod cache;
mod config;
mod destination;
mod engine;
mod fault;
mod grants;
mod home;
mod info;
mod instance;
mod limits;
mod log;
mod network;
mod pool;
mod state;
mod transfer;

pub use config::PluginConfig;
pub use destination::PluginDestination;
pub use grants::{FolderGrant, Grants, SecretFrom};
pub use home::{Added, Installed, PluginHome};
pub use info::{PluginInfo, SettingInfo, Wishes, describe};
pub use limits::Limits;

use crate::destination::{Destination, ObjectName, Settings};
use crate::error::{Error, Result};

/// Opens `plugin://<rest>`, which is the name of an installed plugin and a prefix for the names of all objects.
pub(crate) fn open(rest: &str, settings: Settings) -> Result<Box<dyn Destination>> {
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = match prefix.trim_end_matches('/') {
        "" => None,
        prefix => Some(ObjectName::new(prefix)?),
    };
    if !home::is_plugin_name(name) {
        return Err(Error::invalid(
            "a plugin URL is plugin://NAME/prefix, with a name as `chronicle plugin list` shows it",
        ));
    }
    let destination = PluginHome::from_env()?.open(name, prefix)?;
    Ok(Box::new(if settings.single_writer { destination.single_writer() } else { destination }))
}
