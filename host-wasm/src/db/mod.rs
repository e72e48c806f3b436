//! A database open in this page, worker or process.
//!
//! What it keeps true: a write that returned is durable and visible to every later read; a read sees one commit and nothing
//! after it; nothing is borrowed while the medium works, so calls go on side by side.
mod commit;
mod copy;
mod maintenance;
mod open;
mod options;
mod read;
pub(crate) mod verify;

pub(crate) use copy::CopyPart;
pub(crate) use options::Options;

use crate::bytes::Bytes;
use crate::turn::Turn;
use chronicle_core::engine::{Aftermath, Effect, Engine, NameStep};
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::format::SLOT_LEN;
use chronicle_core::source::ByteRange;
use maintenance::Unfinished;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

/// What became of the commits that were prepared at one time: the error that took them back, if one did.
type Fate = Rc<OnceCell<Error>>;

pub(crate) struct Db {
    pub(crate) engine: RefCell<Engine>,
    pub(crate) bytes: Bytes,
    pub(crate) options: Options,
    /// What recovery cut off, for people.
    pub(crate) torn: Option<String>,
    committing: Turn,
    maintaining: Turn,
    unfinished: RefCell<Unfinished>,
    fate: RefCell<Fate>,
    /// Set when a write failed in a way that leaves the medium uncertain.
    poison: OnceCell<Error>,
    closed: Cell<bool>,
}

impl Db {
    pub(crate) fn new(engine: Engine, bytes: Bytes, options: Options, torn: Option<String>) -> Self {
        Self {
            engine: RefCell::new(engine),
            bytes,
            options,
            torn,
            committing: Turn::default(),
            maintaining: Turn::default(),
            unfinished: RefCell::default(),
            fate: RefCell::default(),
            poison: OnceCell::new(),
            closed: Cell::new(false),
        }
    }

    /// Makes a call of the engine that may need names of series, which are read from the medium.
    pub(crate) async fn with_names<T>(
        &self,
        mut call: impl FnMut(&mut Engine) -> Result<NameStep<T>>,
    ) -> Result<T> {
        self.bytes.run_one(|source| self.engine.borrow_mut().with_names(source, &mut call)).await
    }

    /// Refuses what writes on a database that is read-only, closed, or whose medium failed.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.options.read_only {
            return Err(Error::new(ErrorKind::ReadOnly, "the database is open for reading only"));
        }
        if self.closed.get() {
            return Err(Error::invalid("the database is closed"));
        }
        match self.poison.get() {
            Some(error) => Err(Error::new(
                ErrorKind::Poisoned,
                format!(
                    "an earlier write failed ({error}); what was acknowledged is safe: reopen the database"
                ),
            )),
            None => Ok(()),
        }
    }

    /// A medium without room can be tried again; after anything else the writer must stop.
    fn classify(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Full {
            // The first reason is the one that is told.
            let _ = self.poison.set(error.clone());
        }
        error
    }

    /// Performs effects in order; when it returns they are durable.
    pub(crate) async fn perform(&self, effects: &[Effect]) -> Result<()> {
        for effect in effects {
            match effect {
                Effect::WriteData { offset, bytes } => {
                    self.bytes.forget(ByteRange::new(*offset, bytes.len() as u64))?;
                }
                Effect::WriteSlot { slot, bytes } => {
                    let offset = u64::from(*slot) * SLOT_LEN as u64;
                    self.bytes.forget(ByteRange::new(offset, bytes.len() as u64))?;
                }
                _ => {}
            }
        }
        self.bytes.medium.perform(effects).await
    }

    /// What follows a checkpoint. Nothing depends on it, so a failure is passed over: the next checkpoint tries again.
    async fn tidy(&self, aftermath: &Aftermath) {
        let _ = self.perform(&aftermath.effects).await;
    }

    /// Ends writing: everything is sealed where that makes the next opening quicker.
    pub(crate) async fn close(&self) -> Result<()> {
        if self.closed.get() {
            return Ok(());
        }
        let sealed = match self.check_writable() {
            Ok(()) if self.engine.borrow().gauges().replay_bytes > CLOSE_CHECKPOINT_BYTES => {
                self.seal().await
            }
            _ => Ok(()),
        };
        self.closed.set(true);
        // Without room nothing is lost: the log holds everything.
        sealed.or_else(|error| if error.kind() == ErrorKind::Full { Ok(()) } else { Err(error) })
    }
}

/// Log bytes above which closing makes a checkpoint.
const CLOSE_CHECKPOINT_BYTES: u64 = 256 << 10;
