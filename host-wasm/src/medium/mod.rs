//! Medium: where a database has its bytes: in memory, in the page's storage, or in the objects of a backup.
//!
//! It performs the engine's effects in order and answers reads of ranges. A storage of the page applies a group of effects
//! as a whole and answers when they are durable, so every sync is done when its group is.
mod memory;
mod stored;

pub(crate) use memory::Memory;
pub(crate) use stored::{Storage, Stored, bytes_of};

use crate::backup::InPlace;
use chronicle_core::engine::Effect;
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::ids::{Generation, Lsn};
use chronicle_core::source::ByteRange;

/// What lies on a medium when it is opened.
pub(crate) struct Layout {
    /// Bytes of `data.db`; 0 when there is none.
    pub(crate) len: u64,
    /// First LSN and length of each log file, ascending.
    pub(crate) logs: Vec<(Lsn, u64)>,
}

pub(crate) enum Medium {
    Memory(Memory),
    Stored(Stored),
    InPlace(Box<InPlace>),
}

impl Medium {
    /// Bytes of `data.db`.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(memory) => memory.len(),
            Self::Stored(stored) => stored.len(),
            Self::InPlace(objects) => objects.len(),
        }
    }

    /// The pieces, each fetched and kept as a whole, that together hold `range`.
    pub(crate) fn units(&self, range: ByteRange) -> Result<Vec<ByteRange>> {
        match self {
            Self::Memory(_) => Ok(vec![range]),
            Self::Stored(stored) => Ok(stored.units(range)),
            Self::InPlace(objects) => objects.units(range),
        }
    }

    /// The bytes of units, side by side.
    pub(crate) async fn fetch(&self, units: &[ByteRange]) -> Result<Vec<Vec<u8>>> {
        match self {
            Self::Memory(memory) => units.iter().map(|unit| memory.read(*unit)).collect(),
            Self::Stored(stored) => stored.read(units).await,
            Self::InPlace(objects) => objects.fetch(units).await,
        }
    }

    pub(crate) async fn layout(&self) -> Result<Layout> {
        match self {
            Self::Memory(memory) => Ok(memory.layout()),
            Self::Stored(stored) => stored.layout().await,
            Self::InPlace(objects) => objects.layout(),
        }
    }

    /// A log file from `offset` to its end.
    pub(crate) async fn read_log(&self, first_lsn: Lsn, offset: u64) -> Result<Vec<u8>> {
        match self {
            Self::Memory(memory) => memory.read_log(first_lsn, offset),
            Self::Stored(stored) => stored.read_log(first_lsn, offset).await,
            Self::InPlace(objects) => objects.read_log(first_lsn, offset).await,
        }
    }

    /// Performs effects; when it returns they are durable. `Full`: the last group of them is undone.
    pub(crate) async fn perform(&self, effects: &[Effect]) -> Result<()> {
        match self {
            Self::Memory(memory) => effects.iter().try_for_each(|effect| memory.perform(effect)),
            Self::Stored(stored) => stored.perform(effects).await,
            Self::InPlace(_) => Err(Error::new(
                ErrorKind::ReadOnly,
                "this is a backup that is read in place; restore it first",
            )),
        }
    }

    /// Generations that other pages read right now.
    pub(crate) async fn pins(&self) -> Result<Vec<Generation>> {
        match self {
            Self::Stored(stored) => stored.pins().await,
            Self::Memory(_) | Self::InPlace(_) => Ok(Vec::new()),
        }
    }
}
