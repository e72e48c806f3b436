//! Views of a simulated database, and the state that each must go on answering.
use super::disk::{Needs, SimDisk};
use crate::oracle::{Oracle, State};
use chronicle_core::engine::{Engine, ReadView, Selector};
use chronicle_core::error::Result;
use chronicle_core::model::TimeRange;
use chronicle_core::source::Step;
use std::rc::Rc;
use std::sync::Arc;

/// The answer of a step over bytes that are all in memory.
pub fn at_hand<T>(step: Result<Step<T>>) -> Result<T> {
    match step? {
        Step::Ready(answer) => Ok(answer),
        Step::Missing(ranges) => panic!("everything is in memory, yet {ranges:?} are missing"),
        Step::Done => panic!("a step had nothing to do"),
    }
}

/// A view, and what it must go on answering.
pub struct SimView {
    /// The view.
    pub view: Arc<ReadView>,
    /// What was visible when it was taken.
    pub state: Rc<State>,
    /// Keeps the disk watching over what it needs.
    #[expect(dead_code, reason = "held so that the disk guards the extents of the view")]
    guard: Rc<Needs>,
}

impl SimView {
    /// Takes a view, and has the disk watch over it.
    pub fn take(
        engine: &mut Engine,
        disk: &mut SimDisk,
        oracle: &mut Oracle,
        selector: &Selector,
        range: TimeRange,
    ) -> Result<Self> {
        let view = |engine: &mut Engine| engine.view(selector, range);
        let view = Arc::new(at_hand(engine.with_names(&mut disk.data.bytes(), view))?);
        let extents = engine.snapshot().segments().map(|entry| entry.extent()).collect();
        let guard = disk.guard(Needs { extents, logs: Vec::new() });
        let state = oracle.at(engine.position().lsn);
        Ok(Self { view, state, guard })
    }
}
