//! The native database against the real operating system: killed processes, full disks, failing syncs, power cuts,
//! lost and changed files.
//!
//! Everything here uses a real process and real files; the simulator covers far more crash states, of a simulated
//! medium. `CHRONICLE_FAULT_ROUNDS=<n>` multiplies the rounds of the random tests. A test that needs root or a
//! tool says `SKIPPED: <why>` where it lacks that.
#![cfg(target_os = "linux")]
mod clock;
mod full;
mod golden;
mod kill;
mod lost;
mod partial;
mod power;
mod reader;
mod refusal;
mod support;
mod sync;
