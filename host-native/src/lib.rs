//! Placeholder.
pub mod files;
