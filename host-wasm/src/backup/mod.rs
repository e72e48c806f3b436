//! Backups where they lie: over HTTP, or in files that a user picked. What is to be read is the core's plan.
mod history;
mod in_place;
mod objects;
mod restore;
mod verify;

pub(crate) use history::History;
pub(crate) use in_place::{InPlace, folder, open};
pub(crate) use objects::{ObjectStore, Objects};
pub(crate) use restore::{Source, restore};
pub(crate) use verify::verify;
