//! What tests and benches of Chronicle share.
pub mod measure;
pub mod workload;
