//! What tests and benches of Chronicle share.
pub mod measure;
pub mod oracle;
pub mod simulator;
pub mod workload;
