//! Finding what a repository holds, by as few requests as it takes: the newest number, the records, the frames of a log.
use super::objects::Objects;
use crate::backup::workers::{FETCHES_MAX, side_by_side};
use crate::error::{At, Error, Result};
use chronicle_core::backup::repository::{
    Entry, EntryKind, EntryRecord, LogObject, LogStream, Manifest, NewestSearch, PointNumber, SearchStep,
    TakeFrame, claim_name,
};
use chronicle_core::ids::Hash;

impl Objects {
    /// The newest claimed number.
    pub(super) fn newest(&self) -> Result<Option<PointNumber>> {
        self.newest_from(self.manifest().as_ref())
    }

    /// The same, looked for from where the manifest says.
    pub(super) fn newest_from(&self, manifest: Option<&Manifest>) -> Result<Option<PointNumber>> {
        let mut search = NewestSearch::new(manifest.map(|manifest| manifest.newest_number));
        loop {
            match search.next() {
                SearchStep::Found(newest) => return Ok(newest),
                SearchStep::Ask(number) => search.answer(self.is_claimed(number)?),
            }
        }
    }

    /// The record of a claimed number. Its claim is read only where there is none under the name that is likely, `guess` or
    /// that of a delta: a number has a record under one name.
    pub(super) fn record_of(
        &self,
        number: PointNumber,
        guess: Option<Entry>,
    ) -> Result<(Entry, Option<Result<EntryRecord>>)> {
        let usual = Entry::new(if number == 0 { EntryKind::Base } else { EntryKind::Delta }, number);
        let guess = guess.filter(|guess| guess.number == number).unwrap_or(usual);
        if let Some(record) = self.record(guess)? {
            return Ok((guess, Some(record)));
        }
        let entry = self.claimed(number)?;
        let record = if entry == guess { None } else { self.record(entry)? };
        Ok((entry, record))
    }

    /// The record of every claimed number, in order: a request for each, where most are deltas. Claims are not checked:
    /// [`Objects::entries`] does that.
    pub(super) fn records(&self) -> Result<Vec<(Entry, Option<Result<EntryRecord>>)>> {
        let numbers: Vec<PointNumber> = (0..self.newest()?.map_or(0, |newest| newest + 1)).collect();
        side_by_side(&numbers, FETCHES_MAX, |&number| self.record_of(number, None))
    }

    /// The entry that a number is claimed for.
    pub(super) fn claimed(&self, number: PointNumber) -> Result<Entry> {
        let claim = self.claim(number)?.ok_or_else(|| {
            Error::damaged("the claim is gone, though later numbers are claimed: put it back")
                .at(claim_name(number))
                .at(self.place())
        })?;
        Ok(claim.entry)
    }

    /// Every claimed number with its record, in order. A claim that can't be read is an error: what it names is not known.
    pub(super) fn entries(&self) -> Result<Vec<(Entry, Option<Result<EntryRecord>>)>> {
        let numbers = 0..self.newest()?.map_or(0, |newest| newest + 1);
        numbers
            .map(|number| {
                let entry = self.claimed(number)?;
                Ok((entry, self.record(entry)?))
            })
            .collect()
    }

    /// The frames of a log object, in order, which is checked to be what its record says; nothing is held of it. What `take` was
    /// given counts only when this returns without an error.
    pub(super) fn each_frame(
        &self,
        log: &LogObject,
        mut stream: LogStream,
        take: TakeFrame<'_>,
    ) -> Result<()> {
        let mut hasher = blake3::Hasher::new();
        while let Some(range) = stream.missing() {
            let bytes = self.range(log.name(), range.offset, range.len)?;
            hasher.update(&bytes);
            stream.push(&bytes, take).at(|| log.name()).at(|| self.place())?;
        }
        match Hash(*hasher.finalize().as_bytes()) == log.blake3 {
            true => stream.finish_object(log).at(|| log.name()).at(|| self.place()),
            false => Err(self.another_log(log)),
        }
    }
}
