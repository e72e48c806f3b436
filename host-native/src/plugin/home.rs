//! The folder where installed plugins are kept, one folder for each: its component, what was granted, and compiled code.
//!
//! `$CHRONICLE_PLUGINS`, or else `chronicle/plugins` in `$XDG_DATA_HOME` or in `~/.local/share`. `plugin.json` of a plugin names
//! its component by hash, so a change is one file that appears at once.
use super::cache;
use super::config::{PluginConfig, Record};
use super::destination::PluginDestination;
use super::info::{PluginInfo, describe, is_word};
use super::instance::Program;
use super::limits::Limits;
use crate::destination::ObjectName;
use crate::error::{At, Error, ErrorKind, Result, io};
use crate::files::atomic::write_file_durably;
use chronicle_core::ids::Hash;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest component, bytes. One with a Python interpreter has 20 MB.
const COMPONENT_BYTES_MAX: u64 = 256 << 20;
const RECORD: &str = "plugin.json";

/// Where plugins are kept.
#[derive(Clone, Debug)]
pub struct PluginHome {
    root: PathBuf,
}

/// An installed plugin.
#[derive(Clone, Debug)]
pub struct Installed {
    /// What it is called in URLs.
    pub name: String,
    /// The version of its component.
    pub version: String,
    /// Where its component lies.
    pub component: PathBuf,
    /// What the operator set and granted.
    pub config: PluginConfig,
}

/// What adding a plugin came to.
#[derive(Clone, Debug)]
pub struct Added {
    /// What it is called in URLs.
    pub name: String,
    /// What it says of itself.
    pub info: PluginInfo,
    /// The version that was there before.
    pub replaced: Option<String>,
    /// What it asks for and was not granted, as options of `chronicle plugin add`.
    pub not_granted: Vec<String>,
}

/// Whether it can be the name of an installed plugin.
pub(super) fn is_plugin_name(name: &str) -> bool {
    is_word(name)
}

impl PluginHome {
    /// The one that the environment names.
    pub fn from_env() -> Result<Self> {
        let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let root = of("CHRONICLE_PLUGINS")
            .or_else(|| of("XDG_DATA_HOME").map(|data| data.join("chronicle/plugins")))
            .or_else(|| of("HOME").map(|home| home.join(".local/share/chronicle/plugins")));
        let lost =
            || Error::new(ErrorKind::NotFound, "set CHRONICLE_PLUGINS to the folder where plugins are kept");
        Ok(Self { root: root.ok_or_else(lost)? })
    }

