//! Object stores: the contract on real servers, what is refused, what answers that lie come to, and backups from the program.
#![cfg(target_os = "linux")]
mod contract;
mod gcs;
mod hostile;
mod lost;
mod place;
mod scenario;
mod uploads;
