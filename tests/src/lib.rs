//! What tests and benches of Chronicle share.
pub mod allocation;
pub mod child;
pub mod document;
pub mod fuzzing;
pub mod hooks;
pub mod http;
pub mod ledger;
pub mod lying;
pub mod measure;
pub mod metered;
pub mod naive;
pub mod oracle;
pub mod outliving;
pub mod program;
pub mod proxy;
pub mod question;
#[cfg(unix)]
pub mod servers;
pub mod simulator;
pub mod soak;
#[cfg(unix)]
pub mod system;
pub mod workload;
