//! What a plugin says of itself, asked without any grant.
use super::bindings::types;
use super::cache;
use super::grants::Granted;
use super::instance::Program;
use super::limits::Limits;
use super::log::printable;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Entries of any list that a plugin describes itself with.
const ENTRIES_MAX: usize = 100;
/// Characters of any text in it.
const TEXT_CHARS: usize = 300;

/// What a plugin is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PluginInfo {
    /// Its own name, which it is added under unless another is given.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line.
    pub summary: String,
    /// What may be set.
    pub settings: Vec<SettingInfo>,
    /// What it asks for.
    pub wishes: Wishes,
}

/// One setting of a plugin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingInfo {
    /// Its name.
    pub name: String,
    /// `text`, `number`, `flag` or `path`.
    pub kind: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// One line.
    pub help: String,
}

/// What a plugin asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wishes {
    /// Whether it sends requests.
    pub network: bool,
    /// Secrets.
    pub secrets: Vec<SecretWish>,
    /// Folders.
    pub folders: Vec<FolderWish>,
    /// Memory, MiB; 0 for the default.
    pub memory_mib: u32,
}

/// A secret that a plugin asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretWish {
    /// Its name.
    pub name: String,
    /// Whether the plugin is not opened without it.
    pub required: bool,
    /// What for, in the author's words.
    pub why: String,
}

/// A folder that a plugin asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderWish {
    /// Its name in the plugin, where it is `/<name>`.
    pub name: String,
    /// Whether it writes there.
    pub writable: bool,
    /// Whether the plugin is not opened without it.
    pub required: bool,
    /// What for, in the author's words.
    pub why: String,
}

/// Asks a component what it is. It runs without any grant, within the default limits.
pub fn describe(wasm: &[u8]) -> Result<PluginInfo> {
    let program = Program::new(cache::compile(wasm)?)?;
    program.describe(&Granted::default(), &Limits::default())
}

impl PluginInfo {
    pub(super) fn checked(info: types::PluginInfo) -> Result<Self> {
        let broken = |what: &str| Error::invalid(format!("the plugin describes itself wrongly: {what}"));
        let lists = [info.settings.len(), info.wishes.secrets.len(), info.wishes.folders.len()];
        if lists.iter().any(|len| *len > ENTRIES_MAX) {
            return Err(broken("a list has more than 100 entries"));
        }
        let settings: Vec<_> = info.settings.into_iter().map(setting).collect();
        let secret = |wish: types::SecretWish| SecretWish {
            name: text(&wish.name),
            required: wish.required,
            why: text(&wish.why),
        };
        let folder = |wish: types::FolderWish| FolderWish {
            name: text(&wish.name),
            writable: wish.writable,
            required: wish.required,
            why: text(&wish.why),
        };
        let wishes = Wishes {
            network: info.wishes.network,
            secrets: info.wishes.secrets.into_iter().map(secret).collect(),
            folders: info.wishes.folders.into_iter().map(folder).collect(),
            memory_mib: info.wishes.memory_mib,
        };
        let names = settings.iter().map(|setting| &setting.name);
        let names = names.chain(wishes.secrets.iter().map(|wish| &wish.name));
        for name in names.chain(wishes.folders.iter().map(|wish| &wish.name)).chain([&info.name]) {
            if !is_word(name) {
                return Err(broken(&format!("{name:?} is no name (a-z, 0-9, -, _; at most 60)")));
            }
        }
        Ok(Self {
            name: info.name,
            version: text(&info.version),
            summary: text(&info.summary),
            settings,
            wishes,
        })
    }
}

fn setting(spec: types::SettingSpec) -> SettingInfo {
    let kind = match spec.kind {
        types::SettingKind::Text => "text",
        types::SettingKind::Number => "number",
        types::SettingKind::Flag => "flag",
        types::SettingKind::Path => "path",
    };
    SettingInfo { name: text(&spec.name), kind, required: spec.required, help: text(&spec.help) }
}

fn text(text: &str) -> String {
    printable(text).replace('\n', " ").chars().take(TEXT_CHARS).collect()
}

/// Whether it is a name of a plugin, setting, secret or folder.
pub(super) fn is_word(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    (1..=60).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('-')
}
