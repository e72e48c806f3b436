//! A repository in memory, and what jobs do with it, step by step as hosts will.
mod bytes;
mod deltas;
pub(super) mod repo;
