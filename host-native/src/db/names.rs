//! Names: loading the series of metrics when a call of the engine needs them.
use super::shared::{EngineCell, Shared, lock};
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::engine::{Engine, NameLoad, NameStep, ReadView, Selector};
use chronicle_core::model::TimeRange;
use chronicle_core::source::Step;

impl Shared {
    /// Makes a call of the engine that needs names. Those that are not in memory are read without any lock, and the call is
    /// made again.
    pub(crate) fn with_names<T>(
        &self,
        mut call: impl FnMut(&mut Engine) -> Result<NameStep<T>>,
    ) -> Result<T> {
        self.with_names_in_cell(|cell| call(&mut cell.engine))
    }

    /// [`Shared::with_names`] for a call that needs what else is under the engine's lock.
    pub(super) fn with_names_in_cell<T>(
        &self,
        mut call: impl FnMut(&mut EngineCell) -> Result<NameStep<T>>,
    ) -> Result<T> {
        loop {
            let step = call(&mut lock(&self.engine))?;
            match step {
                NameStep::Ready(answer) => return Ok(answer),
                NameStep::Load(load) => self.load_names(load)?,
            }
        }
    }

    /// A view of what a selector selects.
    pub(crate) fn view(&self, selector: &Selector, range: TimeRange) -> Result<ReadView> {
        self.with_names(|engine| engine.view(selector, range))
    }

    /// Loads the names of all series, for [`Engine::series_key`].
    pub(crate) fn load_all_names(&self) -> Result<()> {
        self.with_names(|engine| Ok(engine.load_all_names().map_or(NameStep::Ready(()), NameStep::Load)))
    }

    fn load_names(&self, mut load: NameLoad) -> Result<()> {
        let mut source = self.source(load.extents());
        match load.step(&mut source)? {
            Step::Ready(()) => lock(&self.engine).engine.install_names(load),
            Step::Missing(_) | Step::Done => {
                Err(Error::new(ErrorKind::Io, "a mapped dictionary run is not there").at(self.name()))
            }
        }
    }
}
