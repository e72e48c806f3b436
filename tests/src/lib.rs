//! What tests and benches of Chronicle share.
pub mod workload;
