//! Simulator: hosts the engine in memory, on a disk that keeps what is durable apart from what is only written.
//!
//! One thread, no clock, no randomness but a seed: a failure is a seed, and the seed is the failure. What it keeps true: an
//! effect is performed exactly once and in order; whatever a crash may leave by the documentation of
//! [`chronicle_core::engine::Effect`] is produced by [`SimDisk::tear`] and [`SimDisk::crash`]. It is not a model of any
//! one file system: it loses more than most do.
mod attach;
mod check;
mod clock;
mod cold;
mod crash;
mod db;
mod disk;
mod extents;
mod file;
mod rules;
mod view;
mod work;

pub use check::{Rows, digest_of, naive_rows, read_all, run_query};
pub use clock::Clock;
pub use cold::ColdStore;
pub use crash::{Crashes, check_image};
pub use db::{
    EPOCH, HOUR, LINEAGE, Observer, Promise, SimCompaction, SimDb, new_disk, open_engine, small_options,
};
pub use disk::{Needs, SimDisk};
pub use extents::{Extents, named_by_slot};
pub use file::{Loss, SimFile};
pub use view::{SimView, at_hand};
pub use work::{BASE_NS, Work};
