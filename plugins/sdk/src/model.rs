//! The types that a plugin is written with. They are the contract's words, without its generated names.
use crate::bindings::chronicle::backup::types;
pub use types::{ErrorKind, PutMode, SettingKind};

/// The result of everything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something failed: the kind is for the host, the message for people.
#[derive(Clone, Debug)]
pub struct Error {
    /// What the host decides by.
    pub kind: ErrorKind,
    /// What happened and what to do, without secrets.
    pub message: String,
    /// Of [`ErrorKind::Transient`]: how long the store asks to be left alone, milliseconds.
    pub retry_after_ms: Option<u32>,
    /// Of [`ErrorKind::InvalidConfig`]: the setting.
    pub field: Option<String>,
}

impl Error {
    /// An error of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after_ms: None, field: None }
    }

    /// A setting that makes no sense.
    pub fn config(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(ErrorKind::InvalidConfig, message) }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            Io::NotFound => ErrorKind::NotFound,
            Io::AlreadyExists => ErrorKind::AlreadyExists,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::Permission,
            Io::StorageFull | Io::QuotaExceeded => ErrorKind::Quota,
            Io::Interrupted | Io::TimedOut | Io::ConnectionReset => ErrorKind::Transient,
            Io::Unsupported => ErrorKind::Unsupported,
            _ => ErrorKind::Other,
        };
        Self::new(kind, error.to_string())
    }
}

/// What is known of an object without reading it.
#[derive(Clone, Debug)]
pub struct ObjectMeta {
    /// Its whole name.
    pub name: String,
    /// Its length, bytes.
    pub size: u64,
}

/// A part of a listing, in the order of the bytes of the names.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The objects.
    pub objects: Vec<ObjectMeta>,
    /// What asks for the next page; `None` when this is the last one.
    pub next: Option<String>,
}

/// What an interrupted put left.
#[derive(Clone, Debug)]
pub struct Leftover {
    /// What `remove_leftover` is called with.
    pub id: String,
    /// [`PutOptions::job`] of that put.
    pub job: String,
    /// Bytes that it holds.
    pub size: u64,
}

/// How an object is put.
#[derive(Clone, Debug)]
pub struct PutOptions {
    /// What happens when one of that name is there.
    pub mode: PutMode,
    /// Its length: exactly so many bytes are written.
    pub size: u64,
    /// Whose put it is: 32 hexadecimal digits.
    pub job: String,
}

/// What the store can do.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// Of several creators at once exactly one wins, also between machines.
    pub create_only: bool,
    /// An interrupted put can leave something.
    pub leftovers: bool,
    /// The longest object, bytes.
    pub max_object: Option<u64>,
    /// How many instances may work at once; at least one.
    pub max_instances: u16,
}

/// What a plugin is and asks for.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// Lower case, `a-z0-9-`.
    pub name: &'static str,
    /// Its own version.
    pub version: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What an operator may set.
    pub settings: Vec<Setting>,
    /// What it asks for.
    pub wishes: Wishes,
}

/// One setting that an operator may give.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: SettingKind,
    /// Whether it must be given.
    pub required: bool,
    /// One line.
    pub help: &'static str,
}

/// A folder that the plugin asks for, which it sees as `/<name>`.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Its name in the plugin.
    pub name: &'static str,
    /// Whether it writes there.
    pub writable: bool,
    /// Whether the plugin is of no use without it: then it is not opened.
    pub required: bool,
    /// What for: the operator reads it.
    pub why: &'static str,
}

/// A secret that the plugin asks for. Passwords of requests need none: the operator has the host send them.
#[derive(Clone, Debug)]
pub struct SecretWish {
    /// Its name.
    pub name: &'static str,
    /// Whether the plugin is of no use without it: then it is not opened.
    pub required: bool,
    /// What for: the operator reads it.
    pub why: &'static str,
}

/// What a plugin asks for. Nothing of it is there until it is granted.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Whether it sends requests.
    pub network: bool,
    /// Secrets.
    pub secrets: Vec<SecretWish>,
    /// Folders.
    pub folders: Vec<Folder>,
    /// Memory, MiB; 0 for the default of 64.
    pub memory_mib: u32,
}

/// The operator's settings. The host has checked names and kinds.
#[derive(Clone, Debug, Default)]
pub struct Settings(pub(crate) Vec<(String, String)>);

impl Settings {
    /// The value of a setting, if it was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
