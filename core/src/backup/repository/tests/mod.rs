//! A repository in memory, and what jobs do with it, step by step as hosts will.
mod bytes;
mod deltas;
mod encrypted;
mod look_back;
mod moments;
mod oracle;
mod protocol;
mod prune;
pub(super) mod repo;
