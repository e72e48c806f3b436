//! What touches the operating system's files, and nothing that decides.
//!
//! Every function here does one thing to one file or folder and says what happened: errors carry the path, the
//! operation, the system's words and a next step. What is written where, what is kept and what is deleted is
//! decided above (engine, backup plans). Durability is always spelled out by its name: a function that says
//! *durably* has synced the bytes and the folder before it returns; one that does not, has not.
//!
//! `unsafe` exists in [`map`] only.
#![deny(unsafe_code)]

pub mod atomic;
pub mod copy;
pub mod data_file;
pub mod lock;
pub mod log_file;
pub mod map;
pub mod os_error;
pub mod paths;
pub mod pin;
mod position;
pub mod regular_file;
pub mod room;
