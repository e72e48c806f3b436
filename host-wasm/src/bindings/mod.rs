//! Bindings: what JavaScript can call. Each thing that takes time answers a promise; each that is long is stepped.
pub mod backup;
mod cursor;
pub mod database;
mod export;
mod import;
mod json;
mod query;
mod series;
