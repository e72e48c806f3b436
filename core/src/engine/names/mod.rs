//! Names: reading the series of some metrics from the dictionary runs, when a call needs them.
//!
//! Nothing of the dictionary runs is read at opening. A call that needs names of a metric that is not in memory answers
//! [`NameStep::Load`]; the host steps the [`NameLoad`] beside the engine, hands it to [`Engine::install_names`], and calls
//! again. Of each run only the blocks that hold the metrics are read; metrics that lie in those blocks whole come along,
//! so a million small metrics are not read one by one.
mod run;
mod tables;

pub(super) use run::Run;

use super::{Engine, Pin};
use crate::error::{At, Result};
use crate::head::{NameHasher, TableBuilder};
use crate::ids::Hash;
use crate::segment::read_dictionary_block;
use crate::source::{ByteRange, Source, Step};
use alloc::sync::Arc;
use alloc::vec::Vec;
use tables::Tables;

/// What came of a call that needs names of series.
#[derive(Debug)]
#[must_use = "a load has to be stepped and installed, and the call made again"]
pub enum NameStep<T> {
    /// The answer.
    Ready(T),
    /// Nothing happened yet: step this until it is ready, install it, call again.
    Load(NameLoad),
}

impl<T> NameStep<T> {
    /// The same with another answer.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> NameStep<U> {
        match self {
            Self::Ready(answer) => NameStep::Ready(with(answer)),
            Self::Load(load) => NameStep::Load(load),
        }
    }
}

/// Names of some metrics on their way into memory.
#[derive(Debug)]
pub struct NameLoad {
    /// Numbers of the metrics, ascending.
    metrics: Vec<u32>,
    runs: Vec<Run>,
    hasher: NameHasher,
    tables: Option<Vec<(u32, TableBuilder)>>,
    #[expect(dead_code, reason = "keeps the runs' extents from being reused")]
    pin: Pin,
}

impl Engine {
    /// A load of these metrics; `None` when all of them are in memory.
    pub(super) fn load_of(&mut self, metrics: impl IntoIterator<Item = u32>) -> Option<NameLoad> {
        let mut metrics: Vec<u32> =
            metrics.into_iter().filter(|&metric| !self.dictionary.is_loaded(metric)).collect();
        metrics.sort_unstable();
        metrics.dedup();
        metrics.first()?;
        let mut runs: Vec<Run> = self
            .catalog
            .dictionary_runs()
            .map(|entry| {
                let known = self.run_indexes.iter().find(|(identity, _)| *identity == entry.summary.identity);
                Run { entry: *entry, index: known.map(|(_, index)| Arc::clone(index)), blocks: Vec::new() }
            })
            .collect();
        // Runs define series in order of appearance: later runs continue the ordinals of earlier ones.
        runs.sort_unstable_by_key(|run| run.entry.summary.lsn_min);
        Some(NameLoad { metrics, runs, hasher: self.dictionary.hasher(), tables: None, pin: self.pin() })
    }

    /// What has to be loaded before every series can be named; `None` when all are in memory.
    pub fn load_all_names(&mut self) -> Option<NameLoad> {
        self.load_of(self.dictionary.metric_numbers())
    }

    /// Takes the names that a load has read. Loads may overlap each other: what is in memory already is passed over.
    pub fn install_names(&mut self, load: NameLoad) -> Result<()> {
        let tables = load.tables.ok_or_else(|| Self::broken("names were not loaded"))?;
        let runs = self.catalog.dictionary_runs();
        let live = |identity: &Hash| runs.clone().any(|entry| entry.summary.identity == *identity);
        let mut indexes = core::mem::take(&mut self.run_indexes);
        for run in load.runs {
            if let Some(index) = run.index
                && indexes.iter().all(|(identity, _)| *identity != run.entry.summary.identity)
            {
                indexes.push((run.entry.summary.identity, index));
            }
        }
        indexes.retain(|(identity, _)| live(identity));
        self.run_indexes = indexes;
        tables.into_iter().try_for_each(|(metric, table)| self.dictionary.install(metric, table))
    }

    /// For a host without threads: makes a call that needs names, and loads from `source` what it asks for. `Missing` tells
    /// which ranges to fetch before all of it is called again.
    pub fn with_names<T>(
        &mut self,
        source: &mut dyn Source,
        mut call: impl FnMut(&mut Self) -> Result<NameStep<T>>,
    ) -> Result<Step<T>> {
        loop {
            match call(self)? {
                NameStep::Ready(answer) => return Ok(Step::Ready(answer)),
                NameStep::Load(mut load) => match load.step(source)? {
                    Step::Missing(ranges) => return Ok(Step::Missing(ranges)),
                    Step::Ready(()) | Step::Done => self.install_names(load)?,
                },
            }
        }
    }

    /// Series whose names are in memory, and the bytes that these and the names of all metrics take.
    pub fn names_in_memory(&self) -> (u64, u64) {
        self.dictionary.memory()
    }
}

impl NameLoad {
    /// Extents of the dictionary runs that it may ask for.
    pub fn extents(&self) -> Vec<ByteRange> {
        self.runs.iter().map(|run| run.entry.extent()).collect()
    }

    /// Reads on: indexes of runs, then blocks; at most two rounds of missing ranges. Install it when it is ready.
    pub fn step(&mut self, source: &mut dyn Source) -> Result<Step<()>> {
        if self.tables.is_some() {
            return Ok(Step::Ready(()));
        }
        let mut missing = Vec::new();
        for run in self.runs.iter_mut().filter(|run| self.metrics.iter().any(|&metric| run.may_hold(metric)))
        {
            missing.extend(run.load_index(source)?);
        }
        if !missing.is_empty() {
            return Ok(Step::Missing(missing));
        }
        for run in &mut self.runs {
            run.choose_blocks(&self.metrics);
            missing.extend(run.missing_blocks(source)?);
        }
        if !missing.is_empty() {
            missing.dedup();
            return Ok(Step::Missing(missing));
        }
        let mut tables = Tables::new(self.hasher.clone());
        for run in &self.runs {
            let place = || run.place();
            for &block in &run.blocks {
                self.take_block(run, block, &mut tables, source).at(place)?;
            }
        }
        self.tables = Some(tables.finish(&self.metrics));
        Ok(Step::Ready(()))
    }

    fn take_block(
        &self,
        run: &Run,
        block: usize,
        tables: &mut Tables,
        source: &mut dyn Source,
    ) -> Result<()> {
        let Some(meta) = run.meta(block) else { return Ok(()) };
        let Ok(bytes) = run.read(source, meta.offset, u64::from(meta.len))? else {
            return Err(Engine::broken("a block of the dictionary is gone"));
        };
        let mut decided: Option<(u32, bool)> = None;
        tables.begin_block();
        read_dictionary_block(bytes, &meta, |id, strings, tags| {
            let metric = id.metric();
            let taken = match decided.filter(|&(decided, _)| decided == metric) {
                Some((_, taken)) => taken,
                None => decided.insert((metric, self.takes(metric))).1,
            };
            if taken { tables.take(id, strings, tags) } else { Ok(()) }
        })
    }

    /// True for the metrics that were asked for, and for those of which every run's blocks are read anyway.
    fn takes(&self, metric: u32) -> bool {
        self.metrics.binary_search(&metric).is_ok() || self.runs.iter().all(|run| run.is_read_whole(metric))
    }
}
