//! A store that answers ranges, and counts: what reading from afar costs.
use chronicle_core::error::Result;
use chronicle_core::source::{ByteRange, Source, Step};

/// A remote file, and what was fetched of it.
pub struct ColdStore<'a> {
    remote: &'a [u8],
    fetched: Vec<(ByteRange, Vec<u8>)>,
    /// Ranges of each round, fetched side by side.
    pub rounds: Vec<Vec<ByteRange>>,
}

impl<'a> ColdStore<'a> {
    /// Nothing is fetched yet.
    pub fn new(remote: &'a [u8]) -> Self {
        Self { remote, fetched: Vec::new(), rounds: Vec::new() }
    }

    /// One round.
    pub fn fetch(&mut self, ranges: Vec<ByteRange>) {
        for range in &ranges {
            let bytes = &self.remote[range.offset as usize..range.end() as usize];
            self.fetched.push((*range, bytes.to_vec()));
        }
        self.rounds.push(ranges);
    }

    /// Bytes fetched in all rounds.
    pub fn bytes(&self) -> u64 {
        self.rounds.iter().flatten().map(|range| range.len).sum()
    }

    /// Steps until there is something, fetching what is missing.
    pub fn drive<T>(&mut self, mut step: impl FnMut(&mut Self) -> Result<Step<T>>) -> Result<Option<T>> {
        loop {
            match step(self)? {
                Step::Ready(item) => return Ok(Some(item)),
                Step::Missing(ranges) => self.fetch(ranges),
                Step::Done => return Ok(None),
            }
        }
    }
}

impl Source for ColdStore<'_> {
    fn read(&mut self, range: ByteRange) -> Result<Option<&[u8]>> {
        let holds =
            |(have, _): &&(ByteRange, Vec<u8>)| have.offset <= range.offset && range.end() <= have.end();
        Ok(self.fetched.iter().find(holds).map(|(have, bytes)| {
            let start = (range.offset - have.offset) as usize;
            &bytes[start..start + range.len as usize]
        }))
    }
}
