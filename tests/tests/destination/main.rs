//! Destinations: the suite passes where it should and fails where it must, and a folder keeps the contract when it is killed,
//! full, read-only, or not what it seems.
#![cfg(target_os = "linux")]
mod command;
mod crash;
mod folder;
mod lies;
mod places;
mod power;
