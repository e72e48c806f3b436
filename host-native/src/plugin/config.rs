//! What is kept of an installed plugin beside its component: `plugin.json`, which names the component by its hash.
use super::grants::Grants;
use super::info::{PluginInfo, Wishes};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings and grants of a plugin, as the operator gave them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PluginConfig {
    /// Settings, by name.
    pub settings: BTreeMap<String, String>,
    /// What is granted.
    pub grants: Grants,
    /// Longest time of one call, milliseconds; 0 for the default of 30 s.
    pub call_time_ms: u64,
}

/// `plugin.json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// BLAKE3 of the component, hexadecimal: it lies in `<hash>.wasm`.
    pub(super) component: String,
    /// Its version, for people.
    pub(super) version: String,
    /// What it asked for when it was added. A later version that asks for more needs more grants.
    pub(super) wishes: Wishes,
    pub(super) config: PluginConfig,
}

impl PluginConfig {
    /// The settings in the order of their names, checked against what the plugin knows.
    pub(super) fn checked_settings(&self, info: &PluginInfo) -> Result<Vec<(String, String)>> {
        for (name, value) in &self.settings {
            let Some(known) = info.settings.iter().find(|known| known.name == *name) else {
                let names: Vec<_> = info.settings.iter().map(|known| known.name.as_str()).collect();
                let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                return Err(Error::invalid(format!(
                    "setting {name}: the plugin has no such setting; it has {known}"
                )));
            };
            let fits = match known.kind {
                "number" => value.parse::<f64>().is_ok_and(f64::is_finite),
                "flag" => matches!(value.as_str(), "true" | "false"),
                _ => !value.contains('\0'),
            };
            if !fits {
                return Err(Error::invalid(format!("setting {name}: {value:?} is no {}", known.kind)));
            }
        }
        if let Some(missing) =
            info.settings.iter().find(|known| known.required && !self.settings.contains_key(&known.name))
        {
            return Err(Error::invalid(format!(
                "setting {}: it must be given ({})",
                missing.name, missing.help
            )));
        }
        Ok(self.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}
