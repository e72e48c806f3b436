//! What tests and benches of Chronicle share.
pub mod allocation;
pub mod child;
pub mod counting;
pub mod fuzzing;
pub mod ledger;
pub mod lying;
pub mod measure;
pub mod naive;
pub mod oracle;
pub mod program;
pub mod question;
pub mod simulator;
#[cfg(unix)]
pub mod system;
pub mod workload;
