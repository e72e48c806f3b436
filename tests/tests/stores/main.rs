//! Object stores: the contract on real servers, what is refused, what answers that lie come to, and backups from the program.
#![cfg(target_os = "linux")]
mod budget;
mod contract;
mod every;
mod gcs;
mod hostile;
mod lost;
mod mend;
mod place;
mod scenario;
mod uploads;
mod write_only;
