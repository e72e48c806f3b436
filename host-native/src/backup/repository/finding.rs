//! Finding what a repository holds: the newest number, the records, the frames of a log.
use super::objects::{Objects, gone};
use crate::backup::workers::{FETCHES_MAX, side_by_side};
use crate::error::{At, Result};
use chronicle_core::backup::repository::{
    Claimed, Entry, EntryKind, LOG_WINDOW_BYTES, LogObject, LogStream, Manifest, NewestSearch, PointNumber,
    SearchStep, TakeFrame,
};
use chronicle_core::ids::{Hash, Lineage};
use chronicle_core::source::ByteRange;
use std::collections::BTreeMap;

impl Objects {
    /// The newest claimed number. `Damaged` where the claim behind it is gone and its record is there: a reader would take an
    /// older point for the newest, and a writer would take the number again.
    pub(super) fn newest(&self) -> Result<Option<PointNumber>> {
        self.newest_from(self.manifest().as_ref())
    }

    /// The same, looked for from where a manifest says.
    pub(super) fn newest_from(&self, manifest: Option<&Manifest>) -> Result<Option<PointNumber>> {
        loop {
            let newest = self.newest_claim_from(manifest)?;
            let next = newest.map_or(0, |newest| newest + 1);
            match self.recorded(next)? {
                None => return Ok(newest),
                // Somebody may have claimed and recorded it in between.
                Some(_) if self.is_claimed(next)? => {}
                Some(_) => return Err(gone(next).at(self.place())),
            }
        }
    }

    /// The newest claimed number, as far as claims tell.
    pub(super) fn newest_claim(&self) -> Result<Option<PointNumber>> {
        self.newest_claim_from(self.manifest().as_ref())
    }

    fn newest_claim_from(&self, manifest: Option<&Manifest>) -> Result<Option<PointNumber>> {
        let mut search = NewestSearch::new(manifest.map(|manifest| manifest.newest_number));
        loop {
            match search.next() {
                SearchStep::Found(newest) => return Ok(newest),
                SearchStep::Ask(number) => search.answer(self.is_claimed(number)?),
            }
        }
    }

    /// Every claimed number with its record, in order. Claims are read only where no record is found without them, and one that
    /// can't be read is an error then: what it names is not known. A record that must have been there and is gone is damage, as
    /// one is that can't be read.
    pub(super) fn entries(&self) -> Result<Vec<Claimed>> {
        let manifest = self.manifest();
        let newest = self.newest_from(manifest.as_ref())?;
        let likely: BTreeMap<PointNumber, Entry> = manifest
            .into_iter()
            .flat_map(|it| it.points)
            .map(|point| (point.entry.number, point.entry))
            .collect();
        let numbers: Vec<PointNumber> = (0..newest.map_or(0, |newest| newest + 1)).collect();
        let mut entries = side_by_side(&numbers, FETCHES_MAX, |number| {
            self.record_of(*number, likely.get(number).copied())
        })?;
        self.find_lost(&mut entries);
        Ok(entries)
    }

    /// The record of a claimed number. Its claim is read only where there is none under the name that is likely, `guess` or
    /// that of a delta: a number has a record under one name.
    pub(super) fn record_of(&self, number: PointNumber, guess: Option<Entry>) -> Result<Claimed> {
        let usual = Entry::new(if number == 0 { EntryKind::Base } else { EntryKind::Delta }, number);
        let guess = guess.filter(|guess| guess.number == number).unwrap_or(usual);
        if let Some(record) = self.record(guess)? {
            return Ok((guess, Some(record)));
        }
        let entry = self.claimed(number)?;
        let record = if entry == guess { None } else { self.record(entry)? };
        Ok((entry, record))
    }

    /// The entry that a number is claimed for.
    fn claimed(&self, number: PointNumber) -> Result<Entry> {
        let claim = self.claim(number)?;
        claim.map(|claim| claim.entry).ok_or_else(|| gone(number).at(self.place()))
    }

    /// A log object that is to be read: its length is that before it was encrypted.
    pub(super) fn log_stream(&self, lineage: Lineage, log: &LogObject) -> Result<LogStream> {
        Ok(LogStream::of(lineage, log, self.log_len(log)?))
    }

    /// Bytes of a log before it was encrypted.
    pub(super) fn log_len(&self, log: &LogObject) -> Result<u64> {
        match &self.opened {
            None => Ok(log.len),
            Some(opened) => {
                Ok(opened.object(self, log.name()).at(|| log.name()).at(|| self.place())?.plain_len())
            }
        }
    }

    /// A range of a log before it was encrypted; `stored` reads what is stored of it, wherever a copy lies.
    pub(super) fn log_range(
        &self,
        log: &LogObject,
        range: ByteRange,
        mut stored: impl FnMut(ByteRange) -> Result<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let Some(opened) = &self.opened else { return stored(range) };
        let open = opened.object(self, log.name()).at(|| self.place())?;
        open.read(range, &stored(open.stored(range)?)?).at(|| log.name()).at(|| self.place())
    }

    /// The frames of a log object, in order; nothing is held of it. It is checked to be what its record says by the hash, or,
    /// where it is encrypted, chunk by chunk by the key. What `take` was given counts only when this returns without an error.
    pub(super) fn each_frame(
        &self,
        log: &LogObject,
        mut stream: LogStream,
        take: TakeFrame<'_>,
    ) -> Result<()> {
        let (mut hasher, mut at, len) = (blake3::Hasher::new(), 0, self.log_len(log)?);
        let mut outcome = Ok(());
        while at < len {
            let range = ByteRange::new(at, LOG_WINDOW_BYTES.min(len - at));
            let bytes =
                self.log_range(log, range, |stored| self.range(log.name(), stored.offset, stored.len))?;
            hasher.update(&bytes);
            // Where a frame is wrong the rest is read too: whether it is the object that was sent is what there is to tell first.
            outcome = outcome.and_then(|()| stream.push(&bytes, take));
            at += range.len;
        }
        if !self.is_encrypted() && Hash(*hasher.finalize().as_bytes()) != log.blake3 {
            return Err(self.another_log(log));
        }
        outcome.and_then(|()| stream.finish_object(log)).at(|| log.name()).at(|| self.place())
    }
}
