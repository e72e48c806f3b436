//! Chronicle for JavaScript: the same core as the native host, over memory, the page's storage, or backups that are read in
//! place.
//!
//! What crosses the border is small and flat: typed arrays for points, bytes for streams, JSON for options and reports. The
//! package's TypeScript (`ts/`) gives it the shape that users see, starts the worker and holds the locks; nobody else
//! calls this. It decides nothing about what is written or kept: that is the core's.
mod backup;
pub mod bindings;
mod bytes;
mod db;
mod error;
mod host;
mod lru;
mod medium;
mod turn;
