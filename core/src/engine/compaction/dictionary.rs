//! The merge of dictionary runs into one, block by block: what is held is a block of each run, and the new run.
use crate::engine::Pin;
use crate::engine::names::Run;
use crate::error::{At, Error, Result};
use crate::format::SegmentEntry;
use crate::ids::{Lsn, SeriesId};
use crate::model::Tags;
use crate::segment::{BuiltSegment, DictionaryBuilder, decode_dictionary_block};
use crate::source::{Source, Step};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// A merge on its way: step it until the run is built, place and write that, then install it.
#[derive(Debug)]
pub struct DictionaryMerge {
    runs: Vec<Cursor>,
    builder: DictionaryBuilder,
    lsn_max: Lsn,
    #[expect(dead_code, reason = "keeps the runs' extents from being reused")]
    pin: Pin,
}

/// A run, and how far it is read.
#[derive(Debug)]
struct Cursor {
    run: Run,
    next_block: usize,
    definitions: VecDeque<(SeriesId, Tags)>,
}

impl DictionaryMerge {
    pub(super) fn new(inputs: Vec<SegmentEntry>, pin: Pin) -> Self {
        let lsn_max = inputs.iter().map(|run| run.summary.lsn_max).max().unwrap_or(1);
        let cursor = |entry| Cursor {
            run: Run { entry, index: None, blocks: Vec::new() },
            next_block: 0,
            definitions: VecDeque::new(),
        };
        let runs = inputs.into_iter().map(cursor).collect();
        Self { runs, builder: DictionaryBuilder::new(), lsn_max, pin }
    }

    /// The runs that it replaces.
    pub fn inputs(&self) -> impl Iterator<Item = SegmentEntry> {
        self.runs.iter().map(|cursor| cursor.run.entry)
    }

    /// Reads on; the merged run when it is complete.
    pub fn step(&mut self, source: &mut dyn Source) -> Result<Step<BuiltSegment>> {
        let mut missing = Vec::new();
        for cursor in &mut self.runs {
            missing.extend(cursor.run.load_index(source)?);
        }
        while missing.is_empty() {
            for cursor in self.runs.iter_mut().filter(|cursor| cursor.definitions.is_empty()) {
                missing.extend(cursor.read_block(source).at(|| cursor.run.place())?);
            }
            if !missing.is_empty() {
                break;
            }
            if !self.take_until_empty()? {
                let builder = core::mem::take(&mut self.builder);
                let built =
                    builder.finish().ok_or_else(|| Error::damaged("dictionary runs without a series"))?;
                return Ok(Step::Ready(built.of_commits(self.lsn_max)));
            }
        }
        Ok(Step::Missing(missing))
    }

    /// Moves definitions in order of number, until the next block of a run has to be read. False when there are none.
    fn take_until_empty(&mut self) -> Result<bool> {
        loop {
            let heads = self
                .runs
                .iter()
                .enumerate()
                .filter_map(|(at, cursor)| cursor.definitions.front().map(|(id, _)| (*id, at)));
            let Some((id, at)) = heads.min() else { return Ok(false) };
            let Some(cursor) = self.runs.get_mut(at) else { return Ok(false) };
            let Some((_, tags)) = cursor.definitions.pop_front() else { return Ok(false) };
            let mut emptied = cursor.is_behind();
            self.builder.push(id, tags.iter())?;
            // Two runs may define a series, if they say the same.
            for cursor in self
                .runs
                .iter_mut()
                .filter(|it| it.definitions.front().is_some_and(|(other, _)| *other == id))
            {
                if cursor.definitions.pop_front().is_some_and(|(_, other)| other != tags) {
                    return Err(Error::damaged(alloc::format!(
                        "two runs define series {} differently",
                        id.0
                    )));
                }
                emptied |= cursor.is_behind();
            }
            if emptied {
                return Ok(true);
            }
        }
    }
}

impl Cursor {
    /// True when its next block has to be read before anything else is taken.
    fn is_behind(&self) -> bool {
        self.definitions.is_empty() && self.run.meta(self.next_block).is_some()
    }

    /// Decodes the next block, if there is one; what is missing for that.
    fn read_block(&mut self, source: &mut dyn Source) -> Result<Option<crate::source::ByteRange>> {
        let Some(meta) = self.run.meta(self.next_block) else { return Ok(None) };
        let bytes = match self.run.read(source, meta.offset, u64::from(meta.len))? {
            Ok(bytes) => bytes,
            Err(missing) => return Ok(Some(missing)),
        };
        let definitions = &mut self.definitions;
        decode_dictionary_block(bytes, &meta, |id, tags| {
            definitions.push_back((id, Tags::new(tags.iter().copied())?));
            Ok(())
        })?;
        self.next_block += 1;
        Ok(None)
    }
}