    /// A folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Adds a plugin, or a version of one that is there: asks it what it is, checks settings and grants, compiles it, and leaves
    /// everything for [`open`](Self::open). With a plugin of that name there, what `config` does not say stays as it was.
    /// `Permission` when it needs what is not granted, or asks for more than the version before and that is not granted.
    pub fn add(&self, file: &Path, name: Option<&str>, config: PluginConfig) -> Result<Added> {
        let wasm = read(file)?;
        let info = describe(&wasm).at(|| file.display())?;
        let name = name.unwrap_or(&info.name).to_owned();
        if !is_plugin_name(&name) {
            return Err(Error::invalid(format!(
                "{name:?} is no name of a plugin: a-z, 0-9, - and _, at most 60"
            )));
        }
        let before = match self.record(&name) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            record => Some(record?),
        };
        let config = match &before {
            Some(before) => over(before.config.clone(), config),
            None => config,
        };
        config.checked_settings(&info)?;
        let lacking = config.grants.lacking(&info.wishes);
        let known = before.as_ref().map(|before| config.grants.lacking(&before.wishes));
        let refused: Vec<&str> = lacking
            .iter()
            .filter(|(option, required)| {
                *required
                    || known.as_ref().is_some_and(|known| !known.iter().any(|(known, _)| known == option))
            })
            .map(|(option, _)| option.as_str())
            .collect();
        if !refused.is_empty() {
            let message = match known {
                Some(_) => "this version asks for more than the one that is there: grant it with",
                None => "the plugin needs what was not granted: grant it with",
            };
            return Err(Error::new(ErrorKind::Permission, format!("{message} {}", refused.join(" "))));
        }
        let folder = self.folder(&name);
        make_private(&folder)?;
        let record = Record {
            component: Hash::of(&wasm).to_string(),
            version: info.version.clone(),
            wishes: info.wishes.clone(),
            config,
        };
        write_file_durably(&component(&folder, &record), &wasm)?;
        cache::component(&wasm, &folder)?;
        let text = serde_json::to_string_pretty(&record)
            .map_err(|error| Error::new(ErrorKind::Io, format!("{RECORD} can't be written: {error}")))?;
        write_file_durably(&folder.join(RECORD), text.as_bytes())?;
        let not_granted = lacking.into_iter().map(|(option, _)| option).collect();
        Ok(Added { name, info, replaced: before.map(|before| before.version), not_granted })
    }

    /// What is installed, by name. None where the folder is not there.
    pub fn list(&self) -> Result<Vec<Installed>> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| io("list the folder of plugins", &self.root, &error))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| io("list the folder of plugins", &self.root, &error))?;
            if let Some(name) = entry.file_name().to_str().filter(|name| is_plugin_name(name)) {
                found.push(self.get(name)?);
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// An installed plugin.
    pub fn get(&self, name: &str) -> Result<Installed> {
        let record = self.record(name)?;
        let component = component(&self.folder(name), &record);
        Ok(Installed { name: name.to_owned(), version: record.version, component, config: record.config })
    }

    /// Opens an installed plugin with what it was granted. All objects lie under `prefix`.
    pub fn open(&self, name: &str, prefix: Option<ObjectName>) -> Result<PluginDestination> {
        let record = self.record(name)?;
        let folder = self.folder(name);
        let path = component(&folder, &record);
        let wasm = read(&path)?;
        if Hash::of(&wasm).to_string() != record.component {
            let message = "the component is not the one that was added (BLAKE3 differs): add it again";
            return Err(Error::damaged(message).at(path.display()));
        }
        open(&wasm, Some(&folder), name, prefix, &record.config)
    }

    /// Opens a component that is not installed, as [`open`](Self::open) would with this configuration.
    pub fn open_file(file: &Path, config: &PluginConfig) -> Result<PluginDestination> {
        let wasm = read(file)?;
        open(&wasm, None, "file", None, config).at(|| file.display())
    }

    fn record(&self, name: &str) -> Result<Record> {
        let path = self.folder(name).join(RECORD);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let message = format!(
                    "there is no plugin {name}: add it with `chronicle plugin add FILE.wasm --name {name}`"
                );
                return Err(Error::new(ErrorKind::NotFound, message).at(self.root.display()));
            }
            text => text.map_err(|error| io("read", &path, &error))?,
        };
        serde_json::from_str(&text).map_err(|error| {
            Error::invalid(format!("{error}: correct it, or add the plugin again")).at(path.display())
        })
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

fn open(
    wasm: &[u8],
    folder: Option<&Path>,
    name: &str,
    prefix: Option<ObjectName>,
    config: &PluginConfig,
) -> Result<PluginDestination> {
    let program = Program::new(match folder {
        Some(folder) => cache::component(wasm, folder)?,
        None => cache::compile(wasm)?,
    })?;
    // Asked again, of the very bytes that run: what it asked for when it was added is history.
    let info = program.describe(&Default::default(), &Limits::default())?;
    let settings = config.checked_settings(&info)?;
    let (granted, mut limits) = config.grants.for_wishes(&info.wishes)?;
    if config.call_time_ms > 0 {
        limits.call_time = Duration::from_millis(config.call_time_ms);
    }
    PluginDestination::open(program, name, prefix, (granted, limits), settings)
}

/// What `new` says over what was there.
fn over(mut old: PluginConfig, new: PluginConfig) -> PluginConfig {
    old.settings.extend(new.settings);
    old.grants.folders.extend(new.grants.folders);
    old.grants.secrets.extend(new.grants.secrets);
    old.grants.headers.extend(new.grants.headers);
    for (had, more) in
        [(&mut old.grants.hosts, new.grants.hosts), (&mut old.grants.private_hosts, new.grants.private_hosts)]
    {
        had.extend(more);
        had.sort();
        had.dedup();
    }
    old.grants.memory_mib = old.grants.memory_mib.max(new.grants.memory_mib);
    if new.call_time_ms > 0 {
        old.call_time_ms = new.call_time_ms;
    }
    old
}

fn component(folder: &Path, record: &Record) -> PathBuf {
    // The hash comes from a file: only its hexadecimal digits become a name.
    let hash: String = record.component.chars().filter(char::is_ascii_hexdigit).take(64).collect();
    folder.join(format!("{hash}.wasm"))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let len = fs::metadata(path).map_err(|error| io("read the component", path, &error))?.len();
    if len > COMPONENT_BYTES_MAX {
        let message = format!("a component has at most {COMPONENT_BYTES_MAX} bytes, and this one {len}");
        return Err(Error::new(ErrorKind::LimitExceeded, message).at(path.display()));
    }
    fs::read(path).map_err(|error| io("read the component", path, &error))
}

/// A folder that nobody else can write to, which is what compiled code is trusted for.
fn make_private(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| io("create the folder", folder, &error))
}
