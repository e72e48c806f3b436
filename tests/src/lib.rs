//! What tests and benches of Chronicle share.
pub mod allocation;
pub mod fuzzing;
pub mod oracle;
pub mod simulator;
pub mod measure;
pub mod workload;
