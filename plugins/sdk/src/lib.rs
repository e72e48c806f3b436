//! Write a destination of Chronicle backups as a WASM component: implement [`Plugin`], [`Writer`] and [`Reader`], and name the
//! type in [`export!`]. `plugins/README.md` goes from nothing to a tested plugin.
//!
//! What this crate keeps true: a plugin sees only the types here, never the generated bindings; a writer that was not
//! finished is aborted when it is dropped. A panic is written to stderr, which the host keeps and shows.
mod adapter;
#[cfg(feature = "http")]
pub mod http;
mod model;
pub mod tree;

pub use adapter::Adapter;
pub use model::{
    Capabilities, Description, Error, ErrorKind, Folder, Leftover, ObjectMeta, Page, PutMode, PutOptions,
    Result, SecretWish, Setting, SettingKind, Settings, Wishes,
};

/// Generated from `plugins/wit`; named by [`export!`] only.
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit/0.1.0",
        world: "destination-plugin",
        pub_export_macro: true,
        default_bindings_module: "chronicle_plugin::bindings",
    });
}

/// A destination: whole objects under names. Calls come one at a time; state lies behind a `RefCell` where it changes.
pub trait Plugin: Sized + 'static {
    /// An object that is being written.
    type Writer: Writer;
    /// An object that is being read.
    type Reader: Reader;

    /// What it is and what it asks for. Called without any grant: gives the same each time and touches nothing.
    fn describe() -> Description;

    /// Opens the destination with the operator's settings. Makes no request.
    fn open(settings: &Settings) -> Result<Self>;

    /// What the store can do. Chronicle tries it before it relies on it.
    fn capabilities(&self) -> Capabilities;

    /// The length of an object; [`ErrorKind::NotFound`] when there is none.
    fn stat(&self, name: &str) -> Result<ObjectMeta>;

    /// At most `limit` objects whose names start with `prefix` (empty, or ending with a slash), in the order of the bytes of
    /// their names, behind `cursor`, which is [`Page::next`] of the page before.
    fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> Result<Page>;

    /// Deletes an object, durably. Fine when it is gone already.
    fn delete(&self, name: &str) -> Result<()>;

    /// Starts an object, which nobody sees until [`Writer::finish`].
    fn put(&self, name: &str, options: PutOptions) -> Result<Self::Writer>;

    /// Starts reading at `offset`; to the end without `len`. An offset behind the end reads nothing.
    fn get(&self, name: &str, offset: u64, len: Option<u64>) -> Result<Self::Reader>;

    /// What interrupted puts left of objects under `prefix`. None, where a put that is cut off leaves nothing.
    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>> {
        let _ = prefix;
        Ok(Vec::new())
    }

    /// Removes one of [`leftovers`](Self::leftovers).
    fn remove_leftover(&self, id: &str) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, format!("there is no leftover {id}")))
    }
}

/// An object that is being written. Dropping it aborts.
pub trait Writer: 'static {
    /// Takes the next bytes.
    fn write(&mut self, chunk: &[u8]) -> Result<()>;

    /// Makes the object visible in one step, and durable. With [`PutMode::CreateOnly`], [`ErrorKind::AlreadyExists`]
    /// when one is there: exactly one of several creators wins.
    fn finish(&mut self) -> Result<ObjectMeta>;

    /// Removes what was written; called at most once, and not after `finish` succeeded.
    fn abort(&mut self);
}

/// An object that is being read, in one version.
pub trait Reader: 'static {
    /// The length of the whole object, bytes.
    fn size(&self) -> u64;

    /// At most `max` bytes; none at the end of the range only.
    fn read(&mut self, max: usize) -> Result<Vec<u8>>;
}

/// How much a message matters.
pub use bindings::chronicle::backup::host::Level;

/// Writes a line to the operator's log. Never a secret.
pub fn log(level: Level, message: &str) {
    bindings::chronicle::backup::host::log(level, message);
}

/// A secret that the plugin asked for and the operator granted.
pub fn secret(name: &str) -> Option<String> {
    bindings::chronicle::backup::host::secret(name)
}

/// Makes a type that implements [`Plugin`] the plugin of this component.
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        type ChronicleExportedPlugin = $crate::Adapter<$plugin>;
        $crate::bindings::export!(ChronicleExportedPlugin with_types_in $crate::bindings);
    };
}
