//! What the operator grants, and what of it a plugin gets: only what it asks for, too.
use super::info::Wishes;
use super::limits::Limits;
use crate::error::{At, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What an operator grants to a plugin. Nothing by default.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Folders of this machine, by the names that the plugin gives them.
    pub folders: BTreeMap<String, FolderGrant>,
    /// Hosts that it may send requests to: `host` (ports 80 and 443) or `host:port`.
    pub hosts: Vec<String>,
    /// Hosts of the same form that may lie in a private network or on this machine.
    pub private_hosts: Vec<String>,
    /// Secrets that it may read, by name.
    pub secrets: BTreeMap<String, SecretFrom>,
    /// Headers that the host adds to requests, by `host` or `host:port`, then by header. The plugin never sees them.
    pub headers: BTreeMap<String, BTreeMap<String, SecretFrom>>,
    /// Memory, MiB; 0 for the default of 64.
    pub memory_mib: u32,
}

/// A folder of this machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderGrant {
    /// Where it is.
    pub path: PathBuf,
    /// Whether the plugin may write there.
    pub writable: bool,
}

/// Where a secret is read when a plugin is opened. It is kept nowhere else.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretFrom {
    /// A variable of the environment.
    Env(String),
    /// The first line of a file.
    File(PathBuf),
}

impl std::str::FromStr for SecretFrom {
    type Err = Error;

    /// `env:NAME` or `file:PATH`.
    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err(Error::invalid("a secret is env:NAME or file:PATH, and never written out")),
        }
    }
}

impl SecretFrom {
    fn read(&self) -> Result<String> {
        match self {
            Self::Env(name) => std::env::var(name).map_err(|_| {
                Error::new(
                    ErrorKind::NotFound,
                    format!("the environment has no variable {name} with the secret"),
                )
            }),
            Self::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| crate::error::io("read the secret in", path, &error))?;
                Ok(text.lines().next().unwrap_or_default().to_owned())
            }
        }
    }
}

/// What a plugin has: asked for and granted, with its secrets read.
#[derive(Clone, Default)]
pub(super) struct Granted {
    pub(super) folders: Vec<GrantedFolder>,
    /// Host and port, and whether it may be private.
    pub(super) hosts: Arc<[Host]>,
    pub(super) secrets: Arc<BTreeMap<String, String>>,
}

#[derive(Clone)]
pub(super) struct GrantedFolder {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) writable: bool,
}

/// A host that requests may go to.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) is_private: bool,
    pub(super) headers: Vec<(String, String)>,
}

impl Grants {
    /// What a plugin asks for and is not granted, each as the option of `chronicle plugin add` that grants it, and whether
    /// the plugin can't be opened without.
    pub fn lacking(&self, wishes: &Wishes) -> Vec<(String, bool)> {
        let mut lacking = Vec::new();
        for wish in &wishes.folders {
            let has = self.folders.get(&wish.name).is_some_and(|grant| grant.writable || !wish.writable);
            if !has {
                let option = if wish.writable { "--allow-folder" } else { "--allow-folder-read" };
                lacking.push((format!("{option} {}=PATH", wish.name), wish.required));
            }
        }
        for wish in wishes.secrets.iter().filter(|wish| !self.secrets.contains_key(&wish.name)) {
            lacking.push((format!("--allow-secret {}=env:NAME", wish.name), wish.required));
        }
        if wishes.network && self.hosts.is_empty() && self.private_hosts.is_empty() {
            lacking.push(("--allow-host HOST".to_owned(), false));
        }
        if wishes.memory_mib > self.memory_mib.max(default_mib()) {
            lacking.push((format!("--allow-memory {}", wishes.memory_mib), true));
        }
        lacking
    }

    /// What of this a plugin gets that asks for `wishes`. Reads its secrets.
    pub(super) fn for_wishes(&self, wishes: &Wishes) -> Result<(Granted, Limits)> {
        let required: Vec<String> = self
            .lacking(wishes)
            .into_iter()
            .filter(|(_, required)| *required)
            .map(|(option, _)| option)
            .collect();
        if !required.is_empty() {
            let message =
                format!("the plugin needs what was not granted: add it again with {}", required.join(" "));
            return Err(Error::new(ErrorKind::Permission, message));
        }
        let mut granted = Granted::default();
        for wish in &wishes.folders {
            if let Some(grant) = self.folders.get(&wish.name) {
                granted.folders.push(GrantedFolder {
                    name: wish.name.clone(),
                    path: grant.path.clone(),
                    writable: wish.writable && grant.writable,
                });
            }
        }
        let mut secrets = BTreeMap::new();
        for wish in &wishes.secrets {
            if let Some(from) = self.secrets.get(&wish.name) {
                secrets.insert(wish.name.clone(), from.read().at(|| format!("secret {}", wish.name))?);
            }
        }
        granted.secrets = Arc::new(secrets);
        if wishes.network {
            granted.hosts = self.read_hosts()?.into();
        }
        let mib = match wishes.memory_mib {
            0 => default_mib(),
            wished => wished,
        };
        let limits =
            Limits { memory_bytes: usize::try_from(mib).unwrap_or(usize::MAX) << 20, ..Limits::default() };
        Ok((granted, limits))
    }

    fn read_hosts(&self) -> Result<Vec<Host>> {
        let open = self.hosts.iter().map(|name| (name, false));
        let all = open.chain(self.private_hosts.iter().map(|name| (name, true)));
        all.map(|(name, is_private)| {
            let mut headers = Vec::new();
            for (header, from) in self.headers.get(name).into_iter().flatten() {
                headers.push((header.clone(), from.read().at(|| format!("header {header} for {name}"))?));
            }
            Ok(Host { name: name.to_ascii_lowercase(), is_private, headers })
        })
        .collect()
    }
}

fn default_mib() -> u32 {
    u32::try_from(Limits::default().memory_bytes >> 20).unwrap_or(u32::MAX)
}
